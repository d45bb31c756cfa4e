"""Neighbours: information known in closed form, equal rows, groups, agreement with scikit-learn, atoms, refusals."""

import json

import numpy as np
import pytest
from scipy.special import digamma, entr, expit
from scipy.stats import norm
from worlds import WORLDS, sample

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.neighbours import search
from mmcore.information.neighbours.estimate import combine, neighbour_posteriors
from mmcore.information.neighbours.information import local_information
from mmcore.information.neighbours.search import find_neighbours, places_of

ATOMS = pid.ATOMS


def estimate(x1, x2, y, **options):
    return pid.estimate(x1, x2, y, method="neighbours", **options)


def information(x, y, *, k=3, depth=64, groups=None):
    return local_information(find_neighbours(x, groups, depth), y, k).mean()


def gaussian_information(mu):
    """I(X;Y) in bits of X = N(+-mu, 1), two equal classes, by numerical integration."""
    x = np.linspace(-mu - 9.0, mu + 9.0, 20_001)
    p = expit(2.0 * mu * x)
    entropy = (entr(p) + entr(1.0 - p)) / np.log(2.0)
    return 1.0 - np.trapezoid(entropy * 0.5 * (norm.pdf(x, mu) + norm.pdf(x, -mu)), x)


def gaussians(n, means, seed):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    return [generator.normal(size=(n, 1)) + mu * (2 * y[:, None] - 1) for mu in means], y


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.0, 2.0])
def test_gaussian_classes(mu):
    found = []
    for seed in range(3):
        (x,), y = gaussians(3000, [mu], seed)
        found.append(information(x, y))
    assert np.mean(found) == pytest.approx(gaussian_information(mu), abs=0.03)


def test_overlapping_uniform_classes():
    """Uniform on [0, 2) and on [1, 3): half of each class overlaps, so I = 1/2 bit."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 4000)
    x = generator.uniform(0.0, 2.0, (4000, 1)) + y[:, None]
    assert information(x, y) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("columns", [1, 3, 12])  # by tree, by tree, by plain distances
def test_agrees_with_scikit_learn_on_continuous_rows(columns):
    from sklearn.feature_selection import mutual_info_classif

    (x,), y = gaussians(400, [0.8], 0)
    if columns == 1:  # scikit-learn: the same formula of Ross for one column; it scales and jitters by 1e-10
        expected = mutual_info_classif(x, y, n_neighbors=3, random_state=0)[0] / np.log(2)
        assert information(x, y) == pytest.approx(expected, abs=1e-3)
    x = np.random.default_rng(1).normal(size=(400, columns)) + 0.5 * y[:, None]
    expected = brute_force(x, y, 3)
    assert local_information(find_neighbours(x, None, 64), y, 3) == pytest.approx(expected, abs=1e-12)
    assert local_information(find_neighbours(x, None, 4), y, 3) == pytest.approx(expected, abs=1e-12)  # lists too short


def brute_force(x, y, k):
    """Ross 2014, equation 2, row by row."""
    n, found = len(y), []
    distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    for i in range(n):
        others = np.delete(np.arange(n), i)
        radius = np.sort(distance[i, others[y[others] == y[i]]])[k - 1]
        m = (distance[i, others] <= radius).sum()
        found.append(digamma(n) + digamma(k) - digamma((y == y[i]).sum()) - digamma(m))
    return np.array(found) / np.log(2)


def test_equal_rows_are_counted_as_gao_does():
    """Discrete rows: psi of the counts, which is the plug-in with Miller and Madow's correction to order 1/N."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 3, 900)
    y = ((x > 0) ^ (generator.random(900) < 0.2)).astype(np.int64)
    table = np.zeros((3, 2))
    np.add.at(table, (x, y), 1)
    by_hand = digamma(900) + (table / 900 * digamma(table)).sum()
    by_hand -= (table.sum(1) / 900 * digamma(table.sum(1))).sum() + (table.sum(0) / 900 * digamma(table.sum(0))).sum()
    found = information(x[:, None].astype(float), y, depth=16)
    assert found == pytest.approx(by_hand / np.log(2), abs=1e-12)


def test_a_mixture_of_an_atom_and_a_continuous_part():
    """Gao et al. 2017: X is 0 half of the time, and tells nothing then; else its sign is the label: I = 1/2 bit."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 4000)
    x = np.where(generator.random(4000) < 0.5, 0.0, (2 * y - 1) * generator.uniform(0.1, 1.0, 4000))
    assert information(x[:, None], y) == pytest.approx(0.5, abs=0.03)


def test_a_grid_of_coordinates_needs_no_noise():
    """Rounding to a fine grid changes information by no more than the estimate's own error."""
    (x,), y = gaussians(2000, [1.0], 0)
    assert information(np.round(x, 1), y) == pytest.approx(gaussian_information(1.0), abs=0.05)


@pytest.mark.parametrize("columns", [2, 12])
def test_lists_hold_the_nearest_rows_of_other_groups(columns):
    x = np.random.default_rng(0).normal(size=(150, columns))
    groups = np.random.default_rng(1).integers(0, 12, 150)
    distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    for unit in (None, groups):
        found = find_neighbours(x, unit, 10)
        apart = ~np.eye(150, dtype=bool) if unit is None else unit[:, None] != unit[None]
        expected = np.sort(np.where(apart, distance, np.inf), axis=1)[:, :10]
        assert found.distances == pytest.approx(expected, abs=1e-12)
        assert np.take_along_axis(distance, found.order, axis=1) == pytest.approx(expected, abs=1e-12)


def test_tree_and_plain_distances_agree(monkeypatch):
    (x,), y = gaussians(500, [1.0], 0)
    tree = information(x, y)
    monkeypatch.setattr(search, "_TREE_COLUMNS", 0)
    assert information(x, y) == pytest.approx(tree, abs=1e-12)
    assert information(x, y, groups=np.arange(500)) == pytest.approx(tree, abs=1e-12)  # groups of one row each


def test_groups_keep_identity_from_passing_for_information():
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 20)
    y = generator.permutation(np.arange(30) % 2)[person]
    x = (generator.normal(size=(30, 3)) * 5.0)[person] + generator.normal(size=(600, 3))
    assert information(x, y) > 0.7
    assert information(x, y, groups=person) < 0.2


def test_posteriors_are_held_out_and_near_those_of_bayes():
    (x,), y = gaussians(3000, [1.0], 0)
    posteriors, k = neighbour_posteriors(find_neighbours(x, None, 256), y, 2)
    assert 16 <= k <= 256
    assert np.abs(posteriors[:, 1] - expit(2.0 * x[:, 0])).mean() < 0.05
    coin = np.random.default_rng(99).integers(0, 2, 3000)
    posteriors, _ = neighbour_posteriors(find_neighbours(x, None, 256), coin, 2)
    assert abs(np.corrcoef(posteriors[:, 1], coin)[0, 1]) < 0.06  # a row's own label would show here


def test_sources_weigh_the_same_whatever_their_width():
    x1, x2 = np.random.default_rng(0).normal(size=(2, 300, 1))
    wide = np.repeat(x2, 9, axis=1) * 40.0
    assert find_neighbours(places_of([x1, x2], 10, seed=0), None, 5).order.tolist() == (
        find_neighbours(places_of([x1, wide], 10, seed=0), None, 5).order.tolist()
    )


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_symbols(world):
    x1, x2, y = sample(world.p, 4000, 0)
    noise = 0.03 if world.name.startswith("NOISY") else 0.02
    assert estimate(x1, x2, y).atoms == pytest.approx(world.atoms, abs=noise)


@pytest.mark.parametrize(("mu1", "mu2"), [(1.0, 0.5), (0.6, 0.6)])
def test_gaussian_classes_have_their_atoms(mu1, mu2):
    """The better of two channels of one family dominates the other: R = min I_k, the rest follows."""
    one, two = gaussian_information(mu1), gaussian_information(mu2)
    both = gaussian_information(np.hypot(mu1, mu2))
    found = []
    for seed in range(3):
        (x1, x2), y = gaussians(4000, [mu1, mu2], seed)
        found.append(list(estimate(x1, x2, y, seed=seed).atoms.values()))
    expected = [min(one, two), one - min(one, two), two - min(one, two), both - max(one, two)]
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.025)


def test_signs_of_continuous_features():
    x1, x2 = np.random.default_rng(0).normal(size=(2, 4000))
    found = estimate(x1, x2, (x1 > 0) ^ (x2 > 0))
    assert found.synergy > 0.93
    assert max(abs(found.redundancy), abs(found.unique1), abs(found.unique2)) < 0.03


def test_duplicated_features_are_redundant():
    (x1,), y = gaussians(2000, [1.0], 0)
    found = estimate(x1, 3.0 * x1, y)
    assert found.redundancy == pytest.approx(gaussian_information(1.0), abs=0.04)
    assert [found.unique1, found.unique2, found.synergy] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_combination_by_hand():
    table = pid.PID(0.1, 0.1, 0.3, 0.0)  # half of the smaller information is redundant
    assert combine(np.array([0.4, 1.0, 1.5]), table) == pytest.approx([0.2, 0.2, 0.8, 0.3])
    assert combine(np.array([0.4, 1.0, 1.5]), pid.PID(0.0, 0.0, 0.3, 0.0)) == pytest.approx([0.0, 0.4, 1.0, 0.1])


def test_resamples_and_permutations():
    (x1, x2), y = gaussians(500, [1.0, 0.3], 0)
    options = {"n_boot": 50, "n_null": 30, "seed": 3}
    found = estimate(x1, x2, y, **options)
    assert found.to_dict() == estimate(x1, x2, y, **options).to_dict()
    assert pid.PID.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert found.gap is None
    assert found.diagnostics["table_gap"] <= 1e-9
    for name in ATOMS:
        low, high = found.interval[name]
        assert low <= getattr(found, name) <= high
    assert found.unique1 > max(found.null["unique1"])
    assert np.mean(found.null["synergy"]) == pytest.approx(0.0, abs=0.03)
    grouped = estimate(x1, x2, y, groups=np.arange(500) % 25, **options)
    assert grouped.diagnostics["n_groups"] == 25


def test_a_continuous_label_is_binned():
    x1, x2 = np.random.default_rng(0).normal(size=(2, 1500))
    found = estimate(x1, x2, x1, label_bins=3)
    assert len(found.diagnostics["label_edges"]) == 2
    assert found.unique1 == pytest.approx(np.log2(3.0), abs=0.1)


(X1, X2), Y = gaussians(120, [1.0, 1.0], 0)


@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"k": 0}, "k", "0"),
        ({"table": "counts"}, "table", "counts"),
        ({"neighbours": 3}, "option of method 'neighbours'", "neighbours"),
        ({"components": 0}, "components", "0"),
        ({"n_boot": 1}, "n_boot", "1"),
        ({"groups": np.zeros(120)}, "groups", "1 group"),
        ({"groups": Y}, "y", "in one group only"),
        ({"y": np.r_[2, Y[1:]]}, "y", "in one row only"),
        ({"x1": np.where(X1 > 2, np.nan, X1)}, "x1", "non-finite"),
        ({"y": np.arange(120) % 15}, "x1, x2, y", "120 rows of 15 classes"),
    ],
)
def test_what_cannot_be_used_is_named(options, argument, words):
    rows = {"x1": X1, "x2": X2, "y": Y, **options}
    with pytest.raises(InputError) as caught:
        estimate(**rows)
    assert caught.value.argument == argument
    assert words in caught.value.received
    assert caught.value.remedy
