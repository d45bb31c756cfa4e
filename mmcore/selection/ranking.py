"""How the methods of the bank did in the worlds near to a dataset, best first.

    regret(m)             = sum_w weight_w (max_m' accuracy_w(m') - accuracy_w(m))
    relative accuracy(m)  = sum_w weight_w  accuracy_w(m) / max_m' accuracy_w(m')

with the weights of `nearest`, averaged over the draws of the atoms; m' runs over the methods that the dataset could
train. The intervals are quantiles of a method's regret over the worlds, weighted the same way: over neighbours and
draws, where one world more or less matters. They say what to expect of one more dataset like these, and do not shrink
with the number of seeds.

A method that was not trained in a world is taken to lose there what the methods that were lose in the mean: all are
compared over the same worlds, and what is easy or hard about a world is nobody's merit. Where it was trained in less
than half of the weight, it is left out, with that reason.

Order: by expected regret, but for the first place, which goes to one modality, or else to late fusion, where its
expected regret exceeds the smallest by no more than the standard error of their difference, and by at most one point.
That is the one-standard-error rule of Breiman, Friedman, Olshen and Stone (1984, section 3.4.3); tuned unimodal models
and late fusion are often enough (Rheude, Eils and Wild 2025). Other fusions do not overtake one another: what costs
less is not simpler, and an erratic model has a large standard error. The standard error is that of the weighted mean
over worlds, or that which the seeds alone give, whichever is larger:

    se^2 = max( V sum_w v_w^2,  sum_w v_w^2 noise_w ),    V = sum_w v_w (d_w - d)^2 / (1 - sum_w v_w^2)

The methods behind the first keep the order of their regret, so that the best guess is always among the first two.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcore.selection.rule import LATE_FUSION, UNIMODAL

Float = NDArray[np.float64]

LEVEL = 0.95
LEAST_COVERED = 0.5
MOST_GIVEN_UP = 0.01  # of expected accuracy, for a simpler model in the first place


@dataclass(frozen=True)
class Neighbourhood:
    """The worlds near to a dataset, each as it is or mirrored, beside each other for every pair of modalities.

    Attributes:
        worlds: (U,) names; a name comes up to twice a pair.
        shares: (U, 4) their normalised atoms, turned as they are taken; distance: (U,) to the atoms as estimated.
        weights: (n, U), each row of them sums to one, or to zero for a draw without shares.
        models: (M,) names for this dataset.
        accuracy, noise: (U, M), NaN where not trained.
        applies: (U, M) whether the model could stand for something there: `unimodal:a` only in pairs that hold a.
    """

    worlds: tuple[str, ...]
    shares: Float
    distance: Float
    weights: Float
    models: tuple[str, ...]
    accuracy: Float
    noise: Float
    applies: NDArray[np.bool_]

    @property
    def pooled(self) -> Float:
        """(U,) weights over all draws that have neighbours; they sum to one."""
        known = self.weights.sum(axis=1) > 0.0
        return np.asarray(self.weights[known].mean(axis=0))

    @property
    def regret(self) -> Float:
        """(U, M) the best accuracy less each, fractions; the mean of the others where one was not trained."""
        return self._filled(np.nanmax(self.accuracy, axis=1, keepdims=True) - self.accuracy)

    @property
    def relative(self) -> Float:
        """(U, M) each accuracy over the best; the mean of the others where one was not trained."""
        return self._filled(self.accuracy / np.nanmax(self.accuracy, axis=1, keepdims=True))

    def _filled(self, values: Float) -> Float:
        missing = np.isnan(values) & self.applies
        return np.where(missing, np.nanmean(values, axis=1, keepdims=True), values)


@dataclass(frozen=True)
class Spread:
    """A weighted mean, and the weighted quantiles of what it is the mean of."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Ranked:
    """One model: its regret and relative accuracy (fractions), and how often it is among the top of a draw.

    Attributes:
        tied: for the first place: how far its regret is above the smallest, and the standard error of that, where it
            is not the smallest itself.
    """

    model: str
    regret: Spread
    relative: Spread
    chosen: float
    seconds: float | None
    tied: tuple[str, float, float] | None = None


def spread(values: Float, weights: Float, *, level: float = LEVEL) -> Spread:
    """Return the weighted mean and weighted quantiles of the values that are known.

    Args:
        values, weights: (U,); NaN is left out. At least one that is known has a weight.

    Example:
        >>> spread(np.array([0.0, 1.0, np.nan]), np.array([0.25, 0.25, 0.5]))
        Spread(value=0.5, low=0.0, high=1.0)
    """
    kept = ~np.isnan(values) & (weights > 0.0)
    value, weight = values[kept], weights[kept] / weights[kept].sum()
    ends = np.quantile(value, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], weights=weight, method="inverted_cdf")
    return Spread(float(value @ weight), float(ends[0]), float(ends[1]))


def difference(one: int, other: int, found: Neighbourhood) -> tuple[float, float]:
    """Return the expected regret of model `one` above that of `other`, and its standard error, over shared worlds.

    A world that counts in several orientations or pairs is one observation, their mean: its trials are the same.
    """
    apart = found.regret[:, one] - found.regret[:, other]
    kept = ~np.isnan(apart) & (found.pooled > 0.0)
    if not kept.any():
        return float("inf"), 0.0
    _, world = np.unique(np.array(found.worlds)[kept], return_inverse=True)
    part = found.pooled[kept] / found.pooled[kept].sum()
    weight = np.bincount(world, weights=part)
    apart = np.bincount(world, weights=part * apart[kept]) / weight
    of_both = np.nan_to_num(found.noise[kept, one]) + np.nan_to_num(found.noise[kept, other])
    noise = np.bincount(world, weights=part * of_both) / weight
    squared = float(weight @ weight)
    mean = float(weight @ apart)
    between = float(weight @ (apart - mean) ** 2) * squared / (1.0 - squared) if squared < 1.0 - 1e-9 else 0.0
    return mean, float(np.sqrt(max(between, float(weight**2 @ noise))))


def coverage(found: Neighbourhood) -> Float:
    """Return (M,): which share of the weight, where a model could stand, is in worlds where it was trained."""
    possible = found.pooled @ found.applies
    trained = found.pooled @ (found.applies & ~np.isnan(found.accuracy))
    return np.divide(trained, possible, out=np.zeros_like(trained), where=possible > 0.0)


def rank(
    found: Neighbourhood, seconds: Sequence[float | None], *, top: int = 3, without: Collection[str] = ()
) -> tuple[list[Ranked], dict[str, str]]:
    """Return the models best first, and of those left out why.

    Args:
        found: the neighbourhood; every row of its accuracies has a known one.
        seconds: (M,) expected cost of one fit, None where unknown.
        top: how many a draw chooses.
        without: models that take no places; regret is still against the best of all.
    """
    covered = coverage(found)
    stands = found.pooled @ found.applies > 0.0
    reasons = {
        name: _too_few(covered[m]) if stands[m] else "no pair that holds it was estimated with information that counts"
        for m, name in enumerate(found.models)
        if covered[m] < LEAST_COVERED
    }
    kept = [m for m, name in enumerate(found.models) if name not in reasons and name not in without]
    if not kept:
        return [], reasons
    cost = [float("inf") if value is None else value for value in seconds]
    regret = {m: spread(found.regret[:, m], found.pooled) for m in kept}
    order = sorted(kept, key=lambda m: (round(regret[m].value, 12), cost[m], found.models[m]))
    chosen = _chosen(found, order, cost, top)
    first, tied = _simplest(order, found)
    order = [first, *(m for m in order if m != first)]
    ranked = [
        Ranked(found.models[m], regret[m], spread(found.relative[:, m], found.pooled), chosen[m], seconds[m],
               tied if m == first else None)
        for m in order
    ]  # fmt: skip
    return ranked, reasons


def _too_few(share: float) -> str:
    return f"trained in {100 * share:.0f} % of the nearest synthetic datasets by weight: too few"


def _chosen(found: Neighbourhood, kept: Sequence[int], cost: Sequence[float], top: int) -> dict[int, float]:
    """In which share of the draws each model is among the `top` of least expected regret, cheaper ones first."""
    columns = sorted(kept, key=lambda m: (cost[m], found.models[m]))
    weights = found.weights[found.weights.sum(axis=1) > 0.0]
    known = ~np.isnan(found.regret[:, columns])
    mass = weights @ known
    sums = weights @ np.where(known, found.regret[:, columns], 0.0)
    means = np.divide(sums, mass, out=np.full_like(sums, np.inf), where=mass > 0.0)
    best = np.argsort(means.round(12), axis=1, kind="stable")[:, :top]
    share = np.bincount(best.ravel(), minlength=len(columns)) / len(weights)
    return {m: float(share[k]) for k, m in enumerate(columns)}


def _simplest(order: Sequence[int], found: Neighbourhood) -> tuple[int, tuple[str, float, float] | None]:
    """The first place: one modality or late fusion where that is as good as the best within the standard error."""
    best = order[0]
    kinds = [[m for m in order if found.models[m].startswith(UNIMODAL)],
             [m for m in order if found.models[m] == LATE_FUSION]]  # fmt: skip
    for kind in kinds:
        for m in kind:
            if m == best:
                return best, None
            mean, error = difference(m, best, found)
            if mean <= min(error, MOST_GIVEN_UP) + 1e-12:
                return m, (found.models[best], mean, error)
    return best, None
