"""Scores of declared slices of the rows: groups of people, sites, patterns of present modalities.

    d = theta(slice) - theta(the other rows),   interval: leave one unit out of both, Student t
    degrees: the smaller number of units of the two sides, less one

Each slice is compared with all other rows, so the differences of one column are dependent; p-values of all slices of
all columns are adjusted together (Holm 1979), and `differs` says whether the adjusted one is below 1 - level. Intervals
are each at `level` and not adjusted. A unit may lie on both sides (a person at two sites) and then leaves both at once.
Columns must be declared before looking; slices found by searching the predictions need rows of their own to be tested
on. References as in `mmcore.evaluation.interval`; the smaller side's degrees are the conservative choice for two
samples (Welch's are never fewer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.errors import InputError, counted, unknown_name
from mmcore.evaluation.interval import Interval, check_level, metric_interval, standard_error
from mmcore.evaluation.metrics import Metric, find_metric, score, statistics
from mmcore.evaluation.paired import holm
from mmcore.evaluation.predictions import Predicted

MAX_SLICES = 50
NOTHING_PRESENT = "none"
PRESENT = "present"


@dataclass(frozen=True)
class SliceScore:
    """One slice: its score with interval, and its difference to all other rows.

    `p_adjusted` and `differs` count all slices of the table; they, `p` and the ends are None where units are too few.
    """

    column: str
    value: str
    n_rows: int
    n_units: int
    score: Interval
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    differs: bool | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "score": self.score.to_dict()}


def presence_patterns(ds: Dataset, modalities: Sequence[str] | None = None) -> np.ndarray:
    """Return which modalities each sample has, (N,) str such as `audio+text`, names in the dataset's order.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(2), "b": np.eye(2)}, labels=[0, 1], presence={"b": [True, False]},
        ...                  split=["train", "test"])
        >>> presence_patterns(ds).tolist()
        ['a+b', 'a']
    """
    for name in modalities or ():
        if name not in ds.modalities:
            raise unknown_name("modalities", name, ds.modalities)
    names = [name for name in ds.modalities if modalities is None or name in modalities]
    present = [ds.presence(name) for name in names]
    found = ["+".join(n for n, has in zip(names, present, strict=True) if has[i]) for i in range(len(ds))]
    return np.array([pattern or NOTHING_PRESENT for pattern in found], dtype=str)


def sample_slices(ds: Dataset, columns: Sequence[str], sample_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Return the slices of predicted rows, by columns of the table of samples.

    Args:
        ds: the dataset.
        columns: names of columns of `ds.samples` (missing values become "missing"), or `present` for the pattern of
            present modalities.
        sample_ids: (n,) the predicted rows, as `Predicted.sample_ids`.

    Returns:
        column -> (n,) str.

    Raises:
        InputError: for an unknown column, a sample that the dataset has not, or a column of more than 50 values.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(2)}, labels=["x", "y"], groups=["p", "q"], split=["train", "test"])
        >>> {k: v.tolist() for k, v in sample_slices(ds, ["group", "present"], np.array(["1"])).items()}
        {'group': ['q'], 'present': ['a']}
    """
    places = {name: row for row, name in enumerate(ds.samples["sample_id"].astype(str))}
    unknown = [name for name in sample_ids.tolist() if name not in places]
    if unknown:
        raise InputError("sample_ids", unknown[0], "samples of the dataset", "Pass the dataset that was predicted.")
    rows = np.array([places[name] for name in sample_ids.tolist()], dtype=np.int64)
    found = {}
    for column in columns:
        if column == PRESENT:
            values = presence_patterns(ds)
        elif column in ds.samples:
            values = (
                ds.samples[column].astype(object).map(str).where(ds.samples[column].notna(), "missing").to_numpy(str)
            )
        else:
            raise unknown_name("columns", column, [PRESENT, *map(str, ds.samples.columns)])
        found[column] = values[rows]
        _check_count(column, found[column])
    return found


def _check_count(column: str, values: np.ndarray) -> None:
    count = len(np.unique(values))
    if count > MAX_SLICES:
        raise InputError(f"slices {column}", counted(count, "value"), f"at most {MAX_SLICES}", "Bin the values first.")


def slice_table(
    predicted: Predicted, slices: Mapping[str, np.ndarray], *, metric: str, level: float = 0.95,
    interval: str = "leave_one_out", seed: int = 0,
) -> list[SliceScore]:  # fmt: skip
    """Return the score of every slice, by column and value, with the difference to all other rows.

    Args:
        predicted: predictions of one model.
        slices: column -> (n,) str, in the order of `predicted.sample_ids`.
        metric: a metric of `METRICS` that fits the task.
        level: of the intervals; `differs` is at 1 - level over the whole table.
        interval, seed: of the scores, as in `metric_interval`.

    Raises:
        InputError: for slices of another length, more than 50 values in a column, or a bad metric or level.

    Example:
        >>> p = Predicted("m", "regression", (), np.zeros(6), np.array([[1.0, 1.1, 0.9, 3.0, 3.1, 2.9]]),
        ...               np.zeros((1, 6, 1)), np.array(list("abcdef")), np.arange(6), "sample", (0,))
        >>> table = slice_table(p, {"site": np.array(list("uuuvvv"))}, metric="mae")
        >>> [(s.value, round(s.difference, 6), s.differs) for s in table]
        [('u', -2.0, True), ('v', 2.0, True)]
    """
    chosen = find_metric(metric, predicted.task)
    check_level(level)
    found = []
    for column, given in slices.items():
        values = np.asarray(given, dtype=str)
        if values.shape != predicted.truth.shape[:1]:
            raise InputError(f"slices {column}", f"shape {values.shape}", predicted.truth.shape[:1], "Give one a row.")
        _check_count(column, values)
        for value in np.unique(values).tolist():
            inside = values == value
            part = predicted.keep(inside)
            own = metric_interval(part, metric, level=level, interval=interval, seed=seed)
            compared = _against_rest(predicted, inside, chosen, level)
            found.append((column, value, int(inside.sum()), part.n_units, own, compared))
    tested = [entry[-1][3] for entry in found if entry[-1][3] is not None]
    adjusted = iter(holm(tested))
    table = []
    for column, value, n_rows, n_units, own, (difference, low, high, p, reason) in found:
        p_adjusted = None if p is None else next(adjusted)
        differs = None if p_adjusted is None else p_adjusted < 1.0 - level
        table.append(SliceScore(column, value, n_rows, n_units, own, difference, low, high, p, p_adjusted, differs,
                                reason))  # fmt: skip
    return table


_Compared = tuple[float | None, float | None, float | None, float | None, str | None]


def _against_rest(predicted: Predicted, inside: np.ndarray, metric: Metric, level: float) -> _Compared:
    """Difference, its ends, p, and the reason where there is none of them."""
    if inside.all():
        return None, None, None, None, "the slice holds every row"
    units = [len(np.unique(predicted.units[side])) for side in (inside, ~inside)]
    difference = _value(predicted, inside, metric) - _value(predicted, ~inside, metric)
    if not np.isfinite(difference):
        return None, None, None, None, f"{metric.name} is undefined on one side"
    if min(units) < 2:
        return difference, None, None, None, f"one {predicted.unit} on one side: nothing to compare it with"
    without = _difference_without(predicted, inside, metric)
    if not np.isfinite(without).all():
        return difference, None, None, None, f"undefined when one {predicted.unit} is left out"
    from scipy.stats import t

    error, degrees = standard_error(difference, without), min(units) - 1
    reach = float(t.ppf(0.5 + level / 2, degrees)) * error
    p = (1.0 if difference == 0.0 else 0.0) if error == 0.0 else 2.0 * float(t.sf(abs(difference) / error, degrees))
    return difference, difference - reach, difference + reach, p, None


def _value(predicted: Predicted, rows: np.ndarray, metric: Metric) -> float:
    return float(score(predicted.keep(rows), metric.name).mean())


def _difference_without(predicted: Predicted, inside: np.ndarray, metric: Metric) -> np.ndarray:
    """(G,) the difference without each unit; of metrics without row statistics by scoring again."""
    if metric.whole is not None:
        kept = [predicted.units != unit for unit in range(predicted.n_units)]
        return np.array([_value(predicted, k & inside, metric) - _value(predicted, k & ~inside, metric)
                         if (k & inside).any() and (k & ~inside).any() else np.nan for k in kept])  # fmt: skip
    of_rows, function = statistics(metric)
    rows = of_rows(predicted)
    sides = []
    for side in (inside, ~inside):
        sums = np.zeros((predicted.n_units, rows.shape[0], rows.shape[2]))
        np.add.at(sums, predicted.units[side], rows[:, side].swapaxes(0, 1))
        sides.append(function(sums.sum(axis=0) - sums).mean(axis=1))
    return sides[0] - sides[1]
