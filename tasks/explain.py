"""What the decided model takes from each modality: exact Shapley values and permutation importance, on test rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.atomic import write_json
from mmcore.data import Dataset
from mmcore.evaluation.predictions import prediction_frame, read_predictions
from mmcore.explain.permutation import permutation_importance, permuted_scores
from mmcore.explain.summary import explain, row_scores
from mmcore.seeds import stream_seed
from tasks.evaluate import masked_model, read_masked
from tasks.learn import Learning, Run, open_learning
from tasks.tracking import task


@task
def explain_model(dataset: str, root: Path) -> Path:
    """Write `explanation.json` for the recommended model, or for late fusion where one modality is enough."""
    from mmcore.training import torch_threads

    learning = open_learning(dataset, root)
    verdict = json.loads((learning.workspace / "verdict.json").read_text(encoding="utf-8"))
    model = masked_model(verdict["recommended"])
    runs = [run for run in learning.runs if run.model == model]
    label = learning.ds.spec.label()
    level = learning.evaluate.level
    with torch_threads(learning.train.threads):
        permuted = [_permuted(learning, run) for run in runs]
    content = explain(
        read_masked(learning),
        permutation_importance(permuted, learning.ds.groups, level=level),
        model=model,
        modalities=runs[0].modalities,
        task=label.task,
        classes=label.classes or (),
        level=level,
    )
    place = learning.workspace / "explanation.json"
    write_json(place, content)
    return place


def _permuted(learning: Learning, run: Run) -> Any:
    rows = learning.parts[run.fold].test
    seed = stream_seed(learning.parameters.seed, "explain", run.seed, run.fold)
    repeats = learning.explain.n_repeats
    scored = _scorer(learning, run)
    return permuted_scores(scored, learning.ds, rows, n_repeats=repeats, seed=seed, modalities=run.modalities)


def _scorer(learning: Learning, run: Run) -> Callable[[Dataset], np.ndarray]:
    """Return the function that scores each row of a dataset by the weights of `run`."""
    from mmcore.models import load_model
    from mmcore.training import predict

    model = load_model(learning.weights(run), learning.ds.spec)
    label = learning.ds.spec.label()
    classes = label.classes or ()

    def scores(rows: Dataset) -> np.ndarray:
        outputs = predict(model, rows, np.arange(len(rows)))
        # Row numbers keep the order: predictions are read back sorted by their ids.
        ids = [f"{number:09d}" for number in range(len(rows))]
        frame = prediction_frame(
            outputs, rows.labels(), ids, model=run.model, seed=run.seed, fold=run.fold, part="test", task=label.task,
            classes=classes,
        )  # fmt: skip
        return row_scores(read_predictions(frame, run.model, task=label.task, classes=classes, part="test"))

    return scores
