"""The bootstrap over units: scipy's, the normal limit, invariances, refusals, and (slow) coverage."""

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from mmcore.errors import InputError
from mmcore.evaluation.bootstrap import bootstrap_interval
from mmcore.evaluation.interval import INTERVALS, metric_interval
from mmcore.evaluation.predictions import Predicted
from mmcore.evaluation.summary import evaluate
from mmcore.seeds import stream


def numeric(errors, groups=None):
    errors = np.atleast_2d(np.asarray(errors, dtype=float))
    n = errors.shape[1]
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    return Predicted("m", "regression", (), np.zeros(n), errors, errors[..., None], np.arange(n).astype(str), units,
                     "sample" if groups is None else "group", tuple(range(len(errors))))  # fmt: skip


def binary(hits, groups=None, scores=None):
    hits = np.asarray(hits, dtype=int)
    n = len(hits)
    truth = np.arange(n) % 2
    guess = np.where(hits == 1, truth, 1 - truth)[None]
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    scores = np.eye(2)[guess] * 0.8 + 0.1 if scores is None else scores
    return Predicted("m", "classification", ("a", "b"), truth, guess, scores, np.arange(n).astype(str), units,
                     "sample" if groups is None else "group", (0,))  # fmt: skip


def test_percentile_of_a_mean_is_scipy_s():
    values = np.abs(np.random.default_rng(0).gamma(2.0, 1.0, 80))
    found = bootstrap_interval(numeric(values), "mae", kind="percentile", n_boot=9999)
    other = scipy_bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=1).confidence_interval
    width = other.high - other.low
    # two drawn quantiles of the same law: Monte Carlo error of each about 2 % of the width
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.06 * width)


def test_with_many_units_all_intervals_agree():
    values = np.random.default_rng(1).random(4000)
    p = numeric(values)
    reach = 1.96 * values.std() / np.sqrt(4000)
    for name in INTERVALS:
        found = metric_interval(p, "mae", interval=name)
        assert found.low == pytest.approx(values.mean() - reach, abs=0.12 * reach)
        assert found.high == pytest.approx(values.mean() + reach, abs=0.12 * reach)


def test_bootstrap_t_of_a_mean_is_the_textbook_one_resample_by_resample():
    # Efron & Tibshirani 1993, equation 12.22, with s / sqrt(n) as every sample's error
    values = np.random.default_rng(8).lognormal(0, 1, 15)
    found = bootstrap_interval(numeric(values), "mae", n_boot=499, seed=4)
    drawn = []
    for weights in stream(4, "bootstrap").multinomial(15, np.full(15, 1 / 15), size=499):
        again = np.repeat(values, weights)
        drawn.append((again.mean() - values.mean()) / (again.std(ddof=1) / np.sqrt(15)))
    low, high = np.quantile(drawn, 0.025, method="lower"), np.quantile(drawn, 0.975, method="higher")
    error = values.std(ddof=1) / np.sqrt(15)
    assert found.low == pytest.approx(values.mean() - high * error)
    assert found.high == pytest.approx(values.mean() - low * error)
    assert found.high - found.value > 1.3 * (found.value - found.low)  # a long tail to the right is answered there


def test_bootstrap_t_of_symmetric_normal_units_is_near_student():
    values = np.random.default_rng(2).normal(10.0, 1.0, 12)
    found = bootstrap_interval(numeric(values), "mae", n_boot=9999)
    usual = metric_interval(numeric(values), "mae")
    ratio = (found.high - found.low) / (usual.high - usual.low)
    assert 0.85 < ratio < 1.35
    narrow = bootstrap_interval(numeric(values), "mae", kind="percentile")
    assert narrow.high - narrow.low < 0.95 * (usual.high - usual.low)  # it ignores the error of the spread


def test_whole_groups_are_resampled():
    rng = np.random.default_rng(3)
    groups, hits = np.repeat(np.arange(8), 25), np.repeat(rng.random(8) < 0.7, 25)
    hits = np.where(rng.random(200) < 0.1, ~hits, hits)
    grouped, rows = (metric_interval(binary(hits, g), "accuracy", interval="percentile") for g in (groups, None))
    assert grouped.n_units == 8 and grouped.high - grouped.low > 2 * (rows.high - rows.low)
    copied = metric_interval(binary(np.repeat(hits, 2), np.repeat(groups, 2)), "f1_micro", interval="percentile")
    once = metric_interval(binary(hits, groups), "f1_micro", interval="percentile")
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_ends_stay_inside_and_the_same_seed_gives_the_same_bytes():
    hits = np.array([1] * 32 + [0] * 8)
    for name in ("bootstrap", "percentile"):
        first, again, other = (metric_interval(binary(hits), "accuracy", interval=name, seed=s) for s in (0, 0, 1))
        assert first == again and first != other
        assert 0 < first.low < first.value < first.high <= 1


def test_ranks_have_a_percentile_interval_and_no_bootstrap_t():
    rng = np.random.default_rng(5)
    scores = rng.dirichlet([1, 1], (1, 60))
    p = binary(rng.random(60) < 0.5, scores=scores)
    found = bootstrap_interval(p, "auroc", kind="percentile", n_boot=199)
    assert found.low < found.value < found.high
    refused = bootstrap_interval(p, "auroc")
    assert refused.low is None and "percentile" in refused.reason


def test_no_spread_is_said_not_shown():
    same = metric_interval(numeric(np.full(9, 2.0)), "mae", interval="bootstrap")
    assert same.low is None and same.reason
    perfect = metric_interval(binary(np.ones(10)), "accuracy", interval="bootstrap")
    assert perfect.high == 1.0 and perfect.low == pytest.approx(0.025 ** (1 / 10))  # exact binomial, Clopper-Pearson
    # three errors in forty: (37 / 40)^40 = 4.4 % of the resamples have none, more than the tail of 2.5 %
    few = metric_interval(binary([1] * 37 + [0] * 3), "accuracy", interval="bootstrap")
    assert few.low is None and "no spread" in few.reason
    alone = metric_interval(binary([1, 0, 1], groups=[0, 0, 0]), "accuracy", interval="percentile")
    assert alone.low is None and "one group" in alone.reason


def test_the_summary_takes_interval_and_tags():
    import pandas as pd

    frame = pd.DataFrame({
        "model": "unimodal:a", "seed": 0, "fold": 0, "part": "test", "sample_id": [f"{i:02d}" for i in range(30)],
        "group": None, "truth": np.linspace(-3, 3, 30), "prediction": np.linspace(-2, 3, 30),
    })  # fmt: skip
    frame["p_0"] = frame["prediction"]
    given = {"verdict": {"recommended": "unimodal:a"}, "task": "regression", "classes": (),
             "models": [{"model": "unimodal:a", "modalities": ["a"]}]}  # fmt: skip
    plain = evaluate(frame, **given)
    tagged = evaluate(frame, **given, tags=["affect"], interval="bootstrap")
    assert set(tagged["models"][0]["metrics"]) - set(plain["models"][0]["metrics"]) == {
        "acc7", "acc5", "acc2", "f1_nonzero"}  # fmt: skip
    assert "bootstrap-t over samples" in tagged["protocol"]["interval"]
    assert tagged["models"][0]["metrics"]["mae"] != plain["models"][0]["metrics"]["mae"]
    headline = evaluate(frame, **given, metric="acc7")
    assert headline["metric"] == "acc7" and "acc7" in headline["models"][0]["metrics"]
    with pytest.raises(InputError):
        evaluate(frame, **given, interval="bca")


@pytest.mark.parametrize("change", [{"kind": "bca"}, {"level": 1.0}, {"n_boot": 10}, {"name": "accuracy"}])
def test_bad_input_is_refused(change):
    given = {"name": "mae", **change}
    with pytest.raises(InputError):
        bootstrap_interval(numeric(np.arange(5.0)), given.pop("name"), **given)


@pytest.mark.slow
def test_with_ten_groups_bootstrap_t_covers_and_percentile_does_not():
    rng = np.random.default_rng(6)
    covered = {"bootstrap_t": [], "percentile": []}
    for draw in range(400):
        rate = rng.beta(8, 2, 10)  # mean accuracy .8, groups that differ
        hits = rng.random((10, 50)) < rate[:, None]
        p = binary(hits.ravel(), np.repeat(np.arange(10), 50))
        for kind, inside in covered.items():
            found = bootstrap_interval(p, "accuracy", kind=kind, n_boot=399, seed=draw)
            inside.append(found.low <= 0.8 <= found.high)
    # standard error of a coverage of .95 over 400 draws is .011
    assert np.mean(covered["bootstrap_t"]) > 0.915
    assert np.mean(covered["percentile"]) < 0.925
