"""Tables of probabilities as they come from a user, checked: numbers, none of them negative, a sum of one.

    |sum p - 1| <= 1e-9,    or 4 eps of the type that p came in where that is narrower than float64

A float32 table divided by its own sum is off one by about 1e-8, and no division in float32 changes that. Within the
tolerance the mass is made one by division; anything beyond is an error and stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.samples import as_array

Float = NDArray[np.float64]

MASS_TOLERANCE = 1e-9
_ROUNDINGS = 4.0  # of its own type: each entry is rounded once, their sum a few times


def numbers(p: Any, argument: str) -> tuple[Float, float]:
    """Return `p` as a float64 array of its own, and by how much its mass may differ from one.

    Raises:
        InputError: for what is not real numbers, among them text, dates and masked values.

    Example:
        >>> numbers(np.ones(1, dtype=np.float32), "p")
        (array([1.]), 4.76837158203125e-07)
    """
    given = p if type(p) is np.ndarray else as_array(p, argument)
    if given.dtype.kind in "cmMSUV":
        received = f"dtype {given.dtype}" if hasattr(p, "dtype") else type(p).__name__
        raise InputError(argument, received, "an array of real numbers", "Pass the probabilities as floats.")
    try:
        table = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(argument, type(p).__name__, "an array of numbers", f"Pass a dense array ({error}).") from error
    narrow = given.dtype.kind == "f" and given.dtype.itemsize < 8
    return table, _ROUNDINGS * float(np.finfo(given.dtype).eps) if narrow else MASS_TOLERANCE


def complaint(table: Float, argument: str, rank: int, axes: str, remedy: str) -> InputError:
    """Return what is wrong with a table that is none.

    Args:
        rank: number of axes that it should have; axes: what they are; remedy: for a table with others.

    Example:
        >>> complaint(np.ones((1, 1)), "p", 3, "(|X1|, |X2|, |Y|)", "Reshape the table.").received
        'rank 2 (1x1)'
    """
    shape = "x".join(map(str, table.shape)) or "a scalar"
    if table.ndim != rank:
        return InputError(argument, f"rank {table.ndim} ({shape})", f"rank {rank}: {axes}", remedy)
    if table.size == 0:
        return InputError(argument, f"an empty table ({shape})", "at least one symbol on each axis", "Count again.")
    if not np.isfinite(table).all():
        cell = tuple(int(k) for k in np.argwhere(~np.isfinite(table))[0])
        return InputError(argument, f"{table[cell]} at {cell}", "finite numbers", "Remove NaN and infinity.")
    if (table < 0).any():
        cell = tuple(int(k) for k in np.unravel_index(table.argmin(), table.shape))
        return InputError(argument, f"negative mass {table[cell]:.6g} at {cell}", "mass >= 0", "Correct this cell.")
    with np.errstate(over="ignore"):
        total = float(table.sum())
    received = f"mass {total:.10g} ({abs(total - 1.0):.4g} {'too much' if total > 1 else 'missing'})"
    division = f"Divide {argument} by {argument}.sum()." if 0 < total < np.inf else "Count again."
    return InputError(argument, received, "a sum of one", division)


def check_probabilities(p: Any, argument: str, rank: int, axes: str, remedy: str) -> Float:
    """Return `p` as a float64 table whose mass is exactly one up to rounding.

    Args:
        rank, axes, remedy: as in `complaint`.

    Raises:
        InputError: see `numbers` and `complaint`.

    Example:
        >>> check_probabilities([0.5, 0.5], "p", 1, "(|X|,)", "Flatten it.").tolist()
        [0.5, 0.5]
    """
    table, tolerance = numbers(p, argument)
    if table.ndim == rank and table.size:
        # NaN and infinity fail these comparisons too: a good table is through here.
        with np.errstate(over="ignore", invalid="ignore"):
            total = table.sum()
        if abs(total - 1.0) <= tolerance and table.min() >= 0.0:
            table /= total
            return table
    raise complaint(table, argument, rank, axes, remedy)


def check_table(p: Any, argument: str = "p") -> Float:
    """Return `p` as a float64 table (|X1|, |X2|, |Y|) whose mass is exactly one up to rounding.

    Raises:
        InputError: for what is not numbers, a wrong rank, an empty axis, NaN or infinity, negative mass, or mass that
            does not sum to one within 1e-9 (see the module for narrower types).

    Example:
        >>> check_table([[[0.5, 0.0]], [[0.0, 0.6]]])
        Traceback (most recent call last):
        mmcore.errors.InputError: p: received mass 1.1 (0.1 too much); allowed: a sum of one. Divide p by p.sum().
    """
    return check_probabilities(p, argument, 3, "(|X1|, |X2|, |Y|)", "Reshape the table.")
