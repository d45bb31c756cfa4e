"""Sequences brought to another clock: band-limited between uniform rates, interpolated at given times.

Band-limited: y = polyphase(x, up, down) with rate_out / rate_in = up / down, whose low-pass filter at the lower of the
two Nyquist rates keeps frequencies above it from folding back (aliasing). Interpolation, linear or previous value,
takes any time stamps and filters nothing: going to a lower rate with it folds high frequencies back.

Source: Crochiere and Rabiner 1983 (polyphase), `scipy.signal.resample_poly`; Smith, Digital Audio Resampling (the
windowed sinc of `delay`). A sample's time is the start of its interval. Ends are continued along the line from the
first to the last sample before filtering, which keeps an offset or a trend from ringing there.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from mmcore.align.features import as_steps
from mmcore.errors import InputError, unknown_name

INTERPOLATIONS = ("linear", "previous")
_LARGEST_FACTOR = 10_000
_HALF_WIDTH = 24  # taps either side of the windowed sinc
_UNIFORM_TOLERANCE = 1e-3  # of a sample: what storing seconds as float32 or milliseconds costs


def resample_uniform(values: np.ndarray, rate_in: float, rate_out: float) -> np.ndarray:
    """Return `values` sampled at `rate_in` at `rate_out` instead, band-limited, both clocks starting together.

    Args:
        values: (n, d) or (n,) samples.
        rate_in: their rate, Hz.
        rate_out: the rate wanted, Hz.

    Returns:
        (ceil(n rate_out / rate_in), d) samples.

    Raises:
        InputError: for rates that are not positive, or whose ratio is no fraction of integers up to 10,000.

    Example:
        >>> resample_uniform(np.ones(50), 50.0, 20.0).shape
        (20, 1)
    """
    from scipy.signal import resample_poly

    steps = as_steps(values, "values")
    ratio = rate_ratio(rate_in, rate_out)
    if ratio == 1:
        return steps
    return resample_poly(steps, ratio.numerator, ratio.denominator, axis=0, padtype="line")


def rate_ratio(rate_in: float, rate_out: float) -> Fraction:
    """Return rate_out / rate_in as a fraction of integers.

    Example:
        >>> rate_ratio(44100, 16000)
        Fraction(160, 441)
    """
    for argument, rate in (("rate_in", rate_in), ("rate_out", rate_out)):
        if not 0 < rate < np.inf:
            raise InputError(argument, rate, "a rate above 0, Hz", "Give samples a second.")
    exact = rate_out / rate_in
    ratio = Fraction(exact).limit_denominator(_LARGEST_FACTOR)
    if ratio.numerator > _LARGEST_FACTOR or ratio == 0 or abs(float(ratio) / exact - 1) > 1e-9:
        raise InputError(
            "rate_out", f"{rate_out} from {rate_in}", f"a ratio of integers up to {_LARGEST_FACTOR}",
            "Round the rates, or use interpolation 'linear'.",
        )  # fmt: skip
    return ratio


def resample_at(
    values: np.ndarray, times: np.ndarray, new_times: np.ndarray, *, interpolation: str = "linear"
) -> np.ndarray:
    """Return `values` known at `times` at `new_times` instead.

    Args:
        values: (n, d) or (n,) samples.
        times: (n,) seconds, strictly increasing.
        new_times: (k,) seconds. Before the first and after the last sample the nearest one holds.
        interpolation: "linear", or "previous": the last sample at or before the time.

    Returns:
        (k, d).

    Raises:
        InputError: for an unknown interpolation or times that do not increase.

    Example:
        >>> resample_at(np.array([0.0, 10.0]), np.array([0.0, 1.0]), np.array([0.25])).tolist()
        [[2.5]]
    """
    if interpolation not in INTERPOLATIONS:
        raise unknown_name("interpolation", interpolation, INTERPOLATIONS)
    steps = as_steps(values, "values")
    times = np.asarray(times, dtype=np.float64)
    new_times = np.asarray(new_times, dtype=np.float64)
    if times.shape != (len(steps),) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(
            "times", f"shape {times.shape}", f"({len(steps)},) finite seconds, strictly increasing", "Sort the samples."
        )
    if interpolation == "previous":
        return steps[np.maximum(np.searchsorted(times, new_times, side="right") - 1, 0)]
    right = np.clip(np.searchsorted(times, new_times, side="right"), 1, max(1, len(times) - 1))
    if len(times) == 1:
        return np.repeat(steps, len(new_times), axis=0)
    share = (new_times - times[right - 1]) / (times[right] - times[right - 1])
    share = np.clip(share, 0.0, 1.0)[:, None]  # holds the nearest sample outside, as the docstring says
    return steps[right - 1] * (1.0 - share) + steps[right] * share


def delay(values: np.ndarray, samples: float) -> np.ndarray:
    """Return `values` (n, d) later by `samples` steps, which may be a fraction or negative; ends are held.

    y_t = sum_k x_k sinc(t - samples - k) window(t - samples - k), normalised so that a constant stays what it is.

    Example:
        >>> delay(np.arange(4.0), 1).ravel().round(9).tolist()
        [0.0, 0.0, 1.0, 2.0]
    """
    steps = as_steps(values, "values")
    whole = int(np.floor(samples))
    offsets, taps = sinc_taps(np.array([float(samples) - whole]))
    n = len(steps)
    out = np.zeros_like(steps)
    for offset, tap in zip(offsets, taps[0], strict=True):
        out += tap * steps[np.clip(np.arange(n) - whole - offset, 0, n - 1)]
    return out


def sinc_taps(fractions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return offsets (K,) and weights (F, K): a signal at t - fraction is sum_k weight_k x_{t - offset_k}.

    Kaiser window; each row sums to 1.

    Args:
        fractions: (F,) of a step, within [-1, 1].

    Example:
        >>> offsets, taps = sinc_taps(np.array([0.0]))
        >>> offsets[taps[0].argmax()], round(float(taps[0].max()), 6)
        (np.int64(0), 1.0)
    """
    offsets = np.arange(-_HALF_WIDTH, _HALF_WIDTH + 1)
    distance = offsets - np.asarray(fractions, dtype=np.float64)[:, None]  # of the taps from the wanted instant
    window = np.i0(8.0 * np.sqrt(np.clip(1.0 - (distance / (_HALF_WIDTH + 1)) ** 2, 0.0, None)))
    taps = np.sinc(distance) * window
    return offsets, taps / taps.sum(axis=1, keepdims=True)


def uniform_rate(times: np.ndarray) -> float | None:
    """Return the rate of strictly increasing `times` (n,) in Hz, or None where they are not evenly spaced.

    Example:
        >>> uniform_rate(np.array([0.0, 0.5, 1.0])), uniform_rate(np.array([0.0, 0.5, 2.0]))
        (2.0, None)
    """
    times = np.asarray(times, dtype=np.float64)
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    period = (times[-1] - times[0]) / (len(times) - 1)
    even = times[0] + period * np.arange(len(times))
    if np.abs(times - even).max() > _UNIFORM_TOLERANCE * period:
        return None
    return float(1.0 / period)
