"""One modality as users hold it, turned into a plain array or a ragged one, with its kind.

uint8 of 2 or 3 axes a sample is an image, strings are text, one axis a sample is tabular, two axes or ragged sequences
are a time series. A missing channel axis is added; nothing else about the numbers changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.dataset import Array
from mmcore.data.ragged import Ragged
from mmcore.data.spec import KINDS
from mmcore.errors import InputError, unknown_name

CHANNEL_COUNTS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Converted:
    """A modality ready to be stored: its array, its kind, and the rows for which nothing was given (N,) bool."""

    array: Array
    kind: str
    void: np.ndarray


def convert(value: Any, name: str, *, kind: str | None = None, times: Sequence | None = None) -> Converted:
    """Return the array of one modality, its kind, and which rows hold nothing.

    Args:
        value: (N, ...) array, DataFrame, Series, tensor, `Ragged`, or list of N numbers, texts or arrays.
        name: of the modality, for messages.
        kind: one of `KINDS`; None: from the array.
        times: list of N arrays (t_i, 2) where ragged.

    Raises:
        InputError: for values that are neither numbers nor text, or a shape that does not fit the kind.

    Example:
        >>> got = convert([[[1.0], [2.0]], None], "pulse")
        >>> got.kind, got.void.tolist()
        ('timeseries', [False, True])
    """
    if kind is not None and kind not in KINDS:
        raise unknown_name(f"kind of {name}", str(kind), KINDS)
    array, void = _plain(value, name, ragged=times is not None, times=times)
    if times is not None and (not isinstance(array, Ragged) or array.times is None):
        raise InputError(f"times of {name}", "times", "none for text or a Ragged array", "Leave out times.")
    if isinstance(array, Ragged):
        kind = kind or "timeseries"
        _check_numbers(array.values, name)
        return Converted(array, kind, array.lengths == 0)
    if array.dtype.kind != "U":
        _check_numbers(array, name)
    chosen = kind or _infer_kind(array, name)
    shaped = _with_axes(array, chosen, name)
    return Converted(shaped, chosen, void)


def _plain(value: Any, name: str, *, ragged: bool, times: Sequence | None) -> tuple[Array, np.ndarray]:
    """The array of `value` and which rows hold nothing."""
    if hasattr(value, "detach"):
        value = _from_tensor(value)
    if isinstance(value, pd.DataFrame):
        value = _from_frame(value, name)
    if isinstance(value, pd.Series):
        numeric = pd.api.types.is_numeric_dtype(value.dtype) and not isinstance(value.dtype, pd.CategoricalDtype)
        value = _from_frame(value.to_frame(), name)[:, 0] if numeric else value.astype(object).tolist()
    if isinstance(value, Ragged):
        return value, value.lengths == 0
    if isinstance(value, np.ndarray) and value.dtype.kind != "O" and not ragged:
        if value.ndim == 0:
            raise InputError(name, "a single value", "one row a sample", "Give an array with a row for each sample.")
        if value.dtype.kind == "U":
            return _from_texts(value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value, name)
        return value, np.zeros(len(value), dtype=bool)
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise InputError(name, type(value).__name__, "an array, a list, a DataFrame or a tensor", "Convert it first.")
    return _from_list(list(value), name, ragged=ragged, times=times)


def _from_tensor(tensor: Any) -> np.ndarray:
    """A torch tensor as numpy, without importing torch; bfloat16, which numpy lacks, as float32."""
    detached = tensor.detach().cpu()
    return detached.float().numpy() if str(detached.dtype) == "torch.bfloat16" else detached.numpy()


def _from_frame(frame: pd.DataFrame, name: str) -> np.ndarray:
    if frame.shape[1] == 1 and not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[0]):
        return frame.iloc[:, 0].astype(object).to_numpy()
    for column, dtype in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype):
            remedy = "Encode the column as numbers, or make it a text modality of its own."
            raise InputError(f"{name}, column '{column}'", dtype, "numbers", remedy)
    plain = all(isinstance(d, np.dtype) for d in frame.dtypes)
    return frame.to_numpy() if plain else frame.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def _from_texts(values: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Fixed-width unicode, and which texts are missing or empty."""
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise InputError(name, f"text of shape {values.shape}", "(N,)", "Join the texts of a row.")
    texts = []
    for row, value in enumerate(values):
        if not (isinstance(value, str) or _is_missing(value)):
            received = f"{type(value).__name__} in row {row}"
            raise InputError(name, received, "text or None", "Make every row text.")
        texts.append(value if isinstance(value, str) else "")
    for row, text in enumerate(texts):
        if text.endswith("\0"):
            raise InputError(name, f"a trailing NUL character in row {row}", "text", "Remove the NUL characters.")
    array = np.array(texts, dtype=str) if texts else np.zeros(0, dtype="U1")
    return array, array == ""


def _from_list(values: list, name: str, *, ragged: bool, times: Sequence | None) -> tuple[Array, np.ndarray]:
    given = [v for v in values if not _is_missing(v)]
    if any(isinstance(v, str) for v in given):
        return _from_texts(values, name)
    try:
        rows = [None if _is_missing(v) else _row(v) for v in values]
    except (ValueError, TypeError) as error:
        raise InputError(name, str(error), "numbers, text or arrays in each row", "Make each row one array.") from error
    present = [r for r in rows if r is not None]
    if present and all(r.ndim == 0 for r in present):
        dtype = np.result_type(*(r.dtype for r in present), *([np.float64] if len(present) < len(rows) else []))
        void = np.array([r is None for r in rows], dtype=bool)
        return np.array([np.nan if r is None else r for r in rows], dtype=dtype), void
    shapes = {r.shape for r in present}
    if len(shapes) == 1 and not ragged and 0 not in next(iter(shapes)):
        zero = np.zeros(next(iter(shapes)), dtype=present[0].dtype)
        stacked = np.stack([zero if r is None else r for r in rows])
        return stacked, np.array([r is None for r in rows], dtype=bool)
    try:
        array = Ragged.from_list([[] if r is None else r for r in rows], times)
    except InputError as error:
        raise InputError(f"{name}, {error.argument}", error.received, error.allowed, error.remedy) from error
    return array, array.lengths == 0


def _row(value: Any) -> np.ndarray:
    """One row as an array of its own; gaps in a row of Python objects become NaN."""
    row = _from_tensor(value) if hasattr(value, "detach") else np.asarray(value)
    return np.where(pd.isna(row), np.nan, row).astype(np.float64) if row.dtype == object else row


def _check_numbers(array: np.ndarray, name: str) -> None:
    if array.dtype.kind not in "biuf":
        remedy = "Convert it to numbers (floats, integers, booleans) or text."
        raise InputError(name, f"dtype {array.dtype}", "numbers or text", remedy)


def _infer_kind(array: np.ndarray, name: str) -> str:
    if array.dtype.kind == "U":
        return "text"
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return "image"
    if array.ndim <= 2:
        return "tabular"
    if array.ndim == 3:
        return "timeseries"
    if array.ndim == 4 and array.shape[3] in CHANNEL_COUNTS:
        return "image"
    remedy = f"Say what it is: kinds={{'{name}': ...}}."
    raise InputError(f"kind of {name}", f"shape {array.shape}", ", ".join(KINDS), remedy)


# Axes of one sample that a kind needs; a sample with one axis less gets a channel axis of length 1.
SAMPLE_AXES = {"image": 3, "audio": 2, "timeseries": 2, "tabular": 1}


def _with_axes(array: np.ndarray, kind: str, name: str) -> np.ndarray:
    """`array` with the channel axis its kind needs."""
    if (array.dtype.kind == "U") != (kind == "text") and (array.dtype.kind == "U" or array.ndim == 1):
        remedy = "Give text as strings of kind 'text', numbers as another kind."
        raise InputError(f"kind of {name}", f"'{kind}' for dtype {array.dtype}", "a kind that fits", remedy)
    if 0 in array.shape[1:]:
        raise InputError(name, f"shape {array.shape}", "at least one number a sample", "Leave the modality out.")
    if array.ndim == 1 and kind != "text":
        array = array[:, None]
    wanted = SAMPLE_AXES.get(kind)
    if wanted is not None and array.ndim == wanted:
        array = array[..., None]
    if wanted is not None and array.ndim != wanted + 1:
        allowed = f"{wanted} axes a sample for kind '{kind}'"
        raise InputError(name, f"shape {array.shape}", allowed, "Reshape it, or choose another kind.")
    if kind == "image" and array.shape[3] not in CHANNEL_COUNTS and array.shape[1] in CHANNEL_COUNTS:
        remedy = "Move the channels last: array.transpose(0, 2, 3, 1)."
        raise InputError(name, f"images of shape {array.shape[1:]}", "(height, width, channels)", remedy)
    return array
