"""Read a dataset from one `.npz` file of plain arrays; object arrays are refused (`allow_pickle=False`).

A modality is an array (N, ...), or ragged as flat `values` (total, d) with `offsets` (N + 1,). Rows that hold nothing
but NaN are absent. A time series or sound (N, T) becomes (N, T, 1), an image (N, H, W) becomes (N, H, W, 1).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.files import source_path
from mmcore.data.formats.label_rows import column_of
from mmcore.data.formats.options import KIND, RATE, UNIT, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.data.spec import KINDS
from mmcore.errors import InputError, counted

OPTIONS: tuple[Option, ...] = ()
MODALITY_KINDS = KINDS
MODALITY_OPTIONS = (
    KIND,
    Option("key", "text", "the key of the array (default: the modality's name)"),
    Option("values", "text", "ragged: the key of all samples' steps one after another, (total, d)"),
    Option("offsets", "text", "ragged: the key of where each sample starts, (N + 1,)"),
    Option("times", "text", "ragged: the key of each step's start and end in seconds, (total, 2)"),
    Option("presence", "text", "the key of a boolean array: which rows have the modality"),
    RATE,
    UNIT,
)
_TRAILING_AXES = {"image": 3, "timeseries": 2, "audio": 2, "tabular": 1, "embedding": 1}


class _Arrays(Mapping[str, np.ndarray]):
    """The arrays of an npz by key, each read when asked for, with one error for every way a file can be broken."""

    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        try:
            self._file = np.load(path, allow_pickle=False)
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
            raise self._broken(str(error)) from error
        if not isinstance(self._file, np.lib.npyio.NpzFile):
            raise InputError("path", f"{shown}, a single array", "an npz of several arrays", "Save with numpy.savez.")
        self._read: dict[str, np.ndarray] = {}

    def _broken(self, detail: str) -> InputError:
        received = f"{self._shown}, which is broken or no npz ({detail})"
        return InputError("path", received, "a whole npz without pickles", "Copy the file again, or save it anew.")

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._read:
            if key not in self._file.files:
                raise KeyError(key)
            try:
                self._read[key] = self._file[key]
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                raise self._broken(f"{key}: {error}") from error
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise self._broken(f"{key}: {error}") from error
                remedy = "Save numbers or strings, not objects: a pickle can run code."
                raise InputError("path", f"{self._shown} with objects in '{key}'", "plain arrays", remedy) from error
        return self._read[key]

    def __contains__(self, key: object) -> bool:
        return key in self._file.files

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.files)

    def __len__(self) -> int:
        return len(self._file.files)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_npz(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset that `source` describes.

    Args:
        source: the block of params.yaml; `modalities: {force: timeseries}` or `{force: {key, kind, rate, unit, ...}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing, truncated or pickled file, an unknown key, or arrays of different rows.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> np.savez(folder / "a.npz", force=np.zeros((20, 5, 3)), y=np.arange(20) % 2)
        >>> block = {"reader": "npz", "path": "a.npz", "label": "y", "modalities": {"force": "timeseries"}}
        >>> read_npz(block, folder, name="tiny")["force"].shape
        (20, 5, 3)
    """
    arrays = _Arrays(source_path(source["path"], root), source["path"])
    try:
        blocks = {m: {"kind": b} if isinstance(b, str) else dict(b) for m, b in source["modalities"].items()}
        n_rows = _n_rows(arrays, blocks, source)
        classes = source.get("classes")
        named = column_of(arrays, classes, "classes").tolist() if isinstance(classes, str) else classes
        rows = read_rows(source, arrays, n_rows, classes=named)
        modalities = {m: _modality(m, block, arrays, n_rows, rows.kept) for m, block in blocks.items()}
    finally:
        arrays.close()
    return build(source, rows, modalities, name=name)


def _n_rows(arrays: _Arrays, blocks: Mapping[str, Mapping[str, Any]], source: Mapping[str, Any]) -> int:
    """The number of rows in the file, which every array that is named must share."""
    counts = {}
    for modality, block in blocks.items():
        argument = f"modalities.{modality}"
        if "offsets" in block or "values" in block:
            for part in ("values", "offsets"):
                if part not in block:
                    remedy = "A ragged modality needs both values and offsets."
                    raise InputError(f"{argument}.{part}", "nothing", "the key of an array", remedy)
            counts[argument] = len(column_of(arrays, block["offsets"], f"{argument}.offsets")) - 1
        else:
            array = column_of(arrays, block.get("key", modality), f"{argument}.key" if "key" in block else argument)
            counts[argument] = len(np.atleast_1d(array))
    n_rows = next(iter(counts.values()))
    keys = {k: source[k] for k in ("groups", "split", "folds", "sample_id") if isinstance(source.get(k), str)}
    for option, key in keys.items():
        counts[option] = len(np.atleast_1d(column_of(arrays, key, option)))
    label = source.get("label")
    for key in (
        [label] if isinstance(label, str) else (list(label.values()) if isinstance(label, Mapping) else label or [])
    ):
        counts[f"label {key}"] = len(np.atleast_1d(column_of(arrays, key, "label")))
    for argument, count in counts.items():
        if count != n_rows:
            allowed = f"{n_rows} rows, as {next(iter(counts))}"
            raise InputError(argument, counted(count, "row"), allowed, "Give every array one row a sample.")
    return n_rows


def _modality(modality: str, block: Mapping[str, Any], arrays: _Arrays, n_rows: int, kept: np.ndarray) -> Modality:
    argument = f"modalities.{modality}"
    kind = block["kind"]
    array: np.ndarray | Ragged
    if "offsets" in block:
        array = _ragged(block, arrays, argument).select(kept)
        present = array.lengths > 0
    else:
        rows = with_channels(column_of(arrays, block.get("key", modality), argument), kind, argument)[kept]
        array, present = rows, ~all_nan(rows)
    if "presence" in block:
        given = column_of(arrays, block["presence"], f"{argument}.presence")
        if given.shape != (n_rows,) or not np.isin(given, (0, 1)).all():
            allowed = f"({n_rows},) of true and false"
            received = f"{given.dtype} {given.shape}"
            raise InputError(f"{argument}.presence", received, allowed, "Give one entry a row.")
        present = present & given.astype(bool)[kept]
    rate = float(block["rate"]) if "rate" in block else None
    return Modality(array, kind, present, rate, block.get("unit"))


def _ragged(block: Mapping[str, Any], arrays: _Arrays, argument: str) -> Ragged:
    values = column_of(arrays, block["values"], f"{argument}.values")
    times = column_of(arrays, block["times"], f"{argument}.times") if "times" in block else None
    values = values[:, None] if values.ndim == 1 else values
    try:
        return Ragged(values, arrays[block["offsets"]], times)
    except InputError as error:
        raise InputError(f"{argument}.{error.argument}", error.received, error.allowed, error.remedy) from error


def with_channels(array: np.ndarray, kind: str, argument: str) -> np.ndarray:
    """Return `array` (N, ...) with the axes its kind has; one that is missing is the single channel.

    Raises:
        InputError: where a text is no text, a number no number, or axes are missing or too many.

    Example:
        >>> with_channels(np.zeros((4, 28, 28)), "image", "image").shape
        (4, 28, 28, 1)
    """
    text = array.dtype.kind == "U"
    if text != (kind == "text") or array.dtype.kind not in "biufU":
        allowed = "text" if kind == "text" else "numbers"
        raise InputError(argument, f"{array.dtype} as {kind}", allowed, "Name another key or another kind.")
    axes = _TRAILING_AXES.get(kind)
    if axes is None:
        return array
    given = array.ndim - 1
    if given == axes - 1:
        return array[..., None]
    if given != axes:
        allowed = f"{axes} axes a sample for kind {kind}"
        raise InputError(argument, f"shape {array.shape}", allowed, "Reshape the array, or name another kind.")
    return array


def all_nan(array: np.ndarray) -> np.ndarray:
    """Return which rows hold nothing but NaN, (N,) bool; the empty text for text.

    Example:
        >>> all_nan(np.array([[np.nan, np.nan], [np.nan, 1.0]])).tolist()
        [True, False]
    """
    if array.dtype.kind == "U":
        return array.reshape(len(array), -1)[:, 0] == ""
    if array.dtype.kind != "f" or not array.size:
        return np.zeros(len(array), dtype=bool)
    return np.isnan(array.reshape(len(array), -1)).all(axis=1)
