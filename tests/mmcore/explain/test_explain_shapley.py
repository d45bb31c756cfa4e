"""Shapley values: the axioms that define them, worked examples, the definition by orders, and refused input."""

from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from mmcore.errors import InputError
from mmcore.explain.shapley import modality_shapley, shapley_values

F = frozenset


def game(players, seed=0):
    rng = np.random.default_rng(seed)
    return {F(s): float(rng.normal()) for size in range(len(players) + 1) for s in combinations(players, size)}


def test_the_glove_game_by_hand():
    # a holds a left glove, b and c a right one; a pair is worth 1: a has 4/6, b and c 1/6 each (six orders)
    v = {F(s): float("a" in s and len(s) > 1) for size in range(4) for s in combinations("abc", size)}
    assert shapley_values(v) == pytest.approx({"a": 4 / 6, "b": 1 / 6, "c": 1 / 6})


@pytest.mark.parametrize("m", [1, 2, 4, 6])
def test_efficiency(m):
    players = "abcdef"[:m]
    v = game(players, m)
    assert sum(shapley_values(v).values()) == pytest.approx(v[F(players)] - v[F()])


def test_symmetry_and_dummy():
    v = {s: float(len(s & {"a", "b"}) ** 2 + 3 * ("d" in s)) for s in game("abcd")}
    values = shapley_values(v)
    assert values["a"] == pytest.approx(values["b"])
    assert values["c"] == pytest.approx(0.0)
    assert values["d"] == pytest.approx(3.0)


def test_additivity():
    v, w = game("abc", 1), game("abc", 2)
    both = shapley_values({s: v[s] + w[s] for s in v})
    first, second = shapley_values(v), shapley_values(w)
    assert both == pytest.approx({name: first[name] + second[name] for name in both})


def test_equals_the_mean_gain_over_all_orders():
    v = game("abcd", 3)
    total = dict.fromkeys("abcd", 0.0)
    for order in permutations("abcd"):
        for place, player in enumerate(order):
            total[player] += v[F(order[: place + 1])] - v[F(order[:place])]
    assert shapley_values(v) == pytest.approx({name: value / factorial(4) for name, value in total.items()})


def test_arrays_are_games_side_by_side():
    v, w = game("abc", 4), game("abc", 5)
    stacked = shapley_values({s: np.array([v[s], w[s]]) for s in v})
    assert {n: x[1] for n, x in stacked.items()} == pytest.approx(shapley_values(w))


def correctness(n=60, seed=0):
    rng = np.random.default_rng(seed)
    chance = {"a": 0.6, "b": 0.5, "c": 0.5, "ab": 0.8, "ac": 0.6, "bc": 0.5, "abc": 0.9}
    return {F(s): (rng.random(n) < p).astype(float) for s, p in chance.items()}


def test_values_sum_to_accuracy_above_the_empty_set_overall_and_by_class():
    correct = correctness()
    labels = np.array(["x", "y", "x"])[np.arange(60) % 3]
    result = modality_shapley(correct, labels=labels)
    assert result.empty == pytest.approx(40 / 60)
    full = correct[F("abc")]
    assert sum(i.value for i in result.overall.values()) == pytest.approx(full.mean() - 40 / 60)
    for label, values in result.by_class:
        assert sum(values.values()) == pytest.approx(full[labels == label].mean() - 40 / 60)
    # classes weighted by their rows give the overall values back
    for name, interval in result.overall.items():
        weighted = sum(values[name] * (labels == label).mean() for label, values in result.by_class)
        assert weighted == pytest.approx(interval.value)


def test_xor_is_shared_out_in_halves_with_its_interval():
    bits = np.array([[i >> 1 & 1, i & 1] for i in range(80)])
    y = bits[:, 0] ^ bits[:, 1]
    alone = (y == 0).astype(float)  # undecided without the other bit: says class 0
    result = modality_shapley({F("a"): alone, F("b"): alone, F("ab"): np.ones(80)}, empty=0.5)
    assert {n: i.value for n, i in result.overall.items()} == {"a": 0.25, "b": 0.25}
    # a row right alone gives (1 - 1/2) / 2 + 0, a row wrong alone (0 - 1/2) / 2 + 1/2: 1/4 each, so no spread at all
    assert (result.overall["a"].low, result.overall["a"].high) == (0.25, 0.25)


def test_one_modality_has_the_interval_of_its_accuracy_above_chance():
    right = np.array([1.0] * 30 + [0.0] * 10)
    interval = modality_shapley({F("a"): right}, empty=0.5).overall["a"]
    expected = ttest_1samp(right - 0.5, 0.0).confidence_interval(0.95)
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.25, expected.low, expected.high))


def test_groups_are_the_units():
    correct = correctness(60)
    by_group = modality_shapley(correct, np.arange(60) // 10, empty=0.5)
    assert by_group.overall["a"].n_units == 6 and by_group.overall["a"].unit == "group"
    doubled = modality_shapley(
        {s: np.tile(v, 2) for s, v in correct.items()}, np.tile(np.arange(60) // 10, 2), empty=0.5
    )
    assert doubled.overall["a"].low == pytest.approx(by_group.overall["a"].low)


def test_the_order_of_classes_is_the_declared_one():
    correct = {F("a"): np.array([1.0, 0.0, 1.0])}
    result = modality_shapley(correct, labels=np.array(["x", "y", "y"]), classes=["y", "unseen", "x"])
    assert [label for label, _ in result.by_class] == ["y", "x"]
    assert result.to_dict()["by_class"][0] == {"label": "y", "values": {"a": pytest.approx(0.5 - 2 / 3)}}


@pytest.mark.parametrize(
    ("correct", "keywords", "argument"),
    [
        ({}, {"empty": 0.5}, "correct"),
        ({F("a"): np.ones(2), F("b"): np.ones(3), F("ab"): np.ones(2)}, {"empty": 0.5}, "correct"),
        ({F("a"): np.ones(2), F("ab"): np.ones(2)}, {"empty": 0.5}, "v"),
        ({F("a"): np.ones(2)}, {}, "empty"),
        ({F("a"): np.ones(2)}, {"empty": 0.5, "groups": [1]}, "groups"),
    ],
)
def test_what_cannot_be_attributed_is_refused(correct, keywords, argument):
    with pytest.raises(InputError) as error:
        modality_shapley(correct, **keywords)
    assert error.value.argument == argument and error.value.remedy


def test_more_than_ten_modalities_are_refused():
    with pytest.raises(InputError) as error:
        shapley_values({F(range(11)): 1.0})
    assert "11" in error.value.received
