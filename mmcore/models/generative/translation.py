"""Translation between modalities as sequences: how each becomes steps, a shared encoder, and an attentive decoder.

    encoder    E(s)_t = GRU_forward(s)_t + GRU_backward(s)_t
    decoder    a_tk = softmax_k( v' tanh(A h_{t-1} + B E_k) ) over the sequence's own steps,   c_t = sum_k a_tk E_k
               h_t = GRU([U x^_{t-1}, c_t], h_{t-1}),   x^_t = V h_t + c,   h_0 = mean_k E_k

Reference: Pham, Liang, Manzini, Morency, Poczos 2019, Found in translation (AAAI), section 3; additive attention as in
Bahdanau, Cho, Bengio 2015 (ICLR).
Departs from MultiBench's code on purpose: attention weights are normalised over steps and used as they are (there a
rectifier follows), outputs are affine in the state (there a log-softmax of real-valued targets), and the decoder always
reads its own output, so that training and evaluation are the same function.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmcore.models.encoders import flat_size, layout_of
from mmcore.models.generative.decoders import decoding_target
from mmcore.models.standardisation import Prepared, within_lengths

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def channels_of(modality: ModalitySpec) -> int:
    """Return the numbers a step of a modality has when it is seen as a sequence.

    A vector or the mean of a set is one step, an image a sequence of its rows, frames are flattened.

    Example:
        >>> from mmcore.data.spec import ModalitySpec
        >>> channels_of(ModalitySpec("a", "image", (28, 20, 3), "float32"))
        60
    """
    layout = layout_of(modality)
    if layout == "vector":
        return flat_size(modality)
    if layout == "set":
        return int(modality.shape[-1] or 1)
    return math.prod(int(size or 1) for size in modality.shape[1:])


def as_steps(modality: ModalitySpec, prepared: Prepared) -> Prepared:
    """Return a modality as a sequence (B, T, channels), its presence, and its lengths (None: all T)."""
    values, present, lengths = decoding_target(modality, prepared)
    if values.dim() == 2:
        return Prepared(values[:, None], present, None)
    return Prepared(values.flatten(2), present, lengths)


def shortened(sequence: Prepared, most: int) -> Prepared:
    """Return sequences of at most `most` steps: longer ones as the means of `most` equal stretches of their own steps.

    Example:
        >>> values = torch.tensor([[[1.0], [3.0], [5.0], [9.0]], [[1.0], [3.0], [0.0], [0.0]]])
        >>> shortened(Prepared(values, None, torch.tensor([4, 2])), 2).values[..., 0].tolist()
        [[2.0, 7.0], [1.0, 3.0]]
    """
    values, present, lengths = sequence
    batch, time = values.shape[:2]
    if time <= most:
        return sequence
    own = torch.full((batch,), time, device=values.device) if lengths is None else lengths
    step = torch.arange(time, device=values.device).expand(batch, time)
    stretch = torch.where(own[:, None] > most, step * most // own.clamp(min=1)[:, None], step)
    inside = within_lengths(own, time)
    belongs = (stretch[:, None] == torch.arange(most, device=values.device)[None, :, None]) & inside[:, None]
    shares = belongs.to(values.dtype) / belongs.sum(2, keepdim=True).clamp(min=1)  # (B, most, T)
    return Prepared(shares @ values, present, None if lengths is None else own.clamp(max=most))


class SequenceEncoder(nn.Module):
    """A gated recurrence in both directions, their states added: (B, T, size) -> (B, T, width).

    A sequence without steps is taken for one step of zeros.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.recurrence = nn.GRU(size, width, batch_first=True, bidirectional=True)

    def forward(
        self, steps: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch time width"]:
        """Return the states, zero beyond each length."""
        if lengths is None:
            states = self.recurrence(steps)[0]
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                steps, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
            )
            states = nn.utils.rnn.pad_packed_sequence(
                self.recurrence(packed)[0], batch_first=True, total_length=steps.shape[1]
            )[0]
        forward, backward = states.chunk(2, 2)
        return forward + backward


class AttentiveDecoder(nn.Module):
    """A recurrence that reads its own last output and attends to the encoder's states."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width)
        self.energy = nn.Linear(width, 1, bias=False)
        self.cell = nn.GRUCell(2 * width, width)

    def forward(
        self,
        states: Float[Tensor, "batch time width"],
        inside: Bool[Tensor, "batch time"] | None,
        steps: int,
        embed: nn.Module,
        emit: nn.Module,
    ) -> Float[Tensor, "batch steps channels"]:
        """Return `steps` outputs.

        Args:
            states: of the encoder.
            inside: which of them belong to the sequence; None for all.
            steps: how many to emit.
            embed: from an output to a step's width.
            emit: from the decoder's state to an output.
        """
        keys = self.key(states)
        # Beyond each length the states are zero.
        count = states.shape[1] if inside is None else inside.sum(1, keepdim=True)
        hidden = states.sum(1) / count
        last = emit(hidden)
        emitted = []
        for _ in range(steps):
            weights = self.attention(hidden, keys, inside)
            context = torch.einsum("bt,btw->bw", weights, states)
            hidden = self.cell(torch.cat([embed(last), context], 1), hidden)
            last = emit(hidden)
            emitted.append(last)
        return torch.stack(emitted, 1)

    def attention(
        self,
        hidden: Float[Tensor, "batch width"],
        keys: Float[Tensor, "batch time width"],
        inside: Bool[Tensor, "batch time"] | None,
    ) -> Float[Tensor, "batch time"]:
        """Return the weights of the encoder's steps; they sum to one over each sequence's own."""
        energies = self.energy(torch.tanh(self.query(hidden)[:, None] + keys))[..., 0]
        if inside is not None:
            energies = energies.masked_fill(~inside, -torch.inf)
        return energies.softmax(1)
