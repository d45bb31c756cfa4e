"""Low-rank tensor fusion: a linear map of the tensor product whose weight is a sum of `rank` outer products.

    z_o = b_o + sum_{i=1..r} w_i prod_m ([1, z_m] F_m)_{i,o},   F_m of shape (d_m + 1, r, o)

Reference: Liu et al. 2018, Efficient low-rank multimodal fusion with modality-specific factors (ACL), section 3.2.
F_m is an `nn.Linear`: the row of the appended 1 is its bias. Equals a linear map of the full tensor product where the
factors have full rank. All factors, w and b are trained; in MultiBench's code the factors sit in a plain list and are
never trained, in the authors' own the optimiser leaves out w and b.
Departs from both in the initial values. Xavier's rule on a tensor of three axes takes wrong fans, and a product of M
small factors is close to zero. Here each factor has unit second moment for representations of unit variance, half of
it from the appended 1, and w_i = 1 / sqrt(r), so that the fused vector has unit variance for any M, d_m and r.
Missing modality: only its appended 1 remains, as in tensor fusion: its factor is the bias row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.rank_products import sum_of_rank_products


class LowRankTensorFusion(nn.Module):
    """(B, width), of rank `rank`.

    Args:
        sizes: of the representations.
        width: features of the fused vector.
        dropout: after the fusion.
        rank: number of outer products.

    Raises:
        InputError: for a rank below 1.

    Example:
        >>> fusion = LowRankTensorFusion([32, 32, 128], width=128, rank=32)
        >>> sum(p.numel() for p in fusion.parameters())  # sum_m r (d_m + 1) o + r + o
        798880
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, rank: int = 8) -> None:
        super().__init__()
        if rank < 1:
            raise InputError("rank", rank, "1 or more", "Correct the value.")
        self.features, self.rank = width, rank
        # Output o, rank i is row o * r + i: the sum over ranks then runs over neighbours in memory.
        self.factors = nn.ModuleList([nn.Linear(size, width * rank) for size in sizes])
        for size, factor in zip(sizes, self.factors):
            nn.init.normal_(factor.weight, std=math.sqrt(0.5 / size))  # type: ignore[arg-type]
            nn.init.normal_(factor.bias, std=math.sqrt(0.5))  # type: ignore[arg-type]
        self.rank_weights = nn.Parameter(torch.full((rank,), 1.0 / math.sqrt(rank)))
        self.bias = nn.Parameter(torch.zeros(width))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the fused vector; representations of absent rows are zeros, so their factor is its bias row."""
        weights, biases = [f.weight for f in self.factors], [f.bias for f in self.factors]
        return self.dropout(
            sum_of_rank_products(self.rank_weights, self.bias, representations, weights, biases)  # type: ignore[arg-type]
        )
