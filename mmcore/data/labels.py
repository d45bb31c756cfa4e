"""Labels as users hold them, turned into a stored column and its specification.

Integers, strings and booleans are classes; floats are a regression; a table of 0 and 1, or lists of names, is
multilabel. None and NaN mean unlabelled. Classes are stored by name, so that a file is readable without a code book.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.samples import list_series
from mmcore.data.spec import TASKS, LabelSpec
from mmcore.errors import InputError, counted, nearest_name, unknown_name


def label_column(
    values: Any,
    column: str,
    *,
    task: str | None = None,
    classes: Sequence[Any] | None = None,
    unit: str | None = None,
) -> tuple[pd.Series, LabelSpec]:
    """Return the stored column and its specification.

    Args:
        values: (N,) array, list or Series; (N, K) of 0 and 1 or lists of names for multilabel.
        column: name of the column.
        task: `classification`, `multilabel` or `regression`; None: from the values.
        classes: their names in the order of their codes; None: those that occur, integers in numerical order.
        unit: unit of a regression.

    Returns:
        classification: names (NaN where unlabelled); regression: float64; multilabel: lists of names or None.

    Raises:
        InputError: for a task that does not fit the values, or a value outside `classes` (named, with the nearest).

    Example:
        >>> stored, spec = label_column([10, 2, None], "stars")
        >>> spec.classes, stored.tolist()[:2]
        (('2', '10'), ['10', '2'])
    """
    if task is not None and task not in TASKS:
        raise unknown_name("task", task, TASKS)
    if isinstance(values, pd.DataFrame) and classes is None and values.shape[1] > 1:
        classes = [str(c) for c in values.columns]
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.CategoricalDtype):
        classes = list(values.cat.categories) if classes is None else classes
        values = values.astype(object)
    raw = _one_label_a_row(values, column)
    if isinstance(raw, np.ndarray) and raw.ndim == 2:
        return _multilabel_table(raw, column, task, classes)
    series = pd.Series(raw)
    if _holds_lists(series):
        return _multilabel_names(series, column, task, classes)
    if task == "multilabel":
        raise InputError(column, "one value a row", "(N, K) of 0 and 1, or lists of names", "Give one column a class.")
    if (task or _inferred_task(series, column)) == "regression":
        return _regression(series, column, classes, unit)
    return _classification(series, column, classes)


def _one_label_a_row(values: Any, column: str) -> Any:
    """`values` as a 1-D sequence or a 2-D array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    if isinstance(values, pd.DataFrame):
        values = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(values, (list, tuple)):
        if not any(isinstance(v, (list, tuple, set, frozenset, np.ndarray)) for v in values):
            return pd.Series(list(values), dtype=object) if len(values) else np.zeros(0)
        if any(isinstance(x, str) for v in values if v is not None for x in v) or any(v is None for v in values):
            return pd.Series(list(values), dtype=object)
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if isinstance(values, np.ndarray) and values.ndim not in (1, 2):
        raise InputError(column, f"shape {values.shape}", "(N,) or (N, K)", "Give one label a sample.")
    return values


def _holds_lists(series: pd.Series) -> bool:
    return series.dtype == object and any(isinstance(v, (list, tuple, set, frozenset)) for v in series)


def _inferred_task(series: pd.Series, column: str) -> str:
    present = series.dropna()
    if pd.api.types.is_bool_dtype(series) or pd.api.types.is_integer_dtype(series):
        return "classification"
    if pd.api.types.is_float_dtype(series):
        return "regression"
    types = {type(v) for v in present}
    if not types:
        raise InputError(
            column, "no label at all", "at least one label, or task and classes", "Label some rows, or name both."
        )
    if all(issubclass(t, (str, bool, np.bool_, int, np.integer)) for t in types):
        return "classification"
    if all(issubclass(t, (float, np.floating, int, np.integer)) for t in types):
        return "regression"
    names = ", ".join(sorted(t.__name__ for t in types))
    raise InputError(column, names, "int, str, bool, float", "Convert the labels to names or numbers.")


def _regression(
    series: pd.Series, column: str, classes: Sequence[Any] | None, unit: str | None
) -> tuple[pd.Series, LabelSpec]:
    try:
        values = pd.to_numeric(series).astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(column, str(error), "numbers for a regression", "Use task='classification'.") from error
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise InputError(
            column, f"{values[row]} in row {row}", "finite numbers, NaN for unlabelled", "Correct the row."
        )
    spec = LabelSpec(column, "regression", None if classes is None else tuple(map(str, classes)), unit)
    return pd.Series(values, name=column), spec


def class_name(value: Any) -> str:
    """Return the name under which a class is stored: booleans in lower case, whole floats as integers.

    Example:
        >>> class_name(True), class_name(3.0), class_name("run")
        ('true', '3', 'run')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """The class names in order: numerically where all are integers."""
    unique = sorted(set(names))
    try:
        return tuple(sorted(unique, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(unique)


def _classification(series: pd.Series, column: str, classes: Sequence[Any] | None) -> tuple[pd.Series, LabelSpec]:
    missing = series.isna().to_numpy()
    distinct = {value: class_name(value) for value in series[~missing].unique()}
    for value in distinct:
        if isinstance(value, (float, np.floating)) and not float(value).is_integer():
            raise InputError(column, value, "whole numbers, names or booleans", "Use task='regression'.")
    if classes is None and not distinct:
        raise InputError(column, "no label at all", "at least one label, or classes", "Give classes=.")
    ordered = tuple(map(class_name, classes)) if classes is not None else _ordered(distinct.values())
    _check_members(distinct.values(), ordered, column)
    names = [None if gone else distinct[value] for value, gone in zip(series, missing, strict=True)]
    return pd.Series(names, name=column, dtype="str"), LabelSpec(column, "classification", ordered)


def _check_members(names: Iterable[str], classes: tuple[str, ...], column: str) -> None:
    for name in sorted(set(names)):
        if name not in classes:
            near = nearest_name(name, classes)
            remedy = f"Did you mean '{near}'?" if near else "Correct the label, or add it to classes."
            raise InputError(column, f"'{name}'", ", ".join(classes), remedy)


def _multilabel_table(
    table: np.ndarray, column: str, task: str | None, classes: Sequence[Any] | None
) -> tuple[pd.Series, LabelSpec]:
    if task not in (None, "multilabel"):
        raise InputError(column, counted(table.shape[1], "column"), f"one column for {task}", "Use task='multilabel'.")
    values = np.asarray(table, dtype=np.float64)
    labelled = np.asarray(~np.isnan(values).all(axis=1))
    wrong = np.flatnonzero(labelled & ~np.isin(values, (0.0, 1.0)).all(axis=1))
    if len(wrong):
        received = f"{values[wrong[0]].tolist()} in row {wrong[0]}"
        raise InputError(column, received, "0 and 1, or a row of NaN", "Name several targets as a dict of columns.")
    names = tuple(map(class_name, classes)) if classes is not None else tuple(map(str, range(values.shape[1])))
    if len(names) != values.shape[1]:
        raise InputError(
            "classes", counted(len(names), "name"), counted(values.shape[1], "column"), "Name each column once."
        )
    lists = [[names[k] for k in np.flatnonzero(row)] if ok else None for row, ok in zip(values, labelled, strict=True)]
    return list_series(lists, column), LabelSpec(column, "multilabel", names)


def _multilabel_names(
    series: pd.Series, column: str, task: str | None, classes: Sequence[Any] | None
) -> tuple[pd.Series, LabelSpec]:
    if task not in (None, "multilabel"):
        raise InputError(column, "lists of names", f"one value a row for {task}", "Use task='multilabel'.")
    sets = [None if not isinstance(v, (list, tuple, set, frozenset)) else {class_name(x) for x in v} for v in series]
    found = {name for names in sets if names is not None for name in names}
    ordered = tuple(map(class_name, classes)) if classes is not None else _ordered(found)
    _check_members(found, ordered, column)
    lists = [None if names is None else [c for c in ordered if c in names] for names in sets]
    return list_series(lists, column), LabelSpec(column, "multilabel", ordered)
