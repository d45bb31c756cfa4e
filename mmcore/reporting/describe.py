"""Counts of a prepared dataset, in the form that the page draws: by label and by group, fold or split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmcore.data import Dataset

MOST_GROUPS = 14


def describe(ds: Dataset, *, label: str | None = None) -> dict[str, Any]:
    """Return the `description` that `build_page` reads.

    Args:
        ds: the prepared dataset.
        label: the label column; the first one where None.

    Returns:
        `n`, `n_labelled`, `labels` {name: rows}, `splits` {part: rows}, `groups` (their number, 0 without any), `folds`
        (their number), `column_kind` group, fold or split, `columns` [{name, parent, counts {label: rows}}] and
        `missing` {modality: rows}. Regression has no counts by label.
    """
    spec = next((s for s in ds.spec.labels if label is None or s.column == label), None)
    samples, n = ds.samples, len(ds.samples)
    groups, folds = ds.groups, ds.folds
    names, hits = _label_hits(ds, spec)
    n_groups = len(set(groups)) if groups is not None else 0
    kind, keys, parents = _columns(samples["split"].to_numpy(), groups, folds, n_groups)
    columns: list[dict[str, Any]] = []
    for key in dict.fromkeys(keys[np.lexsort((keys, parents))]) if n else []:
        rows = keys == key
        counts = {name: int(np.sum(hits[:, i] & rows)) for i, name in enumerate(names)}
        parent = parents[rows][0] if kind == "group" and folds is not None else None
        columns.append(
            {"name": _shown(kind, key), "parent": None if parent is None else f"fold {int(parent)}", "counts": counts}
        )
    if kind == "split":
        order = {"train": 0, "valid": 1, "test": 2}
        columns.sort(key=lambda column: order.get(column["name"], 3))
    return {
        "n": n,
        "n_labelled": int(np.sum(hits.any(axis=1))) if names else n,
        "labels": {name: int(hits[:, i].sum()) for i, name in enumerate(names)},
        "splits": {part: int((samples["split"] == part).sum()) for part in ("train", "valid", "test")},
        "groups": n_groups,
        "folds": 0 if folds is None else len(set(folds.tolist())),
        "column_kind": kind,
        "columns": columns if names else [],
        "missing": {m: int(n - np.sum(ds.presence(m))) for m in ds.modalities},
    }


def _label_hits(ds: Dataset, spec: Any) -> tuple[list[str], np.ndarray]:
    """Return label names and a boolean (rows, labels): which row carries which label."""
    if spec is None or spec.task == "regression":
        return [], np.zeros((len(ds.samples), 0), bool)
    names = [str(name) for name in spec.classes]
    values = np.asarray(ds.labels(spec.column))
    if spec.task == "multilabel":
        return names, np.nan_to_num(values) > 0.5
    return names, values[:, None] == np.arange(len(names))[None, :]


def _columns(
    splits: np.ndarray, groups: np.ndarray | None, folds: np.ndarray | None, n_groups: int
) -> tuple[str, np.ndarray, np.ndarray]:
    """Return what the columns stand for, each row's column and each row's parent (fold)."""
    parents = np.zeros(len(splits), int) if folds is None else np.asarray(folds)
    if groups is not None and 1 < n_groups <= MOST_GROUPS:
        return "group", np.asarray(groups), parents
    if folds is not None:
        return "fold", np.asarray(folds).astype(str), np.zeros(len(splits), int)
    return "split", np.asarray(splits).astype(str), np.zeros(len(splits), int)


def _shown(kind: str, key: object) -> str:
    return f"fold {key}" if kind == "fold" else str(key)
