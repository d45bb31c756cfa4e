"""How often the verdict is right: planted worlds, drawn again and again, on the whole way from rows to `verdict.json`.

    rate = draws with the verdict / draws,      interval: Clopper & Pearson 1934, exact, 95 %

What must hold, as it was promised: where one modality tells all, the verdict is "one modality is enough" in at least
90 % of 50 draws; where synergy is planted, it never is. What the worlds hold is exact (`verdict_rates_worlds`). Draws
differ in rows, in the maps that show symbols, in their number and in the seeds of the fits (`verdict_rates_draws`).
Counted beside and not judged (`recorded`): worlds with unique information on both sides, synergy that so few rows do
not let a model learn, or that accuracy cannot show; what the estimate alone proposed before training; and how often the
gain that a verdict leaves open holds the one that the fitted models have on fresh rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from experiments.record import Check, run
from experiments.verdict_rates_draws import judged_draw, plan
from experiments.verdict_rates_worlds import accuracy_gain, planted, world_called
from mmcore.information.worlds import truth
from mmcore.training import torch_threads

VERDICTS = ("one_modality", "late_fusion", "fusion")
CLAIM = "issue: one modality is enough, in at least 90 % of 50 draws; with planted synergy never"
PROMISED = 0.90


def rate(count: int, total: int) -> dict[str, float | int]:
    """Return count, total, their ratio and its exact 95 % interval.

    Example:
        >>> {key: round(value, 3) for key, value in rate(0, 50).items()}
        {'count': 0, 'total': 50, 'value': 0.0, 'low': 0.0, 'high': 0.071}
    """
    ends = binomtest(count, total).proportion_ci(confidence_level=0.95, method="exact")
    return {"count": count, "total": total, "value": count / total, "low": float(ends.low), "high": float(ends.high)}


def counted(draws: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """Return verdict -> its rate among the draws; `key` is "verdict" or "proposed".

    Example:
        >>> counted([{"verdict": "fusion"}], "verdict")["fusion"]["value"]
        1.0
    """
    return {name: rate(sum(one[key] == name for one in draws), len(draws)) for name in VERDICTS}


def true_gain(one: Mapping[str, Any]) -> float:
    """Return by how much the best of the multimodal models beats the chosen modality on fresh rows.

    Example:
        >>> accuracy = {"unimodal:a": {"fresh": 0.5}, "sum": {"fresh": 0.75}}
        >>> true_gain({"accuracy": accuracy, "best_unimodal": "unimodal:a"})
        0.25
    """
    fresh = {name: values["fresh"] for name, values in one["accuracy"].items()}
    several = max(value for name, value in fresh.items() if not name.startswith("unimodal:"))
    return float(several - fresh[one["best_unimodal"]])


def left_open(draws: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return of the draws decided for one modality how often the gain left open holds the true one, and its median.

    Example:
        >>> accuracy = {"unimodal:a": {"fresh": 0.5}, "sum": {"fresh": 0.75}}
        >>> one = {"verdict": "one_modality", "best_unimodal": "unimodal:a", "accuracy": accuracy}
        >>> left_open([one | {"gain_left_open": 0.2}, one | {"gain_left_open": 0.3}])["holds"]["count"]
        1
    """
    simple = [one for one in draws if one["verdict"] == "one_modality"]
    if not simple:
        return {"holds": None, "median": None}
    held = sum(one["gain_left_open"] >= true_gain(one) for one in simple)
    return {"holds": rate(held, len(simple)), "median": float(np.median([one["gain_left_open"] for one in simple]))}


def of_world(name: str, count: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rates in one world, overall and by size, and the draws that went another way than most."""
    known = truth(world_called(name))
    draws = [judged_draw(one, settings) for one in plan(name, count, settings)]
    kind = planted(known)
    sizes = sorted({one["rows"] for one in draws})
    found: dict[str, Any] = {
        "planted": kind, "atoms": known.atoms, "accuracy_gain": accuracy_gain(known),
        "bayes_accuracy": {"+".join(of) or "none": value for of, value in known.accuracy.items()},
        "verdicts": counted(draws, "verdict"), "proposed": counted(draws, "proposed"),
        "by_rows": {str(rows): counted([one for one in draws if one["rows"] == rows], "verdict") for rows in sizes},
        "best_modality_named": rate(
            sum(one["best_unimodal"] == f"unimodal:{known.best_single}" for one in draws), len(draws)
        ),
        "true_gain": {"mean": float(np.mean([true_gain(one) for one in draws])),
                      "largest": max(true_gain(one) for one in draws)},
        "left_open": left_open(draws),
        "nothing_learnt": rate(sum(one["beats_constant"] is False for one in draws), len(draws)),
        "models": sorted({model for one in draws for model in one["accuracy"]}),
    }  # fmt: skip
    expected = {"one_modality": "one_modality", "nothing": "one_modality", "unique": "late_fusion"}.get(kind, "fusion")
    found["otherwise"] = [one | {"true_gain": true_gain(one)} for one in draws if one["verdict"] != expected]
    verdicts = {verdict: value["count"] for verdict, value in found["verdicts"].items()}
    proposed = {verdict: value["count"] for verdict, value in found["proposed"].items()}
    print(name, kind, verdicts, "proposed", proposed, flush=True)
    return found


def pooled(found: Mapping[str, Mapping[str, Any]], kind: str, recorded: Sequence[str] = ()) -> dict[str, Any]:
    """Return the rate of "one modality is enough" over the judged worlds of a kind, overall and by size."""
    worlds = [values for name, values in found.items() if values["planted"] == kind and name not in recorded]
    sizes = sorted({rows for values in worlds for rows in values["by_rows"]}, key=int)

    def added(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        ones = [entry["one_modality"] for entry in entries]
        return dict(rate(sum(one["count"] for one in ones), sum(one["total"] for one in ones)))

    return {
        "all": added([values["verdicts"] for values in worlds]),
        "by_rows": {n: added([values["by_rows"][n] for values in worlds if n in values["by_rows"]]) for n in sizes},
    }


def judged(found: Mapping[str, Mapping[str, Any]], recorded: Sequence[str] = ()) -> list[Check]:
    """Return the checks of the worlds that are not only `recorded`: the share of "one modality is enough" over all
    draws with one sufficient modality, and for each world with synergy that there is none."""
    checks = []
    if any(values["planted"] == "one_modality" for name, values in found.items() if name not in recorded):
        share = pooled(found, "one_modality", recorded)["all"]["value"]
        checks.append(
            Check("one sufficient modality: share of 'one modality is enough'", share, (PROMISED, 1.0), CLAIM)
        )
    for name, values in found.items():
        if values["planted"] == "synergy" and name not in recorded:
            count = values["verdicts"]["one_modality"]["count"]
            checks.append(Check(f"{name}: draws of 'one modality is enough'", count, (0.0, 0.0), CLAIM))
    return checks


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, and for each world the rates of all verdicts and proposals."""
    with torch_threads(1):
        found = {name: of_world(name, count, settings) for name, count in settings["draws"].items()}
    recorded = settings["recorded"]
    together = {kind: pooled(found, kind, recorded) for kind in ("one_modality", "synergy")}
    return judged(found, recorded), {"pooled": together, "worlds": found}, {}


if __name__ == "__main__":
    run("verdict_rates", experiment)
