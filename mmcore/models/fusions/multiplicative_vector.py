"""Multiplicative interaction by a vector: one modality scales and shifts each feature of the next.

    h_1 = z_1,   h_m = (h_{m-1} W_m + v_m) * z_m + h_{m-1} U_m + b_m,   z = h_M

Reference: Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR), section 3: the matrix form
with a diagonal W, which is FiLM with a linear generator. Two modalities as there; more are chained in their order, so
that the result is a polynomial of degree M with a term for each interaction, and d_{m-1} d_m weights a link.
Departs from MultiBench's initial values, of unit variance for v and b: v = 1 and b = 0, so that z_M starts as it is.
Missing modality: z_m is zero, so a link passes on h_{m-1} U_m + b_m, and an absent first modality leaves v * z_2 + b.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class VectorLink(nn.Module):
    """(h W + v) * z + h U + b, with W and U in one map.

    Example:
        >>> link = VectorLink(2, 3)
        >>> link(torch.zeros(1, 2), torch.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 2.0, 3.0]]
    """

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.generate = nn.Linear(first, 2 * second)  # [W, U] and [v, b]
        with torch.no_grad():
            for rows in self.generate.weight.split(second):
                nn.init.xavier_normal_(rows)
            self.generate.bias.copy_(torch.cat([torch.ones(second), torch.zeros(second)]))

    def forward(
        self, conditions: Float[Tensor, "batch first"], values: Float[Tensor, "batch second"]
    ) -> Float[Tensor, "batch second"]:
        """Return the scaled and shifted values."""
        scale, shift = self.generate(conditions).chunk(2, 1)
        return torch.addcmul(shift, scale, values)


class MultiplicativeVector(nn.Module):
    """(B, d_M): a chain of links, each modality conditioned on what came before.

    Example:
        >>> sum(p.numel() for p in MultiplicativeVector([64, 64]).parameters())
        8320
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.links = nn.ModuleList([VectorLink(first, second) for first, second in itertools.pairwise(sizes)])
        self.dropout, self.features = nn.Dropout(dropout), sizes[-1]

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch last"]:
        """Return the end of the chain; representations of absent rows are zeros."""
        chained = representations[0]
        for link, z in zip(self.links, representations[1:]):
            chained = link(chained, z)
        return self.dropout(chained)
