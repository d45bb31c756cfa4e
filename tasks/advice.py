"""Advice before labels in the stage `select`: which rows params declare labelled, which paired, and what they advise.

A rule names rows: `known` those whose label is there, `all` every row, `rest` those that are not labelled by the other
rule, `COLUMN` those with a true value in this column of `samples.parquet`, `COLUMN=VALUE` those with this value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name
from mmcore.selection.advice import advise
from tasks.parameters.model import Advice

KNOWN, ALL, REST = "known", "all", "rest"
_KEY = "select.advice"


def rows_of(rule: str, ds: Dataset, argument: str) -> np.ndarray:
    """Return the mask of the rows that a rule names, (N,).

    Raises:
        InputError: for a column that the samples have not, a value that it has not, or a column that is not true or
            false where no value is named.

    Example:
        >>> from mmcore.data import from_arrays
        >>> split = ["train", "valid", "test", "test"]
        >>> ds = from_arrays({"a": np.zeros((4, 1))}, labels=[0, 1, 0, 1], split=split, name="tiny")
        >>> rows_of("split=test", ds, "labelled").tolist()
        [False, False, True, True]
    """
    if rule == ALL:
        return np.ones(len(ds), dtype=bool)
    if rule == KNOWN:
        return known_labels(ds)
    name, named, value = rule.partition("=")
    columns = [str(column) for column in ds.samples.columns]
    if name not in columns:
        raise unknown_name(argument, name, [KNOWN, ALL, *([REST] if argument.endswith("paired") else []), *columns])
    column = ds.samples[name]
    if named:
        chosen = (column.astype(str) == value).to_numpy(dtype=bool, na_value=False)
        if not chosen.any():
            seen = ", ".join(sorted(column.dropna().astype(str).unique())[:8])
            raise InputError(argument, rule, f"a value of {name}: {seen}", "Name a value that rows have.")
        return np.asarray(chosen)
    if not set(column.dropna().unique()) <= {True, False}:
        raise InputError(argument, f"column {name}, which is not true or false", f"{name}=VALUE, or such a column",
                         "Say which of its values is meant.")  # fmt: skip
    return np.asarray(column.fillna(False).to_numpy(dtype=bool))


def known_labels(ds: Dataset) -> np.ndarray:
    """Return the mask of the rows whose label is there, (N,)."""
    labels = ds.labels()
    if np.issubdtype(labels.dtype, np.integer):
        return np.asarray(labels >= 0)
    return np.asarray(~np.isnan(labels.reshape(len(ds), -1)).any(axis=1))


def advice_rows(advice: Advice, ds: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the masks of the labelled and of the paired rows.

    Raises:
        InputError: for a rule that names no row, with what the rules may name.
    """
    labelled = rows_of(advice.labelled, ds, f"{_KEY}.labelled")
    paired = ~labelled if advice.paired == REST else rows_of(advice.paired, ds, f"{_KEY}.paired")
    if not (labelled & known_labels(ds)).any():
        raise InputError(f"{_KEY}.labelled", f"{advice.labelled}: no row with a label", "rows whose label is known",
                         "Name rows that are labelled, for example 'known'.")  # fmt: skip
    if not paired.any():
        raise InputError(f"{_KEY}.paired", f"{advice.paired}: no row", "rows that have two modalities or more",
                         "Every row is declared labelled: name fewer, or 'all' for paired.")  # fmt: skip
    return labelled, paired


def modality_advice(advice: Advice, ds: Dataset, *, seed: int) -> dict[str, Any]:
    """Return what to add to the modalities at hand, as `selection.json` keeps it, with the rules and the counts.

    Raises:
        InputError: as `advise`, with the keys of params.
    """
    labelled, paired = advice_rows(advice, ds)
    try:
        found = advise(
            ds, held=advice.held, candidates=advice.candidates, labelled_rows=labelled, paired_rows=paired,
            options=advice.options, seed=seed,
        )  # fmt: skip
    except InputError as error:
        raise InputError(f"{_KEY}: {error.argument}", error.received, error.allowed, error.remedy) from error
    counts = {"labelled": int((labelled & known_labels(ds)).sum()), "paired": int(paired.sum())}
    return {**found.to_dict(), "rules": {"labelled": advice.labelled, "paired": advice.paired}, "n_rows": counts}
