"""Plain sentences for a ranking: why a model stands where it does, and whether simple is enough.

Points are percentage points of accuracy. What is said of the bank is a mean over synthetic datasets with similar
interactions, and an interval that holds 95 % of their weight; what the models reach on validation rows decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcore.selection.contestants import kind_of
from mmcore.selection.ranking import Neighbourhood, Ranked, spread

NEAREST = 6
FAR = 0.5  # distance of 2 at most: a quarter of the shares elsewhere
_WORDS = {"one_modality": "one modality", "late_fusion": "late fusion", "fusion": "fusion"}


def reasons_of(one: Ranked, place: int, found: Neighbourhood, *, top: int) -> list[str]:
    """Return why a model has its place, 0 for the first."""
    sentences = [_nearest_sentence(one, found)]
    if len(found.weights) > 1:
        sentences.append(
            f"{'The first' if top == 1 else f'Among the first {top}'} in {100 * one.chosen:.0f} % of "
            f"{len(found.weights)} draws of the atoms."
        )
    if one.tied is not None:
        best, apart, error = one.tied
        sentences.append(
            f"First because it is simpler: {best} is expected to be {_points(apart)} better, which is within the "
            f"standard error of {_points(error)}."
        )
    elif place == 0:
        sentences.append("First by expected regret; nothing simpler is within the standard error and a point.")
    return sentences


def blind_reasons(one: Ranked, n_worlds: int) -> list[str]:
    """Return why a model has its place where no world is near, because nothing is known of the interactions."""
    return [f"Over all {n_worlds} synthetic datasets alike it is expected {_points(one.regret.value)} below the best."]


def _nearest_sentence(one: Ranked, found: Neighbourhood) -> str:
    """How it did in the worlds of most weight where it was trained."""
    column = found.models.index(one.model)
    regret, known = found.regret[:, column], ~np.isnan(found.accuracy[:, column])
    weight: dict[str, float] = {}
    lost: dict[str, float] = {}
    for unit, name in enumerate(found.worlds):
        if known[unit]:
            weight[name] = weight.get(name, 0.0) + float(found.pooled[unit])
            lost[name] = max(lost.get(name, 0.0), float(regret[unit]))
    nearest = sorted(weight, key=lambda name: (-weight[name], name))[:NEAREST]
    share = sum(weight[name] for name in nearest)
    where = f"In the {len(nearest)} nearest synthetic datasets" if len(nearest) > 1 else "In the nearest one"
    return (
        f"{where}, {100 * share:.0f} % of the weight, it was within {_points(max(lost[name] for name in nearest))} of "
        f"the best; expected over all: {_points(one.regret.value)} below."
    )


def _points(value: float) -> str:
    return f"{_number(value)} points"


def _number(value: float) -> str:
    """A fraction in points, with two decimals where one would show nothing; never a negative zero."""
    points = 100.0 * value
    return f"{points:.1f}" if abs(points) >= 0.05 else "0.0" if abs(points) < 0.005 else f"{points:.2f}"


def gain_statement(simple: str, ranking: Sequence[Ranked], found: Neighbourhood) -> dict[str, Any] | None:
    """Return what the best of the ranking is expected to gain over a simple model; None where that was not tried."""
    ranked = {one.model: one for one in ranking}
    if simple not in ranked:
        return None
    best = min(ranking, key=lambda one: one.regret.value).model
    if best == simple:
        return {
            "statement": f"No model of the bank is expected to do better in worlds like this than {simple}.",
            "source": "bank", "values": {"model": best, "over": simple, "value": 0.0, "low": 0.0, "high": 0.0},
        }  # fmt: skip
    regret = found.regret
    apart = regret[:, found.models.index(simple)] - regret[:, found.models.index(best)]
    if np.isnan(apart[found.pooled > 0.0]).all():
        return None
    gain = spread(apart, found.pooled)
    within = gain.low <= 0.0
    told = f"zero lies within, {simple} may be enough" if within else "zero lies below it"
    return {
        "statement": f"Over {simple}, {best} is expected to gain {_number(gain.value)} points of accuracy "
        f"[{_number(gain.low)}, {_number(gain.high)}] in worlds like this: {told}.",
        "source": "bank", "values": {"model": best, "over": simple, **gain.to_dict()},
    }  # fmt: skip


def agreement_statement(verdict: str, first: str) -> dict[str, Any]:
    """Return whether the bank's first model is of the kind that the rule on the atoms names."""
    kind = kind_of(first)
    values = {"verdict": verdict, "model": first, "kind": kind, "agree": kind == verdict}
    if kind == verdict:
        text = f"The bank agrees with the rule on the atoms: {first} comes first."
    else:
        text = (
            f"The rule on the atoms and the bank disagree: the rule says {_WORDS[verdict]}, the bank puts {first} "
            f"({_WORDS[kind]}) first. What they reach on validation rows decides."
        )
    return {"statement": text, "source": "bank", "values": values}


def neighbour_statement(found: Neighbourhood, kind: str) -> dict[str, Any]:
    """Return how many worlds the order rests on: those that hold the weight, and the number they amount to."""
    weight: dict[str, float] = {}
    for name, value in zip(found.worlds, found.pooled.tolist()):
        weight[name] = weight.get(name, 0.0) + value
    effective = 1.0 / sum(value**2 for value in weight.values())
    told = {
        "none": "the atoms as they are",
        "interval": f"{len(found.weights)} draws of the atoms from their intervals",
        "bootstrap": f"{len(found.weights)} resamples of the atoms",
    }[kind]
    values = {"worlds": len(weight), "effective": effective, "draws": len(found.weights)}
    text = (
        f"The order rests on {len(weight)} synthetic datasets with similar interactions, by weight as many as "
        f"{effective:.1f} equal ones, over {told}."
    )
    known = [unit for unit in range(len(found.worlds)) if not np.isnan(found.distance[unit])]
    if not known:
        return {"statement": text, "source": "bank", "values": values}
    near = min(known, key=lambda unit: (found.distance[unit], found.worlds[unit]))
    distance = float(found.distance[near])
    text += f" The nearest, {found.worlds[near]}, differs from the estimate in {50 * distance:.0f} % of its shares"
    text += ": nothing in the bank is near, read the order as a hint." if distance > FAR else "."
    return {"statement": text, "source": "bank",
            "values": {**values, "nearest": found.worlds[near], "distance": distance}}  # fmt: skip
