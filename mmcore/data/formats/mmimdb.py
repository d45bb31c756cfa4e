"""Read MM-IMDb from `multimodal_imdb.hdf5`: the plot, the poster, and up to 23 genres of a film.

Layout: `features` (25959, 300), the mean word vector of the plot; `vgg_features` (25959, 4096) of the poster; `images`
(25959, 3, 256, 160), its pixels; `genres` (25959, 23) of 0 and 1, with the genres' names as JSON in its attribute
`target_names`; `imdb_ids`. The label is a multilabel `label` of 23 genres (the 27 without News, Adult, Talk-Show and
Reality-TV; the most frequent first). Modalities: `text` and `vgg` by default, `image` (256, 160, 3) where asked for: of
each array only what is asked for is read, in blocks.

The published split is by order: 15552 train, 2608 valid, 7799 test. Metrics are micro and macro F1.

Files: https://archive.org/details/mmimdb (public). Posters and plots belong to their owners; the authors give them for
research. The raw `mmimdb.tar.gz` is not needed.

Reference: Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR Workshop 2017.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats import layout
from mmcore.data.formats.files import source_path
from mmcore.data.formats.hdf5 import Hdf5, open_hdf5
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

KINDS = {"text": ("embedding", "tabular"), "vgg": ("embedding", "tabular"), "image": ("image",)}
USUAL = ("text", "vgg")
SIZES = (15552, 2608, 7799)
N_GENRES = 23
_ARRAYS: dict[str, tuple[str, layout.Shape]] = {
    "text": ("features", (None, None)),
    "vgg": ("vgg_features", (None, None)),
    "image": ("images", (None, 3, None, None)),
}
OPTIONS = (
    Option("modalities", "modalities", "which of text, vgg, image to read, each with its kind (default text and vgg)"),
    layout.split_option("by order, 15552, 2608 and 7799 films"),
)
MODALITY_KINDS = ("embedding", "tabular", "image")
MODALITY_OPTIONS = (KIND,)


def read_mmimdb(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of the file: text (N, 300), vgg (N, 4096), image (N, 256, 160, 3); a multilabel `label`.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or truncated file, a missing key, another shape, or other than 25959 films where the
            published split is asked for.
    """
    shown = str(source["path"])
    path = source_path(shown, root)
    wanted = layout.wanted_kinds(source, KINDS, USUAL)
    with open_hdf5(path, shown) as file:
        counts = {m: len(file.array(*_ARRAYS[m])) for m in wanted}
        genres = file.read("genres", (None, N_GENRES))
        n_rows = layout.check_rows({**counts, "genres": len(genres)}, shown)
        columns, block = _columns(file, genres, source, shown)
        rows = read_rows(block, columns, n_rows, classes=_genre_names(file))
        modalities = {m: Modality(_read(file, m), wanted[m]) for m in wanted}
    return build(source, rows, modalities, name=name)


def _columns(
    file: Hdf5, genres: np.ndarray, source: Mapping[str, Any], shown: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    if not np.isin(genres, (0, 1)).all():
        raise InputError("path", f"{shown}: genres with other values than 0 and 1", "0 and 1", "Copy the file again.")
    columns: dict[str, Any] = {"label": genres}
    block = {**source, "label": "label", "task": "multilabel", "split": layout.split_choice(source)}
    ids = file.texts("imdb_ids")
    if ids is not None and len(ids) == len(genres):
        columns["id"] = np.array(ids)
        block["sample_id"] = "id"
    if block["split"] == "published":
        if len(genres) != sum(SIZES):
            allowed = f"{sum(SIZES)} films for the published split"
            remedy = "Name the whole file, or give three shares as 'split'."
            raise InputError("path", f"{shown} with {len(genres)} films", allowed, remedy)
        columns["published"] = np.repeat(["train", "valid", "test"], SIZES)
    return columns, block


def _genre_names(file: Hdf5) -> list[str]:
    """The names that the file gives its genres; `genre 00` and so on where it gives none."""
    unnamed = [f"genre {k:02d}" for k in range(N_GENRES)]
    stored = file.attribute("genres", "target_names")
    if stored is None:
        return unnamed
    try:
        names = json.loads(stored.decode("utf-8") if isinstance(stored, bytes) else str(stored))
    except ValueError:
        names = None
    if not isinstance(names, list) or len({str(n) for n in names}) != N_GENRES or len(names) != N_GENRES:
        received = f"{file.shown}: target_names of {stored!r:.80}"
        raise InputError("path", received, f"a JSON list of {N_GENRES} names", "Copy the file again.")
    return [str(n) for n in names]


def _read(file: Hdf5, modality: str) -> np.ndarray:
    """The rows of one modality: vectors float32, pixels uint8 (channels last) where they are whole numbers in range."""
    key, shape = _ARRAYS[modality]
    if modality != "image":
        return file.read(key, shape).astype(np.float32, copy=False)
    item = file.array(key, shape)
    n_rows, channels, height, width = item.shape
    whole = item.dtype.kind in "iu"
    pixels = np.empty((n_rows, height, width, channels), dtype=np.uint8 if whole else np.float32)
    for rows, block in file.blocks(key, shape):
        if whole and (block.min() < 0 or block.max() > 255):
            received = f"{file.shown}: images with pixels from {block.min()} to {block.max()}"
            raise InputError("path", received, "pixels from 0 to 255", "Copy the file again.")
        pixels[rows] = block.transpose(0, 2, 3, 1)
    return pixels
