"""Sequences as flat matrices: rows of a fixed or ragged array one step after another, and gaps filled inside a sample.

A missing step is interpolated linearly between its neighbours in the same sample and channel; before the first and
after the last observed step the nearest one stands (Little and Rubin, Statistical Analysis with Missing Data, 2019,
section 4.2 on single imputation: it is why the share of missing steps is kept beside it). A channel with no observed
step in a sample takes the channel's training mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore.data.preprocess.contract import Rows
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError


@dataclass(frozen=True, eq=False)
class Steps:
    """All steps of all samples: `values` (total, channels) float64, `lengths` (n,) steps of each sample."""

    values: np.ndarray
    lengths: np.ndarray

    @property
    def offsets(self) -> np.ndarray:
        """Where each sample starts and ends, (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @property
    def sample_of_step(self) -> np.ndarray:
        """The sample of each step, (total,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def steps_of(rows: Rows) -> Steps:
    """Return the steps of (n, t), (n, t, channels) or ragged rows.

    Raises:
        InputError: for text, another number of axes, an empty sample, or an infinite value (the channel is named).

    Example:
        >>> steps_of(Rows("a", "timeseries", np.zeros((2, 5, 3)))).values.shape
        (10, 3)
    """
    array = rows.values
    if array.dtype.kind not in "fiub":
        raise InputError(rows.name, f"dtype {array.dtype}", "numbers", "Declare its kind as 'text'.")
    if isinstance(array, Ragged):
        flat, lengths, axes = array.values, array.lengths, array.values.ndim + 1
    else:
        steps = array.shape[1] if array.ndim > 1 else 1
        flat, lengths, axes = array, np.full(len(array), steps, dtype=np.int64), array.ndim
        flat = flat.reshape(len(array) * steps, -1) if array.ndim <= 3 else flat
    if axes > 3:
        received = f"{axes - 1} axes a sample"
        raise InputError(rows.name, received, "(time, channels)", "Flatten the channels, or declare kind 'image'.")
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        received = f"no step in {rows.sample(int(empty[0]))} and {len(empty) - 1} more"
        raise InputError(rows.name, received, "at least one step where present", "Mark these samples as absent.")
    result = Steps(np.array(flat, dtype=np.float64), np.asarray(lengths))
    _refuse_infinite(rows, result)
    return result


def _refuse_infinite(rows: Rows, steps: Steps) -> None:
    infinite = np.isinf(steps.values)
    if infinite.any():
        step, channel = np.argwhere(infinite)[0]
        name = rows.column_names(steps.values.shape[1], "channel")[channel]
        where = rows.sample(int(steps.sample_of_step[step]))
        remedy = "Replace it by a missing value, or correct the source."
        raise InputError(f"{rows.name}.{name}", f"an infinite value in {where}", "finite or missing", remedy)


def check_channels(rows: Rows, steps: Steps, expected: int) -> None:
    """Raise where the number of channels differs from training."""
    if steps.values.shape[1] != expected:
        received, allowed = f"{steps.values.shape[1]} channels", f"{expected} channels, as in training"
        raise InputError(rows.name, received, allowed, "Give the same channels in the same order.")


def channel_means(steps: Steps) -> np.ndarray:
    """Return each channel's mean over the observed steps, (channels,); 0 where none was observed."""
    observed = ~np.isnan(steps.values)
    totals = np.where(observed, steps.values, 0.0).sum(axis=0)
    return totals / np.maximum(observed.sum(axis=0), 1)


def fill_gaps(steps: Steps, means: np.ndarray) -> tuple[Steps, np.ndarray, int]:
    """Return the steps without NaN, where NaN was (total, channels), and how many sample-channels had no step at all.

    Example:
        >>> steps = Steps(np.array([[0.0], [np.nan], [4.0], [np.nan]]), np.array([4]))
        >>> fill_gaps(steps, np.zeros(1))[0].values[:, 0].tolist()
        [0.0, 2.0, 4.0, 4.0]
    """
    missing = np.isnan(steps.values)
    if not missing.any():
        return steps, missing, 0
    filled, empty, offsets = steps.values.copy(), 0, steps.offsets
    for sample in np.unique(steps.sample_of_step[missing.any(axis=1)]):
        part = slice(offsets[sample], offsets[sample + 1])
        for channel in np.flatnonzero(missing[part].any(axis=0)):
            gaps = missing[part, channel]
            if gaps.all():
                filled[part, channel] = means[channel]
                empty += 1
                continue
            known = np.flatnonzero(~gaps)
            filled[part, channel][gaps] = np.interp(np.flatnonzero(gaps), known, steps.values[part, channel][known])
    return Steps(filled, steps.lengths), missing, empty
