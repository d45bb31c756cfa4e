"""Bilinear-gated fusion: one modality's gates times another's features, every gate with every feature.

    z = [sigmoid(U_mn z_m) x (V_mn z_n)]_{m<n}   (outer products, flattened and side by side)

Reference: Kiela, Grave, Joulin, Mikolov 2018, Efficient large-scale multi-modal classification (AAAI), section
"Bilinear-gated". Two modalities as there, the first gating the second; with more, in each pair the earlier one gates.
Departs from it in the size, 16 gates and 16 features a pair by default, as it grows with the product.
Missing modality: an absent gate is open (one), so the features pass as they are; absent features are zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.models.fusions.outer import outer
from mmcore.models.fusions.projection import Projections


class BilinearGated(nn.Module):
    """(B, pairs * size^2).

    Args:
        sizes: of the representations.
        width: not used; the fusion's width follows from `size`.
        dropout: after the fusion.
        size: gates and features of each pair.

    Raises:
        InputError: for a size below 1.

    Example:
        >>> BilinearGated([4, 5, 6], size=3).features
        27
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, size: int = 16) -> None:
        super().__init__()
        self.pairs = list(itertools.combinations(range(len(sizes)), 2))
        self.gates = Projections([sizes[m] for m, _ in self.pairs], size)
        self.values = Projections([sizes[n] for _, n in self.pairs], size)
        self.dropout, self.features = nn.Dropout(dropout), len(self.pairs) * size**2

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch features"]:
        """Return the products of all pairs."""
        gating, gated = [m for m, _ in self.pairs], [n for _, n in self.pairs]
        raw = self.gates([representations[m] for m in gating], [presence[m] for m in gating])
        values = self.values([representations[n] for n in gated], [presence[n] for n in gated])
        products = []
        for gate, value, m in zip(raw, values, gating):
            present, opened = presence[m], torch.sigmoid(gate)
            if present is not None:
                opened = torch.where(present[:, None], opened, opened.new_ones(()))
            products.append(outer(opened, value))
        return self.dropout(torch.cat(products, 1))
