"""Fit the candidates and the mandatory baselines, over seeds and folds; what is finished survives a kill."""

from __future__ import annotations

import functools
import json
import multiprocessing
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from mmcore.atomic import write_json
from mmcore.evaluation.protocol import describe_protocol
from mmcore.seeds import stream_seed
from tasks.gates import GateError
from tasks.learn import Learning, Run, drop_stale_fits, open_learning
from tasks.progress import reporter
from tasks.tracking import task

ROWS_A_WORKER = 40_000


@task
def fit_models(dataset: str, root: Path) -> Path:
    """Fit every run that has not finished yet, in `train.workers` processes, and write `training.json`."""
    learning = open_learning(dataset, root)
    drop_stale_fits(dataset, root, learning)
    runs = learning.runs
    with reporter(f"train {dataset}") as report:
        report(0, len(runs), "")
        for done, name in enumerate(_finish_all(dataset, root, learning), 1):
            report(done, len(runs), name)
    entries = [json.loads(record_of(learning, run).read_text(encoding="utf-8")) for run in runs]
    costs = {entry["name"]: entry.pop("cost") for entry in entries}
    write_json(learning.workspace / "cost.json", {"seconds": costs, "peak_memory_mb": _peak_memory_mb()})
    for entry in entries:
        del entry["name"]
    protocol = describe_protocol(learning.ds, learning.parameters.train.seeds)
    place = learning.workspace / "training.json"
    write_json(place, {"protocol": protocol, "runs": entries})
    return place


def _finish_all(dataset: str, root: Path, learning: Learning) -> Iterator[str]:
    """Finish every run and yield their names as they end. Results do not depend on how many processes there are."""
    todo = [number for number, run in enumerate(learning.runs) if not record_of(learning, run).is_file()]
    yield from (run.name for number, run in enumerate(learning.runs) if number not in set(todo))
    workers = min(learning.parameters.train.workers, len(todo), _worth_workers(learning, todo))
    if workers < 2 or learning.parameters.train.device not in ("auto", "cpu") or _has_accelerator():
        yield from (finish_run(dataset, root, number, learning.workspace) for number in todo)
        return
    # Spawned, not forked: a process with running threads (Prefect's, torch's) must not be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(finish_run, dataset, root, number, learning.workspace) for number in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _worth_workers(learning: Learning, todo: list[int]) -> int:
    """Return how many workers pay: each costs seconds to start, so it should have rows enough to fit."""
    rows = sum(len(learning.parts[learning.runs[number].fold].train) for number in todo)
    return max(1, rows // ROWS_A_WORKER)


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _peak_memory_mb() -> float:
    """Return the largest memory of this process or of one of its workers."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def record_of(learning: Learning, run: Run) -> Path:
    """Return where the record of a finished run lies."""
    return learning.workspace / "models" / f"{run.name}.json"


@functools.cache
def _opened(dataset: str, root: Path) -> Learning:
    return open_learning(dataset, root)


def finish_run(dataset: str, root: Path, number: int, workspace: Path) -> str:
    """Fit run `number` of a dataset, going on from its checkpoint if it has one, and return its name.

    Raises:
        GateError: where code, parameters or data have changed since `workspace` was opened.
    """
    from mmcore.training import torch_threads

    learning = _opened(dataset, root)
    if learning.workspace != workspace:
        raise GateError(
            f"train: code, parameters or data of '{dataset}' changed while its models were fitted; "
            "allowed: none of them changes during a run. Run the same command again."
        )
    run = learning.runs[number]
    with torch_threads(learning.parameters.train.threads):
        _fit(learning, run, record_of(learning, run))
    return run.name


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
