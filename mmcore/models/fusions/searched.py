"""A fusion whose wiring was searched for: each fusion layer takes one chosen layer of every encoder.

    h_1 = s_1(W_1 [f^1_{a_1}; ..; f^M_{z_1}] + b_1),   h_l = s_l(W_l [f^1_{a_l}; ..; f^M_{z_l}; h_{l-1}] + b_l)
    f(x) = W h_L + b,   architecture = ((a_1, .., z_1, p_1), .., (a_L, .., z_L, p_L)),   s_l = ACTIVATIONS[p_l]

Reference: Perez-Rua, Vielzeuf, Pateux, Baccouche, Jurie 2019, MFAS: multimodal fusion architecture search (CVPR),
section 3.1; `mmcore.training.procedures.architecture_search` finds the architecture.
Departs from it: any number of modalities; and layers of an encoder are those of a `LayeredEncoder` here (the encoder of
the modality's layout, then blocks of one linear layer), so that they are vectors whatever the modality is.
Layers of an encoder behind the last one that the architecture uses are not built: they would never be trained.
Missing modality: all its features are zero. Assumes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.models.encoders import EncoderChoice, build_encoders, layout_of
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec

ACTIVATIONS = ("relu", "sigmoid", "leaky_relu")
_MODULES: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "leaky_relu": nn.LeakyReLU}

Architecture = tuple[tuple[int, ...], ...]


def checked_architecture(architecture: Any, n_modalities: int, depth: int) -> Architecture:
    """Return the architecture as tuples of integers.

    Raises:
        InputError: where a layer is not one index below `depth` a modality and one of an activation.

    Example:
        >>> checked_architecture([[0, 2, 1]], n_modalities=2, depth=3)
        ((0, 2, 1),)
    """
    allowed = (
        f"layers of {n_modalities} numbers from 0 to {depth - 1} and one from 0 to {len(ACTIVATIONS) - 1}, such as "
        f"{[[0] * (n_modalities + 1)]}"
    )
    limits = [depth] * n_modalities + [len(ACTIVATIONS)]
    fits = isinstance(architecture, list | tuple) and len(architecture) > 0
    for layer in architecture if fits else ():
        fits = fits and isinstance(layer, list | tuple) and len(layer) == n_modalities + 1
        fits = fits and all(type(index) is int and 0 <= index < limit for index, limit in zip(layer, limits))
    if not fits:
        raise InputError("architecture", architecture, allowed, "Correct the list.")
    return tuple(tuple(layer) for layer in architecture)


class LayeredEncoder(nn.Module):
    """An encoder, then blocks of a linear layer and ReLU: `layers(values, lengths)` returns what each one makes.

    Example:
        >>> from mmcore.models.encoders.mlp import MultilayerPerceptron
        >>> encoder = LayeredEncoder(MultilayerPerceptron(5, width=8), depth=3, width=4, dropout=0.0)
        >>> [tuple(layer.shape) for layer in encoder.layers(torch.zeros(2, 5))]
        [(2, 8), (2, 4), (2, 4)]
    """

    def __init__(self, encoder: nn.Module, *, depth: int, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.sizes = [int(encoder.features), *[width] * (depth - 1)]  # type: ignore[arg-type]
        self.features = self.sizes[-1]
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))
                for before, after in zip(self.sizes, self.sizes[1:])
            ]
        )

    def layers(self, values: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return one `(B, size)` a layer."""
        found = [self.encoder(values, lengths)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Float[Tensor, "batch features"]:
        """Return the last layer's features."""
        return self.layers(values, lengths)[-1]


class FusionLayers(nn.Module):
    """The layers that an architecture describes, on features that are there already.

    Args:
        sizes: of each modality's layers.
        architecture: checked.
        hidden: features of every fusion layer.
    """

    def __init__(self, sizes: Sequence[Sequence[int]], architecture: Architecture, *, hidden: int) -> None:
        super().__init__()
        self.architecture, self.features = architecture, hidden
        taken = [sum(each[index] for each, index in zip(sizes, layer)) for layer in architecture]
        self.linear = nn.ModuleList([nn.Linear(n + (hidden if at else 0), hidden) for at, n in enumerate(taken)])
        self.activations = nn.ModuleList([_MODULES[ACTIVATIONS[layer[-1]]]() for layer in architecture])

    def forward(self, features: Sequence[Sequence[Tensor]]) -> Float[Tensor, "batch hidden"]:
        """Return the last layer; `features[m][a]` is layer a of modality m."""
        hidden: list[Tensor] = []
        for layer, linear, activation in zip(self.architecture, self.linear, self.activations):
            chosen = [each[index] for each, index in zip(features, layer)]
            hidden = [activation(linear(torch.cat([*chosen, *hidden], 1)))]
        return hidden[0]


class SearchedFusion(nn.Module):
    """Layered encoders, the fusion layers of an architecture, and a linear head.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: features of each encoder and of its blocks.
        dropout: in encoders and blocks.
        encoders: modality -> name of an encoder, or `{"name": ..., **options}`; the rest get theirs by kind, a
            perceptron with one hidden layer.
        architecture: as in the module; None for one layer of ReLU on the last layers of all encoders.
        depth: layers of each encoder that an architecture may choose from.
        hidden: features of each fusion layer.

    Raises:
        InputError: for an architecture that does not fit, or an unknown encoder.
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
        architecture: Sequence[Sequence[int]] | None = None,
        depth: int = 3,
        hidden: int = 16,
    ) -> None:
        super().__init__()
        for name, value in (("depth", depth), ("hidden", hidden)):
            if type(value) is not int or value < 1:
                raise InputError(name, value, "an integer, 1 or more", "Correct the value.")
        last = ((depth - 1,) * len(modalities) + (0,),)
        chosen = checked_architecture(last if architecture is None else architecture, len(modalities), depth)
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        shallow = {m.name: {"name": "mlp", "depth": 1} for m in modalities if layout_of(m) == "vector"}
        built = build_encoders(modalities, {**shallow, **(encoders or {})}, width=width, dropout=dropout)
        used = [1 + max(layer[position] for layer in chosen) for position in range(len(modalities))]
        self.encoders = nn.ModuleList(
            [LayeredEncoder(each, depth=layers, width=width, dropout=dropout) for each, layers in zip(built, used)]
        )
        sizes: list[list[int]] = [each.sizes for each in self.encoders]  # type: ignore[misc]
        self.fusion = FusionLayers(sizes, chosen, hidden=hidden)
        self.head = nn.Linear(hidden, outputs)
        self.scale = output_scale(task)

    def features(self, prepared: list[Prepared]) -> list[list[Tensor]]:
        """Return what every layer of every encoder makes, zeros in absent rows."""
        return [
            [blank_absent(layer, each.present) for layer in encoder.layers(each.values, each.lengths)]  # type: ignore[operator]
            for encoder, each in zip(self.encoders, prepared)
        ]

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the deepest features of each modality."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        features = self.features(prepared)
        fused = self.fusion(features)
        return Trace(self.scale(self.head(fused)), [layers[-1] for layers in features], fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
