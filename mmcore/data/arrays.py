"""A dataset from arrays a user already holds: numpy, pandas, torch, or lists.

Nothing is changed but the container: values keep their numbers, missing entries stay NaN. A row is taken as absent
where nothing was given (None, an empty sequence or text) and where a row of floats is all NaN, unless `presence` says
otherwise; absent rows then hold zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.convert import Converted, convert
from mmcore.data.dataset import Array, Dataset, absent_as_zeros, spec_of_array
from mmcore.data.labels import label_column
from mmcore.data.ragged import Ragged
from mmcore.data.samples import check_leakage, check_sample_ids, check_samples, check_split
from mmcore.data.spec import DatasetSpec, LabelSpec, check_label_column, check_modality_name
from mmcore.data.split import split_rows
from mmcore.errors import InputError, counted, unknown_name


def from_arrays(
    modalities: Mapping[str, Any],
    labels: Any = None,
    *,
    name: str = "dataset",
    groups: Sequence | np.ndarray | pd.Series | None = None,
    split: Sequence | np.ndarray | pd.Series | None = None,
    folds: Sequence | np.ndarray | pd.Series | None = None,
    presence: Mapping[str, Any] | None = None,
    kinds: Mapping[str, str] | None = None,
    sample_ids: Sequence | np.ndarray | pd.Series | None = None,
    task: str | Mapping[str, str] | None = None,
    classes: Sequence | Mapping[str, Sequence] | None = None,
    rates: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    times: Mapping[str, Sequence] | None = None,
    annotations: Mapping[str, Any] | None = None,
    licence: str | None = None,
    source: str | None = None,
    version: str = "1",
    seed: int = 0,
) -> Dataset:
    """Return a dataset of the given arrays, checked as a whole.

    Args:
        modalities: name -> (N, ...) array, DataFrame, Series, tensor, or list of N arrays (t_i, d) where ragged.
        labels: (N,) values, (N, K) of 0 and 1, or a dict column -> either; None and NaN are unlabelled.
        name: of the dataset.
        groups: (N,) leakage units, e.g. persons: no group lies in two splits or folds.
        split: (N,) of `train`, `valid`, `test`; None: 70/15/15, stratified by the first label, groups whole.
        folds: (N,) integers from 0, or None.
        presence: modality -> (N,) bool; where it is silent, see the module's first lines.
        kinds: modality -> kind; None: uint8 images, text from strings, tabular from 2-D, timeseries from 3-D or ragged.
        sample_ids: (N,) unique names; None: the row number, padded with zeros.
        task: `classification`, `multilabel`, `regression`, for all labels or by column; None: from the values.
        classes: class names in order, for the one label or by column.
        rates: modality -> steps a second.
        units: modality or label column -> unit.
        times: ragged modality -> list of N arrays (t_i, 2), start and end of each step in seconds.
        annotations: free JSON for the report.
        licence: of the data.
        source: where the data come from.
        version: of the data.
        seed: of the split, where none is given.

    Raises:
        InputError: for anything that breaks the contract, naming the argument, the value and the remedy.

    Example:
        >>> ds = from_arrays({"image": np.zeros((6, 8, 8, 3), np.uint8), "note": list("abcdef")}, labels=list("xyxyxy"))
        >>> [m.kind for m in ds.spec.modalities], ds.spec.label().classes
        (['image', 'text'], ('x', 'y'))
    """
    if not modalities:
        raise InputError("modalities", "none", "at least one", "Give at least one modality.")
    for modality in modalities:
        check_modality_name(modality)
    label_sources = _label_sources(labels)
    _check_keys(modalities, label_sources, kinds=kinds, presence=presence, rates=rates, times=times, units=units)
    converted = {m: convert(v, m, kind=(kinds or {}).get(m), times=(times or {}).get(m)) for m, v in modalities.items()}
    n = _n_samples(converted, labels=label_sources)
    arrays, present = {}, {}
    for modality, got in converted.items():
        present[modality] = _presence(got, modality, (presence or {}).get(modality), n)
        arrays[modality] = absent_as_zeros(got.array, present[modality])
    columns, label_specs = _labels(label_sources, task, classes, units or {}, n)
    specs = tuple(
        spec_of_array(m, arrays[m], kind=converted[m].kind, rate=(rates or {}).get(m), unit=(units or {}).get(m))
        for m in arrays
    )
    spec = DatasetSpec(name, version, label_specs, specs, n, licence, source, dict(annotations or {}))
    samples = _samples(spec, columns, present, groups=groups, split=split, folds=folds, sample_ids=sample_ids)
    if split is None:
        main = Dataset(spec, samples, arrays).labels() if label_specs else None
        unit = samples["group"].to_numpy() if groups is not None else None
        samples["split"] = pd.Series(split_rows(main, groups=unit, seed=seed, n_rows=n), dtype="str")
    if groups is not None:
        for what in {"split", "fold"} & set(samples.columns):
            check_leakage(samples["group"], samples[what], what)
    check_samples(samples, spec)
    return Dataset(spec, samples, arrays)


def _label_sources(labels: Any) -> dict[str, Any]:
    if labels is None:
        return {}
    sources = dict(labels) if isinstance(labels, Mapping) else {"label": labels}
    for column in sources:
        check_label_column(column)
    return sources


def _check_keys(modalities: Mapping[str, Any], labels: Mapping[str, Any], **named: Mapping[str, Any] | None) -> None:
    """Raise for a key of an option that names no modality (for units: nor label column)."""
    for argument, mapping in named.items():
        allowed = [*modalities, *labels] if argument == "units" else list(modalities)
        for key in mapping or {}:
            if key not in allowed:
                raise unknown_name(argument, str(key), allowed)


def _n_samples(converted: Mapping[str, Converted], *, labels: Mapping[str, Any]) -> int:
    counts = {m: len(c.array) for m, c in converted.items()}
    n = next(iter(counts.values()))
    counts.update({f"labels {c}": len(v) for c, v in labels.items()})
    if n == 0:
        raise InputError(next(iter(counts)), "0 rows", "at least one row", "Give at least one sample.")
    for what, count in counts.items():
        if count != n:
            first = next(iter(counts))
            raise InputError(what, counted(count, "row"), f"{n} rows, as {first}", "Give everything one row a sample.")
    return n


def _presence(got: Converted, name: str, given: Any, n: int) -> np.ndarray:
    """Which rows are present: what the user says, else where something was given."""
    if given is None:
        return ~(got.void | _all_nan(got.array))
    mask = np.asarray(given.detach().cpu().numpy() if hasattr(given, "detach") else given)
    if mask.shape != (n,):
        raise InputError(f"presence of {name}", f"shape {mask.shape}", (n,), "Give one entry a sample.")
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise InputError(f"presence of {name}", mask.dtype, "True and False", "Give a boolean mask.")
    mask = mask.astype(bool)
    empty = np.flatnonzero(mask & got.void)
    if len(empty):
        received = f"True for row {empty[0]}, which holds nothing"
        raise InputError(f"presence of {name}", received, "False where nothing is given", "Correct the mask.")
    return mask


def _all_nan(array: Array) -> np.ndarray:
    if isinstance(array, Ragged) or array.dtype.kind != "f":
        return np.zeros(len(array), dtype=bool)
    return np.asarray(np.isnan(array.reshape(len(array), -1)).all(axis=1))


def _labels(
    sources: Mapping[str, Any],
    task: str | Mapping[str, str] | None,
    classes: Sequence | Mapping[str, Sequence] | None,
    units: Mapping[str, str],
    n: int,
) -> tuple[dict[str, pd.Series], tuple[LabelSpec, ...]]:
    if classes is not None and not isinstance(classes, Mapping) and len(sources) > 1:
        raise InputError("classes", "one list", f"a dict of {', '.join(sources)}", "Give the classes by label column.")
    for argument, mapping in (("task", task), ("classes", classes)):
        for key in mapping if isinstance(mapping, Mapping) else ():
            if key not in sources:
                raise unknown_name(argument, str(key), sources)
    columns, specs = {}, []
    for column, values in sources.items():
        of_task = task.get(column) if isinstance(task, Mapping) else task
        of_classes = classes.get(column) if isinstance(classes, Mapping) else classes
        stored, spec = label_column(values, column, task=of_task, classes=of_classes, unit=units.get(column))
        if len(stored) != n:
            raise InputError(
                f"labels {column}", counted(len(stored), "row"), counted(n, "row"), "Give one label a sample."
            )
        columns[column] = stored
        specs.append(spec)
    return columns, tuple(specs)


def _column(values: Any, argument: str, n: int) -> pd.Series:
    """One entry a sample, as an object column."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    column = pd.Series(list(values), dtype=object)
    if len(column) != n:
        raise InputError(argument, counted(len(column), "row"), counted(n, "row"), "Give one entry a sample.")
    return column


def _samples(
    spec: DatasetSpec,
    labels: Mapping[str, pd.Series],
    present: Mapping[str, np.ndarray],
    *,
    groups: Any,
    split: Any,
    folds: Any,
    sample_ids: Any,
) -> pd.DataFrame:
    """The table of samples; `split` is all train where none is given yet."""
    n = spec.n_samples
    width = len(str(n - 1))
    ids = [f"{i:0{width}d}" for i in range(n)] if sample_ids is None else _column(sample_ids, "sample_ids", n)
    table: dict[str, Any] = {"sample_id": _strings(pd.Series(ids, dtype=object))}
    check_sample_ids(table["sample_id"])
    table.update(labels)
    parts = pd.Series(["train"] * n, dtype="str") if split is None else _column(split, "split", n).astype("str")
    check_split(parts)
    table["split"] = parts
    if folds is not None:
        table["fold"] = _fold_numbers(_column(folds, "folds", n))
    if groups is not None:
        table["group"] = _strings(_column(groups, "groups", n))
        if table["group"].isna().any():
            row = int(np.flatnonzero(table["group"].isna())[0])
            raise InputError("groups", f"nothing in row {row}", "a group for every sample", "Name every group.")
    table.update({f"has_{m}": mask for m, mask in present.items()})
    return pd.DataFrame(table)


def _strings(column: pd.Series) -> pd.Series:
    """Names of ids or groups: whole floats as integers, missing ones left missing."""
    missing = column.isna()
    names = [None if gone else _name(value) for value, gone in zip(column, missing, strict=True)]
    return pd.Series(names, dtype="str")


def _name(value: Any) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _fold_numbers(column: pd.Series) -> pd.Series:
    try:
        numbers = pd.to_numeric(column).astype("Int64")
    except (ValueError, TypeError) as error:
        raise InputError("folds", str(error), "integers from 0", "Number the folds.") from error
    if (numbers.dropna() < 0).any():
        raise InputError("folds", int(numbers.min()), "integers from 0", "Number the folds from 0; None for no fold.")
    return numbers.rename("fold")
