"""Sound to levels: mono, one rate, log-mel levels in decibels, as a summary over time or as an image.

Channels are averaged; 16-bit (32-bit, 8-bit) samples are divided by 2^15 (2^31; 8-bit: (x - 128) / 128). Resampling is
polyphase (`scipy.signal.resample_poly`, Crochiere and Rabiner 1983) by the ratio of whole-number rates. `summary` is
mean and standard deviation over time of each band, standardised by the training rows; `spectrogram` is (bands, frames,
1), cropped at its end or padded with the floor (silence), normalised by one mean and deviation of the training levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.mel import log_mel, mel_filterbank
from mmcore.data.preprocess.scaling import apply_scaling, fit_scaling, nest, nested
from mmcore.errors import InputError


def mono(sound: np.ndarray) -> np.ndarray:
    """Return one sample's sound (time,) or (time, channels) as float in [-1, 1], channels averaged.

    Example:
        >>> mono(np.array([[16384, -16384], [-32768, -32768]], dtype=np.int16)).tolist()
        [0.0, -1.0]
    """
    flat = np.asarray(sound, dtype=np.float64).reshape(len(sound), -1).mean(axis=1)
    if sound.dtype == np.uint8:
        return (flat - 128) / 128
    return flat / 2.0 ** (8 * sound.dtype.itemsize - 1) if sound.dtype.kind == "i" else flat


def resample(signal: np.ndarray, rate: float, target: float, name: str = "audio") -> np.ndarray:
    """Return `signal` at `target` Hz; both rates must be whole numbers where they differ."""
    if rate == target:
        return signal
    if rate != int(rate) or target != int(target):
        raise InputError(f"{name}.rate", f"{rate} to {target} Hz", "whole numbers of Hz", "Set rate: null.")
    from scipy.signal import resample_poly

    common = gcd(int(rate), int(target))
    return resample_poly(signal, int(target) // common, int(rate) // common)


def _source_rate(rows: Rows) -> float:
    if rows.rate is None:
        remedy = "Declare the modality's rate in Hz; for features made elsewhere declare 'timeseries' or 'embedding'."
        raise InputError(f"{rows.name}.rate", "no sampling rate", "a rate in Hz", remedy)
    return float(rows.rate)


def _plan(rows: Rows, options: dict[str, Any]) -> dict[str, Any]:
    """Everything the spectrogram needs, in steps and Hz."""
    source = _source_rate(rows)
    rate = float(options["rate"] or source)
    window = max(2, round(options["window_seconds"] * rate))
    high = float(options["high"] or rate / 2)
    if not options["low"] < high <= rate / 2:
        received = f"{options['low']} to {high} Hz at {rate:g} Hz"
        raise InputError(f"{rows.name}.high", received, f"low < high <= {rate / 2:g}", "Correct low and high.")
    size = 1 << (window - 1).bit_length()
    hop = max(1, round(options["hop_seconds"] * rate))
    return {"source_rate": source, "rate": rate, "window": window, "hop": hop, "size": size, "high": high}


def _levels(rows: Rows, plan: dict[str, Any], weights: np.ndarray, floor: float) -> list[np.ndarray]:
    """The levels of every row, (bands, frames_i)."""
    array = rows.values
    if array.dtype.kind not in "fiu" or (isinstance(array, np.ndarray) and array.ndim not in (2, 3)):
        received = f"{array.dtype}, {array.shape[1:] if isinstance(array, np.ndarray) else array.sample_shape}"
        raise InputError(rows.name, received, "(time,) or (time, channels) numbers", "Correct the arrays.")
    levels = []
    for position in range(len(rows)):
        signal = mono(np.asarray(array[position]))
        if not len(signal) or not np.isfinite(signal).all():
            received = f"{'no' if not len(signal) else 'a missing or infinite'} step in {rows.sample(position)}"
            raise InputError(rows.name, received, "finite sound", "Mark the sample as absent, or correct the source.")
        signal = resample(signal, plan["source_rate"], plan["rate"], rows.name)
        levels.append(log_mel(signal, weights, window=plan["window"], hop=plan["hop"], floor=floor))
    return levels


def _summaries(levels: list[np.ndarray]) -> np.ndarray:
    return np.array([np.concatenate([level.mean(axis=1), level.std(axis=1)]) for level in levels])


def _image(levels: list[np.ndarray], frames: int, floor: float) -> np.ndarray:
    image = np.full((len(levels), levels[0].shape[0], frames), floor)
    for i, level in enumerate(levels):
        kept = min(frames, level.shape[1])
        image[i, :, :kept] = level[:, :kept]
    return image


def fit_audio(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return filterbank and constants, from training rows: ragged or fixed (time[, channels]) with a rate in Hz.

    Raises:
        InputError: without a rate, for bands narrower than the spectrum resolves, or sound that is not finite.
    """
    plan = _plan(rows, options)
    limits = {"low": options["low"], "high": plan["high"], "scale": options["scale"]}
    try:
        weights = mel_filterbank(options["bands"], plan["size"], plan["rate"], **limits)
    except InputError as error:
        raise InputError(f"{rows.name}.bands", error.received, error.allowed, error.remedy) from error
    levels = _levels(rows, plan, weights, options["floor"])
    if options["representation"] == "summary":
        return nest("scaling", fit_scaling(_summaries(levels), options["scaling"]), plan, {"weights": weights})
    plan["frames"] = options["frames"] or max(level.shape[1] for level in levels)
    image = _image(levels, plan["frames"], options["floor"])
    return nest("scaling", fit_scaling(image.reshape(-1, 1), options["scaling"]), plan, {"weights": weights})


def apply_audio(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return vectors (2 x bands) of kind `embedding`, or (bands, frames, 1) of kind `image`; float32."""
    plan, floor = fitted.settings, options["floor"]
    if _source_rate(rows) != plan["source_rate"]:
        allowed = f"{plan['source_rate']:g} Hz, as in training"
        raise InputError(f"{rows.name}.rate", f"{rows.rate:g} Hz", allowed, "Resample, or fit again.")
    levels = _levels(rows, plan, fitted.arrays["weights"], floor)
    cells = sum(level.size for level in levels)
    record: dict[str, Any] = {"share_at_floor": sum(int((level <= floor).sum()) for level in levels) / cells}
    bands = range(len(fitted.arrays["weights"]))
    scaling = nested("scaling", fitted)
    if options["representation"] == "summary":
        scaled, _ = apply_scaling(scaling, _summaries(levels))
        columns = (*(f"band_{b}:mean" for b in bands), *(f"band_{b}:sd" for b in bands))
        return Output(scaled.astype(np.float32), "embedding", columns, None, record)
    image = _image(levels, plan["frames"], floor)
    scaled, _ = apply_scaling(scaling, image.reshape(-1, 1))
    frames = np.array([level.shape[1] for level in levels])
    record["cropped"], record["padded"] = int((frames > plan["frames"]).sum()), int((frames < plan["frames"]).sum())
    columns = tuple(f"band_{b}" for b in bands)
    return Output(scaled.reshape(*image.shape, 1).astype(np.float32), "image", columns, None, record)


def audio_does_more(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return whether sounds were cropped or padded to the longest of training."""
    image = options["representation"] == "spectrogram" and options["frames"] is None
    return image and bool(record.get("cropped") or record.get("padded"))
