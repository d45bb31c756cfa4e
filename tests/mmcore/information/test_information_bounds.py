"""Accuracy bounds against the Bayes classifier and its equality cases; entropies against formulas."""

import math

import numpy as np
import pytest
from worlds import binary_entropy

from mmcore.errors import InputError
from mmcore.information import bounds
from mmcore.information.entropy import conditional_entropy, entropy, mutual_information


@pytest.mark.parametrize("seed", range(30))
def test_the_bayes_classifier_lies_between(seed):
    generator = np.random.default_rng(seed)
    n_classes = int(generator.integers(2, 7))
    weights = generator.dirichlet(np.full(n_classes, 0.3))  # unbalanced: where the printed theorem 8 fails
    p = generator.dirichlet(np.full(n_classes, 0.5), size=6) * weights
    p /= p.sum()
    best = p.max(axis=1).sum()
    found = bounds.accuracy(mutual_information(p), entropy(p.sum(axis=0)), n_classes)
    assert found.lower <= best + 1e-12
    assert best <= found.upper + 1e-12
    assert found.average == pytest.approx((found.lower + found.upper) / 2)


def test_the_printed_theorem_is_false_for_unbalanced_labels():
    p = np.diag([0.9, 0.05, 0.03, 0.02])
    printed = (mutual_information(p) + 1) / math.log2(4)
    assert printed < 1.0  # but the classifier is perfect
    assert bounds.accuracy(mutual_information(p), entropy(p.sum(axis=0)), 4).upper == pytest.approx(1.0)


@pytest.mark.parametrize("error", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_fano_is_met_by_the_symmetric_channel(error, n_classes):
    p = np.full((n_classes, n_classes), error / (n_classes - 1))
    np.fill_diagonal(p, 1 - error)
    p /= n_classes
    found = bounds.accuracy(mutual_information(p), math.log2(n_classes), n_classes)
    assert found.upper == pytest.approx(1 - error, abs=1e-12)


def test_hellman_raviv_is_met_by_the_erasure_channel():
    assert bounds.accuracy(0.6, 1.0, 2).lower == pytest.approx(0.8)


def test_feder_merhav_is_met_by_uniform_sets():
    # two of eight classes are told apart as quarters: four equally likely remain
    assert bounds.accuracy(1.0, 3.0, 8).lower == pytest.approx(0.25)


def test_no_information_allows_what_the_prior_allows():
    assert bounds.accuracy(0.0, 1.0, 2).upper == pytest.approx(0.5, abs=1e-7)
    assert bounds.accuracy(0.0, binary_entropy(0.2), 2).upper == pytest.approx(0.8, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ((0.5, 1.5, 2), "label_entropy"),
        ((1.5, 1.0, 2), "information"),
        ((-0.1, 1.0, 2), "information"),
        ((math.nan, 1.0, 2), "information"),
        ((0.5, math.nan, 2), "label_entropy"),
        ((0.5, 1.0, 1), "n_classes"),
    ],
)
def test_impossible_numbers_are_named(arguments, argument):
    with pytest.raises(InputError) as caught:
        bounds.accuracy(*arguments)
    assert caught.value.argument == argument


def test_the_printed_form_is_false_for_weighted_labels():
    # 2 x 2 x 4 tables with label weights 20:1:1:1: the printed upper bound lies below the accuracy nearly always,
    # the inverted Fano bound never.
    generator = np.random.default_rng(0)
    violated = 0
    for _ in range(500):
        p = generator.dirichlet(np.ones(16)).reshape(4, 4) * [20, 1, 1, 1]
        p /= p.sum()
        best, known, label = p.max(axis=1).sum(), mutual_information(p), entropy(p.sum(axis=0))
        violated += bounds.accuracy_as_printed(known, label, 4).upper < best
        assert bounds.accuracy(known, label, 4).upper >= best - 1e-12
    assert violated > 0.95 * 500


@pytest.mark.parametrize("error", [0.0, 0.1, 0.4])
def test_the_printed_form_says_nothing_about_two_classes(error):
    p = 0.5 * np.array([[1 - error, error], [error, 1 - error]])
    assert bounds.accuracy_as_printed(mutual_information(p), 1.0, 2).upper >= 1.0


@pytest.mark.parametrize(
    ("lower", "upper", "average"),
    [(0.52, 1.07, 0.80), (0.58, 1.21, 0.90), (0.62, 1.29, 0.96), (0.78, 1.63, 1.21)],
    ids=["MOSEI", "UR-FUNNY", "MOSI", "MUSTARD"],
)
def test_table_6_3_of_the_thesis(lower, upper, average):
    # Two balanced classes: the printed upper bound is I + 1, so I = upper - 1 gives the printed lower bound and P_M.
    found = bounds.accuracy_as_printed(upper - 1.0, 1.0, 2)
    assert found.upper == pytest.approx(upper)
    assert found.lower == pytest.approx(lower, abs=0.015)
    assert found.average == pytest.approx(average, abs=0.015)


def test_an_interval_takes_each_side_at_its_safe_end():
    low, high = bounds.accuracy(0.3, 1.5, 3), bounds.accuracy(0.9, 1.5, 3)
    found = bounds.accuracy_of_interval(0.3, 0.9, 1.5, 3)
    assert (found.lower, found.upper) == (low.lower, high.upper)
    with pytest.raises(InputError) as caught:
        bounds.accuracy_of_interval(0.9, 0.3, 1.5, 3)
    assert caught.value.argument == "low"


@pytest.mark.parametrize("seed", range(20))
def test_performance_from_pair_tables_holds_the_best_accuracy(seed):
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(2, 5, 3))
    p = generator.dirichlet(np.full(np.prod(shape), 0.4)).reshape(shape)
    found = bounds.performance(p.sum(axis=1), p.sum(axis=0), p.sum(axis=2))
    best = p.max(axis=2).sum()
    assert found.lower - 1e-12 <= best <= found.upper + 1e-12


def test_entropies_of_a_channel():
    p = np.array([[0.45, 0.05], [0.05, 0.45]])
    assert conditional_entropy(p) == pytest.approx(binary_entropy(0.1))
    assert mutual_information(p) == pytest.approx(1 - binary_entropy(0.1))
    assert entropy(p) == pytest.approx(1 + binary_entropy(0.1))
