"""More than two labels: two implementations and a conic solver agree, certificates hold, laws of the measure hold."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr
from worlds import gate, product, through

from mmcore.information import pid
from mmcore.information.certificate import leave_out, lower_bound, upper_bound
from mmcore.information.entropy import mutual_information
from mmcore.information.solvers import interior, schur

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT.parent / "shared" / "reference" / "pid_reference.json"
TOLERANCE = 1e-9


def table(seed: int, shape=None, concentration: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = shape or (*generator.integers(2, 6, 2).tolist(), int(generator.integers(3, 6)))
    return generator.dirichlet(np.full(int(np.prod(shape)), concentration)).reshape(shape)


def by_matrices(p, *, cautious: bool = False, max_iter: int = 80) -> schur.Best:
    """Return what the large-table implementation finds, at any size."""
    a, b = p.sum(axis=1), p.sum(axis=0)
    if len(a) < len(b):
        a, b = b, a
    best = schur.Best(np.empty(0), np.empty(0), np.empty(0))
    schur.run(a, b, best, tol=TOLERANCE, max_iter=max_iter, cautious=cautious)
    return best


def solve(p) -> interior.Solution:
    return interior.solve(p.sum(axis=1), p.sum(axis=0), tol=TOLERANCE)


@pytest.mark.parametrize("cautious", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_compiled_code_and_matrices_agree(seed, cautious):
    p = table(seed, concentration=(1.0, 0.2)[seed % 2])
    compiled, matrices = solve(p).union, by_matrices(p, cautious=cautious)
    assert compiled.upper - compiled.lower <= TOLERANCE
    assert matrices.upper - matrices.lower <= TOLERANCE
    assert compiled.lower <= matrices.upper and matrices.lower <= compiled.upper
    assert compiled.upper == pytest.approx(matrices.upper, abs=TOLERANCE)


@pytest.mark.parametrize("shape", [(30, 20, 6), (60, 50, 6), (40, 60, 5)], ids=str)
def test_they_agree_where_products_go_by_blocks(shape):
    p = table(0, shape)
    first, second = solve(p).union, by_matrices(p)
    assert first.status == "solved"
    assert first.upper - first.lower <= TOLERANCE
    assert first.lower <= second.upper and second.lower <= first.upper


@pytest.mark.parametrize("seed", range(6))
def test_a_conic_solver_agrees(seed):
    p = table(seed + 100)
    conic = pid.decompose(p, solver="cvxpy", tol=1e-6)
    union = solve(p).union
    assert union.lower <= conic.union_upper and conic.union_lower <= union.upper


@pytest.mark.parametrize("shape", [(2, 2, 3), (3, 5, 4), (5, 3, 4), (20, 15, 5), (30, 60, 9)], ids=str)
def test_the_point_returned_proves_the_interval(shape):
    p = table(1, shape)
    a, b = p.sum(axis=1), p.sum(axis=0)
    solution = interior.solve(a, b)
    assert solution.q.shape == shape
    assert solution.q.min() >= 0
    assert solution.q.sum(axis=1) == pytest.approx(a, abs=1e-15)
    assert solution.q.sum(axis=0) == pytest.approx(b, abs=1e-15)
    assert mutual_information(solution.q.reshape(-1, shape[2])) == pytest.approx(solution.union.upper, abs=1e-13)
    pair = np.exp(solution.alpha) @ np.exp(solution.beta).T
    assert pair.max() <= 1 + 1e-13
    value = (a * solution.alpha).sum() + (b * solution.beta).sum() + entr(a.sum(axis=0)).sum()
    assert value / np.log(2) == pytest.approx(solution.union.lower, abs=1e-13)
    # and by the other code: the same interval
    assert lower_bound(solution.alpha, solution.beta, a, b) == pytest.approx(solution.union.lower, abs=1e-13)
    assert upper_bound(solution.q, a, b) == pytest.approx(solution.union.upper, abs=1e-13)


def test_coupling_is_the_point():
    p = table(3)
    a, b = p.sum(axis=1), p.sum(axis=0)
    assert (interior.coupling(a, b) == interior.solve(a, b).q).all()


def test_cells_far_below_the_tolerance_are_left_out_but_counted():
    p = table(0, (4, 3, 3))
    p[0, :, 1] = 1e-17
    p /= p.sum()
    a, b = p.sum(axis=1), p.sum(axis=0)
    kept, _ = leave_out(a, b, 2e-13)
    assert kept[0, 1] == 0.0 and a[0, 1] > 0.0
    solution = interior.solve(a, b)
    assert solution.union.upper - solution.union.lower <= TOLERANCE
    assert np.isfinite(solution.alpha[0, 1])
    assert solution.q[0, :, 1].sum() == pytest.approx(a[0, 1], rel=1e-9)
    whole = by_matrices(p)
    assert solution.union.lower <= whole.upper and whole.lower <= solution.union.upper


def test_alone_and_in_a_batch_the_same_bits():
    generator = np.random.default_rng(5)
    p = generator.dirichlet(np.ones(60), size=20).reshape(20, 3, 4, 5)
    a, b = p.sum(axis=2), p.sum(axis=1)
    together = interior.union_information_many(a, b)
    alone = [interior.union_information_many(a[k : k + 1], b[k : k + 1])[0] for k in range(20)]
    assert together == alone
    for first, second in zip(together, interior.union_information_many(b, a)):
        assert first.lower <= second.upper and second.lower <= first.upper


@pytest.mark.parametrize("shape", [(3, 4, 3), (5, 2, 4)], ids=str)
def test_torch_agrees(shape):
    from mmcore.information.solvers import interior_torch

    p = np.random.default_rng(3).dirichlet(np.full(int(np.prod(shape)), 0.3), size=40).reshape(40, *shape)
    a, b = p.sum(axis=2), p.sum(axis=1)
    unions = interior_torch.union_information_many(a, b)
    assert sum(union.solver == "interior_torch" for union in unions) >= 38  # the rest was handed on, and says so
    for first, second in zip(unions, interior.union_information_many(a, b)):
        assert 0 <= first.upper - first.lower <= TOLERANCE
        assert first.lower <= second.upper and second.lower <= first.upper


@pytest.mark.parametrize("shape", [(3, 3, 3), (60, 50, 6)], ids=str)
def test_a_run_cut_short_says_so(shape):
    p = table(2, shape)
    union = interior.union_information_many(p.sum(axis=1)[None], p.sum(axis=0)[None], max_iter=3)[0]
    assert union.status == "max_iterations"
    truth = solve(p).union
    assert union.upper - union.lower > TOLERANCE
    assert union.lower <= truth.upper and truth.lower <= union.upper


FITS = """
import numpy as np
from mmcore.information.solvers import interior
for shape in ((3, 3, 3), (40, 30, 8), (70, 60, 6)):
    p = np.random.default_rng(0).dirichlet(np.ones(int(np.prod(shape)))).reshape(shape)
    solution = interior.solve(p.sum(axis=1), p.sum(axis=0))
    print(solution.union, float(solution.q.sum()).hex(), float(solution.beta.sum()).hex())
"""


def test_one_thread_and_four_give_the_same_bits():
    found = []
    for threads in ("1", "4"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", FITS], cwd=ROOT, env={**os.environ, **limits}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout)
    assert found[0] == found[1] and found[0].count("solved") == 3


# --- laws of the measure, tables of three labels and more -------------------------------------------------------------

seeds = st.integers(0, 100_000)


def atoms(p: np.ndarray) -> np.ndarray:
    return np.array(list(pid.decompose(p).atoms.values()))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_atoms_are_not_negative_and_add_up(seed):
    p = table(seed, concentration=0.3)
    result = pid.decompose(p)
    assert min(result.atoms.values()) >= -result.gap - 1e-14
    first, second = mutual_information(p.sum(axis=1)), mutual_information(p.sum(axis=0))
    assert result.redundancy + result.unique1 == pytest.approx(first, abs=1e-13)
    assert result.redundancy + result.unique2 == pytest.approx(second, abs=1e-13)
    assert result.total == pytest.approx(mutual_information(p.reshape(-1, p.shape[2])), abs=1e-13)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_names_and_equivalent_symbols_do_not_matter(seed):
    p, generator = table(seed), np.random.default_rng(seed)
    base = atoms(p)
    assert atoms(p.transpose(1, 0, 2)) == pytest.approx(base[[0, 2, 1, 3]], abs=3e-9)
    renamed = p[generator.permutation(len(p))][:, generator.permutation(p.shape[1])]
    assert atoms(renamed[:, :, generator.permutation(p.shape[2])]) == pytest.approx(base, abs=3e-9)
    share = generator.uniform(0.05, 0.95)
    divided = np.concatenate([p[:, :1] * share, p[:, 1:], p[:, :1] * (1 - share)], axis=1)
    assert atoms(divided) == pytest.approx(base, abs=3e-9)
    # the solver itself, without the presolve that merges them again
    assert solve(divided).union.upper == pytest.approx(solve(p).union.upper, abs=2e-9)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_noise_on_a_source_takes_from_both(seed):
    p = table(seed)
    channel = np.random.default_rng(seed).dirichlet(np.ones(3), size=len(p))
    garbled = np.einsum("ijk,ia->ajk", p, channel)
    before, after = pid.decompose(p), pid.decompose(garbled)
    assert after.union_lower <= before.union_upper + 1e-13
    assert after.redundancy <= before.redundancy + 2e-9


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_independent_worlds_add_up(noise):
    # I_union of product channels adds up (Bertschinger et al. 2014, lemma 19): AND beside a noisy XOR, copies, a table
    first = through(gate(lambda i, j: i & j), noise)
    for second in (gate(lambda i, j: 2 * i + j), gate(lambda i, j: i + j), table(7, (2, 3, 3))):
        assert atoms(product(first, second)) == pytest.approx(atoms(first) + atoms(second), abs=3e-9)


def reference_entries() -> list:
    return json.loads(REFERENCE.read_text())["entries"] if REFERENCE.exists() else []


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference tables are not there")
def test_reference_entries_are_met():
    for entry in reference_entries():
        p = np.asarray(entry["p"], dtype=float)
        result = pid.decompose(p / p.sum(), tol=TOLERANCE)
        expected = {"redundancy": "R", "unique1": "U1", "unique2": "U2", "synergy": "S"}
        assert result.gap <= TOLERANCE, entry["name"]
        for atom, name in expected.items():
            assert result.atoms[atom] == pytest.approx(entry[name], abs=1e-8), (entry["name"], atom)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(200, 200, 5), (200, 200, 10)], ids=str)
def test_large_tables_are_certified(shape):
    result = pid.decompose(table(0, shape))
    assert result.gap <= TOLERANCE
    assert "interior" in result.solver


@pytest.mark.parametrize("path", ["kernel", "schur", "torch"])
def test_what_is_not_certified_carries_the_best_interval_that_was_reached(path, monkeypatch):
    if path == "schur":
        monkeypatch.setattr(interior, "_KERNEL_SIZE", 0)
    backend = "torch" if path == "torch" else "numpy"
    for seed in range(12):
        p = table(seed, (5, 5, 5) if seed == 0 else None, concentration=(1.0, 0.2)[seed % 2])
        known = pid.decompose_many([p], tol=1e-10, backend=backend)[0]
        with pytest.raises(pid.NotCertified) as caught:
            pid.decompose_many([p], tol=1e-16, backend=backend)
        lower, upper = caught.value.lower, caught.value.upper
        assert 1e-16 < upper - lower <= 1e-9
        # Both intervals hold the truth, so they meet; the value of the looser one is within its gap.
        assert max(lower, known.union_lower) <= min(upper, known.union_upper) + 1e-15
        assert lower - known.gap <= known.information1 + known.unique2 <= upper + known.gap


def test_rounding_alone_never_certifies():
    # Sources with a copy of the label each: the union information is H(Y) = log2 3 up to rounding, on any path.
    unions = interior.union_information_many(*np.stack([np.diag(np.full(3, 1 / 3))] * 2)[:, None], tol=1e-16)
    assert unions[0].lower < np.log2(3) < unions[0].upper
    assert unions[0].status == "max_iterations"
