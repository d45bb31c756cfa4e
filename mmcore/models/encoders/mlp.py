"""Multilayer perceptron over a flattened vector.

    h_0 = x,   h_l = dropout(relu(W_l h_{l-1} + b_l)),   l = 1 .. depth

Reference: Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors (Nature 323).
Assumes standardised inputs of one fixed size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn


class MultilayerPerceptron(nn.Module):
    """Map `(B, ...)`, flattened to `(B, size)`, to `(B, width)`.

    Example:
        >>> import torch
        >>> MultilayerPerceptron(6, width=4)(torch.zeros(2, 3, 2)).shape
        torch.Size([2, 4])
    """

    def __init__(self, size: int, *, width: int = 64, depth: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.features = width
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [nn.Linear(size if index == 0 else width, width), nn.ReLU()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers)

    def forward(
        self, values: Float[Tensor, "batch ..."], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch width"]:
        """Return the representation; `lengths` has no meaning here and is ignored."""
        return self.layers(values.flatten(1))


def for_shape(
    shape: Sequence[int | None], *, width: int = 64, dropout: float = 0.1, depth: int = 2
) -> MultilayerPerceptron:
    """Return the encoder of samples of a fixed shape, flattened."""
    return MultilayerPerceptron(math.prod(int(size or 1) for size in shape), width=width, depth=depth, dropout=dropout)
