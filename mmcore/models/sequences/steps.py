"""Modalities as sequences of steps: what every model of this package takes in.

    x_m -> (B, T_m, c_m) with n_m <= T_m valid steps a row;   n_m = 0 where the modality is absent

A sequence enters with its channels, or through an encoder with `steps` where the user names one. Anything else enters
as a sequence of one step: a vector as it is, an image or a set as its encoder's representation; frames use their
encoder's steps where it has them. Values beyond the valid steps are zero.
`align_steps` is for models that read all modalities in step: lengths must agree, and one-step modalities are repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmcore.errors import InputError, unknown_name
from mmcore.models.encoders import EncoderChoice, build_encoder, flat_size, layout_of
from mmcore.models.standardisation import Prepared, blank_absent, within_lengths

if TYPE_CHECKING:
    from mmcore.data.spec import ModalitySpec


class Steps(NamedTuple):
    """A batch of sequences; `lengths` None means that every row has every step."""

    values: Float[Tensor, "batch time channels"]
    lengths: Int[Tensor, " batch"] | None

    def valid(self) -> Bool[Tensor, "batch time"]:
        """Return which steps are valid."""
        batch, time = self.values.shape[:2]
        if self.lengths is None:
            return torch.ones(batch, time, dtype=torch.bool, device=self.values.device)
        return within_lengths(self.lengths, time)


def by_modality(argument: str, value: float | Mapping[str, float], names: Sequence[str], default: float) -> list[float]:
    """Return one number a modality from one for all, or from a mapping that leaves the others at `default`.

    Raises:
        InputError: for an unknown modality.

    Example:
        >>> by_modality("kernel", {"audio": 3}, ["text", "audio"], 1)
        [1, 3]
    """
    if not isinstance(value, Mapping):
        return [value] * len(names)
    for name in value:
        if name not in names:
            raise unknown_name(argument, name, names)
    return [value.get(name, default) for name in names]


def last_steps(steps: Steps) -> Int[Tensor, "batch 1"]:
    """Return the position of the last valid step of each row; 0 where there is none."""
    if steps.lengths is None:
        batch, time = steps.values.shape[:2]
        return torch.full((batch, 1), time - 1, dtype=torch.long, device=steps.values.device)
    return (steps.lengths - 1).clamp(min=0)[:, None]


def last_valid(steps: Steps) -> Float[Tensor, "batch channels"]:
    """Return the last valid step of each row; zeros where there is none.

    Example:
        >>> last_valid(Steps(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]), torch.tensor([1, 0]))).tolist()
        [[1.0], [0.0]]
    """
    if steps.lengths is None:
        return steps.values[:, -1]
    rows = torch.arange(len(steps.values), device=steps.values.device)
    return blank_absent(steps.values[rows, last_steps(steps)[:, 0]], steps.lengths > 0)


def present_lengths(prepared: Prepared, lengths: Tensor | None, time: int) -> Int[Tensor, " batch"] | None:
    """Return the number of valid steps of each row, zero where the modality is absent; None where all are valid."""
    if prepared.present is None:
        return lengths
    if lengths is None:
        lengths = torch.full((len(prepared.values),), time, dtype=torch.long, device=prepared.values.device)
    return lengths * prepared.present


class StepInputs(nn.Module):
    """Turn prepared modalities into `Steps`, one a modality.

    Args:
        modalities: in order.
        encoders: modality -> encoder; a sequence goes through one only if it is named here, and it must have steps.
        width, dropout: of the encoders.

    Raises:
        InputError: for an unknown modality or encoder, or one without steps for a sequence.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        *,
        encoders: Mapping[str, EncoderChoice] | None = None,
        width: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        choices = dict(encoders or {})
        names = [modality.name for modality in modalities]
        for name in choices:
            if name not in names:
                raise unknown_name("encoders", name, names)
        layouts = [layout_of(modality) for modality in modalities]
        self.sequential = tuple(layout in ("sequence", "frames") for layout in layouts)
        self.encoders = nn.ModuleList()
        channels: list[int] = []
        for modality, layout in zip(modalities, layouts):
            encoder: nn.Module = nn.Identity()
            size = flat_size(modality) if layout == "vector" else int(modality.shape[-1] or 1)
            if modality.name in choices or layout not in ("sequence", "vector"):
                choice = choices.get(modality.name)
                encoder = build_encoder(modality, choice, width=width, dropout=dropout, steps=layout == "sequence")
                stepwise = layout in ("sequence", "frames") and hasattr(encoder, "steps")
                size = int(encoder.step_features if stepwise else encoder.features)  # type: ignore[arg-type]
            self.encoders.append(encoder)
            channels.append(size)
        self.layouts, self.channels = tuple(layouts), tuple(channels)

    def forward(self, prepared: Sequence[Prepared]) -> list[Steps]:
        """Return the steps of each modality."""
        found = []
        for encoder, layout, each in zip(self.encoders, self.layouts, prepared):
            values, lengths = each.values, each.lengths
            if layout in ("sequence", "frames") and hasattr(encoder, "steps"):
                values, lengths = encoder.steps(values, lengths)  # type: ignore[operator]
            elif layout != "sequence":
                represented = values.flatten(1) if isinstance(encoder, nn.Identity) else encoder(values, lengths)
                values, lengths = represented[:, None], None  # (B, 1, features)
            lengths = present_lengths(each, lengths, values.shape[1])
            if values.shape[1] == 0:  # every sequence of the batch is empty
                values, lengths = nn.functional.pad(values, (0, 0, 0, 1)), values.new_zeros(len(values)).long()
            if lengths is not None:
                inside = within_lengths(lengths, values.shape[1])[..., None]
                values = torch.where(inside, values, torch.zeros((), dtype=values.dtype, device=values.device))
            found.append(Steps(values, lengths))
        return found


def check_alignable(modalities: Sequence[ModalitySpec], model: str) -> None:
    """Check that sequences of fixed length have the same one.

    Raises:
        InputError: where they do not.
    """
    fixed = {m.name: m.shape[0] for m in modalities if layout_of(m) in ("sequence", "frames") and not m.ragged}
    if len(set(fixed.values())) > 1:
        found = ", ".join(f"{name} {steps}" for name, steps in fixed.items())
        raise InputError("modalities", f"steps {found}", f"equal lengths for '{model}'", _REMEDY)


_REMEDY = "Align them first, or use 'mult', 'lf_lstm' or 'ctc_alignment', which take unequal lengths."


def align_steps(steps: Sequence[Steps], sequential: Sequence[bool]) -> list[Steps]:
    """Return the modalities on one time axis; what is no sequence is repeated at every step.

    Args:
        steps: one a modality; lengths must agree in every row among the sequences that are present there.
        sequential: which of them are sequences.

    Raises:
        InputError: where lengths differ.

    Example:
        >>> video, age = Steps(torch.ones(1, 3, 2), None), Steps(torch.ones(1, 1, 4), None)
        >>> [tuple(each.values.shape) for each in align_steps([video, age], [True, False])]
        [(1, 3, 2), (1, 3, 4)]
    """
    moving = [each for each, is_sequence in zip(steps, sequential) if is_sequence]
    if not moving:
        return list(steps)
    time = max(each.values.shape[1] for each in moving)
    counts = [_counts(each) for each in moving]
    if any(each.lengths is not None or each.values.shape[1] != time for each in moving):
        rows = torch.stack(counts)  # (sequences, B)
        longest = rows.max(0).values
        if bool(((rows != longest) & (rows > 0)).any()):
            row = int(((rows != longest) & (rows > 0)).any(0).nonzero()[0])
            raise InputError("lengths", f"{rows[:, row].tolist()} in row {row}", "equal lengths in a row", _REMEDY)
    else:
        longest = counts[0]
    aligned = []
    for each, is_sequence in zip(steps, sequential):
        if is_sequence:
            missing = time - each.values.shape[1]
            aligned.append(
                Steps(
                    nn.functional.pad(each.values, (0, 0, 0, missing)) if missing else each.values,
                    _counts(each) if missing and each.lengths is None else each.lengths,
                )
            )
        else:
            # A static modality lasts as long as the row's sequences do, or one step where all of them are absent.
            lasting = longest.clamp(min=1)
            lengths = None if each.lengths is None else each.lengths * lasting
            if lengths is None and any(other.lengths is not None for other in moving):
                lengths = lasting
            aligned.append(Steps(each.values.expand(-1, time, -1), lengths))
    return aligned


def _counts(steps: Steps) -> Int[Tensor, " batch"]:
    if steps.lengths is not None:
        return steps.lengths
    batch, time = steps.values.shape[:2]
    return torch.full((batch,), time, dtype=torch.long, device=steps.values.device)


def longest_lengths(steps: Sequence[Steps]) -> Int[Tensor, " batch"] | None:
    """Return for each row the length of its longest sequence; None where every row has every step."""
    if any(each.lengths is None for each in steps):
        return None
    return torch.stack([_counts(each) for each in steps]).max(0).values
