"""One modality alone.

    f(x) = W e(x) + b

Reference: the unimodal baselines of Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3.
Missing modality: an absent row contributes nothing, so its output is the bias alone, the same for every absent row.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn


class Unimodal(nn.Module):
    """The one representation as it is.

    Example:
        >>> import torch
        >>> Unimodal([2])([torch.ones(1, 2)], [None]).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = sizes[0]

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch size"]:
        """Return the representation."""
        return representations[0]
