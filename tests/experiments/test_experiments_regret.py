"""Choices among measured models lose what they must, intervals are over sources, and no test row is estimated on."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from scipy.stats import permutation_test, ttest_1samp

from experiments.record import parameters
from experiments.regret import RECOMMENDED, averaged_order, claims, in_places, judged, seen_rows
from experiments.regret_choice import (
    Measured,
    clustered_mean,
    measured_models,
    outcome,
    over_datasets,
    random_outcome,
    sign_flip,
    sign_flip_interval,
    summary,
)
from experiments.regret_measured import checked as checked_measured
from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.evaluation.interval import standard_error


def _measured() -> Measured:
    generator = np.random.default_rng(0)
    valid = generator.uniform(0.5, 0.9, 8).round(1)  # rounded, so that there are ties
    return Measured(tuple("abcdefgh"), valid, generator.uniform(0.5, 0.9, 8))


def test_the_choice_is_by_validation_and_the_regret_on_test() -> None:
    found = Measured(("a", "b", "c"), np.array([0.9, 0.8, 0.9]), np.array([0.6, 0.8, 0.7]))
    assert outcome(found, ["c", "a"])["chosen"] == "c"  # a tie: the one proposed first
    assert outcome(found, ["a", "b"])["regret"] == pytest.approx(0.2)
    assert outcome(found, ["a", "b"])["relative"] == pytest.approx(0.75)
    assert outcome(found, ["a", "b"])["best_of_set"] == pytest.approx(1.0)
    assert outcome(found, ["b"])["of_validation"] == pytest.approx(0.8 / 0.6)
    assert outcome(found, ["b"])["from_validation"] == pytest.approx(-0.2)  # better than what validation chooses


def test_a_model_that_was_not_trained_takes_no_part() -> None:
    found = Measured(("a",), np.array([0.9]), np.array([0.6]))
    assert outcome(found, ["refused", "a"])["chosen"] == "a"
    with pytest.raises(InputError, match="wanted"):
        outcome(found, ["refused"])


def test_every_model_leaves_the_choice_of_validation_alone() -> None:
    found = _measured()
    assert outcome(found, found.models)["from_validation"] == 0.0
    assert outcome(found, found.models)["best_of_set"] == 1.0


def test_three_at_random_by_drawing_them() -> None:
    """Two independent ways: all sets here, random draws with a random order among ties there."""
    found, generator = _measured(), np.random.default_rng(1)
    drawn = []
    for _ in range(40_000):
        one = generator.permutation(8)[:3]  # a random order, so the first of equals is a random one
        drawn.append(found.test[one[np.argmax(found.valid[one])]])
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert random_outcome(found, 3)["accuracy"] == pytest.approx(np.mean(drawn), abs=4 * error)


def test_one_at_random_is_the_mean_and_all_of_them_is_the_choice() -> None:
    found = Measured(("a", "b", "c"), np.array([0.5, 0.6, 0.7]), np.array([0.6, 0.8, 0.7]))
    assert random_outcome(found, 1)["accuracy"] == pytest.approx(0.7)
    assert random_outcome(found, 3)["accuracy"] == pytest.approx(outcome(found, found.models)["accuracy"])
    with pytest.raises(InputError, match="size"):
        random_outcome(found, 4)


def test_three_at_random_where_validation_says_all() -> None:
    """P(the best of three has rank k of n) = C(n - k, 2) / C(n, 3), a closed form."""
    test = np.linspace(0.9, 0.5, 6)
    found = Measured(tuple("abcdef"), test, test)
    chances = np.array([10, 6, 3, 1, 0, 0]) / 20
    assert random_outcome(found, 3)["accuracy"] == pytest.approx(chances @ test)


def test_sources_of_one_dataset_give_the_t_interval() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.6])
    found = clustered_mean(values, list("abcd"))
    low, high = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((low, high))


def test_copies_of_a_dataset_do_not_narrow_the_interval() -> None:
    values = np.array([0.1, 0.3, 0.2])
    once, thrice = clustered_mean(values, list("abc")), clustered_mean(np.repeat(values, 3), list("aaabbbccc"))
    assert (once["low"], once["high"]) == pytest.approx((thrice["low"], thrice["high"]))
    assert thrice["n_datasets"] == 9 and thrice["n_sources"] == 3
    assert clustered_mean(values, list("aaa"))["low"] is None


def test_unequal_sources_by_leaving_one_out() -> None:
    values, names = np.array([0.0, 0.2, 0.4, 1.0]), ["a", "a", "b", "c"]
    without = np.array([0.7, 0.4, 0.2])
    found = clustered_mean(values, names)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(4.302652729911275 * standard_error(0.4, without))


def test_the_exact_test_agrees_with_scipy_and_moves_sources_as_one() -> None:
    values = np.array([0.3, -0.1, 0.2, 0.5, 0.05])
    drawn = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(values, list("abcde")) == pytest.approx(drawn.pvalue)
    assert sign_flip(np.repeat(values, 2), list("aabbccddee")) == pytest.approx(drawn.pvalue)
    assert sign_flip(np.array([1.0, 1.0, 1.0]), list("aaa")) == 1.0  # one source tells nothing
    with pytest.raises(InputError, match="sources"):
        sign_flip(np.ones(21), [str(source) for source in range(21)])


def _table(regrets: dict[str, dict[str, float]]) -> pd.DataFrame:
    rows = [
        {"way": way, "entry": entry, "source": entry[0], "family": "real", "accuracy": 0.8, "relative": 1.0 - regret,
         "regret": regret, "from_validation": 0.0, "of_validation": 1.0, "best_of_set": 1.0}
        for way, by in regrets.items() for entry, regret in by.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_parts_are_averaged_before_datasets() -> None:
    values = over_datasets(_table({"recommended": {"a:x@0": 0.0, "a:x@1": 0.2, "b:y": 0.4}}))
    assert dict(zip(values["dataset"], values["regret"], strict=True)) == pytest.approx({"a:x": 0.1, "b:y": 0.4})


def test_the_difference_is_paired_by_dataset() -> None:
    by = {"a:1": 0.1, "b:1": 0.5, "c:1": 0.2}
    table = _table({"recommended": by, "late_fusion": {name: value + 0.05 for name, value in reversed(by.items())}})
    found = summary(over_datasets(table), against="recommended")["late_fusion"]
    difference = found["regret_of_recommended_less"]
    assert (difference["value"], difference["low"], difference["high"]) == pytest.approx((-0.05, -0.05, -0.05))
    assert found["regret"]["value"] == pytest.approx(0.8 / 3 + 0.05)


def test_the_exact_interval_holds_the_shifts_that_the_test_does_not_reject() -> None:
    values, sources = np.random.default_rng(0).normal(0.3, 1.0, size=10), list("abcdefghij")
    low, high = sign_flip_interval(values, sources)
    step = 0.01 * np.abs(values).max()
    for inside, outside in ((low + step, low - step), (high - step, high + step)):
        assert sign_flip(values - inside, sources) > 0.05 >= sign_flip(values - outside, sources)
    drawn = scipy.stats.bootstrap((values,), np.mean, rng=0).confidence_interval  # another method, about the same
    assert low == pytest.approx(drawn.low, abs=0.25) and high == pytest.approx(drawn.high, abs=0.25)


@pytest.mark.parametrize(("recommended", "passed"), [(0.0, True), (0.02, False)])
def test_the_gate_opens_for_small_regrets_only(recommended: float, passed: bool) -> None:
    jitter = {"a:1": 0.0, "b:1": 0.001, "c:1": 0.002}
    table = _table({
        RECOMMENDED: {name: recommended + value for name, value in jitter.items()},
        "late_fusion": dict.fromkeys(jitter, 0.02), "random_3": dict.fromkeys(jitter, 0.02),
    })  # fmt: skip
    checks = claims(summary(over_datasets(table), against=RECOMMENDED), RECOMMENDED, "here")
    assert len(checks) == 8
    ends = [check for check in checks if "exact" in check.quantity]  # three sources: no sign change is rare enough
    assert [check.found for check in ends] == [np.inf, np.inf] and not any(check.passed for check in ends)
    assert all(check.passed for check in checks if check not in ends) is passed
    assert len({check.quantity for check in checks}) == 8
    assert judged(checks, [checks[1].quantity]) == [checks[0], *checks[2:]]
    with pytest.raises(InputError, match="missed"):
        judged(checks, ["of another study"])


def test_means_over_seeds_of_what_was_trained() -> None:
    table = pd.DataFrame({
        "method": ["a", "a", "b", "b"], "status": ["trained", "trained", "refused", "refused"],
        "accuracy_valid": [0.6, 0.8, np.nan, np.nan], "accuracy_test": [0.5, 0.7, np.nan, np.nan],
    })  # fmt: skip
    found = measured_models(table)
    assert found.models == ("a",) and found.valid.tolist() == pytest.approx([0.7])
    with pytest.raises(InputError, match="trained"):
        measured_models(table.iloc[2:])


def test_no_test_row_is_among_those_that_are_estimated_on() -> None:
    values = np.arange(30.0)[:, None]
    split = ["train", "valid", "test"] * 10
    ds = from_arrays({"a": values, "b": values}, labels=[0, 1] * 15, name="n", split=split)
    for rows, parts in (("fit", (0, 1)), ("valid", (1,))):
        kept = np.asarray(seen_rows(ds, rows)["a"])[:, 0].astype(int)
        assert kept.tolist() == [row for row in range(30) if row % 3 in parts]


def test_a_modality_is_named_by_its_place() -> None:
    assert [in_places(m, ["x", "y"]) for m in ("unimodal:x", "unimodal:y", "film")] == [
        "unimodal:first", "unimodal:second", "film",
    ]  # fmt: skip


def test_the_average_order_of_a_bank_by_hand() -> None:
    class Tables:
        pairs = pd.DataFrame(index=["w", "v"])
        trials = pd.DataFrame(
            [(w, m, s, "trained", x) for (w, m, x), s in itertools.product(
                [("w", "a", 0.9), ("w", "b", 0.5), ("v", "a", 0.6), ("v", "b", 0.8), ("three", "b", 1.0),
                 ("w", "unknown", 1.0)], (0, 1))],
            columns=["world", "method", "seed", "status", "accuracy_test"],
        )  # fmt: skip

    assert averaged_order(Tables(), ["a", "b"]) == ["a", "b"]  # mean regrets 0.1 and 0.2


def test_a_model_above_bayes_is_caught() -> None:
    rows = [
        ("random1", method, "trained", 2_000, accuracy)
        for method, accuracy in (("late_fusion", 0.3), ("unimodal:first", 0.1), ("unimodal:second", 0.6))
    ]
    table = pd.DataFrame(rows, columns=["dataset", "method", "status", "n_test", "accuracy_test"])
    costs = pd.DataFrame({"cpu_seconds": [1.0]})
    checks = checked_measured(table, costs)
    assert json.loads(json.dumps([check.to_dict() for check in checks]))  # plain values, none of numpy
    failed = [check.quantity for check in checks if not check.passed]
    assert failed == ["random1: best accuracy less that of Bayes"]  # 0.548, exact
    slow = checked_measured(table.iloc[:2], pd.DataFrame({"cpu_seconds": [3601.0]}))
    assert sum(not check.passed for check in slow) == 2


def test_the_parameters_stay_within_the_declared_sizes() -> None:
    settings = parameters("regret_measured")
    real = settings["real"]
    assert {len(real[name]["pairs"]) for name in ("mfeat", "stress_predict", "movies_wikidata")} <= {1, 2, 3}
    assert sorted(real["avmnist"]["versions"]) == ["redundant", "sum", "unique", "xor"]
    sizes = [own["sizes"].get("train", 0) for own in (*real.values(), settings["worlds"])]
    assert max(sizes) <= 5_000 and len(settings["seeds"]) >= 2
