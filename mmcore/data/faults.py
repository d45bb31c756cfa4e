"""Rows that cannot be used, each with its reason, and what identifies a row's content.

A row is at fault when a number in it is infinite, lies outside the range its modality declares, when no modality is
present, or when it repeats, bit for bit, a row of another part, where its label would leak. Parts are the folds where
the dataset has folds, since each is tested once, else the splits; of the copies, those of the highest fold (the last of
the splits) stay and the others are at fault. A row without a fold is trained on in every fold: it counts as the lowest.
Missing values (NaN) are no fault: preprocessing imputes them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mmcore.data.dataset import Array, Dataset
from mmcore.data.ragged import Ragged

_SPLIT_ORDER = {"train": 0, "valid": 1, "test": 2}
MIN_DISTINCT_SHARE = 0.9
"""Share of rows with a content of their own from which on a repetition counts as a leak."""
_CHUNK_NUMBERS = 2**22  # 32 MiB as float64, whatever the size of a row


@dataclass(frozen=True)
class Fault:
    """One reason why one row cannot be used."""

    row: int
    sample_id: str
    reason: str


def _numeric(array: Array) -> bool:
    return array.dtype.kind in "fiub"


def _row_extremes(array: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's lowest and highest finite number and whether it holds an infinite one; chunked, (N,) each."""
    n = len(array)
    low, high, infinite = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=bool)
    step = 1 if isinstance(array, Ragged) else max(1, _CHUNK_NUMBERS // max(1, math.prod(array.shape[1:])))
    for start in range(0, n, step):
        rows = array[start][None] if isinstance(array, Ragged) else array[start : start + step]
        block = np.asarray(rows, dtype=np.float64)
        _extremes_of(block.reshape(len(block), math.prod(block.shape[1:])), start, low, high, infinite)
    return low, high, infinite


def _extremes_of(block: np.ndarray, start: int, low: np.ndarray, high: np.ndarray, infinite: np.ndarray) -> None:
    stop = start + len(block)
    infinite[start:stop] = np.isinf(block).any(axis=1)
    finite = np.where(np.isfinite(block), block, np.nan)
    filled = np.isfinite(finite).any(axis=1) if finite.shape[1] else np.zeros(len(block), dtype=bool)
    if filled.any():
        low[start:stop][filled] = np.nanmin(finite[filled], axis=1)
        high[start:stop][filled] = np.nanmax(finite[filled], axis=1)


def row_faults(
    ds: Dataset, ranges: Mapping[str, tuple[float | None, float | None]] | None = None, *, duplicates: bool = True
) -> list[Fault]:
    """Return every fault of every row, by row.

    Args:
        ds: the dataset as acquired.
        ranges: modality -> (lowest, highest) allowed number, None for no limit.
        duplicates: whether a row that repeats a row of a later split (a higher fold) is a fault.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.array([[1.0], [np.inf], [3.0]])}, labels=[0, 1, 0], name="my")
        >>> [(fault.row, fault.reason) for fault in row_faults(ds)]
        [(1, 'a holds an infinite number')]
    """
    ids = ds.samples["sample_id"].astype(str).to_list()
    found: list[tuple[int, str]] = []
    for name in ds.modalities:
        found += _modality_faults(ds, name, (ranges or {}).get(name, (None, None)))
    presence = np.column_stack([ds.presence(name) for name in ds.modalities])
    found += [(int(row), "no modality is present") for row in np.flatnonzero(~presence.any(axis=1))]
    if duplicates:
        found += _leaking_duplicates(ds, np.asarray(presence.any(axis=1)))
    return [Fault(row, ids[row], reason) for row, reason in sorted(found)]


def _modality_faults(ds: Dataset, name: str, limits: tuple[float | None, float | None]) -> Iterable[tuple[int, str]]:
    array = ds[name]
    if not _numeric(array):
        return []
    low, high, infinite = _row_extremes(array)
    present = ds.presence(name)
    found = [(int(row), f"{name} holds an infinite number") for row in np.flatnonzero(infinite & present)]
    lowest, highest = limits
    if lowest is not None:
        bad = np.flatnonzero(present & (low < lowest))
        found += [(int(row), f"{name} holds {low[row]:g}, below {lowest:g}") for row in bad]
    if highest is not None:
        bad = np.flatnonzero(present & (high > highest))
        found += [(int(row), f"{name} holds {high[row]:g}, above {highest:g}") for row in bad]
    return found


def content_digests(ds: Dataset) -> list[str]:
    """Return one digest a row, over the bytes of every modality that is present; equal rows have equal digests.

    Example:
        >>> from mmcore.data import from_arrays
        >>> first, second, third = content_digests(from_arrays({"a": [[1.0], [2.0], [1.0]]}, labels=[0, 1, 0]))
        >>> first == third, first == second
        (True, False)
    """
    presence = {name: ds.presence(name) for name in ds.modalities}
    digests = []
    for row in range(len(ds)):
        digest = hashlib.sha256()
        for name in ds.modalities:
            digest.update(b"\x01" if presence[name][row] else b"\x00")
            if presence[name][row]:
                content = np.ascontiguousarray(ds[name][row]).tobytes()
                # The length says where a modality ends: ragged rows must not run into one another.
                digest.update(len(content).to_bytes(8, "little"))
                digest.update(content)
        digests.append(digest.hexdigest())
    return digests


def leakage_parts(ds: Dataset) -> np.ndarray:
    """Return the part of each row between which nothing may repeat, (N,) int64 in the order in which copies are kept.

    Folds where the dataset has them (-1 for a row without one), else 0 for train, 1 for valid, 2 for test.

    Example:
        >>> from mmcore.data import from_arrays
        >>> leakage_parts(from_arrays({"a": [[1.0], [2.0]]}, labels=[0, 1], split=["test", "train"])).tolist()
        [2, 0]
    """
    folds = ds.folds
    if folds is not None:
        return folds
    return np.array([_SPLIT_ORDER[split] for split in ds.samples["split"].astype(str)], dtype=np.int64)


def _leaking_duplicates(ds: Dataset, filled: np.ndarray) -> list[tuple[int, str]]:
    """Return the rows that repeat a row of a higher part; rows where nothing is present repeat nothing.

    Content of few distinct values (planted bits, categories) repeats by nature and leaks nothing, so a repetition
    counts only where nearly every row is distinct: at least `MIN_DISTINCT_SHARE`.
    """
    digests = {row: digest for row, digest in enumerate(content_digests(ds)) if filled[row]}
    if len(set(digests.values())) < MIN_DISTINCT_SHARE * len(digests):
        return []
    parts = leakage_parts(ds)
    splits = ds.samples["split"].astype(str).to_list()
    ids = ds.samples["sample_id"].astype(str).to_list()
    last: dict[str, int] = {}
    for row, digest in digests.items():
        if digest not in last or parts[row] > parts[last[digest]]:
            last[digest] = row

    def name(row: int) -> str:
        return f"the {splits[row]} split" if ds.folds is None else f"fold {parts[row]}"

    return [
        (row, f"repeats {ids[last[digest]]} of {name(last[digest])}")
        for row, digest in digests.items()
        if parts[row] < parts[last[digest]]
    ]
