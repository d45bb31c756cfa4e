"""Intervals: closed forms, limits, and coverage; paired tests: enumeration by hand and McNemar's binomial."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest, t, ttest_1samp, ttest_rel

from mmcore.errors import InputError
from mmcore.evaluation.interval import exact_binomial, leave_one_out, mean_interval, metric_interval
from mmcore.evaluation.metrics import METRICS, find_metric
from mmcore.evaluation.paired import compare, holm
from mmcore.evaluation.predictions import Predicted

CLASSES = ("no", "yes")


def binary(truth, predictions, groups=None, scores=None, model="m"):
    truth, predictions = np.asarray(truth), np.atleast_2d(predictions)
    n = len(truth)
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    proba = np.eye(2)[predictions] * 0.8 + 0.1 if scores is None else scores
    return Predicted(model, "classification", CLASSES, truth, predictions, proba, np.arange(n).astype(str), units,
                     "sample" if groups is None else "group", tuple(range(len(predictions))))  # fmt: skip


def numeric(errors, model="m", groups=None):
    errors = np.atleast_2d(errors)
    n = errors.shape[1]
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    return Predicted(model, "regression", (), np.zeros(n), errors, errors[..., None], np.arange(n).astype(str), units,
                     "sample" if groups is None else "group", tuple(range(len(errors))))  # fmt: skip


def test_mean_over_rows_is_the_one_sample_t_interval():
    values = np.random.default_rng(0).normal(size=12)
    interval = mean_interval(values, np.arange(12))
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_equal_groups_give_the_t_interval_of_group_means():
    values = np.random.default_rng(1).normal(size=(6, 7))
    interval = mean_interval(values.ravel(), np.repeat(np.arange(6), 7))
    expected = ttest_1samp(values.mean(axis=1), 0.0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.n_units == 6


def test_copying_every_row_within_its_group_changes_nothing():
    values, groups = np.array([1.0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    once = mean_interval(values, groups, fraction=True)
    thrice = mean_interval(np.tile(values, 3), np.tile(groups, 3), fraction=True)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


def test_seeds_are_averaged_before_units_are_left_out():
    rng = np.random.default_rng(2)
    truth, guesses = rng.integers(0, 2, 40), rng.integers(0, 2, (3, 40))
    by_metric = metric_interval(binary(truth, guesses), "accuracy")
    by_row = mean_interval((guesses == truth).mean(axis=0), np.arange(40), fraction=True)
    assert by_metric.to_dict() == pytest.approx(by_row.to_dict())


def test_leaving_out_by_sums_equals_recomputing():
    rng = np.random.default_rng(3)
    truth, guesses = rng.integers(0, 2, 60), rng.integers(0, 2, (2, 60))
    p = binary(truth, guesses, groups=rng.integers(0, 5, 60), scores=rng.dirichlet([1, 1], (2, 60)))
    for metric in METRICS:
        if "classification" not in metric.tasks:
            continue
        _, without = leave_one_out(p, metric)
        again = [leave_one_out(p.keep(p.units != g), metric)[0] for g in range(5)]
        assert without == pytest.approx(again)


def test_fractions_stay_inside_and_all_right_takes_the_exact_binomial():
    nearly = mean_interval(np.array([1.0] * 9 + [0.0]), np.arange(10), fraction=True)
    assert 0 < nearly.low < 0.9 < nearly.high < 1
    perfect = metric_interval(binary([0, 1] * 5, [0, 1] * 5), "accuracy")
    assert perfect.high == 1.0 and perfect.low == pytest.approx(0.025 ** (1 / 10))
    expected = binomtest(3, 17).proportion_ci(0.95, method="exact")
    assert exact_binomial(3, 17) == pytest.approx((expected.low, expected.high))


def test_no_interval_is_invented():
    single = metric_interval(binary([0, 1], [0, 0], groups=["p", "p"]), "accuracy")
    assert (single.value, single.low, single.high) == (0.5, None, None) and "one group" in single.reason
    assert single.to_dict()["status"] == "refused"
    one_class = metric_interval(binary([0, 0, 0], [0, 1, 0]), "auroc")
    assert one_class.value is None and "undefined" in one_class.reason
    perfect = metric_interval(binary([0, 1] * 5, [0, 1] * 5), "f1_macro")
    assert perfect.value == 1.0 and perfect.low is None and "limit" in perfect.reason


def test_auroc_on_many_rows_is_merged_into_blocks_and_near_its_known_error():
    rng = np.random.default_rng(4)
    truth = np.arange(1000) % 2
    proba = expit(rng.normal(size=1000) + truth)
    p = binary(truth, (proba > 0.5).astype(int), scores=np.stack([1 - proba, proba], axis=-1)[None])
    interval = metric_interval(p, "auroc")
    assert interval.n_units == 200
    # DeLong's variance from the placements, an independent route to the same error
    positive, negative = proba[truth == 1], proba[truth == 0]
    placed = (positive[:, None] > negative).astype(float)
    delong = np.sqrt(placed.mean(axis=1).var(ddof=1) / 500 + placed.mean(axis=0).var(ddof=1) / 500)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * delong, rel=0.15)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_outside_is_refused(level):
    with pytest.raises(InputError) as error:
        mean_interval(np.ones(3), np.arange(3), level=level)
    assert error.value.argument == "level"


def test_paired_difference_over_rows_is_the_paired_t_interval():
    a, b = np.abs(np.random.default_rng(5).normal(size=(2, 15)))
    result = compare(numeric(a, "a"), numeric(b, "b"), metric="mae")
    expected = ttest_rel(a, b).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))
    swapped = compare(numeric(b, "b"), numeric(a, "a"), metric="mae")
    assert swapped.difference == pytest.approx(-result.difference) and swapped.p == result.p


def test_sign_flip_by_hand():
    # differences 3, 2, -1: of the 8 sign vectors |sum| >= 4 for +++ ++- --+ --- and no other: p = 4 / 8
    result = compare(numeric([4.0, 3, 1], "a"), numeric([1.0, 1, 2], "b"), metric="mae")
    assert result.test == "exact sign flip" and result.p == 4 / 8


def test_one_seed_over_rows_is_mcnemars_exact_test():
    truth = np.ones(40, int)
    a, b = truth.copy(), truth.copy()
    a[:3], b[3:15] = 0, 0  # 3 rows only b has right, 12 only a
    result = compare(binary(truth, a, model="a"), binary(truth, b, model="b"), metric="accuracy")
    assert result.p == pytest.approx(binomtest(3, 15).pvalue) and result.difference == pytest.approx(9 / 40)


def test_drawn_flips_agree_with_all_flips():
    rng = np.random.default_rng(6)
    a, b = rng.random(14), rng.random(14) + 0.25
    drawn = compare(numeric(a, "a"), numeric(b, "b"), metric="mae")
    signs = 1 - 2 * ((np.arange(2**14)[:, None] >> np.arange(14)) & 1)
    exact = (np.abs(signs @ (a - b)) >= abs((a - b).sum()) - 1e-12).mean()
    assert drawn.test.endswith("draws") and drawn.p == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    assert compare(numeric(a, "a"), numeric(b, "b"), metric="mae").p == drawn.p


def test_metrics_that_are_no_mean_flip_the_models_too():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 30)
    groups = np.arange(30) % 4
    a, b = truth.copy(), rng.integers(0, 2, 30)
    result = compare(
        binary(truth, a, groups, model="a"), binary(truth, b, groups, model="b"), metric="f1_macro"
    )  # fmt: skip
    # by enumeration, swapping the models within groups and recomputing
    from sklearn.metrics import f1_score

    def difference(mask):
        swap = np.isin(groups, np.flatnonzero(mask))
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        return f1_score(truth, first, average="macro") - f1_score(truth, second, average="macro")

    values = np.abs([difference([(k >> g) & 1 for g in range(4)]) for k in range(16)])
    assert result.p == (values >= values[0] - 1e-12).mean()
    assert result.difference == pytest.approx(difference([0] * 4))


def test_identical_models_do_not_differ():
    p = binary([0, 1, 1, 0], [0, 1, 0, 0])
    result = compare(p, p, metric="accuracy")
    assert (result.difference, result.low, result.high, result.p) == (0.0, 0.0, 0.0, 1.0)


def test_different_rows_are_refused():
    with pytest.raises(InputError) as error:
        compare(numeric([1.0, 2.0]), numeric([1.0, 2.0, 3.0]), metric="mae")
    assert "same rows" in error.value.allowed


def test_holm_by_hand():
    # sorted .01 .02 .03 .20 times 4 3 2 1 = .04 .06 .06 .20, the running maximum is the answer
    assert holm([0.03, 0.20, 0.01, 0.02]) == pytest.approx([0.06, 0.20, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []
    with pytest.raises(InputError):
        holm([1.2])


def coverage(method, *, log_odds, deviation, n_groups=10, n=500, n_worlds=1500):
    """Share of drawn worlds whose interval holds the population's accuracy; groups differ in size and in ability."""
    rng = np.random.default_rng(8)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    truth = (weights * expit(log_odds + deviation * nodes)).sum() / weights.sum()
    held = 0
    for _ in range(n_worlds):
        size = 1 + rng.multinomial(n - n_groups, rng.dirichlet(np.full(n_groups, 4.0)))
        right = rng.binomial(size, expit(log_odds + deviation * rng.standard_normal(n_groups)))
        low, high = method(right, size, rng)
        held += low <= truth <= high
    return held / n_worlds


def ours(right, size, rng):
    values = np.concatenate([np.arange(s) < r for r, s in zip(right, size)]).astype(float)
    interval = mean_interval(values, np.repeat(np.arange(len(size)), size), fraction=True)
    return interval.low, interval.high


def percentile_bootstrap(right, size, rng):
    drawn = rng.integers(0, len(size), (500, len(size)))
    return np.quantile(right[drawn].sum(axis=1) / size[drawn].sum(axis=1), [0.025, 0.975])


WORLDS = [{"log_odds": a, "deviation": b} for a in (0.5, 1.5, 3.0) for b in (0.0, 0.5, 1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_ten_groups_are_covered_as_promised(world):
    assert 0.90 <= coverage(ours, **world) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_ten_groups_defeat_the_percentile_bootstrap(world):
    assert coverage(percentile_bootstrap, **world) < 0.92


@pytest.mark.slow
@pytest.mark.parametrize("log_odds", [0.5, 3.0])
def test_five_hundred_rows_are_covered(log_odds):
    rng = np.random.default_rng(9)
    truth = expit(log_odds)
    held = 0
    for _ in range(1500):
        interval = mean_interval((rng.random(500) < truth).astype(float), np.arange(500), fraction=True)
        held += interval.low <= truth <= interval.high
    assert 0.935 <= held / 1500 <= 0.97


def test_student_quantile_is_of_groups_not_rows():
    values, groups = np.arange(40.0), np.repeat(np.arange(4), 10)
    interval = mean_interval(values, groups)
    means = values.reshape(4, 10).mean(axis=1)
    reach = t.ppf(0.975, 3) * means.std(ddof=1) / 2
    assert interval.high - interval.value == pytest.approx(reach)
    assert find_metric("mae").fraction is False
