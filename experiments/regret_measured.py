"""What every method reaches on every dataset of the regret study: the table that selection is held against.

    accuracy of (dataset, method, seed) on validation rows and on test rows

Validation rows choose the epoch, and later one of three models; test rows are read once, when a fit has ended. Nothing
of the selection is in here: neither the bank nor any decomposition. Finished fits are kept in `place`, so that a run
that was stopped goes on where it was. `accuracies.csv` is the same in every run on one machine; `costs.csv` is not.

Expected: on controlled worlds, whose Bayes accuracy is known, no model beats it by more than four standard errors of
its test rows; late fusion and both single modalities can be trained everywhere; all fits within 60 CPU minutes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.record import Check, run
from experiments.regret_sets import RegretSet, regret_sets
from mmcore.data import Dataset
from mmcore.data.worlds import WORLDS
from mmcore.errors import InputError
from mmcore.information.worlds import truth
from mmcore.selection.trials import trial_table

ALWAYS = ("unimodal:first", "unimodal:second", "late_fusion")
CPU_MINUTES = 60.0
ACCURACIES = ("dataset", "source", "method", "seed", "n_train", "n_valid", "n_test", "status", "accuracy_valid",
              "accuracy_test", "epochs", "n_parameters")  # fmt: skip


def _told(done: int, total: int, row: Mapping[str, Any]) -> None:
    print(f"{done}/{total}", row["world"], row["method"], row["seed"], row["status"], row["accuracy_test"], flush=True)


def _held(ds: Dataset) -> Dataset:
    return ds


def measured(sets: Mapping[str, RegretSet], settings: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the accuracies (`ACCURACIES`) and the CPU seconds of every dataset, method and seed.

    Args:
        sets: of `regret_sets`.
        settings: `methods`, `seeds`, `settings` of a trial, `place`, and `real`, where a source has its own settings.
    """
    tables = []
    for name, entry in sets.items():
        source = name.partition(":")[0]
        own = dict(settings.get("real") or {}).get(source, {}).get("settings", settings["settings"])
        ds = entry.read()
        table = trial_table(
            {name: functools.partial(_held, ds)}, settings["methods"], settings["seeds"], settings=own,
            place=Path(settings["place"]), quantify=False, progress=_told,
        )  # fmt: skip
        counts = {f"n_{part}": len(ds.rows(part)) for part in ("train", "valid", "test")}
        tables.append(table.assign(source=entry.source, **counts))
    found = pd.concat(tables, ignore_index=True).rename(columns={"world": "dataset"})
    return found[list(ACCURACIES)], found[["dataset", "method", "seed", "cpu_seconds"]]


def checked(table: pd.DataFrame, costs: pd.DataFrame) -> list[Check]:
    """Return the checks of a table of accuracies."""
    checks = []
    trained = table[table["status"] == "trained"]
    for method in ALWAYS:
        missing = set(table["dataset"]) - set(trained.loc[trained["method"] == method, "dataset"])
        checks.append(Check(f"datasets without {method}", float(len(missing)), (0.0, 0.0), "mandatory contestants"))
    for name, rows in trained.groupby("dataset", sort=False):
        if str(name) not in WORLDS or "controlled" not in WORLDS[str(name)].tags:
            continue
        best = truth(str(name)).bayes_accuracy
        error = (best * (1.0 - best) / float(rows["n_test"].iloc[0])) ** 0.5
        excess = float(rows["accuracy_test"].max() - best)
        checks.append(
            Check(f"{name}: best accuracy less that of Bayes", excess, (-1.0, 4.0 * error), "exact by construction")
        )
    within = float(costs["cpu_seconds"].sum() / 60.0 <= CPU_MINUTES)
    checks.append(Check("all fits within 60 CPU minutes", within, (1.0, 1.0), "declared limit of the study"))
    return checks


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, the number of rows, and the two tables."""
    root = Path(settings["root"])
    if not root.is_dir():
        raise InputError("root", str(root), "a folder with the data", "Set 'root' in experiments/params.yaml.")
    table, costs = measured(regret_sets(root, settings), settings)
    counts = {str(status): int(count) for status, count in table["status"].value_counts().items()}
    results = {"datasets": int(table["dataset"].nunique()), "methods": list(settings["methods"]), "trials": counts}
    drawings = {
        "accuracies.csv": table.to_csv(index=False, lineterminator="\n"),
        "costs.csv": costs.to_csv(index=False, lineterminator="\n"),
    }
    return checked(table, costs), results, drawings


if __name__ == "__main__":
    run("regret_measured", experiment)
