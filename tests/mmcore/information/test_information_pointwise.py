"""Atoms of single samples: their means, values by hand, the dual's constraints, the coupling, and invariances."""

import time

import numpy as np
import pytest
from worlds import WORLDS, planted, planted_shared, sample

from mmcore.errors import InputError
from mmcore.information import pid, pointwise
from mmcore.information.atoms import ATOMS
from mmcore.information.certificate import log_partition
from mmcore.information.dual_point import two_label_dual
from mmcore.information.solvers import two_labels

ALL = {world.name: world for world in (*WORLDS, planted(), planted_shared())}


def random_table(seed: int, labels: int | None = None, concentration: float | None = None) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(2, 6, 2), labels or int(generator.integers(2, 6)))
    weight = concentration or generator.choice([1.0, 0.3])
    p = generator.dirichlet(np.full(int(np.prod(shape)), weight)).reshape(shape)
    if seed % 3 == 1:
        p = p * (generator.random(shape) < 0.5)
        p = p / p.sum()
    if seed % 3 == 2:
        p = generator.multinomial(60, p.ravel()).reshape(shape) / 60
    return p


def tables_of(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = p.sum(axis=1), p.sum(axis=0)
    return a[a.sum(axis=1) > 0], b[b.sum(axis=1) > 0]


@pytest.mark.parametrize("name", list(ALL))
def test_means_follow_the_formula_of_each_world(name):
    found = pointwise.decompose(ALL[name].p)
    assert found.mean() == pytest.approx(ALL[name].atoms, abs=1e-8)
    assert found.error <= 1e-9


@pytest.mark.parametrize("seed", range(60))
def test_means_are_the_atoms_of_the_table(seed):
    p = random_table(seed)
    found = pointwise.decompose(p)
    assert found.mean() == pytest.approx(pid.decompose(p).atoms, abs=1e-8)
    assert np.array_equal(np.isnan(found.union), p == 0)
    for values in found.atoms.values():
        assert np.array_equal(np.isnan(values), p == 0)


@pytest.mark.parametrize("seed", range(6))
def test_each_sample_keeps_the_sums(seed):
    p = random_table(seed)
    found = pointwise.decompose(p)
    label = p.sum(axis=(0, 1))
    for i, j, y in np.argwhere(p > 0):
        r, u1, u2, s = (found.atoms[name][i, j, y] for name in ATOMS)
        assert r + u1 == pytest.approx(np.log2(p[i, :, y].sum() / (p[i].sum() * label[y])), abs=1e-9)
        assert r + u2 == pytest.approx(np.log2(p[:, j, y].sum() / (p[:, j].sum() * label[y])), abs=1e-9)
        assert r + u1 + u2 + s == pytest.approx(np.log2(p[i, j, y] / (p[i, j].sum() * label[y])), abs=1e-9)


def test_and_by_hand():
    # q* of AND has (0,0,0), (1,1,0), (1,1,1) with masses 1/2, 1/4, 1/4, so i_union is log2 4/3 and 1 there. (0,1,0) is
    # outside: by halves of the integrals 1/2 log2(4/3) and 1/2 log2(2/3), their sum 1/2 log2(8/9).
    found = pointwise.decompose(ALL["AND"].p)
    third, outside = np.log2(4 / 3), 0.5 * np.log2(8 / 9)
    assert found.union[0, 0, 0] == pytest.approx(third, abs=1e-12)
    assert found.union[1, 1, 1] == pytest.approx(1.0, abs=1e-12)
    assert found.union[[0, 1], [1, 0], [0, 0]] == pytest.approx([outside] * 2, abs=1e-12)
    # (0,1,0): x1 = 0 settles y, x2 = 1 misleads by log2 2/3
    assert found.redundancy[0, 1, 0] == pytest.approx(third + np.log2(2 / 3) - outside, abs=1e-12)
    assert found.synergy[0, 1, 0] == pytest.approx(third - outside, abs=1e-12)
    assert found.unique1[0, 1, 0] == pytest.approx(outside - np.log2(2 / 3), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "atom", "value"),
    [("XOR", "synergy", 1.0), ("RDN", "redundancy", 1.0), ("UNQ1", "unique1", 1.0), ("MOD3", "synergy", np.log2(3))],
)
def test_worlds_in_which_every_sample_is_alike(name, atom, value):
    found = pointwise.decompose(ALL[name].p)
    inside = found.p > 0
    for other in ATOMS:
        expected = value if other == atom else 0.0
        assert found.atoms[other][inside] == pytest.approx(np.full(inside.sum(), expected), abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_local_union_is_what_the_coupling_says_where_it_has_mass(seed):
    # complementary slackness: sum_y exp(alpha + beta) = 1 on pairs of q*, and then exp(alpha + beta) = q*(y|x1,x2)
    p = random_table(seed, concentration=1.0)
    found = pointwise.decompose(p, tol=1e-10)
    q = pid.decompose(p, tol=1e-10).coupling()
    pair, label = q.sum(axis=2, keepdims=True), p.sum(axis=(0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.log2(q / pair / label)
    checked = (p > 0) & (q > 1e-3)
    assert checked.any()
    assert found.union[checked] == pytest.approx(expected[checked], abs=2e-4)


@pytest.mark.parametrize("seed", range(30))
def test_the_closed_dual_of_two_labels_is_feasible_and_optimal(seed):
    a, b = tables_of(random_table(seed, labels=2))
    if not (a.sum(axis=0) > 0).all():
        pytest.skip("one label only")
    alpha, beta = two_label_dual(a, b)
    assert log_partition(alpha, beta).max() <= 1e-13
    mass = a.sum(axis=0)
    value = (a[a > 0] @ alpha[a > 0] + b[b > 0] @ beta[b > 0] - mass @ np.log(mass)) / np.log(2)
    assert value == pytest.approx(two_labels.union_information(a, b).upper, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_the_closed_dual_agrees_with_the_interior_point_on_the_mean(seed):
    p = random_table(seed, labels=2, concentration=1.0)
    interior = pid.decompose(p, solver="interior", tol=1e-8)
    assert pointwise.decompose(p).mean() == pytest.approx(interior.atoms, abs=2e-8)


@pytest.mark.parametrize("seed", range(8))
def test_swapping_sources_swaps_the_unique_atoms(seed):
    p = random_table(seed, labels=2)
    one, other = pointwise.decompose(p), pointwise.decompose(p.transpose(1, 0, 2))
    assert other.unique1.transpose(1, 0, 2) == pytest.approx(one.unique2, abs=1e-9, nan_ok=True)
    assert other.redundancy.transpose(1, 0, 2) == pytest.approx(one.redundancy, abs=1e-9, nan_ok=True)
    assert other.synergy.transpose(1, 0, 2) == pytest.approx(one.synergy, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(8))
def test_names_of_symbols_and_labels_do_not_matter(seed):
    p = random_table(seed, labels=2)
    generator = np.random.default_rng(seed)
    i, j, y = (generator.permutation(n) for n in p.shape)
    one, other = pointwise.decompose(p), pointwise.decompose(p[np.ix_(i, j, y)])
    for name in ATOMS:
        assert other.atoms[name] == pytest.approx(one.atoms[name][np.ix_(i, j, y)], abs=1e-9, nan_ok=True)


def test_masses_down_to_nothing():
    # posteriors of 1 - 1e-20 are 1 as numbers; the integrals go by log odds
    p = np.array([[[0.3, 1e-30], [1e-20, 0.2]], [[0.1, 0.1], [0.3, 1e-25]]])
    p /= p.sum()
    found = pointwise.decompose(p)
    assert found.error < 1e-12
    assert np.isfinite(found.union).all()


def test_a_large_table_is_a_matter_of_milliseconds():
    p = np.random.default_rng(0).dirichlet(np.ones(300 * 300 * 2)).reshape(300, 300, 2)
    start = time.process_time()
    found = pointwise.decompose(p)
    assert time.process_time() - start < 2.0
    assert found.error < 1e-10


def test_rows_get_the_atoms_of_their_cell():
    i, j, y = sample(planted_shared().p, 2000, 0)
    rows = pointwise.of_rows(np.array(list("abcd"))[i], j, y)
    assert rows.shape == (2000, 4)
    table = np.bincount(np.ravel_multi_index((i, j, y), (4, 4, 4)), minlength=64).reshape(4, 4, 4) / 2000
    assert dict(zip(ATOMS, rows.mean(axis=0))) == pytest.approx(pid.decompose(table).atoms, abs=1e-8)
    assert rows[7, 3] == pointwise.decompose(table).synergy[i[7], j[7], y[7]]


def test_same_input_same_bytes():
    p = random_table(4)
    one, other = pointwise.decompose(p), pointwise.decompose(p)
    assert all(one.atoms[name].tobytes() == other.atoms[name].tobytes() for name in ATOMS)


def test_bad_input_is_named():
    a = np.array([0, 1, 0, 1])
    for call, argument in (
        (lambda: pointwise.decompose(np.full((2, 2, 2), 0.2)), "p"),
        (lambda: pointwise.decompose(np.full((2, 4), 0.125)), "p"),
        (lambda: pointwise.decompose(np.full((2, 2, 2), 0.125), tol=-1.0), "tol"),
        (lambda: pointwise.of_rows([], [], []), "x1"),
        (lambda: pointwise.of_rows(a, a[:3], a), "x2"),
        (lambda: pointwise.of_rows(a, a, np.array([0.0, 1.0, np.nan, 1.0])), "y"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == argument
