"""`interplay accept`: make the dataset's present state the reference that drift is measured against."""

from __future__ import annotations

import json
from pathlib import Path

from mmcore.atomic import write_json
from mmcore.errors import InputError
from tasks.acquire import dataset_parameters, prepare_workspace
from tasks.parameters import load_parameters
from tasks.places import Places


def accept_state(root: Path, name: str) -> Path:
    """Write `references/<name>.json` from the newest checks of `name`, also from checks that stopped at drift.

    Raises:
        InputError: for an unknown dataset, or one whose checks have not been run on its present files.
    """
    dataset_parameters(name, load_parameters(root))
    places = Places(name, root)
    newest = prepare_workspace(name, root) / "checks.json"
    source = newest if newest.is_file() else places.checks
    if not source.is_file():
        raise InputError(name, "no checks yet", "a dataset that was checked", f"Run 'interplay run --dataset {name}'.")
    write_json(places.reference, json.loads(source.read_text(encoding="utf-8"))["state"])
    return places.reference
