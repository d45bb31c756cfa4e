"""Rows as they come from a user, checked and brought into one form: float features, label codes, group codes.

    bin(y) = #{k : edge_k <= y},     edge_k = quantile k / bins of y        (a continuous label only)

A label of names, integers or integer-valued numbers is a class. One of other numbers with more than max(20, N / 20)
distinct values is continuous and is cut into `label_bins` quantiles; the edges stay in `Samples.label_edges`, so that
an estimator can say so. Nothing is imputed, dropped or converted in silence: what cannot be used raises, with the row
and the remedy.

Arrays of any real dtype and shape, lists, pandas and torch objects and memory maps are read; finite float64 rows are
not copied, anything else once. For data larger than memory see `discretise.accumulate`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, counted

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_LARGEST = 1e100
_MAX_NAMES = 4096  # indicator columns: beyond this it is raw text rather than a column of names


class TooFewRows(InputError):  # noqa: N818 - the name says what is wrong, as NotCertified does
    """An estimator refuses: too few rows for the alphabet, the classes or the features it was given."""


@dataclasses.dataclass(frozen=True)
class Samples:
    """Rows ready for an estimator: x1 (N, d1), x2 (N, d2), labels and groups as codes.

    `label_edges` holds the inner edges of the bins where the label was continuous, else None.
    """

    x1: Float
    x2: Float
    labels: Codes
    n_classes: int
    groups: Codes | None
    label_edges: tuple[float, ...] | None = None


def as_array(x: Any, argument: str) -> NDArray[Any]:
    """Return `x` as an array, without a copy where there is a way: lists, pandas, torch and sparse matrices too.

    Raises:
        InputError: for rows of different lengths, or what no array can hold.

    Example:
        >>> as_array([1, 2], "x1").dtype.kind
        'i'
    """
    if hasattr(x, "detach"):  # a torch tensor; numpy knows no bfloat16, which float32 holds exactly
        x = x.detach().cpu()
        x = x.float() if str(x.dtype) == "torch.bfloat16" else x
    if hasattr(x, "toarray"):  # a scipy sparse matrix: np.asarray would wrap it into a scalar
        x = x.toarray()
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        received = f"{int(np.ma.count_masked(x))} masked values"
        raise InputError(argument, received, "a value in every place", "Impute them, or leave those rows out.")
    try:
        return np.asarray(x)
    except (TypeError, ValueError) as error:
        allowed = "an array: all rows of one shape"
        raise InputError(argument, type(x).__name__, allowed, f"Reshape it ({error}).") from error


def _indicators(array: NDArray[Any], argument: str) -> Float:
    if len(array) == 1 or (array == array[0]).all():
        received = f"a constant source (1 column, {len(array)} equal rows)"
        raise InputError(argument, received, "at least two distinct rows", "Leave this source out: it tells nothing.")
    names, member = np.unique(array.astype(str), return_inverse=True)
    if len(names) > _MAX_NAMES:
        allowed = f"at most {_MAX_NAMES} names"
        raise InputError(argument, f"{len(names)} distinct names", allowed, "Turn raw text into vectors first.")
    return np.eye(len(names))[member]


def features(x: Any, argument: str) -> Float:
    """Return `x` as a float64 matrix (N, d), flattened; one column of names becomes indicator columns.

    Raises:
        InputError: for a scalar, no rows, non-finite numbers, a constant source, magnitudes beyond 1e100 or below
            1e-100, or what is no number.

    Example:
        >>> features(["a", "b", "a"], "x1").tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    array = as_array(x, argument)
    if array.ndim == 0 or len(array) == 0:
        received = "a scalar" if array.ndim == 0 else "no rows"
        raise InputError(argument, received, "N rows of features", "Pass an array with one row a sample.")
    if array.dtype.kind in "UTSO" and array.size == len(array) and all(isinstance(v, str | bytes) for v in array.flat):
        return _indicators(array.reshape(-1), argument)
    matrix = real_matrix(array, argument).astype(np.float64, copy=False)
    check_finite(matrix, argument)
    if matrix.shape[1] == 0 or ((matrix[-1] == matrix[0]).all() and (matrix == matrix[0]).all()):
        received = f"a constant source ({matrix.shape[1]} columns, {len(matrix)} equal rows)"
        raise InputError(argument, received, "at least two distinct rows", "Leave this source out: it tells nothing.")
    _check_range(matrix, argument)
    # equal rows must be equal bytes, and -0.0 is 0.0: only then is another copy needed
    return matrix + 0.0 if array.dtype.kind == "f" and (np.signbit(matrix) & (matrix == 0.0)).any() else matrix


def _check_range(matrix: Float, argument: str) -> None:
    """Raise where squares of a column, which every standard deviation takes, leave the range of float64."""
    size = np.maximum(matrix.max(axis=0), -matrix.min(axis=0))
    wrong = np.flatnonzero((size > _LARGEST) | ((size < 1.0 / _LARGEST) & (size > 0.0)))
    if wrong.size:
        received = f"magnitudes of {size[wrong[0]]:.3g} in column {int(wrong[0])}"
        allowed = f"zero, or {1.0 / _LARGEST:g} to {_LARGEST:g}"
        raise InputError(argument, received, allowed, "Give the column another unit: information has none.")


def real_matrix(array: NDArray[Any], argument: str) -> NDArray[Any]:
    """Return `array` (N, ...) flattened to (N, d); numbers keep their dtype, objects become float64.

    Raises:
        InputError: for names, dates, complex numbers, or objects that are no numbers.

    Example:
        >>> real_matrix(np.zeros((2, 3, 3), dtype=np.uint8), "x1").shape
        (2, 9)
    """
    flat = array.reshape(len(array), -1)
    if array.dtype.kind in "biuf":
        return flat
    allowed, error = "numbers, or one column of names", None
    if array.dtype.kind in "UTSO":
        try:
            return flat.astype(np.float64)
        except (TypeError, ValueError) as caught:
            error = caught
    remedy = f"Convert it first ({error})." if error else "Convert it to numbers first."
    raise InputError(argument, f"dtype {array.dtype}", allowed, remedy) from error


def check_finite(matrix: NDArray[Any], argument: str) -> None:
    """Raise where `matrix` (N, d) holds NaN or infinity.

    Raises:
        InputError: with the first such row and column.

    Example:
        >>> check_finite(np.array([[1.0, np.inf]]), "x1")
        Traceback (most recent call last):
        mmcore.errors.InputError: x1: received 1 non-finite values, the first in row 0, column 1; allowed: ...
    """
    if matrix.dtype.kind in "biu":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(matrix.sum()):  # a sum is finite only where all its terms are; no mask of the whole is made
            return
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        row, column = (int(k) for k in np.argwhere(wrong)[0])
        received = f"{int(wrong.sum())} non-finite values, the first in row {row}, column {column}"
        raise InputError(argument, received, "finite numbers", "Impute them, or leave those rows out.")


def check_number(name: str, value: Any, low: float, high: float, remedy: str) -> None:
    """Raise unless option `name` is a number between `low` and `high`, neither of them included.

    Raises:
        InputError: otherwise.

    Example:
        >>> check_number("level", "high", 0.0, 1.0, "Pass for example level=0.95.")
        Traceback (most recent call last):
        mmcore.errors.InputError: level: received high; allowed: a number between 0 and 1. Pass for example level=0.95.
    """
    wrong = isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating)
    if wrong or not low < value < high:
        positive = "a positive number" + (" of bits" if name == "tol" else "")
        allowed = positive if low == 0.0 and high == np.inf else f"a number between {low:g} and {high:g}"
        raise InputError(name, value, allowed, remedy)


def missing_values(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of `values` (N,) are NaN, None or another missing value.

    Example:
        >>> missing_values(np.array([0.5, np.nan])).tolist()
        [False, True]
    """
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        from pandas import isna  # knows every mark for missing: None, NaN, NaT and pandas.NA, which has no truth value

        return np.asarray(isna(values), dtype=bool)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    return np.zeros(len(values), dtype=bool)


def check_present(values: NDArray[Any], argument: str) -> None:
    """Raise where one of `values` (N,) is missing.

    Raises:
        InputError: with the first such row.

    Example:
        >>> check_present(np.array(["a", "b"]), "y")
    """
    missing = missing_values(values)
    if missing.any():
        received = f"{int(missing.sum())} missing, the first in row {int(missing.argmax())}"
        raise InputError(argument, received, "a value in every row", "Leave out the rows without one.")


def codes(values: Any, argument: str, n_rows: int, *, like: str = "x1") -> tuple[Codes, int]:
    """Return integer codes 0..n-1 of `values` in sorted order, and n; `like` names what has the `n_rows` rows.

    Raises:
        InputError: for another length than `n_rows`, more than one column, or missing values.

    Example:
        >>> codes(["b", "a", "b"], "y", 3)
        (array([1, 0, 1]), 2)
    """
    array = as_array(values, argument)
    if array.ndim != 1:
        raise InputError(argument, f"shape {array.shape}", "one value a row, shape (N,)", "Pass one column.")
    if len(array) != n_rows:
        raise InputError(argument, counted(len(array), "row"), f"{n_rows} rows, as {like} has", "Align the rows first.")
    check_present(array, argument)
    if array.dtype.kind == "O":
        array = array.astype(str)
    names, member = np.unique(array, return_inverse=True)
    return member.astype(np.int64), len(names)


def bin_edges(y: Any, bins: int) -> tuple[float, ...] | None:
    """Return the inner edges of `bins` quantiles of a continuous label (N,), or None where `y` holds classes.

    Continuous are finite numbers, not all of them integers, with more than max(20, N / 20) distinct values.

    Raises:
        InputError: for fewer than two bins, or an infinite label.

    Example:
        >>> bin_edges(np.linspace(0.0, 1.0, 101), 4)
        (0.25, 0.5, 0.75)
        >>> bin_edges([1.0, 2.0, 1.0], 4) is None
        True
    """
    if not isinstance(bins, int | np.integer) or bins < 2:
        raise InputError("label_bins", bins, "an integer >= 2", "Pass for example label_bins=4.")
    array = as_array(y, "y")
    if array.ndim != 1 or array.dtype.kind != "f" or missing_values(array).any():
        return None
    if np.isinf(array).any():
        received = f"{int(np.isinf(array).sum())} infinite, the first in row {int(np.isinf(array).argmax())}"
        raise InputError("y", received, "finite numbers", "Leave those rows out.")
    n_distinct = len(np.unique(array))
    if n_distinct <= max(20, len(array) // 20) or (array == np.rint(array)).all():
        return None
    inner = np.quantile(array.astype(np.float64), np.linspace(0.0, 1.0, bins + 1)[1:-1])
    return tuple(np.unique(inner).tolist())


def check_samples(x1: Any, x2: Any, y: Any, groups: Any = None, *, label_bins: int = 4) -> Samples:
    """Return the rows in one form.

    Args:
        label_bins: quantiles that a continuous label is cut into, see `bin_edges`.

    Raises:
        InputError: see `features`, `codes` and `bin_edges`; also for sources of different lengths, or one class.
    """
    single = check_single(x1, y, groups, label_bins=label_bins)
    second = features(x2, "x2")
    if len(second) != len(single.x1):
        raise InputError(
            "x2", counted(len(second), "row"), f"{len(single.x1)} rows, as x1 has", "Align the rows first."
        )
    return dataclasses.replace(single, x2=second)


def check_single(x1: Any, y: Any, groups: Any = None, *, label_bins: int = 4) -> Samples:
    """Return the rows of one source in one form; `x2` has no columns.

    Raises:
        InputError: as `check_samples`.

    Example:
        >>> check_single([[0.0], [1.0]], ["no", "yes"]).labels.tolist()
        [0, 1]
    """
    first = features(x1, "x1")
    edges = bin_edges(y, label_bins)
    if edges is None:
        labels, n_classes = codes(y, "y", len(first))
    else:
        labels, n_classes = codes(np.searchsorted(edges, as_array(y, "y"), side="right"), "y", len(first))
    if n_classes < 2:
        raise InputError("y", "one class", "at least two classes", "There is nothing to tell apart: check the labels.")
    unit = None if groups is None else codes(groups, "groups", len(first))[0]
    return Samples(first, np.empty((len(first), 0)), labels, n_classes, unit, edges)
