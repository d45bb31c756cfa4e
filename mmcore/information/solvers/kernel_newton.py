"""Compiled: the normal equations of one interior-point iterate, by a block Schur complement, for one small table.

    H = [[H11, H12], [H12', H22]],   H11, H22 block diagonal with blocks diag(sum w pi) + sum c pi pi',
    H12[(i,y),(j,z)] = c_ij pi_y pi_z + [y = z] w_ij pi_y,   c = w/s - w
    L_i = chol(H11_i),   V = L^-1 H12,   (H22 - V'V) d2 = r2 - V' L^-1 r1,   H11 d1 = r1 - H12 d2

All is scaled to a unit diagonal first. A pivot lost to rounding drops its variable from the step. The dual is free to
move alpha by k_y and beta by -k_y: doubling one diagonal entry of beta per label fixes that freedom without changing
the step, since the right-hand side has no part along it. Compiled by numba, in double precision without reordering, so
that a table gives the same bits alone and in a batch. Reference: Wright, Primal-Dual Interior-Point Methods (1997).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]

_BLOCK = 48
_PIVOT = 1e-15

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return `function` compiled, to be called from compiled code only: without what Python would need to call it."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)  # type: ignore


class Newton(NamedTuple):
    """Workspace of the factorised normal equations: n1 >= n2, l labels, m = n2 l."""

    pi: Float  # (n1, n2, l)
    w: Float  # (n1, n2)
    c: Float  # (n1, n2)
    scale1: Float  # (n1, l)
    scale2: Float  # (m,)
    blocks: Float  # (n1, l, l): Cholesky factors of the scaled H11
    cross: Float  # (m, n1 l): V'
    schur: Float  # (m, m): lower Cholesky factor
    left1: Float  # (n1, l)
    left2: Float  # (n2, l)
    right1: Float  # (n1 l,)
    right2: Float  # (m,)


def workspace(n1: int, n2: int, labels: int) -> Newton:
    """Return the arrays for tables of that shape."""
    m = n2 * labels
    return Newton(
        np.zeros((n1, n2, labels)),
        np.zeros((n1, n2)),
        np.zeros((n1, n2)),
        np.zeros((n1, labels)),
        np.zeros(m),
        np.zeros((n1, labels, labels)),
        np.zeros((m, n1 * labels)),
        np.zeros((m, m)),
        np.zeros((n1, labels)),
        np.zeros((n2, labels)),
        np.zeros(n1 * labels),
        np.zeros(m),
    )


def inlined(function: Function) -> Function:
    """Return `function` for one place in compiled code, put there before anything is optimised.

    Every level of calls would otherwise be optimised again with each level above it.
    """
    return njit(error_model="numpy", inline="always")(function)  # type: ignore


@compiled
def copy(source: Float, target: Float) -> None:
    """Copy a matrix by loops: a slice assignment costs numba seconds of compilation."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled
def clear(target: Float) -> None:
    """Fill a matrix with zeros."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = 0.0


@compiled
def largest(x: Float) -> float:
    """Return the largest absolute value of a matrix (NaN if it holds one)."""
    top = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = abs(x[i, j])
            if not value <= top:
                top = value
    return top


@compiled
def _multiply_rows(x: Float, first: int, last: int) -> Float:
    """Return x[first:last] x[:last]'."""
    return np.dot(x[first:last], x[:last].T)


@compiled
def _factor_rows(matrix: Float, start: int, stop: int, upper: Float, row: Float) -> None:
    """Factorise matrix[start:stop, start:stop] in place (lower), row by row; a lost pivot becomes huge.

    `upper` (stop - start, stop - start) is left with the transposed factor above zeros. The innermost loops run over
    scratch from index 0, several numbers at a time: elsewhere numba cannot exclude negative indices.
    """
    size = stop - start
    clear(upper)
    for r in range(size):
        for t in range(r + 1):
            row[t] = matrix[start + r, start + t]
        for k in range(r):
            value = row[k] / upper[k, k]
            upper[k, r] = value
            for t in range(r + 1):
                row[t] -= value * upper[k, t]
        upper[r, r] = math.sqrt(row[r]) if row[r] > _PIVOT else 1e64
        for t in range(r + 1):
            matrix[start + r, start + t] = upper[t, r]


@compiled
def cholesky(matrix: Float) -> None:
    """Factorise a symmetric matrix of unit diagonal in place (lower triangle), by blocks of columns."""
    m = len(matrix)
    width = m if m <= 2 * _BLOCK else _BLOCK
    upper, row = np.empty((width, width)), np.empty(width)
    for start in range(0, m, width):
        stop = min(start + width, m)
        _factor_rows(matrix, start, stop, upper, row)
        if stop == m:
            break
        panel = np.empty((m - stop, width))
        for r in range(m - stop):
            for k in range(width):
                row[k] = matrix[stop + r, start + k]
            for k in range(width):
                value = row[k] / upper[k, k]
                panel[r, k] = value
                for t in range(width):
                    row[t] -= value * upper[k, t]
            for k in range(width):
                matrix[stop + r, start + k] = panel[r, k]
        for first in range(0, m - stop, 2 * width):
            last = min(first + 2 * width, m - stop)
            product = _multiply_rows(panel, first, last)
            for r in range(last - first):
                for t in range(last):
                    matrix[stop + first + r, stop + t] -= product[r, t]


@compiled
def _solve_lower(factor: Float, x: Float) -> None:
    for k in range(len(x)):
        value = x[k]
        for t in range(k):
            value -= factor[k, t] * x[t]
        x[k] = value / factor[k, k]


@compiled
def _solve_upper(factor: Float, x: Float) -> None:
    for k in range(len(x) - 1, -1, -1):
        value = x[k] / factor[k, k]
        x[k] = value
        for t in range(k):
            x[t] -= value * factor[k, t]


@compiled
def _assemble(work: Newton, blocks2: Float, b: Float) -> None:
    """Fill the unscaled blocks, the cross part and the scales."""
    n1, n2, labels = work.pi.shape
    blocks1, cross, pi = work.blocks, work.cross, work.pi
    for i in range(n1):
        clear(blocks1[i])
    for j in range(n2):
        clear(blocks2[j])
    for i in range(n1):
        for j in range(n2):
            c, w = work.c[i, j], work.w[i, j]
            for y in range(labels):
                cp = c * pi[i, j, y]
                for z in range(labels):
                    t = cp * pi[i, j, z]
                    blocks1[i, y, z] += t
                    blocks2[j, y, z] += t
                    cross[j * labels + z, i * labels + y] = t
                wp = w * pi[i, j, y]
                blocks1[i, y, y] += wp
                blocks2[j, y, y] += wp
                cross[j * labels + y, i * labels + y] += wp
    for y in range(labels):
        anchor = 0
        for j in range(n2):
            if b[j, y] > b[anchor, y]:
                anchor = j
        blocks2[anchor, y, y] *= 2.0
    for i in range(n1):
        for y in range(labels):
            if not blocks1[i, y, y] > 0.0:
                blocks1[i, y, y] = 1.0
            work.scale1[i, y] = 1.0 / math.sqrt(blocks1[i, y, y])
    for j in range(n2):
        for y in range(labels):
            if not blocks2[j, y, y] > 0.0:
                blocks2[j, y, y] = 1.0
            work.scale2[j * labels + y] = 1.0 / math.sqrt(blocks2[j, y, y])


@compiled
def factorise(work: Newton, b: Float) -> None:
    """Factorise the normal matrix of (work.pi, work.w, work.c); `b` (n2, l) chooses the anchors."""
    n1, n2, labels = work.pi.shape
    m = n2 * labels
    blocks1, cross, schur = work.blocks, work.cross, work.schur
    blocks2, upper, row = np.empty((n2, labels, labels)), np.empty((labels, labels)), np.empty(labels)
    _assemble(work, blocks2, b)
    for i in range(n1):
        for y in range(labels):
            for z in range(labels):
                blocks1[i, y, z] *= work.scale1[i, y] * work.scale1[i, z]
        _factor_rows(blocks1[i], 0, labels, upper, row)
    for k in range(m):
        for i in range(n1):
            for y in range(labels):
                value = cross[k, i * labels + y] * work.scale2[k] * work.scale1[i, y]
                for z in range(y):
                    value -= blocks1[i, y, z] * cross[k, i * labels + z]
                cross[k, i * labels + y] = value / blocks1[i, y, y]
    for first in range(0, m, 2 * _BLOCK):
        last = min(first + 2 * _BLOCK, m)
        product = _multiply_rows(cross, first, last)
        for r in range(last - first):
            for t in range(last):
                schur[first + r, t] = -product[r, t]
    for j in range(n2):
        for y in range(labels):
            for z in range(y + 1):
                k, t = j * labels + y, j * labels + z
                schur[k, t] += blocks2[j, y, z] * work.scale2[k] * work.scale2[t]
    rescale = work.right2
    for k in range(m):
        rescale[k] = 1.0 / math.sqrt(schur[k, k]) if schur[k, k] > _PIVOT else 0.0
    for k in range(m):
        for t in range(k):
            schur[k, t] *= rescale[k] * rescale[t]
        schur[k, k] = 1.0
    cholesky(schur)
    for k in range(m):  # L of the Schur complement itself, so that no second scale is kept
        if rescale[k] > 0.0:
            for t in range(k + 1):
                schur[k, t] /= rescale[k]
        else:
            schur[k, k] = 1e64


@inlined
def _apply(work: Newton, step1: Float, step2: Float, out1: Float, out2: Float) -> None:
    """Subtract H (step1, step2) from (out1, out2)."""
    n1, n2, labels = work.pi.shape
    for i in range(n1):
        for j in range(n2):
            moved = 0.0
            for y in range(labels):
                moved += work.pi[i, j, y] * (step1[i, y] + step2[j, y])
            moved *= work.c[i, j]
            for y in range(labels):
                value = work.pi[i, j, y] * (moved + work.w[i, j] * (step1[i, y] + step2[j, y]))
                out1[i, y] -= value
                out2[j, y] -= value


@compiled
def _solve_once(work: Newton, step1: Float, step2: Float) -> None:
    """Add to the step the solution for the right-hand side (left1, left2)."""
    n1, _, labels = work.pi.shape
    x1, x2, blocks = work.right1, work.right2, work.blocks
    for i in range(n1):
        for y in range(labels):
            value = work.left1[i, y] * work.scale1[i, y]
            for z in range(y):
                value -= blocks[i, y, z] * x1[i * labels + z]
            x1[i * labels + y] = value / blocks[i, y, y]
    for k in range(len(x2)):
        value = work.left2[k // labels, k % labels] * work.scale2[k]
        for t in range(len(x1)):
            value -= work.cross[k, t] * x1[t]
        x2[k] = value
    _solve_lower(work.schur, x2)
    _solve_upper(work.schur, x2)
    for k in range(len(x2)):
        for t in range(len(x1)):
            x1[t] -= x2[k] * work.cross[k, t]
        step2[k // labels, k % labels] += x2[k] * work.scale2[k]
    for i in range(n1):
        for y in range(labels - 1, -1, -1):
            value = x1[i * labels + y]
            for z in range(y + 1, labels):
                value -= blocks[i, z, y] * x1[i * labels + z]
            x1[i * labels + y] = value / blocks[i, y, y]
            step1[i, y] += x1[i * labels + y] * work.scale1[i, y]


@compiled
def solve(work: Newton, rhs1: Float, rhs2: Float, step1: Float, step2: Float) -> None:
    """Write the solution for (rhs1, rhs2) with one step of iterative refinement against the unfactorised matrix."""
    clear(step1)
    clear(step2)
    for refine in range(2):
        copy(rhs1, work.left1)
        copy(rhs2, work.left2)
        if refine:
            _apply(work, step1, step2, work.left1, work.left2)
        _solve_once(work, step1, step2)
