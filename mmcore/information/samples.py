"""Rows as they come from a user, checked and brought into one form: float features, label codes, group codes.

Nothing is imputed, dropped or converted in silence: what cannot be used raises, with the row and the remedy.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Rows ready for an estimator: x1 (N, d1), x2 (N, d2), labels and groups as codes."""

    x1: Float
    x2: Float
    labels: Codes
    n_classes: int
    groups: Codes | None


def features(x: Any, argument: str) -> Float:
    """Return `x` as a float64 matrix (N, d), flattened; one column of names becomes indicator columns.

    Raises:
        InputError: for a scalar, no rows, non-finite numbers, a constant source, or what is no number.

    Example:
        >>> features(["a", "b", "a"], "x1").tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    array = np.asarray(x)
    if array.ndim == 0 or len(array) == 0:
        received = "a scalar" if array.ndim == 0 else "no rows"
        raise InputError(argument, received, "N rows of features", "Pass an array with one row a sample.")
    if array.dtype.kind in "USO" and array.ndim == 1 and all(isinstance(v, str) for v in array):
        names, member = np.unique(array.astype(str), return_inverse=True)
        matrix = np.eye(len(names))[member]
    else:
        try:
            matrix = array.reshape(len(array), -1).astype(np.float64)
        except (TypeError, ValueError) as error:
            allowed = "numbers, or one column of names"
            raise InputError(argument, f"dtype {array.dtype}", allowed, f"Convert it first ({error}).") from error
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        row, column = (int(k) for k in np.argwhere(wrong)[0])
        received = f"{int(wrong.sum())} non-finite values, the first in row {row}, column {column}"
        raise InputError(argument, received, "finite numbers", "Impute them, or leave those rows out.")
    if matrix.shape[1] == 0 or (matrix == matrix[0]).all():
        received = f"a constant source ({matrix.shape[1]} columns, {len(matrix)} equal rows)"
        raise InputError(argument, received, "at least two distinct rows", "Leave this source out: it tells nothing.")
    return matrix + 0.0  # turns -0.0 into 0.0, so that equal rows are equal bytes


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def codes(values: Any, argument: str, n_rows: int) -> tuple[Codes, int]:
    """Return integer codes 0..n-1 of `values` in sorted order, and n.

    Raises:
        InputError: for another length than `n_rows`, more than one column, or missing values.

    Example:
        >>> codes(["b", "a", "b"], "y", 3)
        (array([1, 0, 1]), 2)
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(argument, f"shape {array.shape}", "one value a row, shape (N,)", "Pass one column.")
    if len(array) != n_rows:
        raise InputError(argument, f"{len(array)} rows", f"{n_rows} rows, as x1 has", "Align the rows first.")
    missing = _missing(array)
    if missing.any():
        received = f"{int(missing.sum())} missing, the first in row {int(missing.argmax())}"
        raise InputError(argument, received, "a value in every row", "Leave out the rows without one.")
    if array.dtype.kind == "O":
        array = array.astype(str)
    names, member = np.unique(array, return_inverse=True)
    return member.astype(np.int64), len(names)


def check_samples(x1: Any, x2: Any, y: Any, groups: Any = None) -> Samples:
    """Return the rows in one form.

    Raises:
        InputError: see `features` and `codes`; also for sources of different lengths, one class, or as many classes as
            a continuous label has.
    """
    single = check_single(x1, y, groups)
    second = features(x2, "x2")
    if len(second) != len(single.x1):
        raise InputError("x2", f"{len(second)} rows", f"{len(single.x1)} rows, as x1 has", "Align the rows first.")
    return dataclasses.replace(single, x2=second)


def check_single(x1: Any, y: Any, groups: Any = None) -> Samples:
    """Return the rows of one source in one form; `x2` has no columns.

    Raises:
        InputError: as `check_samples`.

    Example:
        >>> check_single([[0.0], [1.0]], ["no", "yes"]).labels.tolist()
        [0, 1]
    """
    first = features(x1, "x1")
    labels, n_classes = codes(y, "y", len(first))
    if n_classes < 2:
        raise InputError("y", "one class", "at least two classes", "There is nothing to tell apart: check the labels.")
    if np.asarray(y).dtype.kind == "f" and n_classes > max(20, len(first) // 20):
        received = f"{n_classes} distinct numbers in {len(first)} rows"
        raise InputError("y", received, "class labels", "Bin a continuous label first, for example into quantiles.")
    unit = None if groups is None else codes(groups, "groups", len(first))[0]
    return Samples(first, np.empty((len(first), 0)), labels, n_classes, unit)
