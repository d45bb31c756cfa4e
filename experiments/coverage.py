"""Do the intervals hold the truth as often as they say? Draws of known worlds, the share of intervals that do.

Allowed at nominal 95 %: 92 to 97 % for atoms above 0.02 bit, at least 92 % for atoms that are zero. What is outside by
its nature is named in the parameters with its reason, and then held against bounds of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.record import Check, run
from experiments.worlds import of
from mmcore.information.atoms import ATOMS
from mmcore.information.uncertainty.study import coverage


def _check(
    where: str, name: str, found: Mapping[str, Any], settings: Mapping[str, Any], entry: Mapping[str, Any]
) -> Check:
    source = "nominal 95 %, with the error of a share over this many draws"
    allowed: tuple[float, float] = tuple(settings["allowed"]) if found["truth"] > settings["relevant"] else (
        settings["allowed_zero"], 1.0)  # fmt: skip
    excepted = (entry.get("exceptions") or {}).get(name)
    if excepted:
        allowed, source = tuple(excepted["allowed"]), excepted["why"]
    return Check(f"{where}: {name} ({found['truth']:.3f} bit)", found["coverage"], allowed, source)


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and the coverage, width and error of each atom in each world."""
    checks, results = [], {}
    for entry in settings["worlds"]:
        for n_rows in entry["n_rows"]:
            where = f"{entry['world']}, noise {entry.get('noise', 0.0):g}, N={n_rows}"
            found = coverage(
                of(entry), n_rows, settings["n_draws"], n_boot=settings["n_boot"], seed=settings["seed"],
                n_groups=entry.get("n_groups"), effect=entry.get("effect", 0.0),
            )  # fmt: skip
            print(where, {name: round(found[name]["coverage"], 3) for name in ATOMS}, flush=True)
            results[where] = found
            for name in ATOMS:
                truth = found[name]["truth"]
                if truth > settings["relevant"] or abs(truth) < settings["zero"]:
                    checks.append(_check(where, name, found[name], settings, entry))
    return checks, {"worlds": results}, {}


if __name__ == "__main__":
    run("coverage", experiment)
