"""Sentences about tests, noise, temperature, prediction sets, cost and slices say what the numbers say, and no more."""

from __future__ import annotations

import copy

import pytest
from sample_results import SAMPLES, movies, two

from mmcore.reporting.facts import facts_of
from mmcore.reporting.figures.pareto import costs_of
from mmcore.reporting.invented import invented
from mmcore.reporting.measured import noise_of, scaling_of, sets_of, slices_of
from mmcore.reporting.sentences import answers, certainty, comparisons, noise

N = "\u00a0"


def models(results, **values):
    """Give models a difference to late fusion: (value, low, high, corrected p)."""
    found = copy.deepcopy(results)
    for entry in found["evaluation"]["models"]:
        value, low, high, p = values.get(entry["model"].replace("unimodal:", ""), (0.0, -0.1, 0.1, 0.9))
        entry["difference_unimodal"] = None
        if entry["model"] != "late_fusion":
            entry["difference"] = {"to": "late_fusion", "value": value, "low": low, "high": high, "p": p,
                                   "p_adjusted": p, "test": "sign flip"}  # fmt: skip
    return facts_of(found)


def test_nothing_is_told_from_late_fusion():
    assert comparisons.tests(models(two())) == (
        f"Against late fusion, no difference of the three other models can be told from zero after correction for "
        f"3{N}comparisons."
    )


def test_an_interval_that_excludes_zero_does_not_outlive_its_correction():
    surviving = models(two(), early_fusion=(0.04, 0.02, 0.06, 0.01), gyroscope=(-0.1, -0.2, -0.01, 0.08))
    assert comparisons.tests(surviving) == (
        f"Against late fusion, early fusion is better; two cannot be told from it after correction for 3{N}comparisons."
    )


def test_better_worse_and_no_p_at_all():
    both = models(two(), early_fusion=(0.04, 0.02, 0.06, 0.01), gyroscope=(-0.1, -0.2, -0.01, 0.01),
                  accelerometer=(-0.1, -0.2, -0.01, 0.01))  # fmt: skip
    assert comparisons.tests(both) == (
        "Against late fusion, early fusion is better; accelerometer alone and gyroscope alone are worse."
    )
    plain = models(two(), early_fusion=(0.04, 0.02, 0.06, None))
    assert comparisons.tests(plain).startswith("Against late fusion, early fusion is better; two cannot be told")


def test_a_lower_error_is_better():
    results = copy.deepcopy(two())
    results["evaluation"] |= {"metric": "mae", "higher_is_better": False}
    for entry in results["evaluation"]["models"]:
        entry["metrics"] = {"mae": {"value": 1.0, "low": 0.9, "high": 1.1}}
    facts = models(results, early_fusion=(-0.4, -0.6, -0.2, 0.01))
    assert "early fusion is better" in comparisons.tests(facts)


def curve(facts_results, model, noise_name, start, end, width=0.01):
    for entry in facts_results["evaluation"]["robustness"]["curves"]:
        if (entry["model"], entry["noise"]) == (model, noise_name):
            n = len(entry["points"])
            for k, point in enumerate(entry["points"]):
                value = start + (end - start) * k / (n - 1)
                point |= {"value": value, "low": value - width, "high": value + width}


@pytest.mark.parametrize(
    ("early", "late", "text"),
    [
        ((0.8, 0.5), (0.7, 0.6), f"early fusion falls from 80.0{N}% to 50.0{N}%; late fusion falls from 70.0{N}% to "
                                 f"60.0{N}%. There late fusion is better."),
        ((0.8, 0.7), (0.7, 0.6), f"early fusion falls from 80.0{N}% to 70.0{N}%; late fusion falls from 70.0{N}% to "
                                 f"60.0{N}%. It stays ahead."),
        ((0.8, 0.6), (0.7, 0.6), f"early fusion falls from 80.0{N}% to 60.0{N}%; late fusion falls from 70.0{N}% to "
                                 f"60.0{N}%. There the two intervals meet."),
        ((0.8, 0.79), (0.7, 0.7), f"early fusion goes from 80.0{N}% to 79.0{N}%, within its intervals; late fusion "
                                  f"stays at 70.0{N}%. It stays ahead."),
        ((0.8, 0.9), (0.7, 0.7), f"early fusion rises from 80.0{N}% to 90.0{N}%; late fusion stays at 70.0{N}%. "
                                 "It stays ahead."),
    ],
)  # fmt: skip
def test_what_noise_does(early, late, text):
    results = copy.deepcopy(invented())
    for name in ("accelerometer", "gyroscope", "all"):
        curve(results, "early_fusion", name, *early)
        curve(results, "late_fusion", name, *late)
    facts = facts_of(results)
    said = noise.meaning(facts, noise_of(facts)[0])
    assert said == f"With all noise on accelerometer, {text} With all noise on both, {text}"


def test_the_worst_modality_is_named_and_late_fusion_is_not_compared_with_itself():
    results = copy.deepcopy(two())  # late fusion is recommended
    curve(results, "late_fusion", "accelerometer", 0.8, 0.75)
    curve(results, "late_fusion", "gyroscope", 0.8, 0.5)
    facts = facts_of(results)
    said = noise.meaning(facts, noise_of(facts)[0])
    assert said.startswith(f"With all noise on gyroscope, late fusion falls from 80.0{N}% to 50.0{N}%. With all")
    assert "There" not in said


def test_a_curve_without_intervals_claims_no_fall():
    results = copy.deepcopy(invented())
    for entry in results["evaluation"]["robustness"]["curves"]:
        for point in entry["points"]:
            point |= {"low": None, "high": None}
    facts = facts_of(results)
    said = noise.meaning(facts, noise_of(facts)[0])
    assert "falls" not in said and "goes from" in said and "better" not in said


@pytest.mark.parametrize(
    ("after", "text"),
    [(0.01, "lowers the calibration error from 0.040 to 0.010."),
     (0.07, "does not help: the calibration error goes from 0.040 to 0.070."),
     (0.04, "changes nothing: the calibration error stays at 0.040.")],
)  # fmt: skip
def test_what_a_temperature_does(after, text):
    results = copy.deepcopy(two())
    results["evaluation"]["temperature"]["after"]["ece"] = after
    found = scaling_of(facts_of(results))
    assert certainty.scaling(found) == f"Dividing the logits by 1.20, fitted on validation rows, {text}"


@pytest.mark.parametrize(
    ("before", "after", "claim"),
    [(0.04, 0.01, "Yes, after temperature scaling."), (0.04, 0.03, "Roughly."), (0.2, 0.1, "No, not as they stand."),
     (0.01, 0.03, "Yes, closely.")],
)  # fmt: skip
def test_whether_probabilities_hold_after_scaling(before, after, claim):
    results = copy.deepcopy(two())
    results["evaluation"]["calibration"]["ece"] = before
    results["evaluation"]["temperature"]["after"]["ece"] = after
    said = answers.trust(facts_of(results))
    assert said.claim == claim and said.evidence.endswith(f"After temperature scaling the error is {after:.3f}.")


@pytest.mark.parametrize(
    ("value", "low", "high", "judged"),
    [(0.91, 0.88, 0.94, "That is what was asked for, within its interval."),
     (0.96, 0.94, 0.98, "That is more than asked: the sets are larger than they need be."),
     (0.80, 0.76, 0.84, "That is less than asked: rely on them only with a margin."),
     (0.91, None, None, "There is no interval, so nothing says whether that is what was asked for.")],
)  # fmt: skip
def test_what_prediction_sets_reach(value, low, high, judged):
    results = copy.deepcopy(two())
    results["evaluation"]["conformal"]["table"][0]["coverage"] = {"value": value, "low": low, "high": high}
    facts = facts_of(results)
    said = certainty.sets(facts, *sets_of(facts)[:2])
    assert said.startswith(
        f"Asked to hold the truth 90{N}% of the time, sets of exercises hold it {100 * value:.1f}{N}%"
    )
    assert "with 1.42 of 4 on average" in said and said.endswith(judged)


def test_a_pattern_that_is_not_covered_is_named():
    results = copy.deepcopy(two())
    results["evaluation"]["conformal"]["table"][1]["coverage"] = {"value": 0.7, "low": 0.6, "high": 0.8}
    facts = facts_of(results)
    said = certainty.sets(facts, *sets_of(facts)[:2])
    assert said.endswith(" Less than asked for rows with accelerometer, gyroscope.")


def test_intervals_of_a_regression_have_a_width():
    results = copy.deepcopy(two())
    results["dataset"]["labels"] = [{"column": "y", "task": "regression", "unit": "kg"}]
    results["evaluation"]["metric"] = "mae"
    facts = facts_of(results)
    assert f"intervals hold it 90.7{N}% [88.7,{N}92.7] and are 1.420{N}kg wide on average." in certainty.sets(
        facts, *sets_of(facts)[:2]
    )


def priced(*rows):
    """Results with models of (name, score, half width, operations)."""
    results = copy.deepcopy(two())
    entries = []
    for key, value, width, flops in rows:
        score = {"value": value, "low": value - width, "high": value + width} if width else {"value": value}
        entries.append({"model": key, "modalities": ["accelerometer"], "metrics": {"accuracy": score},
                        "n_parameters": flops, "flops": flops, "recommended": False})  # fmt: skip
    results["evaluation"]["models"] = entries
    return facts_of(results)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([("big", 0.8, 0.05, 90_000), ("small", 0.76, 0.05, 1_000), ("tiny", 0.5, 0.05, 100)],
         f"The cheapest model within the interval of big, the best at 80.0{N}% [75.0,{N}85.0], is small: 76.0{N}% with "
         f"1.0{N}k operations against 90{N}k."),
        ([("big", 0.8, 0.01, 90_000), ("small", 0.76, 0.05, 1_000)],
         f"No cheaper model comes within the interval of big, the best at 80.0{N}% [79.0,{N}81.0]: its 90{N}k "
         "operations are needed."),
        ([("big", 0.7, 0.01, 90_000), ("small", 0.76, 0.01, 1_000)],
         f"No model costs less than small, the best at 76.0{N}% [75.0,{N}77.0]: 1.0{N}k operations."),
        ([("big", 0.8, None, 90_000), ("small", 0.76, 0.01, 1_000)],
         "The score of big, the best, has no interval: nothing says which cheaper model is as good."),
    ],
)  # fmt: skip
def test_the_cheapest_model_that_is_good_enough(rows, text):
    facts = priced(*rows)
    assert comparisons.cost(facts, costs_of(facts)) == text


def test_what_slices_say():
    facts = facts_of(invented(slices=True))
    found = slices_of(facts)
    assert comparisons.slices(facts, found) == (
        "The score is worse for site north than for the rest, after correction for two slices. "
        "One has too few rows to tell."
    )
    assert comparisons.slices(facts, found[1:]) == (
        "The one slice that can be compared does not differ from the rest. One has too few rows to tell."
    )
    assert comparisons.slices(facts, found[2:]) == (
        "No slice has rows enough to be compared with the rest. One has too few rows to tell."
    )


def test_corruptions_are_named_for_the_modalities_that_met_them():
    facts = facts_of(movies())
    assert noise.corruption_words(noise_of(facts)[0].corruptions) == "Gaussian noise and dropped numbers"
    many = noise.corruption_words({"image": ("a", "b", "c", "d", "e_f", "g"), "text": ("typos",)})
    assert many == "a, b, c, d and 2 more on image; typing errors on text"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_sentence_boasts_or_blames_chance(name):
    facts = facts_of(SAMPLES[name]())
    said = [comparisons.tests(facts), comparisons.slices(facts, slices_of(facts)) if slices_of(facts) else ""]
    if (found := noise_of(facts)[0]) is not None:
        said.append(noise.meaning(facts, found))
    if (costs := costs_of(facts)) is not None:
        said.append(comparisons.cost(facts, costs))
    for word in ("significant", "robust", "powerful", "because", "state of the art", "!"):
        assert not any(word in text for text in said if name != "hostile")
