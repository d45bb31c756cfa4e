"""Read CIFAR-ESC, images with sounds that fit or do not, from the `fulldata.pt` of HighMMT.

Layout: what `torch.save` wrote of three lists (train, valid, test), or a dict of them, each of [image, sound, label]:
the image a vector of 3072 in CIFAR's order (channel, row, column), the sound a picture (112, 112) of its spectrogram,
the label 1 where both are of the same class. Each image occurs once with a sound of its class and once with another, so
neither modality alone should tell the label. Read by `torch.load(weights_only=True)`.

The result is `image` (32, 32, 3) and `audio` (112, 112, 1), both of kind image: whole numbers as uint8, others as they
are (float32). The image is the group: both of its pairs lie in one part. Where the parts share images that is a leak,
and an error that says what to do. How many sounds they share is noted; an image's pairs cannot be kept apart by both.

Licence: ESC-50 is CC BY-NC 3.0, CIFAR-100 comes without a stated licence for research. The user makes the file with the
scripts of HighMMT from their own downloads.

Reference: Liang et al., High-Modality Multimodal Transformer, TMLR 2023; Krizhevsky, 2009; Piczak, ACM MM 2015.
Departs on purpose from MultiBench's loader, which returns plain CIFAR-100.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.rows import SPLIT_NAMES, Modality, build, read_rows
from mmcore.data.formats.torch_files import load_torch
from mmcore.data.spec import SPLITS
from mmcore.errors import InputError, unknown_name

NAMES = ("image", "audio")
CLASSES = ("mismatch", "match")
OPTIONS = (
    Option("modalities", "modalities", "which of image, audio to read, each with its kind (default both)"),
    Option("overlap", "text", "images that lie in two parts (default error)", choices=("error", "keep")),
)
_OWN = ("modalities", "label", "task", "classes", "groups", "sample_id", "where")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = ("image",)
MODALITY_OPTIONS = (KIND,)
_LAYOUT = "three lists (train, valid, test) of [image (3072,), sound (112, 112), label]"


def read_cifar_esc(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the pairs: `image` (N, 32, 32, 3), `audio` (N, 112, 112, 1), label `label` (mismatch, match).

    Args:
        source: the block of params.yaml; `split: [0.7, 0.15, 0.15]` makes new parts that keep an image whole.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for another layout, a broken or refused file, a label other than 0 and 1, or shared images.
    """
    content = load_torch(source_path(source["path"], root), source["path"])
    wanted = tuple(source.get("modalities") or NAMES)
    for modality in wanted:
        if modality not in NAMES:
            raise unknown_name("modalities", str(modality), NAMES)
    samples = [(part, i, s) for part, listed in _parts(content, source["path"]) for i, s in enumerate(listed)]
    images, sounds, labels = [], [], []
    for part, i, sample in samples:
        where = f"{part} {i} of {source['path']}"
        image, sound, label = _sample(sample, where)
        images.append(image)
        sounds.append(sound)
        labels.append(label)
    parts = np.array([part for part, _, _ in samples], dtype=str)
    keys = {"image": _digests(images), "audio": _digests(sounds)}
    shared = {m: len(_shared(key, parts)) for m, key in keys.items()}
    redrawn = isinstance(source.get("split"), list)
    if shared["image"] and not redrawn and source.get("overlap", "error") == "error":
        received = f"{shared['image']} images that lie in two parts of {source['path']}"
        remedy = "Set 'split: [0.7, 0.15, 0.15]' for new parts that keep an image whole, or 'overlap: keep'."
        raise InputError("path", received, "each image in one part", remedy)
    columns = {"label": np.array(labels), "split": parts, "image": np.array(keys["image"], dtype=str)}
    columns["id"] = np.array([f"{part}/{i}" for part, i, _ in samples], dtype=str)
    block = {"sample_noun": "pair", "split": "split", **source, "label": "label", "sample_id": "id"}
    block["task"] = "classification"
    if redrawn or not shared["image"]:
        block |= {"groups": "image", "group_noun": source.get("group_noun", "image")}
    rows = read_rows(block, columns, len(samples), classes=CLASSES)
    arrays = {
        "image": _pixels(images).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1),
        "audio": _pixels(sounds)[..., None],
    }
    modalities = {m: Modality(np.ascontiguousarray(arrays[m]), "image") for m in wanted}
    reading = {"in_two_parts_of_the_file": shared}
    return build(block, rows, modalities, name=name, annotations={"reading": reading})


def _parts(content: Any, shown: str) -> list[tuple[str, Sequence[Any]]]:
    remedy = "Name the fulldata.pt of HighMMT."
    if isinstance(content, dict):
        for key in content:
            if str(key) not in SPLIT_NAMES:
                raise unknown_name(f"part of {shown}", str(key), SPLITS)
        named = {SPLIT_NAMES[str(key)]: value for key, value in content.items()}
    elif isinstance(content, list | tuple) and len(content) == 3:
        named = dict(zip(SPLITS, content, strict=True))
    else:
        size = f" of {len(content)}" if isinstance(content, list | tuple) else ""
        raise InputError("path", f"{shown} with a {type(content).__name__}{size}", _LAYOUT, remedy)
    for part in SPLITS:
        if not isinstance(named.get(part), list | tuple) or not named[part]:
            raise InputError("path", f"{shown} without samples in {part}", _LAYOUT, remedy)
    return [(part, named[part]) for part in SPLITS]


def _sample(sample: Any, where: str) -> tuple[np.ndarray, np.ndarray, int]:
    if not isinstance(sample, list | tuple) or len(sample) != 3:
        raise InputError("path", f"a {type(sample).__name__} at {where}", _LAYOUT, "Name the fulldata.pt of HighMMT.")
    image, sound, label = (np.asarray(value) for value in sample)
    shapes = (("image", image, 3 * 32 * 32, "(3072,)"), ("sound", sound, 112 * 112, "(112, 112)"))
    for what, array, size, allowed in shapes:
        if array.dtype.kind not in "fiub" or array.size != size:
            received = f"{what} of {array.dtype} {array.shape} at {where}"
            raise InputError("path", received, f"numbers {allowed}", "Name the fulldata.pt of HighMMT.")
    if label.size != 1 or label.dtype.kind not in "iufb" or float(label.reshape(())) not in (0, 1):
        raise InputError("label", f"{label.reshape(-1)[:3].tolist()} at {where}", "0 or 1", "Correct the label.")
    return image.reshape(-1), sound.reshape(112, 112), int(label.reshape(()))


def _pixels(arrays: list[np.ndarray]) -> np.ndarray:
    """One array of all: uint8 where they are whole numbers of 0 to 255, else float32."""
    stacked = np.stack(arrays)
    whole = stacked.dtype.kind in "iub" and stacked.min() >= 0 and stacked.max() <= 255
    return stacked.astype(np.uint8 if whole else np.float32)


def _digests(arrays: list[np.ndarray]) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16] for array in arrays]


def _shared(keys: list[str], parts: np.ndarray) -> set[str]:
    """The keys that occur in more than one part."""
    first: dict[str, str] = {}
    return {key for key, part in zip(keys, parts.tolist(), strict=True) if first.setdefault(key, part) != part}
