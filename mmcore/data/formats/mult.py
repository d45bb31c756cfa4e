"""Read MulT's own pickles (`<name>_data.pkl` aligned, `<name>_data_noalign.pkl`): MOSI, MOSEI and IEMOCAP.

Layout: see `mmcore.data.formats.affect_layout`; the three modalities of an unaligned file differ in their number of
steps (text 50, audio 375 to 500, vision 500). Labels are one sentiment, or for IEMOCAP (N, 4, 2): for each of neutral,
happy, sad and angry a one-hot pair (no, yes), whose argmax is the label. They become one multilabel column `label`
(default), or with `task: classification` four columns of no and yes called after the emotions, the first the main one.

Padding is recognised by its zeros: with `padding: cut` (default) a sample loses the steps at both ends in which every
modality is zero (aligned) or its own modality is (unaligned), whichever side the file was padded on; a word without a
word vector inside the sample stays. With `padding: keep` the arrays stay (N, T, d) as MulT reads them; MulT itself then
takes any step whose first channel is 0 for padding. A modality that is all zeros is absent from that sample, which
stays (MulT trains on the zeros). Infinite values become 0. All of this is counted in the dataset's annotations.

Files: from the download link of https://github.com/yaohungt/Multimodal-Transformer. They state no licence of their own.
IEMOCAP is licensed by USC to those who sign its release form (https://sail.usc.edu/iemocap/).

Reference: Tsai et al., Multimodal Transformer for Unaligned Multimodal Language Sequences, ACL 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.affect_layout import (
    NAMES,
    NEUTRAL,
    Parts,
    as_finite,
    first_step,
    past_last_step,
    read_parts,
    report,
    sample_columns,
    sentiment,
    sentiment_label,
    wanted_names,
)
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

EMOTIONS = ("neutral", "happy", "sad", "angry")
OPTIONS = (
    Option("modalities", "modalities", f"which of {', '.join(NAMES)} to read, each with its kind (default all three)"),
    Option(
        "padding",
        "text",
        "cut the zeros at both ends of a sample (default), or keep the arrays as they are",
        choices=("cut", "keep"),
    ),
    Option("aligned", "flag", "cut all modalities at the same steps (default: where all have equally many)"),
    NEUTRAL,
)
MODALITY_KINDS = ("timeseries", "embedding")
MODALITY_OPTIONS = (KIND,)
INHERITED = tuple(o for o in COMMON if o.name not in ("modalities", "label", "where", "split", "sample_id"))


def read_mult(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of one of MulT's pickles: ragged (t, d) modalities, or (N, T, d) with `padding: keep`.

    Args:
        source: the block of params.yaml; `groups: video` keeps the segments of a video together.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or refused pickle, another layout, or emotions that are not one-hot pairs.
    """
    parts = read_parts(source, root)
    wanted = wanted_names(source)
    everything = {part: np.ones(len(fields["text"]), dtype=bool) for part, fields in parts.items()}
    columns: dict[str, Any] = dict(sample_columns(parts, everything))
    block = {key: value for key, value in source.items() if key != "classes"}
    block |= {"split": "split", "sample_id": "id"}
    labels: dict[str, Any]
    classes: Sequence[str] | None
    if _holds_emotions(parts):
        labels, task, classes = _emotion_labels(_emotions(parts, source["path"]), source)
    else:
        values, task, classes = sentiment_label(sentiment(parts, everything, source["path"]), source)
        labels = {"label": values}
    rows = read_rows(
        {**block, "label": list(labels), "task": task}, {**columns, **labels}, len(columns["id"]), classes=classes
    )
    arrays, present, reading = _modalities(parts, everything, tuple(wanted), source)
    modalities = {m: Modality(arrays[m], wanted[m], present[m]) for m in wanted}
    return build(source, rows, modalities, name=name, annotations={"reading": reading})


def _holds_emotions(parts: Parts) -> bool:
    return any(fields["labels"].ndim == 3 and fields["labels"].shape[2] == 2 for fields in parts.values())


def _emotions(parts: Parts, shown: str) -> np.ndarray:
    """(n, 4) of 0 and 1: which emotions a sample has."""
    tables = []
    for part, fields in parts.items():
        pairs = fields["labels"]
        expected = pairs.ndim == 3 and pairs.shape[1:] == (len(EMOTIONS), 2)
        if not expected or not (np.isin(pairs, (0, 1)).all() and (pairs.sum(axis=2) == 1).all()):
            what = "which are no one-hot pairs" if expected else f"of {pairs.shape}"
            allowed = "(N, 4, 2), a one-hot pair for each of neutral, happy, sad and angry"
            raise InputError("path", f"{part}.labels of {shown}, {what}", allowed, "Name a pickle of MulT.")
        tables.append(pairs.argmax(axis=2))
    return np.concatenate(tables)


def _emotion_labels(
    emotions: np.ndarray, source: Mapping[str, Any]
) -> tuple[dict[str, Any], str, tuple[str, ...] | None]:
    if "classes" in source:
        raise InputError("classes", source["classes"], "nothing", "The emotions have names of their own.")
    task = source.get("task", "multilabel")
    if task == "multilabel":
        return {"label": emotions}, task, EMOTIONS
    if task == "classification":
        coded = [pd.Categorical.from_codes(codes, ["no", "yes"]) for codes in emotions.T]
        return {emotion: pd.Series(c) for emotion, c in zip(EMOTIONS, coded, strict=True)}, task, None
    raise InputError("task", task, "multilabel or classification", "These labels are four emotions, present or not.")


def _modalities(
    parts: Parts, everything: Mapping[str, np.ndarray], wanted: tuple[str, ...], source: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray | Ragged], dict[str, np.ndarray], dict[str, Any]]:
    """The arrays, the presence and what was counted, by modality."""
    cut = source.get("padding", "cut") == "cut"
    pieces: dict[str, list[Any]] = {m: [] for m in wanted}
    present: dict[str, list[np.ndarray]] = {m: [] for m in wanted}
    counts: dict[str, dict[str, int]] = {c: dict.fromkeys(wanted, 0) for c in ("infinite_to_zero", "nan", "all_zero")}
    for part, fields in parts.items():
        values = {}
        for m in wanted:
            values[m], infinite, missing = as_finite(fields[m], everything[part])
            filled = (values[m] != 0).any(axis=(1, 2))
            present[m].append(filled)
            for count, n in zip(counts.values(), (infinite, missing, int((~filled).sum())), strict=True):
                count[m] += n
        spans = _spans(values, part, source.get("aligned"))
        for m in wanted:
            start, stop = spans[m]
            pieces[m] += [x[a:b] for x, a, b in zip(values[m], start, stop, strict=True)] if cut else [values[m]]
    arrays = {m: Ragged.from_list(p) if cut else _stacked(p, m) for m, p in pieces.items()}
    return arrays, {m: np.concatenate(p) for m, p in present.items()}, report(**counts)


def _spans(
    values: Mapping[str, np.ndarray], part: str, aligned: bool | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Where each sample starts and ends: in every modality alike where they are aligned."""
    steps = {array.shape[1] for array in values.values()}
    if aligned and len(steps) > 1:
        received = f"{part} with {', '.join(map(str, sorted(steps)))} steps"
        raise InputError("aligned", received, "one number of steps for all modalities", "Set 'aligned: false'.")
    if aligned is False or len(steps) > 1:
        return {m: (first_step(array), past_last_step(array)) for m, array in values.items()}
    together = np.concatenate(list(values.values()), axis=2)
    return dict.fromkeys(values, (first_step(together), past_last_step(together)))


def _stacked(pieces: list[np.ndarray], modality: str) -> np.ndarray:
    shapes = sorted({piece.shape[1:] for piece in pieces})
    if len(shapes) > 1:
        received = f"parts of {' and '.join(map(str, shapes))}"
        raise InputError(f"modalities.{modality}", received, "one shape in all parts", "Set 'padding: cut'.")
    return np.concatenate(pieces)
