"""Fit the candidates and the mandatory baselines, over seeds and folds; what is finished survives a kill."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

from mmcore.atomic import write_json
from mmcore.evaluation.protocol import describe_protocol
from mmcore.seeds import stream_seed
from tasks.learn import Learning, Run, open_learning
from tasks.progress import reporter
from tasks.tracking import task


@task
def fit_models(dataset: str, root: Path) -> Path:
    """Fit every run that has not finished yet and write `training.json`."""
    from mmcore.training import torch_threads

    learning = open_learning(dataset, root)
    runs = learning.runs
    entries = []
    with reporter(f"train {dataset}") as report, torch_threads(learning.parameters.train.threads):
        for done, run in enumerate(runs):
            report(done, len(runs), run.name)
            entries.append(_fitted(learning, run))
        report(len(runs), len(runs), "all")
    costs = {entry["name"]: entry.pop("cost") for entry in entries}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    write_json(learning.workspace / "cost.json", {"seconds": costs, "peak_memory_mb": peak})
    for entry in entries:
        del entry["name"]
    protocol = describe_protocol(learning.ds, learning.parameters.train.seeds)
    place = learning.workspace / "training.json"
    write_json(place, {"protocol": protocol, "runs": entries})
    return place


def _fitted(learning: Learning, run: Run) -> dict[str, Any]:
    """Return the record of one run, fitting it only where it has not finished in an earlier attempt."""
    record = learning.workspace / "models" / f"{run.name}.json"
    if not record.is_file():
        _fit(learning, run, record)
    content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return content


def _fit(learning: Learning, run: Run, record: Path) -> None:
    from mmcore.models import build_model, count_flops, save_model
    from mmcore.training import fit

    options = learning.parameters.train
    part = learning.parts[run.fold]
    seed = stream_seed(learning.parameters.seed, "train", run.model, run.seed, run.fold)
    modalities = None if run.model.startswith("unimodal:") else run.modalities
    model = build_model(
        run.model, learning.ds.spec, modalities=modalities, seed=seed, width=options.width, dropout=options.dropout
    )
    started = time.monotonic()
    result = fit(
        model,
        learning.ds,
        rows={"train": part.train, "valid": part.valid},
        seed=seed,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        patience=options.patience,
        modality_dropout=options.modality_dropout,
        device=options.device,
        precision=options.precision,
        checkpoint_dir=learning.workspace / "checkpoints" / run.name,
    )
    seconds = time.monotonic() - started
    result.model.cpu()
    save_model(result.model, learning.weights(run), learning.ds.spec, seed=run.seed, fold=run.fold)
    write_json(
        record,
        {
            "name": run.name,
            "model": run.model,
            "modalities": list(run.modalities),
            "seed": run.seed,
            "fold": run.fold,
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "metric": result.metric,
            "best_metric": result.best_metric,
            "n_parameters": result.n_parameters,
            "flops": count_flops(result.model),
            "checkpoint": f"models/{run.name}.safetensors",
            "cost": seconds,
        },
    )
