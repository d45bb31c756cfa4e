"""Matching and coordination of whole rows: which sample belongs to which, and two views in one space.

Rows are matched within each part (train, valid, test), so that nothing crosses between them; the correlation analysis
is fitted on train rows that have both views and applied to all rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.align.correlation import CanonicalCorrelation, fit_correlation
from mmcore.align.features import comparable, standardise
from mmcore.align.sequences import Array, spread, untouched
from mmcore.align.transport import NOT_CONVERGED, match
from mmcore.data import Dataset, ModalitySpec, Ragged
from mmcore.data.dataset import spec_of_array
from mmcore.data.spec import SPLITS
from mmcore.errors import InputError, unknown_name


def match_rows(ds: Dataset, reference: str, *, features: str, **settings: Any) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with the rows of every other modality matched to the reference's rows.

    For data whose rows were never paired: labels and groups stay with the reference. A part where either modality has
    no row is left without the other modality.

    Raises:
        InputError: for ragged modalities or text, or a solver that does not converge.
    """
    base = _flat(ds, reference)
    has_base = ds.presence(reference)
    record: dict[str, Any] = {reference: {"operation": "reference", "detail": "rows that the others are matched to"}}
    new, presence = {}, {}
    for name in (m for m in ds.modalities if m != reference):
        flat, has = _flat(ds, name), ds.presence(name)
        out, present = np.zeros(flat.shape, dtype=np.float64), np.zeros(len(ds), dtype=bool)
        costs, residuals = [], []
        for part in SPLITS:
            rows = ds.rows(part)
            mine, theirs = rows[has_base[rows]], rows[has[rows]]
            if not len(mine) or not len(theirs):
                continue
            found = match(*_row_features(base[mine], flat[theirs], features, settings["solver"]), **settings)
            if found.status == NOT_CONVERGED:
                raise InputError(
                    "max_iterations", f"{settings['max_iterations']}, not enough for the {part} rows of {name}",
                    "iterations until convergence", "Raise max_iterations or regularisation, or use solver 'exact'.",
                )  # fmt: skip
            out[mine], present[mine] = found.project(flat[theirs]), True
            costs.append(found.cost)
            residuals.append(found.marginal_residual)
        dtype = ds[name].dtype if ds[name].dtype.kind == "f" else np.float64
        shape = (len(ds), *(int(size) for size in ds.spec.modality(name).shape if size is not None))
        new[name], presence[name] = out.reshape(shape).astype(dtype), present
        record[name] = {
            "operation": "transport",
            "detail": f"rows matched to {reference} within each part, by {features} features",
            "rows": int(present.sum()),
            "cost": spread(costs),
            "marginal_residual": spread(residuals),
        }
    return ds.replace(new, presence=presence), record


def _row_features(x: np.ndarray, y: np.ndarray, features: str, solver: str) -> tuple[np.ndarray, np.ndarray]:
    if solver == "gromov" and features == "auto":
        return standardise(x), standardise(y)  # needs no common columns, so none are given up
    return comparable(x, y, features=features)


def _flat(ds: Dataset, name: str) -> np.ndarray:
    array = ds[name]
    if isinstance(array, Ragged) or array.dtype.kind not in "fiub":
        received = "ragged" if isinstance(array, Ragged) else f"dtype {array.dtype}"
        raise InputError(
            name, received, "numbers of one shape for all rows", "Use over='steps', or preprocess it into vectors."
        )
    return np.asarray(array, dtype=np.float64).reshape(len(array), -1)


def fit_correlation_on(
    ds: Dataset, first: str, second: str, *, over: str = "rows", components: int | None = None, ridge: float = 1e-3
) -> CanonicalCorrelation:
    """Return the correlation analysis of two modalities, fitted on the train rows that have both.

    Args:
        ds: the dataset.
        first: name of the first view.
        second: name of the second.
        over: "rows" takes a sample, flattened, as one observation; "steps" each step of sequences of equal lengths.
        components: directions to keep, at most the narrower width; None for all.
        ridge: relative ridge, see `fit_correlation`.

    Raises:
        InputError: for sequences whose lengths differ, no train row with both, or what `fit_correlation` refuses.
    """
    train = ds.rows("train")
    train = train[ds.presence(first)[train] & ds.presence(second)[train]]
    if not len(train):
        raise InputError("reference", "no train row with both views", "rows with both", "Choose other modalities.")
    lengths = [_lengths(ds, name, train) for name in (first, second)]
    if over == "steps" and (lengths[0] != lengths[1]).any():
        row = int(train[np.flatnonzero(lengths[0] != lengths[1])[0]])
        raise InputError(
            "over", f"'steps' with sequences of other lengths, first in row {row}", "equal lengths in every sample",
            "Bring both to one clock first (words, resample).",
        )  # fmt: skip
    views = [_observations(ds, name, train, over) for name in (first, second)]
    return fit_correlation(views[0], views[1], components=components, ridge=ridge)


def apply_correlation(
    ds: Dataset, fitted: CanonicalCorrelation, first: str, second: str, *, over: str = "rows"
) -> Dataset:
    """Return the dataset, of the rows it was fitted on or new ones, with both views in the shared coordinates."""
    new: dict[str, Array] = {}
    specs: dict[str, ModalitySpec] = {}
    for name, project in ((first, fitted.project1), (second, fitted.project2)):
        old, present = ds[name], ds.presence(name)
        dtype = old.dtype if old.dtype.kind == "f" else np.dtype(np.float64)
        k = len(fitted.correlations)
        array: Array
        if isinstance(old, Ragged):
            values = project(_observations(ds, name, np.arange(len(ds)), over)).astype(dtype)
            array = Ragged(values, old.offsets, old.times)
        else:
            shape = (len(ds), old.shape[1], k) if over == "steps" else (len(ds), k)
            array = np.zeros(shape, dtype=dtype)
            rows = np.flatnonzero(present)
            if len(rows):
                array[rows] = project(_observations(ds, name, rows, over)).reshape(len(rows), *shape[1:])
        spec = ds.spec.modality(name)
        kind, rate = (spec.kind, spec.rate) if over == "steps" else ("embedding", None)
        new[name], specs[name] = array, spec_of_array(name, array, kind=kind, rate=rate, unit=None)
    return ds.replace(new, specs=specs)


def _lengths(ds: Dataset, name: str, rows: np.ndarray) -> np.ndarray:
    array = ds[name]
    if isinstance(array, Ragged):
        return array.lengths[rows]
    return np.full(len(rows), array.shape[1] if array.ndim > 1 else 1)


def _observations(ds: Dataset, name: str, rows: np.ndarray, over: str) -> np.ndarray:
    if over == "rows":
        return _flat(ds, name)[rows]
    array = ds[name]
    if isinstance(array, Ragged):
        return np.asarray(array.select(rows).values, dtype=np.float64).reshape(int(array.lengths[rows].sum()), -1)
    if array.ndim < 3:
        raise InputError(name, f"shape {array.shape[1:]}", "(steps, channels)", "Use over='rows' for vectors.")
    return np.asarray(array[rows], dtype=np.float64).reshape(len(rows) * array.shape[1], -1)


def _other(ds: Dataset, reference: str, modality: str | None) -> str:
    others = [name for name in ds.modalities if name != reference]
    if modality is None:
        if len(others) != 1:
            raise InputError("modality", "none", ", ".join(others), f"Name the one to coordinate with {reference}.")
        modality = others[0]
    if modality not in others:
        raise unknown_name("modality", modality, others)
    return modality


def fit_coordination(
    ds: Dataset, reference: str, *, modality: str | None, over: str, components: int | None, ridge: float
) -> CanonicalCorrelation:
    """Return the correlation analysis of the reference and one other modality (None: the only other one)."""
    modality = _other(ds, reference, modality)
    return fit_correlation_on(ds, reference, modality, over=over, components=components, ridge=ridge)


def coordinate(
    ds: Dataset, reference: str, *, modality: str | None, over: str, fitted: CanonicalCorrelation, **_fit: Any
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with the reference and one other modality in their canonical coordinates."""
    modality = _other(ds, reference, modality)
    record = untouched(ds, [name for name in ds.modalities if name not in (reference, modality)])
    for name in (reference, modality):
        record[name] = {
            "operation": "correlation",
            "detail": f"canonical coordinates of {reference} and {modality}, fitted on train {over}",
            "correlations": [float(value) for value in fitted.correlations],
            "ridge": fitted.ridge,
            f"train_{over}": fitted.n_rows,
        }
    return apply_correlation(ds, fitted, reference, modality, over=over), record
