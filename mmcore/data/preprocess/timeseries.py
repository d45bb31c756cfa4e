"""Time series: a vector of summary features, or the sequence itself with its channels scaled.

Gaps (NaN) are filled inside each sample (`mmcore.data.preprocess.sequences`), and what was filled stays visible for
every channel that misses a step in training: as the share of missing steps (`summary`) or as a 0/1 channel (`raw`).
Scaling is by training constants, or within each group (`mmcore.data.preprocess.scaling`). With `length`, a sequence is
cropped at its end or padded with zeros after scaling; ragged ones gain a last channel `mask`, 1 where there was a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.embedding import reshape_steps
from mmcore.data.preprocess.scaling import apply_scaling, fit_scaling, groups_scaled_apart, nest, nested, row_groups
from mmcore.data.preprocess.sequences import Steps, channel_means, check_channels, fill_gaps, steps_of
from mmcore.data.preprocess.summary import band_edges, feature_names, summarise
from mmcore.data.preprocess.tabular import apply_table, fit_table
from mmcore.data.ragged import Ragged

CORRELATED_CHANNELS = 12


def fit_timeseries(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return the state of a time series, from its training rows (n, t), (n, t, channels) or ragged.

    Example:
        >>> rows = Rows("a", "timeseries", np.array([[0.0, 2.0], [2.0, 4.0]]))
        >>> options = dict(representation="raw", scaling="standard", per_group=False)
        >>> fit_timeseries(rows, options, seed=0).arrays["scaling.centre"]
        array([2.])
    """
    steps = steps_of(rows)
    means = channel_means(steps)
    complete, missing, _ = fill_gaps(steps, means)
    names = rows.column_names(steps.values.shape[1], "channel")
    indicated: np.ndarray = np.asarray(missing.any(axis=0))
    groups = row_groups(rows, options["per_group"])
    settings: dict[str, Any] = {"channels": list(names), "ragged": isinstance(rows.values, Ragged)}
    arrays: dict[str, np.ndarray] = {"means": means, "indicated": indicated}
    if options["representation"] == "raw":
        by_step = None if groups is None else groups[steps.sample_of_step]
        return nest("scaling", fit_scaling(complete.values, options["scaling"], by_step), settings, arrays)
    auto = options["correlations"] == "auto" and len(names) <= CORRELATED_CHANNELS
    settings["correlations"] = auto or options["correlations"] == "all"
    arrays["edges"] = band_edges(int(np.median(steps.lengths)), options["bands"])
    state = Fitted(settings, arrays)
    features, columns = _features(state, complete, missing)
    table = {"impute": "mean", "fill": 0.0, "indicators": False, "log": "none", "scaling": options["scaling"]}
    return nest("table", fit_table(features, columns, table, groups, rows.name), settings, arrays)


def _features(fitted: Fitted, complete: Steps, missing: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Summary features, then the share of missing steps of each channel that missed one in training."""
    correlations, edges = fitted.settings["correlations"], fitted.arrays["edges"]
    indicated = fitted.arrays["indicated"]
    features = summarise(complete, edges, correlations=correlations)
    names = tuple(fitted.settings["channels"])
    shares = np.add.reduceat(missing[:, indicated].astype(float), complete.offsets[:-1], axis=0)
    shares = shares / complete.lengths[:, None]
    columns = feature_names(names, len(edges) - 1, correlations=correlations)
    extra = tuple(f"{names[c]}:missing" for c in np.flatnonzero(indicated))
    return np.hstack([features, shares]), columns + extra


def _gap_record(fitted: Fitted, missing: np.ndarray, empty: int) -> dict[str, Any]:
    if not missing.any():
        return {}
    names = fitted.settings["channels"]
    record: dict[str, Any] = {
        "interpolated_share": {names[c]: float(missing[:, c].mean()) for c in np.flatnonzero(missing.any(axis=0))}
    }
    if empty:
        record["filled_with_training_mean"] = empty
    return record


def apply_timeseries(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return summary vectors (kind `tabular`) or scaled sequences (kind `timeseries`), float32."""
    steps = steps_of(rows)
    check_channels(rows, steps, len(fitted.settings["channels"]))
    complete, missing, empty = fill_gaps(steps, fitted.arrays["means"])
    record = _gap_record(fitted, missing, empty)
    groups = row_groups(rows, options["per_group"])
    if options["representation"] == "summary":
        features, _ = _features(fitted, complete, missing)
        values, columns, scaled = apply_table(nested("table", fitted), features, groups)
        return Output(values, "tabular", columns, None, {**record, **scaled})
    by_step = None if groups is None else groups[steps.sample_of_step]
    scaled_values, scaled = apply_scaling(nested("scaling", fitted), complete.values, by_step)
    indicated = fitted.arrays["indicated"]
    flat = np.hstack([scaled_values, missing[:, indicated]]).astype(np.float32)
    names = fitted.settings["channels"]
    columns = (*names, *(f"{names[c]}:missing" for c in np.flatnonzero(indicated)))
    if options["length"] is None:
        return Output(reshape_steps(rows, flat), "timeseries", columns, rows.rate, {**record, **scaled})
    values, cut = _to_length(flat, complete, options["length"], mask=fitted.settings["ragged"])
    columns = (*columns, "mask") if fitted.settings["ragged"] else columns
    return Output(values, "timeseries", columns, rows.rate, {**record, **scaled, **cut})


def _to_length(flat: np.ndarray, steps: Steps, length: int, *, mask: bool) -> tuple[np.ndarray, dict[str, int]]:
    """Return (n, length, channels [+ 1]) and how many samples were cropped and padded."""
    values = np.zeros((len(steps.lengths), length, flat.shape[1] + mask), dtype=np.float32)
    position = np.arange(len(flat)) - np.repeat(steps.offsets[:-1], steps.lengths)
    inside = position < length
    sample = steps.sample_of_step[inside]
    values[sample, position[inside], : flat.shape[1]] = flat[inside]
    if mask:
        values[sample, position[inside], -1] = 1.0
    counts = {"cropped": int((steps.lengths > length).sum()), "padded": int((steps.lengths < length).sum())}
    return values, counts


def timeseries_does_more(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return whether anything but centre and scale was fitted.

    That is a channel filled with its training mean (padding after scaling is that mean too), features that were
    imputed, frequency bands by the typical length of training sequences, or constants of groups.
    """
    filled = any(record.get(key) for key in ("filled_with_training_mean", "padded", "imputed"))
    bands = options["representation"] == "summary" and fitted.settings["ragged"]
    return bool(filled or bands) or groups_scaled_apart(fitted, record, options)
