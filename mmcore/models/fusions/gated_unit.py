"""Gated multimodal unit: each feature is a mixture of the modalities' features, by gates that see all of them.

    h_m = tanh(W_m z_m + b_m),   g_m = sigmoid(V_m [z_1, .., z_M] + c_m),   z = sum_m g_m * h_m

Reference: Arevalo, Solorio, Montes-y-Gomez, Gonzalez 2017, Gated multimodal units for information fusion (ICLR
workshop), section 3.1, its form for any number of modalities; the one for two ties g_2 = 1 - g_1 (`tied=True`).
Missing modality: h_m is zero, so it adds nothing, and the gates of the others see zeros in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.fusions.projection import Projections


class GatedUnit(nn.Module):
    """(B, width).

    Args:
        sizes: of the representations.
        width: features of the fused vector.
        dropout: after the fusion.
        tied: for two modalities, one gate and its complement.

    Raises:
        InputError: for tied gates of any other number of modalities.

    Example:
        >>> GatedUnit([2, 3], width=4)([torch.ones(1, 2), torch.ones(1, 3)], [None, None]).shape
        torch.Size([1, 4])
    """

    def __init__(self, sizes: Sequence[int], *, width: int = 64, dropout: float = 0.1, tied: bool = False) -> None:
        super().__init__()
        if tied and len(sizes) != 2:
            raise InputError("tied", f"{len(sizes)} modalities", "two modalities", "Leave it out.")
        self.features, self.tied = width, tied
        self.project = Projections(sizes, width)
        self.gate = nn.Linear(sum(sizes), width * (1 if tied else len(sizes)))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, representations: list[Float[Tensor, "batch size"]], presence: list[Bool[Tensor, " batch"] | None]
    ) -> Float[Tensor, "batch width"]:
        """Return the mixture."""
        hidden = torch.tanh(torch.stack(self.project(representations, presence), 1))  # (B, M, width); tanh(0) = 0
        gates = torch.sigmoid(self.gate(torch.cat(representations, 1))).unflatten(1, (-1, self.features))
        if self.tied:
            gates = torch.cat([gates, 1.0 - gates], 1)
        return self.dropout((gates * hidden).sum(1))
