"""Recurrent multistage fusion network (RMFN): an LSTHM a modality, and a multistage fusion of their states each step.

    h_(t+1)^m = LSTHM_m(x_(t+1)^m, h_t^m, z_t);   z_(t+1) = fusion([h_(t+1)^1, .., h_(t+1)^M]),  z_0 = 0
    f = W [h_T^1, .., h_T^M, z_T] + b

Reference: Liang, Liu, Zadeh, Morency 2018, Multimodal language analysis with recurrent multistage fusion (EMNLP); the
thesis Foundations of Multisensory Artificial Intelligence, section 8.3. Ablations of its table 8.6 by `fusion`, and of
its table 8.5 by `stages`. All cells have one size, as the authors' are not published.
Sequences must have the same number of steps in each row; what is no sequence is repeated at every step. A row's states
stop at its last step, so that padding changes nothing.
Missing modality: its cell's state stays zero, so the fusion sees zeros for it and its part of the output's input is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import unknown_name
from mmcore.models.encoders import EncoderChoice
from mmcore.models.sequences.dropout import check_rate
from mmcore.models.sequences.lsthm import HybridMemories
from mmcore.models.sequences.multistage import IndependentAttentions, MultistageFusion
from mmcore.models.sequences.steps import StepInputs, Steps, align_steps, check_alignable
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec

FUSIONS = ("multistage", "no_highlight", "independent", "none")


class RecurrentFusion(nn.Module):
    """Map aligned steps of several modalities to last states and z.

    Args:
        channels: inputs of each modality.
        width: size of each cell.
        cross: numbers in z.
        fusion: `multistage`, `no_highlight` (every stage fuses everything), `independent` (attentions that know nothing
            of each other, as in MARN) or `none` (plain LSTMs).
        stages, fused, rescale: as in `MultistageFusion`.
        dropout: in the fusion's summary.

    Raises:
        InputError: for an unknown fusion or fewer than one stage.
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        width: int,
        cross: int,
        fusion: str = "multistage",
        stages: int = 3,
        fused: int = 64,
        rescale: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise unknown_name("fusion", str(fusion), FUSIONS)
        self.cross = 0 if fusion == "none" else cross
        self.cells = HybridMemories(channels, width, self.cross)
        self.features = len(channels) * width + self.cross
        self.fusion: nn.Module | None = None
        if fusion == "independent":
            sizes = [width] * len(channels)
            self.fusion = IndependentAttentions(sizes, cross, stages=stages, fused=fused, dropout=dropout)
        elif fusion != "none":
            self.fusion = MultistageFusion(
                len(channels) * width,
                cross,
                stages=stages,
                fused=fused,
                highlight=fusion == "multistage",
                rescale=rescale,
                dropout=dropout,
            )

    def forward(
        self, steps: Sequence[Steps]
    ) -> tuple[Float[Tensor, "modalities batch width"], Float[Tensor, "batch cross"], list[Tensor | None]]:
        """Return the last states, the last z (B, 0 without fusion) and the attention of each step."""
        batch, time = steps[0].values.shape[:2]
        projected = self.cells.project([each.values for each in steps])
        active = None
        if any(each.lengths is not None for each in steps):
            active = torch.stack([each.valid() for each in steps]).permute(2, 0, 1)[..., None]  # (T, M, B, 1)
        state, z = self.cells.start(batch), projected.new_zeros(batch, self.cross)
        attentions = []
        for t in range(time):
            now = None if active is None else active[t]
            state = self.cells.step(projected[t], state, z, now)
            if self.fusion is not None:
                fused, attention = self.fusion(state[0].transpose(0, 1).flatten(1))
                z = fused if now is None else torch.where(now.any(0), fused, z)
                attentions.append(attention)
        return state[0], z, attentions


class RMFN(nn.Module):
    """The recurrent multistage fusion network.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: size of each modality's cell.
        dropout: in the fusion's summary and before the head.
        encoders: modality -> encoder with steps for a sequence; without one its channels are taken as they are.
        fusion: `multistage`, `no_highlight`, `independent` or `none`, see `RecurrentFusion`.
        stages: of the fusion, or number of independent attentions.
        fused: size of the FUSE LSTM; None takes the width.
        cross: numbers in z; None takes the width.
        rescale: whether to multiply what is highlighted by its number of coordinates.

    Raises:
        InputError: for sequences of unequal lengths (fixed ones when it is built, ragged ones in a batch), an unknown
            modality, encoder or fusion, fewer than one stage, a rate outside [0, 1).
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
        fusion: str = "multistage",
        stages: int = 3,
        fused: int | None = None,
        cross: int | None = None,
        rescale: bool = False,
    ) -> None:
        super().__init__()
        check_alignable(modalities, "rmfn")
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.rate = check_rate("dropout", dropout)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        self.recurrence = RecurrentFusion(
            self.steps.channels,
            width=width,
            cross=width if cross is None else cross,
            fusion=fusion,
            stages=stages,
            fused=width if fused is None else fused,
            rescale=rescale,
            dropout=dropout,
        )
        self.head = nn.Linear(self.recurrence.features, outputs)
        self.scale = output_scale(task)

    def highlights(self, prepared: list[Prepared]) -> Float[Tensor, "batch time stages states"] | None:
        """Return the attention of every step and stage over the modalities' states; None where nothing attends."""
        attentions = self.recurrence(self._aligned(prepared))[2]
        found = [each for each in attentions if each is not None]
        return torch.stack(found, 1) if found else None

    def _aligned(self, prepared: list[Prepared]) -> list[Steps]:
        return align_steps(self.steps(prepared), self.steps.sequential)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with each modality's last state."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        states, z, _ = self.recurrence(self._aligned(prepared))
        fused = torch.cat([*states.unbind(0), z], 1)
        outputs = self.scale(self.head(functional.dropout(fused, self.rate, self.training)))
        return Trace(outputs, list(states.unbind(0)), fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
