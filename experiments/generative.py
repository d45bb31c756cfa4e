"""Table 3.2 of the thesis: the ten synthetic sets, with their computed truth, chance levels and every estimator.

The printed "truth" is what the generator was meant to do, scaled to the accuracy of the best model. What the sets hold
can be computed (`mmcore.information.worlds.generative_truth`), and it differs: the set called synergy holds 0.2 bit of
redundancy, the mixed sets far less synergy than printed. Estimators are held against the computed truth; the printed
rows (`cvx` in nats, `batch` and `truth` in bits) stand beside it in the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.record import Check, near, run
from mmcore.data.worlds.generative import SETS, generate
from mmcore.information import pid
from mmcore.information.atoms import ATOMS
from mmcore.information.worlds.generative_truth import generative_truth


def chance_of(result: pid.PID) -> dict[str, float] | None:
    """Return the 95th percentile of each atom's null, where one was drawn."""
    return None if result.null is None else {name: float(np.quantile(result.null[name], 0.95)) for name in ATOMS}


def estimates(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each estimator finds in one set."""
    rows = generate(name, settings["n_rows"], seed=settings["seed"])
    found = {}
    for label, entry in settings["estimators"].items():
        options = dict(entry.get("options") or {})
        drawn = {"n_boot": settings["n_boot"], "n_null": entry.get("n_null", 0)} if entry.get("draws", True) else {}
        result = pid.estimate(
            rows.x1, rows.x2, rows.y, method=entry["method"], seed=settings["seed"], **drawn, **options
        )
        interval = None if result.interval is None else {k: list(v) for k, v in result.interval.items()}
        found[label] = {
            "raw": result.atoms,
            "corrected": None if result.corrected is None else dict(result.corrected),
            "interval": interval,
            "chance": chance_of(result),
        }
    return found


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and, for each set, truth, estimates, printed rows and the estimators that disagree."""
    checks: list[Check] = []
    results: dict[str, Any] = {}
    for name, row in SETS.items():
        true = generative_truth(row.ratios, n=settings["truth_rows"], seed=settings["seed"]).atoms
        found = estimates(name, settings)
        largest = max(ATOMS, key=lambda atom: true[atom])
        disagree = []
        for label, entry in settings["estimators"].items():
            values = found[label]["corrected"] or found[label]["raw"]
            if max(ATOMS, key=lambda atom: values[atom]) != largest:
                disagree.append(label)
            for atom in ATOMS if "tolerance" in entry else ():
                quantity = f"{name}, {label}: {atom}"
                checks.append(near(quantity, values[atom], true[atom], entry["tolerance"], "exact posteriors"))
        printed = {key: dict(zip(ATOMS, getattr(row, key))) for key in ("cvx", "batch", "truth")}
        results[name] = {
            "ratios": list(row.ratios),
            "truth": true,
            "largest": largest,
            "estimates": found,
            "disagree": disagree,
            "printed": printed,
        }
    return checks, {"sets": results}, {}


if __name__ == "__main__":
    run("generative", experiment)
