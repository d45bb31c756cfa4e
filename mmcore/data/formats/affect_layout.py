"""The layout that MultiBench's and MulT's affect pickles share: its parts, its sentiment labels, where padding ends.

{train, valid, test} -> {vision (N, T, d), audio (N, T, d), text (N, T, d), labels, id}, real numbers padded with zeros.
Sentiment labels are (N,), (N, 1), (N, 1, 1) or (N, 7), of which the first column is the sentiment. A class is
label > 0 or not. Humour and sarcasm are coded -1/1 or 0/1: two distinct values of -1, 0, 1 in all parts are read as
such a coding, as classes where `task` is silent, and as -1 and 1 for `task: regression` (as upstream does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import Option
from mmcore.data.formats.rows import SPLIT_NAMES
from mmcore.data.unpickle import load
from mmcore.errors import InputError, unknown_name

NAMES = ("vision", "audio", "text")
POLARITY = ("negative", "positive")
NEUTRAL = Option(
    "neutral",
    "text",
    "task classification: what a sentiment of 0 is (default negative)",
    choices=("negative", "positive", "unlabelled"),
)
_LAYOUT = "{train, valid, test} -> {vision, audio, text, labels, id}"

Parts = Mapping[str, Mapping[str, np.ndarray]]


def read_parts(source: Mapping[str, Any], root: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the parts under our names, each with its arrays `vision`, `audio`, `text`, `labels`, `id` of equal rows.

    Raises:
        InputError: for a missing, truncated or refused pickle, an unknown part, a missing field or another shape.
    """
    shown = str(source["path"])
    content = load(source_path(shown, root))
    if not isinstance(content, dict) or not content:
        raise InputError("path", f"{shown} with a {type(content).__name__}", _LAYOUT, "Name an affect pickle.")
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, fields in content.items():
        if str(key) not in SPLIT_NAMES:
            raise unknown_name(f"part of {shown}", str(key), ("train", "valid", "test"))
        missing = [field for field in (*NAMES, "labels") if not isinstance(fields, dict) or field not in fields]
        if missing:
            raise InputError("path", f"{shown} without {key}.{missing[0]}", _LAYOUT, "Name an affect pickle.")
        arrays = {field: np.asarray(fields[field]) for field in (*NAMES, "labels")}
        n_rows = len(arrays["text"])
        arrays["id"] = np.asarray(fields.get("id", [f"{key}/{i}" for i in range(n_rows)]))
        for field, array in arrays.items():
            numeric = array.dtype.kind in "biuf" or field == "id"
            if array.ndim == 0 or len(array) != n_rows or not numeric or (field in NAMES and array.ndim != 3):
                received = f"{key}.{field} of {array.dtype} {array.shape}"
                raise InputError("path", received, f"numbers (N, T, d), {n_rows} rows", "Name an affect pickle.")
        parts[SPLIT_NAMES[str(key)]] = arrays
    return parts


def wanted_names(source: Mapping[str, Any]) -> dict[str, str]:
    """Return modality -> kind of those that the source asks for, all three by default.

    Example:
        >>> wanted_names({"modalities": {"text": {"kind": "embedding"}}})
        {'text': 'embedding'}
    """
    given = source.get("modalities") or dict.fromkeys(NAMES, "timeseries")
    for modality in given:
        if modality not in NAMES:
            raise unknown_name("modalities", str(modality), NAMES)
    return {name: str(block["kind"] if isinstance(block, Mapping) else block) for name, block in given.items()}


def sample_columns(parts: Parts, kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `split`, a unique `id` and the `video` of the kept samples, (n,) each.

    The video is the first word of an id, up to `[`. Upstream repeats ids between parts; then the part and the position
    tell them apart.

    Example:
        >>> parts = {"train": {"id": np.array(["abc[0]", "abc[1]"])}}
        >>> sample_columns(parts, {"train": np.array([True, True])})["video"].tolist()
        ['abc', 'abc']
    """
    splits, ids, videos = [], [], []
    for part, fields in parts.items():
        for entry in fields["id"][kept[part]]:
            words = [_text(word) for word in np.ravel(entry)]
            splits.append(part)
            ids.append("_".join(words))
            videos.append(words[0].split("[")[0])
    if len(set(ids)) < len(ids):
        ids = [f"{part}/{i}/{name}" for i, (part, name) in enumerate(zip(splits, ids, strict=True))]
    return {"split": np.array(splits), "id": np.array(ids), "video": np.array(videos)}


def _text(word: object) -> str:
    return word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)


def sentiment(parts: Parts, kept: Mapping[str, np.ndarray], shown: str) -> np.ndarray:
    """Return the sentiment (first label column) of the kept samples, (n,) float64.

    Raises:
        InputError: for labels (N, K, 2), which are one-hot emotions.
    """
    labels = []
    for part, fields in parts.items():
        array = fields["labels"]
        if array.ndim > 3 or (array.ndim == 3 and array.shape[1:] != (1, 1)):
            received = f"{part}.labels of {array.shape} in {shown}"
            remedy = "Read the one-hot emotions of IEMOCAP with 'reader: mult'."
            raise InputError("path", received, "(N,), (N, 1), (N, 1, 1) or (N, 7)", remedy)
        labels.append(array.reshape(len(array), -1)[kept[part], 0].astype(np.float64))
    return np.concatenate(labels)


def sentiment_label(values: np.ndarray, source: Mapping[str, Any]) -> tuple[np.ndarray, str, Sequence[str] | None]:
    """Return the label column, its task and its classes; see the module's first lines.

    Raises:
        InputError: for `task: multilabel`.

    Example:
        >>> sentiment_label(np.array([-2.0, 0.0, 1.5]), {"task": "classification"})[0].tolist()
        ['negative', 'negative', 'positive']
    """
    known = ~np.isnan(values)
    found = set(np.unique(values[known]).tolist())
    binary = len(found) <= 2 and found <= {-1.0, 0.0, 1.0}
    task = source.get("task") or ("classification" if binary else "regression")
    if task == "multilabel":
        raise InputError("task", task, "regression or classification", "This file has one sentiment a sample.")
    if task == "regression":
        return (np.where(known, np.where(values > 0, 1.0, -1.0), np.nan) if binary else values), task, None
    classes = [str(c) for c in source["classes"]] if isinstance(source.get("classes"), list) else list(POLARITY)
    if len(classes) != 2:
        raise InputError("classes", ", ".join(classes), "two names", "Name the negative class, then the positive one.")
    neutral = "negative" if binary else source.get("neutral", "negative")
    positive = values >= 0 if neutral == "positive" else values > 0
    if neutral == "unlabelled":
        known = known & (values != 0)
    codes = [classes[int(p)] if ok else None for p, ok in zip(positive, known, strict=True)]
    return np.array(codes, dtype=object), task, classes


def first_step(values: np.ndarray) -> np.ndarray:
    """Return the first step of each sample of (N, T, d) that is not all zeros, (N,); 0 where all are.

    Example:
        >>> first_step(np.array([[[0.0], [3.0]], [[1.0], [0.0]]])).tolist()
        [1, 0]
    """
    return np.asarray((values != 0).any(axis=2).argmax(axis=1))


def past_last_step(values: np.ndarray) -> np.ndarray:
    """Return one more than the last step of each sample of (N, T, d) that is not all zeros, (N,); 0 where all are.

    Example:
        >>> past_last_step(np.array([[[0.0], [3.0]], [[1.0], [0.0]], [[0.0], [0.0]]])).tolist()
        [2, 1, 0]
    """
    filled = (values != 0).any(axis=2)
    last = filled.shape[1] - filled[:, ::-1].argmax(axis=1)
    return np.where(filled.any(axis=1), last, 0)


def as_finite(values: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return `values` as float32 with infinite entries 0, and how many rows of `counted` held infinite and NaN entries.

    Returns:
        (N, T, d) float32 with NaN left as it is, the number of infinite values, the number of NaN.

    Example:
        >>> as_finite(np.array([[[-np.inf], [np.nan]]]), np.array([True]))[1:]
        (1, 1)
    """
    converted = np.array(values, dtype=np.float32)
    infinite = np.isinf(converted)
    n_infinite, n_missing = int(infinite[counted].sum()), int(np.isnan(converted[counted]).sum())
    converted[infinite] = 0.0
    return converted, n_infinite, n_missing


def report(**counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `reading` annotation: each count by name, entries of 0 left out.

    Example:
        >>> report(infinite_to_zero={"audio": 3, "text": 0})
        {'infinite_to_zero': {'audio': 3}}
    """
    return {name: {key: n for key, n in by.items() if n} for name, by in counts.items()}
