"""Dropout from sixteen random bits a unit on a CPU, and torch's own elsewhere.

    y = x * keep / (1 - p'),   P(keep = 0) = p' = round(2^16 p) / 2^16

Reference: Srivastava et al. 2014, Dropout (JMLR 15). On a CPU torch 2.13 draws a Bernoulli number a unit, at 6 ns each
on one thread, which is more than a quarter of a small transformer's whole training step. Here one 64-bit draw serves
four units, at half a nanosecond each. The rate is rounded to 2^-16 and the scale uses the rounded rate, so that the
mean is exact. Bits come from numpy's SFC64, twice as quick as torch's generator; each call seeds one by a draw from
torch's global generator, which therefore decides every bit, as it does for torch's own dropout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int16
from torch import Tensor
from torch.nn import functional

from mmcore.errors import InputError

_LEVELS = 1 << 16


def check_rate(argument: str, rate: float) -> float:
    """Return a dropout rate.

    Raises:
        InputError: outside [0, 1).

    Example:
        >>> check_rate("dropout", 0.1)
        0.1
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(argument, rate, "at least 0, less than 1", "Choose a rate such as 0.1.")
    return float(rate)


def generator() -> np.random.Generator:
    """Return a generator seeded by one draw from torch's global one."""
    return np.random.Generator(np.random.SFC64(int(torch.empty((), dtype=torch.int64).random_())))


def scale(rate: float) -> float:
    """Return what kept units are multiplied by.

    Example:
        >>> scale(0.5)
        2.0
    """
    return _LEVELS / (_LEVELS - _dropped(rate))


def _dropped(rate: float) -> int:
    return min(round(rate * _LEVELS), _LEVELS - 1)


def kept(shape: torch.Size, rate: float, bits: np.random.Generator) -> Int16[Tensor, "*shape"]:
    """Return 1 where a unit is kept and 0 where it is dropped, on a CPU.

    Example:
        >>> kept(torch.Size([2]), 0.0, generator()).tolist()
        [1, 1]
    """
    dropped, units = _dropped(rate), shape.numel()
    if dropped == 0:
        return torch.ones(shape, dtype=torch.int16)
    words = bits.integers(0, (1 << 64) - 1, (units + 3) // 4, dtype=np.uint64, endpoint=True)
    drawn = torch.from_numpy(words.view(np.int16))[:units].view(shape)  # each value of [-2^15, 2^15) is equally likely
    # Clamped between two neighbours, a word says kept or dropped: a comparison would take four times as long.
    highest = dropped - _LEVELS // 2 - 1
    return drawn.clamp_(highest, highest + 1).sub_(highest)


def factors(x: Tensor, rate: float) -> Tensor:
    """Return for each unit of `x` on a CPU what it is multiplied by, 0 or the scale.

    Example:
        >>> factors(torch.zeros(2), 0.0).tolist()
        [1.0, 1.0]
    """
    return kept(x.shape, rate, generator()).to(x.dtype).mul_(scale(rate))


def _elsewhere(x: Tensor) -> bool:
    return x.device.type != "cpu" or torch.compiler.is_compiling()


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x` with units dropped and the rest scaled up; `x` itself at rate 0 or outside training.

    Example:
        >>> dropout(torch.ones(2), 0.5, training=False)
        tensor([1., 1.])
    """
    if not training or rate == 0.0:
        return x
    if _elsewhere(x):
        return functional.dropout(x, rate, True)
    return x * factors(x, rate)


def add_dropout(x: Tensor, added: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x + dropout(added)`, on a CPU in one pass.

    Example:
        >>> add_dropout(torch.ones(2), torch.ones(2), 0.5, training=False)
        tensor([2., 2.])
    """
    if not training or rate == 0.0 or _elsewhere(x) or x.dtype != added.dtype:
        return x + dropout(added, rate, training)
    return torch.addcmul(x, added, factors(added, rate))


class _ReluDropout(torch.autograd.Function):
    """Rectified units and dropout at once."""

    # A unit of the result is positive just where it was kept and positive before, so the result is all that is saved:
    # the layer that reads it saves it anyway.
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        """Return the units that are kept and positive, scaled."""
        out = factors(x, rate)
        out.mul_(x).clamp_min_(0)
        ctx.save_for_backward(out)
        ctx.scale = scale(rate)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradient, which passes where the result is positive."""
        return torch.ops.aten.threshold_backward(gradients[0], ctx.saved_tensors[0].detach(), 0) * ctx.scale, None


def relu_dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `dropout(relu(x))`, on a CPU with nothing kept for the way back but the result.

    Example:
        >>> relu_dropout(torch.tensor([-1.0, 2.0]), 0.5, training=False)
        tensor([0., 2.])
    """
    if not training or rate == 0.0 or _elsewhere(x):
        return dropout(torch.relu(x), rate, training)
    return _ReluDropout.apply(x, rate)
