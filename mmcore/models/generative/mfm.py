"""Multimodal factorisation model: what the modalities say about the label, apart from what each looks like otherwise.

    h_m = e_m(x_m);   z_m = a_m(h_m), z_y = a_y([h_1, .., h_M]);   f_m = F_m(z_m), f_y = F_y(z_y)
    y^ = g_y(f_y);    x^_m = g_m([f_y, f_m])
    L = task(y^, y) + sum_m reconstruction mse(x^_m, x_m) + prior [ MMD(q(z_y), N(0, I)) + sum_m MMD(q(z_m), N(0, I)) ]

with a affine, F(z) = relu(W_2 dropout(relu(W_1 z))), z_m the generative and z_y the discriminative factor.
Reference: Tsai, Liang, Zadeh, Morency, Salakhutdinov 2019, Learning factorized multimodal representations (ICLR),
equation 3; Liang et al. 2023, MultiZoo, equation 7.1, with late fusion as multimodal encoder.
Departs on purpose: from MultiZoo's code, which has no prior term, by having it on every factor; from the original code
by the exact expectation over the prior (see `mmd`) and one encoder a modality for both of its factors. Both added
losses are on standardised inputs, so their weights mean the same on every dataset.
The two added losses are in the trace in training mode only: they are not needed to predict.
Missing modality: its h_m is zero, so that z_y and the reconstruction of the others do without it; its own
reconstruction and prior count only in rows that have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.encoders import EncoderChoice, build_encoders
from mmcore.models.generative.decoders import build_decoder, decoding_target, reconstruction_error
from mmcore.models.generative.mmd import mmd_to_normal
from mmcore.models.generative.sizes import factor_size
from mmcore.models.representations import represented
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def _transformed(size: int, width: int, dropout: float) -> nn.Sequential:
    """F of the module: from a factor to what decoders and the head see."""
    return nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU())


class FactorisationModel(nn.Module):
    """A discriminative factor of all modalities, a generative factor of each, and decoders from both.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        task: of the label.
        width: of encoders, hidden layers and decoders.
        dropout: in encoders, factors and head.
        encoders: modality -> encoder, the rest by kind.
        factor: dimensions of each factor; None for half the width.
        reconstruction: weight of the squared errors.
        prior: weight of the discrepancies from the prior.

    Raises:
        InputError: for an unknown encoder, or a number out of range.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
        encoders: Mapping[str, EncoderChoice] | None = None,
        factor: int | None = None,
        reconstruction: float = 0.1,
        prior: float = 1.0,
    ) -> None:
        super().__init__()
        size = factor_size("factor", factor, width, reconstruction=reconstruction, prior=prior)
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.reconstruction, self.prior = reconstruction, prior
        self.inputs = StandardisedInputs(modalities)
        self.encoders = build_encoders(modalities, encoders, width=width, dropout=dropout)
        sizes = [int(encoder.features) for encoder in self.encoders]  # type: ignore[arg-type]
        self.generative = nn.ModuleList([nn.Linear(each, size) for each in sizes])
        self.discriminative = nn.Linear(sum(sizes), size)
        self.transform = nn.ModuleList([_transformed(size, width, dropout) for _ in sizes])
        self.transform_joint = _transformed(size, width, dropout)
        self.decoders = nn.ModuleList([build_decoder(m, 2 * width, width=width) for m in modalities])
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, outputs))
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the encodings, and in training mode the added losses."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        encoded = represented(self.encoders, prepared)
        joint = self.discriminative(torch.cat(encoded, 1))  # z_y, (B, factor)
        fused = self.transform_joint(joint)
        added = self._added(encoded, joint, fused, prepared) if self.training else {}
        return Trace(self.scale(self.head(fused)), encoded, fused, prepared, added)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs

    def decode(
        self, encoded: list[Tensor], fused: Float[Tensor, "batch width"], targets: list[Tensor]
    ) -> list[Float[Tensor, "batch ..."]]:
        """Return each modality's reconstruction from the representations and the fused vector, in standard units."""
        factors = [transform(own(part)) for transform, own, part in zip(self.transform, self.generative, encoded)]
        return [
            decoder(torch.cat([fused, factor], 1), like)
            for decoder, factor, like in zip(self.decoders, factors, targets)
        ]

    def _added(
        self, encoded: list[Tensor], joint: Tensor, fused: Tensor, prepared: list[Prepared]
    ) -> dict[str, Tensor]:
        targets = [decoding_target(modality, each) for modality, each in zip(self.specs, prepared)]
        decoded = self.decode(encoded, fused, [target.values for target in targets])
        error = torch.stack([reconstruction_error(*pair) for pair in zip(decoded, targets)]).sum()
        distance = mmd_to_normal(joint)
        for own, part, each in zip(self.generative, encoded, prepared):
            factor = own(part) if each.present is None else own(part)[each.present]
            distance = distance + (mmd_to_normal(factor) if len(factor) else factor.sum())
        return {"reconstruction": self.reconstruction * error, "prior": self.prior * distance}
