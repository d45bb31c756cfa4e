"""Table 3.2 of the thesis: the ten synthetic sets, with their computed truth, chance levels and every estimator.

The printed "truth" is what the generator was meant to do, scaled to the accuracy of the best model. What the sets hold
can be computed (`mmcore.information.worlds.generative_truth`), and it differs: the set called synergy holds 0.2 bit of
redundancy, the mixed sets far less synergy than printed. Estimators are held against the computed truth; the printed
rows (`cvx` in nats, `batch` and `truth` in bits) stand beside it in the record, and `generative_published` says what
they are estimates of. Chance levels come from permuted labels: they say what rows without any information would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.generative_published import printed_row, published
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
        result = pid.estimate(
            rows.x1,
            rows.x2,
            rows.y,
            method=entry["method"],
            seed=settings["seed"],
            n_boot=settings["n_boot"],
            n_null=entry["n_null"],
            **dict(entry.get("options") or {}),
        )
        interval = None if result.interval is None else {k: list(v) for k, v in result.interval.items()}
        found[label] = {
            "raw": result.atoms,
            "corrected": None if result.corrected is None else dict(result.corrected),
            "interval": interval,
            "chance": chance_of(result),
        }
        print(name, label, {atom: round(value, 3) for atom, value in result.atoms.items()}, flush=True)
    return found


def judged(true: Mapping[str, float], close: float) -> str | None:
    """Return the largest atom; None where the second is closer than `close`.

    Example:
        >>> judged({"redundancy": 0.21, "unique1": 0.0, "unique2": 0.0, "synergy": 0.33}, 0.03)
        'synergy'
    """
    first, second = sorted(true, key=lambda atom: -true[atom])[:2]
    return first if true[first] - true[second] >= close else None


def above_chance(results: Mapping[str, Any], label: str, least: float) -> dict[str, float]:
    """Return how often an estimator's atoms exceed chance: those of at least `least` bits, and those that are zero."""
    present, absent = [], []
    for found in results.values():
        estimate = found["estimates"][label]
        for atom in ATOMS:
            exceeds = estimate["raw"][atom] > estimate["chance"][atom]
            if found["truth"][atom] >= least:
                present.append(exceeds)
            elif found["truth"][atom] < 0.005:
                absent.append(exceeds)
    return {
        "present": float(np.mean(present)),
        "n_present": len(present),
        "zero": float(np.mean(absent)),
        "n_zero": len(absent),
    }


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and, for each set, truth, estimates, printed rows and the estimators that disagree."""
    checks: list[Check] = []
    results: dict[str, Any] = {}
    for name, row in SETS.items():
        true = generative_truth(row.ratios, n=settings["truth_rows"], seed=settings["seed"]).atoms
        found = estimates(name, settings)
        largest, clear = max(ATOMS, key=lambda atom: true[atom]), judged(true, settings["close"])
        disagree = []
        for label, entry in settings["estimators"].items():
            values = found[label]["corrected"]
            named = max(ATOMS, key=lambda atom: values[atom])
            if named != largest:
                disagree.append(label)
            if clear is not None and entry["names_largest"]:
                checks.append(Check(f"{name}, {label}: names {clear}", float(named == clear), (1.0, 1.0), "truth"))
            for atom in ATOMS if "tolerance" in entry else ():
                quantity = f"{name}, {label}: {atom}"
                checks.append(near(quantity, values[atom], true[atom], entry["tolerance"], "exact posteriors"))
        results[name] = {
            "ratios": list(row.ratios),
            "truth": true,
            "largest": largest,
            "estimates": found,
            "disagree": disagree,
            "printed": {key: printed_row(name, key) for key in ("cvx", "batch", "truth")},
        }
    power = {label: above_chance(results, label, settings["power"]["least"]) for label in settings["estimators"]}
    for label, rate in power.items():
        quantity = f"{label}: share of the atoms that are there above chance"
        checks.append(Check(quantity, rate["present"], (settings["power"]["share"], 1.0), "truth"))
    more, compared = published(settings["published"], truth_rows=settings["truth_rows"], seed=settings["seed"])
    return [*checks, *more], {"sets": results, "above_chance": power, "published": compared}, {}


if __name__ == "__main__":
    run("generative", experiment)
