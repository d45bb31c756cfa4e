"""What the readers of images with text share: their modality blocks, and the images of a set, each file read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data.formats.folders import file_places, read_image
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality
from mmcore.errors import InputError

KINDS = ("image", "text")
MODALITY_OPTIONS = (
    KIND,
    Option("column", "text", "the column that holds the file or the text"),
    Option("size", "size", "images: resize to this height and width"),
    Option("channels", "count", "images: 1 for grey, 3 for colour (default 3)"),
)
DEFAULT_SIZE = [224, 224]
NAMES = ("image", "text")


def image_and_text(source: Mapping[str, Any], image: Mapping[str, Any], text: Mapping[str, Any]) -> dict[str, Any]:
    """Return modality -> block of the one image and the one text of a source, with what it leaves out filled in.

    Args:
        source: the block of params.yaml; without `modalities` the two are called `image` and `text`.
        image: defaults of the image's block.
        text: defaults of the text's block.

    Raises:
        InputError: for another choice than one of each kind.

    Example:
        >>> image_and_text({"modalities": {"photo": "image", "said": "text"}}, {"column": "img"}, {})["photo"]["column"]
        'img'
    """
    given = source.get("modalities") or dict(zip(NAMES, KINDS, strict=True))
    blocks = {m: {"kind": b} if isinstance(b, str) else dict(b) for m, b in given.items()}
    kinds = sorted(str(block["kind"]) for block in blocks.values())
    if kinds != ["image", "text"]:
        remedy = "Give one modality of kind image and one of kind text."
        raise InputError("modalities", ", ".join(kinds), "one image, one text", remedy)
    defaults = {"image": {"size": DEFAULT_SIZE, "channels": 3, **image}, "text": dict(text)}
    return {m: {**defaults[block["kind"]], **block} for m, block in blocks.items()}


def picture_places(
    frame: pd.DataFrame, column: str, folder: Path, argument: str, missing: str = "error"
) -> list[Path | None]:
    """Return each row's image as `folders.file_places` does; a file that many rows name is looked for, and told, once.

    Example:
        >>> picture_places(pd.DataFrame({"file": [None, None]}), "file", Path("."), "image")
        [None, None]
    """
    files = frame[column].astype(object).where(frame[column].notna(), None)
    named = pd.DataFrame({column: files.drop_duplicates()})
    places = file_places(named, {"column": column}, folder, argument, missing)
    found = dict(zip(named[column], places, strict=True))
    return [found[file] for file in files]


def read_pictures(places: Sequence[Path | None], block: Mapping[str, Any], argument: str) -> Modality:
    """Return the images at `places`, (N, height, width, channels) uint8, absent where None; each file is decoded once.

    Raises:
        InputError: where there is no image at all, or one cannot be decoded.
    """
    if not any(place is not None for place in places):
        raise InputError(argument, "no file at all", "at least one file", "Check the names of the files.")
    if block["channels"] not in (1, 3):
        raise InputError(f"{argument}.channels", block["channels"], "1 or 3", "Give 1 for grey or 3 for colour.")
    height, width = block["size"]
    array = np.zeros((len(places), height, width, block["channels"]), dtype=np.uint8)
    rows: dict[Path, list[int]] = {}
    for row, place in enumerate(places):
        if place is not None:
            rows.setdefault(place, []).append(row)
    for place, positions in rows.items():
        array[positions] = read_image(place, size=(height, width), channels=block["channels"])
    return Modality(array, "image", np.array([place is not None for place in places], dtype=bool))


def texts(values: Sequence[Any]) -> Modality:
    """Return texts, (N,) str, absent where there is none.

    Example:
        >>> texts(["a dog", None]).present.tolist()
        [True, False]
    """
    array = np.array([str(v).strip() if isinstance(v, str) else "" for v in values], dtype=str)
    return Modality(array, "text", array != "")
