"""Maxout perceptron: each unit is the largest of a few linear ones.

    m(h)_j = max_{p = 1 .. pool} (W_p h + b_p)_j;   h_0 = N(x),   h_l = dropout(N(m(h_{l-1}))),   l = 1 .. depth

with N a batch norm. Reference: Goodfellow et al. 2013, Maxout networks (ICML); the arrangement is the one MultiBench
took from Arevalo et al. 2017, Gated multimodal units (arXiv 1702.01992), without the linear layer at its end, which
here is the head's. In training a batch of one is normed with running averages, see `normalisation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.normalisation import BatchNormalisation

EPSILON = 1e-4


class Maxout(nn.Module):
    """Map `(B, size)` to `(B, width)`, each unit the largest of `pool` linear ones.

    Example:
        >>> import torch
        >>> Maxout(6, 4)(torch.zeros(2, 6)).shape
        torch.Size([2, 4])
    """

    def __init__(self, size: int, width: int, *, pool: int = 2) -> None:
        super().__init__()
        self.pool = pool
        self.linear = nn.Linear(size, pool * width)

    def forward(self, values: Float[Tensor, "batch size"]) -> Float[Tensor, "batch width"]:
        """Return the largest of each unit's pieces; row `pool j + p` of the weights is piece p of unit j."""
        return self.linear(values).unflatten(1, (-1, self.pool)).amax(2)


class MaxoutPerceptron(nn.Module):
    """Map `(B, ...)`, flattened to `(B, size)`, to `(B, width)`.

    Example:
        >>> import torch
        >>> MaxoutPerceptron(6, width=4)(torch.zeros(2, 3, 2)).shape
        torch.Size([2, 4])
    """

    def __init__(self, size: int, *, width: int = 64, depth: int = 2, pool: int = 2, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = width
        layers: list[nn.Module] = [BatchNormalisation(size, eps=EPSILON)]
        for index in range(depth):
            layers += [Maxout(width if index else size, width, pool=pool)]
            layers += [BatchNormalisation(width, eps=EPSILON), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(
        self, values: Float[Tensor, "batch ..."], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        return self.layers(values.flatten(1))


def for_shape(
    shape: Sequence[int | None], *, width: int = 64, dropout: float = 0.3, depth: int = 2, pool: int = 2
) -> MaxoutPerceptron:
    """Return the encoder of samples of a fixed shape, flattened."""
    size = math.prod(int(size or 1) for size in shape)
    return MaxoutPerceptron(size, width=width, depth=depth, pool=pool, dropout=dropout)
