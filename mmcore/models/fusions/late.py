"""Late fusion: an encoder for each modality, concatenation, one linear head.

    f(x_1 .. x_M) = W [e_1(x_1), .., e_M(x_M)] + b = b + sum_m W_m e_m(x_m)

Reference: Baltrusaitis, Ahuja, Morency 2019 (TPAMI 41:2), section 6.1 (late fusion); concatenation as in Liang et al.
2021, MultiBench (NeurIPS Datasets and Benchmarks). The logits add over modalities, so
f(x1, x2) - f(x1, -) - f(-, x2) + f(-, -) = 0: whatever needs an interaction (XOR) is out of reach, on purpose.
Missing modality: an absent one contributes nothing (its W_m e_m is left out of the sum).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.encoders import build_encoder
from mmcore.models.standardisation import StandardisedInputs, blank_absent, output_scale

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class LateFusion(nn.Module):
    """Encoders whose concatenated representations go through one linear head; logits add over modalities."""

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.encoders = nn.ModuleList([build_encoder(m, width=width, dropout=dropout) for m in modalities])
        self.head = nn.Linear(width * len(modalities), outputs)
        self.scale = output_scale(task)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        representations = [
            blank_absent(encoder(prepared.values, prepared.lengths), prepared.present)
            for encoder, prepared in zip(self.encoders, self.inputs(inputs, presence, lengths))
        ]
        return self.scale(self.head(torch.cat(representations, 1)))  # (B, M * width) -> (B, outputs)
