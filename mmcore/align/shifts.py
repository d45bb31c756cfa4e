"""Lag over a dataset: each sequence moved to where it agrees best with the reference, then cut to the overlap.

One lag for the dataset is estimated on its train rows; one a group, or one a sample, on their own rows. Where the peak
is refused nothing is moved, and the record says how often and why. The cut keeps the steps of the reference that every
sequence of the sample still covers; sequences of fixed length stay so, at the overlap that all samples share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcore.align.features import comparable
from mmcore.align.lag import FOUND, Lag, estimate_common_lag
from mmcore.align.resample import delay
from mmcore.align.sequences import SequenceModality, packed, replaced, sequence_modalities, spread, untouched
from mmcore.data import Dataset, Ragged
from mmcore.errors import InputError


def fit_lags(
    ds: Dataset, reference: str, *, scope: str, max_lag: float, features: str, alpha: float, subsample: bool
) -> dict[str, Lag] | None:
    """Return the lag in steps of each modality whose train rows tell one; None where the scope is not the dataset."""
    if scope != "dataset":
        return None
    sequences = sequence_modalities(ds, "lag", reference)
    rate, _ = _common_rate(sequences)
    _check_starts(sequences, reference, rate)
    lags: dict[str, Lag] = {}
    for name, other in sequences.items():
        if name != reference:
            _, found = _lags(ds, sequences[reference], other, scope, round(max_lag * rate), features, alpha)
            lags |= {name: found[0]} if found else {}
    return lags


def shift_lags(
    ds: Dataset,
    reference: str,
    *,
    scope: str,
    max_lag: float,
    features: str,
    alpha: float,
    subsample: bool,
    fitted: Mapping[str, Lag] | None = None,
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence shifted by its lag behind `reference`; `max_lag` in seconds.

    Where no modality has a clock, a step counts as a second. `fitted` are lags from `fit_lags`; without them every lag
    is estimated here, on these rows.
    """
    sequences = sequence_modalities(ds, "lag", reference)
    rate, unit = _common_rate(sequences)
    base = sequences[reference]
    _check_starts(sequences, reference, rate)
    reach = round(max_lag * rate)
    record = untouched(ds, [name for name in ds.modalities if name not in sequences])
    record[reference] = {"operation": "reference", "detail": "cut to the steps that all sequences cover"}
    shifts = {reference: np.zeros(len(ds))}
    for name, other in sequences.items():
        if name == reference:
            continue
        if fitted is None:
            shifts[name], found = _lags(ds, base, other, scope, reach, features, alpha)
        else:
            found = [fitted[name]] if name in fitted else []
            shifts[name] = np.full(len(ds), found[0].lag if found and found[0].status == FOUND else 0.0)
        if not subsample:
            shifts[name] = np.round(shifts[name])
        record[name] = _entry(found, base, other, scope, rate, unit)
    changes, bounds = _cut(sequences, shifts, rate)
    record[reference]["rows_left_empty"] = int((bounds[:, 1] <= bounds[:, 0]).sum())
    return replaced(ds, changes), record


def _common_rate(sequences: dict[str, SequenceModality]) -> tuple[float, str]:
    rates = {name: other.spec.rate for name, other in sequences.items()}
    if len(set(rates.values())) > 1 or (None in rates.values() and any(o.spec.timed for o in sequences.values())):
        received = ", ".join(f"{name} {rate if rate else 'none'}" for name, rate in rates.items())
        raise InputError("rate", received, "one rate for all sequences", "Bring them to one clock first (resample).")
    rate = next(iter(rates.values()))
    return (1.0, "steps") if rate is None else (float(rate), "s")


def _check_starts(sequences: dict[str, SequenceModality], reference: str, rate: float) -> None:
    """Steps are compared by position: stored times must start together, within half a step."""
    base = sequences[reference]
    for name, other in sequences.items():
        if not (base.spec.timed and other.spec.timed):
            continue
        for i in np.flatnonzero(base.present & other.present).tolist():
            gap = float(other.intervals(i)[0, 0] - base.intervals(i)[0, 0])
            if abs(gap) * rate > 0.5:
                raise InputError(
                    f"times of {name}", f"row {i} starts {gap:.4g} s after {reference}", "one start for all",
                    "Bring them to one clock first (resample).",
                )  # fmt: skip


def _lags(
    ds: Dataset, base: SequenceModality, other: SequenceModality, scope: str, reach: int, features: str, alpha: float
) -> tuple[np.ndarray, list[Lag]]:
    """Return the lag of each row in steps, 0 where refused or unknown, and all estimates."""
    both = np.flatnonzero(base.present & other.present)
    units: list[tuple[np.ndarray, np.ndarray]]  # rows that share a lag, rows it is estimated on
    if scope == "sample":
        units = [(np.array([i]), np.array([i])) for i in both]
    elif scope == "dataset":
        units = [(np.arange(len(ds)), np.intersect1d(both, ds.rows("train")))]
    else:
        groups = ds.groups
        if groups is None:
            raise InputError("scope", "'group' without groups", "sample, dataset", "Build the dataset with groups=.")
        members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        units = [(rows, np.intersect1d(rows, both)) for rows in members]
    shift = np.zeros(len(ds))
    found = []
    for rows, on in units:
        if not len(on):
            continue
        pairs = [comparable(base.steps(i), other.steps(i), features=features) for i in on]
        lag = estimate_common_lag(pairs, max_lag=reach, alpha=alpha)
        found.append(lag)
        if lag.status == FOUND:
            shift[rows] = lag.lag
    return shift, found


def _entry(
    found: list[Lag], base: SequenceModality, other: SequenceModality, scope: str, rate: float, unit: str
) -> dict[str, Any]:
    accepted = [lag for lag in found if lag.status == FOUND]
    reasons = Counter(code for lag in found for code in lag.refusals)
    return {
        "operation": "lag",
        "detail": f"one lag a {scope} behind {base.name}; a refused lag moves nothing",
        "unit": unit,
        "status": FOUND if accepted else "refused",
        "found": len(accepted),
        "refused": len(found) - len(accepted),
        "reasons": dict(sorted(reasons.items())),
        "lag": spread(lag.lag / rate for lag in accepted),
        "score": spread(lag.score for lag in found),
        "threshold": spread(lag.threshold for lag in found),
        "rows_without_reference": int((other.present & ~base.present).sum()),
    }


def _cut(
    sequences: dict[str, SequenceModality], shifts: dict[str, np.ndarray], rate: float
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the packed modalities and the (N, 2) reference steps that each row keeps."""
    n = len(next(iter(shifts.values())))
    bounds = np.tile(np.array([0.0, np.inf]), (n, 1))
    for name, other in sequences.items():
        rows = np.flatnonzero(other.present)
        lengths = _lengths(other)[rows]
        bounds[rows, 0] = np.maximum(bounds[rows, 0], np.ceil(-shifts[name][rows] - 1e-9))
        last = lengths - 1 - shifts[name][rows]
        bounds[rows, 1] = np.minimum(bounds[rows, 1], np.floor(last + 1e-9) + 1)
    bounds[np.isinf(bounds[:, 1])] = 0.0, 1.0  # rows without any sequence keep nothing and cut nobody else
    fixed = None
    if not any(other.ragged for other in sequences.values()):
        somewhere = np.any([other.present for other in sequences.values()], axis=0)
        bounds[:] = bounds[somewhere, 0].max(), bounds[somewhere, 1].min()
        fixed = int(bounds[0, 1] - bounds[0, 0])
        if fixed < 1:
            raise InputError(
                "max_lag", "lags that leave no step common to all samples", "sequences that overlap after the shift",
                "Use scope 'dataset', a smaller max_lag, or ragged sequences.",
            )  # fmt: skip
    steps = bounds.astype(np.int64)
    return {name: _moved(other, shifts[name], steps, fixed, rate) for name, other in sequences.items()}, steps


def _lengths(other: SequenceModality) -> np.ndarray:
    if isinstance(other.array, Ragged):
        return other.array.lengths
    return np.full(len(other.array), other.array.shape[1])


def _moved(other: SequenceModality, shift: np.ndarray, bounds: np.ndarray, fixed: int | None, rate: float) -> Any:
    rows: list[np.ndarray | None] = [None] * len(shift)
    times: list[np.ndarray | None] = [None] * len(shift)
    for i in np.flatnonzero(other.present).tolist():
        first, last = bounds[i]
        whole = int(np.floor(shift[i] + 1e-9))
        rest = float(shift[i]) - whole
        values = other.steps(i)
        if rest > 1e-9:
            values = delay(values, -rest)
        rows[i] = values[max(0, first + whole) : max(0, last + whole)]
        if other.spec.timed:
            # a step now stands at the reference's instant, `shift` steps before its own
            own = other.intervals(i)[max(0, first + whole) : max(0, last + whole)]
            times[i] = own - float(shift[i]) / rate
    return packed(other, rows, times=times if other.spec.timed else None, rate=other.spec.rate, fixed=fixed)
