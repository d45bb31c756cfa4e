"""Modalities of a dataset as sequences: which have a time axis, their steps, their clock, and back into arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.data import Dataset, ModalitySpec, Ragged
from mmcore.data.dataset import spec_of_array
from mmcore.errors import InputError, unknown_name

Array = np.ndarray | Ragged
_WITHOUT_ORDER = ("image", "tabular", "set", "graph")
_ALWAYS_ORDERED = ("timeseries", "audio")


def has_time_axis(spec: ModalitySpec) -> bool:
    """Return whether the first axis of a sample is a sequence of steps.

    Ragged modalities, `timeseries` and `audio`, and anything else of at least two axes or with a rate; never images,
    tables, sets, graphs or raw text.

    Example:
        >>> has_time_axis(ModalitySpec("a", "timeseries", (50,), "float32"))
        True
        >>> has_time_axis(ModalitySpec("a", "embedding", (50,), "float32"))
        False
    """
    if spec.kind in _WITHOUT_ORDER or spec.dtype == "str" or not spec.shape:
        return False
    return spec.ragged or len(spec.shape) > 1 or spec.kind in _ALWAYS_ORDERED or spec.rate is not None


@dataclass(frozen=True, eq=False)
class SequenceModality:
    """One modality with a time axis.

    Attributes:
        spec: its specification.
        array: (N, T, ...) or Ragged.
        present: (N,) bool: present, with at least one step.
    """

    spec: ModalitySpec
    array: Array
    present: np.ndarray

    @property
    def name(self) -> str:
        """The modality's name."""
        return self.spec.name

    @property
    def ragged(self) -> bool:
        """Whether samples differ in length."""
        return self.spec.ragged

    @property
    def dtype(self) -> np.dtype:
        """The floating dtype that aligned values are stored in."""
        return self.array.dtype if self.array.dtype.kind == "f" else np.dtype(np.float64)

    @property
    def step_shape(self) -> tuple[int, ...]:
        """Shape of one step; () for a scalar series stored as (N, T)."""
        return tuple(int(size) for size in self.spec.shape[1:] if size is not None)

    def steps(self, row: int) -> np.ndarray:
        """Return the steps of a sample, (t, d), further axes of a step flattened."""
        values = np.asarray(self.array[row])
        return values.reshape(len(values), -1)

    def intervals(self, row: int) -> np.ndarray:
        """Return start and end of the sample's steps in seconds, (t, 2); without times the rate counts from 0.

        Raises:
            InputError: where there are neither times nor a rate.
        """
        if isinstance(self.array, Ragged) and self.array.times is not None:
            return np.asarray(self.array.times_of(row), dtype=np.float64)
        if self.spec.rate is None:
            raise InputError(
                f"clock of {self.name}", "neither times nor a rate", "start and end of each step, or a rate in Hz",
                f"Give rates={{'{self.name}': ...}} or times for it where the dataset is built.",
            )  # fmt: skip
        count = len(self.array[row])
        return np.arange(count)[:, None] / self.spec.rate + np.array([0.0, 1.0 / self.spec.rate])


def step_count(modality: SequenceModality) -> int:
    """Return the number of steps that every sample of a fixed-length modality has, the longest of a ragged one."""
    array = modality.array
    return int(array.lengths.max(initial=0)) if isinstance(array, Ragged) else int(array.shape[1])


def sequence_modalities(ds: Dataset, method: str, reference: str | None) -> dict[str, SequenceModality]:
    """Return the modalities that have a time axis, by name, in the dataset's order.

    Raises:
        InputError: where the reference has none, or fewer than two have one.
    """
    found = {}
    for spec in ds.spec.modalities:
        if has_time_axis(spec):
            array = ds[spec.name]
            filled = array.lengths > 0 if isinstance(array, Ragged) else np.ones(len(ds), dtype=bool)
            found[spec.name] = SequenceModality(spec, array, ds.presence(spec.name) & filled)
    allowed = f"modalities with a time axis: {', '.join(found) or 'none here'}"
    if reference is not None and reference not in found:
        kind = ds.spec.modality(reference).kind
        raise InputError(
            "reference", f"'{reference}', a static {kind}", allowed, f"Method '{method}' needs steps; use 'none'."
        )
    if len(found) < (1 if method == "resample" else 2):
        raise InputError(
            "method", f"'{method}' on {len(found)} modalities with a time axis", allowed,
            "Static data need no clock; use method 'none', or 'correlation' or 'transport' over rows.",
        )  # fmt: skip
    return found


def check_reference(ds: Dataset, method: str, reference: str | None) -> str:
    """Return the reference if the dataset has it; an InputError that names the modalities if not."""
    if reference is None:
        raise InputError(
            "reference", "none", ", ".join(ds.modalities), f"Name the modality that '{method}' aligns the others to."
        )
    if reference not in ds.modalities:
        raise unknown_name("reference", reference, ds.modalities)
    return reference


def packed(
    source: SequenceModality,
    rows: Sequence[np.ndarray | None],
    *,
    times: Sequence[np.ndarray | None] | None = None,
    rate: float | None = None,
    fixed: int | None = None,
) -> tuple[Array, ModalitySpec, np.ndarray]:
    """Return the array, specification and presence of `source` with new steps.

    Args:
        source: where name, kind, unit, dtype and the shape of a step come from.
        rows: N arrays (t_i, d), None where absent; one of length 0 counts as absent.
        times: N arrays (t_i, 2) in seconds, or None for no times; ignored where fixed.
        rate: of the new clock, Hz.
        fixed: number of steps that every row has, or None for ragged.
    """
    present = np.array([row is not None and len(row) > 0 for row in rows])
    step = source.step_shape
    array: Array
    if fixed is not None:
        values = np.zeros((len(rows), fixed, *step), dtype=source.dtype)
        for i, row in enumerate(rows):
            if row is not None and present[i]:
                values[i] = row.reshape(fixed, *step)
        array = values
    else:
        step = step or (1,)
        kept = [(row if row is not None else np.zeros(0)).reshape(-1, *step).astype(source.dtype) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in kept])]).astype(np.int64)
        clock = None
        if times is not None:
            clock = np.concatenate([t if row is not None and t is not None else np.zeros((0, 2))
                                    for row, t in zip(rows, times, strict=True)])  # fmt: skip
        array = Ragged(np.concatenate(kept), offsets, clock)
    spec = source.spec
    return array, spec_of_array(spec.name, array, kind=spec.kind, rate=rate, unit=spec.unit), present


def replaced(ds: Dataset, changes: dict[str, tuple[Array, ModalitySpec, np.ndarray]]) -> Dataset:
    """Return the dataset with the packed modalities of `changes` in place of its own."""
    return ds.replace(
        {name: change[0] for name, change in changes.items()},
        specs={name: change[1] for name, change in changes.items()},
        presence={name: change[2] for name, change in changes.items()},
    )


def spread(values: Iterable[float]) -> dict[str, float] | None:
    """Return least, median and largest of `values` for the record, or None of none.

    Example:
        >>> spread([1.0, 2.0, 6.0])
        {'min': 1.0, 'median': 2.0, 'max': 6.0}
    """
    array = np.array(list(values), dtype=np.float64)
    if not len(array):
        return None
    return {"min": float(array.min()), "median": float(np.median(array)), "max": float(array.max())}


def untouched(ds: Dataset, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the record of the modalities that a method leaves as they are."""
    record = {}
    for name in names:
        timed = has_time_axis(ds.spec.modality(name))
        detail = "has a time axis and keeps its own clock" if timed else "has no time axis; passed through"
        record[name] = {"operation": "unchanged" if timed else "static", "detail": detail}
    return record
