"""One modality of a dataset made worse by noise that fits its kind, at a level from 0 to 1.

    corrupted_i = c(x_i, level, stream(seed, c, modality, sample_id_i), training statistics)

Each sample has streams of its own, named by its `sample_id`, so its noise depends neither on the other samples nor on
their order, and the draws do not depend on the level, so the curve over levels is one of nested noise (a paired design:
its differences are the level's, not the draw's). A default chains the corruptions of its form, each with the stream it
has alone. `drop_steps` leaves the modality out of its stream: aligned modalities lose the same steps, as a sensor's
outage would have it. Level 0 returns the dataset itself. Labels, presence and times are not touched.

Whole numbers are rounded and saturate at the ends of their type, as a sensor's do; floats are never clipped.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmcore.atomic import atomic_file
from mmcore.data.corruption.statistics import CHUNK_NUMBERS, FeatureStatistics, fit_statistics, form_of
from mmcore.data.corruption.statistics import with_feature_axis as with_features
from mmcore.data.corruption.table import DEFAULTS, GATED, Corruption, find_corruption
from mmcore.data.corruption.text import mistype
from mmcore.data.dataset import Array, Dataset
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

FILLS = ("zero", "mean")


@dataclass(frozen=True)
class _Plan:
    """What is done to one modality."""

    modality: str
    form: str
    parts: tuple[Corruption, ...]
    gated: tuple[str, ...]
    level: float
    seed: int
    statistics: FeatureStatistics
    fill: np.ndarray


def corrupt(
    ds: Dataset, modality: str, level: float, *, seed: int, method: str | Sequence[str] | None = None,
    statistics: FeatureStatistics | None = None, rows: np.ndarray | None = None, fill: str = "zero",
    directory: str | Path | None = None,
) -> Dataset:  # fmt: skip
    """Return the dataset with one modality corrupted.

    Args:
        ds: the dataset; its arrays may be memory-mapped and are read in pieces.
        modality: the one to corrupt.
        level: in [0, 1]; 0 changes nothing.
        seed: of the noise.
        method: a name of `CORRUPTIONS`, several applied in order, or None for the form's entry of `DEFAULTS`.
        statistics: of the training rows; None: fitted on the rows of `train`.
        rows: (n,) row numbers to corrupt; None: all. The other rows stay as they are.
        fill: what a dropped number becomes: `zero` (silence, 128 for uint8 sound) or the training `mean`.
        directory: where the corrupted array is written (`<modality>.npy` or `.values.npy`) and memory-mapped from;
            None keeps it in memory. Raw text stays in memory.

    Raises:
        InputError: for an unknown modality, method or fill, a method for another form, a level outside [0, 1],
            statistics of another modality, rows outside the dataset, no training row to fit on, or a dataset's own
            folder as `directory`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4)}, labels=[0, 1, 0, 1], split=["train"] * 4)
        >>> corrupt(ds, "a", 0.0, seed=0)["a"] is ds["a"]
        True
        >>> corrupt(ds, "a", 1.0, seed=0, method="drop_entries")["a"].tolist()[0]
        [0.0, 0.0, 0.0, 0.0]
    """
    form = form_of(ds, modality)
    if not (isinstance(level, (int, float)) and 0.0 <= level <= 1.0):
        raise InputError("level", level, "a number from 0 to 1", "Use e.g. 0.2.")
    if fill not in FILLS:
        raise unknown_name("fill", fill, FILLS)
    parts, gated = _parts(ds, modality, form, method)
    chosen = _chosen(ds, rows)
    if statistics is not None and statistics.modality != modality:
        received = f"those of {statistics.modality}"
        raise InputError("statistics", received, f"those of {modality}", "Fit them on this modality.")
    if level == 0.0:
        return ds
    known = fit_statistics(ds, modality) if statistics is None else statistics
    array = ds[modality]
    plan = _Plan(modality, form, parts, gated, float(level), seed, _in_range(known, array, form),
                 _fill(known, array, form, fill))  # fmt: skip
    ids = ds.samples["sample_id"].to_numpy(dtype=str)
    chosen = chosen[ds.presence(modality)[chosen]]
    if form == "raw_text":
        return ds.replace({modality: _mistyped(np.asarray(array), ids, chosen, plan)})
    file = None if directory is None else _file(Path(directory), modality, ragged=isinstance(array, Ragged))
    if isinstance(array, Ragged):
        chosen = chosen[array.lengths[chosen] > 0]
        spans = [slice(int(array.offsets[row]), int(array.offsets[row + 1])) for row in chosen.tolist()]
        values = _corrupted(array.values, spans, ids[chosen].tolist(), plan, file)
        return ds.replace({modality: Ragged(values, array.offsets, array.times)})
    return ds.replace({modality: _corrupted(array, chosen.tolist(), ids[chosen].tolist(), plan, file)})


def _chosen(ds: Dataset, rows: np.ndarray | None) -> np.ndarray:
    """Return the rows to corrupt as numbers of rows that the dataset has."""
    chosen = np.arange(len(ds)) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(chosen) and (chosen.min() < 0 or chosen.max() >= len(ds)):
        raise InputError("rows", f"{chosen.min()} .. {chosen.max()}", f"0 .. {len(ds) - 1}", "Give row numbers.")
    return chosen


def _file(directory: Path, modality: str, *, ragged: bool) -> Path:
    if (directory / "dataset.json").exists():
        raise InputError("directory", directory, "a folder that is no dataset's",
                         "Name another folder: the clean array there would be overwritten.")  # fmt: skip
    return directory / (f"{modality}.values.npy" if ragged else f"{modality}.npy")


def default_corruptions(ds: Dataset, modality: str) -> tuple[str, ...]:
    """Return the names of the corruptions that a modality takes, in order, where no method is named.

    Raises:
        InputError: for an unknown modality, or one that has no noise.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((2, 4, 4, 3), np.uint8)}, labels=[0, 1], split=["train", "test"])
        >>> default_corruptions(ds, "a")[:3]
        ('grayscale', 'white_balance', 'tint')
    """
    form = form_of(ds, modality)
    colours = form == "image" and ds.spec.modality(modality).shape[-1] in (3, 4)
    return DEFAULTS["colour image" if colours else form]


def _parts(
    ds: Dataset, modality: str, form: str, method: str | Sequence[str] | None
) -> tuple[tuple[Corruption, ...], tuple[str, ...]]:
    if method is None:
        names: Sequence[str] = default_corruptions(ds, modality)
        return tuple(find_corruption(name) for name in names), GATED if form == "image" else ()
    names = [method] if isinstance(method, str) else list(method)
    if not names:
        raise InputError("method", "no name", "one or more names", "Leave method out for the default.")
    return tuple(find_corruption(name, form) for name in names), ()


def _in_range(statistics: FeatureStatistics, array: Array, form: str) -> FeatureStatistics:
    """An image of whole numbers has the range of its type, whatever the training rows use of it."""
    if form != "image" or array.dtype.kind not in "iu":
        return statistics
    top = float(np.iinfo(array.dtype).max)
    return replace(statistics, low=np.zeros_like(statistics.low), high=np.full_like(statistics.high, top))


def _fill(statistics: FeatureStatistics, array: Array, form: str, fill: str) -> np.ndarray:
    if form == "tokens":
        return np.zeros(1)
    if fill == "mean":
        return statistics.mean
    silence = 128.0 if form == "audio" and array.dtype == np.uint8 else 0.0
    return np.full_like(statistics.mean, silence)


def _noisy(sample: np.ndarray, sample_id: str, plan: _Plan) -> np.ndarray:
    """One sample through all parts, float64, in its own shape."""
    values = with_features(np.asarray(sample, dtype=np.float64), plan.form)
    for part in plan.parts:
        names = (part.name,) if part.name == "drop_steps" else (part.name, plan.modality)
        draw = stream(plan.seed, "corruption", *names, sample_id)
        if part.name in plan.gated:
            gate = stream(plan.seed, "corruption", "gate", *names, sample_id)
            if gate.random() >= plan.level:
                continue
        if part.function is not None:
            values = part.function(values, plan.level, draw, plan.statistics, plan.fill)
    return values.reshape(sample.shape)


def _stored(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype)


@contextlib.contextmanager
def _target(shape: tuple[int, ...], dtype: np.dtype, file: Path | None) -> Iterator[np.ndarray]:
    """An array to fill: in memory, or mapped to a file that takes its name when it is complete."""
    if file is None:
        yield np.empty(shape, dtype)
        return
    with atomic_file(file) as aside:
        array = np.lib.format.open_memmap(aside, mode="w+", dtype=dtype, shape=shape)
        yield array
        array.flush()


def _corrupted(
    values: np.ndarray, places: Sequence[int | slice], ids: Sequence[str], plan: _Plan, file: Path | None
) -> np.ndarray:
    """A copy of `values`, the sample at each place made noisy; read and written in pieces."""
    with _target(values.shape, values.dtype, file) as out:
        step = max(1, CHUNK_NUMBERS // max(1, math.prod(values.shape[1:])))
        for start in range(0, len(values), step):
            out[start : start + step] = values[start : start + step]
        for place, sample_id in zip(places, ids, strict=True):
            out[place] = _stored(_noisy(values[place], sample_id, plan), values.dtype)
    return out if file is None else np.load(file, mmap_mode="r")


def _mistyped(texts: np.ndarray, ids: np.ndarray, rows: np.ndarray, plan: _Plan) -> np.ndarray:
    changed = texts.tolist()
    for part in plan.parts:
        for row in rows.tolist():
            draw = stream(plan.seed, "corruption", part.name, plan.modality, ids[row])
            changed[row] = mistype(changed[row], plan.level, draw, part.typos)
    return np.array(changed, dtype=str)
