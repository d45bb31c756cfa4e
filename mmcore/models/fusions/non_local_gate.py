"""Non-local gate: every step of one modality attends to the steps of each other one, and adds what it finds.

    z = mean_t (q_t + sum_m softmax_s(q_t . k_ms / sqrt(c)) v_m),   q = steps of the query modality, in R^(T, c)
    [k_m, v_m] = steps of modality m through a linear map, or `tokens` of them made linearly from its vector

Reference: Wang, Girshick, Gupta, He 2018, Non-local neural networks (CVPR), equation 6, between modalities as in Liang
et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3, "NL gate". The query must have steps: the
reference's example cuts a vector of 10 numbers into 24 x 30, which cannot work.
Departs from it in the factor 1 / sqrt(c) (Vaswani et al. 2017), without which softmax starts saturated; in the mean
over steps (there they are flattened), so that a sequence may have any length; and in any number of other modalities.
Missing modality: an absent one adds nothing. An absent (or empty) query is one step of zeros, which attends to all
steps of the others evenly: the fused vector is then the sum of their mean values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders import ENCODERS, EncoderChoice, build_encoder, find_encoder, layout_of
from mmcore.models.encoders.pooling import pool_steps
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale, within_lengths
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec

STEPPED_LAYOUTS = ("sequence", "frames")


def stepped_choice(modality: ModalitySpec, choice: EncoderChoice | None) -> EncoderChoice | None:
    """Return the encoder to use: the user's, else the first of the table with steps for what has them, else None."""
    layout = layout_of(modality)
    named = choice.get("name") if isinstance(choice, Mapping) else choice
    if named is not None or layout not in STEPPED_LAYOUTS:
        return choice
    first = next(e.name for e in ENCODERS if layout in e.layouts and "steps" in e.tags)
    return {**choice, "name": first} if isinstance(choice, Mapping) else first


def gives_steps(modality: ModalitySpec, choice: EncoderChoice | None) -> bool:
    """Return whether this encoder of this modality has one vector a step."""
    if choice is None or layout_of(modality) not in STEPPED_LAYOUTS:
        return False
    name = choice.get("name") if isinstance(choice, Mapping) else choice
    return name is not None and "steps" in find_encoder(str(name)).tags


def chosen_query(modalities: Sequence[ModalitySpec], query: str | None) -> int:
    """Return the index of the query modality: the one named, or the first with steps.

    Raises:
        InputError: for an unknown name, a modality without steps, or where none has them.
    """
    names = [m.name for m in modalities]
    stepped = [m.name for m in modalities if layout_of(m) in STEPPED_LAYOUTS]
    if query is not None and query not in names:
        raise unknown_name("query", query, names)
    if not stepped or (query is not None and query not in stepped):
        received = ", ".join(names) if query is None else query
        allowed = ", ".join(stepped) or "at least one sequence"
        raise InputError("query", f"{received}, without steps", allowed, "Name a sequence.")
    return names.index(query or stepped[0])


def attend(
    query: Float[Tensor, "batch time channels"],
    keys: Float[Tensor, "batch source channels"],
    values: Float[Tensor, "batch source channels"],
    visible: Bool[Tensor, "batch source"] | None,
) -> Float[Tensor, "batch time channels"]:
    """Return attention over the visible steps; zeros in rows where none is (None: all are).

    Example:
        >>> one, two = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])
        >>> attend(one, two, two, None).tolist()
        [[[2.0, 2.0]]]
    """
    if visible is None:
        return functional.scaled_dot_product_attention(query, keys, values)
    some = visible.any(1)
    # A row in which nothing is visible would be 0 / 0; it looks at everything, and the result is dropped.
    mask = (visible | ~some[:, None])[:, None, :]  # (B, 1, S)
    return blank_absent(functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask), some)


class NonLocalGate(nn.Module):
    """A sequence that looks at the other modalities at every step, pooled, and a linear head.

    Args:
        modalities: two or more, one of them a sequence.
        outputs: numbers it emits.
        task: of the label.
        width: features of each encoder; channels of the gate are those of the query's steps.
        dropout: in the encoders and before the head.
        encoders: modality -> encoder; by default the first of the table that has steps, where a modality has them.
        query: name of the modality that asks; None for the first sequence.
        tokens: keys and values made of a modality without steps.

    Raises:
        InputError: for a query without steps, an encoder without steps for it, or tokens below 1.
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
        query: str | None = None,
        tokens: int = 10,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        for name in encoders or {}:
            if name not in self.modalities:
                raise unknown_name("encoders", name, self.modalities)
        if tokens < 1:
            raise InputError("tokens", tokens, "1 or more", "Correct the value.")
        self.inputs = StandardisedInputs(modalities)
        self.query, self.tokens = chosen_query(modalities, query), tokens
        choices = [stepped_choice(m, (encoders or {}).get(m.name)) for m in modalities]
        self.stepped = tuple(i == self.query or gives_steps(m, c) for i, (m, c) in enumerate(zip(modalities, choices)))
        self.encoders = nn.ModuleList(
            [
                build_encoder(m, choice, width=width, dropout=dropout, steps=stepped)
                for m, choice, stepped in zip(modalities, choices, self.stepped)
            ]
        )
        self.channels = int(self.encoders[self.query].step_features)  # type: ignore[arg-type]
        self.sources = nn.ModuleList([self._source(m) for m in range(len(modalities)) if m != self.query])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.channels, outputs)
        self.scale = output_scale(task)

    def _source(self, modality: int) -> nn.Module:
        """Return the map from a step, or from the whole vector, to keys and values."""
        encoder = self.encoders[modality]
        if self.stepped[modality]:
            return nn.Linear(int(encoder.step_features), 2 * self.channels)  # type: ignore[arg-type]
        return nn.Linear(int(encoder.features), self.tokens * 2 * self.channels)  # type: ignore[arg-type]

    def _encoded(self, modality: int, each: Prepared) -> tuple[Tensor, Int[Tensor, " batch"] | None]:
        """Return steps and lengths, or a vector and None, zeros in absent rows."""
        encoder = self.encoders[modality]
        if self.stepped[modality]:
            steps, lengths = encoder.steps(each.values, each.lengths)  # type: ignore[operator]
            return blank_absent(steps, each.present), lengths
        return blank_absent(encoder(each.values, each.lengths), each.present), None

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the pooled representations of each modality before the gate."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        encoded = [self._encoded(m, each) for m, each in enumerate(prepared)]
        query, lengths = encoded[self.query]
        if query.shape[1] == 0:
            query = query.new_zeros(len(query), 1, self.channels)
        gated = query
        others = [m for m in range(len(prepared)) if m != self.query]
        for source, m in zip(self.sources, others):
            gated = gated + self._looked_up(query, source(encoded[m][0]), encoded[m][1], prepared[m].present)
        least = None if lengths is None else lengths.clamp(min=1)
        fused = pool_steps(gated, least, "mean")
        pooled = [
            pool_steps(part, length, "mean") if stepped else part
            for (part, length), stepped in zip(encoded, self.stepped)
        ]
        return Trace(self.scale(self.head(self.dropout(fused))), pooled, fused, prepared)

    def _looked_up(
        self, query: Tensor, source: Tensor, lengths: Tensor | None, present: Bool[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch time channels"]:
        """Return what the query's steps find in one modality."""
        keys_values = source if source.dim() == 3 else source.unflatten(1, (self.tokens, -1))  # (B, S, 2 c)
        visible = None if lengths is None else within_lengths(lengths, keys_values.shape[1])
        if present is not None:
            everywhere = present[:, None].expand(-1, keys_values.shape[1])
            visible = everywhere if visible is None else visible & everywhere
        if keys_values.shape[1] == 0:
            return torch.zeros_like(query)
        keys, values = keys_values.chunk(2, 2)
        return attend(query, keys, values, visible)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
