"""What passes between a dataset and the transformer of one kind: rows in, a fitted state, vectors or sequences out.

A transformer never sees a row that is absent, and its fit never sees a row outside the training part: the caller
(`mmcore.data.preprocess.fit`) selects them, so that no transformer can learn from what it must not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmcore.data.ragged import Ragged

Array = np.ndarray | Ragged


@dataclass(frozen=True, eq=False)
class Rows:
    """The present rows of one modality.

    Args:
        name: the modality's name, for messages.
        kind: its kind.
        values: (n, ...) array or `Ragged` of n sequences.
        rate: steps a second (Hz), or None.
        columns: names of the last axis, or None.
        groups: (n,) str, or None where samples stand alone.
        sample_ids: (n,) str, for messages.
    """

    name: str
    kind: str
    values: Array
    rate: float | None = None
    columns: tuple[str, ...] | None = None
    groups: np.ndarray | None = None
    sample_ids: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def column_names(self, width: int, stem: str = "column") -> tuple[str, ...]:
        """Return the names of the last axis: those declared where their number fits, else `<stem>_<i>`."""
        if self.columns is not None and len(self.columns) == width:
            return self.columns
        return tuple(f"{stem}_{i}" for i in range(width))

    def sample(self, position: int) -> str:
        """Return how the user knows the sample at `position`."""
        return f"sample {self.sample_ids[position]}" if self.sample_ids is not None else f"row {position}"


@dataclass(frozen=True, eq=False)
class Fitted:
    """Everything a transformer learned: `settings` is JSON, `arrays` goes to an npz file; nothing else is kept."""

    settings: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Output:
    """The transformed rows.

    Args:
        values: (n, ...) float32 array or `Ragged` of float32.
        kind: the kind after preprocessing.
        columns: names of the last axis (of the bands, for a spectrogram).
        rate: steps a second (Hz) after preprocessing, or None.
        record: what happened to these rows, as JSON.
    """

    values: Array
    kind: str
    columns: tuple[str, ...]
    rate: float | None = None
    record: dict[str, Any] = field(default_factory=dict)
