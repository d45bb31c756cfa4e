"""Figure 3.4: what a model loses when one modality is missing, against what it holds of that modality alone.

    drop_i = score(both) - score(without i)        against U_i, and against S where U_i is small

Reference: thesis section 3.3.3, figure 3.4: rho = 0.8 of drop and U_i over all points; among those with U_i <= 0.05 (in
nats, as that table) rho = 0.73 with S and 0.01 with R. A large U_i makes a large drop; a small one does not rule it
out, since with modality i gone the synergy is gone too. The sum U_i + S is what removing i takes from I(X1,X2;Yhat), so
its correlation stands beside the two. The score without i is of the same model with i masked, or of one trained without
i: the caller's choice, and another question each time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from mmcore.errors import InputError
from mmcore.selection.agreement_correlation import RankCorrelation, rank_correlation
from mmcore.selection.arguments import check_kind, check_mapping, number, shown
from mmcore.selection.quantify import Quantification

LOW_UNIQUE = 0.05 / math.log(2.0)  # bits: the thesis' 0.05, whose tables are in nats


@dataclasses.dataclass(frozen=True)
class RobustnessPoint:
    """One model without one modality: its drop in score, and the atoms of its predictions in bits."""

    world: str
    model: str
    absent: str
    drop: float
    unique: float
    synergy: float
    redundancy: float


@dataclasses.dataclass(frozen=True)
class RobustnessFigure:
    """The points of figure 3.4 and their correlations.

    Attributes:
        points: as given.
        low_unique: threshold of U_i in bits.
        unique: of the drop with U_i, all points.
        necessary: of the drop with U_i + S, all points.
        synergy_low_unique, redundancy_low_unique: of the drop with S and with R, where U_i is at most the threshold.
    """

    points: tuple[RobustnessPoint, ...]
    low_unique: float
    unique: RankCorrelation
    necessary: RankCorrelation
    synergy_low_unique: RankCorrelation
    redundancy_low_unique: RankCorrelation


def robustness_points(
    quantified: Quantification, scores: Mapping[Collection[str], float], *, world: str
) -> tuple[RobustnessPoint, RobustnessPoint]:
    """Return the drop without each of the two modalities of a quantified model, beside its atoms.

    Args:
        quantified: from `quantify_models`.
        scores: modalities present (any collection of names) -> score, higher is better; both, and each alone.
        world: name of the dataset.

    Raises:
        InputError: for a missing score, one that is no finite number, or predictions whose atoms were refused.

    Example:
        >>> from mmcore.selection.quantify import QuantifiedAtoms
        >>> xor = QuantifiedAtoms("estimated", raw={"redundancy": 0, "unique1": 0, "unique2": 0, "synergy": 1})
        >>> model = Quantification("oracle", "a", "b", "predicted", xor, xor, 1.0, 100, None, 0)
        >>> [p.drop for p in robustness_points(model, {("a",): 0.5, ("b",): 0.5, ("a", "b"): 1.0}, world="xor")]
        [0.5, 0.5]
    """
    check_kind("quantified", quantified, Quantification, "a Quantification", "Pass what quantify_model returns.")
    first, second = quantified.first, quantified.second
    by_set = _by_set(scores)
    for present in (frozenset({first}), frozenset({second}), frozenset({first, second})):
        if present not in by_set:
            received = f"none with {' and '.join(sorted(present))} present"
            raise InputError("scores", received, f"{first}, {second}, and both", "Score the model on each subset.")
    atoms = quantified.prediction.values
    both = by_set[frozenset({first, second})]

    def point(absent: str, left: str, unique: str) -> RobustnessPoint:
        drop = both - by_set[frozenset({left})]
        return RobustnessPoint(
            world, quantified.model, absent, drop, atoms[unique], atoms["synergy"], atoms["redundancy"]
        )

    return point(first, second, "unique1"), point(second, first, "unique2")


def _by_set(scores: Mapping[Collection[str], float]) -> dict[frozenset[str], float]:
    found = {}
    for present, score in check_mapping("scores", scores, "scores by the modalities present").items():
        value = number(score)
        if value is None or isinstance(present, str) or not isinstance(present, Collection):
            received = f"{shown(score)} for {shown(present)}"
            raise InputError("scores", received, "a finite number for each collection of names", "Leave others out.")
        found[frozenset(present)] = value
    return found


def robustness_figure(
    points: Sequence[RobustnessPoint],
    *,
    low_unique: float = LOW_UNIQUE,
    method: str = "spearman",
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> RobustnessFigure:
    """Return the points of figure 3.4 with their correlations and intervals over worlds.

    Args:
        points: from `robustness_points`, of many worlds and models.
        low_unique: bits up to which U_i counts as small.
        method, level, n_boot, seed: as in `rank_correlation`.

    Raises:
        InputError: as `rank_correlation`.

    Example:
        >>> points = [RobustnessPoint(w, "m", "a", 0.4 * u, u, 0.0, 0.0) for w in "xy" for u in (0.0, 0.5, 1.0)]
        >>> figure = robustness_figure(points, n_boot=20)
        >>> figure.unique.value, figure.synergy_low_unique.value
        (1.0, None)
    """
    given = check_kind("points", points, list | tuple, "a list of RobustnessPoint", "Pass those of robustness_points.")
    for point in given:
        check_kind("points", point, RobustnessPoint, "a list of RobustnessPoint", "Pass those of robustness_points.")
    if number(low_unique) is None:
        raise InputError("low_unique", shown(low_unique), "bits", "Leave it out for the thesis' 0.05 nats.")
    small = [point for point in points if point.unique <= low_unique]

    def correlation(chosen: Sequence[RobustnessPoint], values: list[float]) -> RankCorrelation:
        drops, worlds = [point.drop for point in chosen], [point.world for point in chosen]
        return rank_correlation(values, drops, worlds, method=method, level=level, n_boot=n_boot, seed=seed)

    return RobustnessFigure(
        tuple(points),
        low_unique,
        correlation(points, [point.unique for point in points]),
        correlation(points, [point.unique + point.synergy for point in points]),
        correlation(small, [point.synergy for point in small]),
        correlation(small, [point.redundancy for point in small]),
    )
