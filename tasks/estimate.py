"""Decompose the information of every pair of modalities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcore.atomic import write_json
from mmcore.data import load_dataset
from mmcore.information.pairs import estimate_dataset
from tasks.gates import hold_estimate
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.progress import reporter
from tasks.tracking import publish_table, task

GATES = ("max_gap", "max_residual", "too_few_rows")


@task
def estimate_pairs(dataset: str, root: Path) -> Path:
    """Write the atoms of every pair, with intervals, chance levels, bounds, truth where it is known, and diagnostics.

    Raises:
        GateError: when a part exceeds a declared tolerance; the previous result then stays.
    """
    parameters = load_parameters(root)
    places = Places(dataset, root)
    options = parameters.estimate.model_dump()
    gates = {name: options.pop(name) for name in GATES}
    with reporter(f"estimate {dataset}") as progress:
        result = estimate_dataset(
            load_dataset(places.prepared), label=None, options=options, seed=parameters.seed, progress=progress
        )
    hold_estimate(dataset, result, **gates)
    write_json(places.estimate, result)
    publish_table(f"atoms-{dataset}".lower(), _rows(result), "Redundancy, unique and synergy in bits")
    return places.estimate


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a pair: the atoms, corrected where resamples were drawn."""
    parts = [(f"{entry['first']} + {entry['second']}", entry) for entry in result["pairs"]]
    parts += [(f"{entry['modality']} + all others", entry) for entry in result["against_rest"]]
    return [
        {"pair": name, **{k: round(v, 3) for k, v in (entry["corrected"] or entry["raw"]).items()}}
        for name, entry in parts
        if entry["status"] == "estimated"
    ]
