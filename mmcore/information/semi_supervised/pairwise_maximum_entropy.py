"""The joint distribution of largest entropy with three given pair tables: iterative proportional fitting, certified.

    max H_r(X1,X2,Y)   over r with r(x1,y) = a, r(x2,y) = b, r(x1,x2) = c
    F(v, w) = sum_ij c_ij log sum_y exp(v_iy + w_jy) - <a, v> - <b, w>  >=  max H_r(Y|X1,X2)       for every v, w
    I(X1,X2;Y) >= H(Y) - F(v, w),   with equality for the r = c softmax_y(v_iy + w_jy) whose tables are a and b

Given the tables the information of both sources is H(X1,X2) + H(Y) - H(X1,X2,Y), so this is its least value, and less
the union information the least synergy (theorem 4 of the thesis without its relaxation). F is the dual after its part
for c is eliminated: an additive logistic regression of Y on X1 and X2. A sweep of fitting (Deming and Stephan 1940;
Csiszar 1975) is ascent in one block of it, so every iterate gives a valid bound. Fitting alone is sublinear where the
optimum has empty cells that no table forces (AND is one), so Newton steps on the same F finish it.
Tables that no joint distribution has make F fall without end; F below zero is the proof.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from mmcore.information.entropy import LN2

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_SWEEPS = 8
_LARGEST_STEP = 100.0
_RIDGE = 1e-13
_BATCH_CELLS = 4_000_000


@dataclasses.dataclass(frozen=True)
class PairwiseMaximum:
    """Solutions of a batch.

    Attributes:
        information: (B,) valid lower bound of I(X1,X2;Y) in bits, from the dual, at whatever iterate was reached.
        coupling: (B, n1, n2, l), c softmax(v + w): exact in (x1,x2), off by `residual` in the other two tables.
        residual: (B,) sum of absolute errors of the two labelled tables of `coupling`.
        iterations: (B,) sweeps and Newton steps.
        contradictory: (B,) True where the dual proves that no joint distribution has these tables.
        span: (B,) largest dual variable of each table, added up, nats: an error of the tables whose absolute values sum
            to d moves the bound by at most d * span.
    """

    information: Float
    coupling: Float
    residual: Float
    iterations: NDArray[np.int64]
    contradictory: Bool
    span: Float


def pairwise_maximum_entropy(
    a: Float, b: Float, c: Float, *, tol: float = 1e-11, sweeps: int = _SWEEPS, max_iter: int = 120
) -> PairwiseMaximum:
    """Return the joint distributions of largest entropy with the given tables.

    Args:
        a, b, c: (B, n1, l), (B, n2, l), (B, n1, n2), consistent in each single variable.
        tol: residual (sum of absolute errors of the tables) at which a table leaves the batch.
        sweeps: sweeps of proportional fitting before the Newton steps.
        max_iter: Newton steps; 0 leaves the bare fitting.

    Example:
        >>> p = np.zeros((1, 2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         p[0, i, j, i & j] = 0.25
        >>> found = pairwise_maximum_entropy(p.sum(axis=2), p.sum(axis=1), p.sum(axis=3))
        >>> round(float(found.information[0]), 9)                  # no other distribution has the tables of AND
        0.811278124
    """
    n, n1, labels = a.shape
    size = max(1, _BATCH_CELLS // ((n1 + b.shape[1]) * labels) ** 2)
    chunks = [slice(start, start + size) for start in range(0, n, size)]
    parts = [_solve(a[rows], b[rows], c[rows], tol, sweeps, max_iter) for rows in chunks]
    fields = [field.name for field in dataclasses.fields(PairwiseMaximum)]
    return PairwiseMaximum(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _softmax(v: Float, w: Float) -> tuple[Float, Float]:
    """Return pi (B, n1, n2, l) and its log normaliser (B, n1, n2): 0 and -inf where no label is possible."""
    exponent = v[:, :, None, :] + w[:, None, :, :]
    top = exponent.max(axis=-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    weight = np.exp(exponent - safe[..., None])
    total = weight.sum(axis=-1)
    with np.errstate(divide="ignore"):
        return weight / np.where(total > 0, total, 1.0)[..., None], np.log(total) + safe


def _weighted(table: Float, values: Float) -> Float:
    """Return sum table * values per item, 0 * inf taken as 0; inf where mass meets -inf."""
    return np.asarray(np.where(table > 0, table * np.where(table > 0, values, 0.0), 0.0).reshape(len(table), -1).sum(1))


def _dual(a: Float, b: Float, c: Float, v: Float, w: Float) -> Float:
    """Return F (B,) in nats; -inf where c has mass on a pair that shares no label."""
    return _weighted(c, _softmax(v, w)[1]) - _weighted(a, v) - _weighted(b, w)


def _log_ratio(table: Float, found: Float) -> Float:
    ratio = np.divide(table, found, out=np.ones_like(table), where=(found > 0) & (table > 0))
    return np.asarray(np.log(ratio))


def _sweep(a: Float, b: Float, c: Float, v: Float, w: Float) -> tuple[Float, Float]:
    """Return (v, w) after one sweep of proportional fitting: each labelled table is met in turn."""
    v = v + _log_ratio(a, (c[..., None] * _softmax(v, w)[0]).sum(axis=2))
    return v, w + _log_ratio(b, (c[..., None] * _softmax(v, w)[0]).sum(axis=1))


def _solve(a: Float, b: Float, c: Float, tol: float, sweeps: int, max_iter: int) -> PairwiseMaximum:
    with np.errstate(divide="ignore"):
        label = 0.5 * np.log(a.sum(axis=1, keepdims=True))
        v = np.where(a > 0, np.log(a) - label, -np.inf)
        w = np.where(b > 0, np.log(b) - label, -np.inf)
    for _ in range(sweeps):
        v, w = _sweep(a, b, c, v, w)
    # H(X1,X2,Y) is at least the entropy of each table, so F below these floors is a contradiction.
    entropies = [entr(table).reshape(len(a), -1).sum(axis=1) for table in (a, b, c)]
    floor = np.maximum(np.maximum(entropies[0], entropies[1]) - entropies[2], 0.0)
    best, iterations = _dual(a, b, c, v, w), np.full(len(a), sweeps)
    active = np.arange(len(a))
    for _ in range(max_iter):
        active = active[(best[active] >= floor[active] - 1e-9) & np.isfinite(best[active])]
        if not len(active):
            break
        tables = (a[active], b[active], c[active])
        # A sweep before each step sets right what the step cannot see: cells of masses far below the others'.
        state = (*tables, *_sweep(*tables, v[active], w[active]))
        v[active], w[active], best[active] = state[3], state[4], np.minimum(best[active], _dual(*state))
        gradient1, gradient2, pi = _gradient(*state)
        busy = np.abs(gradient1).sum(axis=(1, 2)) + np.abs(gradient2).sum(axis=(1, 2)) > tol
        active, state = active[busy], tuple(part[busy] for part in state)
        if not len(active):
            break
        moved1, moved2 = _newton(state[2], pi[busy], gradient1[busy], gradient2[busy])
        slope = (gradient1[busy] * moved1).sum(axis=(1, 2)) + (gradient2[busy] * moved2).sum(axis=(1, 2))
        length, value = _line_search(*state, moved1, moved2, slope, best[active])
        v[active] = state[3] + length[:, None, None] * moved1
        w[active] = state[4] + length[:, None, None] * moved2
        best[active], iterations[active] = np.minimum(best[active], value), iterations[active] + 1
        # Where the slope promises less than rounding, or no step helps, nothing is left to gain.
        active = active[(length > 0) & (slope < -1e-15)]
    gradient1, gradient2, pi = _gradient(a, b, c, v, w)
    residual = np.abs(gradient1).sum(axis=(1, 2)) + np.abs(gradient2).sum(axis=(1, 2))
    information = (entr(a.sum(axis=1)).sum(axis=1) - best) / LN2
    span = _span(a, v) + _span(b, w)
    return PairwiseMaximum(information, c[..., None] * pi, residual, iterations, best < floor - 1e-9, span)


def _span(table: Float, dual: Float) -> Float:
    """Return the largest difference within a row of the dual where the table has mass, (B,)."""
    top = np.where(table > 0, dual, -np.inf).max(axis=2, keepdims=True)
    return np.where(table > 0, np.where(np.isfinite(top), top, 0.0) - dual, 0.0).max(axis=(1, 2))


def _gradient(a: Float, b: Float, c: Float, v: Float, w: Float) -> tuple[Float, Float, Float]:
    pi = _softmax(v, w)[0]
    r = c[..., None] * pi
    return r.sum(axis=2) - a, r.sum(axis=1) - b, pi


def _newton(c: Float, pi: Float, gradient1: Float, gradient2: Float) -> tuple[Float, Float]:
    """Return the Newton step (dv, dw); the freedoms of F that change nothing are held by a small ridge."""
    n, n1, n2, labels = pi.shape
    m1, m = n1 * labels, (n1 + n2) * labels
    r = c[..., None] * pi
    cross = -r[..., :, None] * pi[..., None, :]
    label = np.arange(labels)
    cross[..., label, label] += r
    hessian = np.zeros((n, m, m))
    first = np.zeros((n, n1, labels, n1, labels))
    second = np.zeros((n, n2, labels, n2, labels))
    i, j = np.arange(n1), np.arange(n2)
    first[:, i, :, i, :] = cross.sum(axis=2).transpose(1, 0, 2, 3)
    second[:, j, :, j, :] = cross.sum(axis=1).transpose(1, 0, 2, 3)
    hessian[:, :m1, :m1], hessian[:, m1:, m1:] = first.reshape(n, m1, m1), second.reshape(n, m - m1, m - m1)
    hessian[:, :m1, m1:] = cross.transpose(0, 1, 3, 2, 4).reshape(n, m1, m - m1)
    hessian[:, m1:, :m1] = hessian[:, :m1, m1:].transpose(0, 2, 1)
    # Not scaled by the diagonal: that would blow up the freedoms of cells whose mass goes to zero.
    np.einsum("nkk->nk", hessian)[...] += _RIDGE
    right = np.concatenate([gradient1.reshape(n, -1), gradient2.reshape(n, -1)], axis=1)
    step = -np.linalg.solve(hessian, right[..., None])[..., 0]
    largest = np.abs(step).max(axis=1, keepdims=True)
    step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(largest, 1e-300))
    return step[:, :m1].reshape(n, n1, labels), step[:, m1:].reshape(n, n2, labels)


def _line_search(
    a: Float, b: Float, c: Float, v: Float, w: Float, moved1: Float, moved2: Float, slope: Float, start: Float
) -> tuple[Float, Float]:
    """Return the step lengths (B,) that lower F by a part of what its slope promises (else 0), and F there."""
    length, value = np.ones(len(a)), np.full(len(a), np.inf)
    searching = np.ones(len(a), dtype=bool)
    for _ in range(30):
        k = np.flatnonzero(searching)
        moved = length[k][:, None, None]
        value[k] = _dual(a[k], b[k], c[k], v[k] + moved * moved1[k], w[k] + moved * moved2[k])
        # Rounding of F (a few 1e-16) must not reject the last quadratic steps.
        enough = value[k] <= start[k] + 1e-4 * length[k] * slope[k] + 2e-15
        searching[k[enough]] = False
        length[k[~enough]] *= 0.5
        if not searching.any():
            break
    length[searching] = 0.0
    return length, np.where(searching, start, value)
