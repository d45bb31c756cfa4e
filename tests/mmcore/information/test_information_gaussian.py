"""Gaussian decomposition: closed forms, invariances, two optimisers, certificates, bias, and what is refused."""

import numpy as np
import pytest
from scipy.optimize import minimize

from mmcore.information import gaussian, pid
from mmcore.information.atoms import ATOMS, NotCertified
from mmcore.information.gaussian.bias import corrected_union, information_bias, log_determinant_bias
from mmcore.information.gaussian.channel import channel
from mmcore.information.gaussian.union import information, union_information

LN2 = np.log(2.0)


def half_log(ratio: float) -> float:
    return 0.5 * float(np.log2(ratio))


def covariance_of(gain1: np.ndarray, gain2: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Covariance of x1, x2, y for x_k = H_k y + unit noise with that cross-covariance, y standard normal."""
    gain = np.concatenate([gain1, gain2])
    spread = np.block([[np.eye(len(gain1)), noise], [noise.T, np.eye(len(gain2))]])
    return np.block([[spread + gain @ gain.T, gain], [gain.T, np.eye(gain.shape[1])]])


def random_covariance(seed: int, n: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(n, n + 2))
    return factor @ factor.T


def log_determinant_information(covariance: np.ndarray, first: list[int], second: list[int]) -> float:
    parts = [np.linalg.slogdet(covariance[np.ix_(k, k)])[1] for k in (first, second, first + second)]
    return 0.5 * (parts[0] + parts[1] - parts[2]) / LN2


def atoms(covariance, sizes, **kw) -> np.ndarray:
    return np.array(list(gaussian.decompose(covariance, sizes, **kw).atoms.values()))


def draw(covariance: np.ndarray, sizes: tuple[int, int, int], n: int, seed: int) -> list[np.ndarray]:
    rows = np.random.default_rng(seed).multivariate_normal(np.zeros(len(covariance)), covariance, size=n)
    return np.split(rows, np.cumsum(sizes)[:-1], axis=1)


@pytest.mark.parametrize(("rho1", "rho2"), [(0.6, 0.3), (0.9, 0.9), (0.0, 0.5), (-0.7, 0.2)])
def test_scalars_follow_the_correlation(rho1, rho2):
    # I = -1/2 log2(1 - rho^2); for a scalar target R is the smaller one (Barrett 2015)
    matrix = np.array([[1.0, rho1 * rho2, rho1], [rho1 * rho2, 1.0, rho2], [rho1, rho2, 1.0]])
    found = gaussian.decompose(matrix, (1, 1, 1))
    one, two = half_log(1 / (1 - rho1**2)), half_log(1 / (1 - rho2**2))
    both = half_log(1 / (1 - rho1**2)) + half_log(1 / (1 - rho2**2)) - half_log(1 / (1 - rho1**2 * rho2**2))
    assert found.information1 == pytest.approx(one, abs=1e-12)
    assert found.information2 == pytest.approx(two, abs=1e-12)
    assert found.total == pytest.approx(both, abs=1e-12)
    assert found.redundancy == pytest.approx(min(one, two), abs=1e-7)
    assert 0 <= found.gap <= 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_informations_are_log_determinants(seed):
    sizes = (3, 2, 2)
    matrix = random_covariance(seed, 7)
    found = channel(matrix, sizes)
    first, second, target = [0, 1, 2], [3, 4], [5, 6]
    assert found.information1 == pytest.approx(log_determinant_information(matrix, first, target), abs=1e-10)
    assert found.information2 == pytest.approx(log_determinant_information(matrix, second, target), abs=1e-10)
    assert found.both == pytest.approx(log_determinant_information(matrix, first + second, target), abs=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_for_a_scalar_target_both_measures_agree(seed):
    # Barrett 2015, section IV: any number of source columns
    sizes = (3, 2, 1)
    matrix = random_covariance(seed, 6)
    assert atoms(matrix, sizes) == pytest.approx(atoms(matrix, sizes, measure="mmi"), abs=1e-6)


def test_independent_blocks_add_up():
    # Each target component has its own scalar channels; flipping the sign of one component flips the coupling between
    # blocks, so by convexity the best coupling has none and I_union is the sum of the larger informations.
    g1, g2 = np.array([2.0, 0.5, 0.0]), np.array([1.0, 1.5, 0.7])
    found = gaussian.decompose(covariance_of(np.diag(g1), np.diag(g2), np.zeros((3, 3))), (3, 3, 3))
    one, two = 0.5 * np.log2(1 + g1**2), 0.5 * np.log2(1 + g2**2)
    union = np.maximum(one, two).sum()
    expected = [one.sum() + two.sum() - union, union - two.sum(), union - one.sum()]
    assert [found.redundancy, found.unique1, found.unique2] == pytest.approx(expected, abs=1e-7)
    assert found.synergy == pytest.approx((0.5 * np.log2(1 + g1**2 + g2**2)).sum() - union, abs=1e-7)
    assert (
        gaussian.decompose(covariance_of(np.diag(g1), np.diag(g2), np.zeros((3, 3))), (3, 3, 3), measure="mmi") != found
    )


def test_different_content_is_not_redundant():
    # x1 = y1 + noise, x2 = y2 + noise (Venkatesh et al. 2023, their canonical "unique" example): MMI says all is shared
    matrix = covariance_of(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.zeros((1, 1)))
    assert atoms(matrix, (1, 1, 2)) == pytest.approx([0.0, 0.5, 0.5, 0.0], abs=1e-7)
    assert atoms(matrix, (1, 1, 2), measure="mmi") == pytest.approx([0.5, 0.0, 0.0, 0.5], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_garbling_has_nothing_unique(seed):
    generator = np.random.default_rng(seed)
    n1, n2, labels = generator.integers(1, 5, 3)
    gain = generator.normal(size=(n1, labels))
    garble = generator.normal(size=(n2, n1))
    extra = generator.normal(size=(n2, n2))
    second = garble @ (np.eye(n1) + gain @ gain.T) @ garble.T + extra @ extra.T + 0.1 * np.eye(n2)
    cross = garble @ (np.eye(n1) + gain @ gain.T)
    matrix = np.block(
        [
            [np.eye(n1) + gain @ gain.T, cross.T, gain],
            [cross, second, garble @ gain],
            [gain.T, gain.T @ garble.T, np.eye(labels)],
        ]
    )
    found = gaussian.decompose(matrix, (int(n1), int(n2), int(labels)))
    assert found.unique2 == pytest.approx(0.0, abs=1e-6)
    assert found.synergy == pytest.approx(0.0, abs=1e-6)
    swapped = np.r_[n1 : n1 + n2, 0:n1, n1 + n2 : n1 + n2 + labels]
    other = gaussian.decompose(matrix[np.ix_(swapped, swapped)], (int(n2), int(n1), int(labels)))
    assert other.unique1 == pytest.approx(0.0, abs=1e-6)
    assert other.redundancy == pytest.approx(found.redundancy, abs=1e-6)


def test_sources_with_the_same_columns_are_redundant():
    # a singular joint covariance of the sources, which has to be decomposed all the same
    base = covariance_of(np.array([[1.0, 0.2], [0.0, 0.8]]), np.zeros((1, 2)), np.zeros((2, 1)))
    index = np.r_[0, 1, 0, 1, 3, 4]
    found = gaussian.decompose(base[np.ix_(index, index)], (2, 2, 2))
    assert [found.unique1, found.unique2, found.synergy] == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert found.redundancy > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_invertible_maps_of_each_part_change_nothing(seed):
    sizes = (2, 3, 2)
    generator = np.random.default_rng(seed)
    matrix = random_covariance(seed + 50, 7)
    blocks = np.zeros((7, 7))
    start = 0
    for size in sizes:
        blocks[start : start + size, start : start + size] = (
            generator.normal(size=(size, size)) * 10 ** generator.normal()
        )
        start += size
    assert atoms(blocks @ matrix @ blocks.T, sizes) == pytest.approx(atoms(matrix, sizes), abs=1e-6)


def semidefinite_union(gain1: np.ndarray, gain2: np.ndarray) -> float:
    """The same minimum as a semidefinite program: (I + H'S^-1 H)^-1 = I - H'(S + HH')^-1 H, so maximise log det Z."""
    import cvxpy as cp

    gain, n1, n2 = np.concatenate([gain1, gain2]), len(gain1), len(gain2)
    coupling, z = cp.Variable((n1, n2)), cp.Variable((gain.shape[1], gain.shape[1]), symmetric=True)
    noise = cp.bmat([[np.eye(n1), coupling], [coupling.T, np.eye(n2)]])
    upper = cp.bmat([[np.eye(gain.shape[1]) - z, gain.T], [gain, noise + gain @ gain.T]])
    problem = cp.Problem(cp.Maximize(cp.log_det(z)), [noise >> 0, (upper + upper.T) / 2 >> 0])
    return float(-0.5 * problem.solve(solver="CLARABEL") / LN2)


@pytest.mark.parametrize("seed", range(5))
def test_union_agrees_with_a_semidefinite_program(seed):
    generator = np.random.default_rng(seed)
    n1, n2, labels = generator.integers(2, 4, 3)
    gain1, gain2 = generator.normal(size=(n1, labels)), generator.normal(size=(n2, labels))
    found = union_information(gain1, gain2)
    assert found.upper == pytest.approx(semidefinite_union(gain1, gain2), abs=1e-6)


def test_for_a_scalar_target_the_semidefinite_program_finds_the_better_source():
    gain1, gain2 = np.array([[0.9], [0.4]]), np.array([[0.7], [0.2], [0.1]])
    found = union_information(gain1, gain2)
    assert found.upper == pytest.approx(half_log(1 + (gain1**2).sum()), abs=1e-12)
    assert found.upper == pytest.approx(semidefinite_union(gain1, gain2), abs=1e-6)
    assert information(gain1, gain2, 0.999999 * found.coupling) / LN2 == pytest.approx(found.upper, abs=1e-5)


def test_near_a_garbling_the_barrier_goes_on_where_the_closed_form_ends():
    # continuous in the gains: just outside the garblings the optimiser finds what the closed form finds inside
    gain = np.array([[1.0, 0.3], [0.0, 0.8]])
    alone = 0.5 * np.linalg.slogdet(np.eye(2) + gain.T @ gain)[1] / LN2
    inside = union_information(gain, np.diag([1.0 - 1e-6, 0.5]) @ gain)
    outside = union_information(gain, np.diag([1.0 + 1e-6, 0.5]) @ gain)
    assert (inside.status, outside.status) == ("garbling", "solved")
    assert inside.upper == pytest.approx(alone, abs=1e-12)
    assert outside.upper == pytest.approx(alone, abs=1e-5)
    assert outside.lower > alone - 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_union_agrees_with_a_local_optimiser(seed):
    generator = np.random.default_rng(seed + 10)
    gain1, gain2 = generator.normal(size=(2, 2, 3))
    inside = {"type": "ineq", "fun": lambda c: 0.999999 - np.linalg.norm(c.reshape(2, 2), 2)}
    start = np.zeros(4)
    other = minimize(lambda c: information(gain1, gain2, c.reshape(2, 2)), start, method="SLSQP", constraints=[inside])
    found = union_information(gain1, gain2)
    assert found.upper <= other.fun / LN2 + 1e-8
    assert found.upper == pytest.approx(other.fun / LN2, abs=2e-4)


@pytest.mark.parametrize("seed", range(8))
def test_the_interval_holds_for_every_coupling(seed):
    generator = np.random.default_rng(seed)
    gain1, gain2 = generator.normal(size=(3, 4)), generator.normal(size=(2, 4))
    found = union_information(gain1, gain2)
    assert found.upper - found.lower <= 1e-8
    assert np.linalg.norm(found.coupling, 2) <= 1.0
    assert information(gain1, gain2, found.coupling) / LN2 == pytest.approx(found.upper, abs=1e-7)
    for _ in range(50):
        coupling = generator.normal(size=(3, 2))
        coupling *= generator.random() / np.linalg.norm(coupling, 2)
        assert information(gain1, gain2, coupling) / LN2 >= found.lower - 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_redundancy_lies_between_co_information_and_mmi(seed):
    sizes = (2, 2, 3)
    matrix = random_covariance(seed + 20, 7)
    found, simple = gaussian.decompose(matrix, sizes), gaussian.decompose(matrix, sizes, measure="mmi")
    assert min(found.atoms.values()) >= -1e-6
    assert found.redundancy <= simple.redundancy + 1e-6
    assert found.redundancy >= found.information1 + found.information2 - found.total - 1e-6


def test_not_certified_carries_the_interval():
    gain = np.random.default_rng(0).normal(size=(3, 3))
    with pytest.raises(NotCertified) as caught:
        gaussian.decompose(covariance_of(gain, gain[:2] + 1e-3, np.zeros((3, 2))), (3, 2, 3), tol=1e-15)
    assert caught.value.lower <= caught.value.upper


def test_log_determinant_bias_is_that_of_chi_squares():
    # For one column (N-1) s^2 / sigma^2 is chi-square of N-1; E log chi2_k = psi(k/2) + log 2, here by its sum formula
    euler = 0.5772156649015329
    mean_log = -euler + sum(1.0 / k for k in range(1, 5)) + np.log(2.0)  # psi(5) = -gamma + 1 + 1/2 + 1/3 + 1/4
    assert log_determinant_bias(1, 11) == pytest.approx(mean_log - np.log(10.0), abs=1e-12)


def test_corrected_information_has_no_bias():
    # exact at any covariance (Misra et al. 2005): mean over 1,500 samples within four standard errors of the truth
    gain = np.array([[0.8, 0.0], [0.3, 0.5], [0.0, 0.0]])
    matrix = covariance_of(gain, np.zeros((1, 2)), np.zeros((3, 1)))
    truth = channel(matrix, (3, 1, 2))
    values = []
    for seed in range(1500):
        rows = np.random.default_rng(seed).normal(size=(25, 6)) @ np.linalg.cholesky(matrix).T
        found = channel(np.cov(rows.T), (3, 1, 2))
        values.append([found.information1 - information_bias(3, 2, 25), found.both - information_bias(4, 2, 25)])
    error = np.mean(values, axis=0) - [truth.information1, truth.both]
    assert (abs(error) < 4 * np.std(values, axis=0) / np.sqrt(1500)).all()
    assert information_bias(3, 2, 25) > 0.15  # what the plug-in would be wrong by


def test_corrected_union_at_its_two_ends():
    raw, better = (0.5, 0.3, 0.9), (0.4, 0.2, 0.7)
    assert corrected_union(0.5, raw, better) == pytest.approx(0.4)
    assert corrected_union(0.9, raw, better) == pytest.approx(0.7)


def test_estimate_finds_the_planted_atoms():
    gain1, gain2 = np.array([[1.5, 0.0]]), np.array([[1.0, 0.6]])
    matrix = covariance_of(gain1, gain2, np.array([[0.3]]))
    truth = gaussian.decompose(matrix, (1, 1, 2))
    x1, x2, y = draw(matrix, (1, 1, 2), 40_000, 3)
    found = pid.estimate(x1, x2, y, method="gaussian")
    assert found.atoms == pytest.approx(truth.atoms, abs=0.02)
    assert (found.status, found.method) == ("estimated", "gaussian")
    assert found.diagnostics["columns"] == [1, 1, 2]
    assert pid.PID.from_dict(found.to_dict()) == found


def test_corrected_atoms_are_nearer_and_keep_their_sums():
    # nothing known, 8 and 8 columns, 100 rows. I12 corrects exactly; the larger of I1 and I2 stays too large, so some
    # of the correction is missing in the union and too much in the synergy.
    raw, better = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        found = gaussian.estimate(
            generator.normal(size=(100, 8)), generator.normal(size=(100, 8)), generator.normal(size=100)
        )
        raw.append(list(found.atoms.values()))
        better.append([found.corrected[name] for name in ATOMS])
        total = found.total - information_bias(16, 1, 100)
        assert sum(found.corrected.values()) == pytest.approx(total, abs=1e-12)
    raw, better = np.mean(raw, axis=0), np.mean(better, axis=0)
    assert raw[3] > 0.04
    assert abs(better[3]) < raw[3] / 3
    assert abs(better.sum()) < 0.015


def test_linear_dependence_only():
    generator = np.random.default_rng(0)
    x1, x2 = generator.integers(0, 2, (2, 4000))
    found = gaussian.estimate(x1 + 0.01 * generator.normal(size=4000), x2, (x1 ^ x2).astype(float))
    assert max(found.atoms.values()) < 0.005  # one bit of synergy, and none of it linear
    assert "linear-Gaussian approximation" in found.diagnostics["notes"][0]


def test_two_named_classes_become_numbers():
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, 500)
    x1, x2 = y + generator.normal(size=500), generator.normal(size=500)
    named = gaussian.estimate(x1, x2, np.array(["no", "yes"])[y])
    assert named.atoms == pytest.approx(gaussian.estimate(x1, x2, y).atoms, abs=1e-12)
    assert named.diagnostics["notes"]


def test_resamples_null_and_determinism():
    generator = np.random.default_rng(2)
    y = generator.normal(size=300)
    x1, x2 = (
        y + generator.normal(size=300),
        np.stack([y + generator.normal(size=300), generator.normal(size=300)], axis=1),
    )
    groups = np.repeat(np.arange(30), 10)
    first = gaussian.estimate(x1, x2, y, groups=groups, seed=5, n_boot=40, n_null=20)
    assert first == gaussian.estimate(x1, x2, y, groups=groups, seed=5, n_boot=40, n_null=20)
    other = gaussian.estimate(x1, x2, y, groups=groups, seed=6, n_boot=40, n_null=20)
    assert other.interval != first.interval
    assert other.atoms == first.atoms
    low, high = first.interval["redundancy"]
    assert low < first.redundancy < high
    assert max(first.null["redundancy"]) < first.redundancy
    assert first.diagnostics["n_groups"] == 30
    assert len(first.null["synergy"]) == 20


def test_whole_groups_are_drawn():
    # rows of a group are copies: by rows the interval would pretend to ten times the data
    generator = np.random.default_rng(3)
    y = np.repeat(generator.normal(size=40), 10)
    x1, x2 = y + np.repeat(generator.normal(size=40), 10), y + np.repeat(generator.normal(size=40), 10)
    width = []
    for groups in (np.repeat(np.arange(40), 10), None):
        low, high = gaussian.estimate(x1, x2, y, groups=groups, n_boot=60).interval["redundancy"]
        width.append(high - low)
    assert width[0] > 2 * width[1]
