"""Real data: does each estimator find the interaction that a dataset's README leads one to expect?

The expectations stand in `experiments.expectations` and were written first. Every estimator runs on the same rows;
disagreements and refusals are part of the record. The gate is on `judges`, the estimators that read features without
clusters of them: of each dataset at least `least_share` of the pairs must have a judge that names an expected atom as
the largest. What the gate lets pass is listed in `disagreements` all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.expectations import EXPECTATIONS, Expectation
from experiments.real_features import Rows, read
from experiments.record import Check, run
from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.atoms import ATOMS, NotCertified
from mmcore.seeds import stream


def _estimate(entry: Mapping[str, Any], rows: Rows, expected: Expectation, seed: int) -> dict[str, Any]:
    try:
        result = pid.estimate(
            rows.sources[expected.first],
            rows.sources[expected.second],
            rows.labels,
            method=entry["method"],
            groups=rows.groups,
            seed=seed,
            n_boot=entry.get("n_boot", 0),
            **dict(entry.get("options") or {}),
        )
    except (InputError, NotCertified) as error:
        return {"status": "refused", "reason": str(error)}
    values = dict(result.corrected or result.atoms)
    largest = max(ATOMS, key=lambda atom: values[atom])
    agrees = largest in expected.largest
    return {"status": "estimated", "atoms": values, "raw": result.atoms, "largest": largest, "as_expected": agrees}


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, every estimate of every pair, and the disagreements."""
    root, seed = Path(settings["root"]), settings["seed"]
    found, disagreements = [], []
    agrees: dict[str, list[bool]] = {}
    data: dict[str, Rows] = {}
    for expected in EXPECTATIONS:
        if expected.dataset not in data:
            rows = read(expected.dataset, root, seed=seed)
            data = {expected.dataset: _some(rows, settings["max_rows"], seed)}
        rows = data[expected.dataset]
        estimates = {label: _estimate(entry, rows, expected, seed) for label, entry in settings["estimators"].items()}
        name = f"{expected.dataset}: {expected.first} with {expected.second}"
        print(name, {label: e.get("largest", "refused") for label, e in estimates.items()}, flush=True)
        agrees.setdefault(expected.dataset, []).append(
            any(estimates[label].get("as_expected") for label in settings["judges"])
        )
        for label, entry in estimates.items():
            if not entry.get("as_expected"):
                told = entry.get("largest") or f"refused: {entry['reason']}"
                disagreements.append({"pair": name, "estimator": label, "told": told})
        found.append({
            "dataset": expected.dataset, "first": expected.first, "second": expected.second,
            "expected": list(expected.largest), "why": expected.why, "n_rows": len(rows.labels), "estimates": estimates,
        })  # fmt: skip
    allowed, source = (settings["least_share"], 1.0), "README of the data, read before estimating"
    checks = [
        Check(f"{dataset}: share of pairs as expected", float(np.mean(seen)), allowed, source)
        for dataset, seen in agrees.items()
    ]
    return checks, {"pairs": found, "disagreements": disagreements}, {}


def _some(rows: Rows, most: int, seed: int) -> Rows:
    """Return at most `most` rows, whole groups kept as they come."""
    if len(rows.labels) <= most:
        return rows
    return rows.take(np.sort(stream(seed, "rows").choice(len(rows.labels), most, replace=False)))


if __name__ == "__main__":
    run("real_data", experiment)
