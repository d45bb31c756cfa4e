"""A GRU's steps and their gradients with compiled loops between the matrix products, for float32 on a CPU.

The equations are in `mmcore.models.compiled.recurrence`; what is multiplied is the same as in `recurrence`, which
computes other precisions.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor


def step_starts(sizes: list[int]) -> list[int]:
    """Return the first row of each step.

    Example:
        >>> step_starts([3, 2, 2])
        [0, 3, 5]
    """
    return [0, *accumulate(sizes)][:-1]


def states_before(out: Tensor, sizes: list[int]) -> Float[Tensor, "later hidden"]:
    """Return the state before each step but the first, of every sequence that has the step.

    Example:
        >>> states_before(torch.arange(6.0)[:, None], [3, 2, 1]).flatten().tolist()
        [0.0, 1.0, 3.0]
    """
    if sizes[-1] == sizes[0]:
        return out[: len(out) - sizes[0]]
    return torch.cat([out[start : start + size] for start, size in zip(step_starts(sizes), sizes[1:])])


def gru_steps(
    gates: Tensor, pushed: Tensor, out: Tensor, recurrent: Tensor, recurrent_bias: Tensor, sizes: list[int]
) -> None:
    """Fill `pushed` with U h + c and `out` with states, and leave r, z, n in `gates`, which come as W x + b."""
    from mmcore.models.compiled.loading import recurrence_loops

    step, turned = recurrence_loops()["gru_step"], recurrent.t()
    arrays, before, start = tuple(each.detach().numpy() for each in (gates, pushed, out)), -1, 0
    for size in sizes:
        state = out.new_zeros(size, out.shape[1]) if before < 0 else out[before : before + size]
        torch.addmm(recurrent_bias, state, turned, out=pushed[start : start + size])
        step(*arrays, start, start + size, before)
        before, start = start, start + size


def gru_gradients(
    recurrent: Tensor, gates: Tensor, pushed: Tensor, out: Tensor, gradient: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of W x + b, (steps, gates), of U and of c."""
    from mmcore.models.compiled.loading import recurrence_loops

    starts, loops = step_starts(sizes), recurrence_loops()
    states, flat = gradient.to(out.dtype).clone(memory_format=torch.contiguous_format), torch.empty_like(gates)
    arrays = tuple(each.detach().numpy() for each in (gates, pushed, out, states, flat))
    for index in range(len(sizes) - 1, -1, -1):
        start, stop = starts[index], starts[index] + sizes[index]
        loops["gru_step_back"](*arrays, start, stop, starts[index - 1] if index else -1)
        if index:
            before = states[starts[index - 1] : starts[index - 1] + sizes[index]]
            torch.addmm(before, flat[start:stop], recurrent, out=before)
    of_recurrent, of_recurrent_bias = flat[sizes[0] :].t() @ states_before(out, sizes), flat.sum(0)
    loops["gru_input"](arrays[0], arrays[3], arrays[4])
    return flat, of_recurrent, of_recurrent_bias
