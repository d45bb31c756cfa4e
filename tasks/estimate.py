"""Decompose the information of every pair of modalities."""

from __future__ import annotations

from pathlib import Path

from mmcore.atomic import write_json
from mmcore.data import load_dataset
from mmcore.information.pairs import estimate_dataset
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.progress import reporter
from tasks.tracking import publish_table, task


@task
def estimate_pairs(dataset: str, root: Path) -> Path:
    """Write the atoms of every pair, with intervals, truth where it is known, and diagnostics."""
    parameters = load_parameters(root)
    places = Places(dataset, root)
    options = parameters.estimate.model_dump()
    with reporter(f"estimate {dataset}") as progress:
        result = estimate_dataset(
            load_dataset(places.prepared), label=None, options=options, seed=parameters.seed, progress=progress
        )
    write_json(places.estimate, result)
    rows = [
        {"pair": f"{pair['first']} + {pair['second']}", **{k: round(v, 3) for k, v in pair["corrected"].items()}}
        for pair in result["pairs"]
        if pair["status"] == "estimated"
    ]
    publish_table(f"atoms-{dataset}".lower(), rows, "Redundancy, unique and synergy in bits, bias-corrected")
    return places.estimate
