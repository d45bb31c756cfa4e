"""Strided convolutions over time, pooled, beside plain statistics of the input, for sequences of any length.

    h_l[t] = relu(b_l + sum_k W_l[k] h_{l-1}[s_l t + k]),  |k| <= K_l / 2;
    z = relu(W [mean_t h_L, max_t h_L, mean_t x, std_t x, min_t x, max_t x] + b)

Reference: Waibel et al. 1989, Phoneme recognition using time-delay neural networks (TASSP 37:3); statistics pooling as
in Snyder et al. 2018, X-vectors (ICASSP). The input's own statistics are there because level and spread, which a small
convolution learns slowly from few sequences, often say most.
Steps beyond a sequence's length are zero before every layer and left out of every pool, so the amount of padding does
not matter. A present but empty sequence pools to zeros.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.models.standardisation import within_lengths

KERNELS, STRIDES = (7, 5), (4, 2)


def statistics(
    values: Float[Tensor, "batch channels time"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch 4*channels"]:
    """Return mean, standard deviation, minimum and maximum over each sequence's own steps; zeros where it is empty.

    Example:
        >>> statistics(torch.tensor([[[1.0, 3.0, 0.0]]]), torch.tensor([2])).tolist()
        [[2.0, 1.0, 1.0, 3.0]]
    """
    if lengths is None:
        mean = values.mean(2)
        # torch.std would find both in one pass, at three times the cost on rows this short.
        spread = _root((values - mean[..., None]).square().mean(2))
        return torch.cat([mean, spread, values.min(2).values, values.max(2).values], 1)
    inside: Bool[Tensor, "batch 1 time"] = within_lengths(lengths, values.shape[2])[:, None]
    steps = lengths.clamp(min=1)[:, None]
    mean = (values * inside).sum(2) / steps
    spread = _root(((values - mean[..., None]) * inside).square().sum(2) / steps)
    least = values.masked_fill(~inside, float("inf")).min(2).values
    most = values.masked_fill(~inside, -float("inf")).max(2).values
    return torch.cat([mean, spread, least, most], 1).masked_fill((lengths == 0)[:, None], 0.0)


def _root(variance: Tensor) -> Tensor:
    """The square root, whose slope at zero (a constant sequence) is taken as zero instead of infinite."""
    constant = variance == 0
    return variance.masked_fill(constant, 1.0).sqrt().masked_fill(constant, 0.0)


def _convolved(convolution: nn.Module, hidden: Float[Tensor, "batch channels time"]) -> Tensor:
    """Apply a convolution; where only one step is left, as the product with its centre tap, which is the same.

    In bfloat16 on a CPU, torch 2.13 (oneDNN) computes the weight gradient of a convolution over one step from memory
    that nobody wrote: huge or NaN, another value each time.
    """
    if hidden.shape[2] > 1 or not isinstance(convolution, nn.Conv1d):
        return convolution(hidden)
    centre = convolution.weight[:, :, convolution.kernel_size[0] // 2]
    return functional.linear(hidden[:, :, 0], centre, convolution.bias)[:, :, None]


class TemporalConvolution(nn.Module):
    """Map `(B, T, channels)` with lengths `(B,)` (None: all T) to `(B, width)`.

    Example:
        >>> TemporalConvolution(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 4])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self, channels: int, *, width: int = 64, filters: tuple[int, int] = (16, 32), dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.features = width
        sizes = itertools.pairwise((channels, *filters))
        self.convolutions = nn.ModuleList(
            [
                nn.Conv1d(before, after, kernel, stride=stride, padding=kernel // 2)
                for (before, after), kernel, stride in zip(sizes, KERNELS, STRIDES)
            ]
        )
        self.project = nn.Sequential(nn.Linear(2 * filters[-1] + 4 * channels, width), nn.ReLU(), nn.Dropout(dropout))

    def forward(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation."""
        hidden = values.transpose(1, 2)  # (B, channels, T)
        plain = statistics(hidden, lengths)
        for convolution, stride in zip(self.convolutions, STRIDES):
            hidden = _convolved(convolution, hidden).relu_()  # (B, filters, ceil(T / stride))
            if lengths is not None:
                lengths = (lengths + stride - 1) // stride
                hidden = hidden * within_lengths(lengths, hidden.shape[2])[:, None]
        mean = hidden.mean(2) if lengths is None else hidden.sum(2) / lengths.clamp(min=1)[:, None]
        # After relu nothing is negative, so the zeros beyond the end never win the maximum.
        return self.project(torch.cat([mean, hidden.max(2).values, plain], 1))


def for_shape(
    shape: Sequence[int | None], *, width: int = 64, dropout: float = 0.1, filters: tuple[int, int] = (16, 32)
) -> TemporalConvolution:
    """Return the encoder of sequences (T, channels)."""
    first, second = filters
    return TemporalConvolution(int(shape[-1] or 1), width=width, filters=(first, second), dropout=dropout)
