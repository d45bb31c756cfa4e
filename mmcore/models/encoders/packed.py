"""A recurrent network over sequences of different lengths, each as if it ran alone.

states_i = network(x_i[1 .. T_i]),   zeros beyond T_i and for T_i = 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

if TYPE_CHECKING:
    Network = nn.GRU | nn.LSTM


def _last(network: Network, state: Tensor | tuple[Tensor, Tensor]) -> Float[Tensor, "batch features"]:
    """The last layer's final hidden state, directions side by side."""
    hidden = state[0] if isinstance(state, tuple) else state
    directions = 2 if network.bidirectional else 1
    return torch.cat(list(hidden[-directions:]), 1)


def run_packed(
    network: Network, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None
) -> tuple[Float[Tensor, "batch time features"], Float[Tensor, "batch features"]]:
    """Return the states after each step, and the final ones (backward: after the first step); lengths None: all.

    Args:
        network: a `nn.GRU` or `nn.LSTM` with `batch_first`.
        values: padded with anything finite.
        lengths: may hold zeros.

    Example:
        >>> network = nn.GRU(2, 3, batch_first=True)
        >>> steps, last = run_packed(network, torch.zeros(2, 5, 2), torch.tensor([4, 0]))
        >>> steps.shape, last[1].tolist()
        (torch.Size([2, 5, 3]), [0.0, 0.0, 0.0])
    """
    if values.shape[1] == 0:
        features = network.hidden_size * (2 if network.bidirectional else 1)
        return values.new_zeros(len(values), 0, features), values.new_zeros(len(values), features)
    if lengths is None:
        steps, state = network(values)
        return steps, _last(network, state)
    # torch packs no empty sequence: they run over one step, whose states are then dropped.
    packed = pack_padded_sequence(values, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    packed_steps, state = network(packed)
    steps, _ = pad_packed_sequence(packed_steps, batch_first=True, total_length=values.shape[1])
    empty = lengths == 0
    return steps.masked_fill(empty[:, None, None], 0.0), _last(network, state).masked_fill(empty[:, None], 0.0)
