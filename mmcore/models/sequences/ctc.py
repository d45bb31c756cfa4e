"""Alignment by connectionist temporal classification (CTC), and the LSTM and RMFN that read what it aligned.

    p_t = softmax(W LSTM(x)_t + b) over blank, 1 .. L;   A = p[:, 1..L]^T  (L x T);   x' = A x
    f = model(x_reference, x'_1, ..);   loss = task + weight * mean CTC(p, (1, 2, .., L))

Reference: Graves et al. 2006, Connectionist temporal classification (ICML); the CTC baselines of Tsai et al. 2019,
Multimodal Transformer (ACL), tables 1 to 3. A source modality of any length is brought to the L steps of the reference
modality, by asking of its steps that they spell the reference's positions in order.
Departs from that code on purpose: there the LSTM's own outputs, between -1 and 1, are the logits, so that no step can
be told to more than e^2 times its rival and A is close to uniform; here a linear map follows. A row whose reference has
n steps spells 1 .. n only, and positions beyond n are left empty.
A source with fewer steps than the reference has no spelling (its loss would be infinite): it is aligned all the same,
and left out of the loss. Missing modality: an absent source stays absent; without the reference, sources are aligned
to as many positions as the longest of them has steps, and the row is left out of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders import EncoderChoice
from mmcore.models.encoders.packed import run_packed
from mmcore.models.sequences.dropout import check_rate
from mmcore.models.sequences.lstm import JointLSTM, build_lstm
from mmcore.models.sequences.rmfn import RecurrentFusion
from mmcore.models.sequences.steps import StepInputs, Steps, align_steps
from mmcore.models.standardisation import Prepared, StandardisedInputs, output_scale, within_lengths
from mmcore.models.trace import Trace

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec

READERS = ("lstm", "rmfn")
RAGGED_POSITIONS = 128


class CTCAligner(nn.Module):
    """Bring a source to the positions of a reference.

    Args:
        channels: of the source.
        positions: most steps of the reference, L.
        hidden: of the LSTM.
        layers: of the LSTM.

    Example:
        >>> aligner = CTCAligner(3, positions=4, hidden=8)
        >>> source = Steps(torch.randn(2, 9, 3), torch.tensor([9, 5]))
        >>> aligned, loss = aligner(source, torch.tensor([4, 2]))
        >>> aligned.shape, bool(loss > 0)
        (torch.Size([2, 4, 3]), True)
    """

    def __init__(self, channels: int, positions: int, *, hidden: int, layers: int = 2) -> None:
        super().__init__()
        self.positions = positions
        self.lstm = build_lstm(channels, hidden, layers=layers, bidirectional=False, dropout=0.0)
        self.classify = nn.Linear(hidden, positions + 1)

    def log_probabilities(self, source: Steps) -> Float[Tensor, "batch time classes"]:
        """Return the logarithm of each source step's probabilities of blank, 1, .., L."""
        states = run_packed(self.lstm, source.values, source.lengths)[0]
        # In mixed precision the scores are half, and torch's CTC loss takes float32 or float64.
        scores = self.classify(states)
        return scores.to(torch.promote_types(scores.dtype, torch.float32)).log_softmax(-1)

    def forward(
        self, source: Steps, lengths: Int[Tensor, " batch"], spelled: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch positions channels"], Float[Tensor, ""]]:
        """Return the aligned source and the mean CTC loss a position, in nats.

        Args:
            source: of any length.
            lengths: positions of each row; beyond them the result is zero.
            spelled: positions that the source is to spell; None: all of `lengths`; 0 leaves a row out of the loss.
        """
        logs = self.log_probabilities(source)
        valid = source.valid()
        wanted = within_lengths(lengths, self.positions)
        alignment = logs[..., 1:].exp() * valid[..., None] * wanted[:, None]  # (B, T, L)
        aligned = torch.bmm(alignment.transpose(1, 2).to(source.values.dtype), source.values)
        return aligned, self.loss(logs, valid.sum(1), lengths if spelled is None else spelled)

    def loss(self, logs: Tensor, steps: Tensor, lengths: Tensor) -> Float[Tensor, ""]:
        """Return the mean over the rows that have a spelling of the loss a position; zero where none has."""
        possible = (steps >= lengths) & (lengths > 0)
        targets = torch.arange(1, self.positions + 1, device=logs.device).expand(len(logs), -1)
        each = functional.ctc_loss(
            logs.transpose(0, 1), targets, steps.clamp(min=1), lengths, blank=0, reduction="none", zero_infinity=True
        )
        each = torch.where(possible, each / lengths.clamp(min=1), torch.zeros((), dtype=each.dtype, device=each.device))
        return each.sum() / possible.sum().clamp(min=1)


class CTCAlignment(nn.Module):
    """Sources aligned to a reference modality by CTC, then read in step by an LSTM or an RMFN.

    Args:
        modalities: what it sees, in order; what is no sequence is repeated at every step.
        outputs: numbers it emits.
        task: of the label; a regression's outputs are brought into its unit.
        width: of the reader, and of the aligning LSTMs.
        dropout: before the head.
        encoders: modality -> encoder with steps for a sequence; without one its channels are taken as they are.
        reference: the sequence that the others are aligned to; None: the first text, else the first sequence.
        positions: most steps of the reference; None: as many as it has where that is fixed, else 128.
        reader: `lstm` (CTC + EF-LSTM) or `rmfn` (CTC + RMFN).
        ctc_weight: of the CTC loss, `Trace.auxiliary["ctc"]`, the mean over sources.

    Raises:
        InputError: without a sequence, for an unknown reference, reader, modality or encoder, and in a batch for a
            reference of more steps than `positions`.
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
        reference: str | None = None,
        positions: int | None = None,
        reader: str = "lstm",
        ctc_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if reader not in READERS:
            raise unknown_name("reader", str(reader), READERS)
        self.modalities, self.specs, self.outputs = tuple(m.name for m in modalities), tuple(modalities), outputs
        self.inputs = StandardisedInputs(modalities)
        self.rate, self.ctc_weight = check_rate("dropout", dropout), ctc_weight
        self.steps = StepInputs(modalities, encoders=encoders, width=width, dropout=dropout)
        self.reference = _reference(modalities, self.steps.sequential, reference)
        self.positions = _positions(modalities[self.reference], positions)
        self.aligners = nn.ModuleDict(
            {
                str(index): CTCAligner(channels, self.positions, hidden=width)
                for index, (channels, sequential) in enumerate(zip(self.steps.channels, self.steps.sequential))
                if sequential and index != self.reference
            }
        )
        channels = self.steps.channels
        self.reader: JointLSTM | RecurrentFusion
        if reader == "lstm":
            self.reader = JointLSTM(sum(channels), width, layers=1, bidirectional=False, dropout=0.0)
        else:
            self.reader = RecurrentFusion(channels, width=width, cross=width, fused=width, dropout=dropout)
        self.head = nn.Linear(self.reader.features, outputs)
        self.scale = output_scale(task)

    def aligned(self, prepared: list[Prepared]) -> tuple[list[Steps], Tensor]:
        """Return every modality on the reference's time axis, and the unweighted CTC loss."""
        steps = self.steps(prepared)
        own = steps[self.reference].valid().sum(1)
        lengths = self._lengths(own, steps)
        time = max(int(lengths.max()), 1)
        values = steps[self.reference].values[:, :time]
        steps[self.reference] = Steps(functional.pad(values, (0, 0, 0, time - values.shape[1])), own)
        losses = []
        for name, aligner in self.aligners.items():
            source = steps[int(name)]
            values, loss = aligner(source, lengths, own)
            present = lengths if source.lengths is None else lengths * (source.lengths > 0)
            steps[int(name)] = Steps(values[:, :time], present)
            losses.append(loss)
        total = torch.stack(losses).mean() if losses else steps[0].values.new_zeros(())
        return align_steps(steps, self.steps.sequential), total

    def _lengths(self, own: Int[Tensor, " batch"], steps: Sequence[Steps]) -> Int[Tensor, " batch"]:
        """How many positions each row has: the reference's steps, or those of the longest source where it is absent."""
        if int(own.max()) > self.positions:
            name = self.modalities[self.reference]
            raise InputError(
                "positions", self.positions, f"{int(own.max())} or more, the steps of '{name}'", "Raise it."
            )
        others = [each.valid().sum(1) for each, is_sequence in zip(steps, self.steps.sequential) if is_sequence]
        return torch.where(own > 0, own, torch.stack(others).max(0).values.clamp(max=self.positions))

    def trace(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Trace:
        """Return the outputs, and the weighted CTC loss as `auxiliary["ctc"]`."""
        return self.trace_prepared(self.inputs(inputs, presence, lengths))

    def trace_prepared(self, prepared: list[Prepared]) -> Trace:
        """Return the trace of inputs that are standardised already."""
        steps, loss = self.aligned(prepared)
        if isinstance(self.reader, JointLSTM):
            fused = self.reader(steps)
        else:
            states, z, _ = self.reader(steps)
            fused = torch.cat([*states.unbind(0), z], 1)
        outputs = self.scale(self.head(functional.dropout(fused, self.rate, self.training)))
        return Trace(outputs, [], fused, prepared, {"ctc": self.ctc_weight * loss} if self.aligners else {})

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits, or values in the label's unit for a regression."""
        return self.trace(inputs, presence, lengths).outputs


def _reference(modalities: Sequence[ModalitySpec], sequential: Sequence[bool], reference: str | None) -> int:
    """The position of the reference among the modalities."""
    sequences = {m.name: index for index, (m, moving) in enumerate(zip(modalities, sequential)) if moving}
    if not sequences:
        raise InputError("modalities", "no sequence", "at least one sequence", "Use 'late_fusion'.")
    if reference is None:
        texts = [m.name for m in modalities if m.kind == "text" and m.name in sequences]
        reference = texts[0] if texts else next(iter(sequences))
    if reference not in sequences:
        raise unknown_name("reference", reference, sequences)
    return sequences[reference]


def _positions(reference: ModalitySpec, positions: int | None) -> int:
    fixed = None if reference.ragged else int(reference.shape[0] or 0)
    if positions is None:
        return RAGGED_POSITIONS if fixed is None else fixed
    if positions < (fixed or 1):
        raise InputError("positions", positions, f"{fixed or 1} or more", f"'{reference.name}' has that many steps.")
    return positions
