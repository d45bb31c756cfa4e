"""A GRU over sequences of different lengths on a CPU, forward and back in whole-batch products.

    r, z = sigmoid(W x_t + b + U h + c),  n = tanh(W_n x_t + b_n + r (U_n h + c_n)),  h_t = (1 - z) n + z h_{t-1}
    with g the gradient of h_t:
    dn = g (1 - z) (1 - n^2),  dz = g (h_{t-1} - n) z (1 - z),  dr = dn (U_n h + c_n) r (1 - r)
    gradient of h_{t-1}:  g z + [dr, dz, r dn] U;   of the weights: one product over all steps, after the last

Reference: Cho et al. 2014 (EMNLP), with the reset gate after the product as in `torch.nn.GRU`, whose weights these are.
Why not `nn.GRU`: on a CPU torch 2.13 differentiates it step by step, adds up a weight gradient a step, and for packed
sequences fills an array as large as all steps with zeros in every step; a step of training takes 1.5 times as long and
more memory. Rows are sorted by length, so that step t runs over the rows that have it and no other.
Assumes a CPU and no autocast (`suits`); elsewhere `nn.GRU` is the fast one. Differentiable twice: a second derivative
goes through the plain recurrence.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def suits(values: Tensor) -> bool:
    """Return whether the recurrence here is the fast one for `values`: on a CPU, in training, without autocast.

    Example:
        >>> suits(torch.zeros(1)), suits(torch.zeros(1, device="meta"))
        (True, False)
    """
    plain = not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()
    return values.device.type == "cpu" and torch.is_grad_enabled() and plain


def _steps(time: int, reverse: bool) -> range:
    return range(time - 1, -1, -1) if reverse else range(time)


def _plain(
    x: Tensor, counts: list[int], reverse: bool, w: Tensor, u: Tensor, b: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the states of all steps and the last ones by the equations as they stand."""
    h = x.new_zeros(x.shape[1], u.shape[1])
    states = [h] * len(counts)
    for t in _steps(len(counts), reverse):
        rows = counts[t]
        given, held = functional.linear(x[t, :rows], w, b), functional.linear(h[:rows], u, c)
        (xr, xz, xn), (hr, hz, hn) = given.chunk(3, 1), held.chunk(3, 1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        new = torch.lerp(torch.tanh(xn + r * hn), h[:rows], z)
        h = torch.cat([new, h[rows:]])
        states[t] = functional.pad(new, (0, 0, 0, len(h) - rows))
    return torch.stack(states), h


class _Recurrence(torch.autograd.Function):
    """(T, B, d) sorted by length -> states (T, B, H), zeros beyond each row's end, and each row's last (B, H)."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, counts: list[int], reverse: bool, w: Tensor, u: Tensor, b: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        context.set_materialize_grads(False)
        (time, batch, channels), hidden = x.shape, u.shape[1]
        full = counts[-1] == batch
        # Of each step [r, z, U_n h + c_n, n]: the first three are what h is multiplied into, in place.
        gates = x.new_empty(time, batch, 4 * hidden)
        flat, inputs = gates.view(time * batch, 4 * hidden), x.reshape(time * batch, channels)
        torch.addmm(b[: 2 * hidden] + c[: 2 * hidden], inputs, w[: 2 * hidden].t(), out=flat[:, : 2 * hidden])
        flat[:, 2 * hidden : 3 * hidden] = c[2 * hidden :]
        torch.addmm(b[2 * hidden :], inputs, w[2 * hidden :].t(), out=flat[:, 3 * hidden :])
        states = x.new_empty(time + 1, batch, hidden) if full else x.new_zeros(time + 1, batch, hidden)
        states[-1 if reverse else 0] = 0
        before, after = (states[1:], states[:-1]) if reverse else (states[:-1], states[1:])
        transposed = u.t()
        for t in _steps(time, reverse):
            rows = counts[t]
            gate, h = gates[t, :rows], before[t, :rows]
            gate[:, : 3 * hidden].addmm_(h, transposed)
            gate[:, : 2 * hidden].sigmoid_()
            r, z, held, n = gate.chunk(4, 1)
            n.addcmul_(r, held).tanh_()
            torch.lerp(n, h, z, out=after[t, :rows])
        if reverse or full:
            last = after[0 if reverse else -1].clone()
        else:
            row = torch.arange(batch)
            last = states[(torch.tensor(counts)[:, None] > row).sum(0), row]
        context.save_for_backward(x, w, u, b, c, gates, states)
        context.counts, context.reverse = counts, reverse
        return after, last

    @staticmethod
    def backward(context: Any, by_state: Tensor | None, by_last: Tensor | None) -> tuple[Tensor | None, ...]:
        x, w, u, b, c, gates, states = context.saved_tensors
        if torch.is_grad_enabled():
            return _twice(context, (x, w, u, b, c), by_state, by_last)
        (time, batch, channels), hidden = x.shape, u.shape[1]
        deltas = _deltas(context.counts, context.reverse, u, gates, states, by_state, by_last)
        flat, inputs = deltas.view(time * batch, 4 * hidden), x.reshape(time * batch, channels)
        gated, own = flat[:, : 2 * hidden], flat[:, 3 * hidden :]
        before = (states[1:] if context.reverse else states[:-1]).reshape(time * batch, hidden)
        by_w = torch.empty_like(w)
        torch.mm(gated.t(), inputs, out=by_w[: 2 * hidden])
        torch.mm(own.t(), inputs, out=by_w[2 * hidden :])
        by_x = None
        if context.needs_input_grad[0]:
            by_x = torch.mm(gated, w[: 2 * hidden]).addmm_(own, w[2 * hidden :]).view_as(x)
        sums = flat.sum(0)
        by_b = torch.cat([sums[: 2 * hidden], sums[3 * hidden :]])
        return by_x, None, None, by_w, flat[:, : 3 * hidden].t() @ before, by_b, sums[: 3 * hidden]


def _deltas(
    counts: list[int],
    reverse: bool,
    u: Tensor,
    gates: Tensor,
    states: Tensor,
    by_state: Tensor | None,
    by_last: Tensor | None,
) -> Tensor:
    """Return the gradients before the nonlinearities, [dr, dz, r dn, dn] of each step; zeros beyond a row's end."""
    time, batch, hidden = len(counts), gates.shape[1], u.shape[1]
    full = counts[-1] == batch
    deltas = torch.empty_like(gates) if full else torch.zeros_like(gates)
    before = states[1:] if reverse else states[:-1]
    # A row that has not begun, seen from the end, keeps the gradient of its last state until its last step comes.
    carried = (
        states.new_zeros(batch, hidden) if by_last is None else by_last.clone(memory_format=torch.contiguous_format)
    )
    spare, kept = torch.empty_like(carried), torch.empty_like(carried)
    for t in _steps(time, not reverse):
        rows = counts[t]
        g, a, k = carried[:rows], spare[:rows], kept[:rows]
        if by_state is not None:
            g.add_(by_state[t, :rows])
        delta, h = deltas[t, :rows], before[t, :rows]
        (r, z, held, n), (dr, dz, rdn, dn) = gates[t, :rows].chunk(4, 1), delta.chunk(4, 1)
        torch.sub(h, n, out=a).mul_(g)
        _sigmoid_backward(a, z, grad_input=dz)
        torch.mul(g, z, out=k)
        _tanh_backward(g.sub_(k), n, grad_input=dn)
        torch.mul(dn, held, out=a)
        _sigmoid_backward(a, r, grad_input=dr)
        torch.mul(dn, r, out=rdn)
        torch.addmm(k, delta[:, : 3 * hidden], u, out=g)
    return deltas


def _twice(
    context: Any, inputs: tuple[Tensor, ...], by_state: Tensor | None, by_last: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Return the gradients as functions that can be differentiated again."""
    x, *weights = inputs
    outputs = _plain(x, context.counts, context.reverse, *weights)
    given = [(output, by) for output, by in zip(outputs, (by_state, by_last)) if by is not None]
    asked = [tensor for tensor in inputs if tensor.requires_grad]
    found = iter(
        torch.autograd.grad([output for output, _ in given], asked, [by for _, by in given], create_graph=True)
    )
    by_x, *others = (next(found) if tensor.requires_grad else None for tensor in inputs)
    return by_x, None, None, *others


def run_gru(
    network: nn.GRU, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None
) -> tuple[Float[Tensor, "batch time features"], Float[Tensor, "batch features"]]:
    """Return the states after each step, zeros beyond a row's end, and the final ones (backward: after the first step).

    Args:
        network: with `batch_first` and biases; any number of layers, one direction or both.
        values: padded with anything finite; one step at least.
        lengths: may hold zeros; None: all rows have all steps.

    Example:
        >>> network = nn.GRU(2, 3, batch_first=True)
        >>> steps, last = run_gru(network, torch.ones(2, 5, 2), torch.tensor([4, 5]))
        >>> torch.allclose(steps[1], network(torch.ones(1, 5, 2))[0][0]), torch.equal(steps[0, 3], last[0])
        (True, True)
    """
    batch, time, _ = values.shape
    x, order, counts = values.transpose(0, 1), None, [batch] * time
    if lengths is not None and bool((lengths < time).any()):
        order = torch.argsort(lengths, descending=True, stable=True)
        x = x[:, order]
        counts = (lengths[:, None] > torch.arange(time)).sum(0).tolist()
    for layer in range(network.num_layers):
        if layer:
            x = functional.dropout(x, network.dropout, network.training)
        parts = []
        for suffix in ("", "_reverse") if network.bidirectional else ("",):
            names = (f"{kind}_l{layer}{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            weights = (getattr(network, name) for name in names)
            parts.append(_Recurrence.apply(x, counts, bool(suffix), *weights))
        x, last = (torch.cat(both, 2 if index == 0 else 1) for index, both in enumerate(zip(*parts)))
    if order is not None:
        back = torch.argsort(order)
        x, last = x[:, back], last[back]
    return x.transpose(0, 1), last
