"""Table 3.4: which interactions the thesis' ten models learn on sets that are specialised in one.

    model atoms = decomposition of (x1, x2, predicted class) on test rows          accuracy beside its ceiling

Three families of sets. `generative`: the specialised sets of the thesis, from the bank. `pure`: the bank's controlled
worlds of one atom alone, whose synergy is an exclusive or. `printed`: the same models trained here on the sets with
half of the label's entries dropped, which the printed rows of table 3.2 are estimates of (`generative_published`); its
accuracies are held against the printed ones. Atoms here are corrected bits, those of the thesis are uncorrected nats of
20 clusters fitted on test rows.

Expected, and written before the bank was there. Where redundancy or one modality decides, every model reaches what can
be reached. The set called synergy is decided by a sum of both modalities, which a model that adds logits can learn: the
thesis' remark that additive models fail there is not expected to hold, its accuracies are expected as a floor. Of an
exclusive or, additive models learn nothing, and the others (the thesis' early fusion and element-wise product too,
which it finds weak) have synergy as their largest atom. Of each specialised set the specialised atom is the largest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.interactions_learnt_models import METHODS, THESIS_MODELS, means
from experiments.record import Check, near, run
from mmcore.data.worlds import draw
from mmcore.data.worlds.generative import SETS, GenerativeWorld
from mmcore.information.worlds import truth
from mmcore.selection.bank.table import MODEL, Bank, read_bank
from mmcore.selection.trials import trial_table

ATOM = {"redundancy": "redundancy", "unique1": "unique1", "unique2": "unique2", "synergy": "synergy"}
LETTER = {"redundancy": 0, "unique1": 1, "unique2": 1, "synergy": 2}


def halved(name: str, rows: Mapping[str, int], dropout: float, *, seed: int) -> Any:
    """Return a specialised set with another dropout, as a dataset."""
    return draw(GenerativeWorld(name, SETS[name].ratios, dropout=dropout), dict(rows), seed=seed)


def trained_here(settings: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Return the trials of the ten models on the specialised sets with the dropout of `settings`."""
    dropout, rows = settings["dropout"], dict(settings["rows"])
    makers = {name: functools.partial(halved, name, rows, dropout, seed=seed) for name in settings["sets"]}
    definitions = {name: ["generative", name, dropout, rows, seed] for name in makers}
    return trial_table(
        makers, METHODS, settings["seeds"], settings=settings["trial"], place=settings["place"],
        definitions=definitions, progress=_told,
    )  # fmt: skip


def _told(done: int, total: int, row: Mapping[str, Any]) -> None:
    print(done, total, row["world"], row["method"], row["status"], row["accuracy_test"], flush=True)


def of_model(table: pd.DataFrame, method: str, worlds: Mapping[str, str], bayes: Mapping[str, float]) -> dict[str, Any]:
    """Return of each specialised set what a model reached and the atoms of its predictions; nothing where refused.

    Args:
        table: from `means`.
        method: which.
        worlds: atom -> the world specialised in it.
        bayes: world -> Bayes accuracy.

    Example:
        >>> row = {"world": "w", "method": "sum", "accuracy_test": 0.9} | dict.fromkeys(MODEL, 0.1)
        >>> one = of_model(pd.DataFrame([row]), "sum", {"synergy": "w"}, {"w": 0.95})["synergy"]
        >>> one["accuracy"], one["largest"], one["atom"]
        (0.9, 'redundancy', 0.1)
    """
    found = {}
    for atom, world in worlds.items():
        rows = table[(table["world"] == world) & (table["method"] == method)]
        if rows.empty:
            continue
        row = rows.iloc[0]
        atoms = {name: float(row[f"model_{name}"]) for name in ATOM}
        known = all(np.isfinite(list(atoms.values())))
        found[atom] = {
            "accuracy": float(row["accuracy_test"]),
            "bayes_accuracy": bayes[world],
            "atoms": atoms if known else None,
            "atom": atoms[atom] if known else None,
            "largest": max(atoms, key=lambda name: atoms[name]) if known else None,
        }
    return found


def table_of(
    trials: pd.DataFrame, worlds: Mapping[str, str], bayes: Mapping[str, float], methods: Sequence[str]
) -> dict[str, Any]:
    """Return `of_model` of each method, on the worlds specialised in each atom."""
    table = means(trials, list(worlds.values()), methods, MODEL)
    return {method: of_model(table, method, worlds, bayes) for method in methods}


def judged_generative(found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks of the sets of table 3.2: accuracies near their ceilings, and the largest atoms."""
    checks = []
    for method, by_atom in found.items():
        for atom, one in by_atom.items():
            less = one["accuracy"] - one["bayes_accuracy"]
            allowed = (-settings["below_bayes"], settings["sampling"])
            checks.append(Check(f"D_{atom}, {method}: accuracy less Bayes", less, allowed, "exact posteriors"))
            if one["largest"] is not None:
                right = float(one["largest"] == atom)
                checks.append(Check(f"D_{atom}, {method}: largest atom is {atom}", right, (1.0, 1.0), "the set's name"))
    return checks


def judged_pure(found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks of the exclusive or: additive models learn nothing of it, the others do."""
    checks = []
    for model in THESIS_MODELS:
        one = found.get(model.method, {}).get("synergy")
        if one is None:
            continue
        quantity, source = f"exclusive or, {model.method}", "additive models, experiments/zoo_worlds.py"
        if model.additive:
            checks.append(Check(f"{quantity}: accuracy", one["accuracy"], (0.0, settings["additive_most"]), source))
            if one["atom"] is not None:
                most = settings["additive_synergy"]
                checks.append(Check(f"{quantity}: synergy, bits", one["atom"], (-most, most), source))
        else:
            least = one["bayes_accuracy"] - settings["below_bayes"]
            checks.append(Check(f"{quantity}: accuracy", one["accuracy"], (least, 1.0), "Bayes accuracy"))
            right = float(one["largest"] == "synergy")
            checks.append(Check(f"{quantity}: largest atom is synergy", right, (1.0, 1.0), "truth of the world"))
    return checks


def judged_printed(found: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks that no accuracy is below the printed one, nor above what can be reached."""
    checks = []
    for model in THESIS_MODELS:
        for atom, one in found.get(model.method, {}).items():
            printed, quantity = (
                model.accuracy[LETTER[atom]],
                f"D_{atom}, dropout {settings['dropout']:g}, {model.method}",
            )
            less, above = one["accuracy"] - printed, one["accuracy"] - one["bayes_accuracy"]
            checks.append(Check(f"{quantity}: accuracy less printed", less, (-settings["tolerance"], 1.0), "table 3.4"))
            allowed = (-1.0, settings["sampling"])
            checks.append(Check(f"{quantity}: accuracy less Bayes", above, allowed, "exact posteriors"))
            if printed >= one["bayes_accuracy"] - settings["as_good"] and one["atom"] is not None:
                nats, atoms = one["atom"] * math.log(2.0), (model.redundancy, model.unique, model.synergy)
                expected, source = atoms[LETTER[atom]], "table 3.4, models that reach there what can be reached"
                checks.append(near(f"{quantity}: atom, nats", nats, expected, settings["atom_tolerance"], source))
    return checks


def averages(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return by atom the mean over models of atom and accuracy, the accuracy's share of what can be gained too."""
    result = {}
    for atom in ATOM:
        ones = [by_atom[atom] for by_atom in found.values() if atom in by_atom]
        atoms = [one["atom"] for one in ones if one["atom"] is not None]
        if ones:
            result[atom] = {
                "models": len(ones),
                "atom": float(np.mean(atoms)) if atoms else None,
                "accuracy": float(np.mean([one["accuracy"] for one in ones])),
                "reached": float(np.mean([(one["accuracy"] - 0.5) / (one["bayes_accuracy"] - 0.5) for one in ones])),
            }
    return result


def more_than_data(bank: Bank, worlds: Sequence[str]) -> float:
    """Return in which share of worlds and models the predictions hold more information than the data's estimate."""
    table = means(bank.trials, worlds, METHODS, MODEL, complete=True)
    of_data = bank.worlds[[f"estimated_{atom}" for atom in ATOM]].sum(axis=1)
    more = table[list(MODEL)].sum(axis=1).to_numpy() > of_data.loc[table["world"]].to_numpy()
    return float(more.mean())


def from_bank(bank: Bank, settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any]]:
    """Return the checks and tables of the bank."""
    found: dict[str, Any] = {}
    for kind, prefix in (("generative", "generative_"), ("pure", "pure_")):
        worlds = {atom: f"{prefix}{atom}" for atom in ATOM}
        bayes = {world: float(bank.worlds.loc[world, "bayes_accuracy"]) for world in worlds.values()}
        found[kind] = table_of(bank.trials, worlds, bayes, METHODS)
    more = more_than_data(bank, [f"generative_{atom}" for atom in ATOM])
    checks = judged_generative(found["generative"], settings["generative"])
    checks += judged_pure(found["pure"], settings["pure"])
    least = settings["more_than_data"]
    checks.append(Check("share of predictions with more information than data", more, (least, 1.0), "thesis 3.3.3"))
    return checks, {**found, "more_than_data": more}


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and the three tables."""
    checks, found = from_bank(read_bank(), settings)
    here = settings["printed"]
    trials = trained_here(here, settings["seed"])
    bayes = {
        name: truth(GenerativeWorld(name, SETS[name].ratios, dropout=here["dropout"])).bayes_accuracy
        for name in here["sets"]
    }
    found["printed"] = table_of(trials, {name: name for name in here["sets"]}, bayes, METHODS)
    checks += judged_printed(found["printed"], here)
    averaged = {kind: averages(found[kind]) for kind in ("generative", "pure", "printed")}
    thesis = {
        model.label: {"R": model.redundancy, "U": model.unique, "S": model.synergy, "accuracy": list(model.accuracy)}
        for model in THESIS_MODELS
    }
    return checks, {"models": found, "averages": averaged, "table_3_4_nats": thesis}, {}


if __name__ == "__main__":
    run("interactions_learnt", experiment)
