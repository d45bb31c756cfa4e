"""Two labels: formulas, published values, the conic solver, identities, invariances and vanishing masses."""

import itertools
import json
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import WORLDS

from mmcore.information import pid
from mmcore.information.entropy import mutual_information
from mmcore.information.solvers.join import join
from mmcore.information.solvers.two_labels import compare_curves, union_information_many

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "pid_reference.json"
BINARY = [world for world in WORLDS if world.p.shape[2] == 2]


def random_table(seed: int) -> np.ndarray:
    """Dense, sparse, nearly degenerate, or counts."""
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(1, 9, 2), 2)
    alpha = generator.choice([1.0, 0.3, 0.05])
    p = generator.dirichlet(np.full(int(np.prod(shape)), alpha)).reshape(shape)
    if generator.random() < 0.3:
        p = generator.multinomial(40, p.ravel()).reshape(shape) / 40.0
    return p


def atoms(p: np.ndarray) -> np.ndarray:
    result = pid.decompose(p)
    assert result.gap < 1e-12
    return np.array(list(result.atoms.values()))


tables = st.integers(0, 100_000).map(random_table)


@pytest.mark.parametrize("world", BINARY, ids=lambda world: world.name)
def test_worlds_follow_their_formula(world):
    result = pid.decompose(world.p)
    assert result.solver == "two_labels"
    assert result.atoms == pytest.approx(world.atoms, abs=1e-14)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference distributions are not here")
def test_certified_reference_distributions():
    entries = [entry for entry in json.loads(REFERENCE.read_text())["entries"] if entry["shape"][2] == 2]
    assert len(entries) > 5
    for entry in entries:
        p = np.array(entry["p"])
        expected = [entry[name] for name in ("R", "U1", "U2", "S")]
        assert atoms(p / p.sum()) == pytest.approx(expected, abs=1e-8), entry["name"]


@settings(max_examples=60, deadline=None)
@given(tables)
def test_sums_and_signs(p):
    result = pid.decompose(p)
    assert result.information1 == pytest.approx(mutual_information(p.sum(axis=1)), abs=1e-13)
    assert result.information2 == pytest.approx(mutual_information(p.sum(axis=0)), abs=1e-13)
    assert result.total == pytest.approx(mutual_information(p.reshape(-1, 2)), abs=1e-13)
    assert min(result.atoms.values()) >= -1e-14
    assert result.union_lower <= result.union_upper <= result.union_lower + 1e-12


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(0, 1000))
def test_invariances(p, seed):
    generator = np.random.default_rng(seed)
    base = atoms(p)
    assert atoms(p.transpose(1, 0, 2)) == pytest.approx(base[[0, 2, 1, 3]], abs=1e-13)
    relabelled = p
    for axis in range(3):
        relabelled = np.take(relabelled, generator.permutation(p.shape[axis]), axis=axis)
    assert atoms(relabelled) == pytest.approx(base, abs=1e-13)
    share = generator.random()
    split = np.concatenate([p[:1] * share, p[1:], p[:1] * (1 - share)])  # one symbol becomes two equivalent ones
    assert atoms(split) == pytest.approx(base, abs=1e-13)
    assert atoms(np.pad(p, ((1, 0), (0, 2), (0, 0)))) == pytest.approx(base, abs=1e-13)


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(0, 1000))
def test_garbling_lowers_the_union(p, seed):
    garbling = np.random.default_rng(seed).dirichlet(np.ones(3), size=p.shape[0])
    before, after = pid.decompose(p), pid.decompose(np.einsum("ijk,ia->ajk", p, garbling))
    assert after.union_upper <= before.union_upper + 1e-12
    assert after.redundancy <= before.redundancy + 1e-12


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(0, 1000))
def test_a_source_made_from_the_other_has_nothing_of_its_own(p, seed):
    """X2 drawn from X1 by any channel: X1 dominates, so p itself with X2 drawn anew is in Delta_p and U2 = 0."""
    a = p.sum(axis=1)
    channel = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), size=len(a))
    result = pid.decompose(np.einsum("iy,ij->ijy", a, channel))
    assert abs(result.unique2) <= 1e-15
    assert result.redundancy == pytest.approx(result.information2, abs=1e-15)


def test_equal_sources_have_nothing_of_their_own():
    a = np.random.default_rng(0).dirichlet(np.ones(200)).reshape(100, 2)
    curves = compare_curves(a[None], a[None, ::-1])
    assert curves.excess1 == curves.excess2 == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_against_the_conic_solver(seed):
    p = random_table(1000 + seed)
    exact, conic = pid.decompose(p), pid.decompose(p, solver="cvxpy", tol=1e-6)
    assert exact.union_lower <= conic.union_upper
    assert exact.union_upper >= conic.union_lower


def test_integral_by_quadrature():
    """The defining integral, numerically: adaptive quadrature between the posteriors, where V is a line."""
    from scipy.integrate import quad

    p = np.random.default_rng(3).dirichlet(np.ones(24)).reshape(3, 4, 2)
    a, b = p.sum(axis=1), p.sum(axis=0)
    prior = a.sum(axis=0)

    def curve(table, t):
        return np.maximum(0.0, (1 - t) * table[:, 1] - t * table[:, 0]).sum()

    def integrand(t):
        return (max(curve(a, t), curve(b, t)) - curve(prior[None], t)) / (t * (1 - t))

    kinks = sorted([*(a[:, 1] / a.sum(axis=1)), *(b[:, 1] / b.sum(axis=1)), prior[1]])
    value = sum(quad(integrand, low, high, limit=500, epsabs=1e-13)[0] for low, high in itertools.pairwise(kinks))
    lower, upper = union_information_many(a[None], b[None])
    assert 0.5 * (lower[0] + upper[0]) == pytest.approx(value / np.log(2), abs=1e-10)


def test_one_symbol_leaves_the_other_source_unique():
    p = np.random.default_rng(0).dirichlet(np.ones(6)).reshape(1, 3, 2)
    result = pid.decompose(p)
    assert result.unique2 == pytest.approx(mutual_information(p[0]), abs=1e-15)
    assert [result.redundancy, result.unique1, result.synergy] == pytest.approx([0, 0, 0], abs=1e-15)


@pytest.mark.parametrize("mass", [1e-12, 1e-100, 1e-300, 5e-324])
def test_vanishing_masses_change_nothing(mass):
    p = np.random.default_rng(0).dirichlet(np.ones(24)).reshape(3, 4, 2)
    for cell in ((slice(None), 0, 1), (0, slice(None), 0), (0, 0, 0)):
        other = p.copy()
        other[cell] = 0.0
        other /= other.sum()
        tiny = other.copy()
        tiny[cell] = mass
        # Four cells of 1e-12 move the entropies by less than 1e-12 * log2(1e12) * 10 bits.
        assert atoms(tiny) == pytest.approx(atoms(other), abs=1e-13 + 400 * mass)


def test_a_label_of_vanishing_mass():
    p = np.full((2, 2, 2), 0.25)
    p[..., 1] = [[1e-300, 0.0], [0.0, 0.0]]
    result = pid.decompose(p)
    assert list(result.atoms.values()) == pytest.approx([0, 0, 0, 0], abs=1e-15)


@pytest.mark.parametrize("label", [0, 1])
def test_a_label_that_never_occurs(label):
    p = np.zeros((2, 3, 2))
    p[..., label] = 1 / 6
    assert list(pid.decompose(p).atoms.values()) == pytest.approx([0, 0, 0, 0], abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_the_information_of_the_join_is_the_union(p):
    """A second method: the join from the hull of both ROC curves, then its mutual information by the sum over cells."""
    a, b = p.sum(axis=1), p.sum(axis=0)
    if (a.sum(axis=0) > 0).all():
        joined = join(a[a.sum(axis=1) > 0], b[b.sum(axis=1) > 0])
        assert pid.decompose(p).union_upper == pytest.approx(mutual_information(joined), abs=1e-12)


def test_random_tables_by_two_methods():
    ps = np.random.default_rng(4).dirichlet(np.full(24, 0.2), size=300).reshape(-1, 3, 4, 2)
    lower, upper = union_information_many(ps.sum(axis=2), ps.sum(axis=1))
    values = np.array([mutual_information(join(p.sum(axis=1), p.sum(axis=0))) for p in ps])
    assert (lower <= values + 1e-13).all()
    assert (values <= upper + 1e-13).all()


def exact_union(a: np.ndarray, b: np.ndarray) -> Decimal:
    """The same number in exact rationals and 50-digit logarithms: information of the hull of both ROC curves."""
    first = [tuple(map(Fraction, row)) for row in a.tolist() if sum(row) > 0]
    second = [tuple(map(Fraction, row)) for row in b.tolist() if sum(row) > 0]
    largest = max(range(len(second)), key=lambda k: sum(second[k]))
    # Label masses must agree exactly: rounding made them differ in the last digit.
    second[largest] = tuple(
        second[largest][y] + sum(row[y] for row in first) - sum(row[y] for row in second) for y in (0, 1)
    )
    points = []
    for table in (first, second):
        steps = sorted(table, key=lambda row: row[1] / (row[0] + row[1]), reverse=True)
        points += zip(itertools.accumulate(row[0] for row in steps), itertools.accumulate(row[1] for row in steps))
    hull = [(Fraction(0), Fraction(0))]
    for x, y in sorted(points):
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))

    def x_log_x(x: Fraction) -> Decimal:
        number = Decimal(x.numerator) / Decimal(x.denominator)
        return number * number.ln() if x else Decimal(0)

    symbols = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in itertools.pairwise(hull)]
    total = sum(x_log_x(x) + x_log_x(y) - x_log_x(x + y) for x, y in symbols)
    top = hull[-1]
    return (total - x_log_x(top[0]) - x_log_x(top[1]) + x_log_x(top[0] + top[1])) / Decimal(2).ln()


@pytest.mark.parametrize("vanishing", [False, True])
def test_rounding_stays_within_the_interval(vanishing):
    generator = np.random.default_rng(9)
    for _ in range(25):
        p = generator.dirichlet(np.full(40, generator.choice([1.0, 0.1]))).reshape(4, 5, 2)
        if vanishing:
            p = np.where(generator.random(p.shape) < 0.3, 10.0 ** -generator.integers(1, 300, p.shape), p)
            p /= p.sum()
        a, b = p.sum(axis=1), p.sum(axis=0)
        lower, upper = union_information_many(a[None], b[None])
        with localcontext(prec=50):
            assert Decimal(lower[0]) <= exact_union(a, b) <= Decimal(upper[0])
