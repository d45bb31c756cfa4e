"""A recurrent network over sequences of different lengths, each as if it ran alone.

    states_i = network(x_i[1 .. T_i]),   zeros beyond T_i and for T_i = 0

In training on a CPU the layers are run by `recurrence`, which takes two thirds of the time that torch's packed GRU and
LSTM do; elsewhere by torch. Both give the same up to rounding. An LSTM over sequences of equal length is left to torch,
whose oneDNN layer is faster still, unless a gradient of its input is asked for: that layer has no second derivative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from mmcore.models.compiled.eligibility import transformed
from mmcore.models.encoders.precision import without_autocast_on_cpu
from mmcore.models.encoders.recurrence import GruLayer, LstmLayer

if TYPE_CHECKING:
    Network = nn.GRU | nn.LSTM


def run_packed(
    network: Network, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None
) -> tuple[Float[Tensor, "batch time features"], Float[Tensor, "batch features"]]:
    """Return the states after each step, and the final ones (backward: after the first step); lengths None: all.

    Args:
        network: a `nn.GRU` or `nn.LSTM` with `batch_first` and biases.
        values: padded with anything finite.
        lengths: may hold zeros.

    Example:
        >>> network = nn.GRU(2, 3, batch_first=True)
        >>> steps, last = run_packed(network, torch.zeros(2, 5, 2), torch.tensor([4, 0]))
        >>> steps.shape, last[1].tolist()
        (torch.Size([2, 5, 3]), [0.0, 0.0, 0.0])
    """
    batch, time = values.shape[:2]
    if batch == 0 or time == 0:
        features = network.hidden_size * (2 if network.bidirectional else 1)
        return values.new_zeros(batch, time, features), values.new_zeros(batch, features)
    # torch packs no empty sequence: they run over one step, whose states are then dropped.
    counts = None if lengths is None else lengths.clamp(min=1).cpu()
    longest = time if counts is None else int(counts.max())
    equal, by_torch = counts is None or longest == int(counts.min()), _is_for_torch(network, values)
    if equal and (by_torch or (isinstance(network, nn.LSTM) and not values.requires_grad)):
        steps, state = network(values[:, :longest])
        return _without_empty(functional.pad(steps, (0, 0, 0, time - longest)), _last(network, state), lengths)
    # torch takes lengths on the CPU, wherever new tensors go by default.
    counts = torch.full((batch,), time, device="cpu") if counts is None else counts
    packed = pack_padded_sequence(values, counts, batch_first=True, enforce_sorted=False)
    if by_torch:
        packed_steps, state = network(packed)
        last = _last(network, state)
    else:
        with without_autocast_on_cpu(values):
            packed_steps, last = _run_layers(network, packed, counts)
    steps, _ = pad_packed_sequence(packed_steps, batch_first=True, total_length=time)
    return _without_empty(steps, last, lengths)


def _is_for_torch(network: Network, values: Tensor) -> bool:
    """Where `recurrence` does not run: off the CPU, inside torch's transforms, and without a gradient to save for."""
    elsewhere = values.device.type != "cpu" or transformed()
    return elsewhere or not torch.is_grad_enabled() or not network.all_weights[0][0].requires_grad


def _without_empty(steps: Tensor, last: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Both with zeros where a sequence has no steps."""
    if lengths is None:
        return steps, last
    empty = lengths == 0
    return steps.masked_fill(empty[:, None, None], 0.0), last.masked_fill(empty[:, None], 0.0)


def _last(network: Network, state: Tensor | tuple[Tensor, Tensor]) -> Float[Tensor, "batch features"]:
    """The last layer's final hidden state, directions side by side."""
    hidden = state[0] if isinstance(state, tuple) else state
    directions = 2 if network.bidirectional else 1
    return torch.cat(list(hidden[-directions:]), 1)


def _positions(packed: PackedSequence, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Where each sequence's last step lies (in the order of the batch), and where each step lies in reversed time."""
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    starts = packed.batch_sizes.cumsum(0) - packed.batch_sizes
    time = torch.repeat_interleave(torch.arange(len(starts), device=starts.device), packed.batch_sizes)
    sequence = torch.arange(len(time), device=time.device) - starts[time]
    return starts[counts - 1] + back, starts[counts[order][sequence] - 1 - time] + sequence


def _run_layers(network: Network, packed: PackedSequence, counts: Tensor) -> tuple[PackedSequence, Tensor]:
    """The states of a network of any depth and direction, as packed steps and after each sequence's last."""
    layer = GruLayer if isinstance(network, nn.GRU) else LstmLayer
    ends, mirrored = _positions(packed, counts)
    weights = network.all_weights  # by layer, then by direction
    sizes, hidden = packed.batch_sizes.tolist(), packed.data.to(weights[0][0].dtype)
    for index in range(network.num_layers):
        if index and network.dropout:
            hidden = functional.dropout(hidden, network.dropout, network.training)
        forward = layer.apply(hidden, *weights[index * (1 + network.bidirectional)], sizes)
        last, states = forward[ends], forward
        if network.bidirectional:
            backward = layer.apply(hidden[mirrored], *weights[2 * index + 1], sizes)
            last, states = torch.cat([last, backward[ends]], 1), torch.cat([forward, backward[mirrored]], 1)
        hidden = states
    return PackedSequence(hidden, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), last
