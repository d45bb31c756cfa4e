"""Decompose the information of every pair of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mmcore.atomic import atomic_file, write_json
from mmcore.data import load_dataset
from mmcore.information.pairs import estimate_dataset
from tasks.gates import hold_estimate
from tasks.parameters import load_parameters
from tasks.places import Places
from tasks.progress import reporter
from tasks.tracking import publish_table, task


@task
def estimate_pairs(dataset: str, root: Path) -> Path:
    """Write the atoms of every pair, with intervals, chance levels, bounds, truth where it is known, and diagnostics.

    They are written as JSON, which later stages read, and as a table for people.

    Raises:
        GateError: when a part exceeds a declared tolerance; the previous result then stays.
    """
    parameters = load_parameters(root)
    settings = parameters.estimate.of(parameters.datasets[dataset])
    places = Places(dataset, root)
    with reporter(f"estimate {dataset}") as progress:
        result = estimate_dataset(
            load_dataset(places.prepared),
            label=None,
            options=settings.options,
            seed=parameters.seed,
            progress=progress,
        )
    hold_estimate(dataset, result, **settings.gates)
    table = atom_rows(result)
    _write_table(places.atoms, table)
    write_json(places.estimate, result)
    shown = ("first", "second", "atom", "corrected", "low", "high", "p_value")
    publish_table(f"atoms-{dataset}".lower(), table[list(shown)].round(3).to_dict("records"), "Atoms in bits")
    return places.estimate


def atom_rows(result: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row an atom of every estimated part, bits; what was not drawn is null."""
    parts = [(entry["first"], entry["second"], entry) for entry in result["pairs"]]
    parts += [(entry["modality"], "all others", entry) for entry in result["against_rest"]]
    rows = []
    for first, second, entry in parts:
        for atom, raw in (entry["raw"] or {}).items():
            low, high = (entry["interval"] or {}).get(atom, (None, None))
            rows.append({
                "first": first, "second": second, "atom": atom, "raw": raw,
                "corrected": (entry["corrected"] or {}).get(atom), "low": low, "high": high,
                "chance": (entry["null"] or {}).get(atom), "p_value": (entry["p_values"] or {}).get(atom),
                "n_rows": entry["n_rows"],
            })  # fmt: skip
    names = dict.fromkeys(("first", "second", "atom"), "str")
    numbers = dict.fromkeys(("raw", "corrected", "low", "high", "chance", "p_value"), "float64")
    kinds = {**names, **numbers, "n_rows": "int64"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_file(path) as aside:
        table.to_parquet(aside, index=False)
