"""A dataset on disk: `dataset.json`, `samples.parquet` and npy files, readable without this project.

Arrays are memory-mapped when loaded and written aside and renamed when saved, so a failed save leaves the old content.
The same dataset gives the same bytes: canonical JSON, npy version 1, parquet without pandas' metadata. Nothing is ever
unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.atomic import atomic_directory, canonical_json
from mmcore.data.dataset import Array, Dataset, absent_as_zeros
from mmcore.data.ragged import Ragged
from mmcore.data.samples import read_samples, write_samples
from mmcore.data.spec import DatasetSpec, ModalitySpec
from mmcore.errors import InputError, counted


def file_names(modality: ModalitySpec) -> list[str]:
    """Return the names of the files that hold a modality.

    Example:
        >>> file_names(ModalitySpec("a", "timeseries", (None, 3), "float32", ragged=True))
        ['a.values.npy', 'a.offsets.npy']
    """
    if not modality.ragged:
        return [f"{modality.name}.npy"]
    times = [f"{modality.name}.times.npy"] if modality.timed else []
    return [f"{modality.name}.values.npy", f"{modality.name}.offsets.npy", *times]


def save_dataset(ds: Dataset, path: str | Path) -> None:
    """Write `ds` as a directory at `path`, in the place of what was there; rows not present are written as zeros.

    Raises:
        OSError: where the disk refuses; `path` then holds what it held before.

    Example:
        >>> import tempfile
        >>> from mmcore.data import from_arrays
        >>> where = tempfile.mkdtemp() + "/my"
        >>> save_dataset(from_arrays({"a": np.eye(4)}, labels=[0, 1, 0, 1], name="my"), where)
        >>> load_dataset(where)["a"].shape
        (4, 4)
    """
    target = Path(path)
    try:
        with atomic_directory(target) as aside:
            spec = dataclasses.replace(ds.spec, modalities=tuple(_write_modality(ds, m, aside) for m in ds.modalities))
            write_samples(ds.samples, spec, aside / "samples.parquet")
            files = {file.name: _sha256(file) for file in sorted(aside.iterdir())}
            content = {**spec.to_dict(), "files": files}
            (aside / "dataset.json").write_text(canonical_json(content), encoding="utf-8")
    except OSError as error:
        message = f"dataset '{ds.spec.name}' could not be saved: {error}; {target} is unchanged. Free space and rerun."
        raise (OSError(message) if error.errno is None else OSError(error.errno, message)) from error


def _write_modality(ds: Dataset, name: str, directory: Path) -> ModalitySpec:
    spec = ds.spec.modality(name)
    array = absent_as_zeros(ds[name], ds.presence(name))
    if isinstance(array, Ragged):
        parts = [array.values, np.asarray(array.offsets, dtype=np.int64)]
        if array.times is not None:
            parts.append(np.asarray(array.times, dtype=np.float64))
    else:
        parts = [array]
    for file, part in zip(file_names(spec), parts, strict=True):
        plain = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("="))
        np.save(directory / file, plain, allow_pickle=False)
    return spec


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_dataset(path: str | Path, *, verify: bool = False) -> Dataset:
    """Return the dataset in directory `path`, its arrays memory-mapped read-only.

    Args:
        path: what `save_dataset` wrote, or the same format from elsewhere.
        verify: also compare each file with its sha256 (reads everything).

    Raises:
        InputError: for a missing or truncated file, a modality with another row count, shape or dtype than
            `dataset.json` says, samples that break the contract, or (with `verify`) a file that has changed.
    """
    root = Path(path)
    content = _read_specification(root)
    files = content.pop("files", {})
    spec = DatasetSpec.from_dict(content)
    if verify:
        _verify(root, spec, files)
    arrays = {m.name: _load_modality(root, m, spec.n_samples) for m in spec.modalities}
    return Dataset(spec, read_samples(root / "samples.parquet", spec), arrays)


def _read_specification(root: Path) -> dict[str, Any]:
    file = root / "dataset.json"
    if not file.is_file():
        raise InputError("path", str(root), "a directory with a dataset.json", "Run the stage that writes it.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("dataset.json", str(error), "JSON", "Write the dataset again.") from error
    if not isinstance(content, dict):
        raise InputError("dataset.json", type(content).__name__, "a JSON object", "Write the dataset again.")
    return content


def _verify(root: Path, spec: DatasetSpec, files: dict[str, str]) -> None:
    for name in ["samples.parquet", *(f for m in spec.modalities for f in file_names(m))]:
        if not (root / name).is_file():
            raise InputError(name, "no such file", f"a file in {root}", "Write the dataset again.")
        found = _sha256(root / name)
        if found != files.get(name):
            raise InputError(name, f"sha256 {found}", files.get(name), "The file has changed; write the dataset again.")


def _load_modality(root: Path, spec: ModalitySpec, n_samples: int) -> Array:
    parts = [_open_npy(root / name) for name in file_names(spec)]
    rows = len(parts[1]) - 1 if spec.ragged else len(parts[0])
    if rows != n_samples:
        remedy = "Write this modality with one row a sample."
        raise InputError(spec.name, counted(rows, "row"), f"{n_samples} rows, as n_samples in dataset.json", remedy)
    shape = tuple(parts[0].shape[1:])
    dtype = "str" if parts[0].dtype.kind == "U" else parts[0].dtype.name
    declared = spec.shape[1:] if spec.ragged else spec.shape
    if shape != declared or dtype != spec.dtype:
        allowed = f"{spec.dtype} {declared}, as in dataset.json"
        raise InputError(f"{file_names(spec)[0]}", f"{dtype} {shape}", allowed, "Write the dataset again.")
    if not spec.ragged:
        return parts[0]
    return Ragged(parts[0], parts[1], parts[2] if spec.timed else None)


def _open_npy(path: Path) -> np.ndarray:
    """The memory-mapped array of an npy file, after comparing the file's size with what its header promises."""
    if not path.is_file():
        raise InputError(path.name, "no such file", f"a file in {path.parent}", "Write the dataset again.")
    found = path.stat().st_size
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = reader(file)
        except ValueError as error:
            received = f"{found} bytes without a readable header ({error})"
            raise InputError(path.name, received, "an npy file", "Write the dataset again.") from error
        expected = file.tell() + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if dtype.hasobject:
        raise InputError(path.name, "pickled objects", "plain numbers or text", "Write it with allow_pickle=False.")
    if found != expected:
        remedy = "The file is truncated or overwritten; write the dataset again."
        raise InputError(path.name, f"{found} bytes", f"{expected} bytes", remedy)
    if not len(shape):
        raise InputError(path.name, "a single number", "one row a sample", "Write the dataset again.")
    return np.load(path, mmap_mode="r", allow_pickle=False)
