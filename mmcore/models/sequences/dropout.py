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


def _keep(x: Tensor, rate: float) -> Tensor | None:
    """Return for each unit of `x` on a CPU what it is multiplied by, 0 or the scale; None where none is dropped."""
    dropped = round(rate * _LEVELS)
    if dropped == 0:
        return None
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # each value of [-2^15, 2^15) is equally likely
    # Clamped between two neighbours, a word says kept or dropped: a comparison would take four times as long.
    highest = dropped - _LEVELS // 2 - 1
    keep = bits.clamp_(highest, highest + 1).sub_(highest).to(x.dtype)
    return keep.mul_(_LEVELS / (_LEVELS - dropped))


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
    keep = _keep(x, rate)
    return x if keep is None else x * keep


def add_dropout(x: Tensor, added: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x + dropout(added)`, on a CPU in one pass.

    Example:
        >>> add_dropout(torch.ones(2), torch.ones(2), 0.5, training=False)
        tensor([2., 2.])
    """
    if not training or rate == 0.0 or _elsewhere(x) or x.dtype != added.dtype:
        return x + dropout(added, rate, training)
    keep = _keep(added, rate)
    return x + added if keep is None else torch.addcmul(x, added, keep)


def relu_dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `dropout(relu(x))`, on a CPU with one factor for both, which is all that is kept for the way back.

    Example:
        >>> relu_dropout(torch.tensor([-1.0, 2.0]), 0.5, training=False)
        tensor([0., 2.])
    """
    if not training or rate == 0.0 or _elsewhere(x):
        return dropout(torch.relu(x), rate, training)
    keep = _keep(x, rate)
    if keep is None:
        return torch.relu(x)
    return x * torch.ops.aten.threshold_backward(keep, x.detach(), 0)  # keep where x > 0, else 0
