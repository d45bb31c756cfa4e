"""Vectors that a network already made, or sequences of them: every dimension is centred and scaled, none is dropped.

Dimensions keep their places, so that a vector can still be read by what made it; a dimension without spread becomes
zeros. An embedding has no missing entries: a sample without one is absent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.scaling import apply_scaling, fit_scaling, row_groups
from mmcore.data.preprocess.sequences import Steps, check_channels, steps_of
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError


def _complete_steps(rows: Rows) -> Steps:
    steps = steps_of(rows)
    missing = np.isnan(steps.values)
    if missing.any():
        step, dimension = np.argwhere(missing)[0]
        received = f"a missing value in {rows.sample(int(steps.sample_of_step[step]))}, dimension {dimension}"
        remedy = "Mark the sample as absent, or declare kind 'tabular' (or 'timeseries') to have gaps filled."
        raise InputError(rows.name, received, "complete vectors", remedy)
    return steps


def _step_groups(rows: Rows, steps: Steps, per_group: bool) -> np.ndarray | None:
    groups = row_groups(rows, per_group)
    return None if groups is None else groups[steps.sample_of_step]


def reshape_steps(rows: Rows, values: np.ndarray) -> np.ndarray | Ragged:
    """Return (total, d) float32 steps in the shape the rows had: ragged, (n, t, d), or (n, d) for vectors."""
    if isinstance(rows.values, Ragged):
        return Ragged(values, rows.values.offsets, rows.values.times)
    if rows.values.ndim <= 2 and rows.kind != "timeseries":
        return values.reshape(len(rows), -1)
    return values.reshape(len(rows), -1, values.shape[1])


def vectors_as_one_step(rows: Rows) -> Rows:
    """Return (n, d) rows as sequences of one step, (n, 1, d): each dimension is then a channel of its own."""
    if isinstance(rows.values, Ragged) or rows.values.ndim != 2:
        return rows
    array = np.asarray(rows.values)[:, None, :]
    return Rows(rows.name, rows.kind, array, rows.rate, rows.columns, rows.groups, rows.sample_ids)


def fit_embedding(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return the constants of each dimension, from training rows (n, d), (n, t, d) or ragged.

    Example:
        >>> rows = Rows("e", "embedding", np.array([[0.0, 1.0], [2.0, 1.0]]))
        >>> fit_embedding(rows, {"scaling": "standard", "per_group": False}, seed=0).arrays["centre"]
        array([1., 1.])
    """
    steps = _complete_steps(vectors_as_one_step(rows))
    return fit_scaling(steps.values, options["scaling"], _step_groups(rows, steps, options["per_group"]))


def apply_embedding(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return float32 vectors of kind `embedding`, or sequences of kind `timeseries`."""
    steps = _complete_steps(vectors_as_one_step(rows))
    check_channels(rows, steps, fitted.arrays["centre"].shape[-1])
    scaled, record = apply_scaling(fitted, steps.values, _step_groups(rows, steps, options["per_group"]))
    values = reshape_steps(rows, scaled.astype(np.float32))
    vectors = isinstance(values, np.ndarray) and values.ndim == 2
    columns = rows.column_names(scaled.shape[1], "dimension")
    return Output(values, "embedding" if vectors else "timeseries", columns, rows.rate, record)
