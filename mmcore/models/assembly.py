"""A model from its parts: standardised inputs, one encoder a modality, a fusion of their vectors, a head.

    f(x_1 .. x_M) = scale(h(fusion(e_1(x_1), .., e_M(x_M))))

Every fusion of vectors is put together here, so that two of them differ in nothing but the fusion.
Missing modality: the representation of an absent row is zero before the fusion sees it; the fusion, which is told who
is present, states in its own docstring what that means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.models.encoders import EncoderChoice, build_encoders
from mmcore.models.representations import represented
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class Fusion(Protocol):
    """What the assembly needs to know of a fusion; it is built as `builder(sizes, width=, dropout=, **own)`."""

    features: int

    def __call__(
        self,
        representations: list[Float[Tensor, "batch size"]],
        presence: list[Bool[Tensor, " batch"] | None],
    ) -> Float[Tensor, "batch features"]:
        """Return the fused vector; `presence[m]` is None where every row has modality m."""


def build_head(features: int, outputs: int, *, width: int, depth: int, dropout: float) -> nn.Module:
    """Return a linear head (depth 0), or a perceptron of `depth` hidden layers of `width` and a linear layer."""
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Linear(features if index == 0 else width, width), nn.ReLU(), nn.Dropout(dropout)]
    last = nn.Linear(width if depth else features, outputs)
    return nn.Sequential(*layers, last) if layers else last


class FusedModel(nn.Module):
    """Encoders, a fusion of their representations, and a head.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        fusion: builder of the fusion, `(sizes, width=, dropout=, **fusion_options)`.
        task: of the label; a regression's outputs are brought into its unit.
        width: features of each encoder, and of the fusion where it has a width of its own.
        dropout: in encoders and fusion.
        encoders: modality -> name of an encoder, or `{"name": ..., **options}`; the rest get theirs by kind.
        head_depth: hidden layers of the head; 0 is linear.
        **fusion_options: the fusion's own.

    Raises:
        InputError: for an unknown encoder or modality, or sizes that the fusion refuses.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        fusion: Callable[..., nn.Module],
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
        encoders: Mapping[str, EncoderChoice] | None = None,
        head_depth: int = 0,
        **fusion_options: Any,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.encoders = build_encoders(modalities, encoders, width=width, dropout=dropout)
        sizes = [int(encoder.features) for encoder in self.encoders]  # type: ignore[arg-type]
        self.fusion = fusion(sizes, width=width, dropout=dropout, **fusion_options)
        features = int(self.fusion.features)  # type: ignore[arg-type]
        self.head = build_head(features, outputs, width=width, depth=head_depth, dropout=dropout)
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the representations that they were made from."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        representations = represented(self.encoders, prepared)
        fused = self.fusion(representations, [each.present for each in prepared])
        return Trace(self.scale(self.head(fused)), representations, fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
