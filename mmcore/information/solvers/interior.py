"""Union information for any number of labels: a primal-dual interior point on the dual, certified.

    max  sum a_iy alpha_iy + sum b_jy beta_jy     subject to  g_ij + s_ij = 0, s_ij >= 0,
    g_ij = log sum_y exp(alpha_iy + beta_jy),     multipliers w_ij = q(i,j),  q_ijy = w_ij pi_ijy,  pi = softmax

(n1 + n2) |Y| unknowns instead of n1 n2 |Y|. Mehrotra's predictor and corrector (1992) on

    (sum w diag pi + sum (w/s - w) pi pi') d = a,b - sum w pi - sum pi (rc + w rp) / s

by a Schur complement on the shorter source. The target of the complementarity is floored, because driven to zero it
ruins the residual and the gap sticks. Small tables go to compiled code (`kernel`), where Python would cost more than
the arithmetic; large ones to matrix products (`schur`). A table whose interval stays too wide gets a second run with
heavier centring and shorter steps, which its status tells; what is then still too wide is returned as the best ends of
all iterations. Rounding is added to both ends (`two_labels.rounding_error`), since the best of many would pick it out.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from threadpoolctl import ThreadpoolController

from mmcore.information.certificate import Union, round_to_tables, shift_to_feasible
from mmcore.information.entropy import LN2
from mmcore.information.solvers import schur
from mmcore.information.solvers.two_labels import rounding_error

if TYPE_CHECKING:
    from mmcore.information.solvers.kernel import Best

Float = NDArray[np.float64]

MAX_ITERATIONS = 80
_KERNEL_SIZE = 250  # largest n2 |Y| of the compiled code; LAPACK's blocks win above
_ONE_THREAD = 200_000  # multiplications above which a matrix product may be shared among threads
AIM = 0.8  # share of the tolerance that is aimed at, so that adding parts up does not exceed it


@dataclasses.dataclass(frozen=True)
class Solution:
    """A certified optimum.

    Attributes:
        union: the interval, bits.
        q: coupling (n1, n2, l) with exactly the tables a and b, whose information is `union.upper`.
        alpha, beta: feasible dual point (n1, l) and (n2, l), nats, whose bound is `union.lower`; -inf where no mass is.
    """

    union: Union
    q: Float
    alpha: Float
    beta: Float


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def aim(tol: float, symbols: int) -> float:
    """Return the width, bits, at which a solver may stop, so that rounding and adding parts up stay within `tol`."""
    return max(AIM * tol - 2.0 * rounding_error(symbols), 0.0)


def _status(width: float, tol: float, runs: int) -> str:
    if width <= tol:
        return "solved" if runs == 1 else "solved_by_cautious_run"
    return "max_iterations" if np.isfinite(width) else "numerical_error"


def _small(a: Float, b: Float, tol: float, max_iter: int) -> tuple[list[Union], Best]:
    """Solve a batch by compiled code; return the unions and the point of the last table."""
    from mmcore.information.solvers import compiled, kernel, kernel_newton

    n, n1, labels = a.shape
    n2 = b.shape[1]
    best = kernel.Best(np.zeros((n1, labels)), np.zeros((n2, labels)), np.zeros((n1, n2, labels)), np.zeros(2))
    out = np.zeros((n, 5))
    # A table that may not be written to is another type to numba, for which it would compile once more.
    a, b = (table if table.flags.carray else np.array(table, order="C") for table in (a, b))
    arguments = (a, b, aim(tol, n1 + n2) * LN2, max_iter)
    scratch = (kernel.state(n1, n2, labels), kernel_newton.workspace(n1, n2, labels), best, out)
    if (n2 * labels) ** 2 * n1 * labels > _ONE_THREAD:
        with _threads().limit(limits=1, user_api="blas"):
            compiled.batch()(*arguments, *scratch)
    else:
        compiled.batch()(*arguments, *scratch)
    interval = (entr(a.sum(axis=1)).sum(axis=1)[:, None] + out[:, :2]) / LN2
    interval += rounding_error(n1 + n2) * np.array([-1.0, 1.0])
    rows = zip(interval.tolist(), out[:, 2:].tolist())
    return [
        Union(lower, upper, _status(upper - lower, tol, runs), "interior", int(iterations), residual)
        for (lower, upper), (iterations, residual, runs) in rows
    ], best


def _large(a: Float, b: Float, tol: float, max_iter: int) -> tuple[Union, schur.Best]:
    """Solve one table by matrix products."""
    best = schur.Best(np.full(a.shape, np.nan), np.full(b.shape, np.nan), np.zeros((len(a), len(b), a.shape[1])))
    runs, stop, error = 1, aim(tol, len(a) + len(b)), rounding_error(len(a) + len(b))
    with _threads().limit(limits=1, user_api="blas"):
        if not schur.run(a, b, best, tol=stop, max_iter=max_iter):
            runs = 2
            schur.run(a, b, best, tol=stop, max_iter=max_iter, cautious=True)
    lower, upper = best.lower - error, best.upper + error
    status = _status(upper - lower, tol, runs)
    return Union(lower, upper, status, "interior", best.iterations, best.residual), best


def solve(a: Float, b: Float, *, tol: float = 1e-9, max_iter: int = MAX_ITERATIONS) -> Solution:
    """Return the optimum of one table: interval, coupling and dual point. `.q` is what a coupling is built from.

    Args:
        a, b: (n1, l) and (n2, l), each summing to one, no empty symbols, same label masses.
        tol: width of the interval that is aimed at, bits; not judged here.
        max_iter: iterations of each of at most two runs.

    Example:
        >>> a = np.array([[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]])
        >>> q = solve(a, a).q
        >>> bool(abs(q.sum(axis=1) - a).max() < 1e-15)
        True
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    swapped = len(a) < len(b)
    first, second = (b, a) if swapped else (a, b)
    if len(second) * a.shape[1] <= _KERNEL_SIZE:
        unions, point = _small(first[None], second[None], tol, max_iter)
        union, q, alpha, beta = unions[0], point.q, point.alpha, point.beta
    else:
        union, best = _large(first, second, tol, max_iter)
        q, alpha, beta = round_to_tables(best.q, first, second), best.alpha, best.beta
    alpha, beta = shift_to_feasible(alpha, beta)
    return Solution(union, q.transpose(1, 0, 2), beta, alpha) if swapped else Solution(union, q, alpha, beta)


def coupling(a: Float, b: Float, *, tol: float = 1e-9, max_iter: int = MAX_ITERATIONS) -> Float:
    """Return q* (n1, n2, l) of one table: exactly its tables a and b, information within `tol` bits of the union's.

    Example:
        >>> a = np.array([[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]])
        >>> q = coupling(a, a)
        >>> bool(abs(q.sum(axis=0) - a).max() < 1e-15)
        True
    """
    return solve(a, b, tol=tol, max_iter=max_iter).q


def union_information_many(a: Float, b: Float, *, tol: float = 1e-9, max_iter: int = MAX_ITERATIONS) -> list[Union]:
    """Return the union information of each table of a batch, in bits.

    Args:
        a, b: (B, n1, l) and (B, n2, l), each table summing to one, no empty symbols, same label masses.
        tol: width of the interval at which a table is done, bits; not judged here.
        max_iter: iterations of each of at most two runs, after which the best interval is returned with status
            "max_iterations".

    Example:
        >>> a = np.array([[[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]]])     # SUM of two bits: one input against the sum
        >>> round(union_information_many(a, a)[0].upper, 6)
        0.5
    """
    if a.shape[1] < b.shape[1]:
        a, b = b, a
    if b.shape[1] * b.shape[2] <= _KERNEL_SIZE:
        return _small(a, b, tol, max_iter)[0]
    return [_large(first, second, tol, max_iter)[0] for first, second in zip(a, b)]
