"""Which tensors compiled loops can read: numbers in memory, of single precision, on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor


def readable(*tensors: Tensor) -> bool:
    """Return whether all are float32 on a CPU, and neither traced by torch's compiler nor inside `torch.func`.

    Example:
        >>> readable(torch.ones(2)), readable(torch.ones(2), torch.ones(2).double())
        (True, False)
    """
    # torch says of transforms only through this, and their tensors have no memory of their own.
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return all(each.device.type == "cpu" and each.dtype == torch.float32 for each in tensors)
