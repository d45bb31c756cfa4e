"""Guesses about the columns of a table, and about the index table of a folder of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.guess import (
    GROUP_NAMES,
    ID_NAMES,
    SPLIT_COLUMNS,
    Guess,
    choose,
    find_label,
    is_split,
    label_entry,
    safe_name,
)
from mmcore.data.formats.table import read_frame
from mmcore.data.formats.table_rows import as_numbers
from mmcore.errors import InputError

_MAX_PREFIXES = 6  # with more, only prefixes that several columns share make a modality
_MAX_CATEGORIES = 30
_FILE_KINDS = {".wav": "audio", ".png": "image", ".jpg": "image", ".jpeg": "image", ".bmp": "image", ".webp": "image"}


def guess_table(frame: pd.DataFrame, label: str | None) -> Guess:
    """Return the block (without reader and path) for a table with one row a sample.

    Raises:
        InputError: where the label cannot be found or no column is left to be an input.
    """
    names = [str(name) for name in frame.columns]
    target = find_label(names, label)
    roles = _roles(frame, [name for name in names if name != target])
    inputs, remarks = [], []
    reasons: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name == target or name in roles.values():
            continue
        reason = _why_not(frame[name], frame[target], len(frame))
        if reason:
            reasons[reason].append(name)
        else:
            inputs.append(name)
    remarks = [f"Not used: {', '.join(left)}: {reason}." for reason, left in reasons.items()]
    modalities: dict[str, Any] = {}
    for prefix, members in by_prefix(inputs).items():
        _add_modalities(modalities, safe_name(prefix), frame, members)
    if not modalities:
        raise InputError("--from", ", ".join(names), "columns besides the label", "Name another file or --label.")
    return Guess({"label": label_entry(target), **roles, "modalities": modalities}, remarks)


def _roles(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Groups, split and ids, where the values are what the name says."""
    group, split, ids = (choose(names, wanted) for wanted in (GROUP_NAMES, SPLIT_COLUMNS, ID_NAMES))
    roles = {}
    if group and frame[group].notna().all() and frame[group].nunique() < len(frame):
        roles["groups"] = group
    if split and frame[split].notna().all() and is_split(frame[split].unique()):
        roles["split"] = split
    if ids and frame[ids].notna().all() and frame[ids].is_unique:
        roles["sample_id"] = ids
    return roles


def _why_not(values: pd.Series, label: pd.Series, n: int) -> str | None:
    """Why a column is no input, or None."""
    if values.notna().sum() == 0:
        return "empty"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "dates"
    kind = column_kind(values)
    whole = kind == "number" and (as_numbers(values)[0] % 1 == 0).all()
    words = kind == "text" and values.astype(str).str.contains(" ").any()
    if n > 20 and ((values.is_unique and whole) or (values.nunique() > 0.99 * n and kind == "text" and not words)):
        return "an id, different in nearly every row"
    if values.nunique() == 1:
        return "the same in every row"
    if kind == "number" and _tells_the_label(as_numbers(values)[0], label):
        return "a threshold on it gives the label exactly; add it only if that is no leak"
    return None


def _tells_the_label(numbers: np.ndarray, label: pd.Series) -> bool:
    """Whether one threshold parts the two classes without an error, over at least 20 rows and 5 values."""
    known = ~np.isnan(numbers) & label.notna().to_numpy()
    classes = label[known].unique()
    if known.sum() < 20 or len(classes) != 2 or len(np.unique(numbers[known])) < 5:
        return False
    first = numbers[known & (label == classes[0]).to_numpy(dtype=bool, na_value=False)]
    second = numbers[known & (label == classes[1]).to_numpy(dtype=bool, na_value=False)]
    return bool(first.max() < second.min() or second.max() < first.min())


def column_kind(values: pd.Series) -> str:
    """Return what a column holds: number, category, list (parted by commas) or text.

    A column with a few wrong entries among numbers is one of numbers: the run then names those rows.

    Example:
        >>> column_kind(pd.Series(["1", "2.5", None])), column_kind(pd.Series(["red", "blue"] * 20))
        ('number', 'category')
        >>> column_kind(pd.Series(["red, blue", "blue"] * 20)), column_kind(pd.Series(["a b", "c d"]))
        ('list', 'text')
    """
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return "number"
    known = values.dropna().astype(str).str.strip()
    known = known[known != ""]
    if as_numbers(known)[1].mean() <= 0.05:
        return "number"
    members = known.str.split(",").explode().str.strip()
    n_distinct = known.nunique()
    if known.str.contains(",").mean() > 0.1 and members.nunique() <= max(10, len(known) // 50):
        return "list"
    return "category" if n_distinct <= min(_MAX_CATEGORIES, len(known) // 5) else "text"


def _add_modalities(modalities: dict[str, Any], name: str, frame: pd.DataFrame, members: Sequence[str]) -> None:
    """One tabular modality of the numbers, categories and lists among `members`, and one text of the rest."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for member in members:
        kinds[column_kind(frame[member])].append(member)
    block: dict[str, Any] = {"kind": "tabular"}
    for kind, option in (("number", "columns"), ("category", "categories"), ("list", "lists")):
        if kinds[kind]:
            block[option] = kinds[kind]
    if len(block) > 1:
        modalities[name] = block
    if kinds["text"]:
        several = f"{name}_text" if len(block) > 1 else name
        own = safe_name(kinds["text"][0]) if name == "columns" and len(kinds["text"]) == 1 else several
        modalities[several if own in modalities else own] = {"kind": "text", "columns": kinds["text"]}


def by_prefix(names: Sequence[str]) -> dict[str, list[str]]:
    """Group names by what stands before the first underscore; those without a group of their own go together.

    Example:
        >>> by_prefix(["voice_pitch", "voice_rate", "face_smile", "age"])
        {'voice': ['voice_pitch', 'voice_rate'], 'face': ['face_smile'], 'columns': ['age']}
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        prefix, separator, _ = name.partition("_")
        groups[prefix if separator and prefix else ""].append(name)
    least = 2 if len(groups) > _MAX_PREFIXES else 1
    shared = {prefix: members for prefix, members in groups.items() if prefix and len(members) >= least}
    held = {name for members in shared.values() for name in members}
    rest = [name for name in names if name not in held]
    return {**shared, **({"columns": rest} if rest else {})}


def guess_folder(path: Path, label: str | None) -> Guess:
    """Return the block (without reader and path) for a folder with one index table.

    Raises:
        InputError: for no table or several, no label, or no column that lists image or wav files.
    """
    tables = sorted(file for ending in ("csv", "tsv", "parquet") for file in path.glob(f"*.{ending}"))
    if len(tables) != 1:
        remedy = "Put one table there with a column of file names for each modality, and a label column."
        allowed = "exactly one csv, tsv or parquet index"
        raise InputError("--from", f"{len(tables)} tables in {path.name}", allowed, remedy)
    frame = read_frame(tables[0], tables[0].name)
    names = list(frame.columns)
    target = find_label(names, label)
    roles = _roles(frame, [name for name in names if name != target])
    modalities: dict[str, Any] = {}
    idle, remarks = [], []
    for name in names:
        if name == target or name in roles.values():
            continue
        listed = frame[name].dropna().astype(str)
        kind = _FILE_KINDS.get(Path(listed.iloc[0]).suffix.lower()) if len(listed) else None
        if kind:
            named = safe_name(kind if name.lower() in ("file", "path", "filename") else name)
            modalities[named] = {"column": name, "kind": kind}
            if kind == "image" and not _same_size([path / item for item in listed[:50]]):
                modalities[named]["size"] = [64, 64]
                remarks.append(f"{name}: images of several sizes, resized to 64 x 64; change 'size' as needed.")
        elif column_kind(frame[name]) == "text" and listed.str.contains(" ").mean() > 0.5:
            modalities[safe_name(name)] = {"columns": [name], "kind": "text"}
        else:
            idle.append(name)
    if not any("column" in block for block in modalities.values()):
        remedy = "Name the files in a column, relative to the folder: 'photos/001.png'."
        raise InputError("--from", f"{tables[0].name} with {', '.join(names)}", "columns of .png, .jpg or .wav", remedy)
    if idle:
        remarks.append(f"Not used: {', '.join(idle)}. As a modality: NAME: {{columns: [{idle[0]}], kind: tabular}}.")
    return Guess({"index": tables[0].name, "label": label_entry(target), **roles, "modalities": modalities}, remarks)


def _same_size(files: Sequence[Path]) -> bool:
    from PIL import Image

    sizes = set()
    for file in files:
        if file.is_file():
            try:
                with Image.open(file) as image:
                    sizes.add(image.size)
            except OSError:
                continue  # the run names every file that cannot be decoded
    return len(sizes) < 2
