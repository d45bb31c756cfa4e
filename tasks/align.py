"""Bring modalities onto one clock or into one space; static data pass through, recorded as such."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from mmcore.align import fit_alignment
from mmcore.atomic import atomic_directory, atomic_file
from mmcore.data import load_dataset, save_dataset
from tasks.acquire import clear_steps, dataset_parameters, prepare_workspace
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.tracking import task


@task
def align_modalities(dataset: str, root: Path) -> Path:
    """Align as params say and write the result, with the record of what was done in its annotations."""
    parameters = load_parameters(root)
    options = {"method": "none", **dataset_parameters(dataset, parameters).align}
    workspace = prepare_workspace(dataset, root)
    preprocessed = load_dataset(workspace / "preprocessed")
    alignment = fit_alignment(preprocessed, **options)
    with atomic_directory(workspace / "alignment") as aside:
        alignment.save(aside)
    aligned, record = alignment.apply(preprocessed)
    spec = dataclasses.replace(aligned.spec, annotations={**aligned.spec.annotations, "alignment": record})
    place = workspace / "aligned"
    save_dataset(dataclasses.replace(aligned, spec=spec), place)
    return place


@task
def publish_prepared(dataset: str, root: Path) -> Path:
    """Put the prepared dataset, what was fitted and the checks in their places, then clear the workspace.

    All three are complete beside their places before the first is replaced, so that what can fail (space, rights)
    leaves the previous ones as they were. The checks are replaced last: where they are new, everything is.
    """
    workspace = prepare_workspace(dataset, root)
    places = Places(dataset, root)
    # Left in the reverse order: first the dataset, last the checks.
    with (
        atomic_file(places.checks) as checks,
        atomic_directory(places.preprocessing) as fitted,
        atomic_directory(places.prepared) as prepared,
    ):
        shutil.copyfile(workspace / "checks.json", checks)
        _move_content(workspace / "preprocessing", fitted)
        (fitted / "alignment").mkdir()
        _move_content(workspace / "alignment", fitted / "alignment")
        _move_content(workspace / "aligned", prepared)
    clear_steps(workspace)
    return places.prepared


def _move_content(source: Path, target: Path) -> None:
    for path in sorted(source.iterdir()):
        shutil.move(path, target / path.name)
