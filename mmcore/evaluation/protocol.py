"""Which rows train, validate and test a model: by the dataset's split, or by its folds in turn.

With K folds, fold k is tested by models that trained on the others, with fold (k + 1) mod K as their validation part:
each labelled row is validated once and tested once, always by models that never saw its group. Without folds the
dataset's own split is the one part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.errors import InputError, counted

NO_FOLD = -1


@dataclass(frozen=True, eq=False)
class Partition:
    """One way to train and test: row numbers of each part, and the fold that is tested (-1: the split)."""

    fold: int
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def rows(self, part: str) -> np.ndarray:
        """Return the rows of `train`, `valid` or `test`."""
        return {"train": self.train, "valid": self.valid, "test": self.test}[part]


def labelled_rows(ds: Dataset, label: str | None = None) -> np.ndarray:
    """Return the row numbers that have a label, (n,) int64."""
    labels = ds.labels(label)
    if labels.dtype.kind == "i":
        return np.flatnonzero(labels >= 0)
    return np.flatnonzero(np.isfinite(labels.reshape(len(labels), -1)).all(axis=1))


def partitions(ds: Dataset, label: str | None = None) -> list[Partition]:
    """Return the partitions of a dataset's labelled rows.

    Raises:
        InputError: when a part would be empty, with the remedy.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((6, 1))}, labels=[0, 1] * 3, name="my", folds=[0, 0, 1, 1, 2, 2])
        >>> [(p.fold, p.test.tolist(), p.valid.tolist()) for p in partitions(ds)]
        [(0, [0, 1], [2, 3]), (1, [2, 3], [4, 5]), (2, [4, 5], [0, 1])]
    """
    rows = labelled_rows(ds, label)
    folds = ds.folds
    if folds is None:
        found = [Partition(NO_FOLD, *(np.intersect1d(rows, ds.rows(part)) for part in ("train", "valid", "test")))]
    else:
        numbers = [int(number) for number in np.unique(folds[rows]) if number >= 0]
        if len(numbers) < 3:
            raise InputError("folds", counted(len(numbers), "fold"), "3 or more", "Make more folds, or leave them out.")
        found = [_fold(rows, folds[rows], numbers, place) for place in range(len(numbers))]
    for partition in found:
        for part in ("train", "valid", "test"):
            if not len(partition.rows(part)):
                remedy = "Label more rows, or choose other splits."
                raise InputError(f"{part} rows", "no labelled row", "at least one", remedy)
    return found


def _fold(rows: np.ndarray, folds: np.ndarray, numbers: list[int], place: int) -> Partition:
    tested, validated = numbers[place], numbers[(place + 1) % len(numbers)]
    train = rows[(folds >= 0) & (folds != tested) & (folds != validated)]
    return Partition(tested, train, rows[folds == validated], rows[folds == tested])


def describe_protocol(ds: Dataset, seeds: list[int], label: str | None = None) -> dict[str, Any]:
    """Return the protocol as result files state it: kind, number of folds, seeds."""
    found = partitions(ds, label)
    folded = found[0].fold != NO_FOLD
    return {"kind": "folds" if folded else "split", "n_folds": len(found) if folded else None, "seeds": list(seeds)}
