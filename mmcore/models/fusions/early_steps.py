"""Early fusion by steps: the channels of all sequences side by side at every step, and one sequence encoder on top.

    x_t = [x_{1,t}, .., x_{M,t}, a_1, .., a_M],   a_m = 1 where modality m is absent, else 0
    f(x_1 .. x_M) = W e(x_1 .. x_T) + b

Reference: Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3 (early fusion of time series);
EF-LSTM with `encoder="lstm"`, as in Zadeh et al. 2018, Multi-attention recurrent network (AAAI).
Sequences must have the same number of steps, row by row; nothing is cut or stretched. Departs from the reference for
vectors, which are repeated at every step (there, users flatten or tile them by hand).
Missing modality: zeros (the training mean) at every step, and its absence indicator set. A row without any step is one
step of zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError
from mmcore.models.encoders import EncoderChoice, build_encoder, flat_size, layout_of
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale, within_lengths
from mmcore.models.trace import Trace

REMEDY = "Align the modalities first, or use late fusion."


def _fixed_steps(modalities: Sequence[ModalitySpec]) -> int | None:
    """Return the number of steps that all sequences of fixed length have; None where there is no such sequence."""
    sequences = [m for m in modalities if layout_of(m) == "sequence"]
    for modality in modalities:
        if layout_of(modality) not in ("sequence", "vector"):
            received = f"{modality.name}, {layout_of(modality)} inputs"
            raise InputError("modalities", received, "sequences and vectors", "Leave it out, or use late fusion.")
    if not sequences:
        raise InputError("modalities", "vectors only", "at least one sequence", "Use 'early_fusion'.")
    fixed = [m for m in sequences if not m.ragged]
    for modality in fixed[1:]:
        if modality.shape[0] != fixed[0].shape[0]:
            received = f"{fixed[0].name}: {fixed[0].shape[0]} steps, {modality.name}: {modality.shape[0]} steps"
            raise InputError("modalities", received, "equal lengths", REMEDY)
    return int(fixed[0].shape[0] or 0) if fixed else None


class EarlyFusionSteps(nn.Module):
    """One sequence encoder over the steps of all modalities together.

    Args:
        modalities: sequences of equal lengths, and vectors.
        outputs: numbers it emits.
        task: of the label.
        width: features of the encoder.
        dropout: in the encoder.
        encoder: name of a sequence encoder, or `{"name": ..., **options}`.
        encoders: not accepted, as one encoder sees all modalities.

    Raises:
        InputError: for other modalities, unequal lengths (fixed ones when it is built, ragged ones in a batch), or an
            encoder that takes no sequences.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        outputs: int,
        *,
        task: str = "classification",
        width: int = 64,
        dropout: float = 0.1,
        encoder: EncoderChoice = "gru",
        encoders: Mapping[str, EncoderChoice] | None = None,
    ) -> None:
        super().__init__()
        if encoders:
            raise InputError("encoders", dict(encoders), "nothing", "Name the one encoder of all steps by 'encoder'.")
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.time = _fixed_steps(modalities)
        self.is_sequence = tuple(layout_of(m) == "sequence" for m in modalities)
        self.any_ragged = any(m.ragged for m in modalities)
        sizes = [int(m.shape[-1] or 1) if seq else flat_size(m) for m, seq in zip(modalities, self.is_sequence)]
        time = None if self.any_ragged else self.time
        shape = (time, sum(sizes) + len(sizes))
        joint = ModalitySpec("steps", "timeseries", shape, "float32", ragged=self.any_ragged)
        self.encoder = build_encoder(joint, encoder, width=width, dropout=dropout)
        self.head = nn.Linear(int(self.encoder.features), outputs)  # type: ignore[arg-type]
        self.scale = output_scale(task)

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs with the encoder's vector; there are no representations of single modalities."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        fused = self.encoder(*self.joined(prepared))
        return Trace(self.scale(self.head(fused)), [], fused, prepared)

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs

    def joined(
        self, prepared: list[Prepared]
    ) -> tuple[Float[Tensor, "batch time channels"], Int[Tensor, " batch"] | None]:
        """Return the joint steps and their lengths (None: all).

        Raises:
            InputError: where two present sequences of a row differ in length.
        """
        lengths = self.joint_lengths(prepared) if self.any_ragged else None
        time = max(each.values.shape[1] for each, seq in zip(prepared, self.is_sequence) if seq)
        time, parts = max(time, 1), []
        for each, sequence in zip(prepared, self.is_sequence):
            if sequence:
                parts.append(functional.pad(each.values, (0, 0, 0, time - each.values.shape[1])))
            else:
                parts.append(each.values.flatten(1)[:, None].expand(-1, time, -1))
        for each, part in zip(prepared, tuple(parts)):
            absent = part.new_zeros(len(part)) if each.present is None else (~each.present).to(part.dtype)
            parts.append(absent[:, None, None].expand(-1, time, 1))
        joint = torch.cat(parts, 2)  # (B, T, sum of channels + M)
        if lengths is not None:
            joint = joint * within_lengths(lengths, time)[..., None]
        return joint, lengths

    def joint_lengths(self, prepared: list[Prepared]) -> Int[Tensor, " batch"]:
        """Return the number of steps of each row, 1 at least; absent modalities have no say."""
        joint, first = None, ""
        for name, each, sequence in zip(self.modalities, prepared, self.is_sequence):
            if not sequence:
                continue
            rows, device = len(each.values), each.values.device
            own = torch.full((rows,), self.time or 0, device=device) if each.lengths is None else each.lengths
            own = own if each.present is None else torch.where(each.present, own, -1)
            if joint is None:
                joint, first = own, name
                continue
            unequal = (own != joint) & (own >= 0) & (joint >= 0)
            if bool(unequal.any()):
                row = int(unequal.nonzero()[0, 0])
                received = f"{first}: {int(joint[row])} steps, {name}: {int(own[row])} steps (row {row} of the batch)"
                raise InputError("lengths", received, "equal lengths", REMEDY)
            joint = torch.maximum(joint, own)
        return joint.clamp(min=1)  # type: ignore[union-attr]
