"""Attention on a CPU, a few rows at a time, so that scores never leave the cache between their steps.

    w = softmax(q k^T / sqrt(c) + mask),  p = w * keep,  out = p v
    dp = g v^T,  dv = p^T g,  ds = w (dp * keep - sum_j (dp * keep) w),  dq = ds k / sqrt(c),  dk = ds^T q / sqrt(c)

Reference: Vaswani et al. 2017, Attention Is All You Need; blocks as in Dao et al. 2022, FlashAttention (NeurIPS), over
rows of the batch only, since what is to be kept small here is not the memory but the distance to it.
Why not torch's fused kernel: on a CPU torch 2.13 has none with dropout, and with few channels a head it is slower than
the steps apart; the steps over a whole batch at once are slower than in blocks, by half or more on a busy machine. With
few channels products that put time last are the quick ones, hence the transposed copies. Keeps w and keep for the way
back. Differentiable twice: a second derivative goes through the equations as they stand.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmcore.models.sequences.dropout import generator, kept, scale

# Scores in a block: 640 kB of float32, which two of them and the rest of a core's cache of a megabyte bear.
_BLOCK = 160_000


def _time_last(x: Float[Tensor, "batch heads time channels"]) -> Float[Tensor, "batch*heads channels time"]:
    """Return a copy, never a view."""
    batch, heads, time, channels = x.shape
    copied = torch.empty(batch, heads, channels, time, dtype=x.dtype, device=x.device).copy_(x.transpose(2, 3))
    return copied.view(batch * heads, channels, time)


def _plain(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None, keep: Tensor | None) -> Tensor:
    """Return (B, heads, targets, channels) by the equations as they stand."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(2, 3))
    weights = torch.softmax(scores if hidden is None else scores + hidden, -1)
    return torch.matmul(weights if keep is None else weights * keep, v)


class _Blockwise(torch.autograd.Function):
    """(B, heads, time, channels) of queries, keys and values, (#B, 1, #targets, sources) of what is added -> as q."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        queries, keys, values, hidden, rate = arguments
        (batch, heads, targets, channels), sources = queries.shape, keys.shape[2]
        q, k, v = _time_last(queries).mul_(channels**-0.5), _time_last(keys), _time_last(values)
        weights = q.new_empty(batch * heads, targets, sources)
        keep = torch.empty_like(weights, dtype=torch.int8) if rate else None
        if rate:
            v.mul_(scale(rate))  # instead of the weights, which are many more
        out, bits = q.new_empty(batch * heads, values.shape[3], targets), generator() if rate else None
        rows = max(1, _BLOCK // (heads * targets * sources))
        scratch = q.new_empty(min(rows, batch) * heads, targets, sources)
        for start in range(0, batch, rows):
            block = slice(start * heads, (start + rows) * heads)
            scores = torch.bmm(q[block].transpose(1, 2), k[block], out=scratch[: len(q[block])])
            if hidden is not None:
                shown = hidden if len(hidden) == 1 else hidden[start : start + rows]
                scores.view(-1, heads, targets, sources).add_(shown)
            used = torch.softmax(scores, -1, out=weights[block])
            if keep is not None and bits is not None:
                drawn = kept(scores.shape, rate, bits)
                keep[block].copy_(drawn)
                used = scores.copy_(drawn).mul_(used)
            torch.bmm(v[block], used.transpose(1, 2), out=out[block])
        ctx.save_for_backward(queries, keys, values, hidden, q, k, v, weights, keep)
        ctx.rows, ctx.scale = rows * heads, scale(rate)
        return out.view(batch, heads, -1, targets).transpose(2, 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        queries, keys, values, hidden, q, k, v, weights, keep = ctx.saved_tensors
        if torch.is_grad_enabled():
            shaped = None if keep is None else keep.view(*queries.shape[:3], -1).to(q.dtype) * ctx.scale
            return *_twice((queries, keys, values), hidden, shaped, gradients[0]), None, None
        g = _time_last(gradients[0].to(q.dtype))
        by_q, by_k, by_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        first, second = (torch.empty_like(weights[: ctx.rows]) for _ in range(2))
        for start in range(0, len(q), ctx.rows):
            block = slice(start, start + ctx.rows)
            w, a, b = weights[block], first[: len(q[block])], second[: len(q[block])]
            torch.bmm(g[block].transpose(1, 2), v[block], out=a)
            if keep is None:
                torch.bmm(g[block], w, out=by_v[block])
            else:
                a.mul_(b.copy_(keep[block]))
                torch.bmm(g[block], b.mul_(w), out=by_v[block])
            torch.ops.aten._softmax_backward_data.out(a, w, -1, w.dtype, grad_input=b)
            torch.bmm(k[block], b.transpose(1, 2), out=by_q[block])
            torch.bmm(q[block], b, out=by_k[block])  # q has the factor 1 / sqrt(c) already
        by_q.mul_(queries.shape[-1] ** -0.5)
        if keep is not None:
            by_v.mul_(ctx.scale)
        lead = queries.shape[:2]
        return *(each.view(*lead, *each.shape[1:]).transpose(2, 3) for each in (by_q, by_k, by_v)), None, None


def _twice(
    inputs: tuple[Tensor, Tensor, Tensor], hidden: Tensor | None, keep: Tensor | None, gradient: Tensor
) -> list[Tensor | None]:
    """Return the gradients as functions that can be differentiated again."""
    asked = [each for each in inputs if each.requires_grad]
    out = _plain(*inputs, hidden, keep)
    found = iter(torch.autograd.grad(out, asked, gradient, create_graph=True))
    return [next(found) if each.requires_grad else None for each in inputs]


def attend_in_blocks(
    queries: Float[Tensor, "batch heads targets channels"],
    keys: Float[Tensor, "batch heads sources channels"],
    values: Float[Tensor, "batch heads sources channels"],
    mask: Bool[Tensor, "#batch 1 #targets sources"] | None = None,
    rate: float = 0.0,
) -> Float[Tensor, "batch heads targets channels"]:
    """Return what each target gathers from the sources that `mask` lets it see (None: all).

    Args:
        queries, keys, values: on a CPU; what is of less than float32 precision is computed in float32.
        mask: True where a source is seen; at least one must be, for every target.
        rate: dropout of the weights.

    Example:
        >>> one = torch.ones(1, 1, 2, 3)
        >>> attend_in_blocks(one, one, 2 * one).tolist()
        [[[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]]]
    """
    dtype = torch.promote_types(queries.dtype, torch.float32)
    q, k, v = (each.to(dtype) for each in (queries, keys, values))
    hidden = None if mask is None else torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, -torch.inf)
    with torch.autocast("cpu", enabled=False):
        return _Blockwise.apply(q, k, v, hidden, rate).to(values.dtype)
