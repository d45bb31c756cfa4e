"""What the evaluation measured beside the scores: read as it was written, and absent with its reason."""

from __future__ import annotations

import copy

import pytest
from sample_results import movies, nearly_empty, two

from mmcore.reporting import build_page
from mmcore.reporting.facts import facts_of
from mmcore.reporting.invented import invented
from mmcore.reporting.measured import noise_of, scaling_of, sets_of, slices_of


def test_curves_are_those_of_the_file():
    results = invented(("text", "audio", "video"))
    written = results["evaluation"]["robustness"]
    noise, reason = noise_of(facts_of(results))
    assert reason == "" and noise.noises == ("text", "audio", "video", "all")
    assert noise.models[:2] == ("early_fusion", "late_fusion") and noise.levels == tuple(written["levels"])
    assert len(noise.curves) == len(written["curves"])
    for raw in written["curves"]:
        curve = noise.curve(raw["noise"], raw["model"])
        assert [(level, e.value, e.low, e.high) for level, e in curve.points] == [
            (p["level"], p["value"], p["low"], p["high"]) for p in raw["points"]
        ]
        assert (curve.relative, curve.effective) == (raw["relative"], raw["effective"])
    assert noise.curve("audio", "unimodal:text") is None


def test_unequal_levels_leave_the_effective_area():
    results = copy.deepcopy(two())
    results["evaluation"]["robustness"]["curves"][0] |= {"effective": None, "effective_area": -0.125}
    noise, _ = noise_of(facts_of(results))
    assert noise.curves[0].effective == -0.125


@pytest.mark.parametrize("part", ["robustness", "conformal"])
@pytest.mark.parametrize("status", ["absent", "refused"])
def test_a_part_that_was_not_measured_says_why_on_the_page(part, status):
    results = copy.deepcopy(two())
    results["evaluation"][part] = {"status": status, "reason": f"no {part} was asked for"}
    facts = facts_of(results)
    found, *_, reason = noise_of(facts) if part == "robustness" else sets_of(facts)
    assert not found and reason == f"no {part} was asked for"
    assert f"not measured: no {part} was asked for" in build_page(results)


def test_an_evaluation_made_before_a_part_existed_says_to_run_learn_again():
    results = copy.deepcopy(two())
    for part in ("robustness", "conformal", "temperature", "slices"):
        del results["evaluation"][part]
    facts = facts_of(results)
    assert noise_of(facts)[1] == "This evaluation was made before noise was measured: run the stage learn again."
    assert sets_of(facts)[2].endswith("before prediction sets: run the stage learn again.")
    assert scaling_of(facts) is None and slices_of(facts) == ()
    assert "run the stage learn again" in build_page(results)


def test_nothing_is_read_where_there_is_no_evaluation():
    facts = facts_of(nearly_empty())
    reason = "Stage learn has left no result for it."
    assert noise_of(facts) == (None, reason) and sets_of(facts) == ((), 0.0, reason)
    assert scaling_of(facts) is None and slices_of(facts) == ()


def test_sets_of_every_pattern_with_the_coverage_that_was_asked_for():
    table, wanted, reason = sets_of(facts_of(two()))
    assert (wanted, reason) == (pytest.approx(0.9), "")
    assert [entry.pattern for entry in table] == ["all rows", "accelerometer+gyroscope", "accelerometer"]
    assert table[2].reason.startswith("2 calibration rows") and table[2].reached.low is None
    assert table[0].reached.value == 0.907 and table[0].size == 1.42 and table[1].n_calibration == 1200


def test_slices_keep_their_order_and_their_reasons():
    found = slices_of(facts_of(invented(slices=True)))
    assert [(s.column, s.value, s.differs) for s in found] == [
        ("site", "north", True), ("site", "south", False), ("site", "west", False),
    ]  # fmt: skip
    assert found[0].difference.value == -0.08 and found[0].p_adjusted == 0.002
    assert found[2].difference is None and found[2].reason == "4 samples, 10 are needed to compare"


def test_differences_to_late_fusion_and_to_the_best_single_modality():
    facts = facts_of(two())
    early, late, single = (facts.model(key) for key in ("early_fusion", "late_fusion", "unimodal:accelerometer"))
    assert late.to_late is None and late.to_single.to == "unimodal:accelerometer"
    assert single.to_single is None and single.to_late.to == "late_fusion"
    assert early.to_late.difference.value == pytest.approx(0.005) and not early.to_late.decided
    assert early.to_single.p == 0.002 and early.to_single.p_adjusted == 0.008 and early.to_single.decided
    assert early.to_single.test == "sign flip, 9999 draws"


def test_a_set_says_which_model_never_had_the_rest():
    facts = facts_of(movies())
    assert facts.subset(("critic",)).trained_model == "unimodal:critic"
    pair = facts.subset(("people", "critic"))
    assert pair.trained is None and pair.trained_model is None and pair.dropped is not None


def test_the_majority_rate_is_a_floor_of_accuracy_only():
    assert facts_of(two()).majority_rate == pytest.approx(0.3)
    other = copy.deepcopy(two())
    other["evaluation"]["metric"] = "f1_macro"
    assert facts_of(other).majority_rate is None
