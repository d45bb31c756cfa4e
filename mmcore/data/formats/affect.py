"""Read the pickles of the MultiBench affect sets (MOSI, MOSEI, UR-FUNNY, MUStARD) through the restricted unpickler.

Layout: {train, valid, test} -> {vision (N, T, d), audio (N, T, d), text (N, T, d), labels, id}, padded with zeros on
the left. Samples whose text is all zeros are dropped; an infinite audio feature becomes 0; both are counted in the
dataset's annotations. Each sample starts at its first text row that is not zero, in every modality alike (`aligned`,
as upstream does even for unaligned files), or each modality at its own first such row. Classes are label > 0 or not,
so that the neutral 0 of MOSI counts as negative; of seven label columns only the first (sentiment) is read.

Reference: Liang et al., MultiBench, NeurIPS 2021 Datasets and Benchmarks. Departs on purpose: NaN is left as it is
(upstream passes it on unseen), no z-scoring per sample, and sequences keep their length instead of a common one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.rows import SPLIT_NAMES, Modality, build, read_rows
from mmcore.data.unpickle import load
from mmcore.errors import InputError, unknown_name

NAMES = ("vision", "audio", "text")
OPTIONS = (
    Option("modalities", "modalities", f"which of {', '.join(NAMES)} to read, each with its kind (default all three)"),
    Option("aligned", "flag", "cut the padding of all modalities where that of the text ends (default true)"),
)
MODALITY_KINDS = ("timeseries", "embedding")
MODALITY_OPTIONS = (KIND,)
INHERITED = tuple(option for option in COMMON if option.name not in ("modalities", "label", "where", "split"))


def read_affect(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of an affect pickle: ragged (t, d) modalities, one label column `label`.

    Args:
        source: the block of params.yaml; `task: classification` reads label > 0; `groups: video` keeps the segments of
            a video (`abc[3]`, or the first entry of a longer id) together.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or refused pickle, or another layout.
    """
    content = load(source_path(source["path"], root))
    wanted = tuple(source.get("modalities") or NAMES)
    for modality in wanted:
        if modality not in NAMES:
            raise unknown_name("modalities", str(modality), NAMES)
    parts = _parts(content, source["path"])
    kept = {part: _with_text(fields) for part, fields in parts.items()}
    dropped = {part: len(mask) - int(mask.sum()) for part, mask in kept.items() if not mask.all()}
    sequences, infinite = _sequences(parts, kept, wanted, aligned=source.get("aligned", True))
    n_rows = len(sequences[wanted[0]])
    columns = _columns(parts, kept)
    task = source.get("task") or ("classification" if _is_binary(columns["label"]) else "regression")
    classes = None
    if task == "classification":
        unlabelled = np.isnan(columns["label"])
        named = source.get("classes") or ["negative", "positive"]
        classes = [str(c) for c in named] if isinstance(named, list) else ["negative", "positive"]
        codes = [None if gone else classes[int(value > 0)] for value, gone in zip(columns["label"], unlabelled)]
        columns["label"] = np.array(codes, dtype=object)
    block = {**source, "label": "label", "split": "split", "sample_id": "id", "task": task}
    rows = read_rows({k: v for k, v in block.items() if k != "classes"}, columns, n_rows, classes=classes)
    kinds = source.get("modalities") or {}
    modalities = {m: Modality(Ragged.from_list(s), _kind(kinds.get(m))) for m, s in sequences.items()}
    report = {"dropped_without_text": dropped, "infinite_to_zero": infinite}
    return build(source, rows, modalities, name=name, annotations={"reading": report})


def _kind(block: object) -> str:
    return str(block["kind"]) if isinstance(block, Mapping) else str(block or "timeseries")


def _is_binary(labels: np.ndarray) -> bool:
    found = set(np.unique(labels[~np.isnan(labels)]).tolist())
    return len(found) <= 2 and found <= {-1.0, 0.0, 1.0}


def _parts(content: object, shown: str) -> dict[str, dict[str, np.ndarray]]:
    """The parts under our names, each with its arrays checked to have the same rows."""
    layout = "{train, valid, test} -> {vision, audio, text, labels, id}"
    if not isinstance(content, dict) or not content:
        raise InputError("path", f"{shown} with a {type(content).__name__}", layout, "Name an affect pickle.")
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, fields in content.items():
        if str(key) not in SPLIT_NAMES:
            raise unknown_name(f"part of {shown}", str(key), ("train", "valid", "test"))
        missing = [field for field in (*NAMES, "labels") if not isinstance(fields, dict) or field not in fields]
        if missing:
            raise InputError("path", f"{shown} without {key}.{missing[0]}", layout, "Name an affect pickle.")
        arrays = {field: np.asarray(fields[field]) for field in (*NAMES, "labels")}
        n_rows = len(arrays["text"])
        arrays["id"] = np.asarray(fields.get("id", [f"{key}/{i}" for i in range(n_rows)]))
        for field, array in arrays.items():
            numeric = array.dtype.kind in "biuf" or field == "id"
            if len(array) != n_rows or not numeric or (field in NAMES and array.ndim != 3):
                received = f"{key}.{field} of {array.dtype} {array.shape}"
                raise InputError("path", received, f"numbers (N, T, d), {n_rows} rows", "Name an affect pickle.")
        parts[SPLIT_NAMES[str(key)]] = arrays
    return parts


def _with_text(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    text = fields["text"]
    return (text != 0).reshape(len(text), -1).any(axis=1)


def _sequences(
    parts: Mapping[str, Mapping[str, np.ndarray]],
    kept: Mapping[str, np.ndarray],
    wanted: tuple[str, ...],
    *,
    aligned: bool,
) -> tuple[dict[str, list[np.ndarray]], dict[str, int]]:
    """The samples of each modality without padding, and how many infinite values became 0."""
    sequences: dict[str, list[np.ndarray]] = {m: [] for m in wanted}
    infinite = dict.fromkeys(wanted, 0)
    for part, fields in parts.items():
        lengths = {fields[m].shape[1] for m in (*wanted, "text")}
        if aligned and len(lengths) > 1:
            received = f"{part} with {', '.join(map(str, sorted(lengths)))} steps"
            raise InputError("aligned", received, "one number of steps for all modalities", "Set 'aligned: false'.")
        text_start = _first_step(fields["text"])
        for modality in wanted:
            values = np.array(fields[modality], dtype=np.float32)
            infinite[modality] += int(np.isinf(values[kept[part]]).sum())
            values[np.isinf(values)] = 0.0
            start = text_start if aligned else _first_step(values)
            sequences[modality] += [values[row, start[row] :] for row in np.flatnonzero(kept[part])]
    return sequences, {m: n for m, n in infinite.items() if n}


def _first_step(values: np.ndarray) -> np.ndarray:
    """The first step of each sample that is not all zeros (0 where all are)."""
    return (values != 0).any(axis=2).argmax(axis=1)


def _columns(parts: Mapping[str, Mapping[str, np.ndarray]], kept: Mapping[str, np.ndarray]) -> dict[str, Any]:
    labels, splits, ids, videos = [], [], [], []
    for part, fields in parts.items():
        mask = kept[part]
        labels.append(fields["labels"].reshape(len(mask), -1)[mask, 0].astype(np.float64))
        splits += [part] * int(mask.sum())
        for entry in fields["id"][mask]:
            words = [_text(word) for word in np.ravel(entry)]
            ids.append("_".join(words))
            videos.append(words[0].split("[")[0])
    if len(set(ids)) < len(ids):
        # upstream repeats ids between parts; the part and the position tell them apart
        ids = [f"{part}/{i}/{name}" for i, (part, name) in enumerate(zip(splits, ids, strict=True))]
    label = np.concatenate(labels)
    return {"label": label, "split": np.array(splits), "id": np.array(ids), "video": np.array(videos)}


def _text(word: object) -> str:
    return word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)
