"""Read the ENRICO folder: screens of mobile apps and their wireframes, by design topic.

Layout: `design_topics.csv` with the columns `screen_id` and `topic`, `screenshots/<id>.jpg`, `wireframes/<id>.png`.
Screens 50105 and 50109 are left out, because their wireframes are broken (1460 rows become 1458). The label is the
topic, in sorted order (20 classes). Both modalities are images, decoded as RGB and resized to (256, 128) with a
bilinear filter as upstream does; the "set" of the thesis is the wireframe image. The `hierarchies/` are not read.

The published split shuffles the rows with `random.Random(42)` and takes 65, 15 and 20 %: 947, 219 and 292 screens.
Upstream's robust "test" loaders serve the training split; here test is test. Upstream draws training rows by one
over their class's count: with classes this uneven, report balanced metrics.

Files: https://github.com/luileito/enrico links the archives and states the terms; the screens come from Rico
(http://www.interactionmining.org), and belong to the makers of the apps.

Reference: Leiva, Hota, Oulasvirta, Enrico, MobileHCI 2020; Liang et al., MultiBench, NeurIPS 2021.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset
from mmcore.data.formats import layout, table
from mmcore.data.formats.files import source_path
from mmcore.data.formats.folders import file_places, image_modality
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import build, read_rows
from mmcore.errors import InputError

KINDS = {"screenshot": ("image",), "wireframe": ("image",)}
BROKEN = ("50105", "50109")
SIZE = (256, 128)
_FILES = {"screenshot": "screenshots/{}.jpg", "wireframe": "wireframes/{}.png"}
OPTIONS = (
    Option("modalities", "modalities", "which of screenshot, wireframe to read, each of kind image (default both)"),
    Option(
        "missing", "text", "what a listed file that is not there means (default error)", choices=("error", "absent")
    ),
    layout.split_option("65, 15 and 20 %, shuffled by random.Random(42)"),
)
MODALITY_KINDS = ("image",)
MODALITY_OPTIONS = (
    KIND,
    Option("size", "size", "resize to this height and width (default [256, 128])"),
    Option("channels", "count", "1 for grey, 3 for colour (default 3)"),
)


def read_enrico(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of the folder: two images (N, 256, 128, 3) uint8, the label column `topic`.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing table, column or file (all together), or an image that cannot be decoded.
    """
    shown = str(source["path"])
    folder = source_path(shown, root, folder=True)
    wanted = layout.wanted_kinds(source, KINDS)
    frame = _screens(layout.member(folder, "design_topics.csv", shown), f"{shown}/design_topics.csv")
    topics = sorted(set(frame["topic"]))
    columns = {**{c: frame[c] for c in frame}, "published": published_split(len(frame))}
    block = {**source, "label": "topic", "task": "classification", "sample_id": "screen_id"}
    block["split"] = layout.split_choice(source)
    rows = read_rows(block, columns, len(frame), classes=topics)
    modalities = {}
    for modality in wanted:
        given = (source.get("modalities") or {}).get(modality)
        options = {"size": list(SIZE), **(given if isinstance(given, Mapping) else {}), "column": modality}
        files = pd.DataFrame({modality: [_FILES[modality].format(screen) for screen in frame["screen_id"]]})
        places = file_places(files, options, folder, f"modalities.{modality}", source.get("missing", "error"))
        modalities[modality] = image_modality(places, options, f"modalities.{modality}")
    return build(source, rows, modalities, name=name)


def _screens(path: Path, shown: str) -> pd.DataFrame:
    """The table of screens without the broken ones, in the order of the file."""
    frame = table.read_frame(path, shown)
    for column in ("screen_id", "topic"):
        if column not in frame:
            received = f"{shown} with {', '.join(frame.columns)}"
            raise InputError("path", received, "the columns screen_id and topic", "Name ENRICO's folder.")
        if frame[column].isna().any():
            row = int(np.flatnonzero(frame[column].isna())[0])
            raise InputError("path", f"{shown} without {column} in row {row}", "one in every row", "Correct the table.")
    kept = frame[~frame["screen_id"].isin(BROKEN)]
    if kept.empty:
        raise InputError("path", f"{shown} without a whole screen", "at least one row", "Copy the file again.")
    return kept.reset_index(drop=True)


def published_split(n_rows: int) -> np.ndarray:
    """Return upstream's split of `n_rows` screens, (n_rows,) of train, valid and test.

    Example:
        >>> np.unique(published_split(1458), return_counts=True)[1].tolist()
        [292, 947, 219]
    """
    order = list(range(n_rows))
    random.Random(42).shuffle(order)
    first, second = int(n_rows * 0.65), int(n_rows * (0.65 + 0.15))
    split = np.full(n_rows, "train", dtype="<U5")
    split[order[first:second]] = "valid"
    split[order[second:]] = "test"
    return split
