"""One modality alone.

    f(x) = W e(x) + b

Reference: the unimodal baselines of Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3.
Missing modality: an absent row contributes nothing, so its output is the bias alone, the same for every absent row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.encoders import build_encoder
from mmcore.models.standardisation import StandardisedInputs, blank_absent, output_scale

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class Unimodal(nn.Module):
    """An encoder and a linear head over exactly one modality.

    Raises:
        InputError: for more than one modality.
    """

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
        if len(modalities) != 1:
            names = [modality.name for modality in modalities]
            raise InputError("modalities", names, "exactly one for 'unimodal'", "Name one modality.")
        self.modalities, self.specs, self.outputs = (modalities[0].name,), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.encoder = build_encoder(modalities[0], width=width, dropout=dropout)
        self.head = nn.Linear(width, outputs)
        self.scale = output_scale(task)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        (prepared,) = self.inputs(inputs, presence, lengths)
        representation = self.encoder(prepared.values, prepared.lengths)  # (B, width)
        return self.scale(self.head(blank_absent(representation, prepared.present)))
