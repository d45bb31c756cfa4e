"""Which tensors compiled loops can read: numbers in memory, of single precision, on a CPU; and what that CPU can do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad


@cache
def wide_vectors() -> bool:
    """Return whether the processor has vectors of 512 bits, which tiles of products are made for."""
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("avx512f", False))


def transformed() -> bool:
    """Return whether torch's compiler, `torch.func` or forward-mode differentiation follows what is computed now.

    Example:
        >>> transformed(), torch.func.vmap(lambda x: x * transformed())(torch.ones(2)).tolist()
        (False, [1.0, 1.0])
    """
    # torch says of its transforms only through these two; the tensors inside have no memory of their own.
    followed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    return followed or torch.compiler.is_compiling()


def readable(*tensors: Tensor, dtypes: Sequence[torch.dtype] = (torch.float32,)) -> bool:
    """Return whether all hold numbers of one of the types in a CPU's memory, and nothing follows them but autograd.

    False inside torch's compiler, `torch.func` and forward-mode differentiation, and for subclasses of tensors.

    Example:
        >>> readable(torch.ones(2)), readable(torch.ones(2), torch.ones(2).double())
        (True, False)
    """
    if transformed():
        return False
    return all(
        type(x) in (Tensor, nn.Parameter)
        and x.is_cpu
        and x.dtype in dtypes
        and x.layout is torch.strided
        and not x.is_neg()  # in memory such a view is what it is the negative of
        and not x._is_zerotensor()  # which has no memory
        for x in tensors
    )


def is_gradient_readable(gradient: Tensor, dtypes: Sequence[torch.dtype] = (torch.float32,)) -> bool:
    """Return whether it is readable, and no batch of gradients as `torch.autograd.grad`'s `is_grads_batched` makes.

    Example:
        >>> is_gradient_readable(torch.ones(2))
        True
    """
    return readable(gradient, dtypes=dtypes) and not torch._C._functorch.is_legacy_batchedtensor(gradient)
