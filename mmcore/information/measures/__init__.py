"""Other measures of redundancy, for comparison and teaching: each decomposes a table, without an interval.

They share the sums (R + U1 = I(X1;Y), R + U2 = I(X2;Y), all four I(X1,X2;Y)) and differ in what they call redundant.
Atoms may be negative, and stay so. All are in closed form but i_ccs, which needs a distribution of largest entropy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import unknown_name
from mmcore.information.atoms import PID
from mmcore.information.measures.common_surprisal import i_ccs
from mmcore.information.measures.difference import ci, co_information_measure, wms
from mmcore.information.measures.minimum import i_min, mmi
from mmcore.information.measures.shared_exclusions import i_sx


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure: its name, its function from a checked table to a PID, its source, and where it is known to fail."""

    name: str
    decompose: Callable[[NDArray[np.float64]], PID]
    reference: str
    failure: str


MEASURES: tuple[Measure, ...] = (
    Measure(
        "i_min",
        i_min,
        "Williams and Beer 2010",
        "compares amounts, not content: two independent bits copied into the label share one bit",
    ),
    Measure(
        "mmi",
        mmi,
        "Barrett 2015",
        "compares amounts, not content: the weaker source never has unique information",
    ),
    Measure(
        "wms",
        wms,
        "Gawne and Richmond 1993; Schneidman, Bialek and Berry 2003",
        "redundancy and synergy cancel: negative synergy wherever redundancy prevails",
    ),
    Measure(
        "co_information",
        co_information_measure,
        "McGill 1954; Bell 2003",
        "redundancy and synergy cancel: negative redundancy wherever synergy prevails",
    ),
    Measure(
        "ci",
        ci,
        "Nirenberg et al. 2001; Nirenberg and Latham 2003",
        "the loss of an independent decoder, not synergy: 0.104 bit on AND, and it can exceed I(X1,X2;Y)",
    ),
    Measure(
        "i_ccs",
        i_ccs,
        "Ince 2017",
        "discontinuous in p, because local terms count by their sign; atoms can be negative",
    ),
    Measure(
        "i_sx",
        i_sx,
        "Makkeh, Gutknecht and Wibral 2021",
        "negative atoms on average, such as R = -0.585 bit on XOR; independent sources share information on COPY",
    ),
)


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
    raise unknown_name("method", str(name), available_measures())
