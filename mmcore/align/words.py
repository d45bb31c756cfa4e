"""Interval (word) alignment: the frames that a reference interval covers, collapsed to one row for that interval.

    out_i = reduce { v_k : min(e_k, E_i) - max(s_k, S_i) > tolerance },   frame k = [s_k, e_k], word i = [S_i, E_i]

Source: the word alignment of the CMU multimodal data SDK (Zadeh et al. 2018), where the reduction is the unweighted
mean. The intersection is open: a frame that only touches a word, or is shorter than the tolerance once clipped to it,
does not count. Words no longer than the tolerance are dropped. A word that no frame covers is a matter of policy
(`empty`), never silently left out as it is there. Seconds throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore.errors import InputError, unknown_name

REDUCTIONS = ("mean", "overlap_mean", "last", "max")
EMPTY_POLICIES = ("zero", "nan", "previous", "drop")
TOLERANCE = 1e-5
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class WordAlignment:
    """Frames collapsed onto words.

    Attributes:
        values: (k, d) one row for each word that is kept.
        intervals: (k, 2) start and end of those words in seconds.
        words: (k,) their positions among the words that came in.
        covered: (k,) whether a frame covers the word; where False the `empty` policy filled the row.
        too_short: number of words dropped because they last no longer than the tolerance.
        dropped_empty: number of words dropped by `empty="drop"`.
        without_previous: number of words under `empty="previous"` with nothing before them, left at zero.
    """

    values: np.ndarray
    intervals: np.ndarray
    words: np.ndarray
    covered: np.ndarray
    too_short: int
    dropped_empty: int
    without_previous: int


def align_words(
    values: np.ndarray,
    intervals: np.ndarray,
    reference: np.ndarray,
    *,
    reduce: str = "mean",
    empty: str = "zero",
    tolerance: float = TOLERANCE,
) -> WordAlignment:
    """Return the frames `values` collapsed onto the `reference` intervals.

    Args:
        values: (m, d) frames.
        intervals: (m, 2) start and end of each frame, seconds, in any order; frames may overlap.
        reference: (n, 2) start and end of each word, seconds.
        reduce: "mean" of the frames, "overlap_mean" weighted by the seconds they share with the word, "last" frame by
            start (then end), or "max" of each feature.
        empty: what a word without a frame gets: "zero", "nan", the "previous" word's row (zero where there is none),
            or "drop".
        tolerance: seconds that an overlap, and a word, must exceed.

    Raises:
        InputError: for unknown names, other shapes, intervals that are not finite or end before they start, a negative
            tolerance.

    Example:
        >>> frames, times = np.array([[1.0], [3.0], [8.0]]), np.array([[0, 1], [1, 2], [2, 3]])
        >>> align_words(frames, times, np.array([[0.0, 2.0], [2.5, 3.0]])).values.ravel().tolist()
        [2.0, 8.0]
    """
    check_names(reduce, empty, tolerance)
    values = _check_frames(values, intervals)
    intervals = check_intervals(intervals, "intervals")
    reference = check_intervals(reference, "reference")
    words = np.flatnonzero(reference[:, 1] - reference[:, 0] > tolerance)
    kept = reference[words]
    order = np.lexsort((intervals[:, 1], intervals[:, 0]))
    collapsed, covered = _collapse(values[order], intervals[order], kept, reduce, tolerance)
    without_previous = 0
    if empty == "nan":
        collapsed[~covered] = np.nan
    elif empty == "previous":
        source = np.maximum.accumulate(np.where(covered, np.arange(len(covered)), -1))
        has_source = source >= 0
        collapsed[has_source] = collapsed[source[has_source]]
        without_previous = int((~has_source).sum())
    keep = covered if empty == "drop" else np.ones(len(covered), dtype=bool)
    return WordAlignment(
        values=collapsed[keep],
        intervals=kept[keep],
        words=words[keep],
        covered=covered[keep],
        too_short=len(reference) - len(words),
        dropped_empty=int((~keep).sum()),
        without_previous=without_previous,
    )


def check_names(reduce: str, empty: str, tolerance: float) -> None:
    """Raise InputError for a reduction, policy or tolerance that does not exist."""
    if reduce not in REDUCTIONS:
        raise unknown_name("reduce", reduce, REDUCTIONS)
    if empty not in EMPTY_POLICIES:
        raise unknown_name("empty", empty, EMPTY_POLICIES)
    if not 0 <= tolerance < np.inf:
        raise InputError("tolerance", tolerance, "a number of seconds >= 0", "Give 1e-5, the usual one.")


def check_intervals(intervals: np.ndarray, argument: str) -> np.ndarray:
    """Return `intervals` as (n, 2) float64 seconds, each ending no sooner than it starts."""
    checked = np.asarray(intervals, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[1] != 2:
        raise InputError(argument, f"shape {checked.shape}", "(n, 2) start and end", "Give one row an interval.")
    if not np.isfinite(checked).all():
        raise InputError(argument, "values that are not finite", "seconds", "Remove the rows without a time.")
    backwards = np.flatnonzero(checked[:, 1] < checked[:, 0])
    if len(backwards):
        row = int(backwards[0])
        raise InputError(argument, f"row {row}: {checked[row].tolist()}", "start <= end", "Swap or remove these rows.")
    return checked


def _check_frames(values: np.ndarray, intervals: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or len(values) != len(intervals):
        raise InputError(
            "values", f"shape {values.shape} with {len(intervals)} intervals", "(m, d) with m intervals",
            "Give one row of values an interval.",
        )  # fmt: skip
    dtype = values.dtype if np.issubdtype(values.dtype, np.floating) else np.float64
    return values.astype(dtype)


def _collapse(
    values: np.ndarray, intervals: np.ndarray, words: np.ndarray, reduce: str, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Reduce sorted frames over each word; (n, d) with zeros where (n,) covered is False."""
    out = np.zeros((len(words), values.shape[1]), dtype=values.dtype)
    covered = np.zeros(len(words), dtype=bool)
    step = max(1, _CELLS_AT_ONCE // max(1, len(values)))
    for first in range(0, len(words), step):
        block = words[first : first + step]
        begins = np.maximum(block[:, :1], intervals[None, :, 0])
        ends = np.minimum(block[:, 1:], intervals[None, :, 1])
        overlap = ends - begins  # (block, m) seconds shared, after clipping
        rows, frames = np.nonzero(overlap > tolerance)
        if not len(rows):
            continue
        present, starts = np.unique(rows, return_index=True)
        covered[first + present] = True
        out[first + present] = _reduce(values[frames], overlap[rows, frames], starts, reduce)
    return out, covered


def _reduce(values: np.ndarray, weights: np.ndarray, starts: np.ndarray, reduce: str) -> np.ndarray:
    """Reduce the consecutive segments of `values` that begin at `starts`.

    Segments rather than a product with a weight matrix, so that a NaN frame stays within the words it belongs to.
    """
    stops = np.append(starts[1:], len(values))
    if reduce == "last":
        return values[stops - 1]
    if reduce == "max":
        return np.maximum.reduceat(values, starts, axis=0)
    wide = values.astype(np.float64)
    if reduce == "mean":
        weights = np.ones(len(values))
    total = np.add.reduceat(wide * weights[:, None], starts, axis=0)
    return total / np.add.reduceat(weights, starts)[:, None]
