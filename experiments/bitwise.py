"""Table 3.1 of the thesis: the atoms of AND, OR and XOR, by every estimator, from rows.

Truth: Bertschinger et al. (2014); with uniform inputs AND and OR have R = 0.3113 and S = 0.5 bit, XOR has S = 1 bit.
The estimators see `n_rows` rows, so each is held against the exact decomposition of the counts of those very rows. The
Gaussian estimator is recorded without a tolerance: it sees linear relations only, and gates have others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.record import Check, near, run
from mmcore.information import pid
from mmcore.information.atoms import ATOMS
from mmcore.seeds import stream

GATES = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}


def rows(gate: str, n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n rows (x1, x2, y) of the gate under independent uniform inputs."""
    x1, x2 = stream(seed, "bitwise", gate).integers(0, 2, (2, n_rows))
    return x1, x2, GATES[gate](x1, x2)


def table(x1: np.ndarray, x2: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the counts of the rows as a table of probabilities (2, 2, 2)."""
    return np.bincount(4 * x1 + 2 * x2 + y, minlength=8).reshape(2, 2, 2) / len(y)


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and the atoms of every gate by every estimator."""
    checks, found = [], {}
    for gate, expected in settings["expected"].items():
        x1, x2, y = rows(gate, settings["n_rows"], settings["seed"])
        exact = pid.decompose(table(x1, x2, y))
        found[gate] = {"exact": exact.atoms}
        for atom in ATOMS:
            source = "thesis table 3.1; sampling error of the counts"
            value = exact.atoms[atom]
            checks.append(
                near(f"{gate}, counts: {atom}", value, expected[atom], settings["sampling_tolerance"], source)
            )
        for method, tolerance in settings["methods"].items():
            result = pid.estimate(x1, x2, y, method=method, seed=settings["seed"])
            found[gate][method] = result.atoms
            for atom in ATOMS if tolerance is not None else ():
                source = "exact decomposition of the same counts"
                value = result.atoms[atom]
                checks.append(near(f"{gate}, {method}: {atom}", value, exact.atoms[atom], tolerance, source))
    return checks, {"atoms": found}, {}


if __name__ == "__main__":
    run("bitwise", experiment)
