"""Multimodal cyclic translation network: learn from several modalities, predict from one.

    Z_1 = E(x_s);   x^_1 = D(Z_1), x^_s = D(E(x^_1));   Z_k = E_k(Z_{k-1}), x^_k = D_k(Z_k) for targets k = 2, 3, ..
    y^ = g( sum_t a_t r_t ),   r = GRU(Z_last),   a = softmax_t(v' tanh(W r_t))
    L = task(y^, y) + translation sum_k mse(x^_k, x_k) + cycle mse(x^_s, x_s)

with s the source modality; E and D are those of `translation`, shared by both directions of the first pair.
Reference: Pham, Liang, Manzini, Morency, Poczos 2019, Found in translation: learning robust joint representations by
cyclic translations between modalities (AAAI), sections 3.2 (cyclic) and 3.3 (hierarchical).
Departs on purpose from MultiBench's code, which is at chance level on its own test data: the prediction reads the
encoder's states of the source pass in training and in evaluation alike, without teacher forcing (and `translation`).
From the paper: sequences that are to be emitted are at most `steps` long, longer ones as means of equal stretches and
not cut off; the source itself is read at its full length. What is no sequence has one step (an image: its rows); with
such a source the recurrences and the attention have nothing to do.
Targets enter the two added losses alone, which are in the trace in training mode only: outputs never depend on them.
Missing modality: of a target, its rows do not count in its losses. Of the source, nothing is known: such rows all get
the same output, whatever else they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders import layout_of
from mmcore.models.generative.decoders import reconstruction_error
from mmcore.models.generative.translation import AttentiveDecoder, SequenceEncoder, as_steps, channels_of, shortened
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale, within_lengths
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def _first_sequence(modalities: Sequence[ModalitySpec]) -> int:
    """The position of the first modality of several steps, or 0."""
    several = [layout_of(modality) in ("sequence", "frames", "image") for modality in modalities]
    return several.index(True) if any(several) else 0


class TranslationNetwork(nn.Module):
    """A source modality that is translated to each of the others in turn, and a prediction from its translation states.

    Args:
        modalities: what it learns from, in order of translation (the source apart).
        outputs: numbers it emits.
        task: of the label.
        width: of every recurrence.
        dropout: before the head.
        source: the modality that it predicts from; None for the first of several steps, or else the first.
        translation: weight of the errors of translations.
        cycle: weight of the error of the way back.
        steps: the longest sequence that is emitted.

    Raises:
        InputError: for an unknown source, or a number out of range.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
        source: str | None = None,
        translation: float = 0.1,
        cycle: float = 0.1,
        steps: int = 20,
    ) -> None:
        super().__init__()
        names = [modality.name for modality in modalities]
        if source is not None and source not in names:
            raise unknown_name("source", source, names)
        for name, weight in (("translation", translation), ("cycle", cycle)):
            if not weight >= 0:
                raise InputError(name, weight, "0 or more", "Use 0.1.")
        if steps < 1:
            raise InputError("steps", steps, "a positive whole number", "Use 20.")
        self.modalities, self.specs, self.outputs = tuple(names), tuple(modalities), outputs
        self.translation, self.cycle, self.steps = translation, cycle, steps
        self.source = _first_sequence(modalities) if source is None else names.index(source)
        self.targets = [position for position in range(len(names)) if position != self.source]
        self.inputs = StandardisedInputs(modalities)
        sizes = [channels_of(modality) for modality in modalities]
        self.embed = nn.ModuleList([nn.Linear(size, width) for size in sizes])
        self.emit = nn.ModuleList([nn.Linear(width, size) for size in sizes])
        self.encoders = nn.ModuleList([SequenceEncoder(width, width) for _ in self.targets])
        self.decoders = nn.ModuleList([AttentiveDecoder(width) for _ in self.targets])
        self.read = nn.GRU(width, width, batch_first=True)
        self.importance = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, outputs))
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the pooled states, and in training mode the added losses; no representations."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        sequences = [as_steps(modality, each) for modality, each in zip(self.specs, prepared)]
        values, present, lengths = sequences[self.source]
        inside = None if lengths is None else within_lengths(lengths.clamp(min=1), values.shape[1])
        steps, joint = self.embed[self.source](values), []
        for encoder in self.encoders:
            steps = encoder(steps, lengths)
            joint.append(steps)  # Z_1 .. Z_last, (B, T, width)
        fused = blank_absent(self._pooled(steps, inside), present)
        added = self._added(joint, inside, sequences) if self.training else {}
        return Trace(self.scale(self.head(fused)), [], fused, prepared, added)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs

    def _pooled(
        self, states: Float[Tensor, "batch time width"], inside: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch width"]:
        """The states read once more and averaged by importance; padding comes last, so it changes no earlier step."""
        read = self.read(states)[0]
        energies = self.importance(read)[..., 0]
        if inside is not None:
            energies = energies.masked_fill(~inside, -torch.inf)
        return torch.einsum("bt,btw->bw", energies.softmax(1), read)

    def translate(
        self, joint: list[Tensor], inside: Bool[Tensor, "batch time"] | None, counts: Sequence[int]
    ) -> list[Float[Tensor, "batch steps channels"]]:
        """Return each target's translation, of `counts` steps, from the states of its level."""
        return [
            decoder(states, inside, count, self.embed[target], self.emit[target])
            for decoder, states, count, target in zip(self.decoders, joint, counts, self.targets)
        ]

    def _added(
        self, joint: list[Tensor], inside: Bool[Tensor, "batch time"] | None, sequences: list[Prepared]
    ) -> dict[str, Tensor]:
        short = [shortened(sequence, self.steps) for sequence in sequences]
        known = short[self.source].present
        wanted = [short[target] for target in self.targets]
        translated = self.translate(joint, inside, [each.values.shape[1] for each in wanted])
        errors = [reconstruction_error(*pair, known) for pair in zip(translated, wanted)]
        first, back = self.targets[0], short[self.source]
        states = self.encoders[0](self.embed[first](translated[0]), wanted[0].lengths)
        there, scored = None, wanted[0].present
        if wanted[0].lengths is not None:
            there = within_lengths(wanted[0].lengths.clamp(min=1), states.shape[1])
            scored = wanted[0].lengths > 0 if scored is None else scored & (wanted[0].lengths > 0)
        cycled = self.decoders[0](states, there, back.values.shape[1], self.embed[self.source], self.emit[self.source])
        return {
            "translation": self.translation * torch.stack(errors).sum(),
            "cycle": self.cycle * reconstruction_error(cycled, back, scored),
        }
