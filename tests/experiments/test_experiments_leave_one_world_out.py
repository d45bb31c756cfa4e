"""Banks made by hand, where it is known which way recommends rightly, and that a world left out tells nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from experiments.leave_one_world_out import (
    choices,
    chosen_elsewhere,
    difference,
    judged,
    known_atoms,
    recommended,
    study,
    summary,
    together_least,
    without,
)
from experiments.record import parameters
from mmcore.selection.ranking import Neighbourhood

sys.path.insert(0, str(Path(__file__).parents[1] / "mmcore" / "selection"))
from hand_made_bank import made

SECONDS = {"unimodal:first": 1.0, "unimodal:second": 1.0, "film": 1.5, "tensor_fusion": 2.0, "sum": 3.0,
           "late_fusion": 2.0}  # fmt: skip
SETTINGS = {
    "seed": 0,
    "top": 1,
    "numbers": [1, 3],
    "n_neighbours": 3,
    "lowest": 3,
    "above_least": 0.002,
    "over_least": 1.1,
}


def reached(**own):
    return {"unimodal:first": 0.6, "unimodal:second": 0.6, "late_fusion": 0.7, "film": 0.8} | own


SUM_BEST, TENSOR_BEST = reached(sum=0.9, tensor_fusion=0.5), reached(sum=0.5, tensor_fusion=0.9)


def families():
    """Redundant worlds, where the sum is best, and synergistic ones, where tensor fusion is: the nearest is right."""
    worlds = {f"redundant_{n}": (1.0 - 0.02 * n, 0.0, 0.0, 0.02 * n) for n in range(3)}
    worlds |= {f"synergistic_{n}": (0.02 * n, 0.0, 0.0, 1.0 - 0.02 * n) for n in range(3)}
    return made(worlds, {w: SUM_BEST if w.startswith("redundant") else TENSOR_BEST for w in worlds}, SECONDS)


def misleading():
    """Tensor fusion is best in all worlds but `odd`, which is the nearest one to two of the other four.

    All else is far below, so that no standard error makes something simple of it.
    """
    poor = dict.fromkeys(["unimodal:first", "unimodal:second", "late_fusion", "film"], 0.3)
    synergy = {"far_left": 0.0, "left": 0.40, "odd": 0.50, "right": 0.62, "far_right": 1.0}
    worlds = {name: (1.0 - share, 0.0, 0.0, share) for name, share in synergy.items()}
    return made(worlds, {w: (SUM_BEST if w == "odd" else TENSOR_BEST) | poor for w in worlds}, SECONDS)


def regrets(bank, settings=SETTINGS):
    return choices(bank, settings).pivot(index="world", columns="way", values="regret").mean()


def failed(told, settings=SETTINGS):
    return {check.quantity for check in judged(told, settings) if not check.passed}


def test_where_families_differ_the_nearest_world_is_right_and_the_average_is_not() -> None:
    found = regrets(families())
    assert found["k = 1"] == pytest.approx(0.0)
    assert found["average"] == pytest.approx(0.1)  # film: second best everywhere
    assert found["late_fusion"] == pytest.approx(0.2)
    assert found["best_unimodal"] == pytest.approx(0.3)
    assert found["validation"] == pytest.approx(0.0)


def test_one_odd_world_misleads_the_nearest_world_and_not_three() -> None:
    found = regrets(misleading())
    assert found["k = 1"] == pytest.approx(3 * 0.4 / 5)  # to the left, to the right, and to the odd one itself
    assert found["k = 3"] == pytest.approx(0.4 / 5)  # in the odd one itself
    chosen = chosen_elsewhere(choices(misleading(), SETTINGS), SETTINGS["numbers"])
    assert chosen["taken"] == {"k = 3": 5} and chosen["value"] == pytest.approx(0.4 / 5)


def test_the_gate_tells_these_banks_apart() -> None:
    default = "number of neighbours that recommend takes"  # three is not what recommend takes
    for bank, wrong in ((misleading(), {default}), (families(), {default, "regret, k = 3 less k = 1"})):
        told = summary(choices(bank, SETTINGS), "k = 3", 0)
        assert failed(told) == wrong  # in the families k = 3 loses nothing either, and nothing is no gain
    settings = SETTINGS | {"n_neighbours": 1, "lowest": 1}
    told = summary(choices(misleading(), settings), "k = 1", 0)
    assert {"regret, k = 1 over the least of all k", "regret, k = 1 less the least of all k"} <= failed(told, settings)


def test_nothing_of_the_world_left_out_enters_what_is_recommended() -> None:
    bank = misleading()
    trained = ["unimodal:first", "unimodal:second", "late_fusion", "film", "sum", "tensor_fusion"]
    before = recommended(bank, "left", trained, SETTINGS)
    trials, costs = bank.trials.copy(), bank.costs.copy()
    here = trials["world"] == "left"
    trials.loc[here, ["accuracy_test", "accuracy_valid"]] = 1.0 - trials.loc[here, ["accuracy_test", "accuracy_valid"]]
    costs.loc[costs["world"] == "left", "cpu_seconds"] = 1e6
    changed = type(bank)(bank.worlds, trials, costs)
    assert recommended(changed, "left", trained, SETTINGS) == before
    rest = without(bank, "left")
    assert "left" not in rest.worlds.index and len(rest.worlds) == 4
    assert not (rest.trials["world"] == "left").any() and not (rest.costs["world"] == "left").any()


def test_a_model_that_was_refused_is_not_recommended_there() -> None:
    bank = misleading()
    trials = bank.trials.copy()
    refused = (trials["world"] == "left") & (trials["method"] == "tensor_fusion")
    trials.loc[refused, "status"] = "refused"
    table = choices(type(bank)(bank.worlds, trials, bank.costs), SETTINGS | {"top": 2})
    there = table[table["world"] == "left"]
    assert not there["models"].str.contains("tensor_fusion").any()
    assert table[table["world"] == "right"]["models"].str.contains("tensor_fusion").any()


def neighbourhood(accuracy, weights):
    accuracy = np.asarray(accuracy, dtype=float)
    n, m = accuracy.shape
    return Neighbourhood(
        worlds=tuple(f"w{k}" for k in range(n)), shares=np.full((n, 4), 0.25), distance=np.zeros(n),
        weights=np.array([weights], dtype=float), models=tuple("abcd")[:m], accuracy=accuracy,
        noise=np.zeros((n, m)), applies=np.ones((n, m), dtype=bool),
    )  # fmt: skip


def test_a_set_is_composed_by_what_each_model_adds() -> None:
    # d is a little better than c, but of no use beside b
    found = neighbourhood([[0.9, 0.6, 0.8, 0.7], [0.6, 0.9, 0.5, 0.9]], [0.5, 0.5])
    assert together_least(found, list("badc"), 3) == ["d", "a", "b"]  # regrets 0.1, then 0, then a tie
    assert together_least(found, list("abc"), 2) == ["a", "b"]
    assert together_least(found, ["c"], 3) == ["c"]


def test_a_set_never_loses_more_than_its_first_model_and_fills_what_was_not_trained() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        found = neighbourhood(generator.uniform(0.5, 0.9, (6, 4)), generator.dirichlet(np.ones(6)))
        mean = found.pooled @ found.regret
        taken = [found.models.index(name) for name in together_least(found, found.models, 4)]
        together = [found.pooled @ found.regret[:, taken[:size]].min(axis=1) for size in (1, 2, 3, 4)]
        assert together[0] == pytest.approx(mean.min()) and together[3] == pytest.approx(0.0)
        assert (np.diff(together) <= 1e-12).all()
    # b is unknown in the second world: it has its mean there, 0.2, and not zero
    missing = neighbourhood([[0.9, 0.7, 0.8], [0.8, np.nan, 0.9]], [0.5, 0.5])
    assert together_least(missing, list("bca"), 3) == ["c", "a", "b"]


def test_the_interval_is_students_and_p_is_of_all_sign_changes() -> None:
    values = np.array([0.3, -0.1, 0.2, 0.5, 0.05])
    found = difference(values, np.zeros(5), 0)
    assert (found["low"], found["high"]) == pytest.approx(tuple(ttest_1samp(values, 0.0).confidence_interval()))
    assert difference(np.array([1.0, 2.0, 3.0]), np.zeros(3), 0)["p"] == pytest.approx(0.25)  # 2 of 8


def test_atoms_are_those_of_the_bank_without_draws() -> None:
    atoms = known_atoms(misleading(), "left")
    assert atoms.values.tolist() == [[0.6, 0.0, 0.0, 0.4]] and atoms.counts and atoms.total == pytest.approx(1.0)


def test_the_same_bank_gives_the_same_record() -> None:
    checks, results, drawings = study(misleading(), SETTINGS)
    again = study(made_backwards(), SETTINGS)
    assert json.dumps([results, [c.to_dict() for c in checks]]) == json.dumps(
        [again[1], [c.to_dict() for c in again[0]]]
    )
    assert drawings == again[2] and results["n_worlds"] == 5


def made_backwards():
    bank = misleading()
    return type(bank)(bank.worlds.iloc[::-1], bank.trials.iloc[::-1], bank.costs.iloc[::-1])


def test_the_record_is_of_the_declared_numbers() -> None:
    settings = parameters("leave_one_world_out")
    assert settings["n_neighbours"] in settings["numbers"] and 1 in settings["numbers"]
    assert settings["numbers"] == sorted(set(settings["numbers"])) and settings["lowest"] in settings["numbers"]
