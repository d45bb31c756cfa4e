"""`interplay add`: look into a user's files, guess what is what, and write the dataset's block into `params.yaml`.

Guesses are shown and easy to correct; nothing is guessed where two answers are equally likely.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.atomic import atomic_file
from mmcore.errors import InputError, unknown_name
from tasks.parameters import PARAMETERS_FILE, check_parameters

_LABEL_NAMES = ("label", "y", "target", "class", "labels")
_GROUP_NAMES = ("group", "subject", "person", "patient", "speaker", "video", "video_id", "user")
_SPLIT_NAMES = ("split",)
_ID_NAMES = ("sample_id", "id")


@dataclass(frozen=True)
class Column:
    """An array of an npz, or a column of a table."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


def add_dataset(root: Path, name: str, source: Path, *, label: str | None = None, write: bool = True) -> str:
    """Return the block for `source` as YAML, after writing it into `params.yaml` unless `write` is False.

    Raises:
        InputError: for a name that exists or is not allowed, a file that is missing or of an unknown kind, or a label
            that cannot be guessed.
        ParametersError: when the file with the new block would not be valid; it is then unchanged.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.width = 200
    path = root / PARAMETERS_FILE
    content = yaml.load(path.read_text(encoding="utf-8"))
    if name in content["datasets"]:
        raise InputError("name", f"'{name}'", "a name that params.yaml does not have yet", "Choose another name.")
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise InputError("name", f"'{name}'", "small letters, digits, _ and -, a letter first", "Choose another name.")
    if not (root / source).exists():
        raise InputError("--from", f"no such file {source}", "a file or a folder", "Correct the path.")
    block = {"source": guess_source(root, source, label)}
    content["datasets"][name] = block
    text = io.StringIO()
    yaml.dump(content, text)
    check_parameters(YAML(typ="safe", pure=True).load(text.getvalue()))
    if write:
        with atomic_file(path) as aside:
            aside.write_text(text.getvalue(), encoding="utf-8")
    shown = io.StringIO()
    yaml.dump({name: block}, shown)
    done = (
        f"Added to {PARAMETERS_FILE}. Look it over, then: interplay run --dataset {name}" if write else "Not written."
    )
    return f"{shown.getvalue()}{done}"


def guess_source(root: Path, source: Path, label: str | None) -> dict[str, Any]:
    """Return the `source` block for a file or folder, by what its name ends in."""
    path = root / source
    common = {"path": source.as_posix()}
    if path.is_dir():
        return {"reader": "folders", **common, **_guess_folder(path, label)}
    ending = path.suffix.lower()
    if ending == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            columns = [Column(key, arrays[key].shape, arrays[key].dtype) for key in arrays.files]
        return {"reader": "npz", **common, **_guess_arrays(columns, label)}
    if ending in (".csv", ".parquet"):
        frame = pd.read_csv(path, nrows=1000) if ending == ".csv" else pd.read_parquet(path)
        return {"reader": "table", **common, **_guess_table(frame, label)}
    if ending in (".pkl", ".pickle"):
        return {"reader": "affect", **common}
    remedy = "Convert it to npz or parquet, or name a reader in params.yaml by hand; docs/your-data.md shows how."
    raise InputError("--from", source.name, ".npz, .csv, .parquet, .pkl or a folder with an index table", remedy)


def _choose(names: list[str], wanted: tuple[str, ...]) -> str | None:
    lower = {name.lower(): name for name in names}
    return next((lower[want] for want in wanted if want in lower), None)


def _label_of(names: list[str], label: str | None) -> str:
    if label is not None:
        if label not in names:
            raise unknown_name("--label", label, names)
        return label
    found = _choose(names, _LABEL_NAMES)
    if found is None:
        remedy = "Say which it is: --label NAME."
        raise InputError("--label", "nothing named like a label", ", ".join(names), remedy)
    return found


def _guess_arrays(columns: list[Column], label: str | None) -> dict[str, Any]:
    names = [column.name for column in columns]
    target = _label_of(names, label)
    n = next(column.shape[0] for column in columns if column.name == target)
    wide = [c for c in columns if len(c.shape) >= 2 and c.shape[0] == n and c.dtype.kind in "fiu" and c.name != target]
    if not wide:
        shapes = ", ".join(f"{column.name} {column.shape}" for column in columns)
        remedy = f"Give each modality one row a sample: {n} rows, as '{target}' has."
        raise InputError("--from", shapes, "at least one array of two or more axes", remedy)
    modalities = {
        _safe(c.name): (_kind(c) if _safe(c.name) == c.name else {"key": c.name, "kind": _kind(c)}) for c in wide
    }
    block: dict[str, Any] = {"label": target, "modalities": modalities}
    flat = [column.name for column in columns if len(column.shape) == 1 and column.shape[0] == n]
    group = _choose(flat, _GROUP_NAMES)
    return {**block, **({"groups": group} if group else {})}


def _kind(column: Column) -> str:
    if len(column.shape) == 2:
        return "tabular"
    if column.dtype == np.uint8 and (len(column.shape) == 4 or column.shape[1] == column.shape[2]):
        return "image"
    return "timeseries"


def _safe(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
    return cleaned if re.match(r"[a-z]", cleaned) and cleaned != "samples" else f"m_{cleaned}"


def _guess_table(frame: pd.DataFrame, label: str | None) -> dict[str, Any]:
    names = [str(name) for name in frame.columns]
    target = _label_of(names, label)
    roles = {
        "groups": _choose(names, _GROUP_NAMES),
        "split": _choose(names, _SPLIT_NAMES),
        "sample_id": _choose(names, _ID_NAMES),
    }
    taken = {target, *(name for name in roles.values() if name)}
    modalities: dict[str, Any] = {}
    by_prefix: Mapping[str, list[str]] = _by_prefix([name for name in names if name not in taken])
    for prefix, members in by_prefix.items():
        numeric = [name for name in members if pd.api.types.is_numeric_dtype(frame[name])]
        words = [name for name in members if name not in numeric]
        if numeric:
            modalities[_safe(prefix)] = {"columns": numeric, "kind": "tabular"}
        if words:
            modalities[_safe(f"{prefix}_text" if numeric else prefix)] = {"columns": words, "kind": "text"}
    return {"label": target, "modalities": modalities, **{key: value for key, value in roles.items() if value}}


def _by_prefix(names: list[str]) -> dict[str, list[str]]:
    """Group `audio_1, audio_2, text_a` by what stands before the first underscore; names without one go together."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        prefix, separator, _ = name.partition("_")
        groups[prefix if separator else "columns"].append(name)
    return dict(groups)


def _guess_folder(path: Path, label: str | None) -> dict[str, Any]:
    tables = sorted([*path.glob("*.csv"), *path.glob("*.parquet")])
    if len(tables) != 1:
        remedy = "Put one table there with a column of file names for each modality, and a label column."
        raise InputError("--from", f"{len(tables)} tables in {path.name}", "exactly one csv or parquet index", remedy)
    frame = pd.read_csv(tables[0]) if tables[0].suffix == ".csv" else pd.read_parquet(tables[0])
    names = [str(name) for name in frame.columns]
    target = _label_of(names, label)
    kinds = {".wav": "audio", ".png": "image", ".jpg": "image", ".jpeg": "image"}
    modalities = {}
    for name in names:
        first = next((str(value) for value in frame[name] if isinstance(value, str)), "")
        kind = kinds.get(Path(first).suffix.lower())
        if kind and name != target:
            modalities[_safe(name if name != "file" else kind)] = {"column": name, "kind": kind}
    group = _choose(names, _GROUP_NAMES)
    block: dict[str, Any] = {"index": tables[0].name, "label": target, "modalities": modalities}
    return {**block, **({"groups": group} if group else {})}
