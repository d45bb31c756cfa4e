"""Attention of few channels a head on a CPU: compiled, 64 rows of (batch, heads) side by side in vectors.

    a = q k^T,  p = exp(a - max a) / sum exp,  out = (p * keep) v
    dp = g v^T * keep,  d = sum_c g out,  ds = p (dp - d),  dq = ds k,  dk = ds^T q,  dv = (p * keep)^T g

Reference: Dao et al. 2022, FlashAttention (NeurIPS), algorithms 1 and 4: scores are never written to memory, the way
back makes them again from q, k, the maximum and the sum of each row. Unlike there nothing is split over sources, all
scores of a target lie in cache. Every step is the same for each (batch, head), so these lie side by side, and nothing
is summed across a vector. `shared`, (1 or targets, sources), says which sources any row sees, the others are passed
over; `apart`, (blocks, 0 or 1 or targets, sources, 64), which each row sees, where rows differ. What is hidden from a
row weighs exactly 0 there; a row that sees nothing gathers NaN. The factors 1 / sqrt(c) of q and of dropout of v are
taken while rows are copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mmcore.compiling import kept
from mmcore.models.compiled import LANES
from mmcore.models.compiled.arithmetic import FAST, exponential, inlined, key, mixed

_ZERO, _ONE, _LOWEST = np.float32(0.0), np.float32(1.0), np.float32(-np.inf)
Array = NDArray[Any]
compiled = njit(fastmath=FAST, error_model="numpy", nogil=True)


class Blocks(NamedTuple):
    """What the way there leaves for the way back."""

    q: Array  # (blocks, targets, channels, 64), times 1 / sqrt(c)
    k: Array  # (blocks, sources, channels, 64)
    v: Array  # (blocks, sources, values' channels, 64), times the scale of dropout
    out: Array  # (blocks, targets, values' channels, 64)
    peak: Array  # (blocks, targets, 64): the largest score
    share: Array  # one over the sum of exponentials


class Rule(NamedTuple):
    """Which weights there are, and which of them are dropped."""

    shared: Array  # uint8
    apart: Array  # uint8
    drop: int  # a weight is dropped where its 32 bits are below
    seed: np.uint64


def blocks(q_shape: tuple[int, ...], v_shape: tuple[int, ...]) -> Blocks:
    """Return room for queries and values of shapes (batch, heads, time, channels)."""
    batch, heads, targets, channels = q_shape
    sources, width, count = v_shape[2], v_shape[3], -(-batch * heads // LANES)
    each = ((targets, channels), (sources, channels), (sources, width), (targets, width), (targets,), (targets,))
    return Blocks(*(np.empty((count, *shape, LANES), np.float32) for shape in each))


@compiled
def pack(rows, factor, block, lanes):  # type: ignore[no-untyped-def]
    """Copy a block's rows of (batch, heads, time, channels), times a factor, to (time, channels, 64), then zeros.

    Row `head * batch + b` is lane `row % 64` of block `row // 64`.
    """
    batch, heads, time, channels = rows.shape
    row, last, lane = block * LANES, min((block + 1) * LANES, batch * heads), 0
    while row < last:
        head, start = row // batch, row % batch
        count = min(batch - start, last - row)
        for c in range(channels):
            for t in range(time):
                for i in range(count):
                    lanes[t, c, lane + i] = factor * rows[start + i, head, t, c]
        row += count
        lane += count
    for t in range(time):
        for c in range(channels):
            for n in range(lane, LANES):
                lanes[t, c, n] = _ZERO


@compiled
def unpack(lanes, factor, block, rows):  # type: ignore[no-untyped-def]
    """Copy back what `pack` copied, times a factor."""
    batch, heads, time, channels = rows.shape
    for row in range(block * LANES, min((block + 1) * LANES, batch * heads)):
        head, b = row // batch, row % batch
        for c in range(channels):
            for t in range(time):
                rows[b, head, t, c] = factor * lanes[t, c, row - block * LANES]


@inlined
def inner(x, y, out):  # type: ignore[no-untyped-def]
    """Set `out` to the inner products over channels of (channels, 64) and (channels, 64)."""
    for n in range(LANES):
        out[n] = x[0, n] * y[0, n]
    for c in range(1, len(x)):
        for n in range(LANES):
            out[n] += x[c, n] * y[c, n]


@inlined
def add_scaled(scale, x, out):  # type: ignore[no-untyped-def]
    """Add scale * x, (64,) and (channels, 64), to `out`."""
    for c in range(len(x)):
        for n in range(LANES):
            out[c, n] += scale[n] * x[c, n]


@inlined
def hide(seen, scores):  # type: ignore[no-untyped-def]
    """Set the scores of what is not seen so low that their weight is 0."""
    for n in range(LANES):
        scores[n] = scores[n] if seen[n] else _LOWEST


@inlined
def thin(x, source, keys, drop):  # type: ignore[no-untyped-def]
    """Set to zero the entries whose bits are below `drop`."""
    first, second = np.uint32(keys), np.uint32(keys >> np.uint64(32))
    counter, limit = np.uint32(source * LANES), np.uint32(drop)
    for n in range(LANES):
        x[n] = x[n] if mixed(np.uint32(counter + np.uint32(n)), first, second) >= limit else _ZERO


@compiled
def gather(it, rule, block):  # type: ignore[no-untyped-def]
    """Fill what a block's targets gather, the maximum of their scores, and one over the sum of exponentials."""
    q, k, v, shared, rows = it.q[block], it.k[block], it.v[block], rule.shared, rule.apart.shape[1]
    step = min(len(shared) - 1, 1)
    scores = np.empty((len(k), LANES), np.float32)
    for t in range(len(q)):
        m, z, o = it.peak[block, t], it.share[block, t], it.out[block, t]
        m[:], z[:], o[:] = _LOWEST, _ZERO, _ZERO
        for s in range(len(k)):
            if shared[step * t, s]:
                inner(q[t], k[s], scores[s])
                if rows:
                    hide(rule.apart[block, min(t, rows - 1), s], scores[s])
                for n in range(LANES):
                    m[n] = scores[s, n] if scores[s, n] > m[n] else m[n]
        keys = key(rule.seed, np.uint64(block * len(q) + t))
        for s in range(len(k)):
            if shared[step * t, s]:
                e = scores[s]
                for n in range(LANES):
                    e[n] = exponential(e[n] - m[n])
                    z[n] += e[n]
                if rule.drop:
                    thin(e, s, keys, rule.drop)
                add_scaled(e, v[s], o)
        for n in range(LANES):
            z[n] = _ONE / z[n]
        for c in range(len(o)):
            for n in range(LANES):
                o[c, n] *= z[n]


@compiled
def differentiate(it, rule, block, g, dq, dk, dv):  # type: ignore[no-untyped-def]
    """Fill a block's gradients of q, k and v as they lie there, factors included, given that of `out`."""
    q, k, v, shared, rows = it.q[block], it.k[block], it.v[block], rule.shared, rule.apart.shape[1]
    step = min(len(shared) - 1, 1)
    scratch = np.empty((4, LANES), np.float32)
    p, ds, d, less = scratch[0], scratch[1], scratch[2], scratch[3]
    dq[:], dk[:], dv[:] = _ZERO, _ZERO, _ZERO
    for t in range(len(q)):
        m, z = it.peak[block, t], it.share[block, t]
        inner(g[t], it.out[block, t], d)
        keys = key(rule.seed, np.uint64(block * len(q) + t))
        for s in range(len(k)):
            if shared[step * t, s]:
                inner(q[t], k[s], p)
                if rows:
                    hide(rule.apart[block, min(t, rows - 1), s], p)
                for n in range(LANES):
                    p[n] = exponential(p[n] - m[n]) * z[n]
                    less[n] = p[n] * d[n]
                if rule.drop:
                    thin(p, s, keys, rule.drop)
                inner(g[t], v[s], ds)
                for n in range(LANES):
                    ds[n] = p[n] * ds[n] - less[n]
                add_scaled(ds, k[s], dq[t])
                add_scaled(ds, q[t], dk[s])
                add_scaled(p, g[t], dv[s])


def define(sources: int) -> tuple[Any, Any, Any]:
    """Return functions to be compiled: the way there, the way back, and which weights are kept.

    Each takes a range of blocks, [first, last), so that several threads can share the work. `sources` is part of the
    key of the cache on disk.
    """

    def there(q, k, v, scale, rule, it, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `it`, and `out` with what targets gather."""
        _ = sources  # numba keys its cache by what a function closes over
        factor = np.float32(4294967296.0 / (4294967296.0 - rule.drop))
        for block in range(first, last):
            pack(q, scale, block, it.q[block])
            pack(k, _ONE, block, it.k[block])
            pack(v, factor, block, it.v[block])
            gather(it, rule, block)
            unpack(it.out[block], _ONE, block, out)

    def back(g, scale, rule, it, dq, dk, dv, first, last):  # type: ignore[no-untyped-def]
        """Fill the gradients of q, k and v, given that of `out`."""
        _ = sources
        factor = np.float32(4294967296.0 / (4294967296.0 - rule.drop))
        g_, q_ = np.empty_like(it.out[0]), np.empty_like(it.q[0])
        k_, v_ = np.empty_like(it.k[0]), np.empty_like(it.v[0])
        for block in range(first, last):
            pack(g, _ONE, block, g_)
            differentiate(it, rule, block, g_, q_, k_, v_)
            unpack(q_, scale, block, dq)
            unpack(k_, _ONE, block, dk)
            unpack(v_, factor, block, dv)

    def keeping(rule, weights, first, last):  # type: ignore[no-untyped-def]
        """Set to zero the entries of (blocks, targets, sources, 64) that the way there drops."""
        _ = sources
        for block in range(first, last):
            for t in range(weights.shape[1]):
                keys = key(rule.seed, np.uint64(block * weights.shape[1] + t))
                for s in range(weights.shape[2]):
                    thin(weights[block, t, s], s, keys, rule.drop)

    options = {"fastmath": FAST, "error_model": "numpy", "nogil": True}
    return kept(there, **options), kept(back, **options), kept(keeping, **options)
