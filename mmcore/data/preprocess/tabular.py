"""Tables: impute with indicators, tame heavy tails, drop constant columns, scale.

In this order, all from the training rows: `log: auto` takes sign(x) log(1 + |x|) of a column whose values are all >= 0
and whose sample skewness exceeds 2; a missing value becomes the median, the mean or a constant; columns without spread
go; the rest is centred and scaled over the values that were observed. Every column that misses a value in training
gains an indicator (0/1, unscaled), also where the column itself is constant. A column that first misses a value later
is imputed too, has no indicator, and is counted in the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.scaling import apply_scaling, fit_scaling, groups_scaled_apart, nest, nested, row_groups
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError, counted

LOG_SKEWNESS = 2.0


def table_of(rows: Rows) -> np.ndarray:
    """Return the rows as an (n, d) float64 matrix, NaN where missing.

    Raises:
        InputError: for sequences, text, or an infinite value (the column is named).
    """
    values = rows.values
    if isinstance(values, Ragged) or values.ndim > 2:
        received = f"shape {values.sample_shape if isinstance(values, Ragged) else values.shape[1:]}"
        raise InputError(rows.name, received, "one vector a sample", "Declare its kind as 'timeseries'.")
    if values.dtype.kind not in "fiub":
        raise InputError(rows.name, f"dtype {values.dtype}", "numbers", "Encode the columns, or declare kind 'text'.")
    matrix = np.array(values, dtype=np.float64).reshape(len(values), -1)
    infinite = np.isinf(matrix).any(axis=0)
    if infinite.any():
        column = rows.column_names(matrix.shape[1])[int(np.flatnonzero(infinite)[0])]
        where = rows.sample(int(np.flatnonzero(np.isinf(matrix).any(axis=1))[0]))
        remedy = "Replace it by a missing value, or correct the source."
        raise InputError(f"{rows.name}.{column}", f"an infinite value in {where}", "finite or missing", remedy)
    return matrix


def skewness(column: np.ndarray) -> float:
    """Return the sample skewness m3 / m2^1.5 of the values that are not NaN; 0 without spread.

    Example:
        >>> round(skewness(np.array([1.0, 0.0, 0.0])), 6)
        0.707107
    """
    values = column[~np.isnan(column)]
    if not len(values) or values.min() == values.max():
        return 0.0
    deviations = (values - values.mean()) / values.std()
    return float((deviations**3).mean())


def signed_log(values: np.ndarray) -> np.ndarray:
    """Return sign(x) log(1 + |x|): log1p for x >= 0, and defined for a negative value that comes later."""
    return np.sign(values) * np.log1p(np.abs(values))


def _fill_values(matrix: np.ndarray, observed: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """The value that stands for a missing one, by column; columns without any value take 0 and are dropped later."""
    fill = np.full(matrix.shape[1], float(options["fill"]) if options["impute"] == "constant" else 0.0)
    if options["impute"] != "constant":
        middle = np.nanmedian if options["impute"] == "median" else np.nanmean
        fill[observed] = middle(matrix[:, observed], axis=0) if observed.any() else 0.0
    return fill


def fit_table(matrix: np.ndarray, names: tuple[str, ...], options: dict[str, Any], groups: Any, name: str) -> Fitted:
    """Return the state of a table (n, d) whose columns are called `names`; see the module for the order of steps."""
    logged = np.zeros(matrix.shape[1], dtype=bool)
    if options["log"] == "auto":
        logged = np.array([not (c < 0).any() and skewness(c) > LOG_SKEWNESS for c in matrix.T], dtype=bool)
        matrix = np.where(logged, signed_log(matrix), matrix)
    missing = np.isnan(matrix)
    observed = ~missing.all(axis=0)
    spread = np.zeros(matrix.shape[1], dtype=bool)
    spread[observed] = np.nanmin(matrix[:, observed], axis=0) < np.nanmax(matrix[:, observed], axis=0)
    indicated = missing.any(axis=0) & observed if options["indicators"] else np.zeros_like(observed)
    if not spread.any() and not indicated.any():
        remedy = f"Remove the modality '{name}', or correct its columns."
        raise InputError(name, "no column that varies in training", "at least one column that varies", remedy)
    settings = {
        "columns": list(names),
        "logged": [names[j] for j in np.flatnonzero(logged & spread)],
        "dropped_constant": [names[j] for j in np.flatnonzero(~spread & observed)],
        "dropped_empty": [names[j] for j in np.flatnonzero(~observed)],
        "indicated": [names[j] for j in np.flatnonzero(indicated)],
    }
    arrays = {
        "logged": logged,
        "kept": spread,
        "indicated": indicated,
        "fill": _fill_values(matrix, observed, options),
        "missing_in_training": missing.any(axis=0),
    }
    return nest("scaling", fit_scaling(matrix[:, spread], options["scaling"], groups), settings, arrays)


def apply_table(fitted: Fitted, matrix: np.ndarray, groups: Any) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any]]:
    """Return (n, d') float32, the names of its columns, and a record of what was imputed and dropped."""
    names, state = fitted.settings["columns"], fitted.arrays
    matrix = np.where(state["logged"], signed_log(matrix), matrix)
    missing = np.isnan(matrix)
    kept, indicated = state["kept"], state["indicated"]
    new = missing.any(axis=0) & kept & ~indicated
    filled = np.where(missing, state["fill"], matrix)[:, kept]
    scaled, record = apply_scaling(nested("scaling", fitted), filled, groups)
    for key in ("logged", "dropped_constant", "dropped_empty", "indicated"):
        if fitted.settings[key]:
            record[key] = fitted.settings[key]
    counts = {names[j]: int(missing[:, j].sum()) for j in np.flatnonzero(missing.any(axis=0) & kept)}
    if counts:
        record["imputed"] = counts
    first_seen = {names[j]: counts[names[j]] for j in np.flatnonzero(new & ~state["missing_in_training"])}
    if first_seen:
        record["imputed_not_missing_in_training"] = first_seen
    columns = [names[j] for j in np.flatnonzero(kept)] + [f"{names[j]}:missing" for j in np.flatnonzero(indicated)]
    return np.hstack([scaled, missing[:, indicated]]).astype(np.float32), tuple(columns), record


def fit_tabular(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return the state of a table, from its training rows.

    Example:
        >>> rows = Rows("t", "tabular", np.array([[1.0, 4.0], [3.0, np.nan], [5.0, 6.0]]), columns=("a", "b"))
        >>> options = dict(impute="median", fill=0.0, indicators=True, log="none", scaling="none", per_group=False)
        >>> fit_tabular(rows, options, seed=0).arrays["fill"]
        array([3., 5.])
    """
    matrix = table_of(rows)
    groups = row_groups(rows, options["per_group"])
    return fit_table(matrix, rows.column_names(matrix.shape[1]), options, groups, rows.name)


def apply_tabular(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return the table as float32 vectors, kind `tabular`."""
    matrix = table_of(rows)
    if matrix.shape[1] != len(fitted.settings["columns"]):
        allowed = f"{len(fitted.settings['columns'])} columns, as in training"
        raise InputError(
            rows.name, counted(matrix.shape[1], "column"), allowed, "Give the same columns in the same order."
        )
    values, columns, record = apply_table(fitted, matrix, row_groups(rows, options["per_group"]))
    return Output(values, "tabular", columns, None, record)


def table_does_more(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return whether values that were fitted were imputed, columns chosen for the logarithm, or groups scaled apart."""
    imputed = bool(record.get("imputed")) and options["impute"] != "constant"
    return imputed or options["log"] == "auto" or groups_scaled_apart(fitted, record, options)
