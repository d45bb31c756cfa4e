"""Read the AV-MNIST folder of MultiBench: written digits as images, spoken ones as spectrograms.

Layout: `image/train_data.npy` (60000, 784), `audio/train_data.npy` (60000, 112, 112) uint8, `train_labels.npy`
(60000,), and the same three for `test` with 10000 rows. Ten classes. Values are kept as they are stored (upstream
divides both by 255): preprocessing scales images from training rows. The published split is by order: the last 5000
training rows are valid. The `.npy` files are memory-mapped, and read once.

Traps of the archive that no reader can mend: its images hold 3 to 4 numbers each (a PCA cut before 25 % of the
variance, the mean not added back, and another PCA for the test images), no noise is in the audio, and the spectrograms
were collected in the order in which processes finished, so that sound i need not belong to label i. A ceiling near 73 %
accuracy is then a property of the data.

Files: from the link in https://github.com/pliang279/MultiBench (datasets/avmnist). The archive states no licence; MNIST
is CC BY-SA 3.0, the Free Spoken Digit Dataset CC BY-SA 4.0, ESC-50 CC BY-NC 3.0.

Reference: Vielzeuf et al., CentralNet, ECCV Workshops 2018; Liang et al., MultiBench, NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats import layout
from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

KINDS = {"image": ("image",), "audio": ("image",)}
_SHAPES: dict[str, layout.Shape] = {"image": (None, 784), "audio": (None, 112, 112)}
_SAMPLE = {"image": (28, 28, 1), "audio": (112, 112, 1)}
N_VALID = 5000
OPTIONS = (
    Option("modalities", "modalities", "which of image, audio to read, both of kind image (default both)"),
    Option("n_valid", "count", "how many rows at the end of train are valid (default 5000)"),
    layout.split_option("by order, the last n_valid rows of train are valid"),
)
MODALITY_KINDS = ("image",)
MODALITY_OPTIONS = (KIND,)


def read_avmnist(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of the folder: image (N, 28, 28, 1), audio (N, 112, 112, 1), a digit each.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or truncated file, another shape, a label beyond 9, or too few rows for `n_valid`.
    """
    shown = str(source["path"])
    folder = source_path(shown, root, folder=True)
    wanted = layout.wanted_kinds(source, KINDS)
    counts: dict[str, int] = {}
    labels = []
    arrays: dict[str, list[np.ndarray]] = {m: [] for m in wanted}
    for part in ("train", "test"):
        labels.append(_labels(folder, part, shown))
        for modality in wanted:
            arrays[modality].append(layout.mapped_npy(folder, f"{modality}/{part}_data.npy", shown, _SHAPES[modality]))
        counts[part] = layout.check_rows(
            {"labels": len(labels[-1])} | {m: len(a[-1]) for m, a in arrays.items()}, shown
        )
    columns = {"label": np.concatenate(labels), "published": _split(counts, int(source.get("n_valid", N_VALID)))}
    block = {**source, "label": "label", "task": "classification", "split": layout.split_choice(source)}
    rows = read_rows(block, columns, sum(counts.values()), classes=[str(k) for k in range(10)])
    modalities = {m: Modality(_joined(arrays[m], _SAMPLE[m]), wanted[m]) for m in wanted}
    return build(source, rows, modalities, name=name)


def _labels(folder: Path, part: str, shown: str) -> np.ndarray:
    stored = layout.mapped_npy(folder, f"{part}_labels.npy", shown, (None,))
    if not np.isin(stored, np.arange(10)).all():
        received = f"{shown}/{part}_labels.npy with values beyond the digits"
        raise InputError("path", received, "whole numbers from 0 to 9", "Copy the file again.")
    return stored.astype(np.int64)


def _split(counts: Mapping[str, int], n_valid: int) -> np.ndarray:
    if n_valid >= counts["train"]:
        allowed = f"less than the {counts['train']} rows of train"
        raise InputError("n_valid", n_valid, allowed, "Give a smaller 'n_valid', or copy the files again.")
    return np.repeat(["train", "valid", "test"], [counts["train"] - n_valid, n_valid, counts["test"]])


def _joined(pieces: list[np.ndarray], sample: tuple[int, ...]) -> np.ndarray:
    """The rows of all parts in one array, uint8 where they are stored so, else float32."""
    dtype = np.uint8 if all(piece.dtype == np.uint8 for piece in pieces) else np.float32
    array = np.empty((sum(map(len, pieces)), *sample), dtype=dtype)
    start = 0
    for piece in pieces:
        array[start : start + len(piece)] = piece.reshape(len(piece), *sample)
        start += len(piece)
    return array
