"""Which rows a fit learns from and is judged on, and their labels; every complaint before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmcore.errors import InputError

if TYPE_CHECKING:
    from mmcore.data import Dataset, LabelSpec


@dataclass(frozen=True)
class Part:
    """Labelled rows of one part: positions (n,) in the dataset and labels, int (n,) or float (n, outputs)."""

    rows: np.ndarray
    labels: np.ndarray


def labelled(labels: np.ndarray) -> np.ndarray:
    """Return which rows have a label: codes >= 0, or no NaN.

    Example:
        >>> labelled(np.array([0, -1, 2])).tolist(), labelled(np.array([[0.0, 1.0], [np.nan, 0.0]])).tolist()
        ([True, False, True], [True, False])
    """
    if labels.dtype.kind in "iu":
        return labels >= 0
    finite = ~np.isnan(labels)
    return finite if labels.ndim == 1 else finite.all(axis=1)


def _positions(ds: Dataset, rows: Mapping[str, np.ndarray] | None, part: str) -> np.ndarray:
    if rows is None:
        return np.asarray(ds.rows(part))
    if part not in rows:
        raise InputError("rows", sorted(rows), "train, valid", "Give both parts.")
    chosen = np.asarray(rows[part])
    if chosen.dtype == bool:
        chosen = np.flatnonzero(chosen)
    if chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= len(ds)):
        raise InputError(f"rows['{part}']", f"{chosen.dtype} outside the data", f"0 .. {len(ds) - 1}", "Correct them.")
    return chosen.astype(np.int64)


def _part(ds: Dataset, label: LabelSpec, every: np.ndarray, rows: Mapping[str, np.ndarray] | None, name: str) -> Part:
    positions = _positions(ds, rows, name)
    positions = positions[labelled(every[positions])]
    if len(positions) == 0:
        raise InputError(
            f"{name} rows", f"none with a label in '{label.column}'", "at least one", f"Label or assign {name} rows."
        )
    labels = np.array(every[positions])
    if label.task == "classification":
        return Part(positions, labels.astype(np.int64))
    return Part(positions, labels.astype(np.float64).reshape(len(positions), -1))


def _check_varied(label: LabelSpec, train: Part) -> None:
    if (train.labels == train.labels[:1]).all():
        value = train.labels.reshape(len(train.labels), -1)[0].tolist()
        if label.task == "classification" and label.classes:
            value = [label.classes[int(value[0])]]
        raise InputError(
            f"label '{label.column}'",
            f"the same value in all {len(train.rows)} training rows ({value})",
            "at least two different ones",
            "Choose another split, or another label.",
        )


def training_parts(ds: Dataset, label: LabelSpec, rows: Mapping[str, np.ndarray] | None) -> tuple[Part, Part]:
    """Return the labelled training and validation rows with their labels.

    Raises:
        InputError: when a part has no labelled row, training rows have one label only, or a row is in both parts.
    """
    every = ds.labels(label.column)
    train, valid = (_part(ds, label, every, rows, name) for name in ("train", "valid"))
    shared = np.intersect1d(train.rows, valid.rows)
    if len(shared):
        sample = ds.samples["sample_id"].iloc[int(shared[0])]
        raise InputError(
            "rows",
            f"{len(shared)} rows in both parts, such as '{sample}'",
            "disjoint parts",
            "Separate train and valid.",
        )
    _check_varied(label, train)
    return train, valid
