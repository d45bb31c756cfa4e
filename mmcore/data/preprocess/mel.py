"""A log-mel spectrogram: short-time power spectra, summed under triangles that are evenly spaced in mel, in decibels.

S[f, m] = sum_k w_m(k) |sum_n x[n + f h] v[n] exp(-2 pi i k n / K)|^2 / (sum_n v[n])^2 with the Hann window v, hop h and
K-point transforms; a full-scale sine on a bin then has power 1/4. Level: max(10 log10 S, floor) dB: the floor is the
only limit, and it is the user's. Mel scales: `htk` 2595 log10(1 + f / 700) (O'Shaughnessy 1987; the HTK Book 3.4),
`slaney` linear below 1 kHz, logarithmic above (Slaney, Auditory Toolbox, 1998). Triangles have peak 1 (HTK), not
Slaney's unit area, so that levels of bands add up as power does.
"""

from __future__ import annotations

import numpy as np

from mmcore.errors import InputError

MEL_SCALES = ("htk", "slaney")
_SLANEY_STEP = 200 / 3
_SLANEY_CORNER = 1000.0
_SLANEY_LOG_STEP = np.log(6.4) / 27


def mel_of_hertz(hertz: np.ndarray | float, scale: str) -> np.ndarray:
    """Return frequencies in mel.

    Example:
        >>> float(mel_of_hertz(700.0, "htk").round(2)), float(mel_of_hertz(1000.0, "slaney").round(6))
        (781.17, 15.0)
    """
    f = np.asarray(hertz, dtype=float)
    if scale == "htk":
        return 2595 * np.log10(1 + f / 700)
    above = np.log(np.maximum(f, _SLANEY_CORNER) / _SLANEY_CORNER) / _SLANEY_LOG_STEP
    return np.where(f < _SLANEY_CORNER, f / _SLANEY_STEP, _SLANEY_CORNER / _SLANEY_STEP + above)


def hertz_of_mel(mel: np.ndarray | float, scale: str) -> np.ndarray:
    """Return the inverse of `mel_of_hertz`."""
    m = np.asarray(mel, dtype=float)
    if scale == "htk":
        return 700 * (10 ** (m / 2595) - 1)
    corner = _SLANEY_CORNER / _SLANEY_STEP
    above = _SLANEY_CORNER * np.exp(_SLANEY_LOG_STEP * (np.maximum(m, corner) - corner))
    return np.where(m < corner, m * _SLANEY_STEP, above)


def band_centres(bands: int, low: float, high: float, scale: str) -> np.ndarray:
    """Return the (bands + 2,) corners of the triangles in Hz, evenly spaced in mel; the inner ones are the centres."""
    ends = mel_of_hertz(np.array([low, high]), scale)
    return hertz_of_mel(np.linspace(ends[0], ends[1], bands + 2), scale)


def mel_filterbank(bands: int, size: int, rate: float, *, low: float, high: float, scale: str) -> np.ndarray:
    """Return the weights (bands, size // 2 + 1) of triangles with peak 1 at the centres.

    Args:
        bands: how many triangles.
        size: K, the points of the transform.
        rate: Hz.
        low: lower corner of the first triangle, Hz.
        high: upper corner of the last triangle, Hz.
        scale: one of `MEL_SCALES`.

    Raises:
        InputError: where a triangle is narrower than the transform resolves.

    Example:
        >>> mel_filterbank(10, 512, 8000.0, low=0.0, high=4000.0, scale="htk").shape
        (10, 257)
    """
    corners = band_centres(bands, low, high, scale)
    f = np.fft.rfftfreq(size, 1 / rate)[None, :]
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    weights = np.maximum(0.0, np.minimum((f - left) / (centre - left), (right - f) / (right - centre)))
    empty = np.flatnonzero(weights.max(axis=1) == 0)
    if len(empty):
        received = f"{bands} bands over {size}-point spectra: band {int(empty[0])} holds no frequency"
        raise InputError("bands", received, "bands wider than a bin", "Lower bands, or raise window_seconds.")
    return weights


def frame_signal(signal: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Return (frames, window) stretches that cover the whole signal; the end is padded with zeros.

    Example:
        >>> frame_signal(np.arange(5.0), 4, 2).tolist()
        [[0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 0.0]]
    """
    frames = 1 + max(0, -(-(len(signal) - window) // hop))
    padded = np.zeros((frames - 1) * hop + window)
    padded[: len(signal)] = signal
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


def log_mel(signal: np.ndarray, weights: np.ndarray, *, window: int, hop: int, floor: float) -> np.ndarray:
    """Return the levels (bands, frames) in dB, not below `floor`.

    Args:
        signal: (n,) mono, full scale 1.
        weights: from `mel_filterbank`.
        window: steps in a frame.
        hop: steps from frame to frame.
        floor: the lowest level, dB re full-scale power.
    """
    size = 2 * (weights.shape[1] - 1)
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    spectra = np.abs(np.fft.rfft(frame_signal(signal, window, hop) * shape, size, axis=1)) ** 2 / shape.sum() ** 2
    return 10 * np.log10(np.maximum(weights @ spectra.T, 10 ** (floor / 10)))
