"""One tidy table of every score of a dataset: a row a model, seed, part, subset, noise and metric.

    dataset model seed split subset training noise noise_level metric value low high n_rows

`seed` is null where the value is the mean over seeds. `subset` holds the modalities present, joined by `+`. `training`
is `collected` where the model was trained on all its modalities (a smaller subset is then masked at test), and
`never_collected` where it was trained on the subset alone. `noise` is the corrupted modality, `all`, or null.
Validation rows, and models retrained on subsets, have the headline metric; test rows of the others every metric.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.predictions import Predicted, read_predictions

COLUMNS = (
    "dataset", "model", "seed", "split", "subset", "training", "noise", "noise_level", "metric", "value", "low", "high",
    "n_rows",
)  # fmt: skip


def score_table(
    predictions: pd.DataFrame, evaluation: Mapping[str, Any], *, dataset: str, metric: str, task: str,
    classes: Sequence[str], modalities: Mapping[str, Sequence[str]], level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Return the table.

    Args:
        predictions: the predictions table, parts "valid" and "test".
        evaluation: content of `evaluation.json`, whose scores, subsets and robustness are taken over.
        dataset: its name.
        metric: the headline metric, which is also given for each seed.
        task, classes, level: as in `evaluate`.
        modalities: model -> the modalities that it sees, in their order.

    Raises:
        InputError: as `read_predictions`.

    Example:
        >>> f = pd.DataFrame({"model": "unimodal:a", "seed": 0, "fold": 0, "part": "test", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "x"],
        ...                   "p_0": [0.9, 0.6], "p_1": [0.1, 0.4]})
        >>> table = score_table(f, {"subsets": []}, dataset="d", metric="accuracy", task="classification",
        ...                     classes=["x", "y"], modalities={"unimodal:a": ["a"]})
        >>> table.loc[(table.metric == "accuracy") & table.seed.isna(), "value"].tolist()
        [0.5]
    """
    rows: list[dict[str, Any]] = []
    known = {entry["model"]: entry["metrics"] for entry in evaluation.get("models", ())}
    for (model, split), frame in predictions.groupby(["model", "part"], sort=False):
        names = modalities[str(model)]
        predicted = read_predictions(frame, str(model), task=task, classes=classes, part=str(split))
        training = "never_collected" if "@" in str(model) else "collected"
        where = {"model": str(model), "split": str(split), "subset": "+".join(names), "training": training}
        every = known.get(str(model), {}) if split == "test" else {}
        rows += [{**where, **entry} for entry in _scores(predicted, metric, level, every)]
    rows += _of_subsets(evaluation, metric)
    rows += _of_noise(evaluation, metric, modalities)
    table = pd.DataFrame([{"dataset": dataset, **row} for row in rows], columns=list(COLUMNS))
    return table.astype({
        "seed": "Int64", "noise_level": "float64", "value": "float64", "low": "float64", "high": "float64",
        "n_rows": "Int64",
    })  # fmt: skip


def _scores(predicted: Predicted, metric: str, level: float, known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The headline metric over seeds and for each, and whatever else the evaluation measured already."""
    over_seeds = {metric: metric_interval(predicted, metric, level=level).to_dict()} | dict(known)
    for name, interval in over_seeds.items():
        yield _row(None, name, interval, predicted)
    for place, seed in enumerate(predicted.seeds):
        one = predicted.of_seed(place)
        yield _row(seed, metric, metric_interval(one, metric, level=level).to_dict(), one)


def _row(seed: int | None, metric: str, interval: Mapping[str, Any], predicted: Predicted) -> dict[str, Any]:
    ends = {key: interval[key] for key in ("value", "low", "high")}
    return {"seed": seed, "noise": None, "noise_level": None, "metric": metric, **ends, "n_rows": len(predicted.truth)}


def _of_subsets(evaluation: Mapping[str, Any], metric: str) -> list[dict[str, Any]]:
    """Rows of masked models; retrained ones are models of their own and stand among these already."""
    rows = []
    for entry in evaluation.get("subsets", ()):
        masked = entry.get("absent_at_test")
        if masked is not None:
            ends = {key: masked[key] for key in ("value", "low", "high")}
            rows.append({
                "model": evaluation.get("masked_model"), "split": "test", "subset": "+".join(entry["present"]),
                "training": "collected", "metric": metric, **ends,
            })  # fmt: skip
    return rows


def _of_noise(
    evaluation: Mapping[str, Any], metric: str, modalities: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    found = evaluation.get("robustness") or {}
    return [
        {
            "model": curve["model"], "split": "test", "subset": "+".join(modalities[curve["model"]]),
            "training": "collected", "noise": curve["noise"], "noise_level": point["level"], "metric": metric,
            "value": point["value"], "low": point["low"], "high": point["high"],
        }
        for curve in found.get("curves", ())
        for point in curve["points"]
        if point["level"] > 0
    ]  # fmt: skip
