"""The coverage that conformal sets or intervals reach on test rows, and how large they are.

    coverage = share of rows whose truth is in the set,   size = mean number of classes, or mean width

Both for all rows and for each pattern of present modalities; the interval of the coverage goes over groups, else rows
(`mmcore.evaluation.interval`). Coverage given one calibration set is itself random, Beta(k, n + 1 - k) for n
exchangeable rows (Vovk 2012, ACML), so 1 - alpha need not lie in the interval of one run.

Validation rows calibrate here. No weight was fitted on them, but they chose the epoch, the tuned options and the
recommended model, so their scores are a little smaller than those of new rows and sets cover a little too seldom; the
coverage on test rows, which chose nothing, is what says how much. With folds, each row's score comes from the model
that validated it (cross-conformal, see `mmcore.evaluation.conformal`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.evaluation.conformal import (
    ALL_ROWS,
    ConformalIntervals,
    ConformalSets,
    Threshold,
    conformal_intervals,
    conformal_sets,
)
from mmcore.evaluation.interval import mean_interval
from mmcore.evaluation.predictions import Predicted


def measured(
    found: ConformalSets | ConformalIntervals, truth: np.ndarray, units: np.ndarray | None = None, *,
    level: float = 0.95, unit: str = "sample",
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the coverage reached and the size of the sets: for all rows, then for each pattern if there are several.

    Args:
        found: sets or intervals of m rows.
        truth: (m,) class codes or numbers.
        units: (m,) resampling units; None: each row its own.
        level, unit: of the coverage's interval, as in `mean_interval`.

    Returns:
        entries `{pattern, n_rows, coverage: {value, low, high}, size, n_calibration, threshold, reason}`; `size` is the
        mean number of classes, or the mean width; threshold None where it is infinite, size None where it would be.

    Example:
        >>> sets = ConformalSets(np.array([[True, False], [True, True]]), np.array(["all rows"] * 2),
        ...                      (Threshold("all rows", 0.4, 20),), 0.1, "lac")
        >>> entry = measured(sets, np.array([0, 0]))[0]
        >>> entry["coverage"]["value"], entry["size"]
        (1.0, 1.5)
    """
    actual = np.asarray(truth)
    if isinstance(found, ConformalSets):
        hit, size = found.included[np.arange(len(actual)), actual], found.included.sum(axis=1).astype(float)
    else:
        hit, size = (found.low <= actual) & (actual <= found.high), found.high - found.low
    own = np.arange(len(actual)) if units is None else np.asarray(units)

    def entry(pattern: str, rows: np.ndarray, threshold: Threshold | None) -> dict[str, Any]:
        width = float(size[rows].mean())
        coverage = mean_interval(hit[rows].astype(float), own[rows], level=level, unit=unit, fraction=True)
        known = {"n_calibration": None, "threshold": None, "reason": None} if threshold is None else {
            "n_calibration": threshold.n_rows, "reason": threshold.reason,
            "threshold": threshold.value if np.isfinite(threshold.value) else None}  # fmt: skip
        return {"pattern": pattern, "n_rows": len(rows), "coverage": coverage.to_dict(),
                "size": width if np.isfinite(width) else None, **known}  # fmt: skip

    several = len(found.thresholds) > 1
    table = [entry(ALL_ROWS, np.arange(len(actual)), None if several else found.thresholds[0])]
    for threshold in found.thresholds if several else ():
        table.append(entry(threshold.pattern, np.flatnonzero(found.patterns == threshold.pattern), threshold))
    return table


def conformal(
    valid: Predicted, test: Predicted, *, alpha: float = 0.1, method: str = "lac",
    valid_patterns: np.ndarray | None = None, test_patterns: np.ndarray | None = None, one_row_a_group: bool = False,
    level: float = 0.95, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return what conformal sets calibrated on validation rows reach on test rows; seeds are averaged into one model.

    Args:
        valid, test: a model's predictions of both parts; rows of `valid` were not trained on.
        alpha: share of truths that may be missed.
        method: `lac` or `aps` for a classification; ignored for a regression.
        valid_patterns, test_patterns: (n,) and (m,) str in the order of `sample_ids`, e.g. of `presence_patterns`.
        one_row_a_group: calibrate on one drawn row a group, see above.
        level: of the coverage's intervals.
        seed: of the draws.

    Returns:
        `{model, method, alpha, calibration: "rows" | "one row a group", grouped: bool, table: measured(...)}`

    Raises:
        InputError: for a multilabel task, or as `conformal_sets` and `conformal_intervals`.

    Example:
        >>> p = Predicted("m", "regression", (), np.arange(20.0), np.zeros((1, 20)), np.zeros((1, 20, 1)),
        ...               np.arange(20).astype(str), np.arange(20), "sample", (0,))
        >>> conformal(p, p)["table"][0]["coverage"]["value"]
        0.95
    """
    groups = valid.units if one_row_a_group else None
    options: dict[str, Any] = {"alpha": alpha, "calibration_patterns": valid_patterns, "patterns": test_patterns,
                               "groups": groups, "seed": seed}  # fmt: skip
    found: ConformalSets | ConformalIntervals
    if test.task == "classification":
        found = conformal_sets(
            valid.scores.mean(axis=0), valid.truth, test.scores.mean(axis=0), method=method, **options
        )
    elif test.task == "regression":
        found = conformal_intervals(valid.prediction.mean(axis=0), valid.truth, test.prediction.mean(axis=0), **options)
    else:
        raise InputError("test.task", test.task, "classification or regression", "Leave it out for other tasks.")
    return {
        "model": test.model, "method": method if test.task == "classification" else "absolute residual",
        "alpha": alpha, "calibration": "one row a group" if one_row_a_group else "rows",
        "grouped": valid.unit == "group",
        "table": measured(found, test.truth, test.units, level=level, unit=test.unit),
    }  # fmt: skip
