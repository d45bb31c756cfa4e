"""Two models on the same rows: difference, interval and a sign-flip test over groups, else rows.

    d = theta_A - theta_B (seeds averaged first),    interval: leave one unit out, t with G - 1 degrees
    p = share of sign vectors s in {-1, 1}^G with |d(s)| >= |d|,    s_g = -1: the models swap unit g

Under the hypothesis that the models are exchangeable within a unit, p is exact when all sign vectors are visited (up
to 13 units that differ); with one seed and accuracy over rows it is McNemar's exact test, computed as the binomial it
is; otherwise it is drawn, (1 + hits) / (1 + draws). References: Fisher 1935; Edgington & Onghena 2007, section 6;
Dietterich 1998 (McNemar); Holm 1979. The interval and p rest on different arguments and may disagree near the level:
with G groups no p is under 2 / 2^G, which five groups cannot bring below 0.05, so decisions use the interval. The area
under the curve, which has no row statistics, takes p from t instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.evaluation.interval import check_level, leave_one_out, standard_error
from mmcore.evaluation.metrics import Metric, find_metric, statistics, unit_sums
from mmcore.evaluation.predictions import Predicted
from mmcore.seeds import stream

EXACT_UNITS = 13
DRAWS = 9999
_CHUNK_NUMBERS = 2_000_000
_TINY = 1e-12  # differences of sums below this are rounding


@dataclass(frozen=True)
class Comparison:
    """`difference` = metric of `model` minus metric of `against`, in the metric's unit, with interval and p."""

    model: str
    against: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    level: float
    unit: str
    n_units: int
    test: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of `verdict.json`, with its level and test beside the contract's keys."""
        return {
            "model": self.model, "against": self.against, "difference": self.difference, "low": self.low,
            "high": self.high, "p": self.p, "level": self.level, "test": self.test,
        }  # fmt: skip


def compare(first: Predicted, second: Predicted, *, metric: str, level: float = 0.95, seed: int = 0) -> Comparison:
    """Return how much better `first` scores than `second` on the same rows.

    Args:
        first, second: predictions of two models for the same rows (seeds may differ in number).
        metric: a metric of `METRICS` that fits the task.
        level: of the interval, in (0, 1).
        seed: of the drawn sign vectors.

    Raises:
        InputError: when the rows, truths or units of the two differ, or for a bad metric or level.

    Example:
        >>> def p(model, guess):
        ...     return Predicted(model, "regression", (), np.zeros(3), np.array([guess]), np.zeros((1, 3, 1)),
        ...                      np.array(["a", "b", "c"]), np.arange(3), "sample", (0,))
        >>> c = compare(p("a", [1.0, 1.0, 1.0]), p("b", [2.0, 3.0, 4.0]), metric="mae")
        >>> c.difference, c.p
        (-2.0, 0.25)
    """
    if not np.array_equal(first.sample_ids, second.sample_ids) or not np.array_equal(first.truth, second.truth):
        raise InputError("predictions", f"{first.model} and {second.model} with different rows", "the same rows",
                         "Predict the same held-out rows with every model.")  # fmt: skip
    if not np.array_equal(first.units, second.units):
        raise InputError("group", f"different for {first.model} and {second.model}", "one group a row",
                         "Write the same groups for every model.")  # fmt: skip
    chosen = find_metric(metric, first.task)
    value_a, without_a = leave_one_out(first, chosen)
    value_b, without_b = leave_one_out(second, chosen)
    difference, without = value_a - value_b, without_a - without_b
    if not np.isfinite(difference):
        raise InputError("metric", f"{metric}, undefined on these rows", "a metric that these rows define",
                         "Choose accuracy, or give rows of at least two classes.")  # fmt: skip
    low = high = None
    if len(without) > 1 and np.isfinite(without).all():
        from scipy.stats import t  # half a second to import, also for those who only want the names

        reach = float(t.ppf(0.5 + check_level(level) / 2, len(without) - 1)) * standard_error(difference, without)
        low, high = difference - reach, difference + reach
    p, test = _p_value(first, second, chosen, difference, without, seed)
    return Comparison(first.model, second.model, metric, difference, low, high, p, check_level(level), first.unit,
                      first.n_units, test)  # fmt: skip


def _p_value(
    first: Predicted, second: Predicted, metric: Metric, difference: float, without: np.ndarray, seed: int
) -> tuple[float | None, str]:
    if metric.whole is None:
        return _sign_flip(unit_sums(first, metric), unit_sums(second, metric), metric, difference, seed)
    if len(without) < 2 or not np.isfinite(without).all():
        return None, "none"
    error = standard_error(difference, without)
    if error == 0.0:
        return (1.0 if difference == 0.0 else 0.0), "student t, no spread"
    from scipy.stats import t

    return float(2 * t.sf(abs(difference) / error, len(without) - 1)), "student t"


def _sign_flip(a: np.ndarray, b: np.ndarray, metric: Metric, difference: float, seed: int) -> tuple[float, str]:
    """p of swapping the two models within units; `a`, `b`: (S, G, d) unit sums, S may differ for plain means."""
    if metric.mean:
        # seeds averaged first: a mean is the same function of averaged sums, and only the first sum differs
        return _sign_flip_of_means((a.mean(axis=0) - b.mean(axis=0))[:, 0], seed)
    if a.shape[0] != b.shape[0]:
        raise InputError("seeds", f"{a.shape[0]} and {b.shape[0]}", "as many for both models", "Train the same seeds.")
    _, function = statistics(metric)
    step = b - a
    step = step[:, np.abs(step).max(axis=(0, 2)) > _TINY]
    n_moving = step.shape[1]
    if n_moving == 0:
        return 1.0, "no unit differs"
    total_a, total_b = a.sum(axis=1), b.sum(axis=1)

    def extreme(flips: np.ndarray) -> int:
        moved = np.einsum("pg,sgd->psd", flips.astype(float), step, optimize=True)
        flipped = (function(total_a + moved) - function(total_b - moved)).mean(axis=1)
        return int((np.abs(flipped) >= abs(difference) - _TINY).sum())

    if n_moving <= EXACT_UNITS:
        return extreme(_all_flips(n_moving)) / 2**n_moving, "exact sign flip"
    generator = stream(seed, "sign flip")
    sizes = _chunks(n_moving + step.shape[0] * step.shape[2])
    hits = sum(extreme(generator.integers(0, 2, (size, n_moving), dtype=np.int8)) for size in sizes)
    return (1 + hits) / (1 + DRAWS), f"sign flip, {DRAWS} draws"


def _sign_flip_of_means(differences: np.ndarray, seed: int) -> tuple[float, str]:
    """p of the sum of (G,) unit differences under random signs; equal sizes are drawn together as a binomial."""
    moving = differences[np.abs(differences) > _TINY]
    n_moving, observed = len(moving), abs(float(moving.sum()))
    if n_moving == 0:
        return 1.0, "no unit differs"
    sizes, counts = np.unique(np.round(np.abs(moving), 12), return_counts=True)
    if len(sizes) == 1:
        from scipy.stats import binom

        wins = int((moving > 0).sum())
        return min(1.0, 2.0 * float(binom.cdf(min(wins, n_moving - wins), n_moving, 0.5))), "exact sign test"
    # sums of rounded sizes may miss the observed one by this much
    slack = 1e-11 * n_moving
    if n_moving <= EXACT_UNITS:
        sums = (1 - 2 * _all_flips(n_moving)) @ moving
        return float((np.abs(sums) >= observed - slack).mean()), "exact sign flip"
    generator = stream(seed, "sign flip")
    hits = 0
    for size in _chunks(len(sizes)):
        positive = generator.binomial(counts, 0.5, (size, len(counts)))
        hits += int((np.abs((2 * positive - counts) @ sizes) >= observed - slack).sum())
    return (1 + hits) / (1 + DRAWS), f"sign flip, {DRAWS} draws"


def _all_flips(n: int) -> np.ndarray:
    """(2^n, n) of 0 and 1: every choice of units to swap."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


def _chunks(width: int) -> list[int]:
    """Sizes of the parts in which DRAWS rows of `width` numbers are drawn, so that a part stays near 16 MB."""
    size = max(1, min(DRAWS, _CHUNK_NUMBERS // width))
    return [min(size, DRAWS - start) for start in range(0, DRAWS, size)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given: p_(i) -> max over j <= i of (m - j + 1) p_(j), at most 1.

    Raises:
        InputError: for a value outside [0, 1].

    Example:
        >>> [round(p, 3) for p in holm([0.04, 0.01, 0.03])]
        [0.06, 0.03, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InputError("p_values", list(p_values), "numbers between 0 and 1", "Pass p-values.")
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]), 1.0)
    adjusted = np.empty(len(p))
    adjusted[order] = stepped
    return [float(value) for value in adjusted]
