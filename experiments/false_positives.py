"""How often is synergy called where there is none? At a level of 5 %, on worlds whose synergy is zero, and the power.

The rate passes when its Wilson 95 % interval includes 5 % or lies below it. Worlds with synergy tell the power; they
are recorded and must exceed what is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.record import Check, run
from experiments.worlds import of
from mmcore.information.uncertainty.study import false_positives


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and the rates."""
    checks, results = [], {}
    for entry in settings["worlds"]:
        where = f"{entry['world']}, noise {entry.get('noise', 0.0):g}, N={entry['n_rows']}"
        found = false_positives(
            of(entry), entry["n_rows"], settings["n_draws"], n_null=settings["n_null"], level=settings["level"],
            seed=settings["seed"],
        )  # fmt: skip
        print(where, round(found["truth"], 4), found["rate"], found["wilson"], flush=True)
        results[where] = found
        if abs(found["truth"]) < settings["zero"]:
            low = found["wilson"][0]
            checks.append(
                Check(f"{where}: lower Wilson end", low, (0.0, settings["level"]), "includes 5 % or lies below")
            )
        else:
            checks.append(Check(f"{where}: power", found["rate"], (entry["power"], 1.0), "declared least power"))
    return checks, {"worlds": results}, {}


if __name__ == "__main__":
    run("false_positives", experiment)
