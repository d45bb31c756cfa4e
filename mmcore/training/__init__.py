"""Training on Lightning Fabric: fit a model, predict with it.

Importing this package is cheap: torch and Fabric are imported with the first name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmcore.training.devices import torch_threads
    from mmcore.training.fitting import FitResult, fit
    from mmcore.training.loop import NonFiniteLossError
    from mmcore.training.prediction import predict

__all__ = ["FitResult", "NonFiniteLossError", "fit", "predict", "torch_threads"]

_MODULES = {
    "FitResult": "mmcore.training.fitting",
    "NonFiniteLossError": "mmcore.training.loop",
    "fit": "mmcore.training.fitting",
    "predict": "mmcore.training.prediction",
    "torch_threads": "mmcore.training.devices",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib

        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
