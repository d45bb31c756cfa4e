"""The content of `evaluation.json`: every model on the test rows, read once, after the verdict was given.

Each row is tested once under each seed; values are averaged over seeds and intervals go over groups (else rows), see
`mmcore.evaluation.interval`. The standard deviation over seeds is given beside them: it is the noise of training, which
the interval over units does not contain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.calibration import calibration
from mmcore.evaluation.interval import INTERVALS, check_level, metric_interval
from mmcore.evaluation.metrics import DEFAULT_METRIC, find_metric, metrics_for, score
from mmcore.evaluation.paired import compare, holm
from mmcore.evaluation.predictions import Predicted, read_predictions
from mmcore.evaluation.verdict import LATE_FUSION


def evaluate(
    predictions: pd.DataFrame, *, verdict: Mapping[str, Any], task: str, classes: Sequence[str],
    models: Sequence[Mapping[str, Any]], subsets: Sequence[Mapping[str, Any]] = (),
    protocol: Mapping[str, Any] | None = None, metric: str | None = None, level: float = 0.95, seed: int = 0,
    tags: Sequence[str] = (), interval: str = "leave_one_out",
) -> dict[str, Any]:  # fmt: skip
    """Return the content of `evaluation.json`.

    Args:
        predictions: the predictions table; only rows of part "test" are read.
        verdict: content of `verdict.json`.
        task, classes: of the label.
        models: `{model, modalities, n_parameters, flops}` of each model, in the order to list them.
        subsets: from `mmcore.evaluation.missing.subset_table`.
        protocol: `{kind, n_folds, seeds}` of `training.json`.
        metric: the headline metric; by default accuracy, f1_micro (multilabel) or mae (regression).
        level: of all intervals.
        seed: of the drawn sign vectors, and of the resamples.
        tags: fields whose own metrics are wanted too, e.g. `affect` for sentiment in [-3, 3].
        interval: of each metric, a name of `mmcore.evaluation.interval.INTERVALS`; differences leave one unit out.

    Raises:
        InputError: for no test rows, a model without predictions, a recommended model that is not listed, or models
            that were tested on different rows.

    Example:
        >>> f = pd.DataFrame({"model": "unimodal:a", "seed": 0, "fold": 0, "part": "test", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "x"],
        ...                   "p_0": [0.9, 0.6], "p_1": [0.1, 0.4]})
        >>> e = evaluate(f, verdict={"recommended": "unimodal:a"}, task="classification", classes=["x", "y"],
        ...              models=[{"model": "unimodal:a", "modalities": ["a"], "n_parameters": 4, "flops": 8}])
        >>> e["models"][0]["metrics"]["accuracy"]["value"]
        0.5
    """
    if interval not in INTERVALS:
        raise unknown_name("interval", interval, INTERVALS)
    chosen = find_metric(metric or DEFAULT_METRIC.get(task, "accuracy"), task)
    names = [str(entry["model"]) for entry in models]
    recommended = str(verdict["recommended"])
    if recommended not in names:
        raise InputError("models", ", ".join(names), recommended, "List the recommended model too.")
    read = _tested(predictions, names, task, classes)
    first = read[names[0]]
    given = dict(protocol or {})
    return {
        "metric": chosen.name,
        "higher_is_better": chosen.higher_is_better,
        "level": check_level(level),
        "protocol": {
            "kind": given.get("kind", "split"), "n_folds": given.get("n_folds"), "seeds": list(first.seeds),
            "n_rows": len(first.truth), "n_groups": first.n_units if first.unit == "group" else None,
            "interval": INTERVALS[interval].format(unit=first.unit),
        },
        "majority_rate": majority_rate(first),
        "models": _adjusted([
            _model(read, dict(entry), recommended=recommended, metric=chosen.name, level=level, seed=seed,
                   tags=(*tags, *chosen.tags), interval=interval, best_unimodal=str(verdict.get("best_unimodal")))
            for entry in models
        ]),
        "subsets": [dict(entry) for entry in subsets],
        "calibration": calibration(read[recommended], level=level) if task == "classification" else None,
    }  # fmt: skip


def _tested(predictions: pd.DataFrame, names: Sequence[str], task: str, classes: Sequence[str]) -> dict[str, Predicted]:
    """Return each model's predictions of the test rows, which must be the same rows for all."""
    read = {name: read_predictions(predictions, name, task=task, classes=classes, part="test") for name in names}
    for name in names[1:]:
        if not np.array_equal(read[name].sample_ids, read[names[0]].sample_ids):
            raise InputError("predictions", f"{name} and {names[0]} tested on different rows", "the same test rows",
                             "Test every model on the same rows.")  # fmt: skip
    return read


def majority_rate(predicted: Predicted) -> float | None:
    """Return the share of the most frequent class among the rows; None for other tasks than classification.

    Example:
        >>> p = Predicted("m", "classification", ("x", "y"), np.array([0, 1, 1]), np.zeros((1, 3), int),
        ...               np.zeros((1, 3, 2)), np.array(list("abc")), np.arange(3), "sample", (0,))
        >>> round(majority_rate(p), 3)
        0.667
    """
    if predicted.task != "classification":
        return None
    return float(np.bincount(predicted.truth).max() / len(predicted.truth))


def _model(
    read: Mapping[str, Predicted], entry: dict[str, Any], *, recommended: str, metric: str, level: float, seed: int,
    tags: Sequence[str], interval: str, best_unimodal: str,
) -> dict[str, Any]:  # fmt: skip
    name = str(entry["model"])
    predicted = read[name]
    metrics = {}
    for candidate in metrics_for(predicted.task, tags):
        found = metric_interval(predicted, candidate.name, level=level, interval=interval, seed=seed)
        metrics[candidate.name] = {**found.to_dict(), "seed_deviation": _seed_deviation(predicted, candidate.name)}
    difference = _against(read, name, LATE_FUSION, metric=metric, level=level, seed=seed)
    unimodal = _against(read, name, best_unimodal, metric=metric, level=level, seed=seed)
    return {
        "model": name,
        "modalities": list(entry["modalities"]),
        "n_parameters": entry.get("n_parameters"),
        "flops": entry.get("flops"),
        "metrics": metrics,
        "difference": difference,
        "difference_unimodal": unimodal,
        "recommended": name == recommended,
    }


def _against(
    read: Mapping[str, Predicted], name: str, rival: str, *, metric: str, level: float, seed: int
) -> dict[str, Any] | None:
    """The paired difference to a rival on the same rows; None where there is none or it is the model itself."""
    if rival not in read or name == rival:
        return None
    paired = compare(read[name], read[rival], metric=metric, level=level, seed=seed)
    return {
        "to": rival, "value": paired.difference, "low": paired.low, "high": paired.high, "p": paired.p,
        "test": paired.test,
    }  # fmt: skip


def _adjusted(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The models with p-values adjusted by Holm, over all models compared with the same rival."""
    for key in ("difference", "difference_unimodal"):
        compared = [m[key] for m in models if m[key] is not None and m[key]["p"] is not None]
        for entry, p in zip(compared, holm([entry["p"] for entry in compared]), strict=True):
            entry["p_adjusted"] = p
    return models


def _seed_deviation(predicted: Predicted, metric: str) -> float | None:
    """Standard deviation over seeds (n - 1), None for one seed or where the metric is undefined."""
    values = score(predicted, metric)
    return float(values.std(ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None
