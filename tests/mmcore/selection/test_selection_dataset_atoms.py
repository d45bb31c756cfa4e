"""Draws of atoms have the centre, the ends and the mirror images that they are said to have."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr
from worlds import gate, sample

from mmcore.errors import InputError
from mmcore.information import pid as information
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


def resampled(n=400, seed=0):
    """Atoms of which two move against each other and one is zero but for three times in four hundred."""
    along, other, rare = np.random.default_rng(seed).normal(size=(3, n))
    return 0.7 + np.stack([along, other - along, np.where(rare > 2.43, rare, 0.0), other], axis=1) * 0.1


def test_resamples_keep_how_atoms_move_together():
    resamples = resampled()
    found = drawn(decomposition(draws=resamples), 800)
    assert found.kind == "bootstrap"
    ranks, expected = spearmanr(found.values).statistic, spearmanr(resamples).statistic
    assert ranks[0, 1] == pytest.approx(expected[0, 1], abs=1e-4) and expected[0, 1] < -0.6
    assert ranks[1, 3] > 0.5 * expected[1, 3] > 0.3  # half of the fourth atom's draws lie at its low end
    assert np.abs(ranks[2, [0, 1, 3]]).max() < 0.15  # ties are broken at random: they say nothing of dependence


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_spread_of_resamples_is_that_of_the_interval(level):
    """However biased, narrow, skewed or tied they are; and where the interval is none of theirs, nothing explodes."""
    for resamples in (resampled(), 5.0 + 0.01 * resampled(), np.exp(resampled()), np.zeros((400, 4))):
        found = drawn(decomposition(diagnostics={"level": level}, draws=resamples), 800)
        low, median, high = np.quantile(found.values, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
        assert median == pytest.approx(CENTRE, abs=1e-3)
        assert low == pytest.approx(ENDS[:, 0], abs=2e-3) and high == pytest.approx(ENDS[:, 1], abs=4e-3)
        inside = ((found.values >= ENDS[:, 0]) & (found.values <= ENDS[:, 1])).mean(axis=0)
        # the last two are at an end of their intervals: half of the draws lie there, none beyond
        one_sided = 0.5 + level / 2
        assert inside == pytest.approx([level, level, one_sided, one_sided], abs=0.005)


def test_only_the_ranks_of_resamples_matter_and_no_digit_beyond_the_sixth():
    resamples = resampled()
    coarse = np.round(resamples, 2)
    one = drawn(decomposition(draws=coarse), 200).values
    assert np.array_equal(one, drawn(decomposition(draws=7.0 * coarse - 1.0), 200).values)
    one = drawn(decomposition(draws=resamples), 200).values
    assert np.array_equal(one, drawn(decomposition(draws=np.round(resamples, 6).tolist()), 200).values)
    assert not np.array_equal(one, drawn(decomposition(draws=resamples), 200, seed=1).values)


def test_resamples_are_mirrored_so_that_names_mean_nothing():
    resamples, order = np.round(resampled(), 2), [0, 2, 1, 3]  # many ties
    one = drawn(decomposition(draws=resamples), 200).values
    swapped = decomposition(draws=resamples[:, order])
    names = ("redundancy", "unique2", "unique1", "synergy")
    swapped.corrected, swapped.interval = dict(zip(names, CENTRE.tolist())), dict(zip(names, ENDS.tolist()))
    two = drawn(swapped, 200, pair=("b", "a")).values[:, order]
    assert two == pytest.approx(np.concatenate([one[100:], one[:100]]))


def test_resamples_without_an_interval_have_their_own():
    resamples = np.random.default_rng(0).normal(0.3, 0.1, (400, 4))
    pid = SimpleNamespace(redundancy=0.1, unique1=0.2, unique2=0.3, synergy=0.4, draws=resamples)
    found = drawn(pid, 800)
    assert found.kind == "bootstrap"
    assert np.quantile(found.values, 0.975, axis=0) - [0.1, 0.2, 0.3, 0.4] == pytest.approx(0.196, abs=0.03)


KINKED = {
    "and": gate(lambda a, b: a & b),  # U1 = U2 = 0 at a kink
    "sum": gate(lambda a, b: a + b),  # the same, of three labels
}


@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize("name", KINKED)
def test_draws_of_an_estimate_have_its_intervals_and_its_dependence(name, n):
    pid = information.estimate(*sample(KINKED[name], n, 0), n_boot=200, seed=0)
    found, ends = drawn(pid, 400), np.array(list(pid.interval.values()))
    assert found.kind == "bootstrap" and pid.draws.shape == (200, 4)
    low, high = np.quantile(found.values, [0.025, 0.975], axis=0)
    assert high - low == pytest.approx(ends[:, 1] - ends[:, 0], rel=0.05)
    # resamples moved to the corrected value are narrower, and off where an interval is held at zero
    plain = pid.draws - pid.draws.mean(axis=0) + found.centre
    assert (np.ptp(np.quantile(plain, [0.025, 0.975], axis=0), axis=0) < 1.001 * (ends[:, 1] - ends[:, 0])).all()
    expected, ranks = (spearmanr(values).statistic for values in (pid.draws, found.values))
    # half of the resamples of an "and" have the same U1 = 0: where ranks are tied nothing of dependence is known
    assert np.abs(ranks - expected).max() < (0.2 if name == "and" else 0.01) and expected.min() < -0.5
    if name == "and":
        return  # its R and U1 hardly move together
    # what one modality tells, R + U, is known better than its parts, which independent draws cannot know
    apart = drawn(SimpleNamespace(**pid.atoms, corrected=pid.corrected, interval=pid.interval), 400)
    spread = [values[:, :2].sum(axis=1).std() for values in (plain, found.values, apart.values)]
    assert spread[1] < 1.3 * spread[0] < spread[2]


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
