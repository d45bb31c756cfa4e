"""Element-wise product of the projected representations.

    z = prod_m (P_m z_m + c_m)   (element by element)

Reference: the baseline ELEM of Liang et al. 2023, Quantifying and modeling multimodal interactions (NeurIPS), section
4.2; the Hadamard product of Kim et al. 2017, Hadamard product for low-rank bilinear pooling (ICLR), section 3.
It is low-rank tensor fusion with one rank: the c_m make the terms of lower order. They start at 1, so that the product
starts near one and each modality alone has a gradient; from zero-mean factors, M modalities would start near zero.
Missing modality: its factor is one, the neutral element.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Product(nn.Module):
    """(B, width): the product of one linear map of each representation.

    Example:
        >>> nowhere = torch.tensor([False])
        >>> Product([2, 3], width=2)([torch.ones(1, 2), torch.ones(1, 3)], [nowhere, nowhere]).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.maps = nn.ModuleList([nn.Linear(size, width) for size in sizes])
        for one in self.maps:
            nn.init.ones_(one.bias)  # type: ignore[arg-type]
        self.features = width

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the product over the modalities that are present."""
        factors = []
        for one, z, present in zip(self.maps, representations, presence):
            factor = one(z)
            factors.append(factor if present is None else torch.where(present[:, None], factor, factor.new_ones(())))
        return functools.reduce(torch.mul, factors)
