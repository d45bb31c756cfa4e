"""How many neighbours: each world of the bank is left out in turn, and models are recommended to it from the others.

    regret(way, w) = max_m test_w(m) - test_w(the best of three by validation in w),    three = way(bank without w)

The bank is read again without the world, so that neither its accuracies nor its costs are in what is recommended. Its
atoms are the estimated ones, taken as they are (no draws): what is compared is the number of neighbours k. Models are
those that were trained in the world left out. Ways:

    k = 1, ... 30      `mmcore.selection.recommend`: nearest worlds, regret, the one-standard-error rule; k = 1 is the
                       thesis' rule (section 3.3.4)
    average            the models of least mean regret over all other worlds, mirrored ones too, whatever the atoms
    portfolio          of the default's neighbours, three models that together lose least if the best is chosen
    late_fusion, best_unimodal, random_3, validation    as in `experiments.regret`
    with_contestants   the three of the default, late fusion and both single modalities: what the pipeline trains

Intervals are Student's over worlds, of differences paired by world; p is of random sign changes of worlds. They take
worlds as independent: they are not, quite. Mirror images, and the same construction in other layouts, are in the bank
together, which flatters few neighbours. The number of least regret is chosen and judged on the same bank, which
flatters it. The default, k = 6, was set before any of this; that it is 10 that loses least was seen before the checks
were written. They tell whether what was seen still stands on the bank as it is, and are no measure of what selection
loses elsewhere (that is `experiments.regret`).
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import permutation_test

from experiments.record import Check, near, run
from experiments.regret_choice import Measured, clustered_mean, measured_models, outcome, random_outcome
from mmcore.seeds import stream
from mmcore.selection.bank.table import ESTIMATED, Bank, read_bank
from mmcore.selection.bank_scores import FIRST, SECOND, BankScores, read_scores
from mmcore.selection.contestants import expected_seconds
from mmcore.selection.dataset_atoms import AtomDraws
from mmcore.selection.neighbourhood import everywhere, neighbourhood
from mmcore.selection.ranking import Neighbourhood, rank
from mmcore.selection.recommend import recommend
from mmcore.selection.rule import LATE_FUSION

Float = NDArray[np.float64]

PAIR = ("first", "second")
AVERAGE, CONTESTANTS, EITHER, ALL = "average", "with_contestants", "best_unimodal", "validation"
UNORDERED = (EITHER, ALL)  # nothing is first before validation rows choose
MUCH = 0.05  # accuracy lost; 2,500 test rows tell an accuracy to 0.02
COLUMNS = ("world", "kind", "way", "models", "chosen", "accuracy", "regret", "regret_of_first", "best_of_set")


def neighbours(number: int) -> str:
    """Return the name of the way with that many neighbours."""
    return f"k = {number}"


def portfolio(number: int) -> str:
    """Return the name of the way that composes a set from that many neighbours."""
    return f"portfolio, k = {number}"


def without(bank: Bank, world: str) -> Bank:
    """Return the bank as if the world had never been in it."""
    return Bank(
        bank.worlds.drop(index=world),
        bank.trials[bank.trials["world"] != world],
        bank.costs[bank.costs["world"] != world],
    )


def known_atoms(bank: Bank, world: str) -> AtomDraws:
    """Return the estimated atoms of a world as the only draw."""
    atoms = bank.worlds.loc[world, list(ESTIMATED)].to_numpy(dtype=np.float64)
    total = float(atoms.sum())
    return AtomDraws(atoms[None], "none", atoms, total, total, total, counts=True)


def ranked_models(found: Neighbourhood, scores: BankScores) -> list[str]:
    """Return the models of a neighbourhood as `recommend` orders them, best first."""
    ranked, _ = rank(found, expected_seconds(scores, found.models, None))
    return [one.model for one in ranked]


def together_least(found: Neighbourhood, candidates: Sequence[str], size: int) -> list[str]:
    """Return `size` models, each the one that most lowers sum_w weight_w min_m regret_w(m) of those taken before.

    Greedy; the candidate that comes first wins a tie. Where a model was not trained it has its mean regret.
    """
    regret, weight = found.regret, found.pooled
    filled = {}
    for name in candidates:
        column = regret[:, found.models.index(name)]
        trained = ~np.isnan(column) & (weight > 0.0)
        filled[name] = np.where(np.isnan(column), column[trained] @ weight[trained] / weight[trained].sum(), column)
    taken: list[str] = []
    least = np.full(len(weight), np.inf)
    for _ in range(min(size, len(candidates))):
        left = [name for name in candidates if name not in taken]
        best = min(left, key=lambda name: round(float(weight @ np.minimum(least, filled[name])), 12))
        taken.append(best)
        least = np.minimum(least, filled[best])
    return taken


def recommended(bank: Bank, world: str, trained: Sequence[str], settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the models that each way recommends to a world, from the rest of the bank."""
    scores, top, default = read_scores(without(bank, world)), settings["top"], settings["n_neighbours"]
    models = [name for name in scores.methods if name in trained]
    draws = {PAIR: known_atoms(bank, world)}
    ways: dict[str, list[str]] = {}
    for number in settings["numbers"]:
        found = neighbourhood(scores, draws, models, n_neighbours=number)
        order = ranked_models(found, scores)
        ways[neighbours(number)] = order[:top]
        if number == default:
            ways[portfolio(number)] = together_least(found, order, top)
            ways[CONTESTANTS] = list(dict.fromkeys([*order[:top], LATE_FUSION, FIRST, SECOND]))
    ways[AVERAGE] = ranked_models(everywhere(scores, PAIR, models), scores)[:top]
    return ways | {LATE_FUSION: [LATE_FUSION], EITHER: [FIRST, SECOND], ALL: list(trained)}


def choices(bank: Bank, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return `COLUMNS`, a row a world that has information and way; accuracies and regrets are fractions."""
    rows = []
    trials = bank.trials.sort_values(["world", "method", "seed"])  # so that the order of the tables means nothing
    for world in read_scores(bank).worlds:
        found: Measured = measured_models(trials[trials["world"] == world])
        ways = recommended(bank, world, found.models, settings)
        told = {way: outcome(found, models) | {"models": " ".join(models)} for way, models in ways.items()}
        for way, models in ways.items():
            first = outcome(found, models[:1])["regret"] if way not in UNORDERED else np.nan
            told[way]["regret_of_first"] = first
        told["random_3"] = random_outcome(found, settings["top"]) | {"models": "", "regret_of_first": np.nan}
        kind = bank.worlds.loc[world, "kind"]
        rows += [{"world": world, "kind": kind, "way": way} | one for way, one in told.items()]
    return pd.DataFrame(rows)[list(COLUMNS)]


def difference(one: Float, other: Float, seed: int) -> dict[str, Any]:
    """Return the mean of `one - other` over worlds with its interval, and p of random sign changes of worlds."""
    apart = np.asarray(one - other, dtype=np.float64)
    told = clustered_mean(apart, [str(place) for place in range(len(apart))])
    drawn = permutation_test(
        (apart,), np.mean, permutation_type="samples", n_resamples=9999, vectorized=True, rng=stream(seed, "signs")
    )
    return {name: told[name] for name in ("value", "low", "high")} | {"p": float(drawn.pvalue)}


def summary(table: pd.DataFrame, against: str, seed: int) -> dict[str, Any]:
    """Return of each way its mean regrets, its largest, and how far the regret of `against` lies below its own."""
    wide = table.pivot(index="world", columns="way", values="regret")
    told: dict[str, Any] = {}
    for way, rows in table.groupby("way", sort=False):
        regret = clustered_mean(rows["regret"].to_numpy(float), rows["world"].tolist())
        first = rows["regret_of_first"].mean()
        told[str(way)] = {
            "regret": {name: regret[name] for name in ("value", "low", "high")},
            "lost_much": {w: float(r) for w, r in zip(rows["world"], rows["regret"], strict=True) if r > MUCH},
            "regret_of_first": None if np.isnan(first) else float(first),
            "best_of_set": float(rows["best_of_set"].mean()),
            "by_kind": {str(kind): float(some.mean()) for kind, some in rows.groupby("kind")["regret"]},
        }
        if way != against:
            told[str(way)][f"{against} less this"] = difference(
                wide[against].to_numpy(float), wide[way].to_numpy(float), seed
            )
    return told


def chosen_elsewhere(table: pd.DataFrame, numbers: Sequence[int]) -> dict[str, Any]:
    """Return the mean regret where k is that of least mean regret over all other worlds, and how often each is taken.

    Less flattered than the least of all, not free of it: the world is among the neighbours of the others.
    """
    wide = table.pivot(index="world", columns="way", values="regret")[[neighbours(number) for number in numbers]]
    taken = {world: wide.drop(index=world).mean().idxmin() for world in wide.index}
    regret = np.array([wide.loc[world, way] for world, way in taken.items()], dtype=np.float64)
    told = clustered_mean(regret, [str(world) for world in taken])
    times = pd.Series(list(taken.values())).value_counts()
    return {name: told[name] for name in ("value", "low", "high")} | {
        "taken": {str(way): int(number) for way, number in times.items()}
    }


def judged(told: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Check]:
    """Return the checks: the default against the thesis' rule, late fusion, other numbers and the portfolio."""
    default = settings["n_neighbours"]
    way = neighbours(default)
    regret = {name: one["regret"]["value"] for name, one in told.items()}
    used = inspect.signature(recommend).parameters["n_neighbours"].default
    least = min(regret[neighbours(number)] for number in settings["numbers"])
    checks = [near("number of neighbours that recommend takes", used, default, 0.0, "what is judged is what is used")]
    for other, source in (
        (neighbours(1), "thesis section 3.3.4: the nearest world alone"),
        (LATE_FUSION, "always late fusion"),
    ):
        # strictly below: the same regret is no gain
        checks.append(Check(f"regret, {way} less {other}", regret[way] - regret[other], (-1.0, -1e-9), source))
    source = "the default need not be the least; seen before it was declared"
    above = f"regret, {way} less the least of all k"
    checks.append(Check(above, regret[way] - least, (0.0, settings["above_least"]), source))
    lowest = regret[neighbours(settings["lowest"])]
    ratio = lowest / least if least > 0.0 else 1.0 if lowest == 0.0 else float("inf")
    source = "the least when this was written, on this bank"
    quantity = f"regret, {neighbours(settings['lowest'])} over the least of all k"
    checks.append(Check(quantity, ratio, (1.0, settings["over_least"]), source))
    composed = regret[portfolio(default)] - regret[way]
    source = "why no portfolio: it is not better"
    checks.append(Check(f"regret, {portfolio(default)} less {way}", composed, (0.0, 1.0), source))
    return checks


def study(bank: Bank, settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, the summary, and the table of choices of a bank."""
    table = choices(bank, settings)
    told = summary(table, neighbours(settings["n_neighbours"]), settings["seed"])
    text = io.StringIO()
    table.round(6).to_csv(text, index=False, lineterminator="\n")
    scores = read_scores(bank)
    results = {
        "n_worlds": len(scores.worlds),
        "without_information": list(scores.silent),
        "ways": told,
        "number_chosen_elsewhere": chosen_elsewhere(table, settings["numbers"]),
    }
    return judged(told, settings), results, {"choices.csv": text.getvalue()}


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return `study` of the bank that comes with Interplay."""
    return study(read_bank(), settings)


if __name__ == "__main__":
    run("leave_one_world_out", experiment)
