"""What is wrong with the rows of a table, row by row: `sample_id, column, value, problem`.

The table reader raises on what it finds here; a caller that wants to set single rows aside reads the list instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.formats.label_rows import label_names
from mmcore.data.formats.rows import SPLIT_NAMES
from mmcore.data.labels import class_name
from mmcore.errors import InputError

COLUMNS = ["sample_id", "column", "value", "problem"]
MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A"})
_Problem = tuple[int, str, object, str]


def table_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row for each problem: `sample_id` (or `row <n>`), `column`, `value`, `problem`; all text.

    Args:
        frame: the table as read, one row a sample.
        source: the block of params.yaml.

    Example:
        >>> frame = pd.DataFrame({"id": ["a", "a"], "y": ["0", "7"], "m_x": ["1", "high"]})
        >>> block = {"sample_id": "id", "label": "y", "classes": [0, 1]}
        >>> block["modalities"] = {"m": {"prefix": "m_", "kind": "tabular"}}
        >>> table_problems(frame, block)["problem"].tolist()
        ['id used 2 times', 'not one of the classes 0, 1', 'not a number']
    """
    found = [*_id_problems(frame, source), *_label_problems(frame, source), *_split_problems(frame, source)]
    found += [*_group_problems(frame, source), *_number_problems(frame, source)]
    ids = frame[source["sample_id"]] if source.get("sample_id") in frame else None
    rows = []
    for row, column, value, problem in found:
        named = None if ids is None or pd.isna(ids.iloc[row]) else str(ids.iloc[row])
        rows.append((named or f"row {row}", column, "" if pd.isna(value) else str(value), problem))
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def as_numbers(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) float64 with NaN where missing, and which entries are neither a number nor missing.

    Example:
        >>> numbers, wrong = as_numbers(pd.Series(["1.5", "NA", "high"]))
        >>> numbers.tolist(), wrong.tolist()
        ([1.5, nan, nan], [False, False, True])
    """
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, np.isinf(numbers)
    missing = values.isna() | values.astype(str).str.strip().isin(MISSING)
    numbers = (
        pd.to_numeric(values.mask(missing), errors="coerce").astype("Float64").to_numpy(np.float64, na_value=np.nan)
    )
    return numbers, (np.isnan(numbers) & ~missing.to_numpy(dtype=bool)) | np.isinf(numbers)


def number_columns(frame: pd.DataFrame, block: Mapping[str, Any]) -> list[str]:
    """Return the columns that a modality reads as numbers, in the order of the block or, by prefix, of the table.

    Example:
        >>> frame = pd.DataFrame(columns=["m_a", "m_b", "y"])
        >>> number_columns(frame, {"kind": "tabular", "prefix": "m_", "categories": ["m_b"]})
        ['m_a']
    """
    named = [*block.get("columns", ())]
    taken = {*named, *block.get("categories", ()), *block.get("lists", ())}
    prefix = block.get("prefix")
    if prefix:
        named += [str(c) for c in frame.columns if str(c).startswith(prefix) and c not in taken]
    return named


def raise_problems(problems: pd.DataFrame, source: Mapping[str, Any]) -> None:
    """Raise one error that names every row with a problem (the first ten by name).

    Raises:
        InputError: unless there are none; its argument is the option if all are of one option, else `rows`.

    Example:
        >>> raise_problems(pd.DataFrame(columns=COLUMNS), {})
    """
    if problems.empty:
        return
    lines = [f"'{r.sample_id}' {r.column}={r.value or 'nothing'}: {r.problem}" for r in problems.itertuples()]
    more = f"; and {len(lines) - 10} more" if len(lines) > 10 else ""
    options = {str(v): k for k, v in source.items() if k in ("sample_id", "groups", "split")}
    options |= dict.fromkeys(label_names(source).values(), "label")
    arguments = {options.get(column, f"column {column}") for column in problems["column"]}
    argument = arguments.pop() if len(arguments) == 1 else "rows"
    kinds = {"sample_id": "each id once", "split": "train, valid or test, each group in one of them"}
    kinds |= {"label": "labels that the task and its classes allow", "groups": "a group for every row"}
    allowed = kinds.get(argument, "rows without these problems")
    remedy = f"Correct or remove these rows of {source.get('path', 'the table')}."
    plural = "s" if len(lines) > 1 else ""
    raise InputError(argument, f"{len(lines)} problem{plural}: {'; '.join(lines[:10])}{more}", allowed, remedy)


def _id_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> Iterator[_Problem]:
    column = str(source.get("sample_id"))
    if column not in frame:
        return
    ids = frame[column]
    for row in np.flatnonzero(ids.isna()).tolist():
        yield row, column, None, "no id"
    counts = ids.value_counts()
    for value in counts.index[counts > 1].sort_values():
        row = int(np.flatnonzero(ids == value)[0])
        yield row, column, value, f"id used {counts[value]} times"


def _label_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> Iterator[_Problem]:
    names = [name for name in label_names(source).values() if name in frame]
    if not names:
        return
    column, task, classes = names[0], source.get("task"), source.get("classes")
    if task == "regression":
        for row in np.flatnonzero(as_numbers(frame[column])[1]):
            yield int(row), column, frame[column].iloc[row], "not a finite number"
    elif isinstance(classes, list) and task != "multilabel":
        allowed = {class_name(c) for c in classes}
        coded = pd.api.types.is_numeric_dtype(frame[column]) and not all(c.lstrip("-").isdecimal() for c in allowed)
        allowed = set(map(str, range(len(classes)))) if coded else allowed
        for position, value in enumerate(frame[column]):
            if not pd.isna(value) and class_name(value) not in allowed:
                listed = ", ".join(class_name(c) for c in classes)
                yield position, column, value, f"not one of the classes {listed}"


def _split_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> Iterator[_Problem]:
    column, group = source.get("split"), source.get("groups")
    if not isinstance(column, str) or column not in frame:
        return
    parts = frame[column].astype("str").str.strip().str.lower().map(SPLIT_NAMES)
    for row in np.flatnonzero(parts.isna()):
        yield int(row), column, frame[column].iloc[row], "neither train, valid nor test"
    if group not in frame:
        return
    placed = pd.DataFrame({"group": frame[group], "part": parts}).dropna()
    n_parts = placed.groupby("group", sort=True)["part"].nunique()
    for name in n_parts.index[n_parts > 1]:
        rows = placed.index[placed["group"] == name]
        found = ", ".join(p for p in ("train", "valid", "test") if p in set(placed["part"].loc[rows]))
        row = frame.index.get_loc(rows[0])
        yield int(row), column, frame[column].loc[rows[0]], f"{group} '{name}' lies in {found}"


def _group_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> Iterator[_Problem]:
    column = str(source.get("groups"))
    if column in frame:
        for row in np.flatnonzero(frame[column].isna()):
            yield int(row), column, None, "no group"


def _number_problems(frame: pd.DataFrame, source: Mapping[str, Any]) -> Iterator[_Problem]:
    for block in source.get("modalities", {}).values():
        if not isinstance(block, Mapping) or block.get("kind") == "text":
            continue
        logged = set(block.get("log", ()))
        for column in number_columns(frame, block):
            if column not in frame:
                continue
            numbers, wrong = as_numbers(frame[column])
            # An infinite number is a number: acceptance sets the row aside with its reason, reading goes on.
            for row in np.flatnonzero(wrong & ~np.isinf(numbers)):
                yield int(row), column, frame[column].iloc[row], "not a number"
            for row in np.flatnonzero(numbers < 0) if column in logged else ():
                yield int(row), column, frame[column].iloc[row], "below 0 in a column read as log(1 + x)"
