"""The synthetic worlds of the experiments hold what their formulas say."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm as normal

from mmcore.data.worlds import gaussian_mixture, generative
from mmcore.errors import InputError
from mmcore.information.entropy import conditional_mutual_information, mutual_information

ANGLES = (0.0, 0.4, np.pi / 4, 1.2, np.pi / 2)


def test_cloud_information_is_the_integral_of_the_density():
    for length in (0.3, 1.0, 2.0):

        def integrand(x, length=length):
            p = [0.5 * normal.pdf(x - y * length) for y in (-1, 1)]
            return sum(q * np.log2(2 * q / sum(p)) for q in p)

        expected = integrate.quad(integrand, -12, 12, epsabs=1e-12)[0]
        assert gaussian_mixture.cloud_information(length) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("length", [1.0, 2.0])
@pytest.mark.parametrize("coordinates", gaussian_mixture.COORDINATES)
def test_fine_bins_hold_the_information_of_the_plane(length, angle, coordinates):
    p = gaussian_mixture.table(length, angle, coordinates=coordinates, bins=160, span=9.0, tails="merged")
    truth = gaussian_mixture.information(length, angle)
    found = mutual_information(p.reshape(-1, 2))
    assert found <= truth["total"] + 1e-9  # binning only loses information
    assert found == pytest.approx(truth["total"], abs=5e-3)
    if coordinates == "cartesian":
        assert mutual_information(p.sum(axis=1)) == pytest.approx(truth["information1"], abs=2e-3)
        assert mutual_information(p.sum(axis=0)) == pytest.approx(truth["information2"], abs=2e-3)
        assert conditional_mutual_information(p) == pytest.approx(0.0, abs=1e-9)  # X1, X2 independent given Y


@pytest.mark.parametrize("coordinates", gaussian_mixture.COORDINATES)
def test_table_agrees_with_independent_numerical_integration(coordinates):
    length, angle, bins, span = 1.0, 0.5, 4, 2.0
    p = gaussian_mixture.table(length, angle, coordinates=coordinates, bins=bins, span=span)
    mean = length * np.array([np.cos(angle), np.sin(angle)])

    def density(second, first, y):
        if coordinates == "cartesian":
            return 0.5 * normal.pdf(first - y * mean[0]) * normal.pdf(second - y * mean[1])
        point = first * np.cos(second), first * np.sin(second)
        return 0.5 * abs(first) * normal.pdf(point[0] - y * mean[0]) * normal.pdf(point[1] - y * mean[1])

    first = np.linspace(-span, span, bins + 1)
    second = first if coordinates == "cartesian" else np.linspace(0.0, np.pi, bins + 1)
    expected = np.array(
        [
            [
                [
                    integrate.dblquad(density, first[i], first[i + 1], second[j], second[j + 1], args=(y,))[0]
                    for y in (-1, 1)
                ]
                for j in range(bins)
            ]
            for i in range(bins)
        ]
    )
    assert p == pytest.approx(expected / expected.sum(), abs=1e-9)


@pytest.mark.parametrize("bins", [7, 50])  # with odd bins r = 0 lies inside a bin
def test_polar_angle_tells_nothing_and_merged_mass_is_one(bins):
    p = gaussian_mixture.table(2.0, 0.7, coordinates="polar", bins=bins, tails="merged")
    assert mutual_information(p.sum(axis=0)) == pytest.approx(0.0, abs=1e-12)
    assert mutual_information(p.sum(axis=1)) > 0.1
    assert p.min() >= 0.0
    raw = 0.5 * gaussian_mixture._polar_cells(2.0, 0.7, np.array([-np.inf, 0.0, np.inf])).sum()
    assert raw == pytest.approx(0.5, abs=1e-12)  # before anything is scaled to one


@pytest.mark.parametrize("coordinates", gaussian_mixture.COORDINATES)
def test_counts_of_samples_approach_the_table(coordinates):
    n, bins = 200_000, 8
    first, second, y = gaussian_mixture.samples(n, norm=2.0, angle=0.7, coordinates=coordinates, seed=3)
    ranges = [(-5.0, 5.0), (-5.0, 5.0) if coordinates == "cartesian" else (0.0, np.pi)]
    counts = np.stack([np.histogram2d(first[y == k], second[y == k], bins, ranges)[0] for k in (-1, 1)], axis=-1)
    p = gaussian_mixture.table(2.0, 0.7, coordinates=coordinates, bins=bins)
    expected = counts.sum() * p
    busy = expected > 20
    z = (counts - expected)[busy] / np.sqrt(expected[busy])
    assert np.abs(z).max() < 5.0
    assert 0.6 < np.mean(z**2) < 1.5


def test_polar_points_are_the_cartesian_ones():
    x1, x2, y = gaussian_mixture.samples(5_000, norm=1.0, angle=0.2, seed=0)
    r, theta, same = gaussian_mixture.samples(5_000, norm=1.0, angle=0.2, coordinates="polar", seed=0)
    assert (y == same).all()
    assert np.stack([r * np.cos(theta), r * np.sin(theta)]) == pytest.approx(np.stack([x1, x2]), abs=1e-12)
    assert (r[x2 > 0] > 0).all() and (r[x2 < 0] < 0).all()
    tiny = gaussian_mixture.to_polar(np.array([1.0, -1.0]), np.array([-1e-300, -1e-300]))
    assert tiny[1].tolist() == [0.0, pytest.approx(0.0)]
    assert tiny[0].tolist() == [1.0, -1.0]


def test_mixture_rejects_what_it_cannot_do():
    for bad in ({"coordinates": "spherical"}, {"tails": "cut"}, {"bins": 0}, {"span": -1.0}):
        with pytest.raises(InputError):
            gaussian_mixture.table(1.0, 0.0, **bad)
    with pytest.raises(InputError) as caught:
        gaussian_mixture.table(-1.0, 0.0)
    assert caught.value.argument == "norm"


def test_generator_is_deterministic_and_balanced():
    first, again, other = (generative.generate("synergy", 1_000, seed=s) for s in (4, 4, 5))
    assert first.x1.tobytes() == again.x1.tobytes() and first.y.tobytes() == again.y.tobytes()
    assert (first.x1 != other.x1).all()
    assert np.bincount(first.y).tolist() == [500, 500]
    assert np.bincount(generative.generate("synergy", 1_000, n_classes=32, seed=4).y, minlength=32).min() == 31
    assert (first.x1 == generative.generate("unique1", 1_000, seed=4).x1).all()


def test_latents_have_variance_and_do_not_leak_between_blocks():
    rows = generative.generate("redundancy", 20_000, seed=1)
    latents = np.concatenate([rows.private1, rows.private2, rows.shared], axis=1)
    covariance = np.cov(latents.T)
    assert np.diag(covariance) == pytest.approx(1.5, abs=0.08)  # N(0, 1.5 I): 1.5 is the variance
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.06
    cross = np.corrcoef(rows.x1.T, rows.x2.T)[:64, 64:]
    assert np.abs(cross[:32, :]).max() < 0.05 and np.abs(cross[:, :32]).max() < 0.05
    # the shared block goes through one map for both sources
    assert (rows.x1[:, 32:] == rows.x2[:, 32:]).all()
    assert np.linalg.matrix_rank(rows.x1) == 10
    weights = np.linalg.lstsq(rows.private1, rows.x1[:, :32], rcond=None)[0]
    assert weights.min() >= 0.0 and weights.max() <= 1.0


@pytest.mark.parametrize("name", generative.SETS)
def test_only_the_named_blocks_enter_the_label(name):
    """corr(entry, mean score) has the closed form sqrt(0.8) share / sqrt(count) before the cut at the median."""
    n = 40_000
    rows, ratios = generative.generate(name, n, seed=2), generative.SETS[name].ratios
    counts = [int(5 * r) for r in ratios]
    for block, count in zip((rows.private1, rows.private2, rows.shared), counts):
        found = np.array([np.corrcoef(column, rows.y)[0, 1] for column in block.T])
        # the score is a scale mixture of normals: cutting it at its median keeps about sqrt(2/pi) of a correlation
        expected = np.sqrt(2.0 / np.pi) * np.sqrt(0.8 / sum(counts)) * count / 5
        assert found == pytest.approx(expected, abs=0.015 + 0.06 * expected)


def test_no_noise_makes_the_label_the_sign_of_the_mean():
    rows = generative.generate_ratios((0, 0, 1), 2_000, dropout=0.0, seed=0)
    mean = rows.shared.mean(axis=1)
    assert ((mean > np.median(mean)) == rows.y).all()


def test_published_rows_are_what_the_thesis_says_of_them():
    """Thesis 3.3.1: total 0.42 to 0.59 bits; each special set is led by its own interaction in every row."""
    assert len(generative.SETS) == 10
    for row in generative.SETS.values():
        assert 0.40 <= sum(row.truth) <= 0.59
    for index, name in enumerate(("redundancy", "unique1", "unique2", "synergy")):
        for values in (generative.SETS[name].cvx, generative.SETS[name].batch, generative.SETS[name].truth):
            assert max(range(4), key=values.__getitem__) == index


def test_generator_rejects_what_it_cannot_do():
    with pytest.raises(InputError) as caught:
        generative.generate("redundance", 10, seed=0)
    assert "redundancy" in caught.value.remedy
    for bad in ({"ratios": (0, 0.1, 0)}, {"ratios": (0, 2, 0)}, {"n": 1}, {"dropout": 1.0}):
        with pytest.raises(InputError):
            generative.generate_ratios(**{"ratios": (0, 0, 1), "n": 10, "seed": 0, **bad})
