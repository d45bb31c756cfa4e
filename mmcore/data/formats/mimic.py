"""Read MultiBench's preprocessed MIMIC-III file `im.pk` through the restricted unpickler.

Layout: a dict with `adm_features_all` (N, 5) static features, `ep_tdata` (N, 24, 12) hourly series,
`adm_labels_all` (N, >= 6) mortality flags and `y_icd9` (N, 20) diagnosis groups; other keys are ignored.

Labels: `target: mortality` (default) has six classes, the first positive flag of columns 1 to 5, else the first class;
`target: icd9` is the flag of diagnosis group `icd9_group` (the benchmark uses 1 and 7), or without a group all twenty
as one multilabel. Three quarters of the patients are of the first mortality class and all published scores lie within
2.2 points of it: report balanced metrics.

Departs on purpose from upstream: nothing is standardised here, because upstream takes mean and deviation over test rows
too; preprocessing fits on training rows. Infinite and missing entries become 0 as upstream (counted in the dataset's
annotations), or with `non_finite: nan` are left to preprocessing. The published split is upstream's, exactly:
`random.seed(10)`, the rows shuffled by `random.shuffle`, the first tenth valid, the next test, the rest train. The file
has no patient numbers, so that stays of one patient cannot be kept together.

Files: MIMIC-III is under the PhysioNet Credentialed Health Data License 1.5.0: training, and a signed agreement
(https://physionet.org/content/mimiciii/). Those who have it ask the authors of MultiBench for `im.pk`; no copy of it,
or of a dataset made from it, may be given away.

Reference: Johnson et al., Scientific Data 3, 2016; features: Purushotham et al., J. Biomedical Informatics 83, 2018,
feature set A; Liang et al., MultiBench, NeurIPS 2021.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats import layout
from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.data.unpickle import load
from mmcore.errors import InputError

KINDS = {"static": ("tabular", "embedding"), "series": ("timeseries",)}
MORTALITY = ("none within a year", "1 day", "2 days", "3 days", "1 week", "1 year")
N_GROUPS = 20
_FIELDS: dict[str, tuple[str, layout.Shape]] = {
    "static": ("adm_features_all", (None, 5)),
    "series": ("ep_tdata", (None, 24, 12)),
}
_REMEDY = "Name MultiBench's im.pk."
OPTIONS = (
    Option("modalities", "modalities", "which of static, series to read, each with its kind (default both)"),
    Option("target", "text", "what to predict (default mortality)", choices=("mortality", "icd9")),
    Option("icd9_group", "seed", "target icd9: the diagnosis group, 0 to 19 (default: all as one multilabel)"),
    Option("non_finite", "text", "what infinite and missing entries become (default zero)", choices=("zero", "nan")),
    layout.split_option("a tenth valid, a tenth test, drawn by random.seed(10)"),
)
MODALITY_KINDS = ("tabular", "embedding", "timeseries")
MODALITY_OPTIONS = (KIND,)


def read_mimic(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of `im.pk`: static (N, 5), series (N, 24, 12) at one step an hour, one label column `label`.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing, truncated or refused pickle, a missing key, another shape, a group beyond 19.
    """
    shown = str(source["path"])
    wanted = layout.wanted_kinds(source, KINDS)
    content = load(source_path(shown, root))
    if not isinstance(content, dict):
        raise InputError("path", f"{shown} with a {type(content).__name__}", "a dict of arrays", _REMEDY)
    fields = {m: _field(content, *_FIELDS[m], shown) for m in wanted}
    labels, task, classes = _label(content, source, shown)
    n_rows = layout.check_rows({**{m: len(x) for m, x in fields.items()}, "labels": len(labels)}, shown)
    columns = {"label": labels, "published": published_split(n_rows)}
    block = {**source, "label": "label", "task": task, "split": layout.split_choice(source)}
    rows = read_rows(block, columns, n_rows, classes=classes)
    modalities, non_finite = {}, {}
    for modality, values in fields.items():
        array = np.array(values, dtype=np.float32)
        broken = ~np.isfinite(array)
        non_finite[modality] = int(broken.sum())
        array[broken] = 0.0 if source.get("non_finite", "zero") == "zero" else np.nan
        rate = 1 / 3600 if modality == "series" else None
        modalities[modality] = Modality(array, wanted[modality], None, rate)
    reading = {"non_finite": {m: n for m, n in non_finite.items() if n}}
    return build(source, rows, modalities, name=name, annotations={"reading": reading})


def _array(content: Mapping[Any, Any], key: str, shown: str) -> np.ndarray:
    if key not in content:
        keys = ", ".join(sorted(map(str, content))[:10])
        raise InputError("path", f"{shown} without '{key}', with {keys}", f"an array '{key}'", _REMEDY)
    return np.asarray(content[key])


def _field(content: Mapping[Any, Any], key: str, shape: layout.Shape, shown: str) -> np.ndarray:
    array = _array(content, key, shown)
    layout.check_array(array, shape, f"{shown}: {key}", _REMEDY)
    return array


def _label(
    content: Mapping[Any, Any], source: Mapping[str, Any], shown: str
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    group = source.get("icd9_group")
    if source.get("target", "mortality") == "mortality":
        if group is not None:
            raise InputError("icd9_group", group, "nothing, where the target is mortality", "Add 'target: icd9'.")
        flags = _array(content, "adm_labels_all", shown)
        width = flags.shape[1] if flags.ndim == 2 else 0
        layout.check_array(flags, (None, max(width, 6)), f"{shown}: adm_labels_all", _REMEDY)
        return np.array(MORTALITY, dtype=object)[mortality_codes(flags)], "classification", MORTALITY
    flags = _field(content, "y_icd9", (None, N_GROUPS), shown)
    if not np.isin(flags, (0, 1)).all():
        raise InputError("path", f"{shown}: y_icd9 with other values than 0 and 1", "flags of 0 and 1", _REMEDY)
    if group is None:
        return flags, "multilabel", tuple(f"group {k}" for k in range(N_GROUPS))
    if group >= N_GROUPS:
        raise InputError("icd9_group", group, "0 to 19", "Name a group of y_icd9.")
    return np.array(["no", "yes"], dtype=object)[flags[:, group].astype(int)], "classification", ("no", "yes")


def mortality_codes(flags: np.ndarray) -> np.ndarray:
    """Return the class of each row of (N, >= 6) flags: the first positive one of columns 1 to 5, else 0, (N,) int64.

    Example:
        >>> mortality_codes(np.array([[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])).tolist()
        [0, 2, 5]
    """
    positive = flags[:, 1:6] > 0
    return np.where(positive.any(axis=1), positive.argmax(axis=1) + 1, 0).astype(np.int64)


def published_split(n_rows: int) -> np.ndarray:
    """Return upstream's split of `n_rows` samples, (n_rows,) of train, valid and test.

    `random.shuffle` draws by the length of the list alone, so that shuffling row numbers shuffles as upstream does.

    Example:
        >>> np.unique(published_split(30), return_counts=True)[1].tolist()
        [3, 24, 3]
    """
    order = list(range(n_rows))
    random.Random(10).shuffle(order)
    split = np.full(n_rows, "train", dtype="<U5")
    split[order[: n_rows // 10]] = "valid"
    split[order[n_rows // 10 : n_rows // 5]] = "test"
    return split
