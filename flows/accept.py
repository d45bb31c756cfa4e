"""`interplay accept`: make the dataset's present state the reference that drift is measured against."""

from __future__ import annotations

import json
from pathlib import Path

from mmcore.atomic import write_json
from mmcore.errors import InputError
from tasks.acquire import dataset_parameters, prepare_workspace
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.reproduce import run_dvc


def accept_state(root: Path, name: str) -> Path:
    """Write `references/<name>.json` from the checks of the present files, also from checks that stopped at drift.

    The present files' checks are those of the newest `prepare` on exactly these inputs, which lie in its workspace.
    Where it never ran here (a fresh clone with pulled results, a file that was only touched), they are the published
    ones, provided that DVC finds them made from these files, parameters and code.

    Raises:
        InputError: for an unknown dataset, or one whose present files have not been checked.
    """
    dataset_parameters(name, load_parameters(root))
    places = Places(name, root)
    source = prepare_workspace(name, root) / "checks.json"
    if not source.is_file():
        source = places.checks
        if not source.is_file() or not _made_from_present_files(root, name):
            remedy = f"Run 'interplay run --dataset {name}' first."
            received = "checks of earlier files only" if source.is_file() else "no checks yet"
            raise InputError(name, received, "a dataset whose present files were checked", remedy)
    write_json(places.reference, json.loads(source.read_text(encoding="utf-8"))["state"])
    return places.reference


def _made_from_present_files(root: Path, name: str) -> bool:
    """Return whether the published checks are what DVC recorded for the dataset's present inputs."""
    stage = f"prepare@{name}"
    changes = json.loads(run_dvc(root, "status", "--json", stage)).get(stage, [])
    for change in changes:
        if not isinstance(change, dict):  # 'changed command', 'always changed'
            return False
        # A state does not depend on the accepted ones, so accepting one dataset must not put the next one off.
        if change.get("changed deps", {}).keys() - {"references"}:
            return False
        if Places(name).checks.as_posix() in change.get("changed outs", {}):
            return False
    return True
