"""Attention through compiled loops, for float32 on a CPU and few channels a head.

    w = softmax(q k^T / sqrt(c) + mask),  p = w * keep / (1 - rate),  out = p v

Reference: Vaswani et al. 2017, Attention Is All You Need; the loops and their way back are in
`mmcore.models.compiled.attention`, and keep no scores; a mask that differs by row is kept as a byte a score.
Why not torch's fused kernel: on a CPU torch 2.13 has none with dropout, and with few channels a head it spends most of
its time outside its products. A source that no row sees costs nothing: under a causal mask half of the scores.
Dropped weights are decided by 32 bits each, from one draw of torch's global generator a call; the rate is rounded to
2^-32. Differentiable twice: a second derivative goes through the equations as they stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmcore.errors import InputError
from mmcore.models.compiled import LANES
from mmcore.models.compiled.eligibility import is_gradient_readable, readable
from mmcore.models.compiled.threads import in_parts
from mmcore.models.sequences.dropout import drawn_seed, dropout, level

# Beyond these the steps apart are as quick or quicker (measured for 4 to 64 channels and 16 to 300 steps): products at
# the machine's full rate from about 12 channels; keys and values of 64 rows that leave a core's cache of a megabyte;
# rows of (batch, heads) that leave more than a quarter of the last vectors empty.
_MOST_CHANNELS, _MOST_NUMBERS, _LEAST_FILLED = 12, 1024, 0.75
# Scores below which a second thread costs more than it saves.
_SCORES_A_THREAD = 1 << 18


def fits(queries: Tensor, keys: Tensor, values: Tensor) -> bool:
    """Return whether `compiled_attention` takes these and is the quickest way.

    Example:
        >>> few, wide = torch.ones(8, 8, 2, 5), torch.ones(8, 8, 2, 64)
        >>> fits(few, few, few), fits(wide, wide, wide), fits(few, few, few.double()), fits(*[few[:1]] * 3)
        (True, False, False, False)
    """
    batch, heads, _, channels = queries.shape
    rows, numbers = batch * heads, keys.shape[2] * max(channels, 1)
    filled = rows / (-(-rows // LANES) * LANES) if rows else 0.0
    few = channels <= _MOST_CHANNELS and 0 < numbers <= _MOST_NUMBERS and filled >= _LEAST_FILLED
    return few and readable(queries, keys, values, dtypes=(torch.float32, torch.bfloat16, torch.float16))


def equations(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    *,
    factors: Tensor | None = None,
    rate: float = 0.0,
) -> Float[Tensor, "batch heads targets channels"]:
    """Return attention by the equations as they stand; weights are multiplied by `factors`, then dropped at a rate."""
    scores = torch.matmul(queries * queries.shape[-1] ** -0.5, keys.transpose(2, 3))
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -1)
    weights = weights if factors is None else weights * factors
    return torch.matmul(dropout(weights, rate, training=True), values)


def _rule(mask: Tensor | None, queries: Tensor, keys: Tensor, rate: float) -> Any:
    """Return the `Rule` of a mask and a rate."""
    from mmcore.models.compiled.attention import Rule

    batch, heads = queries.shape[:2]
    count = -(-batch * heads // LANES)
    shared = np.ones((1, keys.shape[2]), np.uint8)
    apart = np.empty((count, 0, keys.shape[2], LANES), np.uint8)
    if mask is not None:
        shared = mask.flatten(0, 1).any(0).to(torch.uint8).numpy()
        if len(mask) > 1:
            _, _, targets, sources = mask.shape
            rows = mask.new_ones((count * LANES, targets, sources), dtype=torch.uint8)
            rows[: batch * heads] = mask.transpose(0, 1).expand(heads, -1, -1, -1).flatten(0, 1)
            apart = rows.view(count, LANES, targets, sources).permute(0, 2, 3, 1).contiguous().numpy()
    return Rule(shared, apart, level(rate), drawn_seed() if rate else np.uint64(0))


def _empty(like: Tensor, channels: int) -> Tensor:
    """Return an empty (batch, heads, time, channels) that lies (heads, channels, batch, time) in memory."""
    batch, heads, time, _ = like.shape
    # Not `torch.empty`, whose type and device are whatever somebody set as default.
    return like.new_empty(heads, channels, batch, time).permute(2, 0, 3, 1)


class _Compiled(torch.autograd.Function):
    """(batch, heads, time, channels) of queries, keys and values; mask and rate -> as queries."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return what each target reads; q, k, v and the result are saved side by side, and no scores."""
        from mmcore.models.compiled.attention import blocks
        from mmcore.models.compiled.loading import attention_loops

        queries, keys, values, mask, rate = arguments
        it, rule = blocks(tuple(queries.shape), tuple(values.shape)), _rule(mask, queries, keys, rate)
        out, scale = _empty(queries, values.shape[3]), np.float32(queries.shape[3] ** -0.5)
        arrays = (each.detach().numpy() for each in (queries, keys, values))
        ctx.threads = queries.shape[:3].numel() * keys.shape[2] // _SCORES_A_THREAD
        in_parts(attention_loops()[0], (*arrays, scale, rule, it, out.numpy()), len(it.q), ctx.threads)
        ctx.save_for_backward(queries, keys, values, mask)
        ctx.state = scale, rule, it
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of queries, keys and values; by torch as a graph, or of what cannot be read."""
        from mmcore.models.compiled.loading import attention_loops

        *inputs, mask = ctx.saved_tensors
        scale, rule, it = ctx.state
        if torch.is_grad_enabled() or not is_gradient_readable(gradients[0]):
            return *_by_equations(inputs, mask, rule, len(it.q), gradients[0]), None, None
        found = [_empty(each, each.shape[3]) for each in inputs]
        arrays = (gradients[0].detach().numpy(), scale, rule, it, *(each.numpy() for each in found))
        in_parts(attention_loops()[1], arrays, len(it.q), ctx.threads)
        return *found, None, None


def _factors(rule: Any, blocks: int, queries: Tensor, keys: Tensor) -> Float[Tensor, "batch heads targets sources"]:
    """Return what the way there multiplied weights by, all of them at once."""
    from mmcore.models.compiled.loading import attention_loops

    batch, heads, targets, _ = queries.shape
    weights = np.ones((blocks, targets, keys.shape[2], LANES), np.float32)
    attention_loops()[2](rule, weights, 0, blocks)
    rows = torch.from_numpy(weights).permute(0, 3, 1, 2).flatten(0, 1)[: batch * heads]
    return rows.view(heads, batch, targets, -1).transpose(0, 1) * (2.0**32 / (2**32 - rule.drop))


def _by_equations(
    inputs: list[Tensor], mask: Tensor | None, rule: Any, blocks: int, gradient: Tensor
) -> list[Tensor | None]:
    """Return the gradients as torch makes them; themselves with a graph, where one is asked for."""
    graph = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = [each.view_as(each) for each in inputs]  # one tensor may be several of them
        factors = _factors(rule, blocks, inputs[0], inputs[1]) if rule.drop else None
        out = equations(inputs[0], inputs[1], inputs[2], mask, factors=factors)
    asked = [each for each in inputs if each.requires_grad]
    found = iter(torch.autograd.grad(out, asked, gradient, create_graph=graph))
    return [next(found) if each.requires_grad else None for each in inputs]


def _check(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> None:
    """Raise InputError for what the loops, which check nothing, would read beyond its end."""
    together = queries.shape[:2] == keys.shape[:2] == values.shape[:2] and queries.shape[3] == keys.shape[3] > 0
    if not together or keys.shape[2] != values.shape[2] or min(keys.numel(), values.numel()) == 0:
        shapes = tuple(tuple(each.shape) for each in (queries, keys, values))
        raise InputError(
            "queries, keys, values", shapes, "one batch, heads, channels, number of sources", "Align them."
        )
    if mask is not None:
        batch, targets, sources = len(queries), queries.shape[2], keys.shape[2]
        allowed_sizes = ((1, batch), (1,), (1, targets), (sources,))
        right = mask.dim() == 4 and mask.dtype == torch.bool and mask.device == queries.device
        if not right or any(size not in sizes for size, sizes in zip(mask.shape, allowed_sizes)):
            received = f"{mask.dtype} of shape {tuple(mask.shape)}"
            allowed = f"booleans of shape (1 or {batch}, 1, 1 or {targets}, {sources})"
            raise InputError("mask", received, allowed, "True is where a source is seen; heads have one mask.")


def compiled_attention(
    queries: Float[Tensor, "batch heads targets channels"],
    keys: Float[Tensor, "batch heads sources channels"],
    values: Float[Tensor, "batch heads sources width"],
    mask: Bool[Tensor, "#batch 1 #targets sources"] | None = None,
    rate: float = 0.0,
) -> Float[Tensor, "batch heads targets width"]:
    """Return what each target gathers from the sources that `mask` lets it see (None: all).

    Args:
        queries, keys, values: such that `fits`; what is of less than float32 precision is computed in float32.
        mask: True where a source is seen; a target that sees none gathers NaN.
        rate: dropout of the weights.

    Raises:
        InputError: for shapes that do not go together, or a rate outside [0, 1).

    Example:
        >>> one = torch.ones(1, 1, 2, 3)
        >>> compiled_attention(one, one, 2 * one).tolist()
        [[[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]]]
    """
    _check(queries, keys, values, mask)
    q, k, v = (each.to(torch.float32) for each in (queries, keys, values))
    with torch.autocast("cpu", enabled=False):
        return _Compiled.apply(q, k, v, mask, rate).to(values.dtype)
