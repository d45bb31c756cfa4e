"""Tests over seeds and folds: closed forms, the plain test as a limit, swaps, and the false positives they cure."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f, ttest_1samp

from mmcore.errors import InputError
from mmcore.evaluation.predictions import prediction_frame
from mmcore.evaluation.resampled import compare_runs, corrected_t_test, five_by_two_test, scores_by_run


def test_without_overlap_it_is_the_plain_t_test():
    d = np.random.default_rng(0).normal(0.3, 1.0, 9)
    found, plain = corrected_t_test(d, n_train=1.0, n_test=0.0), ttest_1samp(d, 0.0)
    assert (found.statistic, found.p) == pytest.approx((plain.statistic, plain.pvalue))
    ends = plain.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))


@pytest.mark.parametrize(("n_train", "n_test"), [(900, 100), (50, 50), (70, 30)])
def test_overlap_shrinks_t_by_the_square_root_of_one_plus_runs_times_the_ratio(n_train, n_test):
    d = np.random.default_rng(1).normal(0.3, 1.0, 10)
    plain = ttest_1samp(d, 0.0).statistic
    found = corrected_t_test(d, n_train=n_train, n_test=n_test)
    assert found.statistic == pytest.approx(plain / np.sqrt(1 + 10 * n_test / n_train))
    assert found.difference == pytest.approx((found.low + found.high) / 2)
    assert (found.p < 0.05) == (not found.low < 0 < found.high)


def test_swapping_the_models_flips_the_sign_only():
    d = np.random.default_rng(2).normal(0.3, 1.0, 10)
    one, two = corrected_t_test(d, n_train=9, n_test=1), corrected_t_test(-d, n_train=9, n_test=1)
    assert one.p == two.p and one.low == -two.high and one.difference == -two.difference


def test_no_difference_anywhere_has_p_one():
    found = corrected_t_test(np.zeros(5), n_train=9, n_test=1)
    assert found.p == 1.0 and found.low == found.high == 0.0


def test_five_by_two_by_its_printed_formula():
    d = np.random.default_rng(3).normal(0.2, 1.0, (5, 2))
    s2 = [(a - (a + b) / 2) ** 2 + (b - (a + b) / 2) ** 2 for a, b in d]
    statistic = sum(a**2 + b**2 for a, b in d) / (2 * sum(s2))
    found = five_by_two_test(d)
    assert found.statistic == pytest.approx(statistic) and found.p == pytest.approx(1 - f.cdf(statistic, 10, 5))
    assert five_by_two_test(-d).p == pytest.approx(found.p) and five_by_two_test(7 * d).p == pytest.approx(found.p)


def test_repeated_splits_of_one_data_set_fool_the_plain_test_and_not_the_corrected_one():
    # the mean of a random half as "score": A and B differ by noise of rows that every split draws from again
    rng, plain, corrected = np.random.default_rng(4), 0, 0
    for _ in range(400):
        rows = rng.normal(0, 1, 60)
        d = [rows[rng.permutation(60)[:30]].mean() for _ in range(20)]
        plain += ttest_1samp(d, 0.0).pvalue < 0.05
        corrected += corrected_t_test(d, n_train=30, n_test=30).p < 0.05
    assert plain > 0.3 * 400
    assert corrected < 0.08 * 400  # standard error of .05 over 400 draws is .011


def table(seeds=(0, 1), folds=(0, 1, 2), gap=0.3, part="test"):
    rng, frames = np.random.default_rng(5), []
    truth = rng.normal(size=60)
    for model, spread in (("a", 0.5), ("b", 0.5 + gap)):
        for seed in seeds:
            for fold in folds:
                rows = np.arange(60)[np.arange(60) % len(folds) == fold]
                guess = truth[rows] + rng.normal(0, spread, len(rows))
                frames.append(prediction_frame(guess[:, None], truth[rows], [f"r{i:02d}" for i in rows], model=model,
                                               seed=seed, fold=fold, part=part, task="regression"))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_runs_are_scored_one_by_one():
    frame = table()
    runs = scores_by_run(frame, "a", metric="mae", task="regression")
    assert runs[["seed", "fold"]].to_numpy().tolist() == [[s, k] for s in (0, 1) for k in (0, 1, 2)]
    one = frame[(frame.model == "a") & (frame.seed == 1) & (frame.fold == 2)]
    expected = (one["prediction"].astype(float) - one["truth"].astype(float)).abs().mean()
    assert runs["value"].iloc[-1] == pytest.approx(expected) and runs["n_rows"].tolist() == [20] * 6


def test_models_are_compared_over_the_same_runs():
    frame = table(gap=1.5)
    found = compare_runs(frame, "a", "b", metric="mae", task="regression", n_train=40)
    runs = [scores_by_run(frame, m, metric="mae", task="regression")["value"].to_numpy() for m in "ab"]
    assert found == corrected_t_test(runs[0] - runs[1], n_train=40, n_test=20)
    assert found.difference < 0 and found.p < 0.05 and found.n_runs == 6
    with pytest.raises(InputError) as error:
        compare_runs(frame[~((frame.model == "b") & (frame.seed == 1))], "a", "b", metric="mae", task="regression",
                     n_train=40)  # fmt: skip
    assert error.value.argument == "runs"


@pytest.mark.parametrize(
    "call",
    [
        lambda: corrected_t_test([1.0], n_train=9, n_test=1),
        lambda: corrected_t_test([1.0, np.nan], n_train=9, n_test=1),
        lambda: corrected_t_test([1.0, 1.0], n_train=9, n_test=1),
        lambda: corrected_t_test([1.0, 2.0], n_train=0, n_test=1),
        lambda: corrected_t_test([1.0, 2.0], n_train=9, n_test=1, level=95),
        lambda: five_by_two_test(np.zeros((2, 5))),
        lambda: five_by_two_test(np.ones((5, 2))),
        lambda: scores_by_run(table(), "c", metric="mae", task="regression"),
        lambda: scores_by_run(table(), "a", metric="accuracy", task="regression"),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize("value", [0.1, 0.05, 1e-9, 3e5])
def test_equal_differences_are_refused_whatever_rounding_leaves_of_them(value):
    """0.9 - 0.85 and 0.8 - 0.75 differ in the last bit, and the mean of three times 0.1 is not 0.1."""
    with pytest.raises(InputError, match="in every run"):
        corrected_t_test([value] * 3, n_train=9, n_test=1)
    rows = [(model, seed, f"{seed}", (base + offset) * value) for model, offset in (("a", 0.0), ("b", 0.05))
            for seed, base in enumerate((0.85, 0.75, 0.3))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "seed", "sample_id", "prediction"])
    table = table.assign(fold=table["seed"], seed=0, part="test", group=None, truth=0.0, p_0=table["prediction"])
    with pytest.raises(InputError, match="in every run"):
        compare_runs(table, "a", "b", metric="mae", task="regression", n_train=9)
    assert compare_runs(table, "a", "a", metric="mae", task="regression", n_train=9).p == 1.0
