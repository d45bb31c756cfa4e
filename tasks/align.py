"""Bring modalities onto one clock or into one space; static data pass through, recorded as such."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from mmcore.align import align_dataset
from mmcore.data import load_dataset, save_dataset
from tasks.acquire import dataset_parameters, prepare_workspace
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.tracking import task


@task
def align_modalities(dataset: str, root: Path) -> Path:
    """Align as params say and write the prepared dataset, with the record of what was done in its annotations."""
    parameters = load_parameters(root)
    options = {"method": "none", **dataset_parameters(dataset, parameters).align}
    workspace = prepare_workspace(dataset, root)
    aligned, record = align_dataset(load_dataset(workspace / "preprocessed"), **options)
    spec = dataclasses.replace(aligned.spec, annotations={**aligned.spec.annotations, "alignment": record})
    place = Places(dataset, root).prepared
    save_dataset(dataclasses.replace(aligned, spec=spec), place)
    return place


@task
def clear_workspace(dataset: str, root: Path) -> None:
    """Remove the datasets that the steps handed each other; quarantined rows stay for the user to look at."""
    workspace = prepare_workspace(dataset, root)
    for step in ("acquired", "accepted", "preprocessed"):
        shutil.rmtree(workspace / step, ignore_errors=True)
