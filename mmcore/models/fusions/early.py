"""Early fusion: inputs are concatenated first, and one network sees them together.

    f(x_1 .. x_M) = W g([x_1, .., x_M, a_1, .., a_M]) + b,   a_m = 1 where modality m is absent, else 0

with g a multilayer perceptron over standardised inputs, so that any interaction is within reach.
Reference: Baltrusaitis, Ahuja, Morency 2019, Multimodal Machine Learning (TPAMI 41:2), section 6.1 (early fusion);
Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3.
Departs from it for large inputs: a ragged sequence, and a sequence or image of more than `flatten_limit` numbers
(default 64), goes through its encoder first, because a perceptron over raw steps or pixels would be compared for its
missing translation invariance and not for its fusion. Vectors are always taken as they are.
Missing modality: zeros (the training mean) in place of the input, and its absence indicator set. The weights of the
indicators start at zero, so where training never saw an absence, an absent modality is exactly mean-imputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import unknown_name
from mmcore.models.encoders import EncoderChoice, build_encoder, flat_size, layout_of
from mmcore.models.encoders.mlp import MultilayerPerceptron
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def is_flattened(modality: ModalitySpec, flatten_limit: int) -> bool:
    """Return whether a modality enters the concatenation as it is rather than through its encoder."""
    vector = layout_of(modality) == "vector"
    return vector or (not modality.ragged and flat_size(modality) <= flatten_limit)


class EarlyFusion(nn.Module):
    """A multilayer perceptron over the concatenation of all inputs and their absence indicators."""

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        depth: int = 2,
        dropout: float = 0.1,
        flatten_limit: int = 64,
        encoders: Mapping[str, EncoderChoice] | None = None,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        choices = dict(encoders or {})
        for name in choices:
            if name not in self.modalities:
                raise unknown_name("encoders", name, self.modalities)
        flattened = [m.name not in choices and is_flattened(m, flatten_limit) for m in modalities]
        self.encoders = nn.ModuleList(
            [
                nn.Identity() if flat else build_encoder(m, choices.get(m.name), width=width, dropout=dropout)
                for m, flat in zip(modalities, flattened)
            ]
        )
        self.flattened = tuple(flattened)
        size = sum(
            flat_size(m) if flat else int(encoder.features)  # type: ignore[arg-type,misc]
            for m, flat, encoder in zip(modalities, flattened, self.encoders)
        )
        self.joint = MultilayerPerceptron(size + len(modalities), width=width, depth=depth, dropout=dropout)
        first = self.joint.layers[0]
        with torch.no_grad():
            first.weight[:, size:].zero_()  # type: ignore[index]
        self.head = nn.Linear(width, outputs)
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the parts that were concatenated."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        parts, absences = [], []
        for encoder, flat, (values, present, length) in zip(self.encoders, self.flattened, prepared):
            part = values.flatten(1) if flat else blank_absent(encoder(values, length), present)
            parts.append(part)
            absences.append(part.new_zeros(len(part), 1) if present is None else (~present)[:, None].to(part.dtype))
        fused = self.joint(torch.cat(parts + absences, 1))  # (B, size + M) -> (B, width)
        return Trace(self.scale(self.head(fused)), parts, fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
