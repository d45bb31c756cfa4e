"""Split conformal prediction: the exact finite-sample coverage, patterns, groups, fallbacks, and sets by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom

from mmcore.errors import InputError
from mmcore.evaluation.conformal import conformal_intervals, conformal_rank, conformal_sets, conformity
from mmcore.evaluation.coverage import conformal, measured
from mmcore.evaluation.predictions import Predicted


def rows(n, rng, noise=1.0, n_classes=4):
    """Probabilities of a model that is wrong about its own confidence, and labels."""
    truth = rng.integers(0, n_classes, n)
    logits = rng.normal(0, noise, (n, n_classes)) + 1.5 * np.eye(n_classes)[truth]
    return softmax(3 * logits, axis=1), truth


def within_binomial(hits, trials, share):
    """A two-sided check that a true share fails once in a million runs; the draws are seeded."""
    low, high = binom.ppf([5e-7, 1 - 5e-7], trials, share)
    return low <= hits <= high


@pytest.mark.parametrize(
    ("n", "alpha", "rank"), [(9, 0.1, 9), (19, 0.05, 19), (99, 0.05, 95), (10, 0.1, 10), (8, 0.1, 9)]
)
def test_rank_is_the_finite_sample_one(n, alpha, rank):
    assert conformal_rank(n, alpha) == rank


@pytest.mark.parametrize(("method", "drawn"), [("lac", False), ("aps", True), ("aps", False)])
def test_coverage_of_exchangeable_rows_is_k_over_n_plus_one(method, drawn):
    # with continuous scores, P(truth in set) = k / (n + 1) = 36 / 40 exactly; each repetition is one Bernoulli trial
    rng, hits = np.random.default_rng(0), 0
    for draw in range(2000):
        p, truth = rows(40, rng)
        sets = conformal_sets(p[:39], truth[:39], p[39:], alpha=0.1, method=method, randomised=drawn, seed=draw)
        hits += int(sets.included[0, truth[39]])
    assert within_binomial(hits, 2000, 0.9)
    assert not within_binomial(int(0.86 * 2000), 2000, 0.9)


def test_coverage_of_intervals_is_k_over_n_plus_one():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(2000):
        truth = rng.standard_t(2, 20)  # heavy tails, a useless model: the statement holds all the same
        found = conformal_intervals(np.zeros(19), truth[:19], np.zeros(1), alpha=0.2)
        hits += int(found.low[0] <= truth[19] <= found.high[0])
    assert within_binomial(hits, 2000, 16 / 20)


def test_each_pattern_is_covered_where_one_threshold_fails_the_hard_one():
    rng, hits, pooled = np.random.default_rng(2), {"audio": 0, "audio+text": 0}, 0
    pattern = np.array(["audio+text"] * 60 + ["audio"] * 40)
    for _ in range(600):
        spread = np.where(pattern == "audio", 5.0, 1.0)
        truth, new = rng.normal(0, spread), rng.normal(0, [5.0, 1.0])
        given = {"calibration_patterns": pattern, "patterns": np.array(["audio", "audio+text"])}
        found = conformal_intervals(np.zeros(100), truth, np.zeros(2), alpha=0.1, **given)
        for place, name in enumerate(("audio", "audio+text")):
            hits[name] += int(abs(new[place]) <= found.high[place])
        pooled += int(abs(new[0]) <= conformal_intervals(np.zeros(100), truth, np.zeros(1), alpha=0.1).high[0])
    assert within_binomial(hits["audio"], 600, 37 / 41) and within_binomial(hits["audio+text"], 600, 55 / 61)
    assert pooled < 0.85 * 600


def test_patterns_never_borrow_rows():
    rng = np.random.default_rng(3)
    p, truth = rows(100, rng)
    pattern = np.array(["a"] * 60 + ["b"] * 40)
    both = conformal_sets(p, truth, p, calibration_patterns=pattern, patterns=pattern)
    alone = conformal_sets(p[:60], truth[:60], p[:60])
    assert np.array_equal(both.included[:60], alone.included)


def test_too_few_rows_give_every_class_and_the_whole_line_with_a_reason():
    p, truth = rows(30, np.random.default_rng(4))
    pattern = np.array(["text"] * 22 + ["audio"] * 8)
    sets = conformal_sets(p, truth, p[:3], calibration_patterns=pattern, patterns=np.array(["audio", "text", "video"]))
    assert sets.included[0].all() and sets.included[2].all() and not sets.included[1].all()
    by_name = {t.pattern: t for t in sets.thresholds}
    assert "9 needed" in by_name["audio"].reason and by_name["video"].n_rows == 0 and by_name["text"].reason is None
    found = conformal_intervals(np.zeros(8), np.arange(8.0), np.zeros(1), alpha=0.1)
    assert found.low[0] == -np.inf and found.high[0] == np.inf
    entry = measured(found, np.zeros(1))[0]
    assert entry["threshold"] is None and entry["size"] is None and entry["coverage"]["value"] == 1.0


def test_one_row_a_group_covers_rows_of_new_groups_where_all_rows_do_not():
    # 30 groups of 1 or 40 rows; a group's rows share one error, so most rows say the same thing many times
    rng, by_group, by_row = np.random.default_rng(5), 0, 0
    sizes = np.where(np.arange(30) < 15, 1, 40)
    groups = np.repeat(np.arange(30), sizes)
    for draw in range(800):
        spread = np.where(sizes == 1, 6.0, 1.0)
        errors = rng.normal(0, spread)[groups] + rng.normal(0, 0.1, len(groups))
        new = rng.normal(0, spread[rng.integers(30)]) + rng.normal(0, 0.1)  # a row of a new group of the same kind
        zeros = np.zeros(len(groups))
        exact = conformal_intervals(zeros, errors, np.zeros(1), alpha=0.1, groups=groups, seed=draw)
        loose = conformal_intervals(zeros, errors, np.zeros(1), alpha=0.1)
        by_group += int(abs(new) <= exact.high[0])
        by_row += int(abs(new) <= loose.high[0])
    assert within_binomial(by_group, 800, 28 / 31)
    assert by_row < 0.8 * 800


def test_scores_by_hand():
    p = np.array([[0.2, 0.5, 0.3]])
    assert conformity(p, "lac")[0] == pytest.approx([0.8, 0.5, 0.7])
    assert conformity(p, "aps")[0] == pytest.approx([1.0, 0.5, 0.8])
    assert conformity(p, "aps", np.array([0.5]))[0] == pytest.approx([0.9, 0.25, 0.65])


def test_sets_grow_as_less_may_be_missed_and_the_same_seed_draws_the_same_sets():
    p, truth = rows(600, np.random.default_rng(6))
    given = (p[:300], truth[:300], p[300:])
    sizes = [conformal_sets(*given, alpha=a).included.sum() for a in (0.4, 0.2, 0.1, 0.05)]
    assert sizes == sorted(sizes)
    first, again, other = (conformal_sets(*given, method="aps", seed=s).included for s in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_predictions_go_through_and_coverage_comes_with_an_interval():
    rng = np.random.default_rng(7)
    parts = []
    for _ in range(2):
        p, truth = rows(400, rng)
        parts.append(Predicted("m", "classification", tuple("abcd"), truth, p.argmax(axis=1)[None], p[None],
                               np.arange(400).astype(str), np.arange(400) % 40, "group", (0,)))  # fmt: skip
    pattern = np.where(np.arange(400) % 3 == 0, "a", "a+b")
    found = conformal(*parts, method="aps", valid_patterns=pattern, test_patterns=pattern)
    assert [entry["pattern"] for entry in found["table"]] == ["all rows", "a", "a+b"] and found["grouped"]
    whole = found["table"][0]
    assert whole["coverage"]["low"] < whole["coverage"]["value"] < whole["coverage"]["high"]
    assert whole["coverage"]["value"] == pytest.approx(0.9, abs=0.07)
    assert conformal(*parts, one_row_a_group=True)["table"][0]["n_calibration"] == 40


@pytest.mark.parametrize(
    "call",
    [
        lambda p, y: conformal_sets(p, y, p, alpha=0.0),
        lambda p, y: conformal_sets(p, y, p, alpha=1.0),
        lambda p, y: conformal_sets(p, y, p, method="raps"),
        lambda p, y: conformal_sets(p, y[:5], p),
        lambda p, y: conformal_sets(p, y, p[:, :3]),
        lambda p, y: conformal_sets(2 * p, y, p),
        lambda p, y: conformal_sets(p, y, p, patterns=np.array(["a"] * 30)),
        lambda p, y: conformal_sets(p, y, p, patterns=np.array(["a"]), calibration_patterns=np.array(["a"] * 30)),
        lambda p, y: conformal_intervals(p, y, p),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call(*rows(30, np.random.default_rng(8)))
