"""Other measures of redundancy, for comparison and teaching: each decomposes a table in closed form.

They share the sums (R + U1 = I(X1;Y), R + U2 = I(X2;Y), all four I(X1,X2;Y)) and differ in what they call redundant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import unknown_name
from mmcore.information.atoms import PID


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure: its name, its function from a checked table to a PID, its source, and where it is known to fail."""

    name: str
    decompose: Callable[[NDArray[np.float64]], PID]
    reference: str
    failure: str


MEASURES: tuple[Measure, ...] = ()


def available_measures() -> list[str]:
    """Return the names that `pid.decompose(method=...)` takes.

    Example:
        >>> available_measures()[0]
        'broja'
    """
    return ["broja", *(entry.name for entry in MEASURES)]


def find_measure(name: str) -> Measure:
    """Return the measure called `name`, other than "broja".

    Raises:
        InputError: for an unknown name, with the valid ones.
    """
    for entry in MEASURES:
        if entry.name == name:
            return entry
    raise unknown_name("method", name, available_measures())
