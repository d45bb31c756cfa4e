"""Bounds of the accuracy of both modalities where the Bayes accuracy is exact: tables, and rows that never meet.

    tables   the three pair tables of a known p(x1, x2, y)           lower <= sum_x max_y p <= upper, always
    rows     a half labelled in single modalities, a half paired without labels: the interval, and the verdicts
    printed  (I + 1) / log2 n, theorem 8 of the thesis, on random tables of 2 x 2 x 4, labels as drawn and 20:1:1:1

Worlds that show the same symbols in another layout have the same tables and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import worlds as small_worlds
from mmcore.data import Dataset, from_arrays
from mmcore.data.worlds import draw, random_world
from mmcore.data.worlds.catalogue import WORLDS, find_world, world_names
from mmcore.data.worlds.controlled import ControlledWorld, draw_symbols, pair_table
from mmcore.information.bounds import accuracy, accuracy_as_printed
from mmcore.information.entropy import entropy, mutual_information
from mmcore.information.semi_supervised import synergy
from mmcore.information.semi_supervised.advice import accuracy_of_both
from mmcore.information.semi_supervised.bayes_accuracy import single_accuracy
from mmcore.information.semi_supervised.pair_tables import PairTables
from mmcore.seeds import stream
from mmcore.selection.advice import advise

Float = NDArray[np.float64]

SAME_TABLES = ("balanced_hard", "one_sufficient_hard", "synergy_hard")


def controlled_worlds(random: Mapping[str, Any]) -> dict[str, ControlledWorld]:
    """Return the controlled worlds of two modalities, vectors, and random ones of `seeds` with `n_classes` each.

    Example:
        >>> "pure_synergy" in controlled_worlds({"seeds": [], "n_classes": []})
        True
    """
    chosen = {}
    for name in world_names("controlled", "vector"):
        world = find_world(name)
        if "three" not in WORLDS[name].tags and name not in SAME_TABLES and isinstance(world, ControlledWorld):
            chosen[name] = world
    for seed, n_classes in zip(random["seeds"], random["n_classes"], strict=True):
        chosen[f"random_world {seed}, {n_classes} classes"] = random_world(seed, n_classes=n_classes)
    return chosen


def bayes(p: Float) -> float:
    """Return the accuracy of the best classifier of both symbols.

    Example:
        >>> bayes(np.full((2, 2, 2), 0.125))
        0.5
    """
    return float(p.max(axis=2).sum())


def bounds_of_table(p: Float) -> dict[str, Any]:
    """Return the bounds of the accuracy of both from the pair tables of `p`, with the Bayes accuracies of `p`.

    Example:
        >>> found = bounds_of_table(small_worlds.table("and"))
        >>> found["without"], found["bayes"], round(found["lower"], 6)
        (0.75, 1.0, 1.0)
    """
    tables = PairTables.check(p.sum(axis=1), p.sum(axis=0), p.sum(axis=2))
    found = synergy(tables.x1y, tables.x2y, tables.x1x2)
    low, high = accuracy_of_both(tables, found)
    information = min(found.information_upper, found.label_entropy)
    return {
        "without": single_accuracy(tables.x1y),
        "lower": low,
        "bayes": bayes(p),
        "upper": high,
        "printed_upper": accuracy_as_printed(information, found.label_entropy, found.n_classes).upper,
        "n_classes": found.n_classes,
    }


def exact_tables(settings: Mapping[str, Any]) -> Iterator[tuple[str, Float]]:
    """Yield the tables of the controlled worlds and of the small worlds of `experiments.worlds`."""
    for name, world in controlled_worlds(settings["random"]).items():
        first, second = world.modalities
        yield name, pair_table(world, first, second)
    for name in small_worlds.NAMES:
        yield f"{name}, noise {settings['noise']:g}", small_worlds.table(name, noise=settings["noise"])


def theorem_eight(n_tables: int, weights: Mapping[str, list[float]], *, seed: int) -> dict[str, dict[str, float]]:
    """Return, on random tables of 2 x 2 x 4 with known information, how often each upper bound is too low.

    Args:
        n_tables: Dirichlet(1) tables.
        weights: name -> weight of each label, multiplied into the tables.
        seed: of the tables.

    Example:
        >>> found = theorem_eight(50, {"20:1:1:1": [20, 1, 1, 1]}, seed=0)["20:1:1:1"]
        >>> found["printed_violated"] > 0.9, found["corrected_violated"]
        (True, 0.0)
    """
    drawn = stream(seed, "theorem 8").dirichlet(np.ones(16), size=n_tables).reshape(n_tables, 2, 2, 4)
    found = {}
    for name, weight in weights.items():
        tables = drawn * np.asarray(weight, dtype=float)
        tables /= tables.sum(axis=(1, 2, 3), keepdims=True)
        rows = []
        for p in tables:
            information, of_label, best = mutual_information(p.reshape(4, 4)), entropy(p.sum(axis=(0, 1))), bayes(p)
            printed = accuracy_as_printed(information, of_label, 4).upper
            bound = accuracy(information, of_label, 4)
            rows.append((best, printed, bound.upper, best > printed, not bound.lower - 1e-9 <= best <= bound.upper))
        means = np.array(rows, dtype=float).mean(axis=0).tolist()
        keys = ("bayes", "printed_upper", "corrected_upper", "printed_violated", "corrected_violated")
        found[name] = dict(zip(keys, means, strict=True))
    return found


def symbol_rows(world: ControlledWorld, n: int, *, seed: int) -> Dataset:
    """Return rows of a world that show its symbols as they are: one column of codes a modality."""
    rows = draw_symbols(world, n, seed=seed)
    columns = {}
    for name in world.modalities:
        codes = np.unique(rows.shown[name], axis=0, return_inverse=True)[1]
        columns[name] = codes.reshape(-1, 1).astype(float)
    return from_arrays(columns, labels=rows.y, name="symbols", seed=seed)


def halves(n: int, *, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows are labelled and which are paired: a random half each, and none is both."""
    labelled = np.zeros(n, dtype=bool)
    labelled[stream(seed, "labelled").permutation(n)[: n // 2]] = True
    return labelled, ~labelled


def advice_of(ds: Dataset, held: str | None, options: Mapping[str, Any], *, seed: int) -> dict[str, Any]:
    """Return the advice of a dataset of two modalities from two halves of its rows, as plain values."""
    labelled, paired = halves(len(ds), seed=seed)
    found = advise(ds, held=held, labelled_rows=labelled, paired_rows=paired, options=options, seed=seed)
    candidate = found.candidates[0]
    advice = candidate.advice
    if advice is None:
        return {"held": found.held[0], "added": candidate.modality, "status": "refused", "reason": candidate.reason}
    reached = advice.accuracy_with
    return {
        "held": found.held[0],
        "added": candidate.modality,
        "status": "estimated",
        "without": advice.accuracy_without.low,
        "lower": reached.low,
        "upper": reached.high,
        "interval": list(reached.interval or (reached.low, reached.high)),
        "middle": reached.middle,
        "gain": [advice.gain.low, advice.gain.high],
        "synergy": [advice.synergy.low, advice.synergy.high],
        "collect": advice.collect,
        "fusion": advice.fusion,
        "printed": {**advice.printed.to_dict()},
        "symbols": list(advice.symbols),
    }


def wrong_verdict(advice: Mapping[str, Any], gain: float, least_gain: float, *, slack: float = 1e-9) -> bool:
    """Return whether "yes" was said of a gain that is too small, or "no" of one that is large enough.

    Example:
        >>> wrong_verdict({"collect": "no"}, 0.2, 0.01), wrong_verdict({"collect": "undecided"}, 0.2, 0.01)
        (True, False)
    """
    said = advice.get("collect")
    return (said == "yes" and gain < least_gain - slack) or (said == "no" and gain >= least_gain + slack)


def of_world(world: ControlledWorld, settings: Mapping[str, Any], *, shown: str) -> dict[str, Any]:
    """Return the advice from rows of a world, its exact accuracies, and whether they lie inside.

    Args:
        world: of two modalities; the first is held.
        settings: n_rows, seed, options by what is shown, least_gain.
        shown: "symbols", or "features" (the world's vectors, clustered).
    """
    first, second = world.modalities
    p = pair_table(world, first, second)
    n, seed = settings["n_rows"], settings["seed"]
    ds = symbol_rows(world, n, seed=seed) if shown == "symbols" else draw(world, n, seed=seed)
    advice = advice_of(ds, first, {**settings["options"][shown], "least_gain": settings["least_gain"]}, seed=seed)
    best, without = bayes(p), float(p.sum(axis=1).max(axis=1).sum())
    found = {**advice, "bayes": best, "bayes_without": without, "true_gain": best - without}
    if advice["status"] == "estimated":
        low, high = advice["interval"]
        found |= {"above_lower": best >= low, "below_upper": best <= high}
        found["wrong_verdict"] = wrong_verdict(advice, best - without, settings["least_gain"])
    return found
