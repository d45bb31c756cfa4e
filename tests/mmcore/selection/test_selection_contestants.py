"""What kind of model a name is, which ones a dataset can train, and what a budget leaves of them."""

import math

import pytest
from hand_made_bank import ACCURACY, SECONDS, made

from mmcore.errors import InputError
from mmcore.selection.bank_scores import read_scores
from mmcore.selection.contestants import available_models, expected_seconds, kind_of, over_budget

SCORES = read_scores(made())


def test_kinds_are_in_the_words_of_a_verdict():
    # a logit that is a sum of parts knows no interaction; what multiplies or attends across does
    assert {kind_of(name) for name in ("late_fusion", "sum", "gradient_blending")} == {"late_fusion"}
    assert {kind_of(name) for name in ("early_fusion", "tensor_fusion", "mult")} == {"fusion"}
    assert kind_of("unimodal:text") == "one_modality"


def test_the_models_are_those_of_the_bank_under_the_names_of_the_dataset():
    models, left_out = available_models(SCORES, ("x", "y"), None)
    assert set(models) == {"unimodal:x", "unimodal:y", "late_fusion", "sum", "tensor_fusion"}
    assert not set(models) & set(left_out) and "unimodal" not in left_out


def test_costs_are_in_proportion_to_rows_and_unknown_where_never_timed():
    models = ["unimodal:x", "late_fusion", "tensor_fusion"]
    assert expected_seconds(SCORES, models, None) == pytest.approx([1.0, 2.0, 8.0])
    assert expected_seconds(SCORES, models, 100) == pytest.approx([0.1, 0.2, 0.8])
    untimed = read_scores(made(seconds={"late_fusion": 2.0}))
    assert expected_seconds(untimed, models, None) == [None, pytest.approx(2.0), None]
    assert "never timed" in over_budget(models, [None, 2.0, None], 3.0)["tensor_fusion"]
    with pytest.raises(InputError, match="no model of the bank was timed"):
        over_budget(models, [None, None, None], 3.0)


def test_a_cost_is_the_median_over_worlds_of_the_mean_over_seeds():
    accuracy = {world: {name: [value, value] for name, value in row.items()} for world, row in ACCURACY.items()}
    bank = made(accuracy=accuracy)
    costs = bank.costs.copy()
    slow = (costs["world"] == "unique") & (costs["method"] == "sum") & (costs["seed"] == 1)
    costs.loc[slow, "cpu_seconds"] = 1000.0  # one seed of one world on a busy machine
    found = read_scores(type(bank)(bank.worlds, bank.trials, costs))
    assert expected_seconds(found, ["sum"], None) == pytest.approx([SECONDS["sum"]])


def test_seeds_are_averaged_and_their_noise_is_that_of_the_mean():
    accuracy = {world: dict(row) for world, row in ACCURACY.items()}
    accuracy["unique"]["sum"] = [0.80, 0.84, 0.88]
    found = read_scores(made(accuracy=accuracy))
    here = found.worlds.index("unique"), found.methods.index("sum")
    assert found.accuracy[here] == pytest.approx(0.84)
    assert math.sqrt(found.noise[here]) == pytest.approx(0.04 / math.sqrt(3))
    assert found.noise[found.worlds.index("redundant"), found.methods.index("sum")] == 0.0


def test_an_unknown_method_is_told_with_every_name_once():
    with pytest.raises(InputError) as told:
        available_models(SCORES, ("x", "y"), ["late_fusoin"])
    names = told.value.allowed.split(", ")
    assert "late_fusion" in told.value.remedy and {"unimodal:x", "film"} <= set(names) and len(names) == len(set(names))
