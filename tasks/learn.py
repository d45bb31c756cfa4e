"""The runs of the `learn` stage: which model, seed and fold; where its weights lie; how its outputs become a frame."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.atomic import atomic_directory, atomic_file
from mmcore.data import Dataset, load_dataset
from mmcore.evaluation.predictions import prediction_frame
from mmcore.evaluation.protocol import Partition, partitions
from tasks.parameters import Parameters, load_parameters
from tasks.places import Places, code_digest, file_sha256
from tasks.tracking import task

CODE = (
    "flows/learn.py", "flows/train.py", "flows/evaluate.py", "flows/explain.py",
    "tasks/learn.py", "tasks/train.py", "tasks/evaluate.py", "tasks/explain.py", "tasks/schemas",
    "mmcore/__init__.py", "mmcore/errors.py", "mmcore/seeds.py", "mmcore/atomic.py",
    "mmcore/data", "mmcore/models", "mmcore/objectives", "mmcore/training", "mmcore/evaluation", "mmcore/explain",
)  # fmt: skip
"""The code that decides what `learn` makes; a test compares it with `dvc.yaml`."""


@dataclass(frozen=True)
class Run:
    """One fit: a model of the table, the modalities it sees, its seed, and the fold that tests it (-1: the split)."""

    model: str
    modalities: tuple[str, ...]
    seed: int
    fold: int

    @property
    def name(self) -> str:
        """The name of its weights."""
        fold = f"-fold{self.fold}" if self.fold >= 0 else ""
        return f"{self.model.replace(':', '-')}-seed{self.seed}{fold}"


@dataclass(frozen=True)
class Learning:
    """What the steps of `learn` share: parameters, data, runs, the workspace for exactly these inputs and this code."""

    parameters: Parameters
    ds: Dataset
    selection: dict[str, Any]
    parts: dict[int, Partition]
    workspace: Path

    @property
    def runs(self) -> list[Run]:
        """Every fit, model by model, then by seed and fold."""
        proposed = [*self.selection["candidates"], *self.selection["mandatory"]]
        models = {entry["model"]: tuple(entry["modalities"]) for entry in proposed}
        seeds = self.parameters.train.seeds
        return [Run(m, names, seed, fold) for m, names in models.items() for seed in seeds for fold in self.parts]

    def weights(self, run: Run) -> Path:
        """Return where the weights of `run` lie."""
        return self.workspace / "models" / f"{run.name}.safetensors"


def open_learning(dataset: str, root: Path) -> Learning:
    """Return what the steps of `learn` share for `dataset`."""
    parameters = load_parameters(root)
    places = Places(dataset, root)
    groups = {name: getattr(parameters, name).model_dump() for name in ("train", "evaluate", "explain")}
    hashes = [file_sha256(places.prepared / "dataset.json"), file_sha256(places.selection)]
    # With the code, so that a restarted stage never publishes fits that older code finished.
    workspace = places.workspace("learn", [parameters.seed, groups, hashes, code_digest(CODE, root)])
    ds = load_dataset(places.prepared)
    selection = json.loads(places.selection.read_text(encoding="utf-8"))
    return Learning(parameters, ds, selection, {part.fold: part for part in partitions(ds)}, workspace)


def frame_of(learning: Learning, run: Run, part: str, outputs: np.ndarray) -> pd.DataFrame:
    """Return the outputs of `run` on its `part` as rows of the predictions table."""
    ds, label = learning.ds, learning.ds.spec.label()
    rows = learning.parts[run.fold].rows(part)
    return prediction_frame(
        outputs,
        ds.labels()[rows],
        ds.samples["sample_id"].to_numpy()[rows],
        model=run.model,
        seed=run.seed,
        fold=run.fold,
        part=part,
        task=label.task,
        classes=label.classes or (),
        groups=None if ds.groups is None else ds.groups[rows],
    )


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as parquet, atomically."""
    with atomic_file(path) as aside:
        frame.to_parquet(aside, index=False)


def drop_stale_fits(dataset: str, root: Path, learning: Learning) -> None:
    """Remove what unfinished runs on other inputs, or by other code, left of this dataset."""
    for workspace in Places(dataset, root).workspaces("learn"):
        if workspace != learning.workspace:
            shutil.rmtree(workspace)


PUBLISHED = ("training.json", "predictions.parquet", "verdict.json", "evaluation.json", "explanation.json")


@task
def publish_learning(dataset: str, root: Path) -> Path:
    """Put results and weights in their place, all at once, then clear the workspace."""
    learning = open_learning(dataset, root)
    places = Places(dataset, root)
    with atomic_directory(places.learn) as aside:
        for name in PUBLISHED:
            shutil.copy2(learning.workspace / name, aside / name)
        (aside / "models").mkdir()
        for run in learning.runs:
            shutil.copy2(learning.weights(run), aside / "models")
    with atomic_file(places.cost) as cost:
        shutil.copyfile(learning.workspace / "cost.json", cost)
    shutil.rmtree(learning.workspace)
    return places.learn
