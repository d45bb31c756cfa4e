"""What a stretch of signal looks like in a few numbers: level, spread, quartiles, roughness, spectrum, correlations.

Per channel: mean, standard deviation, minimum, maximum, quartiles, mean |x[t+1] - x[t]|, the share of steps at which
the signal crosses its own mean, and the share of its variance in each frequency band; per pair of channels, Pearson's
correlation. With the one-sided spectrum |X[k]|^2 (doubled where k has a mirror image), Parseval's identity
sum_k |X[k]|^2 / t^2 = variance makes the shares add to one (Oppenheim and Schafer, Discrete-Time Signal Processing,
2010, section 8.6).

Band edges are spaced logarithmically from the lowest frequency of a sample of typical length to half the sampling
rate; what is slower than the first edge counts to the first band, and the mean (k = 0) to none. A channel without any
spread has energy shares and correlations of 0, because 0 / 0 says nothing.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mmcore.data.preprocess.sequences import Steps

LEVEL_FEATURES = ("mean", "sd", "min", "q25", "median", "q75", "max", "roughness", "crossings")
_CHUNK_VALUES = 4_000_000


def band_edges(length: int, bands: int) -> np.ndarray:
    """Return (bands + 1,) edges in cycles a step, from 1 / length to 1 / 2.

    Example:
        >>> band_edges(8, 2).tolist()
        [0.125, 0.25, 0.5]
    """
    return np.geomspace(1 / max(length, 3), 0.5, bands + 1)


def energy_shares(deviations: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return each band's share of the variance.

    Args:
        deviations: (n, t, channels), every channel minus its mean.
        edges: from `band_edges`.

    Returns:
        (n, channels, bands), adding to 1 over the bands, or all 0 without spread.

    Example:
        >>> wave = np.sin(2 * np.pi * np.arange(8) / 8)[None, :, None]
        >>> energy_shares(wave, band_edges(8, 2)).round(3).tolist()
        [[[1.0, 0.0]]]
    """
    steps = deviations.shape[1]
    power = np.abs(np.fft.rfft(deviations, axis=1)) ** 2
    frequencies = np.fft.rfftfreq(steps)
    mirrored = (frequencies > 0) & (2 * frequencies < 1)
    power = power * np.where(mirrored, 2.0, 1.0)[None, :, None]
    power[:, 0] = 0.0
    # An edge that a frequency meets exactly must not depend on the last bit of either.
    band = np.clip(np.searchsorted(edges * (1 - 1e-9), frequencies, side="right") - 1, 0, len(edges) - 2)
    energy = np.stack([power[:, band == b].sum(axis=1) for b in range(len(edges) - 1)], axis=2)
    total = energy.sum(axis=2, keepdims=True)
    return np.divide(energy, total, out=np.zeros_like(energy), where=total > 0)


def _level_features(block: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """The features of `LEVEL_FEATURES`, (n, channels, 9)."""
    quantiles = np.quantile(block, [0.0, 0.25, 0.5, 0.75, 1.0], axis=1)
    if block.shape[1] > 1:
        roughness = np.abs(np.diff(block, axis=1)).mean(axis=1)
        above = deviations > 0
        crossings = (above[:, 1:] != above[:, :-1]).mean(axis=1)
    else:
        roughness = crossings = np.zeros(block[:, 0].shape)
    spread = np.sqrt((deviations**2).mean(axis=1))
    return np.stack([block.mean(axis=1), spread, *quantiles, roughness, crossings], axis=2)


def _correlations(deviations: np.ndarray) -> np.ndarray:
    """Pearson's correlation of every pair of channels, (n, pairs)."""
    pairs = list(combinations(range(deviations.shape[2]), 2))
    energy = (deviations**2).sum(axis=1)
    products = np.stack([(deviations[:, :, i] * deviations[:, :, j]).sum(axis=1) for i, j in pairs], axis=1)
    norms = np.sqrt(np.stack([energy[:, i] * energy[:, j] for i, j in pairs], axis=1))
    return np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)


def summarise_block(block: np.ndarray, edges: np.ndarray, *, correlations: bool) -> np.ndarray:
    """Return the features of samples of one length.

    Args:
        block: (n, t, channels) float64 without NaN.
        edges: from `band_edges`.
        correlations: whether pairs of channels are added.

    Returns:
        (n, features) in the order of `feature_names`.
    """
    deviations = block - block.mean(axis=1, keepdims=True)
    constant = block.min(axis=1, keepdims=True) == block.max(axis=1, keepdims=True)
    deviations = np.where(constant, 0.0, deviations)
    parts = np.concatenate([_level_features(block, deviations), energy_shares(deviations, edges)], axis=2)
    flat = parts.reshape(len(block), -1)
    if correlations and block.shape[2] > 1:
        flat = np.concatenate([flat, _correlations(deviations)], axis=1)
    return flat


def feature_names(channels: tuple[str, ...], bands: int, *, correlations: bool) -> tuple[str, ...]:
    """Return the names of the features, in order.

    Example:
        >>> feature_names(("x", "y"), 1, correlations=True)[-2:]
        ('y:energy_1', 'x~y:correlation')
    """
    each = [*LEVEL_FEATURES, *(f"energy_{b + 1}" for b in range(bands))]
    names = [f"{channel}:{feature}" for channel in channels for feature in each]
    if correlations:
        names += [f"{first}~{second}:correlation" for first, second in combinations(channels, 2)]
    return tuple(names)


def summarise(steps: Steps, edges: np.ndarray, *, correlations: bool) -> np.ndarray:
    """Return (n, features) of all samples; samples of one length are computed together, in blocks of bounded memory."""
    channels = steps.values.shape[1]
    width = len(feature_names(("",) * channels, len(edges) - 1, correlations=correlations))
    features, offsets = np.empty((len(steps.lengths), width)), steps.offsets
    for length in np.unique(steps.lengths):
        samples = np.flatnonzero(steps.lengths == length)
        block_rows = max(1, _CHUNK_VALUES // (int(length) * channels))
        for start in range(0, len(samples), block_rows):
            chosen = samples[start : start + block_rows]
            rows = offsets[chosen][:, None] + np.arange(length)
            features[chosen] = summarise_block(steps.values[rows], edges, correlations=correlations)
    return features
