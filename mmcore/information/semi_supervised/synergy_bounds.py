"""Bounds of synergy from three pair tables: every valid one, and the best of each side.

    S = I(X1,X2;Y) - I_union;   I_union depends on p(x1,y) and p(x2,y) alone and is exact up to its certified interval
    lower = best of 0, S_R (two relaxations), S_U (two forms), the exact minimum;   upper = best of coupling, chain rule

Each bound is first one of I(X1,X2;Y); S then lies between [lower - union_upper, upper - union_lower]. Lower bounds
subtract the upper end of I_union and upper ones the lower end, so that they stay valid whatever the solver left open.
Reference: Liang et al. 2024 (Multimodal learning without labeled multimodal data), chapter 6 of the thesis, theorems
4-7. Departures on purpose: the valid constant in S_U with (U1 + U2)/2, both relaxations of S_R, the exact minimum, and
a chain-rule cap, without which the printed upper bound may exceed H(Y).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.entropy import LN2, entropy, mutual_information
from mmcore.information.semi_supervised import binary_segment, disagreement, min_entropy_coupling, redundancy_bound
from mmcore.information.semi_supervised.pair_tables import PairTables
from mmcore.information.semi_supervised.pairwise_maximum_entropy import PairwiseMaximum, pairwise_maximum_entropy
from mmcore.information.semi_supervised.realisability import table_disagreement
from mmcore.information.semi_supervised.uniqueness_bound import bhattacharyya_bound, quadratic_bound

Float = NDArray[np.float64]
Pair = tuple[float, float]

_CONSISTENT = 1e-7
_ROUNDING = 1e-9
_RESIDUAL = 1e-11


@dataclasses.dataclass(frozen=True)
class SynergyBounds:
    """What three pair tables say about synergy and the other atoms, bits unless said otherwise.

    Attributes:
        lower, upper: the best valid bounds of S; `lower` is at least 0.
        lower_redundancy: S_R, the larger of `lower_redundancy_first` and `..._second` (target X1, target X2).
        lower_uniqueness: S_U, the larger of `lower_uniqueness_quadratic` and `lower_uniqueness_bhattacharyya`.
        exact_minimum: the least S of any joint distribution with these tables, from below, not clipped at 0.
        exact_maximum: the largest such S, for two symbols, two symbols and two labels; None for larger alphabets.
        upper_coupling_first: theorem 7 as printed; `upper_coupling`: best of three pairings;
            `upper_coupling_conditioned`: given each symbol too; `upper_chain_rule`: no coupling at all.
        redundancy, unique1, unique2: atoms that the tables decide, each exact to `gap`.
        information1, information2: I(X1;Y), I(X2;Y); information_lower, information_upper: bounds of I(X1,X2;Y).
        union_lower, union_upper, gap: certified interval of the union information and its width.
        label_entropy, n_classes: H(Y) and the number of labels that occur.
        disagreement: alpha of definition 6, squared Euclidean, in [0, 2]; disagreement_rate: share of pairs on which
            the two most probable labels differ.
        residual, iterations: of the maximum-entropy problem behind `exact_minimum`: sum of absolute errors of its
            tables (the bound is valid at any residual, and exact as it vanishes), sweeps and Newton steps.
    """

    lower: float
    upper: float
    lower_redundancy: float
    lower_redundancy_first: float
    lower_redundancy_second: float
    lower_uniqueness: float
    lower_uniqueness_quadratic: float
    lower_uniqueness_bhattacharyya: float
    exact_minimum: float
    exact_maximum: float | None
    upper_coupling_first: float
    upper_coupling: float
    upper_coupling_conditioned: float
    upper_chain_rule: float
    redundancy: float
    unique1: float
    unique2: float
    information1: float
    information2: float
    information_lower: float
    information_upper: float
    union_lower: float
    union_upper: float
    gap: float
    label_entropy: float
    n_classes: int
    disagreement: float
    disagreement_rate: float
    residual: float
    iterations: int
    unit: str = "bits"

    @property
    def beyond_additive(self) -> float:
        """The most bits that a fusion whose logits add over the two modalities can miss: upper - exact_minimum.

        The joint of largest entropy is the additive logistic model of largest likelihood, so what the best such model
        misses of I(X1,X2;Y) is S - exact_minimum. Its least value given pair tables is always 0.
        """
        return max(self.upper - self.exact_minimum, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the bounds as plain JSON values."""
        return {**dataclasses.asdict(self), "beyond_additive": self.beyond_additive}


def maximum_entropy_of(tables: PairTables) -> PairwiseMaximum:
    """Return the solution of one problem, once the tables are those of some joint distribution.

    Raises:
        InputError: for tables that no joint distribution has; it says by how much they disagree.

    Example:
        >>> same, other = np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([[0.0, 0.5], [0.5, 0.0]])
        >>> maximum_entropy_of(PairTables(same, same, other))
        Traceback (most recent call last):
        mmcore.errors.InputError: p_x1x2: received tables that no joint distribution has, the nearest misses them by 2 \
in total; allowed: three tables of one distribution. Count them on the same rows, or use semi_supervised.reconcile.
    """
    # Tables that differ by rounding have no common joint, and the dual of such grows without end: stop at that level.
    tol = max(_RESIDUAL, 4.0 * tables.mismatch)
    found = pairwise_maximum_entropy(tables.x1y[None], tables.x2y[None], tables.x1x2[None], tol=tol)
    if found.contradictory[0] or found.residual[0] > _CONSISTENT:
        missed = table_disagreement(tables.x1y, tables.x2y, tables.x1x2)
        if missed > _CONSISTENT:
            received = f"tables that no joint distribution has, the nearest misses them by {missed:.4g} in total"
            remedy = "Count them on the same rows, or use semi_supervised.reconcile."
            raise InputError("p_x1x2", received, "three tables of one distribution", remedy)
    return found


def synergy(p_x1y: Any, p_x2y: Any, p_x1x2: Any) -> SynergyBounds:
    """Return bounds of synergy, and the atoms that need no joint table, from three pair tables.

    Args:
        p_x1y, p_x2y, p_x1x2: probabilities (|X1|, |Y|), (|X2|, |Y|), (|X1|, |X2|), each summing to one, with the same
            p(x1), p(x2), p(y) within 1e-9.

    Raises:
        InputError: for a table that is none, shapes that do not fit, marginals that differ, tables that no joint
            distribution has (the last two say by how much).

    Example:
        >>> coin = np.full((2, 2), 0.25)
        >>> found = synergy(coin, coin, coin)                        # of an exclusive or, or of three independent coins
        >>> round(found.lower, 6), round(found.upper, 6)
        (0.0, 1.0)
    """
    from mmcore.information.solvers import union_many

    tables = PairTables.check(p_x1y, p_x2y, p_x1x2)
    a, b, c = tables.x1y, tables.x2y, tables.x1x2
    maximum = maximum_entropy_of(tables)
    union, *relaxed = union_many([(a, b), *redundancy_bound.target_tables(a, b, c)])
    information1, information2 = mutual_information(a), mutual_information(b)
    union_lower = max(union.lower, information1, information2)
    union_upper = max(union.upper, union_lower)
    unique1, unique2 = union_upper - information2, union_upper - information1
    ends = (np.asarray(relaxed[0].lower), np.asarray(relaxed[1].lower))
    below = _lower_bounds(tables, maximum, ends, union_upper, (unique1, unique2))
    above = _upper_bounds(tables, union_lower)
    lower = max(0.0, below["lower_redundancy"], below["lower_uniqueness"], below["exact_minimum"])
    upper = min(value for value in above.values() if value is not None)
    # Where the tables leave no room the two sides meet, and may cross by rounding.
    upper = max(upper, lower) if upper > lower - _ROUNDING else upper
    return SynergyBounds(
        lower=lower,
        upper=upper,
        **below,
        **above,
        redundancy=information1 + information2 - union_upper,
        unique1=unique1,
        unique2=unique2,
        information1=information1,
        information2=information2,
        information_lower=lower + union_lower,
        information_upper=upper + union_lower,
        union_lower=union_lower,
        union_upper=union_upper,
        gap=union_upper - union_lower,
        label_entropy=entropy(a.sum(axis=0)),
        n_classes=a.shape[1],
        disagreement=float(disagreement.disagreement(a, b, c)),
        disagreement_rate=float(disagreement.disagreement_rate(a, b, c)),
        residual=float(maximum.residual[0]),
        iterations=int(maximum.iterations[0]),
    )


def _lower_bounds(
    tables: PairTables, maximum: PairwiseMaximum, ends: tuple[Float, Float], union_upper: float, unique: Pair
) -> dict[str, Any]:
    """Return the lower bounds by the names of `SynergyBounds`, given the lower ends of the two relaxed problems."""
    a, b, c = tables.x1y, tables.x2y, tables.x1x2
    first, second = (float(x) - union_upper for x in redundancy_bound.information_bounds(a, b, c, ends))
    # Tables that differ by rounding leave the dual that much room.
    allowance = tables.mismatch * float(maximum.span[0]) / LN2
    quadratic = float(quadratic_bound(disagreement.disagreement(a, b, c), *unique))
    free = float(bhattacharyya_bound(disagreement.bhattacharyya(a, b, c), *unique))
    return {
        "lower_redundancy": max(first, second),
        "lower_redundancy_first": first,
        "lower_redundancy_second": second,
        "lower_uniqueness": max(quadratic, free),
        "lower_uniqueness_quadratic": quadratic,
        "lower_uniqueness_bhattacharyya": free,
        "exact_minimum": float(maximum.information[0]) - allowance - union_upper,
    }


def _upper_bounds(tables: PairTables, union_lower: float) -> dict[str, Any]:
    """Return the upper bounds by the names of `SynergyBounds`."""
    a, b, c = tables.x1y, tables.x2y, tables.x1x2
    caps = min_entropy_coupling.coupling_bounds(a, b, c)
    found: dict[str, Any] = {f"upper_{name}": float(value) - union_lower for name, value in caps.items()}
    binary = tables.shape == (2, 2, 2)
    found["exact_maximum"] = float(binary_segment.information_range(a, b, c)[1]) - union_lower if binary else None
    return found
