"""The common part of every reader: which rows are kept, and each row's label, group, split, fold and id.

A reader hands its columns as a mapping of name to array and gets `Rows`; `build` adds the modalities.
A split that the source does not bring is drawn here, so that a reader can take vocabularies from the train rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset, Ragged, from_arrays
from mmcore.data.formats.label_rows import column_of, stored_labels, strata_of
from mmcore.data.labels import class_name
from mmcore.data.spec import SPLITS
from mmcore.data.split import fold_rows, split_rows
from mmcore.errors import InputError

NOUNS = ("question", "sample_noun", "group_noun", "label_noun", "citation")
SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
_DEFAULT_SHARES = (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class Rows:
    """The samples of a source: `kept` are row numbers in the file, the rest has one entry for each of them.

    `labels` maps a column to its stored names, numbers or lists; `tasks` and `classes` describe them.
    """

    kept: np.ndarray
    labels: dict[str, pd.Series]
    tasks: dict[str, str]
    classes: dict[str, tuple[str, ...]]
    groups: np.ndarray | None
    split: np.ndarray
    folds: np.ndarray | None
    sample_ids: np.ndarray | None


@dataclass(frozen=True)
class Modality:
    """One modality as read: its array or `Ragged`, kind, presence (N,) and clock."""

    array: np.ndarray | Ragged
    kind: str
    present: np.ndarray | None = None
    rate: float | None = None
    unit: str | None = None
    times: np.ndarray | None = None
    columns: Sequence[str] = field(default_factory=tuple)


def kept_rows(source: Mapping[str, Any], columns: Mapping[str, Any], n_rows: int) -> np.ndarray:
    """Return the row numbers that `where` keeps, all of them without it, (n,) int64.

    Raises:
        InputError: for an unknown column, or where no row has the values; names those that occur.

    Example:
        >>> kept_rows({"where": {"task": 1}}, {"task": np.array([1, 2, 1])}, 3).tolist()
        [0, 2]
    """
    mask = np.ones(n_rows, dtype=bool)
    for name, value in (source.get("where") or {}).items():
        values = [None if pd.isna(v) else class_name(v) for v in column_of(columns, name, f"where.{name}")]
        wanted = {class_name(v) for v in (value if isinstance(value, list) else [value])}
        found = np.array([v in wanted for v in values], dtype=bool)
        if not found.any():
            occurring = sorted({v for v in values if v is not None})
            listed = ", ".join(occurring[:12]) + (", ..." if len(occurring) > 12 else "")
            raise InputError(f"where.{name}", ", ".join(sorted(wanted)), listed, "Name values that occur.")
        mask &= found
    if not mask.any():
        raise InputError("where", "no row with all of these values", "at least one row", "Loosen the conditions.")
    return np.flatnonzero(mask)


def read_rows(
    source: Mapping[str, Any], columns: Mapping[str, Any], n_rows: int, *, classes: Sequence[Any] | None = None
) -> Rows:
    """Return the samples of a source.

    Args:
        source: the block of params.yaml.
        columns: name -> (n_rows,) array or Series; a label may be (n_rows, K).
        n_rows: rows in the file.
        classes: class names in the order of codes; None: those of `source["classes"]` if that is a list.

    Raises:
        InputError: for an unknown column, a label outside its classes, an unknown split, a row without group.
    """
    kept = kept_rows(source, columns, n_rows)
    if classes is None and isinstance(source.get("classes"), list):
        classes = source["classes"]
    labels, tasks, named = stored_labels(source, columns, kept, classes)
    groups = _groups(source, columns, kept)
    strata = strata_of(labels, tasks, named)
    seed = int(source.get("seed", 0))
    split = _split(source, columns, kept, strata, groups, seed)
    folds = _folds(source, columns, kept, strata, groups, seed)
    ids = None
    if "sample_id" in source:
        given = pd.Series(column_of(columns, source["sample_id"], "sample_id")).iloc[kept]
        ids = np.array([None if pd.isna(v) else class_name(v) for v in given], dtype=object)
    return Rows(kept, labels, tasks, named, groups, split, folds, ids)


def _groups(source: Mapping[str, Any], columns: Mapping[str, Any], kept: np.ndarray) -> np.ndarray | None:
    if "groups" not in source:
        return None
    name = source["groups"]
    values = pd.Series(column_of(columns, name, "groups")).iloc[kept]
    missing = np.flatnonzero(values.isna())
    if len(missing):
        received = f"no {name} in row {int(kept[missing[0]])}" + (f" and {len(missing) - 1} more" * (len(missing) > 1))
        raise InputError("groups", received, "a group for every row", "Fill the column.")
    return np.array([class_name(v) for v in values], dtype=str)


def _split(
    source: Mapping[str, Any],
    columns: Mapping[str, Any],
    kept: np.ndarray,
    strata: np.ndarray | None,
    groups: np.ndarray | None,
    seed: int,
) -> np.ndarray:
    wanted = source.get("split")
    if not isinstance(wanted, str):
        first, second, third = wanted or _DEFAULT_SHARES
        shares = (float(first), float(second), float(third))
        return split_rows(strata, groups=groups, fractions=shares, seed=seed, n_rows=len(kept))
    values = pd.Series(column_of(columns, wanted, "split")).iloc[kept]
    split = []
    for row, value in zip(kept, values, strict=True):
        name = "" if pd.isna(value) else str(value).strip().lower()
        if name not in SPLIT_NAMES:
            received = f"{name or 'nothing'} in row {int(row)} of {wanted}"
            remedy = "Write train, valid or test in every row, or leave 'split' out to have one made."
            raise InputError("split", received, ", ".join(SPLITS), remedy)
        split.append(SPLIT_NAMES[name])
    return np.array(split, dtype=str)


def _folds(
    source: Mapping[str, Any],
    columns: Mapping[str, Any],
    kept: np.ndarray,
    strata: np.ndarray | None,
    groups: np.ndarray | None,
    seed: int,
) -> np.ndarray | None:
    wanted = source.get("folds")
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        return fold_rows(strata, groups=groups, n_folds=int(wanted), seed=seed, n_rows=len(kept))
    values = pd.to_numeric(pd.Series(column_of(columns, wanted, "folds")), errors="coerce").iloc[kept]
    wrong = np.flatnonzero(values.isna() | (values % 1 != 0) | (values < 0))
    if len(wrong):
        received = f"row {int(kept[wrong[0]])} of {wanted}"
        raise InputError("folds", received, "whole numbers from 0", "Number the folds from 0 in every row.")
    return values.to_numpy(dtype=np.int64)


def build(
    source: Mapping[str, Any],
    rows: Rows,
    modalities: Mapping[str, Modality],
    *,
    name: str,
    annotations: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return the dataset of `rows` and `modalities` (already narrowed to the kept rows).

    Raises:
        InputError: where a modality has another number of rows, an id repeats, or a split or fold leaks a group.
    """
    noted = {noun: source[noun] for noun in NOUNS if noun in source}
    described = {m: list(x.columns) for m, x in modalities.items() if x.columns}
    if described:
        noted["columns"] = described
    many = len(rows.labels) > 1
    column = next(iter(rows.labels), None)
    return from_arrays(
        {m: x.array for m, x in modalities.items()},
        labels=dict(rows.labels) or None,
        name=name,
        groups=rows.groups,
        split=rows.split,
        folds=rows.folds,
        sample_ids=rows.sample_ids,
        presence={m: x.present for m, x in modalities.items() if x.present is not None},
        kinds={m: x.kind for m, x in modalities.items()},
        rates={m: x.rate for m, x in modalities.items() if x.rate is not None},
        units={m: x.unit for m, x in modalities.items() if x.unit is not None},
        task=rows.tasks if many else rows.tasks.get(column) if column else None,
        classes=rows.classes if many else rows.classes.get(column) if column else None,
        annotations={**noted, **(annotations or {})},
        licence=source.get("licence"),
        source=source.get("path"),
        version=str(source.get("version", "1")),
        seed=int(source.get("seed", 0)),
    )
