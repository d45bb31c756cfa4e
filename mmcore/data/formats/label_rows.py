"""The label columns of a source: found by name, decoded to class names, and turned into strata for a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.labels import class_name, label_column
from mmcore.errors import InputError, nearest_name, unknown_name


def column_of(columns: Mapping[str, Any], name: str, argument: str) -> Any:
    """Return the column called `name`.

    Raises:
        InputError: where there is none, with the nearest name.

    Example:
        >>> column_of({"y": [0, 1]}, "y", "label")
        [0, 1]
    """
    if name not in columns:
        raise unknown_name(argument, name, [str(key) for key in columns])
    return columns[name]


def label_names(source: Mapping[str, Any]) -> dict[str, str]:
    """Return stored label column -> name in the source, the main label first; empty without labels.

    Example:
        >>> label_names({"label": ["y", "age"]}), label_names({"label": {"fresh": "Meter"}})
        ({'y': 'y', 'age': 'age'}, {'fresh': 'Meter'})
    """
    label = source.get("label")
    if label is None:
        return {}
    if isinstance(label, Mapping):
        return {str(stored): str(name) for stored, name in label.items()}
    return {name: name for name in ([label] if isinstance(label, str) else label)}


def stored_labels(
    source: Mapping[str, Any], columns: Mapping[str, Any], kept: np.ndarray, classes: Sequence[Any] | None
) -> tuple[dict[str, pd.Series], dict[str, str], dict[str, tuple[str, ...]]]:
    """Return stored column -> values of the kept rows, -> task, and -> classes where it has any.

    `task` and `classes` of the source are those of the main label; the others speak for themselves. Several 0/1 columns
    with `task: multilabel` are one label called `label`.

    Raises:
        InputError: for an unknown column, or a label outside its task or classes.

    Example:
        >>> columns = {"y": np.array([1, 0])}
        >>> stored, _, classes = stored_labels({"label": "y"}, columns, np.array([0]), ["no", "yes"])
        >>> stored["y"].tolist(), classes["y"]
        (['yes'], ('no', 'yes'))
    """
    names, task = label_names(source), source.get("task")
    raw: dict[str, Any] = {}
    if task == "multilabel" and len(names) > 1:
        table = [pd.Series(column_of(columns, name, "label")).astype("Float64").iloc[kept] for name in names.values()]
        raw["label"] = np.column_stack([values.to_numpy(dtype=np.float64, na_value=np.nan) for values in table])
        classes = list(names) if classes is None else classes
    else:
        for stored, name in names.items():
            values = column_of(columns, name, "label")
            raw[stored] = values.iloc[kept] if isinstance(values, pd.Series) else np.asarray(values)[kept]
    labels: dict[str, pd.Series] = {}
    tasks: dict[str, str] = {}
    named: dict[str, tuple[str, ...]] = {}
    for i, (stored, values) in enumerate(raw.items()):
        main = i == 0
        series, spec = _stored_label(
            values, stored, task if main else None, classes if main else None, "where" in source
        )
        labels[stored], tasks[stored] = series.reset_index(drop=True), spec.task
        if spec.classes is not None:
            named[stored] = spec.classes
    return labels, tasks, named


def _stored_label(
    values: Any, stored: str, task: str | None, classes: Sequence[Any] | None, narrowed: bool
) -> tuple[pd.Series, Any]:
    """The label as the dataset stores it; with `narrowed` rows only the classes that are left count."""
    if classes is None or task == "regression" or np.ndim(values) == 2:
        return label_column(values, stored, task=task, classes=classes)
    names = [class_name(c) for c in classes]
    series = pd.Series(values)
    if pd.api.types.is_numeric_dtype(series) and not all(_is_integer(name) for name in names):
        series = _decoded(series, names, stored)
    if narrowed:
        left = {class_name(v) for v in series.dropna().unique()}
        _refuse_strangers(left, names, stored)
        names = [name for name in names if name in left]
    return label_column(series, stored, task=task or "classification", classes=names)


def _is_integer(name: str) -> bool:
    return name.lstrip("-").isdecimal()


def _refuse_strangers(found: set[str], names: list[str], stored: str) -> None:
    for name in sorted(found - set(names)):
        near = nearest_name(name, names)
        remedy = f"Did you mean '{near}'?" if near else "Correct the label, or add it to classes."
        raise InputError(stored, f"'{name}'", ", ".join(names), remedy)


def _decoded(series: pd.Series, names: list[str], stored: str) -> pd.Series:
    """Integer codes as the names of their classes."""
    codes = series.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(codes)
    wrong = np.flatnonzero(known & ~np.isin(codes, np.arange(len(names))))
    if len(wrong):
        received = f"{codes[wrong[0]]:g} in row {wrong[0]}" + (f" and {len(wrong) - 1} more" * (len(wrong) > 1))
        remedy = "Correct the label, or add the class."
        raise InputError(stored, received, f"0 to {len(names) - 1}: {', '.join(names)}", remedy)
    return pd.Series([names[int(c)] if ok else None for c, ok in zip(codes, known, strict=True)], dtype=object)


def strata_of(
    labels: dict[str, pd.Series], tasks: dict[str, str], classes: dict[str, tuple[str, ...]]
) -> np.ndarray | None:
    """The main label in the form that `mmcore.data.split` stratifies by."""
    if not labels:
        return None
    main = next(iter(labels))
    values = labels[main]
    if tasks[main] == "regression":
        return values.to_numpy(dtype=np.float64)
    position = {name: i for i, name in enumerate(classes[main])}
    if tasks[main] == "classification":
        return np.array([-1 if pd.isna(v) else position[v] for v in values], dtype=np.int64)
    table = np.full((len(values), len(position)), np.nan)
    for row, names in enumerate(values):
        if names is not None:
            table[row] = 0.0
            table[row, [position[name] for name in names]] = 1.0
    return table
