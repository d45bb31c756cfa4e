"""Read tables of questions about images as classification over the most frequent answers (VQA-style).

Layout: a folder with the images and a table `index` (csv, tsv or parquet), one question a row, with the columns that
the block names: by default `image` (a path inside the folder), `question` and `answer`. Answers are compared in lower
case without blanks around them.

Label rule: the parts are made first; the classes are the `answers` most frequent answers of the *training* rows (ties
by name), the most frequent first. A row with another answer is dropped, and the notes count them for each part: an
accuracy on what is left is conditional on the answer being known; on all rows it is that times the share kept. A row
without an answer stays, unlabelled. The image is the group unless you name another, so that no test image is known from
training.

Licence: VQA's questions and answers are CC BY 4.0, its COCO images belong to their Flickr authors; the user downloads
both from visualqa.org and writes one row a question (for VQA 2.0: the `multiple_choice_answer`).

Reference: Goyal et al., Making the V in VQA Matter, CVPR 2017. Trap avoided: a vocabulary of answers taken from all
rows knows the test. MultiBench ships no loader.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset
from mmcore.data.formats import folders
from mmcore.data.formats.files import inside, source_path
from mmcore.data.formats.label_rows import label_names
from mmcore.data.formats.matching import at_positions
from mmcore.data.formats.options import COMMON, Option
from mmcore.data.formats.pictures import KINDS, MODALITY_OPTIONS, image_and_text, picture_places, read_pictures, texts
from mmcore.data.formats.rows import build, read_rows
from mmcore.data.formats.table import convert, read_frame
from mmcore.data.labels import class_name
from mmcore.data.spec import SPLITS
from mmcore.errors import InputError, unknown_name

OPTIONS = (
    Option("modalities", "modalities", "the one image and the one text (default image and question at 224 x 224)"),
    *folders.OPTIONS,
    Option("answers", "count", "how many answers are classes, the most frequent of training (default 1000)"),
)
_OWN = ("modalities", "task", "classes")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = KINDS

__all__ = ["MODALITY_OPTIONS", "read_vqa"]


def read_vqa(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the questions whose answer is a class: an image (N, height, width, channels) uint8, a text, one label.

    Args:
        source: the block of params.yaml, e.g. `index: questions.csv`, `label: answer`, `answers: 100`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing table, column or image, or fewer than two answers in training.
    """
    folder = source_path(source["path"], root, folder=True)
    blocks = image_and_text(source, {"column": "image"}, {"column": "question"})
    place = source_path(inside(folder, source["index"], "index").relative_to(folder).as_posix(), folder)
    frame = read_frame(place, source["index"])
    stored, column = _label(source)
    wanted = {"label": column} | {f"modalities.{m}.column": b["column"] for m, b in blocks.items()}
    wanted |= {k: source[k] for k in ("groups", "split", "folds", "sample_id") if isinstance(source.get(k), str)}
    for argument, needed in wanted.items():
        if needed not in frame:
            raise unknown_name(argument, needed, list(frame.columns))
    image = next(b["column"] for b in blocks.values() if b["kind"] == "image")
    block = {"sample_noun": "question", "group_noun": "image", "groups": image, **source}
    # the label is left out: strata of thousands of answers would decide the parts, and cost gigabytes
    unlabelled = {key: value for key, value in block.items() if key != "label"}
    rows = read_rows(unlabelled, convert(frame, unlabelled), len(frame))
    frame = frame.iloc[rows.kept].reset_index(drop=True)
    answers = np.array([None if pd.isna(v) else class_name(v).strip().lower() or None for v in frame[column]], object)
    classes = _classes(answers[rows.split == "train"], int(source.get("answers", 1000)), column)
    known = {None, *classes}
    keep = np.array([answer in known for answer in answers], dtype=bool)
    dropped = {str(part): int((~keep & (rows.split == part)).sum()) for part in SPLITS if (rows.split == part).any()}
    reading = {"classes": len(classes), "rows": len(frame), "dropped_with_a_rarer_answer": dropped}
    kept = frame.iloc[np.flatnonzero(keep)].reset_index(drop=True)
    rows = dataclasses.replace(
        at_positions(rows, np.flatnonzero(keep)),
        labels={stored: pd.Series(answers[keep], dtype=object)},
        tasks={stored: "classification"},
        classes={stored: tuple(classes)},
    )
    modalities = {}
    for modality, options in blocks.items():
        if options["kind"] == "text":
            modalities[modality] = texts(kept[options["column"]].tolist())
        else:
            argument = f"modalities.{modality}"
            places = picture_places(kept, options["column"], folder, argument, source.get("missing", "error"))
            modalities[modality] = read_pictures(places, options, argument)
    return build(block, rows, modalities, name=name, annotations={"reading": reading})


def _label(source: Mapping[str, Any]) -> tuple[str, str]:
    """The stored name of the label and its column."""
    names = label_names(source) or {"answer": "answer"}
    if len(names) > 1:
        raise InputError("label", ", ".join(names), "one column of answers", "Name one column.")
    return next(iter(names.items()))


def _classes(answers: np.ndarray, limit: int, column: str) -> list[str]:
    """The most frequent answers of training, ties by name."""
    counts = Counter(answer for answer in answers.tolist() if answer is not None)
    classes = sorted(counts, key=lambda answer: (-counts[answer], answer))[:limit]
    if len(classes) < 2:
        received = f"{len(classes)} answers in training"
        raise InputError("answers", received, "at least two classes", f"Ask for more answers, or check {column}.")
    return classes
