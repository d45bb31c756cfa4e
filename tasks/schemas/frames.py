"""Pandera schemas of the frames between steps. Strict: a column that nobody declared is an error."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa

from mmcore.data import Dataset
from mmcore.errors import InputError

_SHOWN = 5


def samples_schema(ds: Dataset) -> pa.DataFrameSchema:
    """Return the schema of `samples.parquet` for a dataset with these modalities and labels."""
    columns: dict[str, pa.Column] = {
        "sample_id": pa.Column(checks=pa.Check.str_length(min_value=1), unique=True, nullable=False),
        "split": pa.Column(checks=pa.Check.isin(["train", "valid", "test"]), nullable=False),
        "fold": pa.Column(nullable=True, required=False),
        "group": pa.Column(nullable=False, required=False),
    }
    for label in ds.spec.labels:
        checks = pa.Check.isin(list(label.classes or ())) if label.task == "classification" else None
        columns[label.column] = pa.Column(checks=checks, nullable=True)
    for name in ds.modalities:
        columns[f"has_{name}"] = pa.Column(bool, nullable=False)
    return pa.DataFrameSchema(columns, strict=True)


def predictions_schema(n_outputs: int) -> pa.DataFrameSchema:
    """Return the schema of `predictions.parquet` for `n_outputs` probabilities a row."""
    probability = pa.Column(float, nullable=False)
    columns = {
        "model": pa.Column(nullable=False),
        "seed": pa.Column(int, pa.Check.ge(0)),
        "fold": pa.Column(int, pa.Check.ge(-1)),
        "part": pa.Column(checks=pa.Check.isin(["valid", "test"])),
        "sample_id": pa.Column(nullable=False),
        "group": pa.Column(nullable=True),
        "truth": pa.Column(nullable=False),
        "prediction": pa.Column(nullable=False),
        **{f"p_{index}": probability for index in range(n_outputs)},
    }
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def hold(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str) -> pd.DataFrame:
    """Return `frame` where it fits `schema`.

    Raises:
        InputError: naming the first failing cells, all columns looked at together.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failure:
        cases: Any = failure.failure_cases
        shown = [
            f"{case['column'] or 'table'}: {case['failure_case']} ({case['check']})"
            for case in cases.head(_SHOWN).to_dict("records")
        ]
        received = f"{len(cases)} cells that do not fit: " + "; ".join(shown)
        raise InputError(name, received, "the columns of docs/architecture.md", "Correct the rows named.") from failure
    return frame
