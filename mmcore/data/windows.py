"""Cut recordings into windows of equal length, all time modalities on the same clock.

Window i of a recording spans [i * stride, i * stride + seconds). A modality of rate r Hz has round(r * seconds) steps
in it, from step round(r * i * stride) on, so that modalities of different rates stay together over long recordings. A
window is kept where every present time modality covers it whole; the tail is dropped. All modalities of a recording
start at the same moment.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from mmcore.data.dataset import Array, Dataset, spec_of_array
from mmcore.data.ragged import Ragged
from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError

TIME_KINDS = ("timeseries", "audio")


def cut_windows(ds: Dataset, *, seconds: float, stride: float | None = None) -> Dataset:
    """Return the windows, called `<recording>-<index>`, with their recording's labels, split, fold and group.

    Args:
        ds: recordings; each `timeseries` and `audio` modality has a rate. Others are repeated for each window.
        seconds: length of a window.
        stride: from the start of one window to that of the next; None: `seconds`, windows do not overlap.

    Raises:
        InputError: without a time modality, without a rate, for steps with times of their own (align them first), for a
            window below one step, or where no recording is as long as a window.

    Returns:
        The dataset of windows. Where no group is known, the recording becomes the group: its windows must not lie in
        two splits. `annotations["windows"]` records how many recordings were too short for a single window.

    Example:
        >>> from mmcore.data import from_arrays
        >>> walk = from_arrays({"a": [np.arange(5.0)[:, None]] * 3}, labels=["x", "y", "x"], rates={"a": 2.0})
        >>> windows = cut_windows(walk, seconds=1.0)
        >>> windows["a"].shape, windows.samples["sample_id"].tolist()[:2]
        ((6, 2, 1), ['0-0', '0-1'])
    """
    step = seconds if stride is None else stride
    for argument, value in (("seconds", seconds), ("stride", step)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(argument, value, "a positive number of seconds", "Give the length in seconds.")
    timed = [m for m in ds.spec.modalities if m.kind in TIME_KINDS]
    if not timed:
        kinds = ", ".join(f"{m.name}: {m.kind}" for m in ds.spec.modalities)
        raise InputError("windows", kinds, " or ".join(TIME_KINDS), "Leave out windows, or give the kinds.")
    for modality in timed:
        _check_clock(modality, seconds, step)
    counts = _window_counts(ds, timed, seconds, step)
    recording = np.repeat(np.arange(len(ds)), counts)
    index = np.concatenate([np.arange(c) for c in counts])
    if not len(recording):
        raise InputError("seconds", seconds, "at most the longest recording", "Cut shorter windows.")
    arrays: dict[str, Array] = {}
    for modality in ds.spec.modalities:
        array = ds[modality.name]
        if modality in timed:
            arrays[modality.name] = _cut(array, ds.presence(modality.name), modality, recording, index, seconds, step)
        else:
            arrays[modality.name] = array.select(recording) if isinstance(array, Ragged) else array[recording]
    specs = tuple(
        spec_of_array(m.name, arrays[m.name], kind=m.kind, rate=m.rate, unit=m.unit) for m in ds.spec.modalities
    )
    spec = dataclasses.replace(ds.spec, modalities=specs, n_samples=len(recording))
    record = {
        "seconds": float(seconds),
        "stride": float(step),
        "n_recordings": len(ds),
        "n_too_short": int((counts == 0).sum()),
    }
    return Dataset(spec, _window_samples(ds.samples, recording, index), arrays).annotate(windows=record)


def _check_clock(modality: ModalitySpec, seconds: float, stride: float) -> None:
    if modality.timed:
        allowed = "steps on a regular clock"
        raise InputError(f"times of {modality.name}", "times of each step", allowed, "Resample it before cutting.")
    if modality.rate is None:
        raise InputError(f"rate of {modality.name}", None, "steps a second", "Give the rate in the source.")
    for argument, value in (("seconds", seconds), ("stride", stride)):
        if round(value * modality.rate) < 1:
            allowed = f"at least one step of {modality.name}, {1 / modality.rate:g} s"
            raise InputError(argument, value, allowed, f"Give a larger {argument}.")


def _window_counts(ds: Dataset, timed: list[ModalitySpec], seconds: float, stride: float) -> np.ndarray:
    """Windows of each recording: as many as every present time modality covers whole; none where all are absent."""
    counts = np.full(len(ds), np.iinfo(np.int64).max)
    for modality in timed:
        array, rate = ds[modality.name], float(modality.rate or 0)
        lengths = array.lengths if isinstance(array, Ragged) else np.full(len(ds), array.shape[1])
        width = round(seconds * rate)
        for row in np.flatnonzero(ds.presence(modality.name)):
            counts[row] = min(counts[row], _fitting(int(lengths[row]), width, stride * rate))
    return np.where(counts == np.iinfo(np.int64).max, 0, counts)


def _fitting(length: int, width: int, stride: float) -> int:
    """How many windows of `width` steps fit, window i starting at round(i * stride)."""
    if length < width:
        return 0
    count = int((length - width) / stride) + 2
    while round((count - 1) * stride) + width > length:
        count -= 1
    return count


def _cut(
    array: Array,
    present: np.ndarray,
    modality: ModalitySpec,
    recording: np.ndarray,
    index: np.ndarray,
    seconds: float,
    stride: float,
) -> np.ndarray:
    """The windows of one modality, (n, width, ...); zeros where the recording does not have it."""
    rate = float(modality.rate or 0)
    width = round(seconds * rate)
    trailing = array.values.shape[1:] if isinstance(array, Ragged) else array.shape[2:]
    windows = np.zeros((len(recording), width, *trailing), dtype=array.dtype)
    for i, (row, position) in enumerate(zip(recording, index, strict=True)):
        if present[row]:
            start = round(int(position) * stride * rate)
            windows[i] = array[row][start : start + width]
    return windows


def _window_samples(samples: pd.DataFrame, recording: np.ndarray, index: np.ndarray) -> pd.DataFrame:
    table = samples.iloc[recording].reset_index(drop=True)
    names = table["sample_id"].tolist()
    if "group" not in table:
        position = list(table.columns).index(next(c for c in table.columns if c.startswith("has_")))
        table.insert(position, "group", pd.Series(names, dtype="str"))
    table["sample_id"] = pd.Series([f"{n}-{i}" for n, i in zip(names, index, strict=True)], dtype="str")
    return table
