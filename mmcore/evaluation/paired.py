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
from scipy.stats import binom, t

from mmcore.errors import InputError
from mmcore.evaluation.interval import check_level, leave_one_out, standard_error
from mmcore.evaluation.metrics import Metric, find_metric, statistics, unit_sums
from mmcore.evaluation.predictions import Predicted
from mmcore.seeds import stream

EXACT_UNITS = 13
DRAWS = 9999
_CHUNK = 1000


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
    return float(2 * t.sf(abs(difference) / error, len(without) - 1)), "student t"


def _sign_flip(a: np.ndarray, b: np.ndarray, metric: Metric, difference: float, seed: int) -> tuple[float, str]:
    """p of swapping the two models within units; `a`, `b`: (S, G, d) unit sums, S may differ."""
    _, function = statistics(metric)
    if metric.mean:
        # seeds averaged first: a mean is the same function of averaged sums
        a, b = a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True)
    elif a.shape[0] != b.shape[0]:
        raise InputError("seeds", f"{a.shape[0]} and {b.shape[0]}", "as many for both models", "Train the same seeds.")
    step = b - a
    moving = np.abs(step).max(axis=(0, 2)) > 1e-12
    step = step[:, moving]
    n_moving = step.shape[1]
    if n_moving == 0:
        return 1.0, "no unit differs"
    if metric.mean and np.ptp(np.abs(step[0, :, 0])) < 1e-12:
        # sums of n equal steps: the number of positive ones is binomial (McNemar)
        wins = int((step[0, :, 0] < 0).sum())
        return min(1.0, 2.0 * float(binom.cdf(min(wins, n_moving - wins), n_moving, 0.5))), "exact sign test"
    exact = n_moving <= EXACT_UNITS
    if exact:
        flips = (np.arange(2**n_moving)[:, None] >> np.arange(n_moving)) & 1
    else:
        flips = stream(seed, "sign flip").integers(0, 2, (DRAWS, n_moving))
    total_a, total_b = a.sum(axis=1), b.sum(axis=1)
    hits = 0
    for chunk in np.array_split(flips, max(1, len(flips) // _CHUNK)):
        moved = np.einsum("pg,sgd->psd", chunk.astype(float), step, optimize=True)
        flipped = (function(total_a + moved) - function(total_b - moved)).mean(axis=1)
        hits += int((np.abs(flipped) >= abs(difference) - 1e-12).sum())
    if exact:
        return hits / len(flips), "exact sign flip"
    return (1 + hits) / (1 + DRAWS), f"sign flip, {DRAWS} draws"


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
