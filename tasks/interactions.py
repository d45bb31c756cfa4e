"""Which interactions the trained models use, beside those of the data: `interactions.json`, from test rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.atomic import write_json
from mmcore.evaluation.predictions import read_predictions
from mmcore.seeds import stream
from mmcore.selection.interaction_masked import masked_outputs
from mmcore.selection.learnt import learnt_interactions
from tasks.learn import Learning, Run, open_learning
from tasks.tracking import task

SYMBOLS = (
    "clusters", "max_clusters", "components", "discretiser", "n_folds", "rows_per_cell", "min_rows_per_cell",
    "max_bias_share", "correction", "interval", "label_bins", "solver", "tol",
)  # fmt: skip
"""Settings of the estimate that these atoms share with it; a test compares them with `dvc.yaml`."""


@task
def quantify_interactions(dataset: str, root: Path) -> Path:
    """Write `interactions.json`: of the models that `explain.interactions` names, or why there is nothing."""
    from mmcore.training import torch_threads

    learning = open_learning(dataset, root)
    reason = _why_not(learning)
    if reason is not None:
        content: dict[str, Any] = {"status": "absent", "reason": reason}
    else:
        with torch_threads(learning.train.threads):
            content = _content(dataset, learning)
    place = learning.workspace / "interactions.json"
    write_json(place, content)
    return place


def _why_not(learning: Learning) -> str | None:
    """Return why there is nothing to quantify, None where there is."""
    if learning.explain.interactions == "none":
        return "explain.interactions is none"
    if learning.ds.spec.label().task == "multilabel":
        return "the interactions of several labels a row are not estimated"
    if not learning.selection.get("leading_pair"):
        return str(learning.selection.get("reason") or "the selection names no pair of modalities")
    return None


def _content(dataset: str, learning: Learning) -> dict[str, Any]:
    first, second = learning.selection["leading_pair"]
    pair, options = (str(first), str(second)), learning.explain
    shared = learning.parameters.estimate.of(learning.parameters.datasets[dataset]).options
    rows = _drawn(learning, np.concatenate([part.test for part in learning.parts.values()]), options.atom_rows, "atoms")
    explained = _explained_rows(learning, pair)
    models = quantified_models(learning)
    table = pd.read_parquet(learning.workspace / "predictions.parquet")
    found = learnt_interactions(
        learning.ds,
        pair,
        {model: _predicted(learning, table, model, rows) for model in models},
        lambda model: _masked(learning, model, pair, explained),
        rows=rows,
        masked_rows=np.concatenate(list(explained.values())),
        level=learning.evaluate.level,
        options={"n_boot": options.n_boot, **{name: shared[name] for name in SYMBOLS}},
        seed=learning.parameters.seed,
    )
    for entry in found["models"]:
        entry["modalities"] = list(learning.models[entry["model"]])
    return {**found, "seed": learning.train.seeds[0], "masked_draws": options.masked_draws}


def quantified_models(learning: Learning) -> list[str]:
    """Return the models whose interactions are quantified, in the order in which they were trained."""
    contestants = list(dict.fromkeys(run.model for run in learning.runs if run.contestant))
    if learning.explain.interactions == "all":
        return contestants
    proposed = {entry["model"] for kind in ("candidates", "mandatory") for entry in learning.selection[kind]}
    return [model for model in contestants if model in proposed]


def _drawn(learning: Learning, rows: np.ndarray, most: int, *names: str | int) -> np.ndarray:
    """Return the rows in order, `most` of them at random where there are more."""
    if len(rows) > most:
        rows = stream(learning.parameters.seed, "interactions", *names).choice(rows, most, replace=False)
    return np.sort(rows)


def _explained_rows(learning: Learning, pair: Sequence[str]) -> dict[int, np.ndarray]:
    """Return fold -> test rows that have both of the pair, whose outputs are explained; two a fold at the least."""
    both = learning.ds.presence(pair[0]) & learning.ds.presence(pair[1])
    most = max(2, learning.explain.masked_rows // len(learning.parts))
    return {
        fold: _drawn(learning, part.test[both[part.test]], most, "masked", fold)
        for fold, part in learning.parts.items()
    }


def _predicted(learning: Learning, table: pd.DataFrame, model: str, rows: np.ndarray) -> np.ndarray:
    """Return the predicted class, or value, of each row under the first seed."""
    label = learning.ds.spec.label()
    found = read_predictions(table, model, task=label.task, classes=label.classes or (), part="test")
    values = found.prediction[found.seeds.index(learning.train.seeds[0])]
    names = learning.columns[1][rows].astype(str)
    return np.asarray(pd.Series(values, index=found.sample_ids).loc[names])


def _masked(
    learning: Learning, model: str, pair: Sequence[str], explained: dict[int, np.ndarray]
) -> dict[frozenset[str], np.ndarray]:
    """Return the outputs of the explained rows, fold after fold, by what of the pair is kept."""
    options = learning.explain
    found = []
    for fold, rows in explained.items():
        run = next(run for run in learning.runs
                   if (run.model, run.seed, run.fold) == (model, learning.train.seeds[0], fold))  # fmt: skip
        if len(rows):
            found.append(
                masked_outputs(
                    _outputs(learning, run), learning.ds, rows, among=pair, reads=run.modalities,
                    n_draws=options.masked_draws, seed=learning.parameters.seed,
                )
            )  # fmt: skip
    return {subset: np.concatenate([one[subset] for one in found]) for subset in found[0]}


def _outputs(learning: Learning, run: Run) -> Any:
    """Return the function from a dataset to the outputs of its rows: logits, in which a sum of parts is additive."""
    from mmcore.models import load_model
    from mmcore.training import predict

    model = load_model(learning.weights(run), learning.ds.spec)
    return lambda rows: predict(model, rows, np.arange(len(rows)))
