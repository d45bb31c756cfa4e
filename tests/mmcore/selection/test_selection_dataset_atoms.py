"""Draws of atoms have the centre, the ends and the mirror images that they are said to have."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.selection.dataset_atoms import draw_atoms
from mmcore.selection.rule import read_atoms

PAIR = ("a", "b")
CENTRE = np.array([0.2, 0.3, 0.1, 0.4])
ENDS = np.array([[0.1, 0.4], [0.25, 0.32], [-0.05, 0.1], [0.4, 0.6]])  # not symmetric, one-sided, below zero


def decomposition(**more):
    names = ("redundancy", "unique1", "unique2", "synergy")
    return SimpleNamespace(
        **dict(zip(names, (CENTRE + 0.05).tolist())), corrected=dict(zip(names, CENTRE.tolist())),
        interval=dict(zip(names, ENDS.tolist())), **more,
    )  # fmt: skip


def drawn(pid, n_draws=20_000, pair=PAIR, seed=0):
    return draw_atoms(pair, pid, read_atoms({pair: pid})[pair], n_draws=n_draws, seed=seed)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_ends_of_each_interval_are_quantiles_of_its_draws(level):
    found = drawn(decomposition(diagnostics={"level": level}))
    low, median, high = np.quantile(found.values, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    assert median == pytest.approx(CENTRE, abs=0.003)
    assert low == pytest.approx(ENDS[:, 0], abs=0.006) and high == pytest.approx(ENDS[:, 1], abs=0.006)
    assert found.values[:, 2].min() < -0.06  # nothing is cut off at zero or at the end


def test_draws_are_mirrored_so_that_names_mean_nothing():
    one = drawn(decomposition(), 200).values
    swapped = decomposition()
    order = ("redundancy", "unique2", "unique1", "synergy")
    swapped.corrected = dict(zip(order, CENTRE.tolist()))
    swapped.interval = dict(zip(order, ENDS.tolist()))
    two = drawn(swapped, 200).values[:, [0, 2, 1, 3]]
    assert np.sort(one, axis=0) == pytest.approx(np.sort(two, axis=0))
    assert drawn(decomposition(), 200, pair=("b", "a")).values == pytest.approx(one)


def test_resamples_keep_how_atoms_move_together():
    generator = np.random.default_rng(0)
    along = generator.normal(size=400)
    resamples = 0.7 + np.stack([along, -along, 0 * along, along], axis=1) * 0.1
    found = drawn(decomposition(draws=resamples), 1000)
    assert found.kind == "bootstrap"
    assert np.corrcoef(found.values[:, 0], found.values[:, 1])[0, 1] == pytest.approx(-1.0)
    assert found.values.mean(axis=0) == pytest.approx(CENTRE, abs=0.02)  # their bias is taken off


def test_known_atoms_are_the_only_draw():
    found = drawn(SimpleNamespace(redundancy=0.1, unique1=0.0, unique2=0.2, synergy=0.3))
    assert found.kind == "none" and found.values.tolist() == [[0.1, 0.0, 0.2, 0.3]]
    assert (found.low, found.high) == pytest.approx((0.6, 0.6)) and found.counts


def test_the_totals_own_interval_is_used_where_it_is_known():
    found = drawn(decomposition(information={"both": {"interval": [0.9, 1.1]}}))
    assert (found.low, found.high) == (0.9, 1.1) and found.total == pytest.approx(1.0)


@pytest.mark.parametrize(("reach", "counts"), [(0.001, True), (0.05, False)])
def test_information_counts_above_its_uncertainty(reach, counts):
    names = ("redundancy", "unique1", "unique2", "synergy")
    pid = SimpleNamespace(**dict.fromkeys(names, 0.012), interval=dict.fromkeys(names, (0.012 - reach, 0.012 + reach)))
    assert drawn(pid, 400).counts is counts


def test_noise_of_many_datasets_without_information_rarely_counts():
    """Estimates of nothing, as far from zero as their intervals say: at most one total in forty, four atoms beside."""
    generator = np.random.default_rng(0)
    names = ("redundancy", "unique1", "unique2", "synergy")
    calls = 0
    for seed in range(200):
        values = generator.normal(0.0, 0.05, 4)
        ends = {n: (v - 0.098, v + 0.098) for n, v in zip(names, values)}
        calls += drawn(SimpleNamespace(**dict(zip(names, values)), interval=ends), 100, seed=seed).counts
    assert calls <= 200 * (5 * 0.025) + 3 * np.sqrt(200 * 0.125 * 0.875)


@pytest.mark.parametrize(
    ("more", "n_draws", "argument"),
    [
        ({}, 3, "n_draws"),
        ({}, 0, "n_draws"),
        ({"draws": np.zeros((5, 3))}, 10, "pid.draws"),
        ({"draws": np.full((5, 4), np.nan)}, 10, "pid.draws"),
        ({"diagnostics": {"level": 95}}, 10, "pid.diagnostics.level"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(more, n_draws, argument):
    with pytest.raises(InputError) as told:
        drawn(decomposition(**more), n_draws)
    assert told.value.argument == argument
