"""The outer product of two vectors a row, and its gradients in one pass over the gradient of the product.

    o_{ij} = a_i b_j;   da_i = sum_j g_ij b_j,  db_j = sum_i a_i g_ij

Reference: Zadeh et al. 2017, Tensor fusion network for multimodal sentiment analysis (EMNLP), section 4.2. All arrays
are float32 and contiguous.
A product of many megabytes leaves the cache before it is read. It is written past the cache, which otherwise would read
each line of memory first, only to overwrite it; the C library copies as many bytes in the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST
from mmcore.models.compiled.tiles import spread

_ZERO, _LANES = np.float32(0.0), 16
_STREAMED = 1 << 21  # numbers, 8 MB: from here on the product is written past the cache


@intrinsic
def _stream(context: Any, factor: Any, source: Any, start: Any, target: Any, to: Any) -> Any:
    """Write 16 numbers times a factor to a place that is a multiple of 64 bytes, past the cache."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(ir.FloatType(), _LANES)
        places = [
            builder.gep(
                context.make_array(signature.args[i])(context, builder, value=arguments[i]).data, [arguments[i + 1]]
            )
            for i in (1, 3)
        ]
        here, there = (builder.bitcast(place, line.as_pointer()) for place in places)
        store = builder.store(builder.fmul(spread(builder, arguments[0]), builder.load(here, align=4)), there, align=64)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(factor, source, types.int64, target, types.int64), generate


@intrinsic
def _in_order(context: Any) -> Any:
    """Let what was written past the cache be seen before what is written after."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@njit(fastmath=FAST, error_model="numpy", nogil=True)
def past_cache(x, y, target, to):  # type: ignore[no-untyped-def]
    """Write x y to the flat `target`, from `to` on."""
    count = len(y)
    first = min(count, -(target.ctypes.data // 4 + to) % _LANES)  # numbers before the first whole line
    whole = first + (count - first) // _LANES * _LANES
    for j in range(first):
        target[to + j] = x * y[j]
    for j in range(first, whole, _LANES):
        _stream(x, y, j, target, to + j)  # type: ignore[call-arg]
    for j in range(whole, count):
        target[to + j] = x * y[j]


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name. `sources` is part of the key of the cache on disk.

    Both take (B, m), (B, n) and (B, m, n), the second also its two results, and a range of rows, [first, last).
    """

    def outer(a, b, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `out` with the product of each row."""
        _ = sources  # numba keys its cache by what a function closes over
        if out.size >= _STREAMED:
            flat = out.reshape(-1)
            for row in range(first, last):
                for i in range(a.shape[1]):
                    past_cache(a[row, i], b[row], flat, (row * a.shape[1] + i) * b.shape[1])
            _in_order()  # type: ignore[call-arg]
            return
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
