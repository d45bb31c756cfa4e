"""Advice before labels: known tables hold their truth, the printed bound does not, and wrong verdicts are seen."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.advice_bounds import PRINTED, figure, judged_real, judged_tables, printed_error
from experiments.advice_bounds_real import chosen
from experiments.advice_bounds_worlds import (
    bayes,
    bounds_of_table,
    controlled_worlds,
    halves,
    symbol_rows,
    theorem_eight,
    wrong_verdict,
)
from experiments.generative_published import printed_row
from experiments.worlds import table
from mmcore.data.worlds.controlled import pair_table


def test_known_tables_lie_inside_their_bounds():
    checks, found = judged_tables({"random": {"seeds": [301], "n_classes": [3]}, "noise": 0.05})
    assert all(check.passed for check in checks)
    assert len(checks) == len(found) > 20


def test_of_an_exclusive_or_everything_is_open_and_of_a_copy_nothing():
    xor = bounds_of_table(table("exclusive_or", noise=0.1))
    assert (xor["without"], xor["bayes"]) == pytest.approx((0.5, 0.9))
    assert xor["lower"] == pytest.approx(0.5, abs=1e-6)
    copy = bounds_of_table(table("shared", noise=0.1))
    assert (copy["lower"], copy["upper"]) == pytest.approx((0.9, 0.9), abs=1e-6)


def test_the_printed_bound_is_false_for_unbalanced_labels_only_it():
    found = theorem_eight(200, {"20:1:1:1": [20, 1, 1, 1]}, seed=1)["20:1:1:1"]
    assert found["printed_violated"] > 0.95
    assert found["corrected_violated"] == 0.0
    assert found["printed_upper"] < found["bayes"] < found["corrected_upper"]


def test_the_distance_of_the_printed_averages_is_that_of_table_6_3():
    by_hand = [0.08, 0.13, 0.10, 0.42, 0.10, 0.17]
    assert printed_error() == pytest.approx(np.mean(by_hand))
    assert len(PRINTED) == 6


def test_labelled_rows_and_paired_rows_share_none():
    labelled, paired = halves(101, seed=0)
    assert not (labelled & paired).any()
    assert labelled.sum() == 50


def test_rows_of_symbols_have_the_table_of_their_world():
    world = controlled_worlds({"seeds": [], "n_classes": []})["gate"]
    ds = symbol_rows(world, 20_000, seed=0)
    first, second = (np.asarray(ds[name])[:, 0].astype(int) for name in world.modalities)
    p = np.zeros((2, 2, 2))
    np.add.at(p, (first, second, ds.labels()), 1.0 / len(ds))
    exact = pair_table(world, *world.modalities)
    assert np.abs(p - exact).max() < 0.02
    assert bayes(exact) == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("said", "gain", "wrong"),
    [("yes", 0.0, True), ("yes", 0.3, False), ("no", 0.0, False), ("no", 0.3, True), ("undecided", 0.3, False)],
)
def test_a_verdict_is_wrong_where_the_gain_says_otherwise(said: str, gain: float, wrong: bool):
    assert wrong_verdict({"collect": said}, gain, 0.01) is wrong


def test_models_are_chosen_on_validation_rows():
    seen = {"unimodal:a": {"valid": [0.6, 0.8], "test": [0.5, 0.5]}, "unimodal:b": {"valid": [0.6], "test": [0.9]}}
    found = chosen(seen, {"unimodal": list(seen), "simple": ["sum"]})
    assert found["unimodal"] == {"model": "unimodal:a", "accuracy": 0.5}
    assert "simple" not in found


def real(middle: float, best: float, *, low: float) -> dict[str, object]:
    return {
        "status": "estimated", "interval": [low, 1.0], "best_multimodal": best, "standard_error": 0.01,
        "middle": middle, "printed": {"average": middle + 0.3}, "unimodal": {"accuracy": best - 0.1},
        "observed_gain": 0.1, "complex_gain": middle / 10,
    }  # fmt: skip


def test_a_lower_end_above_what_models_reach_fails():
    good, _ = judged_real({"a: x with y": real(0.8, 0.8, low=0.7)})
    bad, _ = judged_real({"a: x with y": real(0.8, 0.8, low=0.9)})
    assert [check.passed for check in good] == [True, True]
    assert [check.passed for check in bad] == [False, True]
    far, found = judged_real({"a: x with y": real(0.3, 0.8, low=0.2)})
    assert [check.passed for check in far] == [True, False]
    assert found["mean_distance"]["middle of the bounds"] == pytest.approx(0.5)


def test_the_figure_has_both_forecasts_of_each_pair():
    pairs = {f"{name}: x with y": real(0.6 + 0.1 * k, 0.8, low=0.5) for k, name in enumerate("abc")}
    correlations, drawn = figure(pairs, seed=0)
    assert drawn.count("<circle") == 12
    assert correlations["middle, complex over simple, pearson"]["value"] == pytest.approx(1.0)


def test_the_printed_rows_of_table_3_2_are_read_by_atom():
    assert printed_row("synergy", "cvx") == {"redundancy": 0.07, "unique1": 0, "unique2": 0.01, "synergy": 0.14}
