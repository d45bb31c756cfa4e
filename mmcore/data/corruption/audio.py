"""Noise on a waveform: white noise at a signal-to-noise ratio, and outages of consecutive steps.

    white_noise         x + level * rms(x) * z, so that SNR = -20 log10(level) dB: level .1 is 20 dB, level 1 is 0 dB
    structured_dropout  blocks of 10 steps, from a drawn phase, are silent where u_block < level

The power is the sample's own, as in "additive noise at x dB" (a silent signal stays silent); `gaussian` is in units of
the training rows instead. After MultiBench (Liang et al. 2021), where it departs on purpose: there the standard
deviation is `level` whatever the loudness, and signals that are not chosen come back as zeros. Blocks are disjoint, so
the expected silent share is `level` exactly and a longer outage contains a shorter one.
"""

from __future__ import annotations

import numpy as np

from mmcore.data.corruption.statistics import FeatureStatistics

BLOCK_STEPS = 10


def white_noise(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the waveform (t, channels) with white noise `level` times as strong as itself; `fill` is its silence.

    Example:
        >>> x = np.sin(np.arange(20000.0))[:, None]
        >>> noise = white_noise(x, 0.1, np.random.default_rng(0), None, np.zeros(1)) - x
        >>> round(float(10 * np.log10((x**2).mean() / (noise**2).mean())))
        20
    """
    power = np.nanmean((values - fill) ** 2) if values.size else 0.0
    return values + level * float(np.sqrt(power)) * draw.standard_normal(values.shape)


def structured_dropout(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return the sequence (t, d) with blocks of 10 consecutive steps replaced by `fill` with probability `level`.

    Example:
        >>> out = structured_dropout(np.ones((40, 1)), 0.5, np.random.default_rng(1), None, np.zeros(1))
        >>> 0 < float(out.mean()) < 1
        True
    """
    phase = int(draw.integers(BLOCK_STEPS))
    block = (np.arange(len(values)) + phase) // BLOCK_STEPS
    dropped = (draw.random(len(values) // BLOCK_STEPS + 2) < level)[block]
    return np.where(dropped.reshape(-1, *[1] * (values.ndim - 1)) & ~np.isnan(values), fill, values)
