"""Decide on validation rows, then read test rows once; accuracy for every set of modalities that may be present."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmcore.atomic import write_json
from mmcore.evaluation.missing import modality_subsets, subset_table
from mmcore.evaluation.scores import score_table
from mmcore.evaluation.summary import evaluate
from mmcore.evaluation.verdict import decide
from tasks.evidence import extras
from tasks.learn import Learning, Run, frame_of, open_learning, write_frame
from tasks.schemas.frames import hold, predictions_schema
from tasks.tracking import publish_table, task

LATE_FUSION = "late_fusion"


def predict_run(learning: Learning, run: Run, part: str, present: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the predictions table of one run on `part`, with only the modalities `present` (None: as they are)."""
    from mmcore.models import load_model
    from mmcore.training import predict

    model = load_model(learning.weights(run), learning.ds.spec)
    rows = learning.parts[run.fold].rows(part)
    return frame_of(learning, run, part, predict(model, learning.ds, rows, present=present))


def masked_predictions(learning: Learning, model: str) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return subset -> the test predictions of `model` with only these modalities present, over all its runs."""
    runs = [run for run in learning.runs if run.model == model]
    names = runs[0].modalities
    return {
        subset: pd.concat([predict_run(learning, run, "test", subset) for run in runs], ignore_index=True)
        for subset in modality_subsets(names)
    }


def write_masked(learning: Learning, masked: dict[tuple[str, ...], pd.DataFrame]) -> None:
    """Keep the masked predictions for `explain`."""
    frames = [frame.assign(present="+".join(subset)) for subset, frame in masked.items()]
    write_frame(learning.workspace / "masked.parquet", pd.concat(frames, ignore_index=True))


def read_masked(learning: Learning) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return what `write_masked` kept."""
    table = pd.read_parquet(learning.workspace / "masked.parquet")
    return {
        tuple(str(present).split("+")): frame.drop(columns="present")
        for present, frame in table.groupby("present", sort=False)
    }


def masked_model(recommended: str) -> str:
    """Return the model whose modalities are taken away: the recommended one where it is multimodal, else late fusion.

    Example:
        >>> masked_model("unimodal:text")
        'late_fusion'
    """
    return LATE_FUSION if recommended.startswith("unimodal:") else recommended


@task
def decide_on_validation(dataset: str, root: Path) -> Path:
    """Write `verdict.json` from the validation rows of every run; no test row is touched."""
    from mmcore.training import torch_threads

    learning = open_learning(dataset, root)
    with torch_threads(learning.train.threads):
        valid = pd.concat([predict_run(learning, run, "valid") for run in learning.runs], ignore_index=True)
    write_frame(learning.workspace / "valid.parquet", valid)
    contestants = {run.model for run in learning.runs if run.contestant}
    label = learning.ds.spec.label()
    options = learning.evaluate
    verdict = decide(
        valid[valid["model"].isin(contestants)],
        level=options.level,
        metric=learning.metric,
        min_gain=options.min_gain,
        selection=learning.selection,
        task=label.task,
        classes=label.classes or (),
        seed=learning.parameters.seed,
    )
    place = learning.workspace / "verdict.json"
    write_json(place, verdict)
    return place


@task
def read_test_rows(dataset: str, root: Path) -> Path:
    """Write the predictions table and `evaluation.json`; the one place that reads test rows, after the verdict."""
    from mmcore.training import torch_threads

    learning = open_learning(dataset, root)
    verdict = json.loads((learning.workspace / "verdict.json").read_text(encoding="utf-8"))
    with torch_threads(learning.train.threads):
        test = pd.concat([predict_run(learning, run, "test") for run in learning.runs], ignore_index=True)
        model = masked_model(verdict["recommended"])
        masked = masked_predictions(learning, model)
    valid = pd.read_parquet(learning.workspace / "valid.parquet")
    table = pd.concat([valid, test], ignore_index=True)
    n_scores = sum(column.startswith("p_") for column in table.columns)
    table["group"] = table["group"].astype(object).where(table["group"].notna(), None)
    hold(table, predictions_schema(n_scores), f"predictions of {dataset}")
    write_frame(learning.workspace / "predictions.parquet", table)
    write_masked(learning, masked)
    content = {**_evaluation(learning, verdict, table, masked), "masked_model": model}
    content |= extras(learning, verdict, table)
    write_json(learning.workspace / "evaluation.json", content)
    write_frame(learning.workspace / "scores.parquet", _scores(learning, table, content))
    metric = content["metric"]
    rows = [
        {"model": entry["model"], metric: round(entry["metrics"][metric]["value"], 4)} for entry in content["models"]
    ]
    publish_table(f"models-{dataset}", rows, f"Models on rows never seen; verdict: {verdict['verdict']}")
    return learning.workspace / "evaluation.json"


def _evaluation(
    learning: Learning, verdict: dict[str, Any], table: pd.DataFrame, masked: dict[tuple[str, ...], pd.DataFrame]
) -> dict[str, Any]:
    """Scores of every model, and of every subset of the modalities."""
    label, options = learning.ds.spec.label(), learning.evaluate
    training = json.loads((learning.workspace / "training.json").read_text(encoding="utf-8"))
    metric, classes = learning.metric, label.classes or ()
    subsets = subset_table(
        masked,
        predictions=table,
        model=masked_model(verdict["recommended"]),
        modalities=learning.ds.modalities,
        metric=metric,
        task=label.task,
        classes=classes,
        level=options.level,
        retrained=learning.train.retrain_subsets,
    )
    return evaluate(
        table,
        verdict=verdict,
        task=label.task,
        classes=classes,
        models=_model_entries(training),
        subsets=subsets,
        protocol=training["protocol"],
        metric=metric,
        level=options.level,
        seed=learning.parameters.seed,
        tags=options.metric_tags,
        interval=options.interval,
    )


def _scores(learning: Learning, table: pd.DataFrame, evaluation: dict[str, Any]) -> pd.DataFrame:
    label, options = learning.ds.spec.label(), learning.evaluate
    return score_table(
        table,
        evaluation,
        dataset=learning.ds.spec.name,
        metric=evaluation["metric"],
        task=label.task,
        classes=label.classes or (),
        modalities=learning.models,
        level=options.level,
    )


def _model_entries(training: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one entry a contestant, in the order in which they were trained."""
    entries: dict[str, dict[str, Any]] = {}
    for run in training["runs"]:
        if "@" in run["model"]:
            continue
        kept = {key: run[key] for key in ("model", "modalities", "n_parameters", "flops")}
        entries.setdefault(run["model"], kept)
    return list(entries.values())
