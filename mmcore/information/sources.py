"""What of a dataset enters an estimate: a feature matrix for each modality, and one class label for each row.

Sequences are summarised by the mean and standard deviation of each channel over time, because clusters of raw windows
see the phase rather than the movement; everything else is flattened. A regression label is cut into quantiles.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset, Ragged
from mmcore.errors import InputError, NotBuiltYetError
from mmcore.information.entropy import entropy

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_SEQUENCE_KINDS = ("timeseries", "audio")


@dataclasses.dataclass(frozen=True)
class Source:
    """A modality as features (N, d), the rows that have it, and in words how the features were made."""

    name: str
    features: Float
    present: NDArray[np.bool_]
    summary: str


@dataclasses.dataclass(frozen=True)
class Target:
    """The label as codes (N,), -1 where there is none; class names; for a regression the edges of its bins."""

    column: str
    task: str
    codes: Codes
    classes: tuple[str, ...]
    bin_edges: tuple[float, ...] | None

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
    """Return mean and standard deviation over time (N, 2c) of windows (N, t, ...)."""
    values = np.asarray(array, dtype=np.float64).reshape(len(array), array.shape[1], -1)
    return np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)


def _ragged_moments(array: Ragged) -> Float:
    width = int(np.prod(array.values.shape[1:]))
    found = np.zeros((len(array), 2 * width))
    for row in range(len(array)):
        values = np.asarray(array[row], dtype=np.float64).reshape(-1, width)
        if len(values):
            found[row, :width], found[row, width:] = values.mean(axis=0), values.std(axis=0)
    return found


def read_source(ds: Dataset, name: str) -> Source:
    """Return modality `name` of `ds` as features.

    Raises:
        InputError: for an unknown modality, or one of text, which holds no numbers.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0, 1, 0, 1], name="my", seed=0)
        >>> read_source(ds, "a").features.shape
        (4, 4)
    """
    spec, array, present = ds.spec.modality(name), ds[name], ds.presence(name)
    if isinstance(array, Ragged):
        features = _ragged_moments(array)
        return Source(name, features, present & (array.lengths > 0), "mean and standard deviation over time")
    if array.dtype.kind not in "fiub":
        received = f"{spec.kind} of dtype {array.dtype}"
        raise InputError(name, received, "numbers", "Turn it into vectors in preprocess.")
    if spec.kind in _SEQUENCE_KINDS and array.ndim >= 3:
        return Source(name, _moments(array), present, "mean and standard deviation over time")
    return Source(name, np.asarray(array, dtype=np.float64).reshape(len(array), -1), present, "as they are")


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
        raise NotBuiltYetError(f"label '{spec.column}' is multilabel: classification and regression labels work")
    values = ds.labels(spec.column)
    if spec.task == "classification":
        target = Target(spec.column, spec.task, values, tuple(map(str, spec.classes or ())), None)
    else:
        known = np.isfinite(values)
        inner = np.quantile(values[known], np.linspace(0, 1, bins + 1)[1:-1]) if known.any() else np.empty(0)
        edges = np.unique(inner)
        codes = np.where(known, np.searchsorted(edges, values, side="right"), -1).astype(np.int64)
        names = tuple(f"quantile {k + 1} of {len(edges) + 1}" for k in range(len(edges) + 1))
        target = Target(spec.column, spec.task, codes, names, tuple(edges.tolist()))
    if not target.known.any():
        raise InputError(spec.column, "no labelled row", "at least one", "Check the label column.")
    return target
