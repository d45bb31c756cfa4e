"""Tables: formulas, identities, invariances, engines against each other, certificates, and what is refused."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import WORLDS, planted, planted_shared, product

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.certificate import lower_bound, round_to_tables, upper_bound
from mmcore.information.entropy import co_information, conditional_mutual_information, mutual_information
from mmcore.information.solvers import union_many

ALL = (*WORLDS, planted(), planted_shared())


def random_table(seed: int, concentration: float | None = None) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(2, 6, 2), int(generator.integers(2, 6)))
    alpha = concentration or generator.choice([1.0, 0.3, 0.1])
    return generator.dirichlet(np.full(int(np.prod(shape)), alpha)).reshape(shape)


def atoms(p: np.ndarray, **kw) -> np.ndarray:
    return np.array(list(pid.decompose(p, **kw).atoms.values()))


@pytest.mark.parametrize("world", ALL, ids=lambda world: world.name)
@pytest.mark.parametrize("solver", ["auto", "interior", "cvxpy"])
def test_worlds_follow_their_formula(world, solver):
    result = pid.decompose(world.p, solver=solver, tol=1e-7)
    assert result.atoms == pytest.approx(world.atoms, abs=1e-7)
    assert result.status == "certified"
    assert 0 <= result.gap <= 1e-7
    assert min(result.atoms.values()) >= -1e-7


def test_a_wrong_formula_is_seen():
    world = planted()
    wrong = {**world.atoms, "synergy": world.synergy + 1e-5}
    assert pid.decompose(world.p).atoms != pytest.approx(wrong, abs=1e-7)


def test_imperfect_redundancy_is_almost_all_redundant():
    p = np.array([[[0.499, 0.0], [0.0, 0.0]], [[0.001, 0.0], [0.0, 0.5]]])
    result = pid.decompose(p)
    # X1 is the label up to one row in a thousand, X2 is the label: only X2 can have something of its own.
    assert result.unique1 == pytest.approx(0.0, abs=1e-12)
    assert result.information2 == pytest.approx(1.0, abs=1e-2)
    assert result.redundancy == pytest.approx(mutual_information(p.sum(axis=1)), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_sums_and_bounds(seed):
    p = random_table(seed)
    result = pid.decompose(p)
    first, second = mutual_information(p.sum(axis=1)), mutual_information(p.sum(axis=0))
    both = mutual_information(p.reshape(-1, p.shape[2]))
    assert result.information1 == pytest.approx(first, abs=1e-13)
    assert result.information2 == pytest.approx(second, abs=1e-13)
    assert result.total == pytest.approx(both, abs=1e-13)
    assert result.redundancy - result.synergy == pytest.approx(co_information(p), abs=1e-13)
    assert result.unique1 + result.synergy == pytest.approx(
        conditional_mutual_information(np.moveaxis(p, (0, 1, 2), (0, 2, 1))), abs=1e-12
    )
    assert result.union_lower <= result.union_upper
    assert max(first, second) - 1e-13 <= result.union_lower
    assert result.union_upper <= both + 1e-13
    assert min(result.atoms.values()) >= -result.gap - 1e-14


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_invariances(seed):
    p = random_table(seed)
    base = atoms(p)
    generator = np.random.default_rng(seed)
    relabelled = p
    for axis in range(3):
        relabelled = np.take(relabelled, generator.permutation(p.shape[axis]), axis=axis)
    assert atoms(relabelled) == pytest.approx(base, abs=3e-9)
    swapped = atoms(p.transpose(1, 0, 2))
    assert swapped == pytest.approx(base[[0, 2, 1, 3]], abs=3e-9)
    split = np.concatenate([p[:1] * 0.3, p[:1] * 0.7, p[1:]])  # one symbol becomes two equivalent ones
    assert atoms(split) == pytest.approx(base, abs=3e-9)
    padded = np.pad(p, ((0, 1), (1, 0), (0, 2)))
    assert atoms(padded) == pytest.approx(base, abs=3e-9)


@pytest.mark.parametrize("seed", range(4))
def test_garbling_a_source_lowers_what_it_has(seed):
    p = random_table(seed)
    garbling = np.random.default_rng(seed).dirichlet(np.ones(3), size=p.shape[0])
    garbled = np.einsum("ijk,ia->ajk", p, garbling)
    before, after = pid.decompose(p), pid.decompose(garbled)
    assert after.redundancy <= before.redundancy + 2e-9
    assert after.union_lower <= before.union_upper + 2e-9


def test_independent_worlds_add_up():
    first, second = random_table(1)[:2, :2], random_table(2)[:2, :2]
    first, second = first / first.sum(), second / second.sum()
    assert atoms(product(first, second)) == pytest.approx(atoms(first) + atoms(second), abs=3e-9)


@pytest.mark.parametrize("seed", range(10))
def test_engines_agree(seed):
    p = random_table(seed)
    reference = pid.decompose(p, solver="cvxpy", tol=1e-6)
    for solver in ("auto", "interior"):
        result = pid.decompose(p, solver=solver)
        assert result.union_upper == pytest.approx(reference.union_upper, abs=reference.gap + 1e-9)
        # both intervals hold the same number, so they meet
        assert max(result.union_lower, reference.union_lower) <= min(result.union_upper, reference.union_upper) + 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_closed_form_against_cvxpy(seed):
    generator = np.random.default_rng(seed)
    shape = (*generator.integers(2, 9, 2), 2)
    p = generator.dirichlet(np.full(int(np.prod(shape)), 0.5)).reshape(shape)
    exact = pid.decompose(p, solver="two_labels")
    conic = pid.decompose(p, solver="cvxpy", tol=1e-6)
    assert exact.gap < 1e-12
    assert exact.union_lower <= conic.union_upper
    assert exact.union_upper >= conic.union_lower


def test_the_order_of_a_batch_does_not_matter():
    tables = [random_table(seed) for seed in range(8)]
    together = pid.decompose_many(tables)
    for p, result in zip(tables, together):
        assert pid.decompose(p).atoms == pytest.approx(result.atoms, abs=2e-9)
    again = pid.decompose_many(tables)
    assert [r.to_dict() for r in again] == [r.to_dict() for r in together]


@pytest.mark.parametrize("seed", range(10))
def test_any_point_yields_a_valid_interval(seed):
    p = random_table(seed, concentration=1.0)
    a, b = p.sum(axis=1), p.sum(axis=0)
    truth = pid.decompose(p)
    generator = np.random.default_rng(seed)
    q = generator.random(p.shape)
    rounded = round_to_tables(q, a, b)
    assert rounded.sum(axis=1) == pytest.approx(a, abs=1e-14)
    assert rounded.sum(axis=0) == pytest.approx(b, abs=1e-14)
    assert rounded.min() >= 0
    assert upper_bound(q, a, b) >= truth.union_lower - 1e-12
    alpha, beta = generator.normal(size=a.shape), generator.normal(size=b.shape)
    assert lower_bound(alpha, beta, a, b) <= truth.union_upper + 1e-12


@pytest.mark.parametrize("solver", ["cvxpy", "interior"])
def test_a_solver_cut_short_is_not_certified(solver):
    p = random_table(3, concentration=1.0)
    with pytest.raises(pid.NotCertified) as caught:
        pid.decompose(p, solver=solver, max_iter=1)
    error, truth = caught.value, pid.decompose(p)
    assert error.upper - error.lower > 1e-9
    assert error.lower <= truth.union_upper
    assert truth.union_lower <= error.upper
    assert error.status not in ("optimal", "solved")
    assert isinstance(error, ArithmeticError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_limit_does_not_outlive_its_call():
    p = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
    before = pid.decompose(p, solver="cvxpy", tol=1e-6).to_dict()
    with pytest.raises(pid.NotCertified):
        pid.decompose(p, solver="cvxpy", tol=1e-6, max_iter=2)
    assert pid.decompose(p, solver="cvxpy", tol=1e-6).to_dict() == before


def test_cvxpy_reports_its_status_and_residual():
    p = random_table(3, concentration=1.0)
    union = union_many([(p.sum(axis=1), p.sum(axis=0))], solver="cvxpy")[0]
    assert union.status == "solved"
    assert union.residual < 1e-9
    short = union_many([(p.sum(axis=1), p.sum(axis=0))], solver="cvxpy", max_iter=3)[0]
    assert short.status == "user_limit"
    assert short.residual > 1e-6 or short.upper - short.lower > 1e-6


def test_one_class_holds_no_information():
    result = pid.decompose(np.full((2, 3, 1), 1 / 6))
    assert result.atoms == pytest.approx(dict.fromkeys(pid.ATOMS, 0.0), abs=1e-15)


def test_a_source_of_one_symbol_leaves_the_other_unique():
    p = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(1, 3, 4)
    result = pid.decompose(p)
    assert result.unique2 == pytest.approx(mutual_information(p[0]), abs=1e-13)
    assert [result.redundancy, result.unique1, result.synergy] == pytest.approx([0, 0, 0], abs=1e-13)


def test_result_survives_json():
    result = pid.decompose(planted().p)
    assert pid.PID.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    with pytest.raises(InputError) as caught:
        pid.PID.from_dict({**result.to_dict(), "redundncy": 1})
    assert "redundncy" in caught.value.received


GOOD = np.full((2, 2, 2), 0.125)


def changed(value: float) -> np.ndarray:
    p = GOOD.copy()
    p[1, 0, 1] = value
    return p


@pytest.mark.parametrize(
    ("p", "received"),
    [
        (changed(-0.125), "negative mass -0.125 at (1, 0, 1)"),
        (GOOD * 1.5, "mass 1.5 (0.5 too much)"),
        (GOOD * 0.75, "mass 0.75 (0.25 missing)"),
        (changed(np.nan), "nan at (1, 0, 1)"),
        (changed(np.inf), "inf at (1, 0, 1)"),
        (GOOD[0], "rank 2 (2x2)"),
        (np.zeros((2, 0, 2)), "an empty table (2x0x2)"),
        ([["a"]], "list"),
    ],
    ids=["negative", "too much", "missing", "nan", "infinite", "rank", "empty", "text"],
)
def test_bad_tables_are_named(p, received):
    with pytest.raises(InputError) as caught:
        pid.decompose(p)
    assert caught.value.argument == "p"
    assert caught.value.received == received
    assert caught.value.allowed
    assert caught.value.remedy.endswith(".")


def test_the_bad_table_of_many_is_named():
    with pytest.raises(InputError) as caught:
        pid.decompose_many([GOOD, GOOD * 2])
    assert caught.value.argument == "ps[1]"


@pytest.mark.parametrize(
    ("options", "argument", "near"),
    [
        ({"method": "broj"}, "method", "broja"),
        ({"solver": "cvxpi"}, "solver", "cvxpy"),
        ({"max_iters": 3}, "option of solver 'auto'", "max_iter"),
        ({"solver": "cvxpy", "conic_solver": "clarabell"}, "conic_solver", "CLARABEL"),
    ],
)
def test_unknown_names_get_the_nearest(options, argument, near):
    with pytest.raises(InputError) as caught:
        pid.decompose(planted().p + 0.0, **options)
    assert caught.value.argument == argument
    assert near.lower() in caught.value.remedy.lower() or near in caught.value.allowed


def test_tolerance_must_be_positive():
    with pytest.raises(InputError) as caught:
        pid.decompose(GOOD, tol=0.0)
    assert caught.value.argument == "tol"


def test_two_labels_refuses_more():
    with pytest.raises(InputError) as caught:
        pid.decompose(np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3), solver="two_labels")
    assert caught.value.remedy == "Use solver='auto'."
