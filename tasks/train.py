"""Fit the candidates and the mandatory baselines, over seeds and folds; what is finished survives a kill."""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.atomic import write_json
from mmcore.evaluation.protocol import describe_protocol
from mmcore.seeds import stream_seed
from tasks.cores import own_cores
from tasks.gates import GateError
from tasks.learn import Learning, Run, check_learning, drop_stale_fits, open_learning
from tasks.parameters.model import Train
from tasks.progress import reporter
from tasks.tracking import map_step, task

ROWS_A_WORKER = 40_000
"""Rows to fit that pay for the start of a worker on a core of its own."""

ROWS_A_SHARED_WORKER = 400_000
"""Rows that pay for one on cores that other datasets keep busy: it gains only where they have long ended before it."""


Finish = Callable[[int], str]


@dataclass(frozen=True)
class Fits:
    """The fits of one model with one seed, over all folds, that have not finished yet: numbers of `Learning.runs`."""

    model: str
    seed: int
    numbers: tuple[int, ...]


def fit_models(dataset: str, root: Path) -> None:
    """Fit every run that has not finished yet; each model and seed is a step of its own, `train.workers` at a time."""
    learning = open_learning(dataset, root)
    check_learning(dataset, learning)
    drop_stale_fits(dataset, root, learning)
    steps = planned_fits(learning)
    total = len(learning.runs)
    done = total - sum(len(step.numbers) for step in steps)
    with reporter(f"train {dataset}") as report, _finisher(dataset, root, learning, steps) as (finish, workers):
        report(done, total, "")
        arguments = [(step.model, step.seed, step.numbers, finish) for step in steps]
        for name, count in map_step(fit_model, arguments, workers=workers):
            done += count
            report(done, total, name)


@task(run_name="fit {model}, seed {seed}")
def fit_model(model: str, seed: int, numbers: tuple[int, ...], finish: Finish) -> tuple[str, int]:
    """Finish the fits of one model and seed, fold by fold; return its name and how many there were."""
    for number in numbers:
        finish(number)
    return f"{model}, seed {seed}", len(numbers)


@task
def collect_fits(dataset: str, root: Path) -> Path:
    """Write `training.json` from the records of all runs."""
    learning = open_learning(dataset, root)
    entries = [json.loads(record_of(learning, run).read_text(encoding="utf-8")) for run in learning.runs]
    costs = {entry["name"]: entry.pop("cost") for entry in entries}
    write_json(learning.workspace / "cost.json", {"seconds": costs, "peak_memory_mb": _peak_memory_mb()})
    for entry in entries:
        del entry["name"]
    protocol = describe_protocol(learning.ds, learning.train.seeds)
    place = learning.workspace / "training.json"
    left_out = [{"model": name, "reason": reason} for name, reason in learning.every_method[1].items()]
    write_json(place, {"protocol": protocol, "runs": entries, "left_out": left_out})
    return place


def planned_fits(learning: Learning) -> list[Fits]:
    """Return the steps that are left, in the order of the runs."""
    found: dict[tuple[str, int], list[int]] = {}
    for number, run in enumerate(learning.runs):
        if not record_of(learning, run).is_file():
            found.setdefault((run.model, run.seed), []).append(number)
    return [Fits(model, seed, tuple(numbers)) for (model, seed), numbers in found.items()]


@contextlib.contextmanager
def _finisher(dataset: str, root: Path, learning: Learning, steps: list[Fits]) -> Iterator[tuple[Finish, int]]:
    """Yield what finishes a run, and how many may do so at once: in processes of their own where that pays.

    Results do not depend on how many there are.
    """
    todo = [number for step in steps for number in step.numbers]
    workers = min(learning.train.workers, len(steps), _worth_workers(learning, todo))
    here = functools.partial(finish_run, dataset, root, workspace=learning.workspace)
    alone = learning.train.device not in ("auto", "cpu") or learning.train.devices > 1 or _has_accelerator()
    if workers < 2 or alone:
        yield here, 1
        return
    # Spawned, not forked: a process with running threads (Prefect's, torch's) must not be forked.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield lambda number: pool.submit(here, number).result(), workers
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _worth_workers(learning: Learning, todo: list[int]) -> int:
    """Return how many workers pay: each costs seconds to start, so it should have rows enough to fit."""
    rows = sum(len(learning.parts[learning.runs[number].fold].train) for number in todo)
    return max(1, min(rows // ROWS_A_WORKER, own_cores()), rows // ROWS_A_SHARED_WORKER)


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
    with torch_threads(learning.train.threads):
        _fit(learning, run, record_of(learning, run))
    return run.name


def _fit(learning: Learning, run: Run, record: Path) -> None:
    from mmcore.models import count_flops, save_model
    from mmcore.training import train_method

    options, part = learning.train, learning.parts[run.fold]
    seed = stream_seed(learning.parameters.seed, "train", run.model, run.seed, run.fold)
    place = learning.workspace / "checkpoints" / run.name
    fit_options, build = _fit_options(options, len(part.train)), learning.build_options(run.modalities)
    rows = {"train": part.train, "valid": part.valid}
    tuned: dict[str, Any] = {}
    if options.tune_trials:
        tuned = _tune(learning, run, rows, build, fit_options)
        build |= {name: tuned[name] for name in ("width", "dropout")}
        fit_options |= {name: tuned[name] for name in ("learning_rate", "weight_decay")}
    started = time.monotonic()
    result = train_method(
        run.method,
        learning.ds,
        modalities=None if run.method.startswith("unimodal:") else run.modalities,
        rows=rows,
        seed=seed,
        build=build,
        checkpoint_dir=place,
        **fit_options,
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
            "tuned": tuned,
            "details": result.details,
            "checkpoint": f"models/{run.name}.safetensors",
            "cost": seconds,
        },
    )


def _fit_options(options: Train, n_rows: int) -> dict[str, Any]:
    """What every fit on so many training rows is told, as `fit` names it."""
    from mmcore.training.options import steady_batch_size

    names = (
        "epochs", "learning_rate", "weight_decay", "patience", "modality_dropout", "metric", "device", "devices",
        "precision", "compile", "deterministic",
    )  # fmt: skip
    size = steady_batch_size(n_rows) if options.batch_size == "auto" else options.batch_size
    return {name: getattr(options, name) for name in names} | {"batch_size": size}


def _tune(
    learning: Learning, run: Run, rows: Mapping[str, np.ndarray], build: dict[str, Any], fit_options: dict[str, Any]
) -> dict[str, Any]:
    """Return the options that a method does best with on the validation rows of a fold; found once for all seeds."""
    from mmcore.training.tuning import tune

    name = f"{run.model.replace(':', '-').replace('@', '-on-')}-fold{run.fold}"
    found = tune(
        run.method,
        learning.ds,
        modalities=None if run.method.startswith("unimodal:") else run.modalities,
        rows=rows,
        seed=stream_seed(learning.parameters.seed, "tune", run.model, run.fold),
        build=build,
        n_trials=learning.train.tune_trials,
        journal=learning.workspace / "tuning" / f"{name}.log",
        **fit_options,
    )
    return dict(found.options)
