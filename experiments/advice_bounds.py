"""Table 6.3 and figure 6.3: the accuracy that both modalities would reach, bounded before any pair is labelled.

    lower <= accuracy of the best classifier of both <= upper         from p(x1, y), p(x2, y) and p(x1, x2) alone

Four parts. `tables`: known tables, where the bounds must hold. `theorem_8`: the printed upper bound (I + 1) / log2 n
beside the inverted Fano bound, on random tables. `symbols` and `features`: rows of controlled worlds with exact Bayes
accuracies, shown as they are and as vectors that are clustered first: symbols must have the truth inside their
interval and no wrong verdict; clusters can only lose, so of features the lower end and "yes" must hold. `real`: table
6.3 on the real sets, where the lower end must not exceed what models reach, and the middle of the bounds should be as
near to the best of them as the printed averages are in table 6.3. Figure 6.3 is drawn from it: the expected accuracy
against the gain by the second modality and by complex fusion, with correlations over datasets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.advice_bounds_real import accuracies, real_pairs
from experiments.advice_bounds_worlds import (
    advice_of,
    bounds_of_table,
    controlled_worlds,
    exact_tables,
    of_world,
    theorem_eight,
    wrong_verdict,
)
from experiments.plot import Cloud, scatter
from experiments.record import Check, near, run
from mmcore.selection.agreement_correlation import rank_correlation
from mmcore.training.devices import torch_threads

TOLERANCE = 1e-6  # of the linear program behind the lower bound

# Thesis table 6.3: printed average, best complex, simple and unimodal model
PRINTED = {
    "MOSEI": (0.80, 0.88, 0.85, 0.82),
    "UR-FUNNY": (0.90, 0.77, 0.76, 0.74),
    "MOSI": (0.96, 0.86, 0.84, 0.83),
    "MUSTARD": (1.21, 0.79, 0.74, 0.74),
    "MIMIC": (1.02, 0.92, 0.92, 0.92),
    "ENRICO": (0.68, 0.51, 0.49, 0.47),
}


def printed_error() -> float:
    """Return the mean distance of the printed averages from the best model of table 6.3.

    Example:
        >>> round(printed_error(), 3)
        0.167
    """
    return float(np.mean([abs(row[0] - max(row[1:])) for row in PRINTED.values()]))


def judged_tables(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any]]:
    """Return for known tables the check that the Bayes accuracy lies inside, and their bounds."""
    checks, found = [], {}
    for name, p in exact_tables(settings):
        bounds = bounds_of_table(p)
        inside = min(bounds["bayes"] - bounds["lower"], bounds["upper"] - bounds["bayes"])
        checks.append(
            Check(f"table {name}: room on the nearer side", inside, (-TOLERANCE, 1.0), "exact Bayes accuracy")
        )
        found[name] = bounds
    return checks, found


def judged_theorem(settings: Mapping[str, Any], seed: int) -> tuple[list[Check], dict[str, Any]]:
    """Return the checks of theorem 8 as printed and as corrected."""
    found = theorem_eight(settings["n_tables"], settings["weights"], seed=seed)
    checks = []
    for name, one in found.items():
        expected, tolerance = settings["violated"][name]
        quantity = f"labels {name}: share of tables"
        source = "shares of an independent run, reference/pid.md 4"
        checks.append(near(f"{quantity} above the printed bound", one["printed_violated"], expected, tolerance, source))
        outside = one["corrected_violated"]
        checks.append(Check(f"{quantity} outside the bounds", outside, (0.0, 0.0), "Fano; Feder and Merhav"))
    return checks, found


def judged_worlds(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any]]:
    """Return the checks of advice from rows of controlled worlds, shown as symbols and as features."""
    checks: list[Check] = []
    found: dict[str, dict[str, Any]] = {}
    for shown in ("symbols", "features"):
        found[shown] = {}
        for name, world in controlled_worlds(settings["random"]).items():
            one = of_world(world, settings, shown=shown)
            found[shown][name] = one
            print(shown, name, one.get("interval"), one["bayes"], one.get("collect"), flush=True)
            if one["status"] != "estimated":
                continue
            room, source = {"symbols": 0.0, "features": -1.0}[shown], "exact Bayes accuracy"
            low, high = one["interval"]
            checks.append(Check(f"{shown}, {name}: above the lower end", one["bayes"] - low, (0.0, 1.0), source))
            checks.append(Check(f"{shown}, {name}: below the upper end", high - one["bayes"], (room, 1.0), source))
            if shown == "symbols" or one["collect"] == "yes":
                wrong = float(one["wrong_verdict"])
                checks.append(Check(f"{shown}, {name}: wrong verdict", wrong, (0.0, 0.0), "exact gain in accuracy"))
    return checks, found


def of_real(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return for every real pair the advice and what models reached."""
    found = {}
    options = {**settings["options"], "least_gain": settings["least_gain"]}
    for name, ds in real_pairs(Path(settings["root"]), max_rows=settings["max_rows"], seed=settings["seed"]):
        one = advice_of(ds, None, options, seed=settings["seed"])
        one |= accuracies(name, ds, settings)
        both = max((one[kind]["accuracy"] for kind in ("simple", "complex") if kind in one), default=float("nan"))
        one["best_multimodal"], one["n_classes"] = both, len(ds.spec.label().classes or ())
        one["observed_gain"] = both - one["unimodal"]["accuracy"]
        one["complex_gain"] = one["complex"]["accuracy"] - one["simple"]["accuracy"]
        error = float(np.sqrt(both * (1.0 - both) / one["n_test"]))
        one |= {
            "standard_error": error,
            "wrong_verdict": wrong_verdict(one, one["observed_gain"], settings["least_gain"]),
        }
        found[name] = one
        print(name, one.get("interval"), one["unimodal"], one["simple"], one["complex"], one.get("collect"), flush=True)
    return found


def judged_real(found: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any]]:
    """Return the checks of the real pairs, and how far each forecast was from the best model of both."""
    checks = []
    for name, one in found.items():
        if one["status"] == "estimated":
            room = one["best_multimodal"] + 3.0 * one["standard_error"] - one["interval"][0]
            source = "a valid lower bound, and three standard errors of the test accuracy"
            checks.append(Check(f"{name}: best model of both above the lower end", room, (0.0, 1.0), source))
    known = [one for one in found.values() if one["status"] == "estimated"]
    forecasts = {
        "middle of the bounds": [one["middle"] for one in known],
        "printed average": [one["printed"]["average"] for one in known],
        "printed average, at most 1": [min(one["printed"]["average"], 1.0) for one in known],
        "best single modality, its model": [one["unimodal"]["accuracy"] for one in known],
    }
    best = np.array([one["best_multimodal"] for one in known])
    errors = {name: float(np.abs(np.array(values) - best).mean()) for name, values in forecasts.items()}
    source = "table 6.3: mean distance of the printed averages from the best model"
    checks.append(Check("mean distance of the middle", errors["middle of the bounds"], (0.0, printed_error()), source))
    return checks, {"mean_distance": errors, "mean_distance_table_6_3": printed_error()}


def figure(found: Mapping[str, Any], seed: int) -> tuple[dict[str, Any], str]:
    """Return the correlations of figure 6.3 over the real pairs, by dataset, and its drawing."""
    known = {name: one for name, one in found.items() if one["status"] == "estimated"}
    forecasts = {"middle": [one["middle"] for one in known.values()]}
    forecasts["printed average"] = [one["printed"]["average"] for one in known.values()]
    gains = {"both over one modality": "observed_gain", "complex over simple": "complex_gain"}
    datasets = [name.partition(":")[0] for name in known]
    correlations, clouds = {}, []
    for title, key in gains.items():
        heights = [one[key] for one in known.values()]
        points = {kind: list(zip(at, heights, known, strict=True)) for kind, at in forecasts.items()}
        clouds.append(Cloud(title, "expected accuracy of both", "gain in accuracy", points))
        for kind, at in forecasts.items():
            for method in ("pearson", "spearman"):
                one = rank_correlation(at, heights, datasets, method=method, seed=seed)
                correlations[f"{kind}, {title}, {method}"] = dataclasses.asdict(one)
    label = "Expected accuracy of both modalities before labels against the gain that models reached"
    return correlations, scatter("advice-bounds", label, clouds)


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, what was found in each part, and figure 6.3."""
    tables, exact = judged_tables(settings["tables"])
    theorem, shares = judged_theorem(settings["theorem_8"], settings["seed"])
    rows, worlds = judged_worlds({**settings["worlds"], "seed": settings["seed"]})
    with torch_threads(1):
        real = of_real({**settings["real"], "seed": settings["seed"]})
    reached, forecasts = judged_real(real)
    correlations, drawing = figure(real, settings["seed"])
    results = {"tables": exact, "theorem_8": shares, "worlds": worlds, "real": real, "forecasts": forecasts}
    return [*tables, *theorem, *rows, *reached], results | {"correlations": correlations}, {"figure.svg": drawing}


if __name__ == "__main__":
    run("advice_bounds", experiment)
