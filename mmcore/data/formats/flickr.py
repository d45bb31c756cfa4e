"""Read Flickr30k, photographs with five captions each, as pairs of image and text that match or not.

Layout: a folder with the images (`images`: a folder inside it) and a table `index` of captions, one a row:
- `.token` of the first release: `1000092795.jpg#0<tab>Two young guys ...`;
- a csv whose columns are parted by bars, `image_name| comment_number| comment` (its one line that lacks the second bar
  is read too);
- any other csv, tsv or parquet, with the columns that the modalities name (default `image` and `caption`), and where
  `split` names one, the part (e.g. Karpathy's).
Of each caption there is a sample that matches and `mismatches` that do not (`matching`: same part, another image, each
image and each caption as often on either side, so neither alone tells the label). The image is the group, and its
captions lie in one part.

Licence: the images belong to their Flickr authors, captions for non-commercial research and education; the user asks
for them at the page of the University of Illinois.

Reference: Young, Lai, Hodosh, Hockenmaier, TACL 2014; Karpathy, Fei-Fei, CVPR 2015 (split). MultiBench ships no loader.
Trap avoided: with captions dealt to parts one by one, a test image would be known from training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset
from mmcore.data.formats import folders
from mmcore.data.formats.files import inside, source_path
from mmcore.data.formats.matching import CAPTIONS, MISMATCHES, cells_of, first_of_each, match_pairs, matched_rows
from mmcore.data.formats.options import COMMON, Option
from mmcore.data.formats.pictures import KINDS, MODALITY_OPTIONS, image_and_text, picture_places, read_pictures, texts
from mmcore.data.formats.rows import build, read_rows
from mmcore.data.formats.table import convert, read_frame
from mmcore.errors import InputError, unknown_name

OPTIONS = (
    Option("modalities", "modalities", "the one image and the one text (default image and caption at 224 x 224)"),
    *(option for option in folders.OPTIONS if option.name == "index"),
    Option("images", "text", "the folder of the images inside the path (default the path itself)"),
    CAPTIONS,
    MISMATCHES,
)
_OWN = ("modalities", "label", "task", "classes", "groups", "sample_id")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = KINDS
_BAR_LINE = re.compile(r"([^|]+?)\s*\|\s*(\d+)\s*(?:\|\s*|\s+)(.*)")
_TOKEN_LINE = re.compile(r"([^\t#]+)#(\d+)\t(.*)")

__all__ = ["MODALITY_OPTIONS", "read_flickr"]


def read_flickr(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return pairs of an image (N, height, width, channels) uint8 and a caption, label `match`.

    Args:
        source: the block of params.yaml, e.g. `index: results.csv`, `images: flickr30k_images`, `captions: 1`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing table, column or image (all together), a row without a caption, or too few images.
    """
    folder = source_path(source["path"], root, folder=True)
    blocks = image_and_text(source, {"column": "image"}, {"column": "caption"})
    image, text = (next(m for m, b in blocks.items() if b["kind"] == kind) for kind in KINDS)
    pictures = source_path(source["images"], folder, folder=True) if "images" in source else folder
    place = source_path(inside(folder, source["index"], "index").relative_to(folder).as_posix(), folder)
    frame = convert(_captions(place, source["index"]), source)
    for modality in (image, text):
        column = blocks[modality]["column"]
        if column not in frame:
            raise unknown_name(f"modalities.{modality}.column", column, list(frame.columns))
        empty = np.flatnonzero(frame[column].isna() | (frame[column].astype("str").str.strip() == ""))
        if len(empty):
            received = f"no {column} in row {empty[0]}" + f" and {len(empty) - 1} more" * (len(empty) > 1)
            raise InputError(f"column {column}", received, "an image and a caption in every row", "Remove the row.")
    files = frame[blocks[image]["column"]].astype("str").str.strip()
    frame = frame.iloc[first_of_each(files.to_numpy(dtype=str), source.get("captions"))].reset_index(drop=True)
    frame["image_file"] = frame[blocks[image]["column"]].astype("str").str.strip()
    block = {"sample_noun": "pair", "group_noun": "image", **source, "groups": "image_file"}
    rows = read_rows(block, frame, len(frame))
    frame = frame.iloc[rows.kept].reset_index(drop=True)
    units = frame["image_file"].to_numpy(dtype=str)
    n_mismatches, seed = int(source.get("mismatches", 1)), int(source.get("seed", 0))
    pairs = match_pairs(units, cells_of(rows), n_mismatches=n_mismatches, seed=seed)
    number = frame.groupby("image_file", sort=False).cumcount()
    ids = [f"{file}#{k}" for file, k in zip(units.tolist(), number.tolist(), strict=True)]
    argument = f"modalities.{image}"
    places = picture_places(frame, "image_file", pictures, argument)
    captions = frame[blocks[text]["column"]].astype("str").tolist()
    shown = [places[i] for i in pairs.unit_rows]
    modalities = {
        image: read_pictures(shown, blocks[image], argument),
        text: texts([captions[i] for i in pairs.text_rows]),
    }
    told = np.array([c.strip().lower() for c in captions], dtype=str)
    same = int((told[pairs.unit_rows] == told[pairs.text_rows]).sum() - pairs.match.sum())
    reading = {"images": len(set(units.tolist())), "captions": len(frame), "mismatches_with_the_same_words": same}
    modalities = {m: modalities[m] for m in blocks}
    return build(block, matched_rows(rows, pairs, ids), modalities, name=name, annotations={"reading": reading})


def _captions(place: Path, shown: str) -> pd.DataFrame:
    """The table of captions: columns `image`, `number`, `caption` of the two special forms, else as it is."""
    ending = place.suffix.lower()
    if ending == ".parquet":
        return read_frame(place, shown)
    try:
        with place.open(encoding="utf-8") as file:
            first = file.readline()
            barred = ending != ".token" and first.count("|") == 2 and first.count(",") == 0
            if ending != ".token" and not barred:
                return read_frame(place, shown)
            lines = file.read().splitlines() if barred else [first.rstrip("\r\n"), *file.read().splitlines()]
    except UnicodeDecodeError as error:
        raise InputError("index", f"{shown}, no UTF-8 ({error})", "a table of captions", "Copy it again.") from error
    pattern, layout = (_BAR_LINE, "image| number| caption") if barred else (_TOKEN_LINE, "image#number<tab>caption")
    rows = []
    for position, line in enumerate(lines, start=2 if barred else 1):
        if not line.strip():
            continue
        found = pattern.fullmatch(line.strip())
        if found is None:
            received = f"line {position} of {shown}: {line[:60]!r}"
            raise InputError("index", received, layout, "Copy the table again, or correct the line.")
        rows.append((found[1].strip(), int(found[2]), found[3].strip()))
    if not rows:
        raise InputError("index", f"{shown} without a caption", layout, "Name the table of captions.")
    return pd.DataFrame(rows, columns=["image", "number", "caption"])
