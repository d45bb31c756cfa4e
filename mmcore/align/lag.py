"""Constant lag between two sequences by normalised cross-correlation, with a refusal where no peak stands out.

    r(l) = sum_t (x_t - m_x)(y_{t+l} - m_y) / sqrt(sum_t (x_t - m_x)^2 sum_t (y_{t+l} - m_y)^2)

over the steps both have at lag l, means included (Pearson's r of the overlap). A positive lag means that y comes later:
y_t = x_{t-l}. The fraction of a step maximises the band-limited interpolation of r, which unlike a parabola through the
peak is unbiased for a band-limited signal. Several samples that share one lag add numerator and denominator each.

The peak is refused where it lies below what chance gives: the largest of the searched correlations of two independent
series with these autocorrelations, sd(r) = sqrt(sum_k a_x(k) a_y(k) / n) (Bartlett 1946), Bonferroni over the lags;
where it lies at the edge of the search; and where another peak, not merely its own shoulder, is within 5% of its height
(periodic signals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcore.align.features import as_steps
from mmcore.align.resample import sinc_taps
from mmcore.errors import InputError

FOUND, REFUSED = "found", "refused"
_SAME_HEIGHT = 0.95


@dataclass(frozen=True)
class Lag:
    """The lag of one sequence behind another.

    Attributes:
        lag: steps by which y comes after x, with its fraction; the best guess even when refused.
        score: correlation at the peak.
        threshold: correlation that chance stays under with probability 1 - alpha over the whole search.
        runner_up: the next highest separate peak, or None.
        status: "found" or "refused".
        refusals: why it is refused: "below_chance", "edge_of_search", "ambiguous"; empty when found.
        lags: (L,) lags searched, steps.
        correlation: (L,) r(l).
    """

    lag: float
    score: float
    threshold: float
    runner_up: float | None
    status: str
    refusals: tuple[str, ...]
    lags: np.ndarray
    correlation: np.ndarray


def estimate_lag(x: np.ndarray, y: np.ndarray, *, max_lag: int, alpha: float = 0.01) -> Lag:
    """Return how many steps `y` comes after `x`.

    Args:
        x: (n, d) or (n,) steps of one clock.
        y: (m, d) or (m,) steps of the same rate, starting together with `x`; widths equal.
        max_lag: largest lag searched either way, steps; at most half of the shorter sequence.
        alpha: chance of accepting a lag between unrelated sequences.

    Raises:
        InputError: for other shapes, a search wider than half of the shorter sequence, alpha outside (0, 1).

    Example:
        >>> x = np.random.default_rng(0).normal(size=200).cumsum()
        >>> round(estimate_lag(x[5:], x[:-5], max_lag=20).lag)
        5
    """
    return estimate_common_lag([(x, y)], max_lag=max_lag, alpha=alpha)


def estimate_common_lag(pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, max_lag: int, alpha: float = 0.01) -> Lag:
    """Return the one lag that all `pairs` (x, y) share; arguments as in `estimate_lag`.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(3, 60)).cumsum(1)
        >>> round(estimate_common_lag([(a[2:], a[:-2]) for a in x], max_lag=8).lag)
        2
    """
    if not len(pairs):
        raise InputError("pairs", "none", "at least one pair of sequences", "Give sequences present in both.")
    if not 0 < alpha < 1:
        raise InputError("alpha", alpha, "a probability in (0, 1)", "Give 0.01.")
    lags = np.arange(-max_lag, max_lag + 1)
    numerator = np.zeros(len(lags))
    x_energy = np.zeros(len(lags))
    y_energy = np.zeros(len(lags))
    variance = weight = 0.0
    for x, y in pairs:
        a, b = _check_pair(x, y, max_lag)
        cross, left, right = _overlap_moments(a, b, lags)
        numerator += cross
        x_energy += left
        y_energy += right
        energy = float(np.sqrt(_energy(a) * _energy(b)))
        variance += energy**2 * _bartlett(a, b)
        weight += energy
    scale = np.sqrt(x_energy * y_energy)
    correlation = np.divide(numerator, scale, out=np.zeros_like(scale), where=scale > 1e-12 * max(weight, 1e-300))
    deviation = float(np.sqrt(variance)) / weight if weight > 0 else 1.0
    return _judge(lags, correlation, deviation, alpha)


def _check_pair(x: np.ndarray, y: np.ndarray, max_lag: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = as_steps(x, "x"), as_steps(y, "y")
    if a.shape[1] != b.shape[1]:
        raise InputError(
            "y", f"width {b.shape[1]}", f"the width of x, {a.shape[1]}", "Use features that both have ('magnitude')."
        )
    shorter = min(len(a), len(b))
    if not 1 <= max_lag <= shorter // 2:
        raise InputError(
            "max_lag", f"{max_lag} steps", f"1 to {shorter // 2} steps (half of the shorter sequence, {shorter})",
            "Search a smaller lag or give longer sequences.",
        )  # fmt: skip
    return a, b


def _energy(values: np.ndarray) -> float:
    return float(((values - values.mean(axis=0)) ** 2).sum())


def _overlap_moments(x: np.ndarray, y: np.ndarray, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centred cross product and energies of the overlap at each lag, summed over channels: three (L,) arrays."""
    n, m = len(x), len(y)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)  # keeps the cumulated sums small, hence exact
    size = 1 << int(np.ceil(np.log2(n + m)))
    spectrum = np.conj(np.fft.rfft(x, size, axis=0)) * np.fft.rfft(y, size, axis=0)
    product = np.fft.irfft(spectrum, size, axis=0)[lags % size]  # (L, d) sum_t x_t y_{t+l}
    first, last = np.maximum(0, -lags), np.minimum(n, m - lags)  # of x in the overlap
    count = (last - first)[:, None]

    def between(values: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return total[stop] - total[start]

    x_sum, x_square = between(x, first, last), between(x**2, first, last)
    y_sum, y_square = between(y, first + lags, last + lags), between(y**2, first + lags, last + lags)
    cross = product - x_sum * y_sum / count
    return (
        cross.sum(axis=1),
        np.maximum(x_square - x_sum**2 / count, 0.0).sum(axis=1),  # rounding alone can make them negative
        np.maximum(y_square - y_sum**2 / count, 0.0).sum(axis=1),
    )


def _bartlett(x: np.ndarray, y: np.ndarray) -> float:
    """Variance of the correlation of two independent series with the autocorrelations of `x` and `y`.

    The autocorrelations are those of all channels together, up to a quarter of the length, where they are still more
    than noise.
    """
    n = min(len(x), len(y))
    reach = max(1, n // 4)
    product = _autocorrelation(x, reach) * _autocorrelation(y, reach)
    inflation = 1.0 + 2.0 * float(((1.0 - np.arange(1, reach + 1) / n) * product[1:]).sum())
    return max(inflation, 1.0) / (n * _effective_width(x))


def _autocorrelation(values: np.ndarray, reach: int) -> np.ndarray:
    centred = values - values.mean(axis=0)
    size = 1 << int(np.ceil(np.log2(2 * len(values))))
    power = (np.abs(np.fft.rfft(centred, size, axis=0)) ** 2).sum(axis=1)
    raw = np.fft.irfft(power, size)[: reach + 1]
    return raw / raw[0] if raw[0] > 0 else np.r_[1.0, np.zeros(reach)]


def _effective_width(values: np.ndarray) -> float:
    """Return how many independent channels `values` has: trace(C)^2 / trace(C^2), between 1 and d."""
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred
    spread = float((covariance**2).sum())
    return float(np.trace(covariance)) ** 2 / spread if spread > 0 else 1.0


def _judge(lags: np.ndarray, correlation: np.ndarray, deviation: float, alpha: float) -> Lag:
    from scipy.special import ndtri

    peak = int(np.argmax(correlation))
    score = float(correlation[peak])
    threshold = float(-ndtri(alpha / len(lags)) * deviation)
    at_edge = peak in (0, len(lags) - 1)
    lag = float(lags[peak]) + (0.0 if at_edge else _fraction(correlation, peak))
    runner_up = _runner_up(correlation, peak)
    refusals = {
        "below_chance": score <= threshold,
        "edge_of_search": at_edge,
        "ambiguous": runner_up is not None and runner_up >= _SAME_HEIGHT * score,
    }
    given = tuple(code for code, holds in refusals.items() if holds)
    return Lag(lag, score, threshold, runner_up, REFUSED if given else FOUND, given, lags, correlation)


def _fraction(correlation: np.ndarray, peak: int) -> float:
    """Return where within a step of `peak` the band-limited interpolation of `correlation` is highest."""
    fractions = np.linspace(-1.0, 1.0, 41)
    offsets, taps = sinc_taps(-fractions)
    around = correlation[np.clip(peak - offsets, 0, len(correlation) - 1)]
    height = taps @ around
    best = int(np.clip(np.argmax(height), 1, len(height) - 2))
    before, top, after = height[best - 1 : best + 2]
    bend = before - 2.0 * top + after
    step = float(fractions[1] - fractions[0])
    return float(fractions[best]) + (step * float(0.5 * (before - after) / bend) if bend < 0 else 0.0)


def _runner_up(correlation: np.ndarray, peak: int) -> float | None:
    """Return the highest local maximum separated from `peak` by a dip below half of its height."""
    low = np.flatnonzero(correlation < 0.5 * correlation[peak])
    left = low[low < peak]
    right = low[low > peak]
    outside = np.ones(len(correlation), dtype=bool)
    outside[(left[-1] if len(left) else 0) : (right[0] if len(right) else len(correlation) - 1) + 1] = False
    return float(correlation[outside].max()) if outside.any() else None
