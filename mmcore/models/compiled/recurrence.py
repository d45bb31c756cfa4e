"""What a GRU does between its matrix products, a step at a time, in one pass.

    r = s(W_r x + U_r h + c_r),  z = s(..),  n = tanh(W_n x + r p),  p = U_n h + c_n,  h' = n + z (h - n)
    dp = r dn,  dn = g (1 - z)(1 - n^2),  dr = dn p r (1 - r),  dz = g (h - n) z (1 - z),  dh = g z + (products)

Reference: Cho et al. 2014 (EMNLP), in the form of `torch.nn.GRU`; g is the gradient of h', s the logistic function, and
dr, dz, dn are gradients of what the functions are taken of. Arrays are float32 and contiguous, with a row for each step
of each sequence: `gates`, (rows, 3 h), come as W x and are left as r, z, n; `pushed`, (rows, 3 h), are U h + c. Row
`start + i` has its earlier state in row `before + i`, or zeros where `before` is -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST, hyperbolic_tangent, inlined, sigmoid

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@inlined
def advance(g, p, earlier, out):  # type: ignore[no-untyped-def]
    """One row of a step."""
    hidden = len(out)
    for j in range(hidden):
        g[j] = sigmoid(g[j] + p[j])
    for j in range(hidden):
        g[hidden + j] = sigmoid(g[hidden + j] + p[hidden + j])
    for j in range(hidden):
        n = hyperbolic_tangent(g[2 * hidden + j] + g[j] * p[2 * hidden + j])
        g[2 * hidden + j] = n
        out[j] = n + g[hidden + j] * (earlier[j] - n)


@inlined
def retreat(g, p, earlier, gradient, d):  # type: ignore[no-untyped-def]
    """One row of a step: the gradients of U h + c, in the order r, z, n."""
    hidden = len(gradient)
    for j in range(hidden):
        r, z, n = g[j], g[hidden + j], g[2 * hidden + j]
        new = gradient[j] * (_ONE - z) * (_ONE - n * n)
        d[2 * hidden + j] = new * r
        d[j] = new * p[2 * hidden + j] * r * (_ONE - r)
        d[hidden + j] = gradient[j] * (earlier[j] - n) * z * (_ONE - z)


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name. `sources` is part of the key of the cache on disk."""

    def gru_step(gates, pushed, out, start, stop, before):  # type: ignore[no-untyped-def]
        """Fill the step's rows of `out`, and leave r, z, n in `gates`."""
        _ = sources  # numba keys its cache by what a function closes over
        zeros = np.zeros(out.shape[1], np.float32)
        for row in range(start, stop):
            earlier = zeros if before < 0 else out[before + row - start]
            advance(gates[row], pushed[row], earlier, out[row])

    def gru_step_back(gates, pushed, out, states, factors, start, stop, before):  # type: ignore[no-untyped-def]
        """Fill the step's rows of `factors`; add g z to the gradient of the state before."""
        _ = sources
        hidden = out.shape[1]
        zeros = np.zeros(hidden, np.float32)
        for row in range(start, stop):
            earlier = zeros if before < 0 else out[before + row - start]
            retreat(gates[row], pushed[row], earlier, states[row], factors[row])
            if before >= 0:
                target, state, update = states[before + row - start], states[row], gates[row, hidden : 2 * hidden]
                for j in range(hidden):
                    target[j] += state[j] * update[j]

    def gru_input(gates, states, factors):  # type: ignore[no-untyped-def]
        """Replace the last third of `factors` by the gradient of W_n x, which does not pass through r."""
        _ = sources
        hidden = states.shape[1]
        for row in range(len(states)):
            g, d, state = gates[row], factors[row], states[row]
            for j in range(hidden):
                n = g[2 * hidden + j]
                d[2 * hidden + j] = state[j] * (_ONE - g[hidden + j]) * (_ONE - n * n)

    functions = (gru_step, gru_step_back, gru_input)
    return {each.__name__: kept(each, fastmath=FAST, error_model="numpy", nogil=True) for each in functions}
