"""Read containers of tensors and arrays that `torch.save` wrote, without running any code that the file names.

`torch.load(weights_only=True)` admits tensors, numbers, strings and containers; lists saved beside tensors often hold
numpy arrays too, which it refuses. Here numpy's names are answered by the stand-ins of `mmcore.data.unpickle`, which
rebuild an array from its checked shape, dtype and bytes: numpy's own unpickling code, which trusts the file, never
runs, and anything else the file names is refused before it is looked up.

Reference: https://docs.pytorch.org/docs/stable/notes/serialization.html (weights_only security).
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data.unpickle import ADMITTED, _Array, _Dtype
from mmcore.errors import InputError

_MAX_DEPTH = 10
_BROKEN = (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, RuntimeError, OSError, ValueError, TypeError,
           AttributeError, LookupError, OverflowError, AssertionError)  # fmt: skip


def load_torch(path: Path, shown: str) -> Any:
    """Return what lies in the torch file at `path`: containers with every tensor as a numpy array.

    Args:
        path: the file.
        shown: what to call it in an error.

    Raises:
        InputError: where the file is truncated or broken, or names anything but tensors, arrays and containers.

    Example:
        >>> import tempfile, torch
        >>> path = Path(tempfile.mkdtemp()) / "a.pt"
        >>> torch.save([(torch.ones(2), np.arange(3), 7)], path)
        >>> load_torch(path, "a.pt")
        [(array([1., 1.], dtype=float32), array([0, 1, 2]), 7)]
    """
    import torch

    names: list[Any] = [(stand_in, f"{module}.{name}") for (module, name), stand_in in ADMITTED.items()]
    # torch asks whether the type of what BUILD fills is admitted; no honest file holds these two names itself
    names += [(kind, f"{kind.__module__}.{kind.__name__}") for kind in (_Array, _Dtype)]
    try:
        with torch.serialization.safe_globals(names):
            content = torch.load(path, map_location="cpu", weights_only=True)
        return _plain(content, 0)
    except InputError as error:
        raise InputError(error.argument, f"{error.received} in {shown}", error.allowed, error.remedy) from error
    except _BROKEN as error:
        # torch advises to admit the name or to load everything; that is no advice for a stranger's file
        asked = re.search(r"(?:GLOBAL) (\S+)", str(error))
        if asked is not None:
            remedy = "The file asks for code and was refused; nothing of it ran. Save tensors and numbers only."
            received = f"{shown}, which asks for {asked[1]}"
            raise InputError("path", received, "lists of tensors, arrays and numbers", remedy) from error
        cause = re.search(r"WeightsUnpickler error: ([^\n]*)", str(error))
        detail = cause[1].strip() if cause else "".join(str(error).strip().splitlines()[:1]) or type(error).__name__
        received = f"{shown}, which is broken or no torch file ({detail})"
        raise InputError("path", received, "a whole file of torch.save", "Copy the file again.") from error


def _plain(value: Any, depth: int) -> Any:
    """`value` with every tensor and stand-in as a numpy array or number."""
    import torch

    if depth > _MAX_DEPTH:
        raise InputError("path", f"more than {_MAX_DEPTH} nested containers", "lists of samples", "Save it flatter.")
    if isinstance(value, torch.Tensor):
        dense = value.detach()
        return (dense.float() if dense.dtype == torch.bfloat16 else dense).numpy()
    if isinstance(value, _Array):
        if value.value is None or value.value.dtype.hasobject:
            raise InputError("path", "an array of objects", "arrays of numbers or text", "Save numbers only.")
        return value.value
    if isinstance(value, list | tuple):
        return type(value)(_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        return value
    raise InputError("path", f"a {type(value).__name__}", "tensors, arrays, numbers, containers", "Save numbers only.")
