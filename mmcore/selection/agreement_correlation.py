"""Rank correlation over a bank of worlds and models, with a bootstrap interval over worlds.

    Spearman: correlation of ranks,    Kendall: tau-b,    Pearson: of the numbers themselves
    interval: percentiles over draws of whole worlds with replacement

Models of one world are not independent: the world fixes how much can be known, and a few worlds carry the whole
correlation. So worlds are the unit (Davison and Hinkley 1997, section 3.8), and beside the pooled number stands the
mean of the worlds' own correlations (`within`): the pooled one is high already where worlds differ in both variables,
though inside no world the better model has the larger value. References: Spearman 1904; Kendall 1945. The thesis
prints one pooled rho (figures 3.4 and 3.5) and does not say of which kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mmcore.errors import InputError, counted, unknown_name
from mmcore.evaluation.interval import check_level
from mmcore.seeds import stream
from mmcore.selection.arguments import check_seed, check_whole, number, numbers

Float = NDArray[np.float64]

CORRELATIONS = ("spearman", "kendall", "pearson")
_FEWEST = 3  # points: two always lie on a line


@dataclasses.dataclass(frozen=True)
class RankCorrelation:
    """A correlation and its interval over worlds.

    Attributes:
        method: "spearman", "kendall" or "pearson".
        value, low, high: pooled over all points; None with a reason where it is undefined.
        within, within_low, within_high: mean of the correlations inside each world that has one.
        n_points, n_worlds, n_worlds_within: points, worlds, and worlds with a correlation of their own.
        n_undefined: resamples without a pooled correlation, left out of the interval.
        reason: why a number or the interval is missing.
    """

    method: str
    level: float
    value: float | None
    low: float | None
    high: float | None
    within: float | None
    within_low: float | None
    within_high: float | None
    n_points: int
    n_worlds: int
    n_worlds_within: int
    n_undefined: int = 0
    reason: str | None = None


def rank_correlation(
    x: Any,
    y: Any,
    worlds: Sequence[Hashable] | NDArray[Any],
    *,
    method: str = "spearman",
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> RankCorrelation:
    """Return the correlation of `x` with `y`, pooled and within worlds, with intervals over worlds.

    Args:
        x, y: (n,) finite numbers.
        worlds: (n,) the world of each point.
        method: "spearman", "kendall" or "pearson".
        level, n_boot, seed: of the interval; n_boot=0 for none.

    Raises:
        InputError: for unequal lengths, numbers that are not finite or none, an unknown method, a level outside (0, 1),
            a number of resamples or a seed that is no integer of at least 0.

    Example:
        >>> found = rank_correlation([1, 2, 3, 1, 2, 3], [1, 4, 9, 2, 5, 7], list("aaabbb"), n_boot=50)
        >>> round(found.value, 4), round(found.within, 4), found.n_worlds
        (0.9562, 1.0, 2)
    """
    if method not in CORRELATIONS:
        raise unknown_name("method", str(method), CORRELATIONS)
    if number(level) is None:
        raise InputError("level", level, "a number between 0 and 1", "Use 0.95 for a 95 % interval.")
    check_level(level)
    check_whole("n_boot", n_boot, 0, "Pass for example n_boot=1000.")
    check_seed(seed)
    one, other = (numbers(name, given, "(n,) numbers", "Pass one a point.") for name, given in (("x", x), ("y", y)))
    named = np.asarray(worlds)
    codes = np.unique(named.astype(str), return_inverse=True)[1].reshape(named.shape)
    if one.ndim != 1 or one.shape != other.shape or codes.shape != one.shape:
        received = f"shapes {one.shape}, {other.shape} and {codes.shape}"
        raise InputError("x, y, worlds", received, "three equal (n,)", "Pass one value, one score, one world a point.")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise InputError("x, y", "a value that is not finite", "finite numbers", "Leave refused models out.")
    members = [np.flatnonzero(codes == k) for k in range(int(codes.max()) + 1 if len(codes) else 0)]
    value = _correlation(one, other, method)
    own = np.array([_correlation(one[rows], other[rows], method) for rows in members], dtype=np.float64)
    within = float(own[np.isfinite(own)].mean()) if np.isfinite(own).any() else None
    counts = (len(one), len(members), int(np.isfinite(own).sum()))
    ends: tuple[float | None, ...] = (None, None, None, None)
    reason, n_undefined = None, 0
    if not np.isfinite(value):
        reason = f"{counted(len(one), 'point')}, or one of the two is constant: no correlation"
    elif len(members) < 2 or n_boot < 2:
        reason = f"{counted(len(members), 'world')} and {counted(n_boot, 'resample')}: no interval over worlds"
    else:
        ends, n_undefined = _intervals(one, other, members, own, method, level, n_boot, seed)
    pooled = float(value) if np.isfinite(value) else None
    return RankCorrelation(
        method, level, pooled, ends[0], ends[1], within, ends[2], ends[3], *counts, n_undefined, reason
    )


def _correlation(x: Float, y: Float, method: str) -> float:
    """Return the correlation; NaN for too few points or a constant variable."""
    if len(x) < _FEWEST or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    if method == "kendall":
        return float(stats.kendalltau(x, y).statistic)
    if method == "spearman":
        x, y = stats.rankdata(x), stats.rankdata(y)
    # not scipy's functions: their p-values cost a hundred times the correlation, which here is drawn a thousand times
    return float(np.corrcoef(x, y)[0, 1])


def _intervals(
    x: Float, y: Float, members: list[NDArray[np.int64]], own: Float, method: str, level: float, n_boot: int, seed: int
) -> tuple[tuple[float | None, ...], int]:
    generator = stream(seed, "correlation over worlds")
    pooled, within = [], []
    for _ in range(n_boot):
        drawn = generator.integers(0, len(members), len(members))
        rows = np.concatenate([members[k] for k in drawn])
        pooled.append(_correlation(x[rows], y[rows], method))
        some = own[drawn][np.isfinite(own[drawn])]
        within.append(float(some.mean()) if len(some) else float("nan"))
    ends: list[float | None] = []
    for draws in (np.array(pooled), np.array(within)):
        known = draws[np.isfinite(draws)]
        tails = [0.5 * (1.0 - level), 0.5 * (1.0 + level)]
        ends += [float(end) for end in np.quantile(known, tails, method="weibull")] if len(known) else [None, None]
    return tuple(ends), int((~np.isfinite(pooled)).sum())
