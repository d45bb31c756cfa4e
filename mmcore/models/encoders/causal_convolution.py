"""Temporal convolutional network: dilated causal convolutions in residual blocks.

    block_l(h) = relu(s(h) + g(g(h))),   g(h)[t] = dropout(relu(b + sum_{k=0}^{K-1} W[k] h[t - k 2^l])),   l = 0 .. L-1
    receptive field:  1 + 2 (K - 1) (2^L - 1) steps

with weight-normed W and s a 1 x 1 convolution where the channels change, else nothing. Steps before the first are zero.
Reference: Bai, Kolter, Koltun 2018, An empirical evaluation of generic convolutional and recurrent networks for
sequence modeling (arXiv 1803.01271). Departs from its code: that initialises the weights after norming them, which the
next forward pass overwrites; here torch's default, which is what is left there, stands. What is dropped is single
numbers, not channels.
The output at t depends on no later input, so what lies beyond a sequence's end does not matter and needs no mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from mmcore.models.encoders.pooling import check_pooling, pool_steps
from mmcore.models.encoders.precision import without_autocast_on_cpu
from mmcore.models.standardisation import within_lengths

LEVELS_OF_RAGGED = 5


def receptive_field(kernel: int, levels: int) -> int:
    """Return how many input steps, the present one included, one output depends on.

    Example:
        >>> receptive_field(3, 4)
        61
    """
    return 1 + 2 * (kernel - 1) * (2**levels - 1)


def levels_for(steps: int | None, kernel: int) -> int:
    """Return the fewest levels whose receptive field covers `steps` (None, for ragged: 5).

    Example:
        >>> levels_for(61, 3), levels_for(62, 3), levels_for(None, 3)
        (4, 5, 5)
    """
    if steps is None or kernel == 1:
        return LEVELS_OF_RAGGED
    return max(1, math.ceil(math.log2(1 + max(steps - 1, 1) / (2 * (kernel - 1)))))


class CausalBlock(nn.Module):
    """One residual block: `(B, before, T)` to `(B, after, T)`."""

    def __init__(self, before: int, after: int, *, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.first = weight_norm(nn.Conv1d(before, after, kernel, dilation=dilation))
        self.second = weight_norm(nn.Conv1d(after, after, kernel, dilation=dilation))
        self.shortcut = nn.Identity() if before == after else nn.Conv1d(before, after, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Float[Tensor, "batch before time"]) -> Float[Tensor, "batch after time"]:
        """Return the block's states."""
        residual = hidden
        for convolution in (self.first, self.second):
            residual = self.dropout(torch.relu(convolution(functional.pad(residual, (self.past, 0)))))
        return torch.relu(self.shortcut(hidden) + residual)


class CausalConvolution(nn.Module):
    """Map `(B, T, channels)` with lengths `(B,)` (None: all T) to `(B, width)`.

    Args:
        channels: of a step.
        width: features, and channels of every level.
        levels: blocks, the dilation doubling.
        kernel: steps that one convolution sees.
        pooling: `last`, `mean` or `max` over the steps.
        dropout: after each convolution.

    Raises:
        InputError: for an unknown pooling.

    Example:
        >>> CausalConvolution(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 0])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        levels: int = 4,
        kernel: int = 3,
        pooling: str = "last",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = self.step_features = width
        self.receptive_field = receptive_field(kernel, levels)
        self.pooling = check_pooling(pooling)
        self.blocks = nn.Sequential(
            *(
                CausalBlock(width if level else channels, width, kernel=kernel, dilation=2**level, dropout=dropout)
                for level in range(levels)
            )
        )

    def forward(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation."""
        return pool_steps(self._states(values), lengths, self.pooling)

    def steps(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Int[Tensor, " batch"] | None]:
        """Return the state after each step, zeros beyond each sequence's end, and the lengths."""
        states = self._states(values)
        if lengths is not None:
            states = states.masked_fill(~within_lengths(lengths, states.shape[1])[..., None], 0.0)
        return states, lengths

    def _states(self, values: Tensor) -> Tensor:
        if values.shape[1] == 0:
            return values.new_zeros(len(values), 0, self.features)
        with without_autocast_on_cpu(values):
            return self.blocks(values.transpose(1, 2)).transpose(1, 2)


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    levels: int | None = None,
    kernel: int = 3,
    pooling: str = "last",
) -> CausalConvolution:
    """Return the encoder of sequences (T, channels); with `levels` None it has enough to see all T steps."""
    levels = levels_for(shape[0], kernel) if levels is None else levels
    return CausalConvolution(
        int(shape[-1] or 1), width=width, levels=levels, kernel=kernel, pooling=pooling, dropout=dropout
    )
