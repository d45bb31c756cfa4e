"""Where mixed precision must not reach: convolutions on a CPU.

There torch 2.13 (oneDNN) computes the bfloat16 weight gradient of a convolution over one column from memory that nobody
wrote: huge or NaN, another value each time. Encoders with convolutions therefore leave autocast on a CPU.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast_on_cpu(values: Tensor) -> AbstractContextManager[object]:
    """Return a context in which autocast is off where `values` is on a CPU, and as it was elsewhere.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16), without_autocast_on_cpu(torch.zeros(1)):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """
    return torch.autocast("cpu", enabled=False) if values.device.type == "cpu" else nullcontext()
