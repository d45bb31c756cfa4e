"""Training on Lightning Fabric: fit a model, predict with it.

Importing this package is cheap: torch and Fabric are imported with the first name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmcore.training.devices import torch_threads
    from mmcore.training.fitting import FitResult, fit
    from mmcore.training.loop import NonFiniteLossError
    from mmcore.training.methods import (
        Method,
        available_methods,
        find_method,
        fitting_methods,
        method_names,
        train_method,
    )
    from mmcore.training.prediction import predict

__all__ = ["FitResult", "Method", "NonFiniteLossError", "available_methods", "find_method", "fit", "fitting_methods"]
__all__ += ["method_names", "predict", "torch_threads", "train_method"]

_MODULES = {
    "FitResult": "mmcore.training.fitting",
    "NonFiniteLossError": "mmcore.training.loop",
    "fit": "mmcore.training.fitting",
    "Method": "mmcore.training.methods",
    "find_method": "mmcore.training.methods",
    "fitting_methods": "mmcore.training.methods",
    "method_names": "mmcore.training.methods",
    "available_methods": "mmcore.training.methods",
    "train_method": "mmcore.training.methods",
    "predict": "mmcore.training.prediction",
    "torch_threads": "mmcore.training.devices",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib

        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
