"""A GRU's steps: what lies between its matrix products in one pass, or with them, by tiles, whole sequences at once.

    r = s(W_r x + b_r + U_r h + c_r),  z = s(..),  n = tanh(W_n x + b_n + r p),  p = U_n h + c_n,  h' = n + z (h - n)
    dp = r dn,  dn = g (1 - z)(1 - n^2),  dr = dn p r (1 - r),  dz = g (h - n) z (1 - z),  dh = g z + (products)

Reference: Cho et al. 2014 (EMNLP), in the form of `torch.nn.GRU`; g is the gradient of h', s the logistic function, and
dr, dz, dn are gradients of what the functions are taken of. Arrays are float32 and contiguous, with a row for each step
of each sequence: `gates`, (rows, 3 h), come as W x and are left as r, z, n; `pushed`, (rows, h), keeps p;
`factors`, (rows, 3 h), and `fresh`, (rows, h), are gradients of U h + c and of W_n x. Row
`start + i` has its earlier state in row `before + i`, or zeros where `before` is -1.
Whole sequences: `starts` and `sizes` hold, for each step, its first row and how many sequences have it, longest first;
[first, last) are sequences, so that threads share nothing. The recurrent weights lie in panels of 32 columns,
(panels, terms, 32), the last filled up with zeros: copied once, where a library would arrange them anew at each step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST, hyperbolic_tangent, inlined, sigmoid
from mmcore.models.compiled.tiles import COLUMNS, product_before_reading

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
compiled = njit(fastmath=FAST, error_model="numpy", nogil=True)


def panels_for(terms: int, columns: int) -> NDArray[np.float32]:
    """Return room for a matrix in panels.

    Example:
        >>> panels_for(3, 70).shape
        (3, 3, 32)
    """
    return np.empty((-(-columns // COLUMNS), terms, COLUMNS), np.float32)


@inlined
def advance(g, bias, p, earlier, out, pushed):  # type: ignore[no-untyped-def]
    """One row of a step; g comes as W x, without its bias, and p as U h + c, of which `pushed` keeps the last third."""
    hidden = len(out)
    for j in range(hidden):
        g[j] = sigmoid(g[j] + bias[j] + p[j])
    for j in range(hidden):
        g[hidden + j] = sigmoid(g[hidden + j] + bias[hidden + j] + p[hidden + j])
    for j in range(hidden):
        n = hyperbolic_tangent(g[2 * hidden + j] + bias[2 * hidden + j] + g[j] * p[2 * hidden + j])
        g[2 * hidden + j] = n
        out[j] = n + g[hidden + j] * (earlier[j] - n)
    for j in range(hidden):
        pushed[j] = p[2 * hidden + j]


@inlined
def retreat(g, p, earlier, gradient, d, fresh):  # type: ignore[no-untyped-def]
    """One row of a step: the gradients of U h + c, in the order r, z, n, and, as r does not scale it, of W_n x."""
    hidden = len(gradient)
    for j in range(hidden):
        r, z, n = g[j], g[hidden + j], g[2 * hidden + j]
        new = gradient[j] * (_ONE - z) * (_ONE - n * n)
        fresh[j] = new
        d[2 * hidden + j] = new * r
        d[j] = new * p[j] * r * (_ONE - r)
        d[hidden + j] = gradient[j] * (earlier[j] - n) * z * (_ONE - z)


@compiled
def add_products(a, a_start, rows, panels, c, c_start, edge):  # type: ignore[no-untyped-def]
    """Add rows of A, from `a_start`, times what lies in panels to rows of C; `edge` is room for the last columns."""
    terms, columns = a.shape[1], c.shape[1]
    whole, size = columns // COLUMNS, terms * COLUMNS
    for p in range(whole):
        to = c_start * columns + p * COLUMNS
        product_before_reading(
            a, a_start * terms, terms, 1, rows, panels, p * size, COLUMNS, terms,
            c, to, columns, True, panels, (p + 1) * size,
        )  # fmt: skip
    if whole < len(panels):
        product_before_reading(
            a, a_start * terms, terms, 1, rows, panels, whole * size, COLUMNS, terms,
            edge, 0, COLUMNS, False, panels, 0,
        )  # fmt: skip
        for row in range(rows):
            for n in range(whole * COLUMNS, columns):
                c[c_start + row, n] += edge[row, n - whole * COLUMNS]


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name. `sources` is part of the key of the cache on disk."""

    def gru_step(gates, bias, p, pushed, out, start, stop, before):  # type: ignore[no-untyped-def]
        """Fill the step's rows of `out`, and leave r, z, n in `gates`."""
        _ = sources  # numba keys its cache by what a function closes over
        zeros = np.zeros(out.shape[1], np.float32)
        for row in range(start, stop):
            earlier = zeros if before < 0 else out[before + row - start]
            advance(gates[row], bias, p[row - start], earlier, out[row], pushed[row])

    def gru_step_back(gates, pushed, out, states, factors, fresh, start, stop, before):  # type: ignore[no-untyped-def]
        """Fill the step's rows of `factors` and `fresh`; add g z to the gradient of the state before."""
        _ = sources
        hidden = out.shape[1]
        zeros = np.zeros(hidden, np.float32)
        for row in range(start, stop):
            earlier = zeros if before < 0 else out[before + row - start]
            retreat(gates[row], pushed[row], earlier, states[row], factors[row], fresh[row])
            if before >= 0:
                target, state, update = states[before + row - start], states[row], gates[row, hidden : 2 * hidden]
                for j in range(hidden):
                    target[j] += state[j] * update[j]

    def pack(weight, panels):  # type: ignore[no-untyped-def]
        """Copy (terms, columns), of any strides, to panels."""
        _ = sources
        terms, columns = weight.shape
        panels[len(panels) - 1] = _ZERO
        for p in range(len(panels)):
            start = p * COLUMNS
            count = min(COLUMNS, columns - start)
            if weight.strides[0] > weight.strides[1]:
                for k in range(terms):
                    for n in range(count):
                        panels[p, k, n] = weight[k, start + n]
            else:
                for n in range(count):
                    for k in range(terms):
                        panels[p, k, n] = weight[k, start + n]

    def gru_forth(gates, bias, pushed, out, panels, recurrent_bias, starts, sizes, first, last):  # type: ignore[no-untyped-def]
        """Fill `pushed` and `out`, and leave r, z, n in `gates`; the panels are those of U transposed."""
        _ = sources
        zeros, edge = np.zeros(out.shape[1], np.float32), np.empty((last - first, COLUMNS), np.float32)
        p = np.empty((last - first, gates.shape[1]), np.float32)
        for t in range(len(sizes)):
            start, stop = starts[t] + first, starts[t] + min(last, sizes[t])
            before = starts[t - 1] + first if t > 0 else -1
            p[:] = recurrent_bias
            if before >= 0 and stop > start:
                add_products(out, before, stop - start, panels, p, 0, edge)
            for row in range(start, stop):
                earlier = zeros if before < 0 else out[before + row - start]
                advance(gates[row], bias, p[row - start], earlier, out[row], pushed[row])

    def gru_back(  # type: ignore[no-untyped-def]
        gates, pushed, out, states, factors, fresh, panels, starts, sizes, first, last
    ):
        """Fill `factors` and `fresh`; turn `states`, the gradient of `out`, into all states' by the panels of U."""
        _ = sources
        hidden = out.shape[1]
        zeros, edge = np.zeros(hidden, np.float32), np.empty((last - first, COLUMNS), np.float32)
        for t in range(len(sizes) - 1, -1, -1):
            start, stop = starts[t] + first, starts[t] + min(last, sizes[t])
            before = starts[t - 1] + first if t > 0 else -1
            for row in range(start, stop):
                earlier = zeros if before < 0 else out[before + row - start]
                retreat(gates[row], pushed[row], earlier, states[row], factors[row], fresh[row])
                if before >= 0:
                    target = before + row - start
                    for j in range(hidden):
                        states[target, j] += states[row, j] * gates[row, hidden + j]
            if before >= 0 and stop > start:
                add_products(factors, start, stop - start, panels, states, before, edge)

    functions = (gru_step, gru_step_back, pack, gru_forth, gru_back)
    return {each.__name__: kept(each, fastmath=FAST, error_model="numpy", nogil=True) for each in functions}
