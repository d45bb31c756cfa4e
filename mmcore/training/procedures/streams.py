"""A late-fusion model with a head for each modality beside its own: one loss a stream, blended by given weights.

    L = sum_m w_m L(h_m(e_m(x_m)), y) + w_0 L(h(fusion(e_1, .., e_M)), y),   streams: the modalities, then all together

Reference: Wang, Tran, Feiszli 2020, What makes training multi-modal classification networks hard? (CVPR), section 3.
Departs from it where the joint head is linear on the concatenation: a stream's head starts as the part of the joint
head that sees its modality. From unrelated random heads, a stream of large weight pulls its encoder away from the joint
head, which then needs several times the epochs (measured on 160 rows).
A stream of weight 0 is left out of the graph, so that its parameters are neither updated nor decayed.
Missing modality: its stream counts the rows in which it is present.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmcore.models.standardisation import blank_absent
from mmcore.training.loop import Learner, LearningPart, outputs_of
from mmcore.training.loss import scored

if TYPE_CHECKING:
    from mmcore.models.assembly import FusedModel
    from mmcore.objectives import Objective


def start_alike(heads: nn.ModuleList, joint: nn.Linear) -> None:
    """Set each head to the columns of a linear joint head that its modality meets, and to its bias.

    Example:
        >>> heads, joint = nn.ModuleList([nn.Linear(2, 3), nn.Linear(4, 3)]), nn.Linear(6, 3)
        >>> start_alike(heads, joint)
        >>> bool((heads[1].weight == joint.weight[:, 2:]).all())
        True
    """
    sizes = [int(head.in_features) for head in heads]  # type: ignore[arg-type]
    with torch.no_grad():
        for head, columns in zip(heads, joint.weight.split(sizes, 1)):
            head.weight.copy_(columns)  # type: ignore[operator]
            head.bias.copy_(joint.bias)  # type: ignore[operator]


class StreamLoss(nn.Module):
    """The model, the heads of its modalities, and their blended loss.

    Args:
        model: the fused model; it is trained in place and holds none of the heads.
        task: its loss.
        loss_weight: of every stream's loss; brings a regression's to unit variance.
    """

    def __init__(self, model: FusedModel, task: Objective, *, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.model, self.task, self.loss_weight = model, task, loss_weight
        sizes = [int(encoder.features) for encoder in model.encoders]  # type: ignore[arg-type]
        self.heads = nn.ModuleList([nn.Linear(size, model.outputs) for size in sizes])
        if isinstance(model.head, nn.Linear) and model.head.in_features == sum(sizes):
            start_alike(self.heads, model.head)
        self.weights: tuple[float, ...] = (1.0 / (len(sizes) + 1),) * (len(sizes) + 1)

    def set_weights(self, weights: Sequence[float]) -> None:
        """Let the streams count so much from now on."""
        self.weights = tuple(float(weight) for weight in weights)

    # Encoders and fusion are compiled, this frame and `forward` are not: torch 2.13 returned the outputs of another
    # set of wanted streams.
    @torch.compiler.disable(recursive=False)  # type: ignore[untyped-decorator]
    def stream_outputs(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None,
        lengths: dict[str, Tensor] | None,
        wanted: Sequence[int],
    ) -> tuple[dict[int, Tensor], list[Tensor | None]]:
        """Return the outputs of the wanted streams by number, and where each stream's modality is present."""
        prepared = self.model.inputs(inputs, presence, lengths)
        joint = len(self.heads)
        needed = range(joint) if joint in wanted else [stream for stream in wanted if stream < joint]
        parts = {
            m: blank_absent(self.model.encoders[m](prepared[m].values, prepared[m].lengths), prepared[m].present)
            for m in needed
        }
        outputs = {m: self.model.scale(self.heads[m](parts[m])) for m in needed if m in wanted}
        present = [each.present for each in prepared]
        if joint in wanted:
            fused = self.model.fusion([parts[m] for m in range(joint)], present)
            outputs[joint] = self.model.scale(self.model.head(fused))
        return outputs, [*present, None]

    @torch.compiler.disable(recursive=False)  # type: ignore[untyped-decorator]
    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
        targets: Tensor | None = None,
        rows: Tensor | None = None,
        share: float = 1.0,
    ) -> Tensor:
        """Return the blended loss of a batch times `share`, or without targets all outputs `(B, streams, outputs)`."""
        if targets is None:
            every = range(len(self.weights))
            outputs, _ = self.stream_outputs(inputs, presence, lengths, every)
            return torch.stack([scored(outputs[stream]) for stream in every], 1)
        wanted = [stream for stream, weight in enumerate(self.weights) if weight > 0]
        outputs, present = self.stream_outputs(inputs, presence, lengths, wanted)
        total: Tensor | None = None
        for stream in wanted:
            loss = self.loss_of(outputs[stream], targets, present[stream]) * self.weights[stream]
            total = loss if total is None else total + loss
        if total is None:
            raise TypeError("no stream has a weight above 0")
        return total if share == 1.0 else total * share

    def loss_of(self, outputs: Tensor, targets: Tensor, present: Tensor | None) -> Float[Tensor, ""]:
        """Return the loss of one stream over the rows that have it; 0 where none has."""
        if present is not None:
            if not bool(present.any()):
                return scored(outputs).sum() * 0.0
            outputs, targets = outputs[present], targets[present]
        return self.task.loss(scored(outputs), targets) * self.loss_weight


def stream_losses(learner: Learner, part: LearningPart) -> tuple[list[float], Tensor]:
    """Return the loss of every stream on a part in evaluation mode, and the joint stream's outputs `(n, outputs)`."""
    loss: StreamLoss = learner.loss  # type: ignore[assignment]
    outputs = outputs_of(learner.module, part.inputs)
    present = [*part.inputs.presence_tensors(part.inputs.presence), None]
    with torch.inference_mode():
        each = [loss.loss_of(outputs[:, stream], part.targets, mask) for stream, mask in enumerate(present)]
    return [float(value) for value in each], outputs[:, -1]
