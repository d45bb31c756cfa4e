"""A GRU's steps and their gradients in compiled loops, for float32 on a CPU.

The equations are in `mmcore.models.compiled.recurrence`; what is multiplied is the same as in `recurrence`, which
computes other precisions. The products of a step are torch's, or where tiles are filled, part of the loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mmcore.models.compiled.eligibility import wide_vectors
from mmcore.models.compiled.threads import in_parts

_LEAST_ROWS, _LEAST_HIDDEN = 8, 32


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


def fits(data: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor, recurrent_bias: Tensor) -> bool:
    """Return whether the loops, which check nothing, find in these what they read; others torch refuses or broadcasts.

    Example:
        >>> layer = [each.detach() for each in torch.nn.GRU(2, 3).parameters()]
        >>> fits(torch.ones(4, 2), *layer), fits(torch.ones(4, 2), *layer[:3], torch.ones(1))
        (True, False)
    """
    if data.dim() != 2 or recurrent.dim() != 2:
        return False
    hidden = recurrent.shape[1]
    shapes = [tuple(each.shape) for each in (weight, recurrent, bias, recurrent_bias)]
    return hidden > 0 and shapes == [(3 * hidden, data.shape[1]), (3 * hidden, hidden), (3 * hidden,), (3 * hidden,)]


def _by_tiles(recurrent: Tensor, sizes: list[int]) -> bool:
    """Return whether whole sequences are computed at once: eight rows and 32 columns fill a tile."""
    return wide_vectors() and sizes[0] >= _LEAST_ROWS and recurrent.shape[1] >= _LEAST_HIDDEN


def _panels(weight: Tensor) -> NDArray[np.float32]:
    """Return (terms, columns) in panels of columns."""
    from mmcore.models.compiled.loading import recurrence_loops
    from mmcore.models.compiled.recurrence import panels_for

    panels = panels_for(*weight.shape)
    recurrence_loops()["pack"](weight.detach().numpy(), panels)
    return panels


def _sequences(name: str, arrays: Sequence[NDArray[np.float32]], sizes: list[int]) -> None:
    """Run a loop over whole sequences, cut between threads."""
    from mmcore.models.compiled.loading import recurrence_loops

    steps = np.array(step_starts(sizes)), np.array(sizes)
    # Eight sequences fill a tile: fewer are not worth a thread.
    in_parts(recurrence_loops()[name], (*arrays, *steps), sizes[0], sizes[0] // _LEAST_ROWS)


def gru_steps(
    gates: Tensor,
    bias: Tensor,
    pushed: Tensor,
    out: Tensor,
    recurrent: Tensor,
    recurrent_bias: Tensor,
    sizes: list[int],
) -> None:
    """Fill `pushed`, (rows, hidden), and `out` with states; leave r, z, n in `gates`, which come as W x, without b."""
    from mmcore.models.compiled.loading import recurrence_loops

    both = bias.detach().contiguous().numpy(), recurrent_bias.detach().contiguous().numpy()
    arrays, turned = (gates.detach().numpy(), both[0], pushed.numpy(), out.numpy()), recurrent.t()
    if _by_tiles(recurrent, sizes):
        _sequences("gru_forth", (*arrays, _panels(turned), both[1]), sizes)
        return
    step, room, before, start = recurrence_loops()["gru_step"], gates.new_empty(sizes[0], gates.shape[1]), -1, 0
    for size in sizes:
        state = out.new_zeros(size, out.shape[1]) if before < 0 else out[before : before + size]
        torch.addmm(recurrent_bias, state, turned, out=room[:size])
        step(*arrays[:2], room.numpy(), *arrays[2:], start, start + size, before)
        before, start = start, start + size


def gru_gradients(
    recurrent: Tensor, gates: Tensor, pushed: Tensor, out: Tensor, gradient: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of U h + c and of W_n x, (steps, 3 hidden) and (steps, hidden); of r and z W x has U h's."""
    from mmcore.models.compiled.loading import recurrence_loops

    step = recurrence_loops()["gru_step_back"]
    gates, pushed, out = (each.contiguous() for each in (gates, pushed, out))  # hooks may have turned what was saved
    states = gradient.to(out.dtype).clone(memory_format=torch.contiguous_format)
    flat, fresh = torch.empty_like(gates), torch.empty_like(out)
    arrays = tuple(each.detach().numpy() for each in (gates, pushed, out, states, flat, fresh))
    if _by_tiles(recurrent, sizes):
        _sequences("gru_back", (*arrays, _panels(recurrent)), sizes)
        return flat, fresh
    starts = step_starts(sizes)
    for index in range(len(sizes) - 1, -1, -1):
        start, stop = starts[index], starts[index] + sizes[index]
        step(*arrays, start, stop, starts[index - 1] if index else -1)
        if index:
            before = states[starts[index - 1] : starts[index - 1] + sizes[index]]
            torch.addmm(before, flat[start:stop], recurrent, out=before)
    return flat, fresh


def all_gradients(
    data: Tensor, weight: Tensor | None, out: Tensor, flat: Tensor, fresh: Tensor, sizes: list[int]
) -> list[Tensor | None]:
    """Return the gradients of data (None without weight), weights and biases, given those of `gru_gradients`."""
    hidden, sums = fresh.shape[1], flat.sum(0)
    shared = flat[:, : 2 * hidden]  # r and z add W x and U h
    of_weight = flat.new_empty(flat.shape[1], data.shape[1])
    torch.mm(shared.t(), data, out=of_weight[: 2 * hidden])
    torch.mm(fresh.t(), data, out=of_weight[2 * hidden :])
    to_data = None if weight is None else torch.addmm(shared @ weight[: 2 * hidden], fresh, weight[2 * hidden :])
    of_recurrent = flat[sizes[0] :].t() @ states_before(out, sizes)
    return [to_data, of_weight, of_recurrent, torch.cat([sums[: 2 * hidden], fresh.sum(0)]), sums]
