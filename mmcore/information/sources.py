"""What of a dataset enters an estimate: a feature matrix for each modality, and one class label for each row.

Sequences are summarised by the mean and standard deviation of each channel over time, because clusters of raw windows
see the phase rather than the movement; everything else is flattened. A regression label is cut into quantiles.
Arrays may be larger than memory: features are read by the rows that are asked for, in pieces.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset, Ragged
from mmcore.errors import InputError, NotBuiltYetError
from mmcore.information.entropy import entropy

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_SEQUENCE_KINDS = ("timeseries", "audio")
_CHUNK_BYTES = 8 * 2**20


@dataclasses.dataclass(frozen=True)
class Source:
    """A modality (or several together) as features, read only where they are asked for.

    Attributes:
        width: number of features d.
        present: which rows have it, (N,).
        summary: in words, how the features were made.
        take: rows (n,) -> their features (n, d), float64.
    """

    name: str
    width: int
    present: NDArray[np.bool_]
    summary: str
    take: Callable[[Codes], Float]

    def chunks(self, rows: Codes) -> Iterator[tuple[slice, Float]]:
        """Yield (place within `rows`, features) for pieces of `rows` of about 8 MB."""
        size = max(1, _CHUNK_BYTES // (8 * max(self.width, 1)))
        for start in range(0, len(rows), size):
            place = slice(start, start + size)
            yield place, self.take(rows[place])


@dataclasses.dataclass(frozen=True)
class Target:
    """The label as codes (N,), -1 where there is none; class names; of a regression the bins and the numbers (N,)."""

    column: str
    task: str
    codes: Codes
    classes: tuple[str, ...]
    bin_edges: tuple[float, ...] | None
    numbers: Float | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows are labelled."""
        return self.codes >= 0

    @property
    def n_classes(self) -> int:
        """Number of classes that occur."""
        return len(np.unique(self.codes[self.known]))

    @property
    def entropy(self) -> float:
        """H(Y) of the labelled rows, bits."""
        counts = np.bincount(self.codes[self.known])
        return entropy(counts / counts.sum())


def _moments(array: Any) -> Float:
    """Return mean and standard deviation over time (N, 2c) of windows (N, t, ...), read piece by piece."""
    n, steps = len(array), array.shape[1]
    channels = int(np.prod(array.shape[2:]))
    found = np.empty((n, 2 * channels))
    size = max(1, _CHUNK_BYTES // (8 * steps * max(channels, 1)))
    for start in range(0, n, size):
        values = np.asarray(array[start : start + size], dtype=np.float64).reshape(-1, steps, channels)
        found[start : start + size, :channels] = values.mean(axis=1)
        found[start : start + size, channels:] = values.std(axis=1)
    return found


def _ragged_moments(array: Ragged) -> Float:
    width = int(np.prod(array.values.shape[1:]))
    found = np.zeros((len(array), 2 * width))
    for row in range(len(array)):
        values = np.asarray(array[row], dtype=np.float64).reshape(-1, width)
        if len(values):
            found[row, :width], found[row, width:] = values.mean(axis=0), values.std(axis=0)
    return found


def _held(name: str, features: Float, present: NDArray[np.bool_], summary: str) -> Source:
    return Source(name, features.shape[1], present, summary, lambda rows: features[rows])


def read_source(ds: Dataset, name: str) -> Source:
    """Return modality `name` of `ds` as features; arrays on disk are read only where rows are asked for.

    Raises:
        InputError: for an unknown modality, or one of text, which holds no numbers.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0, 1, 0, 1], name="my", seed=0)
        >>> read_source(ds, "a").take(np.array([0, 2])).tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    spec, array, present = ds.spec.modality(name), ds[name], ds.presence(name)
    if isinstance(array, Ragged):
        return _held(
            name, _ragged_moments(array), present & (array.lengths > 0), "mean and standard deviation over time"
        )
    if array.dtype.kind not in "fiub":
        received = f"{spec.kind} of dtype {array.dtype}"
        raise InputError(name, received, "numbers", "Turn it into vectors in preprocess.")
    if spec.kind in _SEQUENCE_KINDS and array.ndim >= 3:
        return _held(name, _moments(array), present, "mean and standard deviation over time")

    def take(rows: Codes) -> Float:
        # + 0.0 turns -0.0 into 0.0, so that equal rows are equal bytes
        return np.asarray(array[rows], dtype=np.float64).reshape(len(rows), -1) + 0.0

    return Source(name, int(np.prod(array.shape[1:])), present, "as they are", take)


def join(sources: Sequence[Source], name: str) -> Source:
    """Return several modalities as one source: their features side by side, and which of them are present.

    A row has it when it has any of them. Features of an absent one are zero and an indicator says so; a modality that
    every row has gets no indicator.

    Example:
        >>> one = Source("a", 1, np.array([True, False]), "", lambda rows: np.ones((len(rows), 1)))
        >>> two = Source("b", 1, np.array([True, True]), "", lambda rows: np.full((len(rows), 1), 2.0))
        >>> join([one, two], "rest").take(np.array([0, 1])).tolist()
        [[1.0, 2.0, 1.0], [0.0, 2.0, 0.0]]
    """
    partial = [source for source in sources if not source.present.all()]
    present = np.logical_or.reduce([source.present for source in sources])

    def take(rows: Codes) -> Float:
        blocks = [source.take(rows) * source.present[rows, None] for source in sources]
        return np.concatenate([*blocks, *(source.present[rows, None] + 0.0 for source in partial)], axis=1)

    width = sum(source.width for source in sources) + len(partial)
    return Source(
        name, width, present, "side by side, with indicators of presence" if partial else "side by side", take
    )


def read_target(ds: Dataset, column: str | None, bins: int) -> Target:
    """Return label `column` of `ds` (None: the main one) as classes.

    Args:
        bins: quantiles into which a regression label is cut.

    Raises:
        InputError: for an unknown column, no labelled row.
        NotBuiltYetError: for a multilabel column.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0.5, 1.0, 2.0, 9.0], name="my", seed=0)
        >>> read_target(ds, None, 2).codes.tolist()
        [0, 0, 1, 1]
    """
    spec = ds.spec.label(column)
    if spec.task == "multilabel":
        raise NotBuiltYetError(
            f"label '{spec.column}' is multilabel, which is not estimated; name one of its labels alone"
        )
    values = ds.labels(spec.column)
    if spec.task == "classification":
        target = Target(spec.column, spec.task, values, tuple(map(str, spec.classes or ())), None)
    else:
        known = np.isfinite(values)
        inner = np.quantile(values[known], np.linspace(0, 1, bins + 1)[1:-1]) if known.any() else np.empty(0)
        edges = np.unique(inner)
        codes = np.where(known, np.searchsorted(edges, values, side="right"), -1).astype(np.int64)
        names = tuple(f"quantile {k + 1} of {len(edges) + 1}" for k in range(len(edges) + 1))
        target = Target(
            spec.column, spec.task, codes, names, tuple(edges.tolist()), np.asarray(values, dtype=np.float64)
        )
    if not target.known.any():
        raise InputError(spec.column, "no labelled row", "at least one", "Check the label column.")
    return target
