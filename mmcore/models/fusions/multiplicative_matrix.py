"""Multiplicative interaction with a weight for every pair of features of two modalities.

    z_o = sum_{m<n} z_m^T W_mn,o z_n + sum_m U_m,o z_m + b_o                      (`interactions="pairs"`)
    z_o = sum over all sets S of modalities of W_S,o . (outer product of z_m, m in S)      (`interactions="nested"`)

Reference: Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR), equation 1, for M = 2; both
forms are the same there. MultiBench's form for three, MI(z_1, z_2) z_3 + MI(z_1, z_2), is the nested one: multiplied
out, it has one weight for every entry of the tensor product of [1, z_m], and that is how it is computed. Its weights
grow as prod(d_m + 1), those of all pairs with the number of pairs; parity of three needs the nested form.
Departs from MultiBench's code, whose default for three modalities broadcasts wrongly to (B, B, o), and from its initial
values: a bias of unit variance, and Xavier's rule with fans that a tensor of three axes does not have. Here each of the
P groups of terms has variance 1 / P for representations of unit variance, and b = 0.
Missing modality: every term that holds it is zero, and nothing else changes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import unknown_name
from mmcore.models.fusions.outer import linear_of_outer, with_one
from mmcore.models.fusions.tensor import check_weights

INTERACTIONS = ("pairs", "nested")


class MultiplicativeMatrix(nn.Module):
    """(B, width).

    Args:
        sizes: of the representations.
        width: features of the fused vector.
        dropout: after the fusion.
        interactions: `pairs` or `nested`; the same for two modalities.

    Raises:
        InputError: for an unknown form, or more than 2^28 weights.

    Example:
        >>> sum(p.numel() for p in MultiplicativeMatrix([64, 64], width=64).parameters())
        270400
    """

    def __init__(
        self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, interactions: str = "pairs"
    ) -> None:
        super().__init__()
        if interactions not in INTERACTIONS:
            raise unknown_name("interactions", interactions, INTERACTIONS)
        self.features = width
        self.pairs = list(itertools.combinations(range(len(sizes)), 2)) if interactions == "pairs" else []
        products = [sizes[m] * sizes[n] for m, n in self.pairs] or [math.prod(size + 1 for size in sizes)]
        check_weights(sum(products), width, "Set a smaller 'width', or interactions='pairs'.")
        self.bilinear = nn.ParameterList(
            [torch.randn(width, product) / math.sqrt(product * (len(products) + 1)) for product in products]
        )
        self.linear = nn.Linear(sum(sizes), width) if self.pairs else None
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, std=1.0 / math.sqrt(sum(sizes) * (len(products) + 1)))
            nn.init.zeros_(self.linear.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the fused vector; representations of absent rows are zeros."""
        if self.linear is None:
            return self.dropout(linear_of_outer([with_one(z) for z in representations], self.bilinear[0]))
        fused = functional.linear(torch.cat(representations, 1), self.linear.weight, self.linear.bias)
        for (m, n), weight in zip(self.pairs, self.bilinear):
            fused = fused + linear_of_outer([representations[m], representations[n]], weight)
        return self.dropout(fused)
