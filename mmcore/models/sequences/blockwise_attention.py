"""Attention on a CPU, a few rows at a time, so that scores never leave the cache between their steps.

    w = softmax(q k^T / sqrt(c) + mask),  p = w * keep,  out = p v
    dp = g v^T,  dv = p^T g,  ds = w (dp * keep - sum_j (dp * keep) w),  dq = ds k / sqrt(c),  dk = ds^T q / sqrt(c)

Reference: Vaswani et al. 2017, Attention Is All You Need; blocks as in Dao et al. 2022, FlashAttention (NeurIPS), over
rows of the batch only, since what is to be kept small here is not the memory but the distance to it.
Why not torch's fused kernel: on a CPU torch 2.13 has none with dropout, and with few channels a head it is slower than
the steps apart; the steps over a whole batch at once are slower than in blocks, by half or more on a busy machine. With
few channels products that put time last are the quick ones, hence the layout of the copies. Targets are taken in a few
spans, each with the sources up to the last that one of its targets sees: under a causal mask a third of the scores is
never made. Keeps w and keep for the way back.
Differentiable twice: a second derivative goes through the equations as they stand.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmcore.models.sequences.dropout import generator, kept, scale

# Scores in a block: 640 kB of float32, which two of them and the rest of a core's cache of a megabyte bear.
_BLOCK = 160_000
# Spans that targets are cut into under a causal mask, more save little; and steps that vectors of 64 bytes hold: rows
# of scores of another length take up to twice as long an entry.
_SPANS, _VECTOR = 3, 16

_Span = tuple[int, int, int]  # first target, the one after the last, number of sources seen


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


def _spans(mask: Tensor | None, targets: int, sources: int) -> list[_Span]:
    """Return spans of targets, one where the mask does not differ by target or shortens none."""
    if mask is None or mask.shape[2] == 1:
        return [(0, targets, sources)]
    places = torch.arange(1, sources + 1, device=mask.device)
    last = (mask.flatten(0, 1).any(0) * places).amax(1).tolist()
    near = (_VECTOR * round(targets * part / _SPANS / _VECTOR) for part in range(1, _SPANS))
    cuts = sorted({0, targets, *(min(cut, targets) for cut in near)})
    spans = [(start, stop, max(1, *last[start:stop])) for start, stop in pairwise(cuts)]
    return spans if min(seen for *_, seen in spans) < sources else [(0, targets, sources)]


def _blocks(heads: int, scores: Tensor) -> int:
    """Return how many rows of the first axis, (batch * heads, targets, sources), make a block: all heads of some."""
    return heads * max(1, _BLOCK // (heads * scores[0].numel()))


def _forward(
    qkv: tuple[Tensor, Tensor, Tensor],
    hidden: Tensor | None,
    heads: int,
    rate: float,
    bits: np.random.Generator | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return what targets gather, (batch * heads, channels, targets); w and keep, (batch * heads, targets, sources)."""
    q, k, v = qkv
    weights = q.new_empty(len(q), q.shape[2], k.shape[2])
    keep = None if bits is None else torch.empty_like(weights, dtype=torch.int8)
    out, rows = q.new_empty(len(q), v.shape[1], q.shape[2]), _blocks(heads, weights)
    scratch = torch.empty_like(weights[:rows])
    for index, (q_, k_, v_, w, o) in enumerate(zip(*(each.split(rows) for each in (q, k, v, weights, out)))):
        scores = torch.bmm(q_.transpose(1, 2), k_, out=scratch[: len(q_)])
        if hidden is not None:
            start, by_head = index * rows // heads, scores.view(-1, heads, *scores.shape[1:])
            by_head.add_(hidden if len(hidden) == 1 else hidden[start : start + len(by_head)])
        used = torch.softmax(scores, -1, out=w)
        if keep is not None and bits is not None:
            drawn = kept(scores.shape, rate, bits)
            keep[index * rows :][: len(q_)].copy_(drawn)
            used = scores.copy_(drawn).mul_(used)
        torch.bmm(v_, used.transpose(1, 2), out=o)
    return out, weights, keep


def _backward(
    qkv: tuple[Tensor, Tensor, Tensor], g: Tensor, weights: Tensor, keep: Tensor | None, rows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v, time last as they are; that of v lacks the scale of dropout."""
    found = tuple(each.new_empty(each.shape) for each in qkv)
    first, second = (torch.empty_like(weights[:rows]) for _ in range(2))
    keeps = [None] * len(weights) if keep is None else keep.split(rows)
    blocks = zip(*(each.split(rows) for each in (*qkv, *found, g, weights)))
    for (q, k, v, by_q, by_k, by_v, g_, w), keep_ in zip(blocks, keeps):
        a, b = first[: len(w)], second[: len(w)]
        torch.bmm(g_.transpose(1, 2), v, out=a)
        if keep_ is None:
            torch.bmm(g_, w, out=by_v)
        else:
            a.mul_(b.copy_(keep_))
            torch.bmm(g_, b.mul_(w), out=by_v)
        torch.ops.aten._softmax_backward_data.out(a, w, -1, w.dtype, grad_input=b)
        torch.bmm(k, b.transpose(1, 2), out=by_q)
        torch.bmm(q, b, out=by_k)  # q has the factor 1 / sqrt(c) already
    return found  # type: ignore[return-value]


class _Blockwise(torch.autograd.Function):
    """(B, heads, time, channels) of queries, keys and values, (#B, 1, #targets, sources) of what is added -> as q."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return what each target reads, span by span, weights and kept entries saved for the way back."""
        queries, keys, values, hidden, spans, rate = arguments
        heads, channels = queries.shape[1], queries.shape[3]
        q, k, v = _time_last(queries).mul_(channels**-0.5), _time_last(keys), _time_last(values)
        bits = generator() if rate else None
        if rate:
            v.mul_(scale(rate))  # instead of the weights, which are many more
        parts = []
        for start, stop, seen in spans:
            added = hidden if hidden is None or hidden.shape[2] == 1 else hidden[:, :, start:stop, :seen]
            parts.append(_forward((q[..., start:stop], k[..., :seen], v[..., :seen]), added, heads, rate, bits))
        outs, weights, keeps = zip(*parts)
        ctx.save_for_backward(queries, keys, values, hidden, q, k, v, *weights, *keeps)
        ctx.spans, ctx.rate = spans, rate
        out = outs[0] if len(outs) == 1 else torch.cat(outs, 2)
        return out.view(*queries.shape[:2], *out.shape[1:]).transpose(2, 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of queries, keys and values, span by span; as a graph where one is asked for."""
        queries, keys, values, hidden, q, k, v, *parts = ctx.saved_tensors
        spans, weights, keeps = ctx.spans, parts[: len(ctx.spans)], parts[len(ctx.spans) :]
        if torch.is_grad_enabled():
            keep = _whole(spans, weights, keeps, queries, keys) * scale(ctx.rate) if ctx.rate else None
            return *_twice((queries, keys, values), hidden, keep, gradients[0]), None, None, None
        g = _time_last(gradients[0].to(q.dtype))
        by_q, by_k, by_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for (start, stop, seen), w, keep in zip(spans, weights, keeps):
            qkv = (q[..., start:stop], k[..., :seen], v[..., :seen])
            found = _backward(qkv, g[..., start:stop], w, keep, _blocks(queries.shape[1], w))
            by_q[..., start:stop] = found[0]
            by_k[..., :seen] += found[1]
            by_v[..., :seen] += found[2]
        by_q.mul_(queries.shape[-1] ** -0.5)
        if ctx.rate:
            by_v.mul_(scale(ctx.rate))
        lead = queries.shape[:2]
        shaped = (each.view(*lead, *each.shape[1:]).transpose(2, 3) for each in (by_q, by_k, by_v))
        return *shaped, None, None, None


def _whole(
    spans: list[_Span], weights: list[Tensor], keeps: list[Tensor], queries: Tensor, keys: Tensor
) -> Float[Tensor, "batch heads targets sources"]:
    """Return `keep` of all targets and sources; what is hidden from a whole span is 0."""
    keep = weights[0].new_zeros(*queries.shape[:3], keys.shape[2])
    for (start, stop, seen), part in zip(spans, keeps):
        keep[:, :, start:stop, :seen] = part.view(*queries.shape[:2], *part.shape[1:])
    return keep


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
    spans = _spans(mask, queries.shape[2], keys.shape[2])
    with torch.autocast("cpu", enabled=False):
        return _Blockwise.apply(q, k, v, hidden, spans, rate).to(values.dtype)
