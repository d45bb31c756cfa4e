"""The worlds hold what they are said to hold, counts are exact, gates can fail, one draw goes all the way."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from experiments.record import parameters
from experiments.verdict_rates import counted, judged, pooled, rate
from experiments.verdict_rates_draws import judged_draw, plan
from experiments.verdict_rates_worlds import accuracy_gain, planted, world_called
from mmcore.data.worlds.planted import binary_entropy
from mmcore.errors import InputError
from mmcore.information.worlds import truth


def test_every_world_of_the_parameters_is_planted_as_it_is_judged():
    settings = parameters("verdict_rates")
    kinds = {name: planted(truth(world_called(name))) for name in settings["draws"]}
    judged_kinds = {kinds[name] for name in kinds if name not in settings["recorded"]}
    assert judged_kinds == {"one_modality", "synergy"}
    assert set(settings["recorded"]) <= set(kinds)
    for name, kind in kinds.items():
        if kind == "one_modality":
            assert accuracy_gain(truth(world_called(name))) == pytest.approx(0.0, abs=1e-9)


def test_own_worlds_have_the_atoms_of_their_channels():
    bit = 1.0 - binary_entropy(0.05)  # Cover & Thomas 2006, section 7.1.4: capacity of a binary symmetric channel
    second = truth(world_called("second_sufficient")).atoms
    assert second == pytest.approx({"redundancy": bit, "unique1": 0.0, "unique2": bit, "synergy": 0.0}, abs=1e-6)
    noisy = 1.0 - binary_entropy(0.2)
    assert truth(world_called("one_sufficient_noisy")).atoms["unique1"] == pytest.approx(noisy, abs=1e-6)
    nothing = truth(world_called("nothing_known"))
    assert nothing.bayes_accuracy == pytest.approx(0.5) and nothing.information[nothing.modalities] < 1e-9


def test_two_blurred_views_hold_synergy_that_accuracy_does_not_show():
    known = truth(world_called("views"))
    assert planted(known) == "synergy" and accuracy_gain(known) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("count", "total"), [(45, 50), (0, 50), (50, 50), (3, 10)])
def test_intervals_are_those_of_clopper_and_pearson(count: int, total: int):
    found = rate(count, total)
    low = 0.0 if count == 0 else beta.ppf(0.025, count, total - count + 1)
    high = 1.0 if count == total else beta.ppf(0.975, count + 1, total - count)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-9)


def _world(kind: str, one: int, total: int = 50) -> dict:
    draws = [{"verdict": "one_modality"}] * one + [{"verdict": "fusion"}] * (total - one)
    verdicts = counted(draws, "verdict")
    return {"planted": kind, "verdicts": verdicts, "by_rows": {"600": verdicts}}


@pytest.mark.parametrize(
    ("kind", "one", "passes"),
    [("one_modality", 45, True), ("one_modality", 44, False), ("synergy", 0, True), ("synergy", 1, False)],
)
def test_gates_stand_at_the_promise(kind: str, one: int, passes: bool):
    found = {"w": _world(kind, one)}
    assert [check.passed for check in judged(found)] == [passes]
    assert judged(found, ["w"]) == []


def test_rates_of_several_worlds_add_up():
    found = {"a": _world("synergy", 0), "b": _world("synergy", 2, 10), "c": _world("synergy", 9, 10)}
    both = pooled(found, "synergy", ["c"])
    assert both["all"] == both["by_rows"]["600"] == rate(2, 60)


def test_an_unknown_world_is_named():
    with pytest.raises(InputError, match="one_sufficient_noisy"):
        world_called("one_sufficient_nosy")
    with pytest.raises(InputError, match="controlled"):
        world_called("generative_synergy")


def test_sizes_take_turns_and_every_draw_has_its_own_seed():
    draws = plan("gate", 7, {"seed": 0, "sizes": [600, 900, 1500]})
    assert [one.rows for one in draws] == [600, 900, 1500, 600, 900, 1500, 600]
    assert len({one.seed for one in draws}) == 7
    assert plan("gate", 2, {"seed": 0, "sizes": [600, 900, 1500]}) == draws[:2]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("pure_synergy", "fusion"), pytest.param("one_sufficient", "one_modality", marks=pytest.mark.slow)],
)
def test_one_draw_goes_from_rows_to_its_verdict_and_is_kept(tmp_path, name: str, verdict: str):
    settings = parameters("verdict_rates") | {
        "place": str(tmp_path), "sizes": [600], "seeds": [0], "models": [], "fresh_rows": 400,
        "estimate": {"n_boot": 5, "n_null": 5},
    }  # fmt: skip
    one = plan(name, 1, settings)[0]
    first = judged_draw(one, settings)
    assert first["verdict"] == verdict and {"early_fusion", "late_fusion"} <= set(first["accuracy"])
    times = {file: file.stat().st_mtime_ns for file in sorted((tmp_path / name).iterdir())}
    assert judged_draw(one, settings) == first
    assert {file: file.stat().st_mtime_ns for file in sorted((tmp_path / name).iterdir())} == times
