"""Set transformer: elements attend to each other, and a learnt seed attends to them all.

    h_0 = W x;   h_l = layer(h_{l-1});   z = LN(layer(queries = seed, values = h_L))

Reference: Lee et al. 2019, Set transformer (ICML): set attention blocks and pooling by multihead attention with one
seed. Departs from it: layers are normed before each branch instead of after, see `attention`. No positions, so the
order of the elements does not matter. An empty set gives zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.attention import AttentionLayer, heads_for, usable_steps


class SetTransformer(nn.Module):
    """Map sets `(B, n, channels)` of sizes `(B,)` (None: all n) to `(B, width)`, whatever the order of the elements.

    Args:
        channels: of an element.
        width: features, and of every layer.
        layers: in which the elements attend to each other.
        heads: of each; None for up to 4 that divide the width.
        expansion: how much wider than the width the perceptrons are.
        dropout: of each branch.

    Raises:
        InputError: for heads that do not divide the width.

    Example:
        >>> SetTransformer(3, width=8)(torch.zeros(2, 10, 3), torch.tensor([10, 0])).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        layers: int = 2,
        heads: int | None = None,
        expansion: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = width
        heads = heads_for(width, heads)
        self.embed, self.seed = nn.Linear(channels, width), nn.Parameter(torch.empty(1, 1, width))
        nn.init.xavier_uniform_(self.seed)
        self.layers = nn.ModuleList(
            [AttentionLayer(width, heads=heads, hidden=expansion * width, dropout=dropout) for _ in range(layers + 1)]
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, values: Float[Tensor, "batch elements channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation; `lengths` are the sizes of the sets."""
        if values.shape[1] == 0:
            return values.new_zeros(len(values), self.features)
        elements, usable = self.embed(values), usable_steps(lengths, values.shape[1])
        *among, pooling = self.layers
        for layer in among:
            elements = layer(elements, usable)
        pooled = self.norm(pooling(elements, usable, self.seed.repeat(len(values), 1, 1)))[:, 0]
        return pooled if lengths is None else pooled.masked_fill((lengths == 0)[:, None], 0.0)


def for_shape(
    shape: Sequence[int | None],
    *,
    width: int = 64,
    dropout: float = 0.1,
    layers: int = 2,
    heads: int | None = None,
    expansion: int = 2,
) -> SetTransformer:
    """Return the encoder of sets (n, channels); raises as `SetTransformer`."""
    return SetTransformer(
        int(shape[-1] or 1), width=width, layers=layers, heads=heads, expansion=expansion, dropout=dropout
    )
