"""Words and common clocks over a dataset: sequences brought onto intervals or a rate, from their times.

A modality's clock is its times, or its rate counted from 0. Words: all sequences come out ragged on the reference's
intervals. Common clock: all sequences come out at one rate (or at the time stamps of a reference that has no even
rate), cut to the time that all of a sample's sequences cover; fixed length where all came in so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.align.resample import delay, resample_at, resample_uniform, uniform_rate
from mmcore.align.sequences import SequenceModality, packed, replaced, sequence_modalities, step_count, untouched
from mmcore.align.words import align_words
from mmcore.data import Dataset
from mmcore.errors import InputError


def word_clock(
    ds: Dataset, reference: str, *, reduce: str, empty: str, tolerance: float
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence collapsed onto the intervals of `reference`; see `align_words`.

    With `empty="drop"` a word that any present sequence of the sample lacks is dropped from all of them. A sample whose
    reference is absent has no words, and one that loses all its words has nothing left: both become absent.
    """
    sequences = sequence_modalities(ds, "words", reference)
    _check_extent(sequences, reference)
    base = sequences[reference]
    rows: dict[str, list[np.ndarray | None]] = {name: [None] * len(ds) for name in sequences}
    times: list[np.ndarray | None] = [None] * len(ds)
    counts: dict[str, Counter[str]] = {name: Counter() for name in sequences}
    settings: dict[str, Any] = {"reduce": reduce, "empty": empty, "tolerance": tolerance}
    for i in np.flatnonzero(base.present).tolist():
        here = {name: other for name, other in sequences.items() if other.present[i]}
        aligned, times[i] = _words_of_row(here, reference, i, settings, counts)
        for name, values in aligned.items():
            rows[name][i] = values
    changes = {name: packed(other, rows[name], times=times) for name, other in sequences.items()}
    record = untouched(ds, [name for name in ds.modalities if name not in sequences])
    for name, other in sequences.items():
        record[name] = {
            "operation": "words",
            "detail": f"frames collapsed by {reduce} onto the intervals of {reference}; words without one: {empty}",
            "words_without_frame": counts[name]["uncovered"],
            "left_at_zero_without_previous": counts[name]["without_previous"],
            "rows_without_reference": int((other.present & ~base.present).sum()),
        }
    record[reference] = {
        "operation": "reference",
        "detail": "the words; those no longer than the tolerance are dropped",
        "words": counts[reference]["words"],
        "dropped_too_short": counts[reference]["too_short"],
        "dropped_without_frame": counts[reference]["dropped"],
        "rows_left_empty": counts[reference]["emptied"],
    }
    return replaced(ds, changes), record


def _words_of_row(
    here: dict[str, SequenceModality],
    reference: str,
    row: int,
    settings: dict[str, Any],
    counts: dict[str, Counter[str]],
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the aligned values of the sample's sequences and the intervals of the words kept; adds to `counts`."""
    words = here[reference].intervals(row)
    long = words[:, 1] - words[:, 0] > settings["tolerance"]
    kept = words[long]
    keep = np.ones(len(kept), dtype=bool)
    aligned = {reference: here[reference].steps(row)[long]}
    dropping = settings["empty"] == "drop"
    # a word is dropped from all sequences at once, so dropping waits until all are known
    each = {**settings, "empty": "zero"} if dropping else settings
    for name, other in here.items():
        if name == reference:
            continue
        found = align_words(other.steps(row), other.intervals(row), kept, **each)
        aligned[name] = found.values
        counts[name]["uncovered"] += int((~found.covered).sum())
        counts[name]["without_previous"] += found.without_previous
        if dropping:
            keep &= found.covered
    total = counts[reference]
    total["words"] += len(words)
    total["too_short"] += int((~long).sum())
    total["dropped"] += int((~keep).sum())
    total["emptied"] += int(not keep.any())
    return {name: values[keep] for name, values in aligned.items()}, kept[keep]


def _check_extent(sequences: dict[str, SequenceModality], reference: str) -> None:
    """Refuse a modality whose every frame is an instant: no word would ever be covered."""
    for name, other in sequences.items():
        times = getattr(other.array, "times", None)
        if name != reference and times is not None and len(times) and (times[:, 0] == times[:, 1]).all():
            raise InputError(
                f"times of {name}", "frames of no duration", "start < end",
                "Give each frame the seconds it stands for, e.g. until the next one begins.",
            )  # fmt: skip


@dataclass(frozen=True)
class _Clock:
    """One sample of one modality: where its steps lie and until when they hold."""

    starts: np.ndarray
    rate: float | None
    stop: float


def common_clock(
    ds: Dataset, reference: str | None, *, rate: float | None, interpolation: str
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence on one clock.

    Raises:
        InputError: where neither a rate nor a reference gives the clock, or "band_limited" meets uneven times.
    """
    sequences = sequence_modalities(ds, "resample", reference)
    rate = _clock_rate(sequences, reference, rate)
    rows: dict[str, list[np.ndarray | None]] = {name: [None] * len(ds) for name in sequences}
    times: list[np.ndarray | None] = [None] * len(ds)
    counts: dict[str, Counter[str]] = {name: Counter() for name in sequences}
    n_emptied = 0
    for i in range(len(ds)):
        clocks = {name: _clock(other, i) for name, other in sequences.items() if other.present[i]}
        if not clocks or (rate is None and reference not in clocks):
            continue
        times[i] = grid = _grid(clocks, rate, reference)
        n_emptied += not len(grid)
        for name, clock in clocks.items():
            how = _choose(name, interpolation, clock, rate)
            values = sequences[name].steps(i)
            rows[name][i] = _on_grid(values, clock, grid[:, 0], rate, how) if len(grid) else values[:0]
            counts[name][how] += 1
    fixed = _fixed_length(sequences, rate)
    # sequences that all counted from 0 by their rate still do, and need no stored times
    stamped = any(other.spec.timed for other in sequences.values())
    changes = {
        name: packed(other, rows[name], times=times if stamped else None, rate=rate, fixed=fixed)
        for name, other in sequences.items()
    }
    record = untouched(ds, [name for name in ds.modalities if name not in sequences])
    for name, other in sequences.items():
        lost = sum(row is None and bool(here) for row, here in zip(rows[name], other.present, strict=True))
        record[name] = {
            "operation": "resample",
            "detail": f"{other.spec.rate or 'own'} Hz to {rate or f'the time stamps of {reference}'}",
            "rate": rate,
            "interpolation": dict(sorted(counts[name].items())),
            "rows_without_reference": int(lost),
            "rows_left_empty": n_emptied,
        }
    return replaced(ds, changes), record


def _clock_rate(sequences: dict[str, SequenceModality], reference: str | None, rate: float | None) -> float | None:
    """Return the rate of the common clock, or None where it is the reference's time stamps."""
    if rate is None and reference is None:
        raise InputError(
            "reference", "neither a reference nor a rate", f"a rate in Hz, or one of {', '.join(sequences)}",
            "Name the modality whose clock the others take, or give rate.",
        )  # fmt: skip
    if rate is not None and not 0 < rate < np.inf:
        raise InputError("rate", rate, "a rate above 0, Hz", "Give samples a second.")
    return sequences[reference].spec.rate if rate is None and reference is not None else rate


def _fixed_length(sequences: dict[str, SequenceModality], rate: float | None) -> int | None:
    """Return the steps that every row has, or None where rows differ."""
    if rate is None or any(other.ragged for other in sequences.values()):
        return None
    seconds = min(step_count(other) / (other.spec.rate or np.inf) for other in sequences.values())
    return _count(seconds, rate)


def _count(seconds: float, rate: float) -> int:
    return max(0, int(np.floor(seconds * rate + 1e-6)))  # 2 s at 50 Hz are 100 steps, whatever rounding says


def _clock(other: SequenceModality, row: int) -> _Clock:
    intervals = other.intervals(row)
    starts = intervals[:, 0]
    stamped = other.spec.timed
    nominal = other.spec.rate
    rate = uniform_rate(starts) if stamped else nominal
    if rate is not None and nominal is not None and abs(rate / nominal - 1.0) < 1e-3:
        rate = nominal  # measured times carry rounding that a declared rate does not
    elif rate is not None:
        rate = float(f"{rate:.6g}")
    stop = float(starts[-1] + 1.0 / rate) if rate else float(intervals[-1, 1])
    return _Clock(starts, rate, stop)


def _grid(clocks: dict[str, _Clock], rate: float | None, reference: str | None) -> np.ndarray:
    """Return the (k, 2) intervals of the common clock within the time all sequences cover."""
    start = max(float(clock.starts[0]) for clock in clocks.values())
    stop = min(clock.stop for clock in clocks.values())
    if rate is not None:
        begins = start + np.arange(_count(stop - start, rate)) / rate
        return np.column_stack([begins, begins + 1.0 / rate])
    own = clocks[str(reference)]
    ends = np.append(own.starts[1:], own.stop)
    inside = (own.starts >= start - 1e-9) & (own.starts <= stop)
    return np.column_stack([own.starts, np.maximum(ends, own.starts)])[inside]


def _choose(name: str, interpolation: str, clock: _Clock, rate: float | None) -> str:
    even = clock.rate is not None and rate is not None
    if interpolation == "auto":
        return "band_limited" if even else "linear"
    if interpolation == "band_limited" and not even:
        raise InputError(
            "interpolation", f"'band_limited' for {name}, from or to uneven time stamps", "auto, linear, previous",
            "Use 'auto', which interpolates linearly where times are uneven.",
        )  # fmt: skip
    return interpolation


def _on_grid(values: np.ndarray, clock: _Clock, instants: np.ndarray, rate: float | None, how: str) -> np.ndarray:
    if how != "band_limited" or clock.rate is None or rate is None:
        return resample_at(values, clock.starts, instants, interpolation=how)
    lead = (instants[0] - clock.starts[0]) * clock.rate  # steps before the common clock begins
    whole = int(np.floor(lead + 1e-6))
    rest = lead - whole
    steps = np.asarray(values, dtype=np.float64)
    if rest > 1e-6:
        steps = delay(steps, -rest)
    return resample_uniform(steps[whole:], clock.rate, rate)[: len(instants)]
