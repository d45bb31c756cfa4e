"""What the printed rows of table 3.2 are estimates of: the ten sets with half of the label's entries dropped.

    cvx   = 20 clusters of 2 components, test rows, uncorrected, nats          batch = bits
    truth (dropout 0.5)  ~  batch,        that estimate (1,800 rows of dropout 0.5)  ~  cvx

Found here, not told by the thesis, which names no rate: with the 0.2 of the released generator the sets hold about
twice the printed information, and their best classifiers reach 0.86 to 0.88 where tables 3.2 and 3.4 print 0.67 to
0.75. With 0.5, what torch drops where no rate is given, both printed rows and the best accuracies of table 3.4 are
met. So the printed synergy of the sets without any (0.05 nats) is the bias of 400 cells in 1,800 rows, the denominator
of the accuracies in the notebooks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.record import Check, near
from mmcore.data.worlds.generative import SETS, generate
from mmcore.information import pid
from mmcore.information.atoms import ATOMS
from mmcore.information.worlds.generative_truth import generative_truth


def printed_row(name: str, row: str) -> dict[str, float]:
    """Return a printed row of a set by atom, in the units of the print.

    Example:
        >>> printed_row("redundancy", "cvx")["redundancy"]
        0.16
    """
    return dict(zip(ATOMS, getattr(SETS[name], row), strict=True))


def distance_by_dropout(rates: list[float], *, n: int, seed: int) -> dict[str, float]:
    """Return for each dropout the mean distance of the printed `batch` rows from the truth, bits."""
    found = {}
    for rate in rates:
        distances = []
        for name, row in SETS.items():
            atoms = generative_truth(row.ratios, n=n, dropout=rate, seed=seed).atoms
            distances += [abs(value - atoms[atom]) for atom, value in printed_row(name, "batch").items()]
        found[f"{rate:g}"] = float(np.mean(distances))
    return found


def published(settings: Mapping[str, Any], *, truth_rows: int, seed: int) -> tuple[list[Check], dict[str, Any]]:
    """Return the checks that the printed rows are met with the dropout of `settings`, and what was compared."""
    checks, sets = [], {}
    rate, tolerance = settings["dropout"], settings["tolerance"]
    for name, row in SETS.items():
        known = generative_truth(row.ratios, n=truth_rows, dropout=rate, seed=seed)
        rows = generate(name, settings["n_rows"], dropout=rate, seed=seed)
        counted = pid.estimate(rows.x1, rows.x2, rows.y, method="clusters", clusters=20, components=2, seed=seed)
        nats = {atom: value * math.log(2.0) for atom, value in counted.atoms.items()}
        for atom in ATOMS:
            quantity = f"{name}, dropout {rate:g}: {atom}"
            cvx, batch = printed_row(name, "cvx")[atom], printed_row(name, "batch")[atom]
            checks.append(near(f"{quantity} of 20 clusters, nats", nats[atom], cvx, tolerance["cvx"], "table 3.2, cvx"))
            checks.append(
                near(f"{quantity} of the truth, bits", known.atoms[atom], batch, tolerance["batch"], "table 3.2, batch")
            )
        sets[name] = {"truth": known.atoms, "bayes_accuracy": known.accuracy, "clusters_nats": nats}
    for name, printed in settings["accuracy"].items():
        best = sets[name]["bayes_accuracy"]["both"]
        quantity = f"{name}, dropout {rate:g}: Bayes accuracy"
        checks.append(near(quantity, best, printed, tolerance["accuracy"], "table 3.4, the best model"))
    by_rate = distance_by_dropout(settings["rates"], n=truth_rows // 4, seed=seed)
    nearest = min(by_rate, key=lambda key: by_rate[key])
    checks.append(near("dropout whose truth is nearest to the printed batch rows", float(nearest), rate, 0.0, "search"))
    return checks, {"dropout": rate, "sets": sets, "distance_of_batch_by_dropout": by_rate}
