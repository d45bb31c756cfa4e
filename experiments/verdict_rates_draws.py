"""One draw of a world on the way of the pipeline: rows, estimate, proposal, fits, predictions on validation rows.

Estimates and fits are kept in files whose names are a digest of everything that they depend on, the code of mmcore that
makes them included; the proposal and the verdict are cheap and always made anew. Beside the rows of the draw stand
`fresh_rows` that nobody but the record reads: what the fitted models are worth in truth.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import mmcore
from experiments.verdict_rates_worlds import world_called
from mmcore.atomic import atomic_file, write_json
from mmcore.data import Dataset
from mmcore.data.worlds import draw
from mmcore.evaluation.predictions import prediction_frame
from mmcore.evaluation.verdict import decide
from mmcore.information.pairs import estimate_dataset
from mmcore.seeds import stream_seed
from mmcore.selection import propose
from mmcore.training import fitting_methods, predict, train_method
from mmcore.training.options import steady_batch_size

ESTIMATING = ("data/*.py", "data/worlds/**/*.py", "information/**/*.py")
FITTING = ("data/*.py", "data/worlds/**/*.py", "models/**/*.py", "objectives/**/*.py", "training/**/*.py")


@dataclasses.dataclass(frozen=True)
class Draw:
    """One dataset of a world: its name, number, rows, and the seed of everything drawn for it."""

    world: str
    number: int
    rows: int
    seed: int


def plan(name: str, count: int, settings: Mapping[str, Any]) -> list[Draw]:
    """Return `count` draws of a world, the sizes taken in turn.

    Example:
        >>> [one.rows for one in plan("gate", 3, {"seed": 0, "sizes": [600, 900]})]
        [600, 900, 600]
    """
    sizes = settings["sizes"]
    return [
        Draw(name, number, sizes[number % len(sizes)], stream_seed(settings["seed"], "verdict rates", name, number))
        for number in range(count)
    ]


@functools.cache
def code_of(patterns: tuple[str, ...]) -> str:
    """Return a digest of the files of mmcore that match."""
    root = Path(mmcore.__file__).parent
    digest = hashlib.sha256()
    for pattern in patterns:
        for file in sorted(root.glob(pattern)):
            digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _kept(kind: str, one: Draw, code: tuple[str, ...], settings: Mapping[str, Any], *more: Any) -> Path:
    """Return where a result lies that depends on the draw, this code and `more`."""
    described = [repr(world_called(one.world)), dataclasses.asdict(one), code_of(code), *more]
    name = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:20]
    return Path(settings["place"]) / one.world / f"{kind}-{one.number}-{name}"


def estimated(one: Draw, dataset: Callable[[], Dataset], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `estimate.json`."""
    options = settings["estimate"]
    place = _kept("estimate", one, ESTIMATING, settings, options).with_suffix(".json")
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, estimate_dataset(dataset(), options=options, seed=stream_seed(one.seed, "estimate")))
    return dict(json.loads(place.read_text(encoding="utf-8")))


def fitted(
    method: str, one: Draw, dataset: Callable[[], Dataset], fresh: Callable[[], Dataset], settings: Mapping[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the logits on validation rows (seeds, n, classes), and the accuracy on fresh rows of each seed."""
    options = {name: settings[name] for name in ("build", "fit", "seeds", "fresh_rows")}
    place = _kept(method.replace(":", "-"), one, FITTING, settings, method, options).with_suffix(".npz")
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        ds, judge = dataset(), fresh()
        valid, judged = ds.rows("valid"), judge.rows("test")
        batch = steady_batch_size(len(ds.rows("train")))  # as the pipeline's `train.batch_size: auto`
        logits, right = [], []
        for seed in settings["seeds"]:
            own = stream_seed(one.seed, "train", method, seed)
            model = train_method(
                method, ds, seed=own, build=dict(settings["build"]), device="cpu", batch_size=batch, **settings["fit"]
            ).model
            logits.append(predict(model, ds, valid).astype(np.float32))
            right.append(np.mean(predict(model, judge, judged).argmax(axis=1) == judge.labels()[judged]))
        with atomic_file(place) as aside, Path(aside).open("wb") as file:
            np.savez(file, logits=np.stack(logits), fresh=np.array(right))
    with np.load(place) as kept:
        return kept["logits"], kept["fresh"]


def methods_of(selection: Mapping[str, Any], more: Sequence[str]) -> list[str]:
    """Return the models that the pipeline would train: candidates, mandatory ones, then those named in parameters.

    Example:
        >>> methods_of({"candidates": [{"model": "sum"}], "mandatory": [{"model": "late_fusion"}]}, ["sum"])
        ['sum', 'late_fusion']
    """
    proposed = [entry["model"] for entry in (*selection["candidates"], *selection["mandatory"])]
    return list(dict.fromkeys([*proposed, *more]))


def judged_draw(one: Draw, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was proposed before training and decided after it, with the accuracies behind both.

    Args:
        one: the draw.
        settings: the parameters: `estimate`, `build`, `fit`, `seeds`, `models`, `fresh_rows`,
            `verdict`, `place`.
    """
    world = world_called(one.world)
    dataset = functools.cache(lambda: draw(world, one.rows, seed=one.seed))
    fresh = functools.cache(lambda: draw(world, {"train": 20, "test": settings["fresh_rows"]}, seed=one.seed))
    estimate = estimated(one, dataset, settings)
    ds = dataset()
    selection = propose(
        estimate, world.modalities, methods=fitting_methods(ds.spec)[0], n_rows=len(ds.rows("train")), seed=one.seed
    )
    valid, classes = ds.rows("valid"), tuple(ds.spec.label().classes or ())
    truth, ids = ds.labels()[valid], ds.samples["sample_id"].to_numpy()[valid]
    frames, accuracy = [], {}
    for method in methods_of(selection, settings["models"]):
        logits, right = fitted(method, one, dataset, fresh, settings)
        accuracy[method] = {"valid": float((logits.argmax(axis=2) == truth).mean()), "fresh": float(right.mean())}
        frames += [
            prediction_frame(outputs.astype(float), truth, ids, model=method, seed=seed, fold=-1, part="valid",
                             task="classification", classes=classes)
            for seed, outputs in zip(settings["seeds"], logits, strict=True)
        ]  # fmt: skip
    verdict = decide(
        pd.concat(frames, ignore_index=True), selection=selection, classes=classes, seed=one.seed, **settings["verdict"]
    )
    return {
        "number": one.number, "rows": one.rows, "proposed": selection["verdict"], "verdict": verdict["verdict"],
        "recommended": verdict["recommended"], "best_unimodal": verdict["best_unimodal"],
        "gain_left_open": verdict["gain_left_open"], "beats_constant": verdict["beats_constant"],
        "comparisons": verdict["comparisons"], "accuracy": accuracy,
    }  # fmt: skip
