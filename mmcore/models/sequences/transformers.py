"""Self-attention over all modalities' steps at once, or over each modality's own: the fusion baselines of MulT.

    early: h = [last_m(self-attention([e_1 + u_1, .., e_M + u_M along time]))]
    late:  h = [last(self-attention_m(e_m))]
    f = W h + b,   e_m = embed(x_m),   u_m a learned vector that tells the modalities apart

Reference: Tsai et al. 2019, Multimodal Transformer (ACL), table 5; the thesis Foundations of Multisensory Artificial
Intelligence, table 8.7 (`early-fusion self-attention transformer over the temporal concatenation of three asynchronous
sequences`, `late-fusion transformer that concatenates the last elements of three self-attention transformers`).
Our choices, where the paper says nothing: u_m, and that the early transformer pools the last valid step of each
modality's stretch rather than the end of the last modality's.
Missing modality: nobody attends to an absent one, and its part of h is zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.encoders import EncoderChoice
from mmcore.models.sequences.attention import SelfAttention, check_heads
from mmcore.models.sequences.dropout import check_rate
from mmcore.models.sequences.embedding import step_embeddings
from mmcore.models.sequences.masks import attention_mask, seen_at_all
from mmcore.models.sequences.steps import StepInputs, Steps, last_steps
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class EarlyFusionTransformer(nn.Module):
    """One self-attention stack over every modality's steps.

    Args:
        modalities: what it sees, in order; what is no sequence enters as one step.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: of the stack.
        dropout: of embeddings, attention weights, perceptrons and what layers add.
        encoders: modality -> encoder with steps for a sequence; without one its channels are taken as they are.
        heads: a divisor of the width; None takes the greatest up to 8.
        layers: of the stack.
        kernel: steps that the convolution of each modality sees, one for all or by modality.

    Raises:
        InputError: for heads that do not divide the width, an unknown modality or encoder, a rate outside [0, 1).
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 40,
        dropout: float = 0.1,
        encoders: Mapping[str, EncoderChoice] | None = None,
        heads: int | None = None,
        layers: int = 4,
        kernel: int | Mapping[str, int] = 1,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        self.embeddings = step_embeddings(modalities, self.steps.channels, width, kernel=kernel, rate=dropout)
        self.kinds = nn.Parameter(0.02 * torch.randn(len(modalities), width))
        self.stack = SelfAttention(width, check_heads(width, heads), layers, **_rates(dropout))
        self.head = nn.Linear(len(modalities) * width, outputs)
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs; there are no representations of single modalities."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        parts = [embed(steps) for embed, steps in zip(self.embeddings, self.steps(prepared))]
        joint = torch.cat([part.values + kind for part, kind in zip(parts, self.kinds)], 1)  # (B, sum of T_m, width)
        mask = None
        if any(part.lengths is not None for part in parts):
            valid = torch.cat([part.valid() for part in parts], 1)
            # A row without any step has to attend to something; it is blanked below.
            mask = (valid | ~valid.any(1, keepdim=True))[:, None, None]
        starts = itertools.accumulate((part.values.shape[1] for part in parts[:-1]), initial=0)
        pooled = self.stack(joint, mask, torch.cat([last_steps(part) + start for part, start in zip(parts, starts)], 1))
        fused = torch.cat([blank_absent(x, seen_at_all(part)) for x, part in zip(pooled.unbind(1), parts)], 1)
        return Trace(self.scale(self.head(fused)), [], fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs


class LateFusionTransformer(nn.Module):
    """One self-attention stack a modality, the last valid steps concatenated.

    Arguments and errors are those of `EarlyFusionTransformer`.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 40,
        dropout: float = 0.1,
        encoders: Mapping[str, EncoderChoice] | None = None,
        heads: int | None = None,
        layers: int = 4,
        kernel: int | Mapping[str, int] = 1,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        self.embeddings = step_embeddings(modalities, self.steps.channels, width, kernel=kernel, rate=dropout)
        heads = check_heads(width, heads)
        self.stacks = nn.ModuleList([SelfAttention(width, heads, layers, **_rates(dropout)) for _ in modalities])
        self.head = nn.Linear(len(modalities) * width, outputs)
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with each modality's pooled state."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        parts = [embed(steps) for embed, steps in zip(self.embeddings, self.steps(prepared))]
        pooled = [_pooled(stack, part) for stack, part in zip(self.stacks, parts)]
        fused = torch.cat(pooled, 1)
        return Trace(self.scale(self.head(fused)), pooled, fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs


def _rates(dropout: float) -> dict[str, float]:
    return dict.fromkeys(("rate", "relu_rate", "residual_rate"), check_rate("dropout", dropout))


def _pooled(stack: nn.Module, part: Steps) -> Float[Tensor, "batch width"]:
    last = stack(part.values, attention_mask(part, part, causal=False), last_steps(part))[:, 0]
    return blank_absent(last, seen_at_all(part))
