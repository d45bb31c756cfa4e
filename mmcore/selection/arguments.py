"""Of what kind an argument has to be: what comes from a user is looked at before anything is read from it.

Every function returns the value in one form or raises `InputError` with what came and what is allowed; nothing is
repaired. Assumes nothing of the value: it may be None, text, a number or an array of anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError

_SHOWN = 60  # characters of a value in a message


def shown(value: Any) -> str:
    """Return a value as a message names it: itself where it is short, else its type.

    Example:
        >>> shown(3), shown([0.0] * 100)
        ('3', 'a value of type list')
    """
    text = repr(value)
    return text if len(text) <= _SHOWN and "\n" not in text else f"a value of type {type(value).__name__}"


def check_kind(argument: str, value: Any, kind: type | UnionType, allowed: str, remedy: str) -> Any:
    """Return `value` where it is of a kind.

    Raises:
        InputError: where it is not.

    Example:
        >>> check_kind("settings", {}, Mapping, "a dictionary", "Pass {} for none.")
        {}
    """
    if not isinstance(value, kind):
        raise InputError(argument, shown(value), allowed, remedy)
    return value


def check_dataset(ds: Any, argument: str = "ds") -> Dataset:
    """Return the dataset.

    Raises:
        InputError: for anything else.
    """
    remedy = "Make one with mmcore.data.from_arrays, or read one with load_dataset."
    found: Dataset = check_kind(argument, ds, Dataset, "a Dataset", remedy)
    return found


def check_mapping(argument: str, value: Any, of: str) -> Mapping[Any, Any]:
    """Return a mapping.

    Args:
        argument, value: what was given.
        of: what it holds, for the message: "options by name".

    Raises:
        InputError: for anything else.
    """
    found: Mapping[Any, Any] = check_kind(argument, value, Mapping, f"a dictionary of {of}", "Pass a dictionary.")
    return found


def check_whole(argument: str, value: Any, least: int, remedy: str) -> int:
    """Return an integer of at least `least`; True and False are none.

    Raises:
        InputError: otherwise.

    Example:
        >>> check_whole("n_boot", np.int64(20), 0, "Pass for example n_boot=1000.")
        20
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(argument, shown(value), f"an integer >= {least}", remedy)
    return int(value)


def check_seed(seed: Any) -> int:
    """Return the seed, an integer of at least 0: without one nothing could be drawn again.

    Raises:
        InputError: otherwise.
    """
    return check_whole("seed", seed, 0, "Pass for example seed=0.")


def check_names(argument: str, value: Any) -> tuple[str, ...]:
    """Return a collection of names as a tuple.

    Raises:
        InputError: for one name alone, or members that are no text.

    Example:
        >>> check_names("modalities", ["audio", "video"])
        ('audio', 'video')
    """
    if isinstance(value, str):
        raise InputError(argument, f"'{value}'", "a list of names", f"Pass ['{value}'].")
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise InputError(argument, shown(value), "a list of names", "Pass for example ['image', 'text'].")
    names = tuple(value)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise InputError(argument, f"{shown(wrong[0])} among the names", "names as text", "Write names in quotes.")
    return names


def check_name(argument: str, value: Any) -> str | None:
    """Return a name, or None.

    Raises:
        InputError: for anything else.
    """
    found: str | None = check_kind(argument, value, str | None, "a name, or None", "Pass text.")
    return found


def number(value: Any) -> float | None:
    """Return one number; None for what is none: text, True, an array of several, NaN or infinity.

    Example:
        >>> number(np.float32(0.5)), number("0.5"), number(float("nan"))
        (0.5, None, None)
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    return float(value) if math.isfinite(value) else None


def numbers(argument: str, value: Any, allowed: str, remedy: str) -> NDArray[np.float64]:
    """Return numbers as a float64 array of whatever shape; NaN and infinity are left for the caller to judge.

    Raises:
        InputError: for text, rows of unequal lengths, or what is no number.

    Example:
        >>> numbers("x", [1, 2], "(n,) numbers", "Pass one a point.").tolist()
        [1.0, 2.0]
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        found = np.asarray(value)
        if found.dtype.kind in "USO" and not _holds_numbers(found):
            raise InputError(argument, shown(value), allowed, remedy)
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(argument, shown(value), allowed, remedy) from error


def _holds_numbers(values: NDArray[Any]) -> bool:
    """Whether objects are all numbers; None and text, which float64 would take for NaN or parse, are none."""
    kinds = (int, float, np.number)
    return values.dtype.kind == "O" and values.ndim > 0 and all(isinstance(one, kinds) for one in values.flat)


def check_rows(argument: str, rows: Any, n: int) -> NDArray[np.int64]:
    """Return row numbers, in the order given.

    Args:
        argument: its name.
        rows: (k,) row numbers, at least one.
        n: of the dataset.

    Raises:
        InputError: for no row, a mask, other shapes, or rows that the dataset has not.

    Example:
        >>> check_rows("rows", [2, 0], 3).tolist()
        [2, 0]
    """
    remedy = "Pass rows of `ds`; a mask becomes rows by np.flatnonzero."
    try:
        chosen = np.asarray(rows)
    except ValueError as error:
        raise InputError(argument, shown(rows), "(n,) row numbers", remedy) from error
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise InputError(argument, f"{chosen.dtype} of shape {chosen.shape}", "(n,) row numbers, n > 0", remedy)
    if chosen.min() < 0 or chosen.max() >= n:
        raise InputError(argument, f"{chosen.min()} to {chosen.max()}", f"0 to {n - 1}", remedy)
    return chosen.astype(np.int64)
