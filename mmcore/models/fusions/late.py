"""Late fusion: an encoder for each modality, concatenation, one linear head.

    f(x_1 .. x_M) = W [e_1(x_1), .., e_M(x_M)] + b = b + sum_m W_m e_m(x_m)

Reference: Baltrusaitis, Ahuja, Morency 2019 (TPAMI 41:2), section 6.1 (late fusion); concatenation as in Liang et al.
2021, MultiBench (NeurIPS Datasets and Benchmarks). The logits add over modalities, so
f(x1, x2) - f(x1, -) - f(-, x2) + f(-, -) = 0: whatever needs an interaction (XOR) is out of reach, on purpose.
Missing modality: an absent one contributes nothing (its W_m e_m is left out of the sum).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Concatenation(nn.Module):
    """The representations side by side; an absent one is zeros, so that under a linear head it adds nothing.

    Example:
        >>> Concatenation([2, 1])([torch.ones(1, 2), torch.zeros(1, 1)], [None, None]).tolist()
        [[1.0, 1.0, 0.0]]
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = sum(sizes)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch features"]:
        """Return (B, sum of sizes)."""
        return torch.cat(representations, 1)
