"""What a dataset says about itself: the content of `dataset.json`.

A specification holds no data. Names of modalities and label columns match `[a-z][a-z0-9_]*`; the name of a dataset may
also hold hyphens, because it never becomes a file name beside a modality's. `shape` is one sample's, without the sample
axis; a leading None stands for the length of a ragged sequence.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmcore.errors import InputError, unknown_name

KINDS = ("image", "audio", "text", "timeseries", "tabular", "set", "graph", "embedding")
TASKS = ("classification", "multilabel", "regression")
SPLITS = ("train", "valid", "test")
RESERVED_COLUMNS = ("sample_id", "split", "fold", "group")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DATASET_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def check_modality_name(name: object) -> str:
    """Return `name` if it can name a modality.

    Raises:
        InputError: where it does not match `[a-z][a-z0-9_]*` or is `samples`.

    Example:
        >>> check_modality_name("heart_rate")
        'heart_rate'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError("modality name", repr(name), "[a-z][a-z0-9_]*", f"Rename it, e.g. to '{_suggest(name)}'.")
    if name == "samples":
        raise InputError("modality name", "'samples'", "any other name", "'samples' is reserved; rename the modality.")
    return name


def check_label_column(column: object) -> str:
    """Return `column` if it can name a label column.

    Raises:
        InputError: where it does not match `[a-z][a-z0-9_]*` or is a column with a meaning of its own.

    Example:
        >>> check_label_column("exercise")
        'exercise'
    """
    if not isinstance(column, str) or not _NAME.fullmatch(column):
        raise InputError("label column", repr(column), "[a-z][a-z0-9_]*", f"Rename it, e.g. to '{_suggest(column)}'.")
    if column in RESERVED_COLUMNS or column.startswith("has_"):
        taken = f"anything but {', '.join(RESERVED_COLUMNS)} and has_*"
        raise InputError("label column", repr(column), taken, "Rename the label column.")
    return column


def _suggest(name: object) -> str:
    """A valid name that looks like `name`."""
    cleaned = re.sub(r"[^a-z0-9_]+", "_", str(name).lower()).strip("_")
    return cleaned if _NAME.fullmatch(cleaned) and cleaned != "samples" else f"m_{cleaned}".rstrip("_")


def _from_mapping(cls: type[Any], value: object, argument: str) -> dict[str, Any]:
    """Return the keyword arguments of dataclass `cls` in `value`, after checking the keys."""
    if not isinstance(value, Mapping):
        raise InputError(argument, type(value).__name__, "a mapping", "Write it as a JSON object.")
    known = {f.name for f in dataclasses.fields(cls)}
    required = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    for key in value:
        if key not in known:
            raise unknown_name(f"{argument} key", str(key), known)
    missing = sorted(required - set(value))
    if missing:
        raise InputError(argument, f"no {', '.join(missing)}", ", ".join(sorted(required)), "Add the missing keys.")
    return dict(value)


@dataclass(frozen=True)
class ModalitySpec:
    """One modality: its kind, the shape and dtype of one sample, and the clock it runs on.

    Args:
        name: `[a-z][a-z0-9_]*`, not `samples`.
        kind: one of `KINDS`.
        shape: shape of one sample; `(None, d)` where ragged, `()` for text.
        dtype: numpy's name, or `str`.
        ragged: True where samples differ in length.
        timed: True where a ragged step has its own start and end in seconds.
        rate: steps a second (Hz), where the modality runs on a regular clock.
        unit: unit of the values, e.g. `m/s^2`.

    Raises:
        InputError: for a name or kind that is not allowed.

    Example:
        >>> ModalitySpec("gyroscope", "timeseries", (100, 3), "float32", rate=50.0).to_dict()["shape"]
        [100, 3]
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    dtype: str
    ragged: bool = False
    timed: bool = False
    rate: float | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        check_modality_name(self.name)
        if self.kind not in KINDS:
            raise unknown_name(f"kind of {self.name}", self.kind, KINDS)
        if self.rate is not None and not self.rate > 0:
            raise InputError(f"rate of {self.name}", self.rate, "a positive number of Hz", "Give the sampling rate.")
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.ragged != (None in self.shape):
            allowed = "(None, ...) exactly where ragged"
            raise InputError(f"shape of {self.name}", self.shape, allowed, "Make shape and ragged agree.")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**dataclasses.asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ModalitySpec:
        """Return the specification that `to_dict` wrote."""
        return cls(**_from_mapping(cls, value, "modality"))


@dataclass(frozen=True)
class LabelSpec:
    """One label column: its task, its classes in the order of their codes, and its unit.

    Raises:
        InputError: for a column or task that is not allowed, or classes that repeat or are missing.

    Example:
        >>> LabelSpec("fresh", "classification", ("false", "true")).n_outputs
        2
    """

    column: str
    task: str
    classes: tuple[str, ...] | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        check_label_column(self.column)
        if self.task not in TASKS:
            raise unknown_name(f"task of {self.column}", self.task, TASKS)
        if self.task == "regression":
            if self.classes is not None:
                raise InputError(f"classes of {self.column}", self.classes, "none", "A regression has no classes.")
            return
        if not self.classes:
            raise InputError(f"classes of {self.column}", self.classes, "at least one name", "Name the classes.")
        object.__setattr__(self, "classes", tuple(str(c) for c in self.classes))
        repeated = sorted({c for c in self.classes or () if (self.classes or ()).count(c) > 1})
        if repeated:
            raise InputError(f"classes of {self.column}", ", ".join(repeated), "each once", "Remove the repetition.")

    @property
    def n_outputs(self) -> int:
        """Numbers a model must emit: the classes, or one for a regression."""
        return 1 if self.classes is None else len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**dataclasses.asdict(self), "classes": None if self.classes is None else list(self.classes)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LabelSpec:
        """Return the specification that `to_dict` wrote."""
        return cls(**_from_mapping(cls, value, "label"))


@dataclass(frozen=True)
class DatasetSpec:
    """A whole dataset: its labels (the first is the main one), its modalities in order, its size and its origin.

    Raises:
        InputError: for a name that is not allowed, a repeated modality or label column, or no modality at all.

    Example:
        >>> m = ModalitySpec("a", "tabular", (2,), "float32")
        >>> spec = DatasetSpec("my", "1", (LabelSpec("label", "regression"),), (m,), 3)
        >>> DatasetSpec.from_dict(spec.to_dict()) == spec
        True
    """

    name: str
    version: str
    labels: tuple[LabelSpec, ...]
    modalities: tuple[ModalitySpec, ...]
    n_samples: int
    licence: str | None = None
    source: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _DATASET_NAME.fullmatch(self.name):
            raise InputError("name", repr(self.name), "[a-z][a-z0-9_-]*", f"Use e.g. '{_suggest(self.name)}'.")
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "modalities", tuple(self.modalities))
        if not self.modalities:
            raise InputError("modalities", "none", "at least one", "Give the dataset a modality.")
        if self.n_samples < 1:
            raise InputError("n_samples", self.n_samples, "at least one row", "Give the dataset at least one sample.")
        for what, names in (
            ("modalities", [m.name for m in self.modalities]),
            ("labels", [x.column for x in self.labels]),
        ):
            repeated = sorted({n for n in names if names.count(n) > 1})
            if repeated:
                raise InputError(what, ", ".join(repeated), "each name once", "Rename the repeated one.")

    def modality(self, name: str) -> ModalitySpec:
        """Return the specification of modality `name`; an unknown name is an `InputError`."""
        for modality in self.modalities:
            if modality.name == name:
                return modality
        raise unknown_name("modality", name, [m.name for m in self.modalities])

    def label(self, column: str | None = None) -> LabelSpec:
        """Return the specification of label `column` (None: the main one); an unknown column is an `InputError`."""
        if not self.labels:
            raise InputError("label", column, "a label column", "This dataset has no labels; build it with labels=.")
        if column is None:
            return self.labels[0]
        for label in self.labels:
            if label.column == column:
                return label
        raise unknown_name("label", column, [x.column for x in self.labels])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: `dataset.json` without `files`."""
        return {
            "name": self.name,
            "version": self.version,
            "labels": [x.to_dict() for x in self.labels],
            "modalities": [m.to_dict() for m in self.modalities],
            "n_samples": self.n_samples,
            "licence": self.licence,
            "source": self.source,
            "annotations": dict(self.annotations),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> DatasetSpec:
        """Return the specification that `to_dict` wrote.

        Raises:
            InputError: for missing or unknown keys, at any level.
        """
        content = _from_mapping(cls, value, "dataset.json")
        content["labels"] = tuple(LabelSpec.from_dict(x) for x in content["labels"])
        content["modalities"] = tuple(ModalitySpec.from_dict(m) for m in content["modalities"])
        return cls(**content)
