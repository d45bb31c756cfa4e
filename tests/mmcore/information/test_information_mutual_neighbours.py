"""Mutual information by nearest neighbours: closed forms of Gaussians and of mixed worlds, invariances, identities."""

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif

from mmcore.errors import InputError
from mmcore.information.mutual_information import neighbours
from mmcore.information.mutual_information.nearest import ksg1, mixed, ross

LN2 = np.log(2.0)


def gaussians(n, rho, seed, pairs=1):
    x, noise = np.random.default_rng(seed).standard_normal((2, n, pairs))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def mean_of(draw, n_draws, **kw):
    found = [neighbours(*draw(seed), **kw).value for seed in range(n_draws)]
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(n_draws)


@pytest.mark.parametrize("variant", ["ksg1", "ksg2", "mixed"])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_gaussian_pair(variant, rho):
    """I = -1/2 log2(1 - rho^2); Kraskov et al. 2004, figure 4: errors of some 0.01 nats at N = 1,000."""
    found, error = mean_of(lambda seed: gaussians(1_000, rho, seed), 12, variant=variant)
    assert found == pytest.approx(-0.5 * np.log2(1 - rho**2), abs=3 * error + 0.012)


def test_information_of_independent_pairs_adds_up():
    one = -0.5 * np.log2(1 - 0.7**2)
    for pairs in (1, 2, 3):
        found, error = mean_of(lambda seed, pairs=pairs: gaussians(2_000, 0.7, seed, pairs), 4)
        assert found == pytest.approx(pairs * one, abs=3 * error + 0.03 * pairs)


@pytest.mark.parametrize("m", [2, 5])
def test_integer_and_uniform_on_top_of_it(m):
    """Gao et al. 2017, experiment II: X in 0..m-1, Y uniform on [X, X+2]: I = log m - (m-1) log 2 / m."""

    def draw(seed):
        generator = np.random.default_rng(seed)
        x = generator.integers(0, m, 2_000)
        return x, x + 2 * generator.random(2_000)

    truth = (np.log(m) - (m - 1) * LN2 / m) / LN2
    for variant, cast in (("ross", int), ("mixed", float)):
        found, error = mean_of(lambda seed, cast=cast: (draw(seed)[0].astype(cast), draw(seed)[1]), 6, variant=variant)
        assert found == pytest.approx(truth, abs=3 * error + 0.02)


@pytest.mark.parametrize("p", [0.0, 0.15])
def test_zero_inflated_poisson(p):
    """Gao et al. 2017, experiment IV: X ~ Exp(1), Y = 0 with chance p, else Poisson(X).

    Their (1 - p) (2 log 2 - gamma - sum_k log k / 2^k) is the truth for p = 0; for p > 0 it holds where the inserted
    zeros can be told from Poisson's own, so truth here is by numerical integration.
    """
    x = np.linspace(1e-4, 40, 40_001)
    k = np.arange(0, 120)
    from scipy.special import xlogy
    from scipy.stats import poisson

    channel = p * (k[:, None] == 0) + (1 - p) * poisson.pmf(k[:, None], x)
    weights = np.exp(-x) / np.exp(-x).sum()
    marginal = channel @ weights
    truth = (((xlogy(channel, channel).sum(axis=0)) @ weights) - xlogy(marginal, marginal).sum()) / LN2
    if p == 0.0:
        series = sum(np.log(j) * 2.0**-j for j in range(1, 80))
        assert truth == pytest.approx((2 * LN2 - np.euler_gamma - series) / LN2, abs=2e-3)

    def draw(seed):
        generator = np.random.default_rng(seed)
        first = generator.exponential(size=2_000)
        return first, (generator.poisson(first) * (generator.random(2_000) >= p)).astype(float)

    found, error = mean_of(draw, 6, variant="mixed")
    assert found == pytest.approx(truth, abs=3 * error + 0.02)


def half_coin_half_gaussian(n, seed, place):
    generator = np.random.default_rng(seed)
    continuous = generator.random(n) < 0.5
    first, second = gaussians(n, 0.9, seed + 100)
    coin = generator.integers(0, 2, n)
    other = np.where(generator.random(n) < 0.8, coin, 1 - coin)
    x = np.where(continuous, first[:, 0], place * (2 * coin - 1))
    return x, np.where(continuous, second[:, 0], place * (2 * other - 1))


def test_half_the_rows_discrete_half_continuous():
    """As Gao et al. 2017, experiment I: half the rows a Gaussian pair, rho = 0.9, half coins that agree 4 times in 5.

    Which half a row is of can be told from either side: I = H(1/2) - 1/4 log2(1 - 0.81) + 1/2 (1 - h(0.2)).
    """
    truth = 1.0 - 0.25 * np.log2(1 - 0.81) + 0.5 * (0.8 * np.log2(1.6) + 0.2 * np.log2(0.4))
    apart = {"variant": "mixed", "scale": "none"}
    found, error = mean_of(lambda seed: half_coin_half_gaussian(2_000, seed, 10.0), 6, **apart)
    assert found == pytest.approx(truth, abs=3 * error + 0.02)
    # with the coins among the Gaussian rows these count as their neighbours: too low, and less so with more rows
    short = [
        truth - mean_of(lambda seed, n=n: half_coin_half_gaussian(n, seed, 1.0), 4, **apart)[0] for n in (500, 8_000)
    ]
    assert 0.0 < short[1] < 0.5 * short[0]


def test_lattice_with_few_rows_a_point_is_symbols():
    """Without ties at zero distance, but all at one: the counts give psi(n) for log n, as for symbols."""
    counts = np.array([[2, 1], [1, 2]])
    x, y = (np.repeat(axis.ravel(), counts.ravel())[:, None].astype(float) for axis in np.indices((2, 2)))
    cells = sum(n * digamma(n) for n in counts.ravel())
    margins = sum(n * digamma(n) for n in [3, 3, 3, 3])
    assert mixed(x, y, 3) == pytest.approx(digamma(6) + (cells - margins) / 6, abs=1e-12)


def test_mixed_is_ksg1_where_nothing_is_repeated():
    x, y = gaussians(500, 0.5, 1, pairs=2)
    assert mixed(x, y, 4) == pytest.approx(ksg1(x, y, 4), abs=1e-12)


def test_ksg1_equals_its_formula_by_brute_force():
    x, y = gaussians(60, 0.5, 2)
    k, total = 3, 0.0
    for i in range(60):
        dx, dy = np.abs(x - x[i]).ravel(), np.abs(y - y[i]).ravel()
        radius = np.sort(np.maximum(dx, dy))[k]
        total += digamma((dx < radius).sum()) + digamma((dy < radius).sum())  # the row itself is the "+ 1"
    assert ksg1(x, y, k) == pytest.approx(digamma(k) + digamma(60) - total / 60, abs=1e-12)


def test_ross_agrees_with_scikit_learn():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    y = labels + generator.standard_normal(400)
    # scikit-learn adds noise of 1e-10 to y and clips at zero
    peer = mutual_info_classif(y[:, None], labels, discrete_features=False, n_neighbors=3, random_state=0)[0]
    assert ross(labels, (y / y.std())[:, None], 3) == pytest.approx(peer, abs=1e-6)


def test_units_of_columns_and_sides_do_not_matter():
    x, y = gaussians(400, 0.8, 3, pairs=2)
    reference = neighbours(x, y).value
    assert neighbours(x * [1e3, 1e-3] + 7.0, -y).value == pytest.approx(reference, abs=1e-9)
    assert neighbours(y, x).value == pytest.approx(reference, abs=1e-12)
    ranked = neighbours(x, y, scale="ranks").value
    assert neighbours(np.exp(x), y**3, scale="ranks").value == ranked
    order = np.random.default_rng(0).permutation(400)
    assert neighbours(x[order], y[order]).value == pytest.approx(reference, abs=1e-12)


def test_auto_takes_the_variant_that_fits():
    x, y = gaussians(100, 0.5, 0)
    names = np.where(x[:, 0] > 0, "up", "down")
    assert neighbours(x, y).method.endswith("ksg1")
    assert neighbours(names, y).method.endswith("ross") and neighbours(y, names).method.endswith("ross")
    assert neighbours(names, y).value == neighbours(y, names).value
    assert neighbours(x.round(1), y).method.endswith("mixed")


def test_null_separates_dependence_from_none():
    x, y = gaussians(200, 0.9, 0)
    assert neighbours(x, y, n_null=99).diagnostics["p_value"] == 0.01
    p_values = []
    for seed in range(30):
        x, y = gaussians(80, 0.0, seed)
        p_values.append(neighbours(x, y, n_null=19, seed=seed).diagnostics["p_value"])
    assert np.mean(np.array(p_values) <= 0.05) < 0.2 and np.mean(p_values) > 0.3


def test_repeats_inflate_kraskov_and_are_refused():
    """Why the interval never comes from a bootstrap: resampled rows have neighbours at distance zero."""
    x, y = gaussians(300, 0.5, 0)
    rows = np.random.default_rng(0).integers(0, 300, 300)
    with pytest.raises(InputError) as caught:
        neighbours(np.repeat(x, 4, axis=0), np.repeat(y, 4, axis=0), variant="ksg1")
    assert "mixed" in caught.value.remedy
    assert mixed(x[rows], y[rows], 3) > mixed(x, y, 3) + 0.3


def _coverage(n_draws, n_subsamples):
    truth, hits = -0.5 * np.log2(1 - 0.7**2), 0
    for seed in range(n_draws):
        low, high = neighbours(*gaussians(400, 0.7, seed), n_subsamples=n_subsamples, seed=seed).interval
        hits += low <= truth <= high
    return hits / n_draws


def test_interval_covers_in_a_few_draws():
    assert _coverage(20, 30) >= 0.75


@pytest.mark.slow
def test_interval_covers_at_its_level():
    assert 0.91 <= _coverage(300, 100) <= 0.99


def test_same_seed_same_bytes():
    x, y = gaussians(100, 0.5, 0)
    first, again = (neighbours(x, y, n_subsamples=10, n_null=10, seed=3) for _ in range(2))
    assert first == again and first.interval[0] < first.value < first.interval[1]


@pytest.mark.parametrize(
    ("x", "y", "kw", "argument"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0], {}, "y"),
        ([1.0, np.nan, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0], {}, "x"),
        ([1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0], {}, "x"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"k": 3}, "k"),
        ([0, 1, 0, 1], [0, 1, 0, 1], {}, "x, y"),
        ([0.5, 1.0, 0.0, 1.5], [0.5, 1.5, 0.0, 1.0], {"variant": "ross"}, "x, y"),
        ([0, 1, 1, 1, 1], [0.5, 1.5, 0.0, 1.0, 2.0], {}, "x"),
        ([0.0, 1.0], [0.0, 1.0], {"variant": "ksg"}, "variant"),
        ([0.0, 1.0], [0.0, 1.0], {"scale": "log"}, "scale"),
        ([0.0, 1.0], [0.0, 1.0], {"level": 2.0}, "level"),
    ],
)
def test_bad_input_names_the_argument(x, y, kw, argument):
    with pytest.raises(InputError) as caught:
        neighbours(x, y, **kw)
    assert caught.value.argument == argument
