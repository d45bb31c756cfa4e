"""Multimodal transformer (MulT): crossmodal attention between every ordered pair of modalities, of any lengths.

    e_m = embed(x_m);   z_a = [transformer_(b->a)(e_a, e_b) for b != a];   h_a = last(self-attention(z_a));
    h = [h_1 .. h_M];   f = W_o (h + W_2 drop(relu(W_1 h))) + c

Reference: Tsai et al. 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences (ACL); the thesis
Foundations of Multisensory Artificial Intelligence, section 8.4. Blocks are pre-norm as in the official code.
Departs on purpose from the official codes: no modality attends to itself (`self_pairs=True` brings MultiBench's n^2
towers and its number of parameters back); lengths may differ; padding is said by lengths, not by a zero in the first
channel; attention is causal only where asked; convolutions keep the length; one dropout mask an embedding serves all
towers that read it (the equations have one embedding; the code draws three a tower); the last valid step is pooled, not
the last padded one, so the last self-attention layer is computed for that step alone.
Missing modality: an absent source adds nothing to the towers that read it; an absent target contributes zeros to h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders import EncoderChoice
from mmcore.models.sequences.attention import SelfAttention, check_heads
from mmcore.models.sequences.crossmodal import CrossmodalTransformers
from mmcore.models.sequences.dropout import check_rate, dropout
from mmcore.models.sequences.embedding import Positions, expected_steps, step_embeddings
from mmcore.models.sequences.masks import attention_mask, seen_at_all
from mmcore.models.sequences.steps import StepInputs, Steps, by_modality, last_steps
from mmcore.models.standardisation import Prepared, StandardisedInputs, blank_absent, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec

FEATURES = ("low", "intermediate")


class Memory(nn.Module):
    """Self-attention over one target's concatenated towers, pooled at the last valid step.

    Args:
        width, heads, layers, rate, relu_rate, residual_rate: of the stack.
        embedding_rate: dropout after positions are added.
        causal: see `masks`.
        time: longest sequence expected.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        *,
        rate: float,
        relu_rate: float,
        residual_rate: float,
        embedding_rate: float,
        causal: bool = False,
        time: int = 0,
    ) -> None:
        super().__init__()
        self.gain, self.embedding_rate, self.causal = width**0.5, embedding_rate, causal
        self.positions = Positions(width, time)
        self.stack = SelfAttention(width, heads, layers, rate=rate, relu_rate=relu_rate, residual_rate=residual_rate)

    def forward(self, steps: Steps) -> Float[Tensor, "batch width"]:
        """Return the pooled state; zeros in rows without a step."""
        x = self.gain * steps.values + self.positions(steps.values.shape[1])
        x = dropout(x, self.embedding_rate, self.training)
        pooled = self.stack(x, attention_mask(steps, steps, causal=self.causal), last_steps(steps))[:, 0]
        return blank_absent(pooled, seen_at_all(steps))


class MulT(nn.Module):
    """The multimodal transformer.

    Args:
        modalities: what it sees, in order; what is no sequence enters as one step.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: of each tower, d; the paper's MOSEI setting is 40 with 8 heads and 4 layers.
        dropout: of every place below that is None.
        encoders: modality -> encoder with steps for a sequence; without one its channels are taken as they are.
        heads: of every attention, a divisor of the width; None takes the greatest up to 8.
        layers: of each tower.
        memory_layers: of each self-attention; None takes `layers`, at least 3.
        kernel: steps that the convolution of each modality sees, one for all or by modality.
        crossmodal_dropout: of crossmodal attention weights, one for all or by source modality (others 0).
        attention_dropout, relu_dropout, residual_dropout, embedding_dropout: of self-attention weights, in the
            perceptrons, of what layers add, of embeddings.
        input_dropout: of inputs, one for all or by modality (others 0).
        output_dropout: in the head.
        causal: whether steps see no later ones, by the law in `masks`.
        self_pairs: whether a modality also attends to itself through a tower.
        towards: a modality or several that are targets; None: all.
        features: `low`, or `intermediate` for the ablation that reads intermediate-level features.

    Raises:
        InputError: for fewer than two modalities (without self-pairs), heads that do not divide the width, an unknown
            modality, encoder or kind of features, a rate outside [0, 1).
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
        memory_layers: int | None = None,
        kernel: int | Mapping[str, int] = 1,
        crossmodal_dropout: float | Mapping[str, float] = 0.0,
        attention_dropout: float | None = None,
        relu_dropout: float | None = None,
        residual_dropout: float | None = None,
        embedding_dropout: float | None = None,
        input_dropout: float | Mapping[str, float] = 0.0,
        output_dropout: float = 0.0,
        causal: bool = False,
        self_pairs: bool = False,
        towards: str | Sequence[str] | None = None,
        features: str = "low",
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        names = self.modalities
        heads = check_heads(width, heads)
        targets = _targets(names, towards, features, self_pairs)
        sources = {t: [s for s in range(len(names)) if self_pairs or s != t] for t in targets}
        given = (attention_dropout, relu_dropout, residual_dropout, embedding_dropout)
        rates = [check_rate("dropout", dropout if rate is None else rate) for rate in given]
        inner = {"relu_rate": rates[1], "residual_rate": rates[2]}
        self.inputs = StandardisedInputs(modalities)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        self.embeddings = step_embeddings(
            modalities,
            self.steps.channels,
            width,
            kernel=kernel,
            causal=causal,
            input_dropout=input_dropout,
            rate=rates[3],
        )
        crossmodal = by_modality("crossmodal_dropout", crossmodal_dropout, names, 0.0)
        self.towers = CrossmodalTransformers(
            sources,
            width,
            heads,
            layers,
            rates=[check_rate("crossmodal_dropout", rate) for rate in crossmodal],
            causal=causal,
            intermediate=features == "intermediate",
            **inner,
        )
        deep = max(layers, 3) if memory_layers is None else memory_layers
        self.memories = nn.ModuleDict(
            {
                str(target): Memory(
                    len(each) * width,
                    heads,
                    deep,
                    rate=rates[0],
                    embedding_rate=rates[3],
                    causal=causal,
                    time=expected_steps(modalities[target]),
                    **inner,
                )
                for target, each in sources.items()
            }
        )
        total = sum(len(each) for each in sources.values()) * width
        self.first, self.second = nn.Linear(total, total), nn.Linear(total, total)
        self.output_rate = check_rate("output_dropout", output_dropout)
        self.head = nn.Linear(total, outputs)
        self.scale = output_scale(task)

    def crossed(self, prepared: list[Prepared]) -> dict[str, Steps]:
        """Return for each target its towers' outputs side by side, (B, T, sources * width), with its lengths."""
        embedded = [embed(steps) for embed, steps in zip(self.embeddings, self.steps(prepared))]
        crossed = self.towers(embedded)
        return {self.modalities[target]: Steps(x, embedded[target].lengths) for target, x in crossed.items()}

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs; `representations` are the targets' pooled states where every modality is one."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        crossed = self.crossed(prepared).values()
        pooled = [memory(steps) for memory, steps in zip(self.memories.values(), crossed)]
        h = torch.cat(pooled, 1)
        hidden = dropout(torch.relu(self.first(h)), self.output_rate, self.training)
        fused = h + self.second(hidden)
        representations = pooled if len(pooled) == len(self.modalities) else []
        return Trace(self.scale(self.head(fused)), representations, fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs


def _targets(names: Sequence[str], towards: str | Sequence[str] | None, features: str, self_pairs: bool) -> list[int]:
    """The positions of the targets, in the order of the modalities."""
    if len(names) < 2 and not self_pairs:
        raise InputError("modalities", len(names), "2 or more", "Add a modality, or set self_pairs=True.")
    if features not in FEATURES:
        raise unknown_name("features", str(features), FEATURES)
    chosen = names if towards is None else (towards,) if isinstance(towards, str) else tuple(towards)
    for name in chosen:
        if name not in names:
            raise unknown_name("towards", name, names)
    if not chosen:
        raise InputError("towards", "no modality", ", ".join(names), "Name at least one.")
    if features == "intermediate" and len(set(chosen)) < len(names):
        allowed = "every modality, where features are intermediate-level"
        raise InputError("towards", ", ".join(chosen), allowed, "Leave towards out, or take low-level features.")
    return [index for index, name in enumerate(names) if name in chosen]
