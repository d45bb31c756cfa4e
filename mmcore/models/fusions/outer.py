"""Outer products of batches of vectors, and linear maps of them that need not write them down.

    (a x b)_{ij} = a_i b_j,   da_i = sum_j g_ij b_j,   db_j = sum_i a_i g_ij
    y_o = sum_{i..jk} W_{o,i..jk} a_i .. b_j c_k = sum_{i..j} (sum_k W_{o,i..jk} c_k) a_i .. b_j

Assumes row-major order: the first vector's index is the slowest. The forward product is one broadcast multiplication,
the backward pass two batched products with a row vector on the left: on a CPU that is several times cheaper than the
same sums with a column on the right, which is what differentiating an einsum gives. Of float32 on a CPU large products
go through compiled loops, which read the gradient once for both sums.
A linear map with O outputs costs B O prod(d) multiplications in either order. What differs is the array in between:
the product, B prod(d), or the weight after the last vector, B O prod(d) / d_last. The second is made where it is at
most half of the first, 2 O <= d_last: there it was measured to be faster (B = 32, 33 x 33 x 129 entries: 2.5 times for
O = 10, more than 10 for O = 1). For many outputs both orders are bound by the same three matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mmcore.models.compiled.eligibility import is_gradient_readable, readable
from mmcore.models.compiled.threads import in_parts

# From this many entries compiled loops are worth their call; below as many a thread, a second thread is not.
_MANY_ENTRIES, _ENTRIES_A_THREAD = 1 << 16, 1 << 20


class _Outer(torch.autograd.Function):
    """The outer product of each row; its way back forms no other table of (batch, m, n)."""

    # For torch.func, whose transforms (per-sample gradients, for one) need a rule for batches of batches.
    generate_vmap_rule = True

    @staticmethod
    def forward(first: Tensor, second: Tensor) -> Tensor:
        """Return (batch, m, n) of (batch, m) and (batch, n)."""
        return first[:, :, None] * second[:, None, :]

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep both vectors."""
        context.save_for_backward(*inputs)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of both vectors."""
        first, second = context.saved_tensors
        by_first = torch.bmm(second[:, None, :], gradient.transpose(1, 2))[:, 0]
        return by_first, torch.bmm(first[:, None, :], gradient)[:, 0]


class _CompiledOuter(torch.autograd.Function):
    """The same in compiled loops, which read the gradient once."""

    @staticmethod
    def forward(ctx: Any, *arguments: Tensor) -> Tensor:
        """Return (batch, m, n) of (batch, m) and (batch, n)."""
        from mmcore.models.compiled.loading import product_loops

        ctx.save_for_backward(*arguments)
        first, second = (each.detach().contiguous() for each in arguments)
        # Not `torch.empty`, whose type and device are whatever somebody set as default.
        out = first.new_empty(*first.shape, second.shape[1])
        arrays = tuple(each.numpy() for each in (first, second, out))
        in_parts(product_loops()["outer"], arrays, len(first), out.numel() // _ENTRIES_A_THREAD)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of both vectors; by torch as a graph, or of what cannot be read."""
        from mmcore.models.compiled.loading import product_loops

        if torch.is_grad_enabled() or not is_gradient_readable(gradients[0]):
            return _Outer.backward(ctx, *gradients)
        first, second, gradient = (each.detach().contiguous() for each in (*ctx.saved_tensors, *gradients))
        found = torch.empty_like(first), torch.empty_like(second)
        arrays = tuple(each.numpy() for each in (first, second, gradient, *found))
        in_parts(product_loops()["outer_back"], arrays, len(first), gradient.numel() // _ENTRIES_A_THREAD)
        return found


def outer(first: Float[Tensor, "batch m"], second: Float[Tensor, "batch n"]) -> Float[Tensor, "batch m*n"]:
    """Return the flattened outer product of each row of `first` with the same row of `second`; differentiable twice.

    Example:
        >>> outer(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 5.0]])).tolist()
        [[3.0, 5.0, 6.0, 10.0]]
    """
    # Under autocast one may be of lower precision than the other; the batched products want one dtype.
    dtype = torch.promote_types(first.dtype, second.dtype)
    first, second = first.to(dtype), second.to(dtype)
    rows = first.dim() == second.dim() == 2 and len(first) == len(second)  # others torch refuses or broadcasts
    many = rows and len(first) * first.shape[1] * second.shape[1] >= _MANY_ENTRIES
    compiled = many and readable(first, second)
    return (_CompiledOuter if compiled else _Outer).apply(first, second).flatten(1)


def outer_of_all(vectors: Sequence[Float[Tensor, "batch size"]]) -> Float[Tensor, "batch product"]:
    """Return the flattened outer product of several vectors a row, the first one's index slowest."""
    # From the last to the first: then the large products have their long axis at the end, where memory is contiguous.
    product = vectors[-1]
    for vector in reversed(vectors[:-1]):
        product = outer(vector, product)
    return product


def with_one(vectors: Float[Tensor, "batch size"]) -> Float[Tensor, "batch size+1"]:
    """Return [1, z] for each row z.

    Example:
        >>> with_one(torch.tensor([[2.0, 3.0]])).tolist()
        [[1.0, 2.0, 3.0]]
    """
    return functional.pad(vectors, (1, 0), value=1.0)


def linear_of_outer(
    vectors: Sequence[Float[Tensor, "batch size"]], weight: Float[Tensor, "outputs product"]
) -> Float[Tensor, "batch outputs"]:
    """Return `outer_of_all(vectors) @ weight.T`, by way of whichever array in between is clearly smaller.

    Example:
        >>> a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 5.0]])
        >>> linear_of_outer([a, b], torch.ones(1, 4)).tolist()
        [[24.0]]
    """
    outputs, last = weight.shape[0], vectors[-1].shape[1]
    if len(vectors) == 1 or 2 * outputs > last:
        return functional.linear(outer_of_all(vectors), weight)
    partly = functional.linear(vectors[-1], weight.reshape(-1, last))  # (B, outputs * rest)
    partly = partly.reshape(len(partly), outputs, -1)
    return torch.bmm(outer_of_all(vectors[:-1])[:, None, :], partly.transpose(1, 2))[:, 0]
