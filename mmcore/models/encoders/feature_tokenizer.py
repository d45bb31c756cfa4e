"""FT-Transformer: every feature of a table becomes a token, a cls token reads them.

    token_j = x_j w_j + b_j,   j = 1 .. n;   h_0 = [cls, token_1, .., token_n];   z = LN(h_L[cls])

Reference: Gorishniy et al. 2021, Revisiting deep learning models for tabular data (NeurIPS), section 3.3. As there the
first layer's attention sees tokens that are not normed, tokens start uniform within 1 / sqrt(width), and norms come
before each branch. Departs from it: GELU instead of ReGLU, no dropout of attention weights, and the last layer computes
the cls token alone, the only one that is read. Features are numbers; categories come as indicator columns.
Attention costs the square of the number of features: for hundreds of them a perceptron is the better choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.attention import AttentionLayer, heads_for


class FeatureTokenizer(nn.Module):
    """Map `(B, ...)`, flattened to `(B, size)`, to `(B, width)`.

    Args:
        size: number of features.
        width: of the tokens and of the representation.
        layers: of attention; at least 1.
        heads: of each; None for up to 4 that divide the width.
        expansion: how much wider than the width the perceptrons are.
        dropout: of each branch.

    Raises:
        InputError: for heads that do not divide the width.

    Example:
        >>> FeatureTokenizer(6, width=8)(torch.zeros(2, 6)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        size: int,
        *,
        width: int = 64,
        layers: int = 2,
        heads: int | None = None,
        expansion: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = width
        heads, bound = heads_for(width, heads), 1.0 / math.sqrt(width)
        self.weight, self.bias, self.cls = (
            nn.Parameter(torch.empty(rows, width).uniform_(-bound, bound)) for rows in (size, size, 1)
        )
        self.layers = nn.ModuleList(
            [
                AttentionLayer(width, heads=heads, hidden=expansion * width, dropout=dropout, first_norm=index > 0)
                for index in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, values: Float[Tensor, "batch ..."], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        tokens = values.flatten(1)[..., None] * self.weight + self.bias  # (B, size, width)
        hidden = torch.cat([self.cls.expand(len(tokens), 1, -1), tokens], 1)
        *before, last = self.layers
        for layer in before:
            hidden = layer(hidden)
        return self.norm(last(hidden, queries=hidden[:, :1]))[:, 0]


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    layers: int = 2,
    heads: int | None = None,
    expansion: int = 2,
) -> FeatureTokenizer:
    """Return the encoder of tables' rows, or of samples of a fixed shape, flattened; raises as `FeatureTokenizer`."""
    size = math.prod(int(size or 1) for size in shape)
    return FeatureTokenizer(size, width=width, layers=layers, heads=heads, expansion=expansion, dropout=dropout)
