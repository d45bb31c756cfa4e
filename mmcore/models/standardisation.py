"""Standardised inputs: what every model sees first.

    x' = (x - mean) / std   over the training rows in which the modality is present;   x' = 0 where it is absent

Statistics are buffers, fitted by `standardise_from` on the training rows of each fit, so they travel with the weights.
They are per element for vectors and per channel (last axis) for sequences and images, padding excluded. A feature that
is constant over the training rows is centred and not scaled. Before fitting, mean = 0 and std = 1.
An absent row's values are replaced before anything is computed from them: they may even be NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from mmcore.data.ragged import Ragged
from mmcore.errors import InputError

if TYPE_CHECKING:
    from mmcore.data import Dataset
    from mmcore.data.spec import ModalitySpec

_ROWS_AT_ONCE = 4096


class Prepared(NamedTuple):
    """One modality of a batch, standardised: zeros in absent rows and beyond each sequence's length."""

    values: Float[Tensor, "batch ..."]
    present: Bool[Tensor, " batch"] | None
    lengths: Int[Tensor, " batch"] | None


def within_lengths(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """Return which steps of sequences padded to `time` belong to the sequence.

    Example:
        >>> within_lengths(torch.tensor([2, 0]), 3)
        tensor([[ True,  True, False],
                [False, False, False]])
    """
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def blank_absent(values: Float[Tensor, "batch ..."], present: Bool[Tensor, " batch"] | None) -> Tensor:
    """Return `values` with zeros in the rows that are not present (None: all are).

    Example:
        >>> blank_absent(torch.tensor([[1.0], [float("nan")]]), torch.tensor([True, False])).tolist()
        [[1.0], [0.0]]
    """
    if present is None:
        return values
    mask = present.reshape(-1, *([1] * (values.dim() - 1)))
    return torch.where(mask, values, torch.zeros((), dtype=values.dtype, device=values.device))


class Standardise(nn.Module):
    """Centre and scale one modality with stored statistics.

    Args:
        shape: of one sample, as in `ModalitySpec.shape`; the statistics have this shape for vectors and
            `(channels,)` for what has more axes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: Sequence[int | None]) -> None:
        super().__init__()
        size = shape[-1] if shape else 1
        self.register_buffer("mean", torch.zeros(int(size or 1)))
        self.register_buffer("std", torch.ones(int(size or 1)))

    def forward(
        self,
        values: Shaped[Tensor, "batch ..."],
        present: Bool[Tensor, " batch"] | None,
        lengths: Int[Tensor, " batch"] | None,
    ) -> Float[Tensor, "batch ..."]:
        """Return the standardised values, zero where there is nothing."""
        if values.dim() == 1:
            values = values[:, None]
        scaled = (values.to(self.mean.dtype) - self.mean) / self.std
        if lengths is not None:
            inside = within_lengths(lengths, values.shape[1])
            inside = inside.reshape(*inside.shape, *[1] * (values.dim() - 2))  # frames have three more axes, not one
            scaled = torch.where(inside, scaled, torch.zeros((), dtype=scaled.dtype, device=scaled.device))
        return blank_absent(scaled, present)


class StandardisedInputs(nn.Module):
    """Turn `(inputs, presence, lengths)` into one `Prepared` a modality, in the model's order.

    Raises:
        InputError: when a modality of the model is not among the inputs, or a ragged one has no lengths.
    """

    def __init__(self, modalities: Sequence[ModalitySpec]) -> None:
        super().__init__()
        self.names = tuple(modality.name for modality in modalities)
        self.ragged = tuple(modality.ragged for modality in modalities)
        self.each = nn.ModuleList([Standardise(modality.shape) for modality in modalities])

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
    ) -> list[Prepared]:
        """Return the prepared modalities; a modality that `presence` does not name is present in every row."""
        prepared = []
        for name, ragged, standardise in zip(self.names, self.ragged, self.each):
            if name not in inputs:
                raise InputError("inputs", sorted(inputs), f"with '{name}'", "Pass a tensor and presence False.")
            present = None if presence is None else presence.get(name)
            length = None if lengths is None else lengths.get(name)
            if ragged and length is None:
                raise InputError("lengths", f"none for '{name}'", "a (B,) tensor", "Pass the lengths before padding.")
            prepared.append(Prepared(standardise(inputs[name], present, length), present, length))
        return prepared


class OutputScale(nn.Module):
    """Bring a regression's outputs into the label's unit: `y = shift + scale * output`, fitted on training labels."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1))
        self.register_buffer("scale", torch.ones(1))

    def forward(self, outputs: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 1"]:
        """Return the outputs in the label's unit."""
        return self.shift + self.scale * outputs


def output_scale(task: str) -> nn.Module:
    """Return what follows the head: an `OutputScale` for a regression, nothing for logits."""
    return OutputScale() if task == "regression" else nn.Identity()


def chunks(ds: Dataset, name: str, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the values of one modality in `rows` as float64 `(n, features)`, a few thousand rows at a time.

    For sequences and images `n` counts steps or pixels and `features` channels; a memory map is never read whole.
    """
    values, width = ds[name], _width(ds, name)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        taken = values.select(part).values if isinstance(values, Ragged) else np.asarray(values[part])
        yield taken.reshape(-1, width).astype(np.float64)


def _width(ds: Dataset, name: str) -> int:
    shape = ds.spec.modality(name).shape
    return int(shape[-1] or 1) if shape else 1


def standardise_from(model: nn.Module, ds: Dataset, rows: np.ndarray) -> None:
    """Set the model's standardisation statistics from `rows` of `ds`, in place; only rows with the modality count.

    A modality that is present in none of them keeps mean 0 and std 1.

    Example:
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.array([[1.0], [3.0], [9.0]])}, labels=[0, 1, 0], name="tiny")
        >>> model = build_model("unimodal:a", ds.spec)
        >>> standardise_from(model, ds, np.array([0, 1]))
        >>> model.inputs.each[0].mean.item(), model.inputs.each[0].std.item()
        (2.0, 1.0)
    """
    intake = model.inputs
    if not isinstance(intake, StandardisedInputs):
        raise TypeError("model.inputs is not a StandardisedInputs")
    for name, standardise in zip(intake.names, intake.each):
        used = np.sort(rows[ds.presence(name)[rows]])
        count = sum(len(part) for part in chunks(ds, name, used))
        if count == 0:
            continue
        mean = sum(part.sum(0) for part in chunks(ds, name, used)) / count
        variance = sum(((part - mean) ** 2).sum(0) for part in chunks(ds, name, used)) / count
        # Rounding leaves a constant feature a deviation of about 1e-16 of its size, which must not become the scale.
        constant = variance <= (1e-12 * np.maximum(np.abs(mean), 1e-12)) ** 2
        std = np.where(constant, 1.0, np.sqrt(variance))
        standardise.mean.copy_(torch.from_numpy(np.asarray(mean)))  # type: ignore[operator]
        standardise.std.copy_(torch.from_numpy(std))  # type: ignore[operator]
