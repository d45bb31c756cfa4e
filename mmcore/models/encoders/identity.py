"""No encoder: the standardised input itself.

    z = flatten(x);   of a sequence of varying length, whose flattening would have no fixed size, its mean over time
    steps: x_1 .. x_T as they are

For inputs that are representations already, such as embeddings of a frozen network, and for sequence models that bring
their own encoders (Liang et al. 2021, MultiBench, `Identity`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.models.encoders.pooling import pool_steps


class Identity(nn.Module):
    """Map `(B, ...)` of a fixed shape to `(B, size)`, and `(B, T, channels)` of varying T to `(B, channels)`.

    Example:
        >>> import torch
        >>> Identity((3, 2))(torch.arange(6.0).reshape(1, 3, 2)).tolist()
        [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]
    """

    def __init__(self, shape: Sequence[int | None]) -> None:
        super().__init__()
        self.ragged = shape[0] is None
        self.step_features = int(shape[-1] or 1)
        self.features = self.step_features if self.ragged else math.prod(int(size or 1) for size in shape)

    def forward(
        self, values: Float[Tensor, "batch ..."], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch features"]:
        """Return the flattened input, or the mean over each sequence's own steps."""
        return pool_steps(values, lengths, "mean") if self.ragged else values.flatten(1)

    def steps(
        self, values: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time channels"], Int[Tensor, " batch"] | None]:
        """Return the steps and the lengths."""
        return values, lengths


def for_shape(shape: Sequence[int | None], *, width: int = 64, dropout: float = 0.1) -> Identity:
    """Return the identity of vectors, images and sequences; width and dropout do not apply."""
    return Identity(shape)
