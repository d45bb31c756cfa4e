"""The runs of the `learn` stage: which model, seed and fold; where its weights lie; how its outputs become a frame."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.atomic import atomic_directory, atomic_file
from mmcore.data import Dataset, load_dataset
from mmcore.errors import InputError, counted, unknown_name
from mmcore.evaluation.metrics import DEFAULT_METRIC, METRICS
from mmcore.evaluation.missing import modality_subsets
from mmcore.evaluation.predictions import prediction_frame
from mmcore.evaluation.protocol import Partition, partitions
from mmcore.evaluation.slices import sample_slices
from tasks.parameters import Parameters, load_parameters
from tasks.parameters.model import Evaluate, Explain, Train
from tasks.places import Places, code_digest, file_sha256
from tasks.tracking import task

CODE = (
    "flows/learn.py", "flows/train.py", "flows/evaluate.py", "flows/explain.py",
    "tasks/learn.py", "tasks/train.py", "tasks/evaluate.py", "tasks/evidence.py", "tasks/noise.py", "tasks/explain.py",
    "tasks/interactions.py",
    "tasks/schemas",
    "mmcore/__init__.py", "mmcore/errors.py", "mmcore/seeds.py", "mmcore/atomic.py", "mmcore/compiling.py",
    "mmcore/data", "mmcore/information", "mmcore/models", "mmcore/objectives", "mmcore/training", "mmcore/evaluation",
    "mmcore/explain", "mmcore/selection",
)  # fmt: skip
"""The code that decides what `learn` makes; a test compares it with `dvc.yaml`."""


@dataclass(frozen=True)
class Run:
    """One fit: a method, the modalities it sees, its seed, and the fold that tests it (-1: the split).

    `model` is its name in results: that of the method, with `@a+b` where it was retrained on these modalities alone.
    """

    model: str
    modalities: tuple[str, ...]
    seed: int
    fold: int

    @property
    def method(self) -> str:
        """The name of its method."""
        return self.model.partition("@")[0]

    @property
    def contestant(self) -> bool:
        """Whether it is a model of its own, not one retrained to show what a subset of the modalities allows."""
        return "@" not in self.model

    @property
    def name(self) -> str:
        """The name of its weights."""
        fold = f"-fold{self.fold}" if self.fold >= 0 else ""
        return f"{self.model.replace(':', '-').replace('@', '-on-')}-seed{self.seed}{fold}"


@dataclass(frozen=True)
class Learning:
    """What the steps of `learn` share: parameters, data, runs, the workspace for exactly these inputs and this code."""

    parameters: Parameters
    train: Train
    evaluate: Evaluate
    explain: Explain
    ds: Dataset
    selection: dict[str, Any]
    parts: dict[int, Partition]
    workspace: Path

    @property
    def runs(self) -> list[Run]:
        """Every fit, model by model, then by seed and fold."""
        seeds = self.train.seeds
        return [Run(m, names, seed, fold) for m, names in self.models.items() for seed in seeds for fold in self.parts]

    @functools.cached_property
    def models(self) -> dict[str, tuple[str, ...]]:
        """Model -> modalities: what was proposed, the baselines, what params name, and what is retrained on subsets."""
        proposed = [*self.selection["candidates"], *self.selection["mandatory"]]
        found = {entry["model"]: tuple(entry["modalities"]) for entry in proposed}
        found |= named_models(self.train.models, self.ds.modalities, self.every_method[0])
        if self.train.retrain_subsets is not None:
            found |= retrained_models(self.train.retrain_subsets, self.ds.modalities)
        return found

    @functools.cached_property
    def every_method(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """What `all` stands for on this dataset, and why other methods do not fit it; nothing where it is not asked."""
        if "all" not in self.train.models:
            return (), {}
        from mmcore.training import fitting_methods

        return fitting_methods(self.ds.spec)

    @functools.cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Labels, identities and groups of all rows, read once: every run, noise and subset asks for them."""
        return self.ds.labels(), self.ds.samples["sample_id"].to_numpy(dtype=object), self.ds.groups

    @property
    def metric(self) -> str:
        """The metric that decides: the one of params, or the task's own for `auto`."""
        named = self.evaluate.metric
        return DEFAULT_METRIC[self.ds.spec.label().task] if named == "auto" else named

    def build_options(self, modalities: Sequence[str]) -> dict[str, Any]:
        """Return what every model is built with, as `build_model` names it."""
        chosen = {name: choice for name, choice in self.train.encoders.items() if name in modalities}
        return {"width": self.train.width, "dropout": self.train.dropout, **({"encoders": chosen} if chosen else {})}

    def weights(self, run: Run) -> Path:
        """Return where the weights of `run` lie."""
        return self.workspace / "models" / f"{run.name}.safetensors"


def open_learning(dataset: str, root: Path) -> Learning:
    """Return what the steps of `learn` share for `dataset`."""
    parameters = load_parameters(root)
    places = Places(dataset, root)
    own = parameters.datasets[dataset]
    train, evaluate, explain = parameters.train.of(own), parameters.evaluate.of(own), parameters.explain.of(own)
    groups = {
        "train": train.model_dump(),
        "evaluate": evaluate.model_dump(),
        "explain": explain.model_dump(),
    }
    hashes = [file_sha256(places.prepared / "dataset.json"), file_sha256(places.selection)]
    # With the code, so that a restarted stage never publishes fits that older code finished.
    workspace = places.workspace("learn", [parameters.seed, groups, hashes, code_digest(CODE, root)])
    ds = load_dataset(places.prepared)
    selection = json.loads(places.selection.read_text(encoding="utf-8"))
    parts = {part.fold: part for part in partitions(ds)}
    return Learning(parameters, train, evaluate, explain, ds, selection, parts, workspace)


def check_learning(dataset: str, learning: Learning) -> None:
    """Ask before the first fit what would otherwise stop the stage after the last one.

    Raises:
        InputError: for a metric of another task, slices that the samples have not, or a model that cannot be built.
    """
    task, metric = learning.ds.spec.label().task, learning.evaluate.metric
    fitting = [entry.name for entry in METRICS if task in entry.tasks]
    if metric not in ("auto", *fitting):
        raise InputError("evaluate.metric", f"{metric} for a {task}", ", ".join(["auto", *fitting]), "Use 'auto'.")
    identities = learning.ds.samples["sample_id"].to_numpy(str)
    tested = np.unique(np.concatenate([part.test for part in learning.parts.values()]))
    try:
        sample_slices(learning.ds, learning.evaluate.slices, identities[tested])
    except InputError as error:
        raise InputError("evaluate.slices", error.received, error.allowed, error.remedy) from error
    encoders = learning.parameters.datasets[dataset].train.get("encoders") or {}
    for modality in encoders:
        if modality not in learning.ds.modalities:
            raise unknown_name("train.encoders", str(modality), learning.ds.modalities)
    for model, modalities in learning.models.items():
        _check_model(learning, model, modalities)


def _check_model(learning: Learning, model: str, modalities: tuple[str, ...]) -> None:
    """Build the model once, untrained."""
    from mmcore.models import build_model
    from mmcore.training.methods import find_method

    method = model.partition("@")[0]
    found = find_method(method)
    alone = {"modality": modalities[0]} if found.model == "unimodal" else {"modalities": modalities}
    try:
        build_model(found.model, learning.ds.spec, **alone, **found.arguments, **learning.build_options(modalities))
    except InputError as error:
        argument = f"train.models, {model}: {error.argument}"
        raise InputError(argument, error.received, error.allowed, error.remedy) from error


def named_models(
    names: Sequence[str], modalities: Sequence[str], fitting: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return model -> modalities for the methods that params name; `all` is those of `fitting`.

    Raises:
        InputError: for a modality after `unimodal:` that is not there, or a method that so many modalities do not fit.

    Example:
        >>> named_models(["unimodal:a"], ["a", "b"])
        {'unimodal:a': ('a',)}
    """
    from mmcore.training.methods import find_method, fits_number

    every = tuple(modalities)
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        _, _, suffix = name.partition(":")
        if name == "all":
            found |= {each: every for each in fitting if each != "unimodal"}
        elif name == "unimodal":
            found |= {f"unimodal:{modality}": (modality,) for modality in every}
        elif suffix and suffix not in every:
            raise unknown_name("train.models", suffix, every)
        elif not suffix and not fits_number(name, len(every)):
            raise InputError("train.models", f"{name} for {counted(len(every), 'modality')} ({', '.join(every)})",
                             "methods that so many fit", "Leave it out for this dataset.")  # fmt: skip
        else:
            found[find_method(name).name if not suffix else name] = (suffix,) if suffix else every
    return found


def retrained_models(method: str, modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return `method@a+b` -> modalities, for every subset of two or more that is not the whole.

    Example:
        >>> retrained_models("late_fusion", ["a", "b", "c"])["late_fusion@a+c"]
        ('a', 'c')
    """
    from mmcore.training.methods import fits_number

    subsets = [s for s in modality_subsets(modalities) if 1 < len(s) < len(modalities)]
    return {f"{method}@{'+'.join(s)}": s for s in subsets if fits_number(method, len(s))}


def frame_of(learning: Learning, run: Run, part: str, outputs: np.ndarray) -> pd.DataFrame:
    """Return the outputs of `run` on its `part` as rows of the predictions table."""
    label = learning.ds.spec.label()
    rows = learning.parts[run.fold].rows(part)
    truth, identities, groups = learning.columns
    return prediction_frame(
        outputs,
        truth[rows],
        identities[rows],
        model=run.model,
        seed=run.seed,
        fold=run.fold,
        part=part,
        task=label.task,
        classes=label.classes or (),
        groups=None if groups is None else groups[rows],
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


PUBLISHED = (
    "training.json", "predictions.parquet", "verdict.json", "evaluation.json", "scores.parquet", "explanation.json",
    "interactions.json",
)  # fmt: skip


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
