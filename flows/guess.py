"""Guesses about the arrays of an npz file: which is the label, which are modalities, and of what kind."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data.formats.rows import SPLIT_NAMES
from mmcore.data.spec import RESERVED_COLUMNS
from mmcore.errors import InputError, unknown_name

LABEL_NAMES = ("label", "labels", "y", "target", "class")
GROUP_NAMES = (
    "group", "groups", "subject", "subject_id", "person", "person_id", "patient", "patient_id", "participant",
    "participant_id", "speaker", "speaker_id", "video", "video_id", "user", "user_id",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "fold_name", "part")
ID_NAMES = ("sample_id", "id", "segment_id", "uid")
_CLASS_NAMES = ("classes", "class_names", "label_names", "target_names")


@dataclass(frozen=True)
class Guess:
    """A `source` block, and remarks in whole sentences on what was left out or may be otherwise."""

    source: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def choose(names: Iterable[str], wanted: tuple[str, ...]) -> str | None:
    """Return the first of `wanted` that is among `names`, in whatever case.

    Example:
        >>> choose(["Y", "Person"], ("subject", "person"))
        'Person'
    """
    lower = {name.lower(): name for name in names}
    return next((lower[want] for want in wanted if want in lower), None)


def find_label(names: list[str], label: str | None) -> str:
    """Return `label`, or the one of `names` that is called like a label.

    Raises:
        InputError: for a name that is not there, or where nothing is named like a label.
    """
    if label is not None:
        if label not in names:
            raise unknown_name("--label", label, names)
        return label
    found = choose(names, LABEL_NAMES)
    if found is None:
        raise InputError("--label", "nothing named like a label", ", ".join(names), "Say which it is: --label NAME.")
    return found


def label_entry(name: str) -> str | dict[str, str]:
    """Return how the block names the label: a name that cannot be stored gets one that can.

    Example:
        >>> label_entry("mood"), label_entry("Mood (self)")
        ('mood', {'mood_self': 'Mood (self)'})
    """
    stored = safe_name(name)
    if stored in RESERVED_COLUMNS or stored.startswith("has_"):
        stored = f"label_{stored}"
    return name if stored == name else {stored: name}


def safe_name(name: str) -> str:
    """Return a name that a modality may have.

    Example:
        >>> safe_name("Heart rate"), safe_name("3d"), safe_name("samples")
        ('heart_rate', 'm_3d', 'm_samples')
    """
    cleaned = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
    return cleaned if re.match(r"[a-z]", cleaned) and cleaned != "samples" else f"m_{cleaned}".rstrip("_")


def is_split(values: Iterable[object]) -> bool:
    """Return whether every value names a part, training among them.

    Example:
        >>> is_split(["train", "dev"]), is_split(["0", "1"])
        (True, False)
    """
    found = {SPLIT_NAMES.get(str(value).strip().lower()) for value in values}
    return None not in found and "train" in found


def guess_arrays(path: Path, label: str | None) -> Guess:
    """Return the block (without reader and path) for an npz file.

    Raises:
        InputError: for a broken file, one with objects, no label, or no array with one row a sample.
    """
    arrays = _load(path)
    target = find_label(list(arrays), label)
    if not arrays[target].ndim:
        raise InputError("--label", f"'{target}' with a single value", "one label a sample", "Name another array.")
    n = len(arrays[target])
    block: dict[str, Any] = {"label": label_entry(target)}
    names = choose(arrays, _CLASS_NAMES)
    if names and arrays[names].dtype.kind == "U" and arrays[names].ndim == 1 and names != target:
        block["classes"] = names
    if arrays[target].ndim == 2 and arrays[target].shape[1] > 1:
        block["task"] = "multilabel"
    flat = {k: a for k, a in arrays.items() if a.shape == (n,) and k != target}
    block |= _roles(flat)
    taken = {target, *(value for value in block.values() if isinstance(value, str))}
    modalities, remarks = _ragged(arrays, n, taken)
    for key, array in arrays.items():
        if key not in taken and array.ndim and len(array) == n:
            kind, remark = _kind(key, array)
            remarks += [remark] if remark else []
            if kind:
                _put(modalities, key, {"key": key, "kind": kind})
    if not modalities:
        shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        remedy = f"Give each modality one row a sample: {n} rows, as '{target}' has. Or name another --label."
        raise InputError("--from", shapes, f"arrays with {n} rows and at least two axes", remedy)
    rows = [name for name, entry in modalities.items() if entry == "tabular" or "tabular" in entry]
    if rows:
        remarks.append(f"Read as columns: {', '.join(rows)}. Where they are steps of time, write 'timeseries'.")
    idle = sorted(k for k, a in flat.items() if k not in taken and a.dtype.kind != "U")
    if idle:
        remarks.append(f"Not used: {', '.join(idle)}. To keep only some rows: where: {{{idle[-1]}: VALUE}}.")
    return Guess({**block, "modalities": modalities}, remarks)


def _load(path: Path) -> dict[str, np.ndarray]:
    remedy = "Save it again with numpy.savez: plain arrays of numbers or text, no objects."
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        received = f"{path.name}, which is broken or holds objects"
        raise InputError("--from", received, "an npz file of plain arrays", remedy) from error


def _roles(flat: dict[str, np.ndarray]) -> dict[str, str]:
    """Groups, split and ids, where the values are what the name says."""
    group, split, ids = (choose(flat, names) for names in (GROUP_NAMES, SPLIT_COLUMNS, ID_NAMES))
    roles = {}
    if group and len(np.unique(flat[group])) < len(flat[group]):
        roles["groups"] = group
    if split and is_split(np.unique(flat[split]).tolist()):
        roles["split"] = split
    if ids and len(np.unique(flat[ids])) == len(flat[ids]):
        roles["sample_id"] = ids
    return roles


def _ragged(arrays: dict[str, np.ndarray], n: int, taken: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Pairs of offsets (n + 1,) and values that end where the offsets say."""
    modalities: dict[str, Any] = {}
    offsets = {
        k: a for k, a in arrays.items() if a.shape == (n + 1,) and a.dtype.kind in "iu" and "offset" in k.lower()
    }
    rates: list[str] = []
    for key, array in arrays.items():
        if key in taken or key in offsets or array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
            continue
        own = [o for o, ends in offsets.items() if ends[-1] == len(array)]
        stem = re.sub(r"_?values$", "", key) or key
        # offsets that carry the modality's own name win over shared ones
        own.sort(key=lambda o: (not o.startswith(stem), o))
        if own and len(array) != n and not key.endswith("times"):
            block = {"values": key, "offsets": own[0], "kind": "timeseries"}
            times = f"{stem}_times"
            if times in arrays and arrays[times].shape == (len(array), 2):
                block["times"] = times
            rates.append(_put(modalities, stem, block))
    if not rates:
        return modalities, []
    return modalities, [f"{', '.join(rates)}: add 'rate: HZ' if the steps are evenly timed; windows need it."]


def _kind(key: str, array: np.ndarray) -> tuple[str | None, str | None]:
    """The kind of an array with one row a sample, and a remark where it may be another or is left out."""
    axes = array.ndim - 1
    if array.dtype.kind == "U":
        words = axes == 0 and np.mean([" " in text.strip() for text in array[:200]]) > 0.5
        return ("text", None) if words else (None, f"Not used: {key}, single words. If it is a modality: kind: text.")
    if array.dtype.kind not in "fiub" or axes == 0:
        return None, None
    if axes == 1:
        return "tabular", None
    if (axes == 2 and array.dtype == np.uint8 and min(array.shape[1:]) >= 8) or (
        axes == 3 and array.shape[3] in (1, 3)
    ):
        return "image", None
    if axes == 2:
        return "timeseries", None
    return None, f"Not used: {key} {array.shape}; no kind has {axes} axes of this shape a sample. Reshape it."


def _put(modalities: dict[str, Any], name: str, block: dict[str, Any]) -> str:
    """Add a modality under a name that is free, in the short form where its key is its name; return the name."""
    free = safe_name(name)
    while free in modalities:
        free = f"{free}_2"
    short = block.get("key") == free and set(block) == {"key", "kind"}
    modalities[free] = block["kind"] if short else block
    return free
