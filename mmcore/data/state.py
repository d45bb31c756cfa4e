"""The state of a dataset in a few numbers, against which a later version's drift is measured.

Label drift is the Kullback-Leibler divergence of the label shares from the accepted ones, in nats; modality drift is
the shift of the mean of the rows' means, in standard deviations of the accepted state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.dataset import Dataset


def row_summary(ds: Dataset, name: str) -> np.ndarray:
    """Return one number a row: the mean of its finite numbers, or a text's length; NaN where absent. Shape (N,).

    Example:
        >>> from mmcore.data import from_arrays
        >>> row_summary(from_arrays({"a": [[1.0, 3.0], [2.0, 2.0]]}, labels=[0, 1], name="my"), "a").tolist()
        [2.0, 2.0]
    """
    array, present = ds[name], ds.presence(name)
    summary = np.full(len(ds), np.nan)
    if array.dtype.kind == "U":
        summary[present] = np.char.str_len(np.asarray(array))[present]
        return summary
    if array.dtype.kind not in "fiub":
        return summary
    for row in np.flatnonzero(present).tolist():
        values = np.asarray(array[row], dtype=np.float64)
        values = values[np.isfinite(values)]
        summary[row] = values.mean() if values.size else np.nan
    return summary


def acceptance_frame(ds: Dataset) -> pd.DataFrame:
    """Return one row a sample with what acceptance looks at: ids, split, label, group, presence, summaries.

    Example:
        >>> from mmcore.data import from_arrays
        >>> frame = acceptance_frame(from_arrays({"a": [[1.0], [2.0]]}, labels=[0, 1], split=["train", "test"]))
        >>> frame[["split", "label", "has_a", "mean_a"]].values.tolist()
        [['train', '0', 1, 1.0], ['test', '1', 1, 2.0]]
    """
    # A missing text would pass every expectation on texts, since those look at present values only.
    frame = pd.DataFrame({name: ds.samples[name].astype(str).fillna("") for name in ("sample_id", "split")})
    if ds.groups is not None:
        frame["group"] = ds.groups
    for label in ds.spec.labels:
        if label.task == "classification":
            frame[label.column] = ds.samples[label.column].to_numpy()
    for name in ds.modalities:
        frame[f"has_{name}"] = ds.presence(name).astype(int)
        frame[f"mean_{name}"] = row_summary(ds, name)
    return frame


def state(ds: Dataset) -> dict[str, Any]:
    """Return the dataset's state as JSON: label shares, missing shares, mean and spread of each modality's rows.

    Example:
        >>> from mmcore.data import from_arrays
        >>> found = state(from_arrays({"a": [[1.0], [3.0]]}, labels=["x", "y"]))
        >>> found["labels"], found["modalities"]
        ({'label': {'x': 0.5, 'y': 0.5}}, {'a': {'missing': 0.0, 'mean': 2.0, 'sd': 1.0}})
    """
    modalities = {}
    for name in ds.modalities:
        values = row_summary(ds, name)
        values = values[np.isfinite(values)]
        modalities[name] = {
            "missing": float(1 - ds.presence(name).mean()),
            "mean": float(values.mean()) if values.size else None,
            "sd": float(values.std()) if values.size else None,
        }
    labels = {}
    for label in ds.spec.labels:
        if label.task == "classification":
            codes = ds.labels(label.column)
            counts = np.bincount(codes[codes >= 0], minlength=len(label.classes or ()))
            shares = counts / max(int(counts.sum()), 1)
            labels[label.column] = {name: float(share) for name, share in zip(label.classes or (), shares, strict=True)}
    return {"version": ds.spec.version, "n_samples": len(ds), "labels": labels, "modalities": modalities}
