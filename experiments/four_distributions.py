"""Table 6.2 of the thesis: four small distributions, their synergy, disagreement and bounds, beside what is printed.

What the thesis prints and cannot be right is listed in `not_reproduced` with its reason: for the exclusive or it gives
a lower bound of 1 bit from pair tables that three independent coins have too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from experiments.record import Check, near, run
from mmcore.information.semi_supervised.four_distributions import four_distributions


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks and the four distributions."""
    found = cast(dict[str, dict[str, Any]], four_distributions())
    checks = []
    for name, row in found.items():
        for quantity, published in row["published"].items():
            if quantity in row["not_reproduced"]:
                continue
            value, tolerance = row["computed"][quantity], settings["tolerance"][name]
            checks.append(near(f"({name}) {quantity}", value, published, tolerance, "thesis table 6.2 and its text"))
        for bound, sign in (("lower", 1.0), ("upper", -1.0)):
            slack = sign * (row["computed"]["synergy"] - row["computed"][bound])
            quantity = f"({name}) synergy inside its {bound} bound: slack"
            checks.append(Check(quantity, slack, (-settings["rounding"], float("inf")), "bounds are valid"))
    return checks, found, {}


if __name__ == "__main__":
    run("four_distributions", experiment)
