"""What a dataset holds, in counts: by split, label and group, and what is missing of each modality."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.data.dataset import Dataset
from mmcore.data.ragged import Ragged
from mmcore.data.spec import SPLITS, LabelSpec


def describe(ds: Dataset) -> dict[str, Any]:
    """Return the JSON-able description of `ds`.

    Returns:
        `n_samples`; `splits` and `folds` (name -> count); `groups` (`n`, smallest, median, largest) or None; `labels`
        and `modalities` (lists in order). A label has its task, `n_labelled`, and `classes` with count and share, or
        the minimum, mean, standard deviation and maximum of a regression. A modality has kind, shape, dtype,
        `n_missing`, `missing_rate` (share of samples without it) and, where ragged, `length`: the shortest, median and
        longest present one in steps.

    Example:
        >>> from mmcore.data import from_arrays
        >>> d = describe(from_arrays({"a": [[1.0], [float("nan")], [2.0], [3.0]]}, labels=[0, 1, 0, 1]))
        >>> d["modalities"][0]["n_missing"], d["labels"][0]["classes"][0]
        (1, {'name': '0', 'n': 2, 'share': 0.5})
    """
    folds = ds.folds
    return {
        "name": ds.spec.name,
        "version": ds.spec.version,
        "n_samples": len(ds),
        "splits": {part: len(ds.rows(part)) for part in SPLITS},
        "folds": None if folds is None else {str(k): int((folds == k).sum()) for k in np.unique(folds[folds >= 0])},
        "groups": _groups(ds.groups),
        "labels": [_label(ds, label) for label in ds.spec.labels],
        "modalities": [_modality(ds, name) for name in ds.modalities],
    }


def _groups(groups: np.ndarray | None) -> dict[str, Any] | None:
    if groups is None:
        return None
    counts = np.unique(groups, return_counts=True)[1]
    median = float(np.median(counts))
    return {"n": len(counts), "smallest": int(counts.min()), "median": median, "largest": int(counts.max())}


def _label(ds: Dataset, label: LabelSpec) -> dict[str, Any]:
    values = ds.labels(label.column)
    found: dict[str, Any] = {"column": label.column, "task": label.task, "unit": label.unit}
    if label.task == "regression":
        known = values[~np.isnan(values)]
        found["n_labelled"] = len(known)
        if not len(known):
            return found | dict.fromkeys(("minimum", "mean", "standard_deviation", "maximum"))
        spread = {"mean": float(known.mean()), "standard_deviation": float(known.std())}
        return found | spread | {"minimum": float(known.min()), "maximum": float(known.max())}
    classes = label.classes or ()
    if label.task == "classification":
        counts = np.bincount(values[values >= 0], minlength=len(classes))
        n_labelled = int((values >= 0).sum())
    else:
        labelled = ~np.isnan(values).any(axis=1)
        counts, n_labelled = values[labelled].sum(axis=0).astype(int), int(labelled.sum())
    found["n_labelled"] = n_labelled
    found["classes"] = [
        {"name": name, "n": int(count), "share": float(count / n_labelled) if n_labelled else None}
        for name, count in zip(classes, counts, strict=True)
    ]
    return found


def _modality(ds: Dataset, name: str) -> dict[str, Any]:
    present = ds.presence(name)
    missing = int((~present).sum())
    found = ds.spec.modality(name).to_dict() | {"n_missing": missing, "missing_rate": missing / len(ds)}
    array = ds[name]
    if isinstance(array, Ragged) and present.any():
        lengths = array.lengths[present]
        found["length"] = {
            "minimum": int(lengths.min()),
            "median": float(np.median(lengths)),
            "maximum": int(lengths.max()),
        }
    return found
