"""Coverage of the intervals and false positives of the nulls; small by default, the promised bands in `slow`."""

import numpy as np
import pytest
from worlds import WORLDS, gate, planted_shared, same_source, through

from mmcore.information.atoms import ATOMS
from mmcore.information.uncertainty.study import coverage, false_positives, wilson

AND = gate(lambda i, j: i & j)
XOR = gate(lambda i, j: i ^ j)


def noisy_copies(first, second, share=0.5):
    """X1 and X2 see the label through channels of their own, with these errors; `share` of label 1."""
    p = np.zeros((2, 2, 2))
    for i, j, y in np.ndindex(2, 2, 2):
        p[i, j, y] = (share if y else 1 - share) * (first if i != y else 1 - first) * (second if j != y else 1 - second)
    return p


def chain(posteriors, error):
    """Y - X1 - X2: X2 is a noisy copy of X1, which alone tells of the label."""
    n = len(posteriors)
    channel = np.full((n, n), error / (n - 1))
    np.fill_diagonal(channel, 1 - error)
    given = np.stack([1 - np.array(posteriors), np.array(posteriors)], axis=1)
    return channel[:, :, None] * given[:, None, :] / n


def in_band(found, low, high, n_draws):
    """Whether each rate of this sample agrees, at three standard errors, with a rate in the band."""
    slack = 3.0 * (0.05 * 0.95 / n_draws) ** 0.5
    for name in ATOMS:
        truth, rate = found[name]["truth"], found[name]["coverage"]
        if truth > 0.02:
            assert low - slack <= rate <= high + slack, (name, rate)
        elif abs(truth) < 1e-9:
            assert rate >= low - slack, (name, rate)


def test_noisy_and_is_covered_at_its_kink():
    in_band(coverage(through(AND, 0.1), 500, 150, n_boot=100, seed=1), 0.92, 0.97, 150)


def test_noisy_copies_are_covered_at_their_kink():
    in_band(coverage(noisy_copies(0.1, 0.1), 500, 150, n_boot=100, seed=2), 0.92, 0.97, 150)


def test_random_effects_of_ten_groups_are_covered():
    in_band(coverage(through(XOR, 0.2), 400, 100, n_boot=100, n_groups=10, effect=0.7, seed=3), 0.92, 0.97, 100)


def test_a_noisy_copy_of_four_symbols_is_not_called_synergy():
    found = false_positives(chain((0.1, 0.4, 0.6, 0.9), 0.3), 400, 120, n_null=59, seed=4)
    assert found["wilson"][0] <= 0.05
    assert false_positives(through(XOR, 0.2), 400, 20, n_null=39, seed=4)["rate"] == 1.0


def test_wilson_interval_of_a_published_case():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 15 of 148 gives .0624 to .1605
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


SLOW = {
    "and": AND,
    "noisy and .05": through(AND, 0.05),
    "noisy and .1": through(AND, 0.1),
    "noisy and .2": through(AND, 0.2),
    "noisy xor .1": through(XOR, 0.1),
    "noisy xor .2": through(XOR, 0.2),
    "same source": same_source(0.1),
    "copies .1 .1": noisy_copies(0.1, 0.1),
    "copies .1 .2": noisy_copies(0.1, 0.2),
    "copies .3 .3": noisy_copies(0.3, 0.3),
    "copies, labels 85 to 15": noisy_copies(0.1, 0.1, 0.15),
    "noisy unique": next(w.p for w in WORLDS if w.name == "NOISY_UNQ1"),
    "independent": np.full((2, 2, 2), 0.125),
}


@pytest.mark.slow
@pytest.mark.parametrize("world", SLOW)
@pytest.mark.parametrize("n_rows", [500, 2_000])
def test_every_world_is_covered(world, n_rows):
    in_band(coverage(SLOW[world], n_rows, 1_000, seed=n_rows), 0.93, 0.96, 1_000)


@pytest.mark.slow
def test_four_symbols_and_four_labels_are_covered():
    in_band(coverage(planted_shared().p, 2_000, 200, n_boot=100), 0.92, 0.97, 200)


NULLS = {
    "independent": np.full((2, 2, 2), 0.125),
    "independent 3 x 4 x 2": np.full((3, 4, 2), 1 / 24),
    "same source": same_source(0.1),
    "copy of a bit": chain((0.1, 0.9), 0.15),
    "copy of four symbols": chain((0.1, 0.4, 0.6, 0.9), 0.3),
    "unique": next(w.p for w in WORLDS if w.name == "NOISY_UNQ1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("world", NULLS)
@pytest.mark.parametrize("n_rows", [300, 1_000])
def test_no_world_without_synergy_is_called_too_often(world, n_rows):
    assert false_positives(NULLS[world], n_rows, 1_000, seed=n_rows)["wilson"][0] <= 0.05


@pytest.mark.slow
def test_corrected_synergy_of_unrelated_data_over_200_draws():
    found = coverage(np.full((20, 20, 2), 1 / 800), 1_800, 200, n_boot=100)["synergy"]
    assert abs(found["corrected_error"]) < 0.005
    assert found["raw_error"] == pytest.approx(0.18, abs=0.01)
    assert found["coverage"] >= 0.92
