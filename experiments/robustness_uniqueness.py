"""Figure 3.4: what a model loses without modality i, against what it holds of that modality alone.

    drop_i = accuracy - accuracy with modality i absent      against U_i;   where U_i is small, against S and against R

The thesis prints rho = 0.80 with U_i over all points and, where U_i <= 0.05 (its tables are in nats), 0.73 with S and
0.01 with R. Here each model of the bank on each world of two modalities gives two points, means over seeds; atoms are
corrected bits of the predictions on test rows. `thesis` are its ten models on its ten sets, `bank` all models of two
modalities on all worlds; unimodal models are left out, as in the thesis. Removing i takes U_i and S, so their sum is
expected to order the drops at least as well as U_i alone; that is judged on the bank, whose worlds hold synergy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from experiments.interactions_learnt_models import METHODS, means, thesis_worlds
from experiments.plot import Cloud, scatter
from experiments.record import Check, near, run
from mmcore.selection.agreement_correlation import CORRELATIONS, RankCorrelation
from mmcore.selection.bank.table import MODEL, PLACES, Bank, read_bank
from mmcore.selection.quantify_robustness import RobustnessFigure, RobustnessPoint, robustness_figure

UNIQUE = {"first": "model_unique1", "second": "model_unique2"}


def points(trials: pd.DataFrame, worlds: Sequence[str], methods: Sequence[str] | None) -> list[RobustnessPoint]:
    """Return two points for each world and model of a bank, of those that have drops and atoms.

    Args:
        trials, worlds, methods: as in `means`; unimodal models are left out.
    """
    table = means(trials, worlds, methods, MODEL, complete=True)
    table = table[~table["method"].str.startswith("unimodal:")].dropna(subset=["drop_first", "drop_second", *MODEL])
    return [
        RobustnessPoint(
            str(row["world"]), str(row["method"]), place, float(row[f"drop_{place}"]), float(row[UNIQUE[place]]),
            float(row["model_synergy"]), float(row["model_redundancy"]),
        )
        for row in table.to_dict("records")
        for place in PLACES[:2]
    ]  # fmt: skip


def correlations(
    of: Sequence[RobustnessPoint], low_unique: float, seed: int, n_boot: int = 1000
) -> dict[str, dict[str, Any]]:
    """Return the correlations of the figure, by every kind."""
    found: dict[str, dict[str, Any]] = {}
    for method in CORRELATIONS:
        figure = robustness_figure(of, low_unique=low_unique, method=method, n_boot=n_boot, seed=seed)
        for name in ("unique", "necessary", "synergy_low_unique", "redundancy_low_unique"):
            found.setdefault(name, {})[method] = dataclasses.asdict(_correlation(figure, name))
    return found


def _correlation(figure: RobustnessFigure, name: str) -> RankCorrelation:
    found = getattr(figure, name)
    if not isinstance(found, RankCorrelation):
        raise TypeError(name)
    return found


def _cloud(title: str, of: Sequence[RobustnessPoint], low_unique: float) -> list[Cloud]:
    """Return the two panels of the figure: drop over U_i, and where U_i is small, drop over S and R."""

    def entries(chosen: Sequence[RobustnessPoint], field: str) -> list[tuple[float, float, str]]:
        return [(getattr(p, field), p.drop, f"{p.model} on {p.world} without its {p.absent}") for p in chosen]

    small = [p for p in of if p.unique <= low_unique]
    atoms = {"synergy": entries(small, "synergy"), "redundancy": entries(small, "redundancy")}
    return [
        Cloud(f"{title}: all points", "unique information of i, bits", "drop", {"unique1": entries(of, "unique")}),
        Cloud(f"{title}: U_i is small", "synergy, redundancy, bits", "drop", atoms),
    ]


def judged(found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks: printed correlations on the thesis' sets, and what removing a modality takes on the bank."""
    kind, printed = settings["kind"], settings["printed"]
    checks = []
    for name, (value, tolerance) in printed.items():
        quantity = f"thesis, drop with {name}: {kind}"
        checks.append(near(quantity, _value(found["thesis"], name, kind), value, tolerance, "thesis figure 3.4"))
    for scope in ("thesis", "bank"):
        synergy = _value(found[scope], "synergy_low_unique", kind)
        more = synergy - _value(found[scope], "redundancy_low_unique", kind)
        checks.append(Check(f"{scope}: S explains more than R where U_i is small", more, (0.0, 2.0), "thesis 3.3.3"))
    sum_over_unique = _value(found["bank"], "necessary", kind) - _value(found["bank"], "unique", kind)
    source = "removing i takes U_i and S"
    checks.append(Check("bank: U_i + S orders drops as well as U_i", sum_over_unique, (-0.02, 2.0), source))
    return checks


def _value(of: Mapping[str, Any], name: str, kind: str) -> float:
    value = of[name][kind]["value"]
    return float("nan") if value is None else float(value)


def study(bank: Bank, settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return checks, correlations and the figure of a bank."""
    low, seed = settings["low_unique"], settings["seed"]
    scopes = {
        "thesis": points(bank.trials, thesis_worlds(bank.worlds), METHODS),
        "bank": points(bank.trials, list(bank.pairs.index), None),
    }
    found = {name: correlations(of, low, seed, settings.get("n_boot", 1000)) for name, of in scopes.items()}
    clouds = [cloud for name, of in scopes.items() for cloud in _cloud(name, of, low)]
    label = "Drop in accuracy without a modality against unique information, and against synergy where that is small"
    counts = {name: {"points": len(of), "small": sum(p.unique <= low for p in of)} for name, of in scopes.items()}
    results = {"low_unique": low, "counts": counts, "correlations": found}
    return judged(found, settings), results, {"figure.svg": scatter("robustness", label, clouds)}


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return `study` of the bank that comes with Interplay."""
    return study(read_bank(), settings)


if __name__ == "__main__":
    run("robustness_uniqueness", experiment)
