"""What one forward pass made, for objectives that look at more than its outputs."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from mmcore.models.standardisation import Prepared


@dataclass(frozen=True)
class Trace:
    """A forward pass.

    Attributes:
        outputs: (B, outputs), logits, or values in the label's unit.
        representations: one (B, d_m) a modality, zeros in absent rows; empty where a model has none.
        fused: (B, features), what the head sees; None where a model has none.
        prepared: the standardised inputs, one a modality.
        auxiliary: losses of the model itself by name, scalars that training adds with their weights in the model.
    """

    outputs: Float[Tensor, "batch outputs"]
    representations: list[Tensor] = field(default_factory=list)
    fused: Tensor | None = None
    prepared: list[Prepared] = field(default_factory=list)
    auxiliary: dict[str, Tensor] = field(default_factory=dict)
