"""Propose models from the interactions, before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

from mmcore.atomic import write_json
from mmcore.selection import propose
from tasks.places import Places
from tasks.tracking import task


@task
def propose_models(dataset: str, root: Path) -> Path:
    """Write the candidates, the mandatory baselines and the evidence for them."""
    places = Places(dataset, root)
    estimate = json.loads(places.estimate.read_text(encoding="utf-8"))
    modalities = [entry["modalities"][0] for entry in estimate["information"]]
    write_json(places.selection, propose(estimate, modalities))
    return places.selection
