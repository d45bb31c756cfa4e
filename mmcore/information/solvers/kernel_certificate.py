"""Compiled: the valid interval of one small table, as `certificate` computes it for large ones.

    lower = H(Y) + a.alpha + b.beta - sum_i p(i) r_i - sum_j p(j) c_j,   r_i = max_j g_ij,   c_j = max_i (g_ij - r_i)
    upper = H(Y) + sum q log(q / q12)    of the coupling q that the primal point rounds to

Both hold for any (alpha, beta) and any q >= 0; nothing is assumed of the point beyond rounding. Values in nats and
without H(Y). Reference: Altschuler, Weed and Rigollet (2017) for the rounding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmcore.information.solvers.kernel_newton import compiled, copy

Float = NDArray[np.float64]

_TINY = 1e-300


@compiled
def lower(alpha: Float, beta: Float, a: Float, b: Float) -> float:
    """Return the dual value after shifting each row, then each column, to feasibility."""
    n1, n2, labels = len(a), len(b), a.shape[1]
    row, column, g = np.empty(n1), np.empty(n2), np.empty((n1, n2))
    for j in range(n2):
        column[j] = -np.inf
    for i in range(n1):
        row[i] = -np.inf
        for j in range(n2):
            top = -np.inf
            for y in range(labels):
                top = max(top, alpha[i, y] + beta[j, y])
            total = 0.0
            if top > -np.inf:
                for y in range(labels):
                    total += math.exp(alpha[i, y] + beta[j, y] - top)
                total = math.log(total) + top
            else:
                total = -np.inf
            g[i, j] = total
            row[i] = max(row[i], total)
    for i in range(n1):
        if row[i] > -np.inf:
            for j in range(n2):
                column[j] = max(column[j], g[i, j] - row[i])
    value = 0.0
    for i in range(n1):
        for y in range(labels):
            if a[i, y] > 0.0:
                value += a[i, y] * (alpha[i, y] - row[i])
    for j in range(n2):
        for y in range(labels):
            if b[j, y] > 0.0:
                value += b[j, y] * (beta[j, y] - column[j])
    return value


@compiled
def _scale(q: Float, a: Float, b: Float, first: bool, shrink: bool) -> None:
    """Multiply q so that its first (second) table is a (b); only downwards if `shrink`."""
    n1, n2, labels = q.shape
    table = a if first else b
    total = np.empty(table.shape)
    for k in range(len(table)):
        for y in range(labels):
            total[k, y] = 0.0
    for i in range(n1):
        for j in range(n2):
            k = i if first else j
            for y in range(labels):
                total[k, y] += q[i, j, y]
    for k in range(len(table)):
        for y in range(labels):
            total[k, y] = table[k, y] / max(total[k, y], _TINY)
            if shrink and total[k, y] > 1.0:
                total[k, y] = 1.0
    for i in range(n1):
        for j in range(n2):
            k = i if first else j
            for y in range(labels):
                q[i, j, y] *= total[k, y]


@compiled
def round_to_tables(q: Float, a: Float, b: Float) -> None:
    """Change q in place into a coupling of the tables a and b: two sweeps, then the rank-one correction."""
    n1, n2, labels = q.shape
    for sweep in range(6):
        _scale(q, a, b, sweep % 2 == 0, sweep >= 4)
    missing1, missing2 = np.empty(a.shape), np.empty(b.shape)
    copy(a, missing1)
    copy(b, missing2)
    for i in range(n1):
        for j in range(n2):
            for y in range(labels):
                missing1[i, y] -= q[i, j, y]
                missing2[j, y] -= q[i, j, y]
    for y in range(labels):
        total = 0.0
        for i in range(n1):
            missing1[i, y] = max(missing1[i, y], 0.0)
            total += missing1[i, y]
        total = max(total, _TINY)
        for j in range(n2):
            share = max(missing2[j, y], 0.0) / total
            if share > 0.0:
                for i in range(n1):
                    q[i, j, y] += missing1[i, y] * share


@compiled
def upper(q: Float) -> float:
    """Return sum q log(q / q12) of a coupling, nats: minus its H(Y|X1,X2)."""
    n1, n2, labels = q.shape
    value = 0.0
    for i in range(n1):
        for j in range(n2):
            total = 0.0
            for y in range(labels):
                total += q[i, j, y]
            if total > 0.0:
                for y in range(labels):
                    if q[i, j, y] > 0.0:
                        value += q[i, j, y] * math.log(q[i, j, y] / total)
    return value


@compiled
def complete(alpha: Float, beta: Float, a: Float, floor: float) -> None:
    """Give every cell that carries mass but was left out of the solve a finite alpha, at almost no cost to the bound.

    With alpha_iy = floor - max_j beta_jy the cell adds at most exp(floor) to any partition sum.
    """
    for y in range(a.shape[1]):
        top = -np.inf
        for j in range(len(beta)):
            top = max(top, beta[j, y])
        top = top if top > -np.inf else 0.0
        for i in range(len(a)):
            if a[i, y] > 0.0 and alpha[i, y] == -np.inf:
                alpha[i, y] = floor - top
