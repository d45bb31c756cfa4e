"""Union information by cvxpy: the convex program as the thesis writes it, the independent reference of the engines.

    min  sum_ijy rel_entr(q_ijy, sum_y' q_ijy')    subject to  sum_j q_ijy = a_iy,  sum_i q_ijy = b_jy,  q >= 0
    I_union (bits) = H(Y) + optimum / ln 2

Reference: thesis equations 3.4 and 3.5 (minimise I_q(X1,X2;Y), equivalently maximise H_q(Y|X1,X2), over the couplings
with the two tables of p); Bertschinger et al. (2014); Clarabel by Goulart and Chen (2024). Two departures: cells that
a table forbids are no variables (an interior point has none there), and one redundant constraint a label is left out.
The solver's status is read, and its point is not believed: `certificate` turns primal and dual into a valid interval.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mmcore.errors import InputError, unknown_name
from mmcore.information.certificate import Union, lower_bound, upper_bound

Float = NDArray[np.float64]

CONIC_SOLVERS: dict[str, dict[str, Any]] = {
    "CLARABEL": {
        "tol_gap_abs": 1e-11,
        "tol_gap_rel": 1e-11,
        "tol_feas": 1e-11,
        "tol_ktratio": 1e-8,
        "max_step_fraction": 0.95,
        "max_threads": 1,
    },
    "SCS": {"eps_abs": 1e-9, "eps_rel": 1e-9},
    "MOSEK": {},
}


class _Program:
    """The program of one support pattern, compiled once; its tables are parameters."""

    def __init__(self, support1: NDArray[np.bool_], support2: NDArray[np.bool_]) -> None:
        import cvxpy as cp

        self.i, self.j, self.y = np.nonzero(support1[:, None, :] & support2[None, :, :])
        self.shape = (len(support1), len(support2), support1.shape[1])
        n = len(self.i)
        ones, columns = np.ones(n), np.arange(n)
        self.cells1, self.cells2 = np.argwhere(support1), np.argwhere(support2)
        first = np.zeros(support1.shape, dtype=int)
        first[tuple(self.cells1.T)] = np.arange(len(self.cells1))
        second = np.full(support2.shape, -1)
        # The last cell of each label in b follows from the others: keep the constraints independent.
        last = {label: k for k, (_, label) in enumerate(self.cells2)}
        self.cells2 = np.delete(self.cells2, list(last.values()), axis=0)
        second[tuple(self.cells2.T)] = np.arange(len(self.cells2))
        rows2 = second[self.j, self.y]
        kept = rows2 >= 0
        sum1 = sparse.csr_array((ones, (first[self.i, self.y], columns)), shape=(len(self.cells1), n))
        sum2 = sparse.csr_array((ones[kept], (rows2[kept], columns[kept])), shape=(len(self.cells2), n))
        _, pair = np.unique(self.i * self.shape[1] + self.j, return_inverse=True)
        copy = sparse.csr_array((ones, (columns, pair)), shape=(n, pair.max() + 1))

        self.q, r = cp.Variable(n), cp.Variable(pair.max() + 1)
        self.a, self.b = cp.Parameter(len(self.cells1)), cp.Parameter(len(self.cells2))
        self.constraints = [sum1 @ self.q == self.a, sum2 @ self.q == self.b, copy.T @ self.q == r]
        objective = cp.sum(cp.rel_entr(self.q, copy @ r))  # type: ignore[attr-defined]
        # r = q(x1,x2) as variables of their own keep the cones apart: ten times faster than sums inside them.
        self.problem = cp.Problem(cp.Minimize(objective), self.constraints)

    def point(self) -> tuple[Float, Float, Float]:
        """Return (q, alpha, beta) of the last solve, -inf where a table has no mass."""
        q = np.zeros(self.shape)
        q[self.i, self.j, self.y] = self.q.value
        alpha = np.full((self.shape[0], self.shape[2]), -np.inf)
        beta = np.full((self.shape[1], self.shape[2]), -np.inf)
        beta[self.j, self.y] = 0.0
        alpha[tuple(self.cells1.T)] = -self.constraints[0].dual_value
        beta[tuple(self.cells2.T)] = -self.constraints[1].dual_value
        return q, alpha, beta


@functools.lru_cache(maxsize=64)
def _program(n1: int, n2: int, labels: int, pattern1: bytes, pattern2: bytes) -> _Program:
    support1 = np.frombuffer(pattern1, dtype=bool).reshape(n1, labels)
    return _Program(support1, np.frombuffer(pattern2, dtype=bool).reshape(n2, labels))


def _conic_solver(name: str) -> str:
    import cvxpy as cp

    if name.upper() not in CONIC_SOLVERS:
        raise unknown_name("conic_solver", name.upper(), CONIC_SOLVERS)
    if name.upper() not in cp.installed_solvers():
        raise InputError("conic_solver", name, ", ".join(cp.installed_solvers()), "Install it, or use CLARABEL.")
    return name.upper()


def union_information(
    a: Float, b: Float, *, tol: float = 1e-9, conic_solver: str = "CLARABEL", max_iter: int | None = None
) -> Union:
    """Return the union information of two tables, in bits.

    Args:
        a, b: tables (n1, l) and (n2, l) without empty symbols, same label masses, sum one.
        tol: not passed on: the conic solver always runs at its tightest useful tolerance.
        conic_solver: CLARABEL, or SCS or MOSEK where installed.
        max_iter: iteration limit of the conic solver.

    Raises:
        InputError: for a conic solver that is unknown or not installed.

    Example:
        >>> a = np.array([[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]])     # SUM of two bits: one input against the sum
        >>> round(union_information(a, a).upper, 6)
        0.5
    """
    import cvxpy as cp

    name = _conic_solver(conic_solver)
    program = _program(len(a), len(b), a.shape[1], (a > 0).tobytes(), (b > 0).tobytes())
    program.a.value, program.b.value = a[tuple(program.cells1.T)], b[tuple(program.cells2.T)]
    options = dict(CONIC_SOLVERS[name])
    if max_iter is not None:
        options["max_iters" if name == "SCS" else "max_iter"] = max_iter
    try:
        with warnings.catch_warnings():
            # The certificate judges an inaccurate point, and the status is returned: no need for the warning.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            # A kept solver object would keep its settings too, and a result must not depend on earlier solves.
            program.problem.solve(solver=name, warm_start=False, **options)
    except cp.SolverError as error:
        return Union(-np.inf, np.inf, f"failed: {error}", "cvxpy", 0, np.inf)
    iterations = int(program.problem.solver_stats.num_iters or 0)
    if program.q.value is None:
        return Union(-np.inf, np.inf, program.problem.status, "cvxpy", iterations, np.inf)
    q, alpha, beta = program.point()
    residual = max(abs(q.sum(axis=1) - a).max(), abs(q.sum(axis=0) - b).max())
    lower, upper = float(lower_bound(alpha, beta, a, b)), float(upper_bound(q, a, b))
    return Union(lower, upper, program.problem.status, "cvxpy", iterations, float(residual))
