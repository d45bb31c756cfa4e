"""The outer product of two vectors a row, and its gradients in one pass over the gradient of the product.

    o_{ij} = a_i b_j;   da_i = sum_j g_ij b_j,  db_j = sum_i a_i g_ij

Reference: Zadeh et al. 2017, Tensor fusion network for multimodal sentiment analysis (EMNLP), section 4.2. All arrays
are float32 and contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST

_ZERO = np.float32(0.0)


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name. `sources` is part of the key of the cache on disk.

    Both take (B, m), (B, n) and (B, m, n), the second also its two results, and a range of rows, [first, last).
    """

    def outer(a, b, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with the product of each row."""
        _ = sources  # numba keys its cache by what a function closes over
        for row in range(first, last):
            y = b[row]
            for i in range(a.shape[1]):
                x, o = a[row, i], out[row, i]
                for j in range(len(y)):
                    o[j] = x * y[j]

    def outer_back(a, b, g, da, db, first, last):  # type: ignore[no-untyped-def]
        """Fill `da` and `db`, given the gradient of the product."""
        _ = sources
        for row in range(first, last):
            y, dy = b[row], db[row]
            for j in range(len(dy)):
                dy[j] = _ZERO
            for i in range(0, a.shape[1] - 1, 2):  # two at a time: y and dy are read half as often
                x0, x1, g0, g1 = a[row, i], a[row, i + 1], g[row, i], g[row, i + 1]
                s0, s1 = _ZERO, _ZERO
                for j in range(len(y)):
                    s0 += g0[j] * y[j]
                    s1 += g1[j] * y[j]
                    dy[j] += x0 * g0[j] + x1 * g1[j]
                da[row, i], da[row, i + 1] = s0, s1
            if a.shape[1] % 2:
                i = a.shape[1] - 1
                x0, g0, s0 = a[row, i], g[row, i], _ZERO
                for j in range(len(y)):
                    s0 += g0[j] * y[j]
                    dy[j] += x0 * g0[j]
                da[row, i] = s0

    functions = (outer, outer_back)
    return {each.__name__: kept(each, fastmath=FAST, error_model="numpy", nogil=True) for each in functions}
