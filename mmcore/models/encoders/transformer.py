"""Transformer encoder of sequences, with sinusoidal positions and a mask over padding.

    h_0[t] = W x_t + p_t,   p_t[2i] = sin(t / 10000^(2i/d)),  p_t[2i + 1] = cos(t / 10000^(2i/d)),   t = 0, 1, ..
    z = pool_t LN(h_L[t])

Reference: Vaswani et al. 2017, Attention is all you need (NeurIPS), normed before each branch, see `attention`; the cls
token as in Devlin et al. 2019, BERT (NAACL).
Departs from MultiBench's, which has no positions and no mask, and reads the last padded step. A sequence without steps
gives zeros; with a cls token, what that token says alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.attention import AttentionLayer, heads_for, usable_steps
from mmcore.models.encoders.pooling import check_pooling, pool_steps
from mmcore.models.standardisation import within_lengths

TRANSFORMER_POOLINGS = ("cls", "mean", "last")


def sinusoidal_positions(
    time: int, width: int, *, device: torch.device | None = None, dtype: torch.dtype | None = None
) -> Float[Tensor, "time width"]:
    """Return the position vectors of steps 0 .. time - 1.

    Example:
        >>> sinusoidal_positions(2, 4)[0].tolist()
        [0.0, 1.0, 0.0, 1.0]
    """
    rates = torch.exp(torch.arange(0, width, 2, device=device, dtype=dtype) * (-math.log(10000.0) / width))
    angles = torch.arange(time, device=device, dtype=dtype)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :width]


class Transformer(nn.Module):
    """Map `(B, T, channels)` with lengths `(B,)` (None: all T) to `(B, width)`.

    Args:
        channels: of a step.
        width: features, and of every layer.
        layers: of attention.
        heads: of each; None for up to 4 that divide the width.
        expansion: how much wider than the width the perceptrons are.
        pooling: `mean` or `last` over the steps, or `cls`, a token of its own.
        dropout: of each branch.

    Raises:
        InputError: for an unknown pooling, or heads that do not divide the width.

    Example:
        >>> Transformer(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 0])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        layers: int = 2,
        heads: int | None = None,
        expansion: int = 4,
        pooling: str = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = self.step_features = width
        self.pooling = check_pooling(pooling, TRANSFORMER_POOLINGS)
        self.embed = nn.Linear(channels, width)
        self.cls = nn.Parameter(torch.randn(width)) if pooling == "cls" else None
        heads = heads_for(width, heads)
        self.layers = nn.ModuleList(
            [AttentionLayer(width, heads=heads, hidden=expansion * width, dropout=dropout) for _ in range(layers)]
        )
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation."""
        states = self._states(values, lengths)
        return states[:, 0] if self.pooling == "cls" else pool_steps(states, lengths, self.pooling)

    def steps(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Int[Tensor, " batch"] | None]:
        """Return the state of each step, zeros beyond each sequence's end, and the lengths."""
        states = self._states(values, lengths)
        states = states if self.cls is None else states[:, 1:]
        if lengths is not None:
            states = states.masked_fill(~within_lengths(lengths, states.shape[1])[..., None], 0.0)
        return states, lengths

    def _states(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """The normed states, the cls token's first where there is one."""
        hidden = self.embed(values)
        hidden = hidden + sinusoidal_positions(
            values.shape[1], self.features, device=hidden.device, dtype=self.norm.weight.dtype
        )
        if self.cls is not None:
            hidden = torch.cat([self.cls.expand(len(hidden), 1, -1), hidden], 1)
            lengths = None if lengths is None else lengths + 1
        if hidden.shape[1] == 0:
            return hidden
        hidden, usable = self.dropout(hidden), usable_steps(lengths, hidden.shape[1])
        for layer in self.layers:
            hidden = layer(hidden, usable)
        return self.norm(hidden)


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    layers: int = 2,
    heads: int | None = None,
    expansion: int = 4,
    pooling: str = "mean",
) -> Transformer:
    """Return the encoder of sequences (T, channels); raises as `Transformer`."""
    return Transformer(
        int(shape[-1] or 1),
        width=width,
        layers=layers,
        heads=heads,
        expansion=expansion,
        pooling=pooling,
        dropout=dropout,
    )
