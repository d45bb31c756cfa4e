"""Exact Shapley value of each modality: its average gain over all orders in which modalities can be added.

    phi_m = sum_{A without m} |A|! (M - |A| - 1)! / M! * (v(A + m) - v(A)),    sum_m phi_m = v(all) - v(none)

All 2^M subsets are needed, so M is limited to 10. v is any set function; for a model it is the mean score of rows (for
a classifier: whether the row is right) with only the subset present. v(none) is a constant guess's score
(`majority_rate`: always the most frequent class), the same for every row and class, so that values of a class are
comparable across classes and their mean, weighted by class, is the overall value. The model's own answer to all-absent
input is not used: it was never trained on it.

References: Shapley 1953; Lundberg & Lee 2017 for the use with models. Interactions between modalities are shared out in
equal parts here and therefore invisible; two modalities under XOR get half of the gain each.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from mmcore.errors import InputError, counted
from mmcore.evaluation.interval import Interval, mean_interval

MOST_MODALITIES = 10
Subset = frozenset[str]


@dataclass(frozen=True)
class ModalityShapley:
    """Shapley values of the modalities for a mean row score: `overall` with intervals, `by_class` without.

    Attributes:
        overall: modality -> interval; values sum to `full - empty`.
        by_class: (label, modality -> value), in the order of the classes; empty where no classes were given.
        full: mean score with all modalities.
        empty: score without any.
    """

    overall: dict[str, Interval]
    by_class: tuple[tuple[str, dict[str, float]], ...]
    full: float
    empty: float

    def to_dict(self) -> dict[str, Any]:
        """Return the `shapley` of `explanation.json`."""
        return {
            "overall": {name: interval.to_dict() for name, interval in self.overall.items()},
            "by_class": [{"label": label, "values": values} for label, values in self.by_class],
        }


def shapley_values(v: Mapping[Subset, float | np.ndarray]) -> dict[str, Any]:
    """Return the Shapley value of every member of the largest set of `v`, in alphabetical order.

    Args:
        v: every subset, the empty one included -> a number, or arrays of one shape (a value for each entry).

    Returns:
        Member -> value (float, or an array of that shape).

    Raises:
        InputError: for a missing or superfluous subset, no member, or more than ten.

    Example:
        >>> f = frozenset
        >>> shapley_values({f(): 0.5, f("a"): 0.5, f("b"): 0.5, f("ab"): 1.0})
        {'a': 0.25, 'b': 0.25}
    """
    players = _players(v)
    m = len(players)
    values = {}
    for player in players:
        others = [other for other in players if other != player]
        total: Any = 0.0
        for size in range(m):
            weight = factorial(size) * factorial(m - size - 1) / factorial(m)
            for subset in combinations(others, size):
                without = frozenset(subset)
                total = total + weight * (np.asarray(v[without | {player}], float) - np.asarray(v[without], float))
        values[player] = total if np.ndim(total) else float(total)
    return values


def modality_shapley(
    correct: Mapping[Subset, np.ndarray], groups: Sequence[Hashable] | np.ndarray | None = None, *,
    empty: float | None = None, labels: np.ndarray | None = None, classes: Sequence[str] | None = None,
    level: float = 0.95,
) -> ModalityShapley:  # fmt: skip
    """Return each modality's Shapley value for the mean row score, with an interval over groups (else rows).

    Args:
        correct: non-empty subset -> (n,) score of each row with only these present, e.g. right or wrong, averaged over
            seeds. All 2^M - 1 subsets.
        groups: (n,) resampling units; rows when None.
        empty: score without any modality; the share of the most frequent label when None.
        labels: (n,) the class of each row, for `by_class` and for `empty`.
        classes: order of the classes in `by_class`; sorted when None; those without rows are left out.
        level: of the intervals.

    Raises:
        InputError: for missing subsets, unequal lengths, neither `empty` nor `labels`, or more than ten modalities.

    Example:
        >>> f = frozenset
        >>> correct = {f("a"): np.array([1, 1, 0, 1]), f("b"): np.array([1, 0, 0, 1]), f("ab"): np.ones(4)}
        >>> result = modality_shapley(correct, empty=0.5)
        >>> [round(i.value, 3) for i in result.overall.values()]
        [0.375, 0.125]
    """
    rows = {frozenset(subset): np.asarray(values, dtype=float) for subset, values in correct.items()}
    lengths = {values.shape for values in rows.values()}
    if not rows or len(lengths) != 1 or len(next(iter(lengths))) != 1 or next(iter(lengths)) == (0,):
        raise InputError("correct", f"shapes {sorted(lengths)}", "one (n,) array a subset, n > 0",
                         "Score the same rows under every subset.")  # fmt: skip
    n = next(iter(lengths))[0]
    units = np.arange(n) if groups is None else np.asarray(groups)
    names = None if labels is None else np.asarray(labels).astype(str)
    if len(units) != n or (names is not None and len(names) != n):
        raise InputError("groups", f"{len(units)} groups or labels", f"{n}, one a row", "Pass one a row.")
    base = _majority(names) if empty is None else float(empty)
    by_row = shapley_values({**rows, frozenset(): np.full(n, base)})
    unit = "sample" if groups is None else "group"
    overall = {name: mean_interval(values, units, level=level, unit=unit) for name, values in by_row.items()}
    by_class: list[tuple[str, dict[str, float]]] = []
    if names is not None:
        order = sorted(set(names)) if classes is None else [str(label) for label in classes]
        for label in order:
            inside = names == label
            if inside.any():
                by_class.append((label, {name: float(values[inside].mean()) for name, values in by_row.items()}))
    full = float(rows[frozenset(by_row)].mean())
    return ModalityShapley(overall, tuple(by_class), full, base)


def _majority(names: np.ndarray | None) -> float:
    if names is None:
        raise InputError("empty", "None without labels", "a number, or labels", "Give the score of a constant guess.")
    return float(np.unique(names, return_counts=True)[1].max() / len(names))


def _players(v: Mapping[Subset, Any]) -> list[str]:
    members: Subset = frozenset().union(*v) if v else frozenset()
    if not 1 <= len(members) <= MOST_MODALITIES:
        raise InputError("v", counted(len(members), "member"), f"1 to {MOST_MODALITIES}",
                         "Shapley values need all 2^M subsets; merge modalities or explain fewer.")  # fmt: skip
    needed = {frozenset(s) for size in range(len(members) + 1) for s in combinations(sorted(members), size)}
    missing = sorted((sorted(subset) for subset in needed - set(v)), key=lambda s: (len(s), s))
    if missing:
        raise InputError("v", f"no value for {missing[0] or 'the empty set'} ({len(missing)} missing)",
                         f"all {len(needed)} subsets", "Evaluate every subset, also the empty one.")  # fmt: skip
    return sorted(members)
