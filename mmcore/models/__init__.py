"""Models by name: encoders, fusions and heads put together for one dataset's specification.

Importing this package is cheap: torch is imported when a model is built, saved, loaded or measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcore.models.registry import MODELS, ModelEntry, available_models, build_model

if TYPE_CHECKING:
    from mmcore.models.cost import count_flops, count_parameters
    from mmcore.models.standardisation import standardise_from
    from mmcore.models.storage import load_model, save_model

__all__ = [
    "MODELS",
    "ModelEntry",
    "available_models",
    "build_model",
    "count_flops",
    "count_parameters",
    "load_model",
    "save_model",
    "standardise_from",
]

# Names whose modules import torch, and where they are.
_NEEDS_TORCH = {
    "count_flops": "mmcore.models.cost",
    "count_parameters": "mmcore.models.cost",
    "standardise_from": "mmcore.models.standardisation",
    "load_model": "mmcore.models.storage",
    "save_model": "mmcore.models.storage",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        import importlib

        return getattr(importlib.import_module(_NEEDS_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
