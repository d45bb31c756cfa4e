"""The four distributions of table 6.2 of the thesis, as printed, with the numbers that the text gives for them.

(a) disagreement exclusive or, (b) agreement exclusive or, (c) y = x1, (d) y = x1 = x2; values from observations 3 and 4
of section 6.4.1. The printed masses of (a) sum to 0.99; they are divided by their sum here, and masses of two decimals
leave the values uncertain by 0.015, the tolerance. "Disagreement" there is alpha, squared Euclidean; "U" of (a) is the
larger of the two, and its S_U that with c = 1.

Two printed bounds do not follow from the tables. (b) S_R = 1: three independent coins have the same three pair tables
and no synergy, so no valid bound from them is above 0. (c) S_U = 0: alpha - max(U1, U2) is -0.5; the form with the
Bhattacharyya coefficient and (U1 + U2)/2 does give 0. `remark` says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import unknown_name

Float = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Example:
    """One distribution of the table.

    Attributes:
        name: "a" to "d" as printed; title: its caption.
        printed: masses in the order (x1,x2,y) = 000, 001, 010, ..., as printed.
        published: what the text says, by the names of `computed`; bits.
        tolerance: what the printed digits allow.
        not_reproduced: names in `published` that do not follow from the pair tables; remark: why.
    """

    name: str
    title: str
    printed: tuple[float, ...]
    published: Mapping[str, float]
    tolerance: float
    not_reproduced: tuple[str, ...] = ()
    remark: str = ""

    @property
    def table(self) -> Float:
        """The joint table (2, 2, 2), divided by the sum of the printed masses."""
        return np.reshape(self.printed, (2, 2, 2)) / float(sum(self.printed))


EXAMPLES = (
    Example(
        "a",
        "disagreement exclusive or: high disagreement, high synergy",
        (0.0, 0.05, 0.03, 0.28, 0.53, 0.03, 0.01, 0.06),
        {"synergy": 0.16, "unique_larger": 0.02, "disagreement": 0.15, "lower_uniqueness_as_printed": 0.14},
        0.015,
    ),
    Example(
        "b",
        "agreement exclusive or: no disagreement, high synergy",
        (0.25, 0.0, 0.0, 0.25, 0.0, 0.25, 0.25, 0.0),
        {
            "redundancy": 0.0,
            "unique_larger": 0.0,
            "synergy": 1.0,
            "disagreement": 0.0,
            "lower_redundancy": 1.0,
            "lower_uniqueness": 0.0,
        },
        1e-9,
        ("lower_redundancy",),
        "three independent coins have the same pair tables and S = 0, so no bound from them can be above 0",
    ),
    Example(
        "c",
        "y = x1: disagreement and uniqueness, no synergy",
        (0.25, 0.0, 0.25, 0.0, 0.0, 0.25, 0.0, 0.25),
        {"redundancy": 0.0, "unique1": 1.0, "unique2": 0.0, "synergy": 0.0, "lower_uniqueness": 0.0},
        1e-9,
        (),
        "0 by the Bhattacharyya form; as printed, alpha - max(U1, U2) = -0.5",
    ),
    Example(
        "d",
        "y = x1 = x2: agreement and redundancy, no synergy",
        (0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5),
        {"redundancy": 1.0, "unique_larger": 0.0, "synergy": 0.0, "lower_redundancy": 0.0, "disagreement": 0.0},
        1e-9,
    ),
)


def four_distributions() -> dict[str, dict[str, object]]:
    """Return for each distribution what is computed, what is published, and how far they are apart.

    Each value holds `computed` (atoms of the joint table, disagreement, valid bounds from the pair tables, and the
    printed form of S_U with c = 1), `published`, `difference` (computed - published), `tolerance`, `not_reproduced`
    and `remark`; bits.

    Example:
        >>> found = four_distributions()
        >>> sorted(found), round(found["c"]["computed"]["unique1"], 9)
        (['a', 'b', 'c', 'd'], 1.0)
    """
    return {example.name: _compare(example) for example in EXAMPLES}


def find_example(name: str) -> Example:
    """Return one distribution by its letter.

    Raises:
        InputError: for an unknown letter.

    Example:
        >>> find_example("d").table[1, 1, 1]
        np.float64(0.5)
    """
    for example in EXAMPLES:
        if example.name == name:
            return example
    raise unknown_name("name", str(name), [example.name for example in EXAMPLES])


def _compare(example: Example) -> dict[str, object]:
    from mmcore.information import pid
    from mmcore.information.semi_supervised.synergy_bounds import synergy
    from mmcore.information.semi_supervised.uniqueness_bound import uniqueness_bound

    p = example.table
    truth, bounds = pid.decompose(p), synergy(p.sum(axis=1), p.sum(axis=0), p.sum(axis=2))
    computed = {
        **truth.atoms,
        "unique_larger": max(truth.unique1, truth.unique2),
        "disagreement": bounds.disagreement,
        "disagreement_rate": bounds.disagreement_rate,
        "lower_redundancy": bounds.lower_redundancy,
        "lower_uniqueness": bounds.lower_uniqueness,
        "lower_uniqueness_as_printed": float(
            uniqueness_bound(bounds.disagreement, truth.unique1, truth.unique2, constant=1.0)
        ),
        "exact_minimum": bounds.exact_minimum,
        "lower": bounds.lower,
        "upper": bounds.upper,
    }
    published = dict(example.published)
    difference = {name: computed[name] - value for name, value in published.items()}
    return {
        "title": example.title,
        "computed": computed,
        "published": published,
        "difference": difference,
        "tolerance": example.tolerance,
        "not_reproduced": list(example.not_reproduced),
        "remark": example.remark,
    }
