"""Multiplicative interaction by a scalar: one modality scales and shifts the next as a whole.

    h_1 = z_1,   h_m = (h_{m-1} . w_m + v_m) z_m + (h_{m-1} . u_m + b_m) 1,   z = h_M

Reference: Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR), section 3: the matrix form
with W a multiple of the identity. Two modalities as there; more are chained in their order.
Of all modalities but the last only two numbers a link reach the fused vector.
Departs from MultiBench's initial values, all of unit variance: v = 1, b = 0, and w, u of variance 1 / d, so that scale
and shift have unit variance for representations that do.
Missing modality: z_m is zero, so a link passes on its shift alone, and an absent first modality leaves v z_2 + b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class ScalarLink(nn.Module):
    """(h . w + v) z + (h . u + b).

    Example:
        >>> ScalarLink(2)(torch.zeros(1, 2), torch.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 2.0, 3.0]]
    """

    def __init__(self, first: int) -> None:
        super().__init__()
        self.generate = nn.Linear(first, 2)  # [w, u] and [v, b]
        nn.init.normal_(self.generate.weight, std=1.0 / math.sqrt(first))
        with torch.no_grad():
            self.generate.bias.copy_(torch.tensor([1.0, 0.0]))

    def forward(
        self, conditions: Float[Tensor, "batch first"], values: Float[Tensor, "batch second"]
    ) -> Float[Tensor, "batch second"]:
        """Return the scaled and shifted values."""
        scale, shift = self.generate(conditions).chunk(2, 1)  # (B, 1) each
        return torch.addcmul(shift, scale, values)


class MultiplicativeScalar(nn.Module):
    """(B, d_M): a chain of links, each modality conditioned on what came before.

    Example:
        >>> sum(p.numel() for p in MultiplicativeScalar([64, 64]).parameters())
        130
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.links = nn.ModuleList([ScalarLink(first) for first in sizes[:-1]])
        self.dropout, self.features = nn.Dropout(dropout), sizes[-1]

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch last"]:
        """Return the end of the chain; representations of absent rows are zeros."""
        chained = representations[0]
        for link, z in zip(self.links, representations[1:]):
            chained = link(chained, z)
        return self.dropout(chained)
