"""Low-rank fusion's sum over ranks of products over modalities: by torch, or of float32 on a CPU by compiled tiles.

    out_bo = a_o + sum_i w_i prod_m (W^m_{o r + i} . z^m_b + c^m_{o r + i}),   W^m of shape (o r, d_m)

Reference: Liu et al. 2018, Efficient low-rank multimodal fusion with modality-specific factors (ACL), section 3.2. Both
ways keep the parts W z of all modalities for the way back. Between the products torch writes and reads each array of
rows by batch several times, compiled tiles make and use it in cache (`mmcore.models.compiled.low_rank`); they are taken
where there is enough to multiply, blocks of 32 of the batch are well filled and the processor's vectors are of 512
bits. Second derivatives go through torch.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mmcore.models.compiled.eligibility import is_gradient_readable, readable, wide_vectors
from mmcore.models.compiled.threads import in_parts

_BLOCK = 32
_LEAST_FILLED = 0.75
# Multiply-adds of the way there: fewer are not worth the calls, nor as many a thread a second one.
_MANY, _MANY_A_THREAD = 1 << 20, 1 << 24


def by_torch(
    rank_weights: Float[Tensor, " rank"],
    bias: Float[Tensor, " outputs"],
    representations: Sequence[Float[Tensor, "batch size"]],
    weights: Sequence[Float[Tensor, "rows size"]],
    biases: Sequence[Float[Tensor, " rows"]],
) -> Float[Tensor, "batch outputs"]:
    """Return the sum over ranks in torch's operations, of any precision, on any device."""
    # The batch last: so every product of the way back, too, is one that runs at full speed on a CPU.
    rows = zip(weights, representations, biases, strict=True)
    parts = [torch.addmm(c[:, None], w, z.t()) for w, z, c in rows]  # (rows, B) each
    product = functools.reduce(torch.mul, parts).view(len(bias), len(rank_weights), -1)
    # Autocast leaves parameters as they are, so the weights take the product's precision here.
    ranks = rank_weights.to(product.dtype).expand(len(bias), 1, -1)
    return torch.bmm(ranks, product)[:, 0].t() + bias


def _in_order(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_contiguous() else tensor.contiguous()


def _work(others: Sequence[Tensor], modalities: int) -> int:
    """Return the multiply-adds of the way there."""
    return len(others[0]) * len(others[-1]) * sum(each.shape[1] for each in others[:modalities])


def _worth_it(
    rank_weights: Tensor, bias: Tensor, z: Sequence[Tensor], weights: Sequence[Tensor], biases: Sequence[Tensor]
) -> bool:
    """Return whether tiles may have these shapes, with enough to multiply; others torch refuses or broadcasts."""
    if rank_weights.dim() != 1 or bias.dim() != 1 or not 0 < len(z) == len(weights) == len(biases):
        return False
    rows, batch, columns = len(rank_weights) * len(bias), z[0].shape[:1], 0
    for values, weight, c in zip(z, weights, biases):
        size = weight.shape[1:]
        if weight.dim() != 2 or len(weight) != rows or values.shape != batch + size or c.shape != (rows,):
            return False
        columns += size[0]
    blocks = -(-batch[0] // _BLOCK)
    return batch[0] * rows * columns >= _MANY and batch[0] >= _LEAST_FILLED * _BLOCK * blocks


def _addresses(tensors: Sequence[Tensor], modalities: int) -> NDArray[np.int64]:
    """Return a row (z, W, c, size) for each modality of z_1, .., W_1, .., c_1, .., contiguous tensors, by address."""
    rows = zip(*(tensors[group * modalities : (group + 1) * modalities] for group in range(3)))
    return np.array([(z.data_ptr(), w.data_ptr(), c.data_ptr(), w.shape[1]) for z, w, c in rows], np.int64)


class _RankProducts(torch.autograd.Function):
    """The same by compiled tiles: `(modalities, w, a, z_1, .., W_1, .., c_1, ..)` to (batch, outputs)."""

    @staticmethod
    def forward(ctx: Any, modalities: int, *arguments: Tensor) -> Tensor:
        """Return the sums, and keep the parts."""
        from mmcore.models.compiled.loading import low_rank_loops
        from mmcore.models.compiled.low_rank import stretches_of

        ranks, bias, *others = (_in_order(each) for each in arguments)
        batch, rows = len(others[0]), len(others[-1])
        # Not `torch.empty`, whose type and device are whatever somebody set as default.
        parts, out = bias.new_empty(modalities, -(-batch // _BLOCK), rows, _BLOCK), bias.new_empty(batch, len(bias))
        arrays = ranks.detach().numpy(), bias.detach().numpy(), parts.numpy(), out.numpy()
        at, ctx.threads = _addresses(others, modalities), _work(others, modalities) // _MANY_A_THREAD
        in_parts(low_rank_loops()["forth"], (at, *arrays), stretches_of(rows, len(ranks)), ctx.threads)
        ctx.save_for_backward(*arguments, parts)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of all arguments; as a graph where one is asked for."""
        *arguments, parts = ctx.saved_tensors
        modalities, blocks, rows, _ = parts.shape
        if torch.is_grad_enabled() or not is_gradient_readable(gradients[0]):
            return None, *_back_by_torch(arguments, modalities, gradients[0])
        from mmcore.models.compiled.loading import low_rank_loops
        from mmcore.models.compiled.low_rank import stretches_of

        given = [_in_order(each) for each in arguments]
        found = [each.new_empty(each.shape) for each in given]
        at, of_at = _addresses(given[2:], modalities), _addresses(found[2:], modalities)
        loops, stretches = low_rank_loops(), stretches_of(rows, len(given[0]))
        of_rows, lanes = parts.new_empty(rows), parts.new_empty(stretches, blocks, sum(at[:, 3].tolist()), _BLOCK)
        apart = gradients[0].contiguous().numpy(), of_rows.numpy(), lanes.numpy()
        in_parts(loops["back"], (at, of_at, given[0].detach().numpy(), parts.numpy(), *apart), stretches, ctx.threads)
        loops["sums"](of_at, *apart, found[0].numpy(), found[1].numpy())
        return None, *found


def _back_by_torch(arguments: Sequence[Tensor], modalities: int, gradient: Tensor) -> list[Tensor | None]:
    """Return the gradients as torch makes them; themselves with a graph, where one is asked for."""
    graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views: where one argument is made from another, each is to have its own part of the gradient.
        views = [each.view_as(each) for each in arguments]
        groups = (views[start : start + modalities] for start in range(2, len(views), modalities))
        out = by_torch(views[0], views[1], *groups)
    wanted = [each for each in views if each.requires_grad]
    found = iter(torch.autograd.grad(out, wanted, gradient, create_graph=graph))
    return [next(found) if each.requires_grad else None for each in views]


def sum_of_rank_products(
    rank_weights: Float[Tensor, " rank"],
    bias: Float[Tensor, " outputs"],
    representations: Sequence[Float[Tensor, "batch size"]],
    weights: Sequence[Float[Tensor, "rows size"]],
    biases: Sequence[Float[Tensor, " rows"]],
) -> Float[Tensor, "batch outputs"]:
    """Return the sum over ranks of products over modalities; row `o * rank + i` of a weight is output o, rank i.

    Example:
        >>> z, one = torch.tensor([[2.0]]), torch.ones(1, 1)
        >>> sum_of_rank_products(torch.ones(1), torch.ones(1), [z, z + 1], [one, one], [torch.zeros(1)] * 2).tolist()
        [[7.0]]
    """
    arguments = rank_weights, bias, representations, weights, biases
    tensors = (rank_weights, bias, *representations, *weights, *biases)
    if (
        not torch.compiler.is_compiling()  # first of all: its tracer is not to depend on the size of a batch
        and _worth_it(*arguments)
        and wide_vectors()
        and not torch.is_autocast_enabled("cpu")
        and readable(*tensors)
    ):
        return _RankProducts.apply(len(representations), *tensors)
    return by_torch(*arguments)
