"""Rows for the Gaussian estimator: numeric matrices, checked for what a covariance cannot bear.

A target of numbers is taken as it is, also with several columns. Two classes become 0 and 1: the decomposition is then
the linear one (what the best linear predictor leaves), not that of the class, and the diagnostics say so. More classes
have no order and are refused; so are 3 to 20 distinct integers, which are codes more often than numbers.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, counted
from mmcore.information.samples import TooFewRows, as_array, check_present, codes, features

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_MOST_CODES = 20
_COLLINEAR = 1e-8
_ROWS_PER_COLUMN = 2  # with fewer, most of the information found is that of the noise with itself


@dataclasses.dataclass(frozen=True)
class GaussianRows:
    """Standardised rows (N, d1 + d2 + dy), the columns of each block, group codes, and what to record."""

    values: Float
    sizes: tuple[int, int, int]
    groups: Codes | None
    notes: tuple[str, ...]


def target(y: Any) -> tuple[Float, tuple[str, ...]]:
    """Return the target as (N, dy) and notes about what was made of it.

    Raises:
        InputError: for more than two classes, integers that look like codes, one value only, or non-finite numbers.

    Example:
        >>> target(["no", "yes", "no"])[0].ravel().tolist()
        [0.0, 1.0, 0.0]
    """
    array = as_array(y, "y")
    if array.ndim == 1 and array.dtype.kind == "O":
        check_present(array, "y")
    notes: tuple[str, ...] = ()
    binary = "two classes taken as 0 and 1: a linear-Gaussian approximation, not the information of the class"
    if array.ndim == 1 and len(array) and (array.dtype.kind in "USb" or _names(array)):
        member, n = codes(array, "y", len(array))
        if n > 2:
            remedy = "Use method='clusters' or 'posteriors', which take classes."
            raise InputError("y", counted(n, "class"), "numbers, or two classes", remedy)
        array, notes = member, (binary,)
    elif array.ndim == 1 and len(array):
        distinct = len(np.unique(array))
        if array.dtype.kind in "iu" and 2 < distinct <= _MOST_CODES:
            remedy = "Pass y.astype(float) if they are numbers, else method='clusters'."
            raise InputError("y", f"integers with {distinct} distinct values", "numbers, or two classes", remedy)
        notes = (binary,) if distinct == 2 else ()
    if array.ndim and len(array) and (array == array[0]).all():
        raise InputError("y", "one value in all rows", "a target that varies", "There is nothing to tell apart.")
    return features(array, "y"), notes


def _names(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "O" and all(isinstance(value, (str, bool)) for value in array)


def _source(x: Any, argument: str) -> Float:
    """Return the features; of a column of names without the first indicator, which follows from the others."""
    array = as_array(x, argument)
    found = features(array, argument)
    names = array.dtype.kind in "UTSO" and array.size == len(array) and isinstance(array.flat[0], str | bytes)
    return found[:, 1:] if names and found.shape[1] > 1 else found


def _check_columns(values: Float, argument: str) -> None:
    """Raise where columns of one block are constant or follow linearly from others, naming them."""
    from scipy.linalg import qr

    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if constant.size:
        received = f"constant columns {_listed(constant)}"
        raise InputError(argument, received, "columns that vary", "Leave them out, or pass for example ridge=1e-3.")
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    triangle, order = qr(standard, mode="r", pivoting=True)
    size = abs(np.diag(triangle))
    dependent = np.sort(order[np.flatnonzero(size < _COLLINEAR * size[0])])
    if dependent.size:
        received = f"columns {_listed(dependent)} that follow linearly from the others"
        remedy = "Leave them out, or pass for example ridge=1e-3."
        raise InputError(argument, received, "linearly independent columns", remedy)


def _listed(columns: NDArray[Any]) -> str:
    few = ", ".join(str(int(k)) for k in columns[:8])
    return few if len(columns) <= 8 else f"{few} and {len(columns) - 8} more"


def _standardised(values: Float) -> Float:
    scale = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(np.ptp(values, axis=0) > 0, scale, 1.0))


def check_rows(x1: Any, x2: Any, y: Any, groups: Any, ridge: float) -> GaussianRows:
    """Return the rows in one form.

    Args:
        ridge: with zero, constant and collinear columns and too few rows are refused.

    Raises:
        InputError: see `target` and `samples.features`; also for different lengths, constant or collinear columns
            within a block.
        TooFewRows: for fewer than two rows a column.

    Example:
        >>> x = np.arange(8.0)
        >>> check_rows(x, np.stack([x**2, np.ones(8)], axis=1), x**3, None, 0.0)
        Traceback (most recent call last):
        mmcore.errors.InputError: x2: received constant columns 1; allowed: columns that vary. Leave them out, or pass \
for example ridge=1e-3.
    """
    first, second = _source(x1, "x1"), _source(x2, "x2")
    third, notes = target(y)
    for argument, block in (("x2", second), ("y", third)):
        if len(block) != len(first):
            received = counted(len(block), "row")
            raise InputError(argument, received, f"{len(first)} rows, as x1 has", "Align the rows first.")
    unit = None if groups is None else codes(groups, "groups", len(first))[0]
    sizes = (first.shape[1], second.shape[1], third.shape[1])
    n_columns = sum(sizes)
    least = max(n_columns + 2, _ROWS_PER_COLUMN * n_columns)
    if ridge == 0.0 and len(first) < least:
        received = f"{len(first)} rows for {' + '.join(map(str, sizes))} columns"
        remedy = (
            f"Collect at least {least} rows, reduce the columns (principal components), or pass for example ridge=1e-2."
        )
        raise TooFewRows("x1, x2, y", received, f"at least {_ROWS_PER_COLUMN} rows a column", remedy)
    if ridge == 0.0:
        for argument, block in (("x1", first), ("x2", second), ("y", third)):
            _check_columns(block, argument)
    blocks = [_standardised(block) for block in (first, second, third)]
    return GaussianRows(np.concatenate(blocks, axis=1), sizes, unit, notes)
