"""An optimal dual point of the union information, for every symbol: in closed form for two labels.

    max  sum a_iy alpha_iy + sum b_jy beta_jy     subject to log sum_y exp(alpha_iy + beta_jy) <= 0 for all i, j (nats)

For two labels no optimiser is needed. With V_k the value curves of `solvers.two_labels`, source k owning w_k(t) = 1
where its curve is higher, 1/2 where they are equal, 0 else, pi the prior and t_k the posterior p(y=1|x_k):

    alpha(x1,1) = int_pi^t_1 w_1(t) dt / t,     alpha(x1,0) = -int_pi^t_1 w_1(t) dt / (1-t)

plus log p(y), once. Why: f(t) = t log t + (1-t) log(1-t) splits into convex h_1 + h_2 with h_k'' = w_k f'', and alpha,
beta are the tangents of h_1 at t_1 and of h_2 at t_2. Their sum lies below f, whose conjugate is the constraint; the
value is E h_1(t_1) + E h_2(t_2), the integral of the higher curve, so it is optimal. Blackwell (1953) for the curves;
Bertschinger and Rauh (2014) for the order; the dual in this form is ours, and `pointwise` checks its value.

More labels take the dual point of `solvers.interior`, shifted to feasibility.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import log_partition

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_SAME_POSTERIOR = 13  # decimals, as in `presolve`
_EQUAL_CURVES = 1e-14


def _log_odds(table: Float) -> Float:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(table[..., 1]) - np.log(table[..., 0]))


def _tails(table: Float, odds: Float, ends: Float) -> Float:
    """Return (m, 2): on the piece up to each end the curve is (1-t) A - t B, with A, B the masses in column 1 and 0."""
    order = np.argsort(odds)
    sums = np.zeros((len(table) + 1, 2))
    sums[:-1] = table[order][::-1].cumsum(axis=0)[::-1]
    return np.asarray(sums[np.searchsorted(odds[order], ends, side="left")])


def _owned(a: Float, b: Float, prior: float) -> tuple[Float, Float]:
    """Return breakpoints (m+1,) of log odds and for each piece the share w_1 in {0, 1/2, 1} of the first source.

    By log odds, log t/(1-t), because a posterior of 1 - 1e-20 is 1 as a number and its integral is not finite.
    """
    odds1, odds2 = _log_odds(a), _log_odds(b)
    knots = np.unique(np.concatenate([[-np.inf, prior, np.inf], odds1, odds2]))
    tail1, tail2 = _tails(a, odds1, knots[1:]), _tails(b, odds2, knots[1:])
    rise, fall = tail1[:, 1] - tail2[:, 1], tail1[:, 0] - tail2[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = np.log(rise / fall)
    inside = (crossing > knots[:-1]) & (crossing < knots[1:])
    equal = np.maximum(abs(rise), abs(fall)) <= _EQUAL_CURVES
    ends = np.union1d(knots, crossing[inside & ~equal])
    piece = np.searchsorted(knots, ends[:-1], side="right") - 1
    left, right = ends[:-1].copy(), ends[1:].copy()
    left[0], right[-1] = right[0] - 2.0, left[-1] + 2.0  # the prior lies between, so both are finite
    centre = 0.5 * (left + right)
    first = rise[piece] * np.exp(-0.5 * centre) > fall[piece] * np.exp(0.5 * centre)
    return ends, np.where(equal[piece], 0.5, first.astype(np.float64))


def _integrated(table: Float, ends: Float, share: Float, prior: float) -> Float:
    """Return the dual (n, 2) of one source in nats: integrals of its share from the prior to each posterior."""
    log1, log0 = -np.logaddexp(0.0, -ends[1:]), -np.logaddexp(0.0, ends[:-1])  # log t, log (1-t)
    up = np.concatenate([[0.0], np.cumsum(share[1:] * np.diff(log1))])  # at ends[1:]
    down = np.concatenate([[0.0], np.cumsum(share[:-1] * np.diff(log0))])  # at ends[:-1]
    here, start = np.searchsorted(ends, _log_odds(table)), int(np.searchsorted(ends, prior))
    found = np.full(table.shape, -np.inf)
    found[:, 1] = np.where(table[:, 1] > 0, up[np.maximum(here - 1, 0)] - up[start - 1], -np.inf)
    found[:, 0] = np.where(table[:, 0] > 0, down[np.minimum(here, len(down) - 1)] - down[start], -np.inf)
    return found


def two_label_dual(a: Float, b: Float) -> tuple[Float, Float]:
    """Return an optimal dual point alpha (n1, 2), beta (n2, 2) of two tables over two labels, in nats, closed form.

    Args:
        a, b: tables without empty symbols, same label masses, both labels occurring, sum one.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])                             # AND: one input against the output
        >>> alpha, beta = two_label_dual(a, a)
        >>> float(abs(np.exp(alpha[1] + beta[1]) - 0.5).max()) < 1e-15            # q*(y|1,1) is even
        True
    """
    mass = a.sum(axis=0)
    prior = float(_log_odds(mass))
    ends, share = _owned(a, b, prior)
    alpha = _integrated(a, ends, share, prior) + np.log(mass / mass.sum())
    return alpha, _integrated(b, ends, 1.0 - share, prior)


def _solved_dual(a: Float, b: Float, tol: float) -> tuple[Float, Float]:
    """Return the dual point of more than two labels, by the interior point, shifted to feasibility, nats."""
    from mmcore.information.solvers import interior

    found = interior.solve(a, b, tol=tol)
    alpha, beta = found.alpha, found.beta
    g = log_partition(alpha, beta)
    rows, columns = g.max(axis=1), g.max(axis=0)
    # rows first or columns first: both are feasible, and either may be the better bound
    first = (rows, (g - rows[:, None]).max(axis=0))
    second = ((g - columns[None, :]).max(axis=1), columns)
    cost = [a.sum(axis=1) @ row + b.sum(axis=1) @ column for row, column in (first, second)]
    row, column = first if cost[0] <= cost[1] else second
    return alpha - row[:, None], beta - column[:, None]


def _merged(table: Float) -> tuple[Float, Codes]:
    """Return the table with equivalent symbols added up, and for each symbol its row there (0 for an empty one)."""
    mass = table.sum(axis=1, keepdims=True)
    kept = mass[:, 0] > 0
    posterior = np.round(table[kept] / mass[kept], _SAME_POSTERIOR)
    _, first, member = np.unique(posterior, axis=0, return_index=True, return_inverse=True)
    merged = np.zeros((len(first), table.shape[1]))
    np.add.at(merged, member, table[kept])
    rows = np.zeros(len(table), dtype=np.int64)
    rows[kept] = member
    return merged, rows


def dual_point(a: Float, b: Float, tol: float) -> tuple[Float, Float]:
    """Return alpha (n1, l), beta (n2, l) in nats; what stands where a table has no mass means nothing.

    Args:
        a, b: tables (n1, l) and (n2, l), sum one, same label masses, of labels that all occur and interact (one
            component of `presolve.label_components`); empty symbols are allowed.
        tol: gap that is aimed at for more than two labels, bits.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25], [0.0, 0.0]])
        >>> [part.shape for part in dual_point(a, a[:2], 1e-9)]
        [(3, 2), (2, 2)]
    """
    (first, rows1), (second, rows2) = _merged(a), _merged(b)
    with np.errstate(divide="ignore"):
        if a.shape[1] == 1:
            alpha, beta = np.zeros_like(first), np.zeros_like(second)
        elif len(first) == 1:
            alpha, beta = np.zeros_like(first), np.log(second / second.sum(axis=1, keepdims=True))
        elif len(second) == 1:
            alpha, beta = np.log(first / first.sum(axis=1, keepdims=True)), np.zeros_like(second)
        elif a.shape[1] == 2:
            alpha, beta = two_label_dual(first, second)
        else:
            alpha, beta = _solved_dual(first, second, tol)
    return alpha[rows1], beta[rows2]
