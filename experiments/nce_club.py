"""Figure 4.3 of the thesis: InfoNCE, CLUB and NCE-CLUB while the information of Gaussian pairs climbs; in nats.

    rho = sqrt(1 - exp(-2 I / D)),      NCE-CLUB of the exact critic = D rho^2 / (1 - rho^2)  >=  I

The figure calls NCE-CLUB tight. With the exact critic it is looser the larger I is; where a learned one lies near I its
critic is under-fitted, and it may then lie below I, which no upper bound does (`violations` in the record). InfoNCE
cannot pass log 64 = 4.16 nats at batches of 64. Fewer steps a level than the thesis (`steps`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiments.plot import Panel, panels
from experiments.record import Check, near, run
from mmcore.information.mutual_information.gaussian import correlation, jeffreys_divergence
from mmcore.information.mutual_information.staircase import Staircase, gaussian_staircase


def _closed_form(settings: Mapping[str, Any]) -> list[Check]:
    checks = []
    for pairs, values in settings["exact"].items():
        for information, expected in values.items():
            value = jeffreys_divergence(correlation(float(information), int(pairs)), int(pairs))
            source = "D rho^2 / (1 - rho^2), two digits"
            checks.append(near(f"exact critic, D={pairs}, I={information}", value, expected, 0.005, source))
    return checks


def _curve_checks(name: str, curves: Staircase, settings: Mapping[str, Any]) -> list[Check]:
    cap = math.log(curves.batch_size)
    checks = []
    for level in curves.levels():
        where = f"{name}, D={curves.pairs}, I={level['information']:g}"
        most = min(cap, level["information"]) + settings["slack"]
        checks.append(Check(f"{where}: InfoNCE", level["infonce"], (-math.inf, most), "a lower bound, at most log 64"))
        if curves.pairs == settings["fitted"]["pairs"]:
            least = settings["fitted"]["infonce"] * min(cap, level["information"])
            checks.append(Check(f"{where}: InfoNCE", level["infonce"], (least, math.inf), "a fitted critic"))
        if name == "separable" and curves.pairs == settings["fitted"]["pairs"]:
            ratio, allowed = level["nce_club"] / level["exact"], tuple(settings["fitted"]["ratio"])
            checks.append(Check(f"{where}: NCE-CLUB over its exact value", ratio, allowed, "a fitted critic"))
    return checks


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, the levels of every curve with violations, and the figure."""
    checks, rows, parts = _closed_form(settings), [], []
    for name, steps in settings["steps"].items():
        for curves in gaussian_staircase(settings["pairs"], steps=steps, critic=name, seed=settings["seed"]):
            checks += _curve_checks(name, curves, settings)
            rows += [{"critic": name, **level} for level in curves.levels()]
            smooth = curves.smoothed()
            at = list(range(0, len(curves.information), settings["draw_every"]))
            drawn = {"truth": curves.information, **smooth}
            lines = {key: [float(value[k]) for k in at] for key, value in drawn.items()}
            parts.append(Panel(f"{name} critic, D = {curves.pairs}", [float(k) for k in at], lines))
    violations = [row for row in rows if row["nce_club"] < row["information"]]
    least = float(settings["least_violations"])
    source = "an upper bound only for a fitted critic"
    checks.append(Check("levels with NCE-CLUB below the truth", float(len(violations)), (least, math.inf), source))
    label = "Truth, InfoNCE, CLUB and NCE-CLUB in nats over training steps"
    figure = panels("nce-club", label, parts, x="steps", y="nats")
    return checks, {"levels": rows, "violations": violations, "n_violations": len(violations)}, {"figure.svg": figure}


if __name__ == "__main__":
    run("nce_club", experiment)
