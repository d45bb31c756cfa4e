"""Figure 3.5: does the agreement of a model's interactions with the data's tell how accurate the model is?

    alpha = sum_I Ihat_data I_model (equation 3.6), and two measures that do not grow with total information

The thesis prints rho = 0.81 over ten sets and ten models, 0.77 in its notebooks with no accuracy left out. Pooled over
worlds, the number is high already where worlds differ in how much can be known: alpha grows with the information of
the predictions, accuracy with that of the labels. To choose a model only the correlation inside a world helps, and it
stands beside every pooled one, with intervals over worlds. Agreement is with estimated atoms, as in the thesis, and
with true ones; accuracy is as measured, and as the share of what can be gained over chance. Beside it stands what needs
no model: the information of the data. (On the bank, whose worlds have 2 to 16 classes, more information goes with lower
accuracy, and the pooled correlation is below the one within worlds. The opposite was expected there.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.interactions_learnt_models import METHODS, means, thesis_worlds
from experiments.plot import Cloud, scatter
from experiments.record import Check, near, run
from mmcore.information.atoms import ATOMS
from mmcore.selection.agreement import AGREEMENTS
from mmcore.selection.agreement_correlation import CORRELATIONS, rank_correlation
from mmcore.selection.agreement_figure import AgreementFigure, agreement_figure
from mmcore.selection.bank.table import MODEL, Bank, read_bank

N_BOOT = 1000
LEAST = 0.05  # bits of the data's atoms together; clusters see nothing of some worlds (images, bent vectors)
SCOPES = ("thesis", "thesis, accuracy at least 0.5", "bank")


def informative(bank: Bank, worlds: Sequence[str], atoms: str) -> list[str]:
    """Return those of `worlds` whose atoms add up to at least `LEAST` bits: shares of nothing are noise."""
    total = bank.worlds.loc[list(worlds), [f"{atoms}_{atom}" for atom in ATOMS]].sum(axis=1)
    return [str(name) for name in total.index[total >= LEAST]]


def agreement_table(bank: Bank, worlds: Sequence[str], methods: Sequence[str] | None, atoms: str) -> pd.DataFrame:
    """Return the table of `agreement_figure` for worlds of a bank, means over seeds.

    Args:
        bank: its worlds and trials.
        worlds, methods: as in `means`.
        atoms: "estimated" or "true", of the data.
    """
    table = means(bank.trials, informative(bank, worlds, atoms), methods, MODEL, complete=True)
    table = table.rename(columns={"accuracy_test": "accuracy", "method": "model"})
    known = bank.worlds.loc[table["world"]]
    for atom in ATOMS:
        table[f"data_{atom}"] = known[f"{atoms}_{atom}"].to_numpy()
    table["bayes_accuracy"] = known["bayes_accuracy"].to_numpy()
    table["n_classes"] = known["n_classes"].to_numpy()
    return table


def scoped(bank: Bank, scope: str, atoms: str) -> pd.DataFrame:
    """Return the table of one of `SCOPES`."""
    if scope == "bank":
        return agreement_table(bank, list(bank.pairs.index), None, atoms)
    table = agreement_table(bank, thesis_worlds(bank.worlds), METHODS, atoms)
    return table[table["accuracy"] >= 0.5] if scope != "thesis" else table


def reached(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with accuracy as the share of what can be gained over chance, 1 / n_classes.

    Example:
        >>> one = pd.DataFrame([{"accuracy": 0.7, "bayes_accuracy": 0.9, "n_classes": 2}])
        >>> float(round(reached(one)["accuracy"].iloc[0], 3))
        0.5
    """
    chance = 1.0 / table["n_classes"]
    return table.assign(accuracy=(table["accuracy"] - chance) / (table["bayes_accuracy"] - chance))


def correlations(table: pd.DataFrame, seed: int, n_boot: int = N_BOOT) -> dict[str, Any]:
    """Return for each measure and kind the correlation with accuracy, pooled and within worlds."""
    return {
        entry.name: {
            kind: dataclasses.asdict(
                agreement_figure(table, agreement=entry.name, method=kind, n_boot=n_boot, seed=seed).correlation
            )
            for kind in CORRELATIONS
        }
        for entry in AGREEMENTS
    }


def label_information(table: pd.DataFrame, seed: int, n_boot: int = N_BOOT) -> dict[str, Any]:
    """Return the correlation with accuracy of what needs no model: the information of the data, by world."""
    known = table.dropna(subset=["accuracy", *(f"data_{atom}" for atom in ATOMS)])
    total = known[[f"data_{atom}" for atom in ATOMS]].sum(axis=1).to_numpy()
    accuracy = known["accuracy"].to_numpy()
    worlds = known["world"].to_numpy()
    return {
        kind: dataclasses.asdict(rank_correlation(total, accuracy, worlds, method=kind, n_boot=n_boot, seed=seed))
        for kind in CORRELATIONS
    }


def by_atom(table: pd.DataFrame, worlds: Sequence[str]) -> dict[str, float | None]:
    """Return for each atom the correlation over worlds of a model's alpha_I with the data's I, a mean over models."""
    some = table[table["world"].isin(list(worlds))].dropna(subset=list(MODEL))
    found: dict[str, float | None] = {}
    total = some[[f"data_{atom}" for atom in ATOMS]].sum(axis=1)
    for atom in ATOMS:
        alpha = some[f"data_{atom}"] / total * some[f"model_{atom}"]
        single = [
            np.corrcoef(alpha[rows.index], rows[f"data_{atom}"])[0, 1]
            for _, rows in some.groupby("model")
            if len(rows) > 2 and np.ptp(alpha[rows.index]) > 0 and np.ptp(rows[f"data_{atom}"]) > 0
        ]
        found[atom] = float(np.mean(single)) if single else None
    return found


def judged(found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks against the printed correlations, and that pooling is what makes them."""
    kind = settings["kind"]
    checks = []
    for scope, (value, tolerance) in settings["printed"].items():
        one = found["accuracy"]["estimated"][scope]["as_defined"][kind]
        quantity = f"{scope}: {kind} of alpha and accuracy"
        checks.append(near(quantity, _number(one["value"]), value, tolerance, "thesis figure 3.5"))
    for atom, (value, tolerance) in settings["by_atom"].items():
        one = found["by_atom"][atom]
        checks.append(near(f"alpha_I with I of the data, {atom}", _number(one), value, tolerance, "thesis 3.3.4"))
    one = found["accuracy"]["estimated"]["thesis"]["as_defined"][kind]
    source = "worlds differ in what can be known"
    more = _number(one["value"]) - _number(one["within"])
    checks.append(Check("thesis: pooled less within worlds", more, (settings["least_difference"], 2.0), source))
    without = _number(found["label_information"]["estimated"]["thesis"][kind]["value"]) - _number(one["value"])
    quantity = "thesis: information of the data, which no model enters, less alpha"
    checks.append(Check(quantity, without, (0.0, 2.0), source))
    return checks


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _cloud(title: str, figure: AgreementFigure) -> Cloud:
    points = [(p.agreement, p.accuracy, f"{p.model} on {p.world}") for p in figure.points]
    return Cloud(title, figure.agreement.replace("_", " "), "accuracy", {"models": points})


def study(bank: Bank, settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return checks, correlations and the figure of a bank."""
    seed, n_boot = settings["seed"], settings.get("n_boot", N_BOOT)
    found: dict[str, Any] = {"accuracy": {}, "reached": {}, "label_information": {}}
    for atoms in ("estimated", "true"):
        tables = {scope: scoped(bank, scope, atoms) for scope in SCOPES}
        found["accuracy"][atoms] = {scope: correlations(table, seed, n_boot) for scope, table in tables.items()}
        found["reached"][atoms] = {scope: correlations(reached(table), seed, n_boot) for scope, table in tables.items()}
        found["label_information"][atoms] = {
            scope: label_information(table, seed, n_boot) for scope, table in tables.items()
        }
    specialised = [f"generative_{name}" for name in ("redundancy", "unique1", "unique2", "synergy")]
    thesis = scoped(bank, "thesis", "estimated")
    found["by_atom"] = by_atom(thesis, specialised)
    pairs = list(bank.pairs.index)
    found["without_information"] = sorted(set(pairs) - set(informative(bank, pairs, "estimated")))
    found["n_points"] = {scope: len(scoped(bank, scope, "estimated")) for scope in SCOPES}
    clouds = []
    for scope in ("thesis", "bank"):
        table = scoped(bank, scope, "estimated")
        for name in ("as_defined", "normalised"):
            figure = agreement_figure(table, agreement=name, n_boot=0)
            clouds.append(_cloud(f"{scope}: {name.replace('_', ' ')}", figure))
    label = "Agreement of the interactions of model and data against accuracy, as defined and normalised"
    return judged(found, settings), found, {"figure.svg": scatter("agreement", label, clouds)}


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return `study` of the bank that comes with Interplay."""
    return study(read_bank(), settings)


if __name__ == "__main__":
    run("agreement_accuracy", experiment)
