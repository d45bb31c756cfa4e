"""What `evaluation.json` says beyond scores: noise, prediction sets, temperature and slices."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.coverage import conformal
from mmcore.evaluation.predictions import Predicted, read_predictions
from mmcore.evaluation.resampled import compare_runs
from mmcore.evaluation.robustness_summary import robustness_summary
from mmcore.evaluation.slices import presence_patterns, sample_slices, slice_table
from mmcore.evaluation.temperature import calibrate
from tasks.learn import Learning
from tasks.noise import corruption_names, noisy_models, noisy_predictions, noisy_seeds


def extras(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Return `robustness`, `conformal`, `temperature` and `slices` of `evaluation.json`."""
    valid, test = (_recommended(learning, verdict, table, part) for part in ("valid", "test"))
    classified = learning.ds.spec.label().task == "classification"
    return {
        "robustness": _robustness(learning, verdict, table),
        "conformal": _conformal(learning, valid, test),
        "temperature": calibrate(valid, test, level=learning.evaluate.level) if classified else None,
        "slices": _slices(learning, test),
        "across_runs": _across_runs(learning, verdict, table),
    }


def _across_runs(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Every model against late fusion and the best single modality over seeds and folds, on test rows.

    The paired differences over rows hold the models fixed; these hold the noise of training too.
    """
    label = learning.ds.spec.label()
    n_train = sum(len(part.train) for part in learning.parts.values()) / len(learning.parts)
    models = list(dict.fromkeys(run.model for run in learning.runs if run.contestant))
    found = []
    for rival in ("late_fusion", verdict["best_unimodal"]):
        for model in models:
            if model == rival or rival not in models or len(learning.train.seeds) * len(learning.parts) < 2:
                continue
            test = compare_runs(
                table, model, rival, metric=learning.metric, task=label.task, n_train=n_train,
                classes=label.classes or (), level=learning.evaluate.level,
            )  # fmt: skip
            found.append({"model": model, "against": rival, **dataclasses.asdict(test)})
    return found


def _recommended(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame, part: str) -> Predicted:
    label = learning.ds.spec.label()
    return read_predictions(table, verdict["recommended"], task=label.task, classes=label.classes or (), part=part)


def _robustness(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    if not learning.evaluate.noise_levels:
        return {"status": "absent", "reason": "evaluate.noise_levels is empty"}
    label = learning.ds.spec.label()
    clean = table[(table["part"] == "test") & table["seed"].isin(noisy_seeds(learning))]
    return robustness_summary(
        clean,
        noisy_predictions(learning, noisy_models(learning, verdict)),
        metric=learning.metric,
        task=label.task,
        classes=label.classes or (),
        level=learning.evaluate.level,
        corruptions=corruption_names(learning),
    )


def _conformal(learning: Learning, valid: Predicted, test: Predicted) -> dict[str, Any]:
    """Sets by the pattern of present modalities; with folds every row calibrates for models that another row tests."""
    if test.task == "multilabel":
        return {"status": "absent", "reason": "prediction sets are not defined here for several labels a row"}
    try:
        found = conformal(
            valid,
            test,
            alpha=1.0 - learning.evaluate.coverage,
            valid_patterns=_patterns(learning, valid),
            test_patterns=_patterns(learning, test),
            level=learning.evaluate.level,
            seed=learning.parameters.seed,
        )
    except InputError as error:
        return {"status": "refused", "reason": str(error)}
    return {"status": "measured", **found}


def _patterns(learning: Learning, predicted: Predicted) -> Any:
    patterns = dict(zip(learning.ds.samples["sample_id"].astype(str), presence_patterns(learning.ds), strict=True))
    return pd.Series(predicted.sample_ids).astype(str).map(patterns).to_numpy(dtype=str)


def _slices(learning: Learning, test: Predicted) -> list[dict[str, Any]]:
    """Scores by each value of the columns that params name."""
    columns = learning.evaluate.slices
    if not columns:
        return []
    found = slice_table(
        test,
        sample_slices(learning.ds, columns, test.sample_ids),
        metric=learning.metric,
        level=learning.evaluate.level,
        interval=learning.evaluate.interval,
        seed=learning.parameters.seed,
    )
    return [one.to_dict() for one in found]
