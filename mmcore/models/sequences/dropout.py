"""Dropout from 32 random bits a unit on a CPU, with what surrounds it in one pass, and torch's own elsewhere.

    y = keep x / (1 - p'),   P(keep = 0) = p' = round(2^32 p) / 2^32

Reference: Srivastava et al. 2014, Dropout (JMLR 15). On a CPU torch 2.13 draws a Bernoulli number a unit, at 6 ns each
on one thread, which is more than a quarter of a small transformer's whole training step; the loops of
`mmcore.models.compiled.dropout` take 0.3 ns. The scale uses the rounded rate, so that the mean is exact. Bits are a
function of the unit's place and of one draw a call from torch's global generator, which therefore decides every bit, as
it does for torch's own dropout; the way back makes them again instead of reading them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.compiled.eligibility import is_gradient_readable, readable

_LEVELS = 1 << 32
# Units below which a second thread costs more than it saves.
_UNITS_A_THREAD = 1 << 18


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


def drawn_seed() -> np.uint64:
    """Return 63 bits from torch's global generator."""
    return np.uint64(torch.empty((), dtype=torch.int64, device="cpu").random_())  # wherever new tensors go by default


def level(rate: float) -> int:
    """Return below which of 2^32 levels a unit is dropped.

    Raises:
        InputError: for a rate outside [0, 1).

    Example:
        >>> level(0.5) == 2**31
        True
    """
    return min(round(check_rate("rate", rate) * _LEVELS), _LEVELS - 1)


def scale(rate: float) -> float:
    """Return what kept units are multiplied by.

    Example:
        >>> scale(0.5)
        2.0
    """
    return _LEVELS / (_LEVELS - level(rate))


def _fill(out: NDArray[np.float32], name: str, *arguments: Any) -> None:
    """Fill `out` by the loop of that name; arrays are flat."""
    from mmcore.models.compiled.dropout import CHUNK
    from mmcore.models.compiled.loading import dropout_loops
    from mmcore.models.compiled.threads import in_parts

    in_parts(dropout_loops()[name], (*arguments, out), -(-out.size // CHUNK), out.size // _UNITS_A_THREAD)


def _run(name: str, *arguments: Any, out: Tensor) -> Tensor:
    """Fill `out` by the loop of that name, tensors as flat arrays."""
    flat = (each.detach().contiguous().view(-1).numpy() if isinstance(each, Tensor) else each for each in arguments)
    _fill(out.view(-1).numpy(), name, *flat)
    return out


def _settings(rate: float, seed: np.uint64) -> tuple[int, np.float32, np.uint64]:
    return level(rate), np.float32(scale(rate)), seed


def factors(x: Tensor, rate: float, seed: np.uint64 | None = None) -> Tensor:
    """Return for each unit of `x` on a CPU what it is multiplied by, 0 or the scale; a seed instead of a draw.

    Example:
        >>> factors(torch.zeros(2), 0.0).tolist()
        [1.0, 1.0]
    """
    # Without torch: what follows the way back of a batch of gradients is to see no more than the numbers.
    kept = np.ones(x.numel(), np.float32)
    _fill(kept, "drop", kept, level(rate), np.float32(1.0), drawn_seed() if seed is None else seed)
    return torch.from_numpy(kept).view(x.shape).to(x.dtype).mul_(scale(rate))


def _empty(x: Tensor) -> Tensor:
    return x.new_empty(x.shape)  # contiguous


class _AddDropout(torch.autograd.Function):
    """`x + dropout(added)`, or the second summand alone, of float32."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the sum; nothing is saved but the seed."""
        x, added, rate = arguments
        ctx.rate, ctx.seed = rate, drawn_seed()
        if x is None:
            return _run("drop", added, *_settings(rate, ctx.seed), out=_empty(added))
        return _run("add_dropped", x, added, *_settings(rate, ctx.seed), out=_empty(x))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradient, and the same where units were kept."""
        (g,) = gradients
        first = g if ctx.needs_input_grad[0] else None
        if torch.is_grad_enabled() or not is_gradient_readable(g):
            return first, g * factors(g, ctx.rate, ctx.seed), None
        return first, _run("drop", g, *_settings(ctx.rate, ctx.seed), out=_empty(g)), None


class _ReluDropout(torch.autograd.Function):
    """Rectified units and dropout at once, of float32."""

    # A unit of the result is positive just where it was kept and positive before, so the result is all that is saved:
    # the layer that reads it saves it anyway.
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the units that are kept and positive, scaled."""
        x, rate = arguments
        out = _run("drop_rectified", x, *_settings(rate, drawn_seed()), out=_empty(x))
        ctx.save_for_backward(out)
        ctx.scale = scale(rate)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradient, which passes where the result is positive."""
        (g,), (y,) = gradients, ctx.saved_tensors
        if torch.is_grad_enabled() or not is_gradient_readable(g):
            return torch.ops.aten.threshold_backward(g, y.detach(), 0) * ctx.scale, None
        return _run("rectified_back", g, y, np.float32(ctx.scale), out=_empty(g)), None


def _plain(x: Tensor, rate: float) -> Tensor:
    drawn = readable(x, dtypes=(torch.float32, torch.float64, torch.bfloat16, torch.float16))
    return x * factors(x, rate) if drawn else functional.dropout(x, check_rate("rate", rate), True)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x` with units dropped and the rest scaled up; `x` itself at rate 0 or outside training.

    Example:
        >>> dropout(torch.ones(2), 0.5, training=False)
        tensor([1., 1.])
    """
    if not training or rate == 0.0:
        return x
    if not readable(x):
        return _plain(x, rate)
    return _AddDropout.apply(None, x, rate)


def add_dropout(x: Tensor, added: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x + dropout(added)`, on a CPU in one pass.

    Example:
        >>> add_dropout(torch.ones(2), torch.ones(2), 0.5, training=False)
        tensor([2., 2.])
    """
    if not training or rate == 0.0:
        return x + added
    if not readable(x, added) or x.shape != added.shape:
        return x + _plain(added, rate)
    return _AddDropout.apply(x, added, rate)


def relu_dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `dropout(relu(x))`, on a CPU with nothing kept for the way back but the result.

    Example:
        >>> relu_dropout(torch.tensor([-1.0, 2.0]), 0.5, training=False)
        tensor([0., 2.])
    """
    if not training or rate == 0.0:
        return torch.relu(x)
    if not readable(x):
        return _plain(torch.relu(x), rate)
    return _ReluDropout.apply(x, rate)
