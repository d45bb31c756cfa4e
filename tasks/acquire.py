"""Read a dataset's source files into the dataset format; nothing is judged or changed yet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mmcore.data import save_dataset
from mmcore.data.formats import read
from mmcore.data.windows import cut_windows
from mmcore.errors import InputError, unknown_name
from tasks.parameters import DatasetParameters, Parameters, load_parameters
from tasks.places import Places, code_digest
from tasks.tracking import task

CODE = (
    "flows/prepare.py", "flows/acquire.py", "flows/validate.py", "flows/preprocess.py", "flows/align.py",
    "tasks/acquire.py", "tasks/validate.py", "tasks/preprocess.py", "tasks/align.py", "tasks/schemas",
    "mmcore/__init__.py", "mmcore/errors.py", "mmcore/seeds.py", "mmcore/atomic.py", "mmcore/data", "mmcore/align",
)  # fmt: skip
"""The code that decides what `prepare` makes; a test compares it with `dvc.yaml`."""

STEPS = ("acquired", "accepted", "preprocessed", "preprocessing", "alignment", "aligned")
"""What the steps of `prepare` leave in the workspace for the next one."""

KEPT_WORKSPACES = 5
"""Of how many earlier inputs a dataset keeps the quarantined rows and the checks."""


def dataset_parameters(dataset: str, parameters: Parameters) -> DatasetParameters:
    """Return the block of `dataset`.

    Raises:
        InputError: when `params.yaml` has no such dataset, with the nearest name.
    """
    if dataset not in parameters.datasets:
        raise unknown_name("dataset", dataset, parameters.datasets)
    return parameters.datasets[dataset]


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    """Return what identifies the source's content without reading it: names, sizes, times of change."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [(file, file.stat()) for file in files if file.is_file()]
    return [(file.relative_to(path).as_posix(), status.st_size, status.st_mtime_ns) for file, status in found]


def prepare_workspace(dataset: str, root: Path) -> Path:
    """Return where the steps of `prepare` hand each other their datasets, for exactly these inputs and this code."""
    parameters = load_parameters(root)
    block = dataset_parameters(dataset, parameters)
    source: Any = block.source.get("path")
    stamp = _stamp(root / source) if source else []
    inputs = [block.model_dump(), parameters.preprocess, parameters.validation.model_dump(), parameters.seed, stamp]
    inputs.append(code_digest(CODE, root))
    return Places(dataset, root).workspace("prepare", inputs)


def clear_steps(workspace: Path) -> None:
    """Remove the datasets that the steps handed each other; quarantined rows and checks stay for the user."""
    for step in STEPS:
        shutil.rmtree(workspace / step, ignore_errors=True)


@task
def drop_stale_steps(dataset: str, root: Path) -> None:
    """Remove the dataset's copies that belong to other inputs, and all but the newest few quarantines and checks."""
    current = prepare_workspace(dataset, root)
    others = [path for path in Places(dataset, root).workspaces("prepare") if path != current]
    for number, workspace in enumerate(others):
        clear_steps(workspace)
        if number >= KEPT_WORKSPACES:
            shutil.rmtree(workspace)


@task
def read_source(dataset: str, root: Path) -> Path:
    """Read the source, cut recordings into windows where params say so, and write the acquired dataset."""
    parameters = load_parameters(root)
    block = dataset_parameters(dataset, parameters)
    path = block.source.get("path")
    if path is None:
        remedy = "Name the file or folder; for planted data the module that makes it, mmcore/data/worlds/planted.py."
        raise InputError(f"datasets.{dataset}.source.path", "nothing", "a path from the project's root", remedy)
    acquired = read({"seed": parameters.seed, **block.source}, root, name=dataset)
    if block.windows is not None:
        acquired = cut_windows(acquired, seconds=block.windows.seconds, stride=block.windows.stride)
    place = prepare_workspace(dataset, root) / "acquired"
    save_dataset(acquired, place)
    return place
