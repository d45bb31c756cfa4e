"""Strided convolutions over time, pooled by mean and maximum, for sequences of any length.

    h_l[t] = relu(b_l + sum_k W_l[k] h_{l-1}[s t + k]),  |k| <= K / 2;   z = relu(W [mean_t h_L[t], max_t h_L[t]] + b)

Reference: Waibel et al. 1989, Phoneme recognition using time-delay neural networks (TASSP 37:3).
Steps beyond a sequence's length are zero before every layer and left out of both pools, so the amount of padding does
not matter. A present but empty sequence pools to zeros. Strides of 2 halve the length at each layer.
"""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.standardisation import within_lengths

_STRIDE = 2


class TemporalConvolution(nn.Module):
    """Map `(B, T, channels)` with lengths `(B,)` (None: all T) to `(B, width)`.

    Example:
        >>> TemporalConvolution(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 4])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        kernel: int = 5,
        filters: tuple[int, ...] = (16, 32),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = width
        sizes = (channels, *filters)
        self.convolutions = nn.ModuleList(
            [
                nn.Conv1d(before, after, kernel, stride=_STRIDE, padding=kernel // 2)
                for before, after in itertools.pairwise(sizes)
            ]
        )
        self.project = nn.Sequential(nn.Linear(2 * sizes[-1], width), nn.ReLU(), nn.Dropout(dropout))

    def forward(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation."""
        hidden = values.transpose(1, 2)  # (B, channels, T)
        for convolution in self.convolutions:
            hidden = convolution(hidden).relu_()  # (B, filters, ceil(T / 2))
            if lengths is not None:
                lengths = (lengths + _STRIDE - 1) // _STRIDE
                hidden = hidden * within_lengths(lengths, hidden.shape[2])[:, None, :]
        if lengths is None:
            mean = hidden.mean(2)
        else:
            mean = hidden.sum(2) / lengths.clamp(min=1)[:, None]
        # After relu nothing is negative, so the zeros beyond the end never win the maximum.
        return self.project(torch.cat([mean, hidden.amax(2)], 1))
