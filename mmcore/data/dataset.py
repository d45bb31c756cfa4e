"""A multimodal dataset in memory or memory-mapped: arrays, a table of samples, and the specification of both.

The table is `samples.parquet`: `sample_id`, label columns, `split`, optional `fold` and `group`, and `has_<modality>`,
the only authority on what is present. Rows that are not present hold zeros (text: the empty string; ragged: no step).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.ragged import Ragged
from mmcore.data.spec import SPLITS, DatasetSpec, ModalitySpec
from mmcore.errors import InputError, counted, unknown_name

Array = np.ndarray | Ragged


def dtype_name(array: Array) -> str:
    """Return the dtype as `dataset.json` writes it: `str` for text, else numpy's name.

    Example:
        >>> dtype_name(np.array(["a"])), dtype_name(np.zeros(2, np.float32))
        ('str', 'float32')
    """
    return "str" if array.dtype.kind == "U" else array.dtype.name


def spec_of_array(name: str, array: Array, *, kind: str, rate: float | None, unit: str | None) -> ModalitySpec:
    """Return the specification of `array` under the given name, kind, rate (Hz) and unit.

    Example:
        >>> spec_of_array("a", np.zeros((5, 3)), kind="tabular", rate=None, unit=None).shape
        (3,)
    """
    if isinstance(array, Ragged):
        timed = array.times is not None
        return ModalitySpec(name, kind, array.sample_shape, dtype_name(array), True, timed, rate, unit)
    return ModalitySpec(name, kind, array.shape[1:], dtype_name(array), False, False, rate, unit)


def absent_as_zeros(array: Array, present: np.ndarray) -> Array:
    """Return `array` with the rows that are not present holding zeros; the same object where they already do.

    Example:
        >>> absent_as_zeros(np.array([[1.0], [np.nan]]), np.array([True, False])).tolist()
        [[1.0], [0.0]]
    """
    absent = np.flatnonzero(~present)
    if not len(absent):
        return array
    if isinstance(array, Ragged):
        return array.emptied(present) if array.lengths[absent].any() else array
    zero = np.zeros((), dtype=array.dtype)
    if bool((array[absent] == zero).all()):
        return array
    filled = np.array(array)
    filled[absent] = zero
    return filled


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A dataset: `from_arrays` and `load_dataset` build it; nothing in it is meant to be changed in place.

    Args:
        spec: what the dataset says about itself.
        samples: one row a sample, as in the module's first lines.
        arrays: modality name -> (N, ...) array or `Ragged` of N.

    Raises:
        InputError: where a modality's rows, shape or dtype, or the table's columns, differ from `spec`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0, 1, 0, 1], name="my", seed=0)
        >>> ds.modalities, ds["b"].shape, ds.labels().tolist()
        (('a', 'b'), (4, 2), [0, 1, 0, 1])
    """

    spec: DatasetSpec
    samples: pd.DataFrame
    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        n = self.spec.n_samples
        if len(self.samples) != n:
            raise InputError(
                "samples", counted(len(self.samples), "row"), counted(n, "row"), "Make the table match n_samples."
            )
        if set(self.arrays) != set(self.modalities):
            raise InputError("arrays", sorted(self.arrays), sorted(self.modalities), "Give one array a modality.")
        for modality in self.spec.modalities:
            array = self.arrays[modality.name]
            if len(array) != n:
                allowed = f"{n} rows, as the samples"
                raise InputError(
                    modality.name, counted(len(array), "row"), allowed, "Give every modality the same rows."
                )
            found = spec_of_array(modality.name, array, kind=modality.kind, rate=modality.rate, unit=modality.unit)
            if found != modality:
                received = f"{found.dtype} {found.shape}{' with times' * found.timed}"
                allowed = f"{modality.dtype} {modality.shape}{' with times' * modality.timed}"
                raise InputError(modality.name, received, allowed, "Make the array and its specification agree.")
        needed = ["sample_id", "split", *(x.column for x in self.spec.labels), *(f"has_{m}" for m in self.modalities)]
        missing = [c for c in needed if c not in self.samples.columns]
        if missing:
            raise InputError("samples", f"no column {', '.join(missing)}", ", ".join(needed), "Add the columns.")

    def __len__(self) -> int:
        return self.spec.n_samples

    def __repr__(self) -> str:
        labels = ", ".join(f"{x.column}: {x.task}" for x in self.spec.labels)
        samples = counted(len(self), "sample")
        return f"Dataset({self.spec.name}: {samples} of {', '.join(self.modalities)}; {labels or 'unlabelled'})"

    def __getitem__(self, name: str) -> Array:
        self.spec.modality(name)
        return self.arrays[name]

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names of the modalities, in order."""
        return tuple(m.name for m in self.spec.modalities)

    def presence(self, name: str) -> np.ndarray:
        """Return which samples have modality `name`, (N,) bool."""
        self.spec.modality(name)
        return self.samples[f"has_{name}"].to_numpy(dtype=bool, copy=True)

    def labels(self, column: str | None = None) -> np.ndarray:
        """Return the labels of `column` (None: the main one) as numbers.

        Returns:
            classification: (N,) int64 codes into `spec.label(column).classes`, -1 where unlabelled;
            regression: (N,) float64, NaN where unlabelled;
            multilabel: (N, K) float64 of 0 and 1, a row of NaN where unlabelled.
        """
        spec = self.spec.label(column)
        values = self.samples[spec.column]
        if spec.task == "regression":
            return values.to_numpy(dtype=np.float64, copy=True)
        codes = {name: code for code, name in enumerate(spec.classes or ())}
        if spec.task == "classification":
            # as one array: a column of texts takes microseconds to hand out each of its values
            texts = values.to_numpy(dtype=object)
            return np.array([codes[v] if isinstance(v, str) else -1 for v in texts], dtype=np.int64)
        encoded = np.full((len(self), len(codes)), np.nan)
        for i, names in enumerate(values):
            if names is not None:
                encoded[i] = 0.0
                encoded[i, [codes[v] for v in names]] = 1.0
        return encoded

    @property
    def groups(self) -> np.ndarray | None:
        """The leakage unit of each sample, (N,) str, or None where samples stand alone."""
        return np.array(self.samples["group"], dtype=str) if "group" in self.samples else None

    @property
    def folds(self) -> np.ndarray | None:
        """The fold of each sample, (N,) int64 with -1 where it has none, or None where there are no folds."""
        if "fold" not in self.samples:
            return None
        return self.samples["fold"].astype("Int64").fillna(-1).to_numpy(dtype=np.int64, copy=True)

    def rows(self, split: str) -> np.ndarray:
        """Return the row numbers of `train`, `valid` or `test`, (n,) int64."""
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        return np.flatnonzero(self.samples["split"].to_numpy() == split)

    def select(self, rows: np.ndarray) -> Dataset:
        """Return the dataset of the given rows, in that order; copies them into memory.

        Args:
            rows: (n,) row numbers, or an (N,) bool mask.

        Raises:
            InputError: where no row is left or a mask has another length.
        """
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            if len(chosen) != len(self):
                raise InputError("rows", f"a mask of {len(chosen)}", len(self), "Give one entry a sample.")
            chosen = np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        arrays = {m: a.select(chosen) if isinstance(a, Ragged) else a[chosen] for m, a in self.arrays.items()}
        spec = dataclasses.replace(self.spec, n_samples=len(chosen))
        return Dataset(spec, self.samples.iloc[chosen].reset_index(drop=True), arrays)

    def replace(
        self,
        arrays: Mapping[str, Array] | None = None,
        /,
        *,
        specs: Mapping[str, ModalitySpec] | None = None,
        presence: Mapping[str, np.ndarray] | None = None,
        **modalities: Array,
    ) -> Dataset:
        """Return the dataset with the given modalities swapped or added.

        Args:
            arrays: modality name -> array, for names that are also arguments; else give them as keywords.
            specs: their specifications; a swapped modality without one keeps its kind, rate and unit.
            presence: their presence, (N,) bool; a swapped modality without it keeps its own, an added one is present.

        Raises:
            InputError: for an added modality without a specification, or rows that do not match.
        """
        new = {**(arrays or {}), **modalities}
        given = dict(specs or {})
        described: dict[str, ModalitySpec] = {m.name: m for m in self.spec.modalities}
        samples = self.samples.copy()
        for name, array in new.items():
            old = given.get(name) or described.get(name)
            if old is None:
                raise InputError("specs", f"none for '{name}'", "a ModalitySpec for each added one", "Give its spec.")
            described[name] = given.get(name) or spec_of_array(name, array, kind=old.kind, rate=old.rate, unit=old.unit)
            if f"has_{name}" not in samples:
                samples[f"has_{name}"] = True
        for name, mask in (presence or {}).items():
            if name not in described:
                raise unknown_name("presence", name, described)
            if len(mask) != len(self):
                raise InputError(
                    f"presence of {name}", counted(len(mask), "row"), len(self), "Give one entry a sample."
                )
            samples[f"has_{name}"] = np.array(mask, dtype=bool)
        spec = dataclasses.replace(self.spec, modalities=tuple(described.values()))
        return Dataset(spec, samples, {**self.arrays, **new})

    def annotate(self, **annotations: Any) -> Dataset:
        """Return the dataset with these annotations added to (or in place of) those it has."""
        spec = dataclasses.replace(self.spec, annotations={**self.spec.annotations, **annotations})
        return Dataset(spec, self.samples, self.arrays)

    def describe(self) -> dict[str, Any]:
        """Return counts by split, label and group, and what each modality holds; see `mmcore.data.describe`."""
        from mmcore.data.describe import describe

        return describe(self)
