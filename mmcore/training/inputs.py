"""Rows of a dataset as tensors: whole in memory when they are small, gathered batch by batch when they are not.

The rows of one part (train, or valid) that fill at most `IN_MEMORY_BYTES` (256 MiB, sequences counted with their
padding) are copied to the device once, and a batch is one indexing operation. Larger ones stay in their memory map and
each batch copies its own rows, so the memory needed is that of a batch. Both ways give the same batches.
uint8, float16 and float32 keep their type until the model standardises them; anything else becomes float32.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mmcore.data.ragged import Ragged
from mmcore.errors import InputError
from mmcore.models.standardisation import chunks

if TYPE_CHECKING:
    from mmcore.data import Dataset

IN_MEMORY_BYTES = 256 * 2**20
_KEPT = ("uint8", "float16", "float32")


def padded(ragged: Ragged, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `(n, longest, d)` with zeros beyond each sequence's end, and the lengths `(n,)`.

    Example:
        >>> values, lengths = padded(Ragged.from_list([[[1.0]], [[2.0], [3.0]]]), np.array([0, 1]))
        >>> values[:, :, 0].tolist(), lengths.tolist()
        ([[1.0, 0.0], [2.0, 3.0]], [1, 2])
    """
    part = ragged.select(rows)
    lengths = part.lengths
    longest = max(1, int(lengths.max(initial=0)))
    values = np.zeros((len(rows), longest, *part.values.shape[1:]), part.values.dtype)
    values[np.arange(longest) < lengths[:, None]] = part.values
    return values, lengths


def _tensor(values: np.ndarray) -> Tensor:
    """A tensor with memory of its own: pandas and memory maps hand out read-only arrays."""
    return torch.from_numpy(
        np.array(values, dtype=values.dtype if values.dtype.name in _KEPT else np.float32, order="C")
    )


class ModalityRows:
    """One modality of the chosen rows: `take(positions) -> (values, lengths | None)` on the device."""

    def __init__(self, ds: Dataset, name: str, rows: np.ndarray, device: torch.device, in_memory: bool) -> None:
        self.source, self.rows, self.device = ds[name], rows, device
        self.whole: tuple[Tensor, Tensor | None] | None = self._gather(rows) if in_memory else None

    @staticmethod
    def n_bytes(ds: Dataset, name: str, rows: np.ndarray) -> int:
        """Return what `rows` of a modality would fill in memory."""
        source = ds[name]
        if isinstance(source, Ragged):
            longest = int(source.lengths[rows].max(initial=1))
            each = longest * math.prod(source.values.shape[1:])
        else:
            each = math.prod(source.shape[1:])
        return len(rows) * each * (source.dtype.itemsize if source.dtype.name in _KEPT else 4)

    def _gather(self, rows: np.ndarray) -> tuple[Tensor, Tensor | None]:
        if isinstance(self.source, Ragged):
            values, lengths = padded(self.source, rows)
            return _tensor(values).to(self.device), torch.from_numpy(lengths).to(self.device)
        return _tensor(self.source[rows]).to(self.device), None

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return values `(B, ...)` and lengths `(B,)` of the rows at these positions."""
        if self.whole is None:
            return self._gather(self.rows[positions.cpu().numpy()])
        values, lengths = self.whole
        values = values.index_select(0, positions)
        if lengths is None:
            return values, None
        lengths = lengths.index_select(0, positions)
        # Cut to the longest of the batch: the same tensor that gathering it alone would give.
        return values[:, : max(1, int(lengths.max()))], lengths


class InputRows:
    """The chosen rows of a model's modalities, with presence.

    Args:
        ds: the dataset.
        names: the model's modalities.
        rows: positions in `ds`, (n,).
        device: where batches are wanted.
        present: modalities that count as present (None: all); the others are masked in every row.
        in_memory_bytes: how much may be copied to the device at once (None: `IN_MEMORY_BYTES`).
    """

    def __init__(
        self,
        ds: Dataset,
        names: tuple[str, ...],
        rows: np.ndarray,
        device: torch.device,
        *,
        present: tuple[str, ...] | None = None,
        in_memory_bytes: int | None = None,
    ) -> None:
        limit = IN_MEMORY_BYTES if in_memory_bytes is None else in_memory_bytes
        in_memory = sum(ModalityRows.n_bytes(ds, name, rows) for name in names) <= limit
        self.names, self.device = names, device
        self.each = [ModalityRows(ds, name, rows, device, in_memory) for name in names]
        kept = [ds.presence(name)[rows] & (present is None or name in present) for name in names]
        self.presence = np.stack(kept)  # (M, n)

    def __len__(self) -> int:
        return self.presence.shape[1]

    def presence_tensors(self, presence: np.ndarray) -> list[Tensor | None]:
        """Return one mask a modality on the device, None where every row has it."""
        return [None if mask.all() else torch.from_numpy(np.array(mask)).to(self.device) for mask in presence]

    def take(
        self, positions: Tensor, presence: list[Tensor | None]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None, dict[str, Tensor] | None]:
        """Return what a model's `forward` takes, for the rows at these positions."""
        inputs, masks, lengths = {}, {}, {}
        for name, modality, mask in zip(self.names, self.each, presence):
            inputs[name], length = modality.take(positions)
            if mask is not None:
                masks[name] = mask.index_select(0, positions)
            if length is not None:
                lengths[name] = length
        return inputs, masks or None, lengths or None


def check_finite(ds: Dataset, names: tuple[str, ...], rows: np.ndarray) -> None:
    """Raise where a present value among `rows` is NaN or infinite.

    Raises:
        InputError: with the modality and the first such sample.
    """
    for name in names:
        if ds[name].dtype.kind not in "fc":
            continue
        used = rows[ds.presence(name)[rows]]
        if all(np.isfinite(part).all() for part in chunks(ds, name, used)):
            continue
        first = next(row for row in used if not all(np.isfinite(p).all() for p in chunks(ds, name, np.array([row]))))
        sample = ds.samples["sample_id"].iloc[int(first)]
        raise InputError(
            f"modality '{name}'",
            f"NaN or infinity in sample '{sample}'",
            "finite numbers in every present row",
            "Impute it in preprocessing, or mark the modality absent in that row.",
        )
