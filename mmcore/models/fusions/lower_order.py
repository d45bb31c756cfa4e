"""Interactions up to an order: the outer products of all sets of at most `order` modalities, side by side.

    z = [outer product of P_m z_m, m in S]   for all S with 1 <= |S| <= order

Reference: the model LOWER of Liang et al. 2023, Quantifying and modeling multimodal interactions (NeurIPS), section
4.2: the terms of lower order of a tensor fusion (Zadeh et al. 2017, EMNLP). With `order` = M these are the entries of
the tensor product but for its constant 1, grouped by set.
Departs from it in the projection to `size` features each, because a set of s modalities has size^s entries.
Missing modality: every product that holds it is zero; the others are unchanged.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.outer import outer
from mmcore.models.fusions.projection import Projections


class LowerOrderInteractions(nn.Module):
    """(B, sum over sets of size^|S|).

    Args:
        sizes: of the representations.
        width: not used; the fusion's width follows from `size`.
        dropout: after the fusion.
        order: most modalities in one product.
        size: features of each modality after projection.

    Raises:
        InputError: for an order outside 1 .. M, or a size below 1.

    Example:
        >>> LowerOrderInteractions([4, 5, 6], order=2, size=3).features
        36
    """

    def __init__(
        self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, order: int = 2, size: int = 8
    ) -> None:
        super().__init__()
        if not 1 <= order <= len(sizes):
            raise InputError("order", order, f"1 to {len(sizes)}", "Correct the value.")
        self.project = Projections(sizes, size)
        self.sets = [s for k in range(1, order + 1) for s in itertools.combinations(range(len(sizes)), k)]
        self.dropout, self.features = nn.Dropout(dropout), sum(size ** len(s) for s in self.sets)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch features"]:
        """Return the products of all sets, smaller sets first."""
        projected = self.project(representations, presence)
        products: dict[tuple[int, ...], Tensor] = {}
        for members in self.sets:
            last = projected[members[-1]]
            products[members] = last if len(members) == 1 else outer(products[members[:-1]], last)
        return self.dropout(torch.cat([products[members] for members in self.sets], 1))
