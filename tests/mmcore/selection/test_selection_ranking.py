"""Regret, its interval, and the order, on neighbourhoods whose answer follows by hand."""

import numpy as np
import pytest

from mmcore.selection.ranking import Neighbourhood, difference, rank, spread


def near(accuracy, weights, models=("unimodal:a", "late_fusion", "tensor_fusion"), noise=0.0, worlds=None):
    accuracy = np.array(accuracy, dtype=float)
    weights = np.atleast_2d(np.array(weights, dtype=float))
    names = tuple(worlds or (f"w{k}" for k in range(len(accuracy))))
    applies = np.ones(accuracy.shape, dtype=bool)
    shares, distance = np.zeros((len(accuracy), 4)), np.zeros(len(accuracy))
    noises = np.full(accuracy.shape, noise)
    return Neighbourhood(names, shares, distance, weights, tuple(models), accuracy, noises, applies)


COSTS = (1.0, 2.0, 8.0)


def test_expected_regret_and_relative_accuracy_are_the_weighted_means():
    found = near([[0.8, 0.9, 1.0], [0.6, 0.5, 0.4]], [0.75, 0.25])
    ranked, _ = rank(found, COSTS)
    by_name = {one.model: one for one in ranked}
    assert by_name["unimodal:a"].regret.value == pytest.approx(0.75 * 0.2)
    assert by_name["late_fusion"].regret.value == pytest.approx(0.75 * 0.1 + 0.25 * 0.1)
    assert by_name["tensor_fusion"].relative.value == pytest.approx(0.75 + 0.25 * 0.4 / 0.6)
    assert (by_name["tensor_fusion"].regret.low, by_name["tensor_fusion"].regret.high) == pytest.approx((0.0, 0.2))


def test_draws_are_averaged():
    table = [[0.8, 0.9, 1.0], [0.6, 0.5, 0.4]]
    many, _ = rank(near(table, [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), COSTS)
    one, _ = rank(near(table, [0.75, 0.25]), COSTS)
    assert {m.model: m.regret for m in many} == {m.model: m.regret for m in one}
    # in three of four draws the first world alone speaks
    assert {m.model: m.chosen for m in rank(near(table, [[1, 0], [1, 0], [1, 0], [0, 1]]), COSTS, top=1)[0]} == {
        "tensor_fusion": 0.75, "unimodal:a": 0.25, "late_fusion": 0.0}  # fmt: skip


def test_quantiles_are_those_of_the_repeated_values():
    generator = np.random.default_rng(0)
    values, times = generator.random(30), generator.integers(1, 9, 30)
    found = spread(values, times / times.sum())
    repeated = np.repeat(values, times)
    expected = np.quantile(repeated, [0.025, 0.975], method="inverted_cdf")
    assert (found.value, found.low, found.high) == pytest.approx((repeated.mean(), *expected))


def test_a_refusal_is_no_accuracy_of_zero():
    table = [[0.8, 0.9, np.nan], [0.6, 0.5, 0.7]]
    ranked, left_out = rank(near(table, [0.4, 0.6]), COSTS)
    assert not left_out
    # where it was not trained it loses what the others lose in the mean, (.1 + 0) / 2
    assert next(one for one in ranked if one.model == "tensor_fusion").regret.value == pytest.approx(0.4 * 0.05)
    ranked, left_out = rank(near(table, [0.6, 0.4]), COSTS)  # now refused in most of the neighbourhood
    assert [*left_out] == ["tensor_fusion"] and "40 %" in left_out["tensor_fusion"]
    assert {one.model for one in ranked} == {"unimodal:a", "late_fusion"}


def test_the_first_place_goes_to_the_simplest_within_a_standard_error():
    # tensor_fusion gains .04 and -.02 over late_fusion: mean .01, se^2 = .0009 / 2 * 2 = .0009
    table = [[0.5, 0.80, 0.84], [0.5, 0.80, 0.78]]
    found = near(table, [0.5, 0.5])
    mean, error = difference(1, 2, found)
    assert (mean, error) == pytest.approx((0.01, 0.03))
    ranked, _ = rank(found, COSTS)
    assert [one.model for one in ranked] == ["late_fusion", "tensor_fusion", "unimodal:a"]
    assert ranked[0].tied == ("tensor_fusion", pytest.approx(0.01), pytest.approx(0.03))
    assert ranked[1].tied is None
    # a gain in every world is one
    ranked, _ = rank(near([[0.5, 0.80, 0.84], [0.5, 0.80, 0.82]], [0.5, 0.5]), COSTS)
    assert ranked[0].model == "tensor_fusion" and ranked[0].tied is None


def test_the_standard_error_is_that_of_a_mean():
    generator = np.random.default_rng(1)
    apart = generator.normal(size=(40, 2))
    found = near(apart, np.full(40, 1 / 40), models=("sum", "film"))
    assert difference(0, 1, found)[1] == pytest.approx(np.std(apart[:, 1] - apart[:, 0], ddof=1) / np.sqrt(40))


def test_seeds_alone_make_a_tie_where_one_world_speaks():
    table = [[0.5, 0.80, 0.808]]
    assert rank(near(table, [1.0], noise=0.0), COSTS)[0][0].model == "tensor_fusion"
    assert rank(near(table, [1.0], noise=0.00002), COSTS)[0][0].model == "tensor_fusion"  # se = .0063 < .008
    assert rank(near(table, [1.0], noise=0.00005), COSTS)[0][0].model == "late_fusion"  # se = .01
    assert rank(near([[0.5, 0.80, 0.82]], [1.0], noise=0.01), COSTS)[0][0].model == "tensor_fusion"  # more than a point


def test_a_cheaper_fusion_does_not_overtake_a_better_one():
    """Erratic models have large standard errors: mean .07, se .07, and yet the steady one stays first."""
    table = [[0.5, 0.6, 0.90, 0.90], [0.5, 0.6, 0.90, 0.76]]
    names = ("unimodal:a", "late_fusion", "film", "product")
    found = near(table, [0.5, 0.5], models=names)
    assert difference(3, 2, found) == pytest.approx((0.07, 0.07))
    assert rank(found, (1.0, 2.0, 8.0, 1.0))[0][0].model == "film"


def test_all_are_compared_over_the_same_worlds():
    """Trained in the easy world only, a model is no better for it: its regret there beside the mean in the hard one."""
    table = [[0.9, 0.9, 0.88], [0.5, 0.9, np.nan]]
    ranked, _ = rank(near(table, [0.5, 0.5]), COSTS)
    by_name = {one.model: one for one in ranked}
    assert ranked[0].model == "late_fusion"
    assert by_name["tensor_fusion"].regret.value == pytest.approx(0.5 * 0.02 + 0.5 * 0.2)
    assert difference(2, 1, near(table, [0.5, 0.5]))[0] == pytest.approx(0.5 * 0.02 + 0.5 * 0.2)


def test_one_modality_is_simpler_than_late_fusion_and_that_than_the_cheapest_other():
    names = ("film", "sum", "late_fusion", "unimodal:a")
    same = near([[0.9, 0.9, 0.9, 0.9]], [1.0], models=names)
    assert rank(same, (1.0, 2.0, 3.0, 4.0))[0][0].model == "unimodal:a"
    assert rank(same, (1.0, 2.0, 3.0, 4.0), without={"unimodal:a"})[0][0].model == "late_fusion"
    assert rank(same, (1.0, 2.0, 3.0, 4.0), without={"unimodal:a", "late_fusion"})[0][0].model == "film"
    assert rank(same, (None, 2.0, 3.0, 4.0), without={"unimodal:a", "late_fusion"})[0][0].model == "sum"


def test_what_takes_no_place_is_still_what_others_are_measured_by():
    found = near([[0.5, 0.8, 0.9]], [1.0])
    ranked, left_out = rank(found, COSTS, without={"tensor_fusion"})
    assert [one.model for one in ranked] == ["late_fusion", "unimodal:a"] and not left_out
    assert ranked[0].regret.value == pytest.approx(0.1)


def test_the_order_of_worlds_and_models_does_not_matter():
    generator = np.random.default_rng(3)
    table, weights = generator.random((6, 4)), generator.dirichlet(np.ones(6), 20)
    names, costs = ["unimodal:a", "late_fusion", "film", "sum"], [1.0, 2.0, 3.0, 4.0]
    plain, _ = rank(near(table, weights, models=names), costs)
    worlds, models = generator.permutation(6), generator.permutation(4)
    turned, _ = rank(
        near(table[worlds][:, models], weights[:, worlds], models=[names[m] for m in models]),
        [costs[m] for m in models],
    )
    assert [one.model for one in plain] == [one.model for one in turned]
    for one, other in zip(plain, turned):
        assert one.regret.value == pytest.approx(other.regret.value) and one.chosen == pytest.approx(other.chosen)


def test_a_world_in_both_orientations_is_one_observation():
    """se^2 = V sum w^2, V = sum w (d - mean)^2 / (1 - sum w^2), over worlds."""
    models = ("late_fusion", "sum")
    two = near([[0.80, 0.8], [0.74, 0.8]], [0.5, 0.5], models, worlds=["x", "y"])
    four = near([[0.80, 0.8], [0.74, 0.8]] * 2, [0.25] * 4, models, worlds=["x", "y"] * 2)
    assert difference(0, 1, two) == pytest.approx((0.03, 0.03))  # V = 0.03^2 / 0.5, se^2 = V / 2
    assert difference(0, 1, four) == pytest.approx((0.03, 0.03))
