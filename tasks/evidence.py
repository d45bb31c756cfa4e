"""What `evaluation.json` says beyond scores: noise, prediction sets, temperature and slices."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.coverage import conformal
from mmcore.evaluation.paired import holm
from mmcore.evaluation.predictions import Predicted, read_predictions
from mmcore.evaluation.resampled import ResampledTest, compare_runs
from mmcore.evaluation.robustness_summary import robustness_summary
from mmcore.evaluation.slices import presence_patterns, sample_slices, slice_table
from mmcore.evaluation.temperature import calibrate
from tasks.learn import Learning
from tasks.noise import corruption_names, noisy_models, noisy_predictions, noisy_seeds


def extras(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Return `robustness`, `conformal`, `temperature` and `slices` of `evaluation.json`."""
    valid, test = (_recommended(learning, verdict, table, part) for part in ("valid", "test"))
    return {
        "robustness": _robustness(learning, verdict, table),
        "conformal": _conformal(learning, valid, test),
        "temperature": _temperature(learning, valid, test),
        "slices": _slices(learning, test),
        "across_runs": _across_runs(learning, verdict, table),
    }


def _across_runs(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Every model against late fusion and the best single modality over seeds and folds, on test rows.

    The paired differences over rows hold the models fixed; these hold the noise of training too. Entries without a
    test say why in `reason`; p-values are adjusted (Holm) over all models compared with the same rival.
    """
    models = list(dict.fromkeys(run.model for run in learning.runs if run.contestant))
    if len(learning.train.seeds) * len(learning.parts) < 2:
        return []
    found = []
    for rival in dict.fromkeys(("late_fusion", verdict["best_unimodal"])):
        if rival not in models:
            continue
        entries = [_over_runs(learning, table, model, rival) for model in models if model != rival]
        tested = [entry for entry in entries if entry["p"] is not None]
        for entry, p in zip(tested, holm([entry["p"] for entry in tested]), strict=True):
            entry["p_adjusted"] = p
        found += entries
    return found


def _over_runs(learning: Learning, table: pd.DataFrame, model: str, rival: str) -> dict[str, Any]:
    """One entry: the test, or why there is none, such as the same difference in every run."""
    label = learning.ds.spec.label()
    n_train = sum(len(part.train) for part in learning.parts.values()) / len(learning.parts)
    named: dict[str, Any] = {"model": model, "against": rival}
    try:
        test = compare_runs(
            table, model, rival, metric=learning.metric, task=label.task, n_train=n_train,
            classes=label.classes or (), level=learning.evaluate.level,
        )  # fmt: skip
    except InputError as error:
        absent = dict.fromkeys(field.name for field in dataclasses.fields(ResampledTest))
        return {**named, **absent, "level": learning.evaluate.level, "p_adjusted": None, "reason": str(error)}
    return {**named, **test.to_dict(), "p_adjusted": None, "reason": None}


def _temperature(learning: Learning, valid: Predicted, test: Predicted) -> dict[str, Any] | None:
    """Temperature scaling; refused where no temperature is best, such as with every validation row right."""
    if test.task != "classification":
        return None
    try:
        return calibrate(valid, test, level=learning.evaluate.level)
    except InputError as error:
        return {"status": "refused", "reason": str(error)}


def _recommended(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame, part: str) -> Predicted:
    label = learning.ds.spec.label()
    return read_predictions(table, verdict["recommended"], task=label.task, classes=label.classes or (), part=part)


def _robustness(learning: Learning, verdict: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    if not learning.evaluate.noise_levels:
        return {"status": "absent", "reason": "evaluate.noise_levels is empty"}
    try:
        corruptions = corruption_names(learning)
    except InputError as error:  # a modality that has no noise, such as truth values
        return {"status": "refused", "reason": str(error)}
    label = learning.ds.spec.label()
    clean = table[(table["part"] == "test") & table["seed"].isin(noisy_seeds(learning))]
    return robustness_summary(
        clean,
        noisy_predictions(learning, noisy_models(learning, verdict)),
        metric=learning.metric,
        task=label.task,
        classes=label.classes or (),
        level=learning.evaluate.level,
        corruptions=corruptions,
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
