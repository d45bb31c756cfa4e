"""The LSTM baselines: one LSTM over all modalities' channels step by step, or one over each modality's own steps.

    early: h = LSTM([x_1,t, .., x_M,t]);   late: h = [LSTM_1(x_1), .., LSTM_M(x_M)];   f = W h_T + b

Reference: Hochreiter, Schmidhuber 1997 (Neural Computation 9:8); EF-LSTM and LF-LSTM of the thesis Foundations of
Multisensory Artificial Intelligence, table 8.1, with its stacked and bidirectional forms as options.
Early fusion needs the same number of steps in every modality; what is no sequence is repeated at every step. Late
fusion takes any lengths. States are those after the last valid step (backward: after the first).
Missing modality: early, zeros (the training mean) at every step; late, its part of h is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.encoders import EncoderChoice
from mmcore.models.encoders.packed import run_packed
from mmcore.models.sequences.dropout import check_rate
from mmcore.models.sequences.steps import StepInputs, Steps, align_steps, check_alignable, longest_lengths
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


def build_lstm(channels: int, width: int, *, layers: int, bidirectional: bool, dropout: float) -> nn.LSTM:
    """Return an LSTM over batches first; dropout is between its layers.

    Raises:
        InputError: for fewer than one layer, or a rate outside [0, 1).
    """
    if layers < 1:
        raise InputError("layers", layers, "1 or more", "Choose 1 or 2.")
    rate = check_rate("dropout", dropout) if layers > 1 else 0.0
    return nn.LSTM(channels, width, layers, batch_first=True, dropout=rate, bidirectional=bidirectional)


class EarlyFusionLSTM(nn.Module):
    """EF-LSTM: an LSTM over the concatenated channels of sequences of equal lengths.

    Args:
        modalities: what it sees, in order.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: of the LSTM's state.
        dropout: between layers and before the head.
        encoders: modality -> encoder with steps for a sequence; without one its channels are taken as they are.
        layers: of the LSTM.
        bidirectional: whether it also runs backwards.

    Raises:
        InputError: for sequences of unequal lengths (fixed ones when it is built, ragged ones in a batch), an unknown
            modality or encoder, fewer than one layer, a rate outside [0, 1).
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
        layers: int = 1,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        check_alignable(modalities, "ef_lstm")
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        channels = sum(self.steps.channels)
        self.joint = JointLSTM(channels, width, layers=layers, bidirectional=bidirectional, dropout=dropout)
        self.rate = check_rate("dropout", dropout)
        self.head = nn.Linear(self.joint.features, outputs)
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
        fused = self.joint(align_steps(self.steps(prepared), self.steps.sequential))
        return Trace(self.scale(self.head(functional.dropout(fused, self.rate, self.training))), [], fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs


class JointLSTM(nn.Module):
    """Map aligned steps of several modalities to the last state of one LSTM, (B, features)."""

    def __init__(self, channels: int, width: int, *, layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        self.lstm = build_lstm(channels, width, layers=layers, bidirectional=bidirectional, dropout=dropout)
        self.features = width * (2 if bidirectional else 1)

    def forward(self, steps: Sequence[Steps]) -> Float[Tensor, "batch features"]:
        """Return the state after each row's longest sequence; zeros in rows without any."""
        return run_packed(self.lstm, torch.cat([each.values for each in steps], 2), longest_lengths(steps))[1]


class LateFusionLSTM(nn.Module):
    """LF-LSTM: one LSTM a modality, their last states concatenated.

    Arguments and errors are those of `EarlyFusionLSTM`, except that lengths need not agree.
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
        layers: int = 1,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        build = functools.partial(build_lstm, layers=layers, bidirectional=bidirectional, dropout=dropout)
        self.lstms = nn.ModuleList([build(channels, width) for channels in self.steps.channels])
        self.rate = check_rate("dropout", dropout)
        self.head = nn.Linear(len(modalities) * width * (2 if bidirectional else 1), outputs)
        self.scale = output_scale(task)

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
        last = [
            run_packed(lstm, *steps)[1]  # type: ignore[arg-type]
            for lstm, steps in zip(self.lstms, self.steps(prepared))
        ]
        fused = torch.cat(last, 1)
        return Trace(self.scale(self.head(functional.dropout(fused, self.rate, self.training))), last, fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs
