"""A sum over ranks of products over modalities, and its gradients, by tiles: factors are read once each way.

    p^m_ib = sum_k W^m_ik z^m_bk + c^m_i,   out_bo = a_o + sum_{i of o} w_i prod_m p^m_ib
    dp^m_ib = g_bo w_i prod_{n != m} p^n_ib,   dW^m = dp^m z^m,   dz^m = (W^m)^T dp^m,   dw_i = sum_ob g_bo prod_m p^m

Reference: Liu et al. 2018, Efficient low-rank multimodal fusion with modality-specific factors (ACL), section 3.2. Row
`o * rank + i` of a factor belongs to output o and rank i. The batch lies in blocks of 32 side by side, the last filled
up with zeros: `parts`, (modalities, blocks, rows, 32), holds p. Rows are taken in stretches of whole outputs, whose
sums over rows are kept apart: so threads share nothing, and their number changes no sum. Modalities differ in size, so
their arrays come as addresses: a row (z, W, c, size) each, of (batch, size), (rows, size) and (rows,), or of their
gradients. All are float32 and contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit  # type: ignore[attr-defined]

from mmcore.compiling import kept
from mmcore.models.compiled.arithmetic import FAST, floats_at
from mmcore.models.compiled.tiles import COLUMNS, ROWS, product_before_reading, product_before_writing

_STRETCH = 512  # rows of a factor, at most, whose sums are taken together
_CHUNK = 128  # rows whose gradients are made at once: with a block of the batch 8 kB, which stay in the first cache
_ZERO = np.float32(0.0)
compiled = njit(fastmath=FAST, error_model="numpy", nogil=True)


def stretches_of(rows: int, rank: int) -> int:
    """Return the number of stretches.

    Example:
        >>> stretches_of(4096, 32), stretches_of(2001, 2001)
        (8, 1)
    """
    return -(-rows // (rank * max(1, _STRETCH // rank)))


@compiled
def stretch_of(stretch, rows, rank):  # type: ignore[no-untyped-def]
    """Return the first row of a stretch and the first of the next."""
    length = rank * max(1, _STRETCH // rank)
    return stretch * length, min((stretch + 1) * length, rows)


@compiled
def matrix(address, rows, columns):  # type: ignore[no-untyped-def]
    """Return the array at an address."""
    return carray(floats_at(address), (rows, columns))  # type: ignore[call-arg]


@compiled
def to_lanes(rows, lanes, offset):  # type: ignore[no-untyped-def]
    """Copy (batch, size) to (blocks, all sizes, 32), from `offset` on."""
    for b in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            lanes[b // COLUMNS, offset + k, b % COLUMNS] = rows[b, k]


@compiled
def multiply(x, y):  # type: ignore[no-untyped-def]
    """Multiply the contiguous `x` by `y`, entry by entry."""
    flat, others = x.ravel(), y.ravel()
    for n in range(len(flat)):
        flat[n] *= others[n]


# Below, loops over lanes end at the length of an axis, not at COLUMNS: of a loop that it can unroll, numba's compiler
# makes no vectors.
@compiled
def combine(parts, rank_weights, bias, out, first, last, each, total):  # type: ignore[no-untyped-def]
    """Fill outputs [first, last) of `out`, (batch, outputs); `each` and `total` are room for numbers on the way."""
    rank, width = len(rank_weights), parts.shape[3]
    for o in range(first, last):
        for block in range(parts.shape[1]):
            for i in range(rank):
                for n in range(width):
                    each[i, n] = rank_weights[i] * parts[0, block, o * rank + i, n]
            for m in range(1, len(parts)):
                multiply(each, parts[m, block, o * rank : (o + 1) * rank])
            total[:] = bias[o]
            for i in range(rank):
                for n in range(width):
                    total[n] += each[i, n]
            for n in range(min(COLUMNS, len(out) - block * COLUMNS)):
                out[block * COLUMNS + n, o] = total[n]


@compiled
def changes(parts, rank_weights, gradient, m, block, start, count, lanes, d, d_bias, d_rank):  # type: ignore[no-untyped-def]
    """Fill rows of `d` with dp of modality m; add what they give to the bias and, of the first, to the ranks."""
    rank, width, later = len(rank_weights), parts.shape[3], block > 0
    neighbour = 1 if m == 0 else 0
    if len(parts) == 1:
        neighbour = -1
    for row in range(count):
        o, weight = (start + row) // rank, rank_weights[(start + row) % rank]
        if m == 0:
            weight = np.float32(1.0)
        if neighbour < 0:
            for n in range(width):
                d[row, n] = weight * gradient[block, o, n]
        else:
            for n in range(width):
                d[row, n] = weight * gradient[block, o, n] * parts[neighbour, block, start + row, n]
    for other in range(neighbour + 1, len(parts)):
        if other != m:
            multiply(d[:count], parts[other, block, start : start + count])
    # Sums end with the batch: beyond it a gradient of 0 may have met an infinite weight or bias.
    if m == 0:
        for row in range(count):
            weight, total = rank_weights[(start + row) % rank], _ZERO
            for n in range(lanes):
                total += d[row, n] * parts[0, block, start + row, n]
            for n in range(width):
                d[row, n] *= weight
            d_rank[start + row] = d_rank[start + row] + total if later else total
    for row in range(count):
        total = _ZERO
        for n in range(lanes):
            total += d[row, n]
        d_bias[start + row] = d_bias[start + row] + total if later else total


@compiled
def of_weight(d, count, lanes, values, at, d_weight, start, edge, later, weight):  # type: ignore[no-untyped-def]
    """Set, or where `later` add to, `count` rows of dW from `start`.

    `values` holds, from `at` on, `lanes` rows of z, `values.shape[1]` apart; `edge` is room for the last few columns,
    and `weight` is what is read next.
    """
    size, apart = d_weight.shape[1], values.shape[1]
    for column in range(0, size - COLUMNS + 1, COLUMNS):
        to = start * size + column
        product_before_reading(
            d, 0, COLUMNS, 1, count, values, at + column, apart, lanes,
            d_weight, to, size, later, weight, start * size + column * count,
        )  # fmt: skip
    column = size - size % COLUMNS
    if column < size:
        product_before_reading(
            d, 0, COLUMNS, 1, count, values, at + column, apart, lanes,
            edge, 0, COLUMNS, False, weight, start * size + column * count,
        )  # fmt: skip
        for row in range(count):
            for n in range(column, size):
                x = edge[row, n - column]
                d_weight[start + row, n] = d_weight[start + row, n] + x if later else x


def define(sources: int) -> dict[str, Any]:
    """Return functions to be compiled, by name. `sources` is part of the key of the cache on disk."""

    def forth(addresses, rank_weights, bias, parts, out, first, last):  # type: ignore[no-untyped-def]
        """Fill `parts` and `out` for stretches [first, last)."""
        _ = sources  # numba keys its cache by what a function closes over
        modalities, blocks, rows, _ = parts.shape
        rank, width, sizes = len(rank_weights), parts.shape[3], addresses[:, 3]
        every = sizes.sum()
        lanes, offset = np.zeros((blocks, every, COLUMNS), np.float32), 0
        for m in range(modalities):
            to_lanes(matrix(addresses[m, 0], len(out), sizes[m]), lanes, offset)
            offset += sizes[m]
        each, total = np.empty((rank, COLUMNS), np.float32), np.empty(COLUMNS, np.float32)
        for stretch in range(first, last):
            begin, end = stretch_of(stretch, rows, rank)
            offset = 0
            for m in range(modalities):
                size, c = sizes[m], matrix(addresses[m, 2], 1, rows)
                weight = matrix(addresses[m, 1], rows, size)
                for start in range(begin, end, _CHUNK):
                    count = min(_CHUNK, end - start)
                    for block in range(blocks):
                        to, at = ((m * blocks + block) * rows + start) * COLUMNS, (block * every + offset) * COLUMNS
                        product_before_reading(
                            weight, start * size, size, 1, count, lanes, at, COLUMNS, size,
                            parts, to, COLUMNS, False, weight, (start + ROWS) * size,
                        )  # fmt: skip
                        for row in range(start, start + count):
                            for n in range(width):
                                parts[m, block, row, n] += c[0, row]
                offset += size
            combine(parts, rank_weights, bias, out, begin // rank, end // rank, each, total)

    def back(addresses, found, rank_weights, parts, gradient, d_rank, d_lanes, first, last):  # type: ignore[no-untyped-def]
        """Fill, for stretches [first, last), the gradients of W and c at the addresses `found`, `d_rank` and `d_lanes`.

        `d_lanes`, (stretches, blocks, all sizes, 32), is dz of each stretch, `d_rank`, (rows,), dw of each output.
        """
        _ = sources
        modalities, blocks, rows, _ = parts.shape
        (batch, outputs), rank, sizes = gradient.shape, len(rank_weights), addresses[:, 3]
        every = sizes.sum()
        g = np.zeros((blocks, outputs, COLUMNS), np.float32)
        to_lanes(gradient, g, 0)
        values = np.zeros((batch, every + COLUMNS), np.float32)  # the last tile may read beyond the last column
        offset = 0
        for m in range(modalities):
            values[:, offset : offset + sizes[m]] = matrix(addresses[m, 0], batch, sizes[m])
            offset += sizes[m]
        d, edge = np.empty((_CHUNK, COLUMNS), np.float32), np.empty((_CHUNK, COLUMNS), np.float32)
        for stretch in range(first, last):
            begin, end = stretch_of(stretch, rows, rank)
            for start in range(begin, end, _CHUNK):
                count = min(_CHUNK, end - start)
                for block in range(blocks):
                    offset, lanes = 0, min(COLUMNS, batch - block * COLUMNS)
                    for m in range(modalities):
                        size, d_bias = sizes[m], matrix(found[m, 2], 1, rows)[0]
                        weight, d_weight = matrix(addresses[m, 1], rows, size), matrix(found[m, 1], rows, size)
                        changes(parts, rank_weights, g, m, block, start, count, lanes, d, d_bias, d_rank)
                        at = block * COLUMNS * values.shape[1] + offset
                        of_weight(d, count, lanes, values, at, d_weight, start, edge, block > 0, weight)
                        to, later = ((stretch * blocks + block) * every + offset) * COLUMNS, start > begin
                        product_before_writing(
                            weight, start * size, 1, size, size, d, 0, COLUMNS, count,
                            d_lanes, to, COLUMNS, later, d_weight, (start + count) * size,
                        )  # fmt: skip
                        offset += size

    def sums(found, gradient, d_rank, d_lanes, of_ranks, of_bias):  # type: ignore[no-untyped-def]
        """Sum what was kept apart: dz at its addresses, the ranks' gradients, and those of the bias a."""
        _ = sources
        for stretch in range(1, len(d_lanes)):
            for block in range(d_lanes.shape[1]):
                for k in range(d_lanes.shape[2]):
                    for n in range(d_lanes.shape[3]):
                        d_lanes[0, block, k, n] += d_lanes[stretch, block, k, n]
        offset, batch, sizes = 0, len(gradient), found[:, 3]
        for m in range(len(sizes)):
            d_z = matrix(found[m, 0], batch, sizes[m])
            for b in range(batch):
                for k in range(sizes[m]):
                    d_z[b, k] = d_lanes[0, b // COLUMNS, offset + k, b % COLUMNS]
            offset += sizes[m]
        of_ranks[:] = _ZERO
        for start in range(0, len(d_rank), len(of_ranks)):
            for i in range(len(of_ranks)):
                of_ranks[i] += d_rank[start + i]
        of_bias[:] = _ZERO
        for b in range(batch):
            for o in range(len(of_bias)):
                of_bias[o] += gradient[b, o]

    functions = (forth, back, sums)
    return {each.__name__: kept(each, fastmath=FAST, error_model="numpy", nogil=True) for each in functions}
