"""Sequences of different lengths, one after another in a flat array with offsets.

Sample i is `values[offsets[i] : offsets[i + 1]]`; `times` gives each step's start and end in seconds. The layout is
that of Arrow's list arrays: it can be memory-mapped, and a sample is a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmcore.errors import InputError, counted


@dataclass(frozen=True, eq=False)
class Ragged:
    """Ragged sequences of vectors.

    Args:
        values: (total, d), all samples one after another.
        offsets: (N + 1,) int64, from 0 to total, never decreasing.
        times: (total, 2) start and end of each step in seconds, or None.

    Raises:
        InputError: where the three do not fit together.

    Example:
        >>> r = Ragged.from_list([[[1.0], [2.0]], [], [[3.0]]])
        >>> len(r), r.lengths.tolist(), r[2].tolist()
        (3, [2, 0, 1], [[3.0]])
    """

    values: np.ndarray
    offsets: np.ndarray
    times: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim < 2:
            raise InputError("values", f"shape {self.values.shape}", "(total, d)", "Give each step a vector.")
        offsets = self.offsets
        if offsets.ndim != 1 or len(offsets) < 1 or offsets.dtype.kind not in "iu":
            raise InputError("offsets", f"{offsets.dtype} {offsets.shape}", "(N + 1,) integers", "Rebuild the offsets.")
        if offsets[0] != 0 or offsets[-1] != len(self.values) or (np.diff(offsets.astype(np.int64)) < 0).any():
            received = f"{int(offsets[0])} to {int(offsets[-1])}"
            raise InputError("offsets", received, f"rising from 0 to {len(self.values)}", "Rebuild the offsets.")
        if self.times is not None and self.times.shape != (len(self.values), 2):
            raise InputError(
                "times", f"shape {self.times.shape}", (len(self.values), 2), "Give start and end per step."
            )

    @classmethod
    def from_list(cls, sequences: Sequence, times: Sequence | None = None, *, width: int | None = None) -> Ragged:
        """Return the ragged array of a list of (t_i, d) arrays; (t_i,) counts as (t_i, 1), None and [] as empty.

        Args:
            sequences: N arrays, all with the same trailing shape.
            times: N arrays (t_i, 2), or None.
            width: d, needed only where every sequence is empty.

        Raises:
            InputError: where widths differ or times do not match their sequence.
        """
        arrays = [np.asarray([] if s is None else s) for s in sequences]
        trailing, dtype = _trailing_shape(arrays, width)
        rows = [a.reshape(len(a), *trailing) if a.size else np.zeros((0, *trailing), dtype) for a in arrays]
        offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
        values = np.concatenate(rows) if rows else np.zeros((0, *trailing), dtype)
        return cls(values.astype(dtype, copy=False), offsets, _flat_times(times, rows))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        start, stop = self._bounds(index)
        return self.values[start:stop]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        timed = ", timed" if self.times is not None else ""
        return f"Ragged({len(self)} sequences, {self.values.shape} {self.values.dtype}{timed})"

    def _bounds(self, index: int) -> tuple[int, int]:
        position = int(index)
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return int(self.offsets[position]), int(self.offsets[position + 1])

    def times_of(self, index: int) -> np.ndarray | None:
        """Return the (t_i, 2) starts and ends in seconds of sample `index`, or None where there are no times."""
        if self.times is None:
            return None
        start, stop = self._bounds(index)
        return self.times[start:stop]

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sample, (N,) int64."""
        return np.diff(np.asarray(self.offsets, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def sample_shape(self) -> tuple[int | None, ...]:
        """The shape of one sample, `(None, d)`."""
        return (None, *self.values.shape[1:])

    def select(self, rows: np.ndarray) -> Ragged:
        """Return the given samples, in that order.

        Example:
            >>> Ragged.from_list([[1], [2, 3]]).select(np.array([1, 0])).values[:, 0].tolist()
            [2, 3, 1]
        """
        positions = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[positions]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        starts = np.asarray(self.offsets, dtype=np.int64)[positions]
        steps = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[steps], offsets, None if self.times is None else self.times[steps])

    def emptied(self, keep: np.ndarray) -> Ragged:
        """Return the same samples with those where `keep` (N,) is False made empty."""
        kept = np.asarray(keep, dtype=bool)
        steps = np.repeat(kept, self.lengths)
        offsets = np.concatenate([[0], np.cumsum(np.where(kept, self.lengths, 0))]).astype(np.int64)
        return Ragged(self.values[steps], offsets, None if self.times is None else self.times[steps])


def _trailing_shape(arrays: list[np.ndarray], width: int | None) -> tuple[tuple[int, ...], np.dtype]:
    """The shape of one step and the dtype that holds all, from the sequences that are not empty."""
    filled = [(i, a) for i, a in enumerate(arrays) if a.size]
    if not filled:
        shaped = [a for a in arrays if a.ndim > 1]
        trailing = shaped[0].shape[1:] if shaped else (width or 1,)
        return trailing, arrays[0].dtype if arrays else np.dtype(np.float64)
    shapes = {i: a.shape[1:] or (1,) for i, a in filled}
    first = shapes[filled[0][0]]
    for i, shape in shapes.items():
        if shape != first:
            received = f"steps of shape {shape} in sample {i}"
            allowed = f"{first} as in sample {filled[0][0]}"
            raise InputError("sequences", received, allowed, "Give every sequence the same number of channels.")
    return first, np.result_type(*(a.dtype for _, a in filled))


def _flat_times(times: Sequence | None, rows: list[np.ndarray]) -> np.ndarray | None:
    if times is None:
        return None
    if len(times) != len(rows):
        raise InputError("times", counted(len(times), "sample"), len(rows), "Give the times of every sample.")
    flat = [np.zeros((0, 2)) if t is None or len(t) == 0 else np.asarray(t, dtype=np.float64) for t in times]
    for i, (t, row) in enumerate(zip(flat, rows, strict=True)):
        if t.shape != (len(row), 2):
            received = f"shape {t.shape} in sample {i}"
            raise InputError("times", received, (len(row), 2), "Give the start and the end of every step.")
    return np.concatenate(flat) if flat else np.zeros((0, 2))
