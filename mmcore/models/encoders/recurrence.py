"""One layer of a GRU or LSTM over packed steps on a CPU, with its gradient written out.

    out_t = cell(x_t, out_{t-1});   dL/dU = sum_t dL/dgates_t' out_{t-1} = D' P,  one product over all steps at once

Cells and weights are those of `torch.nn.GRU` and `torch.nn.LSTM` (Cho et al. 2014; Hochreiter, Schmidhuber 1997), and
so are results and gradients up to rounding. torch's own CPU path makes the weights' gradient from one product and one
sum a step, each as large as the weights; here the gates' gradients of all steps are kept and multiplied once, and the
element-wise factors are computed for all steps together, so that a step costs one product and two to four operations.
Of float32 the element-wise part of a GRU is compiled (`mmcore.models.compiled.recurrence`).
A second derivative (`create_graph=True`) goes through torch's own. Products are spelt `addmm(out=)`, because torch's
FLOP counter overlooks `addmm_`.
Packed: the steps of all sequences, longest first, one time after another; `sizes[t]` sequences have a step t.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor

from mmcore.errors import InputError
from mmcore.models.compiled.eligibility import is_gradient_readable, readable
from mmcore.models.encoders import compiled_recurrence
from mmcore.models.encoders.compiled_recurrence import states_before, step_starts


def _check(data: Tensor, sizes: list[int]) -> None:
    """Raise InputError for sizes of other steps than these, of which rows would be read, or left, that nobody wrote."""
    if not sizes or sizes[-1] < 1 or sum(sizes) != len(data) or any(map(operator.lt, sizes, sizes[1:])):
        allowed = f"numbers from 1, none above the one before, which add up to {len(data)} rows"
        raise InputError("sizes", sizes, allowed, "Pack the sequences by `pack_padded_sequence`.")


def _is_for_torch(gradient: Tensor, by_loops: bool) -> bool:
    """Return whether a graph is asked for, or the gradient is such that steps cannot be written in place."""
    if torch.is_grad_enabled():
        return True
    traced = torch.compiler.is_compiling() and not by_loops
    return not traced and not is_gradient_readable(gradient, dtypes=(gradient.dtype,))


def _by_torch(kind: str, ctx: Any, gradient: Tensor) -> list[Tensor | None]:
    """Return the gradients as torch makes them; themselves with a graph, where one is asked for."""
    saved = ctx.saved_tensors  # once: with checkpoints each reading computes them anew, and a second one is refused
    data, _, recurrent, *_ = saved
    graph, zeros = torch.is_grad_enabled(), data.new_zeros(1, ctx.sizes[0], recurrent.shape[1])
    sizes = data.new_tensor(ctx.sizes, dtype=torch.int64)  # not on whatever device somebody set as default
    with torch.enable_grad():
        # Views: where one input is made from another, each is to have its own part of the gradient.
        inputs = [each.view_as(each) for each in saved[:5]]
        if kind == "gru":
            out = torch.gru(inputs[0], sizes, zeros, inputs[1:], True, 1, 0.0, False, False)[0]
        else:
            out = torch.lstm(inputs[0], sizes, (zeros, zeros), inputs[1:], True, 1, 0.0, False, False)[0]
    wanted = [each for each, needed in zip(inputs, ctx.needs_input_grad) if needed]
    found = iter(torch.autograd.grad(out, wanted, gradient, create_graph=graph))
    return [next(found) if needed else None for needed in ctx.needs_input_grad[:5]]


def _all_gradients(
    data: Tensor, weight: Tensor | None, to_input: Tensor, of_recurrent: Tensor, of_recurrent_bias: Tensor
) -> list[Tensor | None]:
    """Gradients of data (None without weight), weights and biases; `to_input` is that of `W x + b`, (steps, gates)."""
    to_data = None if weight is None else to_input @ weight
    return [to_data, to_input.t() @ data, of_recurrent, to_input.sum(0), of_recurrent_bias]


class GruLayer(torch.autograd.Function):
    """`(data, weight_ih, weight_hh, bias_ih, bias_hh, sizes)` to the states `(steps, hidden)`.

    Example:
        >>> network = torch.nn.GRU(2, 3)
        >>> GruLayer.apply(torch.zeros(5, 2), *network.parameters(), [2, 2, 1]).shape
        torch.Size([5, 3])
    """

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the states."""
        data, weight, recurrent, bias, recurrent_bias, sizes = arguments
        _check(data, sizes)
        by_loops = readable(*arguments[:5]) and compiled_recurrence.fits(*arguments[:5])
        ctx.compiled = by_loops and not torch.is_autocast_enabled("cpu")
        # Becomes r, z, n; a compiled step adds the bias as it reads a row.
        gates = data @ weight.t() if ctx.compiled else torch.addmm(bias, data, weight.t())
        out = data.new_empty(len(data), recurrent.shape[1])
        # The recurrent part, U h + c; compiled loops keep what the way back needs of it, the last third.
        pushed = torch.empty_like(out if ctx.compiled else gates)
        if ctx.compiled:
            compiled_recurrence.gru_steps(gates, bias, pushed, out, recurrent, recurrent_bias, sizes)
        else:
            _gru_steps(gates, pushed, out, recurrent, recurrent_bias, sizes)
        ctx.save_for_backward(*arguments[:5], gates, pushed, out)
        ctx.sizes = sizes
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of data, weights and biases."""
        if _is_for_torch(gradients[0], ctx.compiled):
            return *_by_torch("gru", ctx, gradients[0]), None
        with torch.autocast("cpu", enabled=False):
            data, weight, recurrent, _, _, gates, pushed, out = ctx.saved_tensors
            of_data, given = weight if ctx.needs_input_grad[0] else None, (gradients[0], ctx.sizes)
            if ctx.compiled:
                found = compiled_recurrence.gru_gradients(recurrent, gates, pushed, out, *given)
                return *compiled_recurrence.all_gradients(data, of_data, out, *found, ctx.sizes), None
            return *_all_gradients(data, of_data, *_gru_gradients(recurrent, gates, pushed, out, *given)), None


def _gru_steps(
    gates: Tensor, pushed: Tensor, out: Tensor, recurrent: Tensor, recurrent_bias: Tensor, sizes: list[int]
) -> None:
    """Fill `pushed` and `out`, and leave r, z, n in `gates`, which come as W x + b."""
    hidden = out.shape[1]
    state, stop = out.new_zeros(sizes[0], hidden), 0
    for size in sizes:
        start, stop = stop, stop + size
        gate, push, before = gates[start:stop], pushed[start:stop], state[:size]
        torch.addmm(recurrent_bias, before, recurrent.t(), out=push)
        reset_update, new = gate[:, : 2 * hidden], gate[:, 2 * hidden :]
        reset_update.add_(push[:, : 2 * hidden]).sigmoid_()
        new.addcmul_(reset_update[:, :hidden], push[:, 2 * hidden :]).tanh_()
        state = torch.lerp(new, before, reset_update[:, hidden:], out=out[start:stop])


def _gru_gradients(
    recurrent: Tensor, gates: Tensor, pushed: Tensor, out: Tensor, gradient: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of W x + b, (steps, gates), of U and of c."""
    starts, hidden = step_starts(sizes), recurrent.shape[1]
    reset, update, new = gates.view(-1, 3, hidden).unbind(1)
    earlier = states_before(out, sizes)
    difference = new.neg()
    difference[sizes[0] :] += earlier  # h_{t-1} - n_t
    kept = 1 - update
    # What the gradient of the state is multiplied by to give those of U h + c, in the order r, z, n.
    to_new = kept * (1 - new * new)
    factors = torch.empty_like(gates).view(-1, 3, hidden)
    torch.mul(to_new, reset, out=factors[:, 2])
    torch.mul(factors[:, 2] * pushed[:, 2 * hidden :], 1 - reset, out=factors[:, 0])
    torch.mul(difference * update, kept, out=factors[:, 1])
    states, flat = gradient.clone(), factors.view(-1, 3 * hidden)
    for index in range(len(sizes) - 1, -1, -1):
        start, stop = starts[index], starts[index] + sizes[index]
        state = states[start:stop]
        factors[start:stop].mul_(state[:, None])
        if index:
            before = states[starts[index - 1] : starts[index - 1] + sizes[index]]
            before.addcmul_(state, update[start:stop])
            torch.addmm(before, flat[start:stop], recurrent, out=before)
    of_recurrent, of_recurrent_bias = flat[sizes[0] :].t() @ earlier, flat.sum(0)
    # U h + c enters n through r, W x + b directly: the last third differs.
    torch.mul(states, to_new, out=factors[:, 2])
    return flat, of_recurrent, of_recurrent_bias


class LstmLayer(torch.autograd.Function):
    """`(data, weight_ih, weight_hh, bias_ih, bias_hh, sizes)` to the states `(steps, hidden)`.

    Example:
        >>> network = torch.nn.LSTM(2, 3)
        >>> LstmLayer.apply(torch.zeros(5, 2), *network.parameters(), [2, 2, 1]).shape
        torch.Size([5, 3])
    """

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the states."""
        data, weight, recurrent, bias, recurrent_bias, sizes = arguments
        _check(data, sizes)
        hidden = recurrent.shape[1]
        gates = torch.addmm(bias + recurrent_bias, data, weight.t())  # becomes i, f, g, o
        cells, squashed, out = (data.new_empty(len(data), hidden) for _ in range(3))
        state = cell = data.new_zeros(sizes[0], hidden)
        stop = 0
        for size in sizes:
            start, stop = stop, stop + size
            gate, now = gates[start:stop], cells[start:stop]
            torch.addmm(gate, state[:size], recurrent.t(), out=gate)
            enter_keep, candidate, leave = gate.split([2 * hidden, hidden, hidden], 1)
            enter_keep.sigmoid_(), candidate.tanh_(), leave.sigmoid_()
            torch.mul(enter_keep[:, hidden:], cell[:size], out=now)
            cell = now.addcmul_(enter_keep[:, :hidden], candidate)
            state = torch.mul(leave, torch.tanh(cell, out=squashed[start:stop]), out=out[start:stop])
        ctx.save_for_backward(*arguments[:5], gates, cells, squashed, out)
        ctx.sizes = sizes
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients of data, weights and biases."""
        if _is_for_torch(gradients[0], by_loops=False):
            return *_by_torch("lstm", ctx, gradients[0]), None
        with torch.autocast("cpu", enabled=False):
            return *_lstm_gradients(ctx, gradients[0]), None


def _lstm_gradients(ctx: Any, gradient: Tensor) -> list[Tensor | None]:
    data, weight, recurrent, _, _, gates, cells, squashed, out = ctx.saved_tensors
    sizes, starts, hidden = ctx.sizes, step_starts(ctx.sizes), recurrent.shape[1]
    enter, keep, candidate, leave = gates.view(-1, 4, hidden).unbind(1)
    # What the gradients of the cell (i, f, g) and of the state (o) are multiplied by to give those of the gates.
    factors = torch.empty_like(gates).view(-1, 4, hidden)
    torch.mul(candidate * enter, 1 - enter, out=factors[:, 0])
    factors[: sizes[0], 1] = 0.0  # nothing to keep before the first step
    factors[sizes[0] :, 1] = (keep * (1 - keep))[sizes[0] :] * states_before(cells, sizes)
    torch.mul(enter, 1 - candidate * candidate, out=factors[:, 2])
    torch.mul(squashed * leave, 1 - leave, out=factors[:, 3])
    to_cell = leave * (1 - squashed * squashed)
    states, inner, flat = gradient.clone(), torch.zeros_like(cells), factors.view(-1, 4 * hidden)
    for index in range(len(sizes) - 1, -1, -1):
        start, stop = starts[index], starts[index] + sizes[index]
        state, cell = states[start:stop], inner[start:stop]
        cell.addcmul_(state, to_cell[start:stop])
        factors[start:stop, :3].mul_(cell[:, None])
        factors[start:stop, 3].mul_(state)
        if index:
            earlier = slice(starts[index - 1], starts[index - 1] + sizes[index])
            before = states[earlier]
            torch.addmm(before, flat[start:stop], recurrent, out=before)
            torch.mul(cell, keep[start:stop], out=inner[earlier])
    of_recurrent = flat[sizes[0] :].t() @ states_before(out, sizes)
    return _all_gradients(data, weight if ctx.needs_input_grad[0] else None, flat, of_recurrent, flat.sum(0))
