"""Steps of any width brought to one width, with fixed positions.

    e_t = drop(sqrt(d) conv(x)_t + PE(t)),   PE(t) = [sin(t w), cos(t w)],  w_j = 10000^(-j / (d/2 - 1)),  t = 1 .. T

Reference: Tsai et al. 2019, Multimodal Transformer (ACL), equations 3 and 4; Vaswani et al. 2017 for positions.
Departs from the official code, which gives no position to a step whose first channel happens to be zero and builds the
table anew in every forward: here what is padding is said by lengths, every step has its position, and the table is
kept. The convolution keeps the length (zeros beyond the ends; in front only where `causal`), so that lengths hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.sequences.dropout import check_rate, dropout
from mmcore.models.sequences.steps import Steps, by_modality

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def sinusoids(time: int, width: int) -> Float[Tensor, "time width"]:
    """Return the positions 1 .. `time` as float32, sines then cosines; an odd last channel is zero.

    Example:
        >>> sinusoids(1, 5).round(decimals=4).tolist() == torch.tensor([[0.8415, 0.0001, 0.5403, 1.0, 0.0]]).tolist()
        True
    """
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(10000.0) / max(half - 1, 1)))
    angles = torch.arange(1, time + 1, dtype=torch.float64)[:, None] * frequencies
    table = torch.cat([angles.sin(), angles.cos()], 1)
    return functional.pad(table, (0, width - 2 * half)).float()


class Positions(nn.Module):
    """The table of positions, kept from one forward to the next and lengthened when a longer sequence comes."""

    table: Tensor

    def __init__(self, width: int, time: int = 0) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("table", sinusoids(time, width), persistent=False)

    def forward(self, time: int) -> Float[Tensor, "time width"]:
        """Return the first `time` positions."""
        if time > len(self.table):
            # The same float32 rows whatever the model's precision, so that lengthening changes none of them.
            self.table = sinusoids(2 * time, self.width).to(self.table)
        return self.table[:time]


class StepEmbedding(nn.Module):
    """Map steps of `channels` to steps of `width`.

    Args:
        channels, width: numbers a step, before and after.
        kernel: steps that the convolution sees.
        causal: whether it sees only the past.
        input_rate, rate: dropout of the inputs, and of the embedding.
        time: longest sequence expected; longer ones work.

    Raises:
        InputError: for a kernel below 1 or a rate outside [0, 1).
    """

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        kernel: int = 1,
        causal: bool = False,
        input_rate: float = 0.0,
        rate: float = 0.0,
        time: int = 0,
    ) -> None:
        super().__init__()
        if kernel < 1:
            raise InputError("kernel", kernel, "1 or more steps", "Choose 1 or 3.")
        self.kernel, self.before = kernel, kernel - 1 if causal else (kernel - 1) // 2
        self.input_rate, self.rate = check_rate("input_dropout", input_rate), check_rate("embedding_dropout", rate)
        self.project = nn.Linear(channels * kernel, width, bias=False)
        self.positions = Positions(width, time)
        self.gain = math.sqrt(width)

    def forward(self, steps: Steps) -> Steps:
        """Return (B, T, width), lengths unchanged."""
        values = dropout(steps.values, self.input_rate, self.training)
        if self.kernel > 1:
            padded = functional.pad(values, (0, 0, self.before, self.kernel - 1 - self.before))
            values = padded.unfold(1, self.kernel, 1).flatten(2)  # (B, T, channels * kernel)
        embedded = self.gain * self.project(values) + self.positions(values.shape[1])
        return Steps(dropout(embedded, self.rate, self.training), steps.lengths)


def expected_steps(modality: ModalitySpec) -> int:
    """Return how many steps a position table should start with: those of a sequence of fixed length, else one."""
    return int(modality.shape[0] or 0) if len(modality.shape) == 2 and not modality.ragged else 1


def step_embeddings(
    modalities: Sequence[ModalitySpec],
    channels: Sequence[int],
    width: int,
    *,
    kernel: int | Mapping[str, int] = 1,
    causal: bool = False,
    input_dropout: float | Mapping[str, float] = 0.0,
    rate: float = 0.0,
) -> nn.ModuleList:
    """Return one embedding a modality; `kernel` and `input_dropout` are one for all, or by modality.

    Raises:
        InputError: for an unknown modality, or as `StepEmbedding`.
    """
    names = [modality.name for modality in modalities]
    kernels = by_modality("kernel", kernel, names, 1)
    input_rates = by_modality("input_dropout", input_dropout, names, 0.0)
    return nn.ModuleList(
        [
            StepEmbedding(
                size,
                width,
                kernel=int(each),
                causal=causal,
                input_rate=input_rate,
                rate=rate,
                time=expected_steps(modality),
            )
            for modality, size, each, input_rate in zip(modalities, channels, kernels, input_rates)
        ]
    )
