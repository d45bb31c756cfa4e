"""Additive fusion: the sum of the projected representations.

    z = sum_m P_m z_m

Reference: the additive model of Hastie and Tibshirani 1986, Generalized additive models (Statistical Science 1:3), as
the baseline ADDITIVE of Liang et al. 2023, Quantifying and modeling multimodal interactions (NeurIPS), section 4.2.
Under a linear head it is late fusion with fewer parameters in the head: no interaction is within reach, on purpose.
Departs from averages of predictions: the scale of each modality is learned, in P_m.
Missing modality: an absent one adds nothing; the rest is left as it is (not rescaled).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.models.fusions.projection import Projections


class Sum(nn.Module):
    """(B, width): the sum of one linear map, without bias, of each representation.

    Example:
        >>> Sum([2, 3], width=4)([torch.zeros(1, 2), torch.zeros(1, 3)], [None, None]).tolist()
        [[0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.project = Projections(sizes, width, bias=False)
        self.features = width

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the sum over the modalities that are present."""
        return torch.stack(self.project(representations, presence)).sum(0)
