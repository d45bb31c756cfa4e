"""The real datasets of `zoo_real`: arrays as their README describes them, and the rows that train, choose and test.

    mfeat               six views of 2,000 digits; stratified folds
    mosi                text_minilm, audio, video; trained on the published training videos. The video features have
                        seen the labels of those, so rows that choose must be none of them: the videos of the published
                        test part are halved, and each half chooses once and tests once
    stress_predict      per-second levels and spreads of five signals and the beats, scaled within each subject (which
                        needs no label); fewer than five beats are no beats: 37 % of the windows; folds by subject
    robot_failures_lp*  force and torque, 15 steps, as they are and as signed logarithms (some are a thousand times
                        others); the three larger of the five tasks: of the other two, one row is more than two points;
                        stratified folds
    avmnist_clean       image and a clip of the same digit; rows are grouped by clip, no clip is in two parts
    avmnist_degraded    the same; the principal components that hold 25 % of the images' variance, white noise at 0 dB
    avmnist_xor         a clip of any digit, label: (image >= 5) xor (clip >= 5)

Clips are logarithms of the energy in 20 bands at 12 moments of their length, each band less its mean in the clip: the
speaker's distance tells no digit. Nothing here is fitted on labels or on rows that test.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmcore.data import Dataset, from_arrays
from mmcore.data.split import fold_rows
from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.protocol import Partition, partitions
from mmcore.seeds import stream

Float = NDArray[np.float64]

FEWEST_BEATS = 5
BANDS, MOMENTS = 20, 12
DIGITS = tuple(str(digit) for digit in range(10))


@dataclasses.dataclass(frozen=True, eq=False)
class RealSet:
    """A dataset and the ways in which its rows are dealt."""

    ds: Dataset
    parts: list[Partition]


def mfeat(root: Path, seed: int, sizes: dict[str, int]) -> RealSet:
    """Six views of 2,000 handwritten digits in five stratified folds."""
    with np.load(root / "mfeat" / "mfeat.npz", allow_pickle=False) as file:
        views = {name: file[name].astype(np.float32) for name in ("fou", "fac", "kar", "pix", "zer", "mor")}
        labels = file["y"].astype(int)
    kinds = dict.fromkeys(views, "embedding")
    folds = fold_rows(labels, n_folds=sizes["folds"], seed=seed)
    ds = from_arrays(views, labels.astype(str), name="mfeat", kinds=kinds, classes=DIGITS, folds=folds, seed=seed)
    return RealSet(ds, partitions(ds))


def mosi(root: Path, seed: int, sizes: dict[str, int]) -> RealSet:
    """Spoken sentences of 93 videos; two partitions that exchange the halves of the published test part."""
    segments = pd.read_csv(root / "mosi" / "mosi_segments.csv")
    with np.load(root / "mosi" / "mosi_features.npz", allow_pickle=False) as file:
        names = ("text_minilm", "audio", "video")
        values = {name: file[name].astype(np.float32) for name in names}
        labels, tested = file["y"].astype(int), file["is_test"]
    groups = segments["video_id"].to_numpy(dtype=str)
    ds = from_arrays(
        values, np.where(labels == 1, "positive", "negative"), name="mosi", groups=groups, seed=seed,
        kinds=dict.fromkeys(names, "embedding"), classes=("negative", "positive"),
        split=np.where(tested, "test", "train"),
    )  # fmt: skip
    rows = np.flatnonzero(tested)
    half = fold_rows(labels[rows], groups=groups[rows], n_folds=2, seed=seed)
    train = np.flatnonzero(~tested)
    return RealSet(ds, [Partition(k, train, rows[half == 1 - k], rows[half == k]) for k in (0, 1)])


def _per_second(values: NDArray[Any]) -> Float:
    """Return (N, 30, 3): mean, spread and mean change within each second of (N, 30 rate) values."""
    seconds = values.astype(np.float64).reshape(len(values), 30, -1)
    change = np.abs(np.diff(seconds, axis=2)).mean(axis=2) if seconds.shape[2] > 1 else np.zeros(seconds.shape[:2])
    return np.stack([seconds.mean(axis=2), seconds.std(axis=2), change], axis=2)


def _within(values: Float, subject: NDArray[Any]) -> NDArray[np.float32]:
    """Return channels (N, 30, c) with mean 0 and spread 1 within each subject; constant channels become 0."""
    scaled = np.empty_like(values)
    for person in np.unique(subject):
        rows = subject == person
        spread = values[rows].std(axis=(0, 1))
        scaled[rows] = (values[rows] - values[rows].mean(axis=(0, 1))) / np.where(spread > 0.0, spread, 1.0)
    return np.asarray(scaled, np.float32)


def _beats(intervals: NDArray[Any], subject: NDArray[Any]) -> list[Any]:
    """Return the beats (t, 2) of each window, level and change, scaled within each subject; None where too few."""
    found: list[Any] = [None] * len(intervals)
    for person in np.unique(subject):
        rows = np.flatnonzero(subject == person)
        known = intervals[rows][np.isfinite(intervals[rows])]
        level, spread = (known.mean(), known.std()) if len(known) > 1 else (0.0, 1.0)
        for row in rows:
            beats = intervals[row][np.isfinite(intervals[row])]
            if len(beats) >= FEWEST_BEATS:
                scaled = (beats.astype(np.float64) - level) / spread
                found[row] = np.stack([scaled, np.diff(scaled, prepend=scaled[:1])], axis=1).astype(np.float32)
    return found


def stress_predict(root: Path, seed: int, sizes: dict[str, int]) -> RealSet:
    """Half-minute windows of a watch, five signals and the beats, in folds by subject."""
    with np.load(root / "stress_predict" / "stress_predict_30s.npz", allow_pickle=False) as file:
        subject, labels = file["subject"], file["y"].astype(int)
        signals = {
            "bvp": file["bvp"],
            "acc": np.linalg.norm(file["acc"].astype(np.float64), axis=2),
            "eda": file["eda"],
            "temp": file["temp"],
        }
        values: dict[str, Any] = {name: _within(_per_second(signal), subject) for name, signal in signals.items()}
        values["hr"] = _within(file["hr"].astype(np.float64)[:, :, None], subject)
        values["ibi"] = _beats(file["ibi"], subject)
    folds = fold_rows(labels, groups=subject.astype(str), n_folds=sizes["folds"], seed=seed)
    ds = from_arrays(
        values, np.where(labels == 1, "stress", "rest"), name="stress_predict", groups=subject.astype(str), folds=folds,
        kinds=dict.fromkeys(values, "timeseries"), classes=("rest", "stress"), seed=seed,
    )  # fmt: skip
    return RealSet(ds, partitions(ds))


def robot_failures(task: int, root: Path, seed: int, sizes: dict[str, int]) -> RealSet:
    """Force and torque of a robot's failures, one of its five tasks, in stratified folds."""
    with np.load(root / "robot_failures" / "robot_failures.npz", allow_pickle=False) as file:
        rows = file["task"] == task
        raw = {name: file[name][rows].astype(np.float32) for name in ("force", "torque")}
        labels = file["classes"][file["y"][rows]].astype(str)
    values = {name: np.concatenate([x, np.sign(x) * np.log1p(np.abs(x))], axis=2) for name, x in raw.items()}
    codes = np.unique(labels, return_inverse=True)[1]
    folds = fold_rows(codes, n_folds=sizes["folds"], seed=seed)
    kinds = dict.fromkeys(values, "timeseries")
    ds = from_arrays(values, labels, name=f"robot_failures_lp{task}", kinds=kinds, folds=folds, seed=seed)
    return RealSet(ds, partitions(ds))


@functools.lru_cache(maxsize=4)
def clips(root: Path, noisy: bool, seed: int) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Return band energies (3000, 12, 20) of every clip and its row of the index, digit, speaker, split and file."""
    index = pd.read_csv(root / "avmnist" / "fsdd_index.csv").sort_values("file", ignore_index=True)
    waves = {}
    with tarfile.open(root / "avmnist" / "fsdd_wav.tar") as archive:
        for member in archive.getmembers():
            handle = archive.extractfile(member) if member.name.endswith(".wav") else None
            if handle is not None:
                waves[Path(member.name).name] = handle.read()
    found = []
    for name in index["file"]:
        base = Path(str(name)).name
        found.append(_bands(waves[base], stream(seed, "noise", base) if noisy else None))
    return np.array(found, dtype=np.float32), index


def _bands(content: bytes, generator: np.random.Generator | None) -> Float:
    from scipy.io import wavfile
    from scipy.signal import stft

    rate, wave = wavfile.read(io.BytesIO(content))
    wave = wave.astype(np.float64)
    if generator is not None:
        wave = wave + generator.standard_normal(len(wave)) * wave.std()
    spectrum = np.abs(stft(wave, rate, nperseg=200, noverlap=120)[2]) ** 2
    low = np.stack([part.sum(axis=0) for part in np.array_split(spectrum, BANDS)], axis=1)
    at = np.linspace(0.0, len(low) - 1.0, MOMENTS)
    energies = np.log(low + 1e-6 * low.max() + 1e-12)
    resampled = np.stack([np.interp(at, np.arange(len(low)), band) for band in energies.T], axis=1)
    return np.asarray(resampled - resampled.mean())


def _weakened(images: Float, reference: Float) -> Float:
    """Return images rebuilt from the first principal components of `reference` that hold 25 % of its variance."""
    mean = reference.mean(axis=0)
    _, singular, directions = np.linalg.svd(reference - mean, full_matrices=False)
    share = np.cumsum(singular**2) / (singular**2).sum()
    kept = directions[: int(np.searchsorted(share, 0.25)) + 1]
    return np.asarray((images - mean) @ kept.T @ kept + mean)


def avmnist(kind: str, root: Path, seed: int, sizes: dict[str, int]) -> RealSet:
    """A digit's image with a spoken digit, in the published parts; clips of train and valid are other ones."""
    generator = stream(seed, "avmnist", kind)
    with np.load(root / "avmnist" / "mnist_10k_10k.npz", allow_pickle=False) as file:
        pixels = {part: file[f"x_{part}"] for part in ("train", "test")}
        digits = {part: file[f"y_{part}"].astype(int) for part in ("train", "test")}
    bands, index = clips(root, kind == "degraded", seed)
    counts = {"train": sizes["train"], "valid": sizes["valid"], "test": sizes["test"]}
    drawn = generator.permutation(len(digits["train"]))[: counts["train"] + counts["valid"]]
    held = {"train": drawn[: counts["train"]], "valid": drawn[counts["train"] :]}
    held["test"] = generator.permutation(len(digits["test"]))[: counts["test"]]
    clip_part = np.where(index["split"] == "test", "test", np.where(index["index"] < 10, "valid", "train"))
    images, sounds, labels, names, split = [], [], [], [], []
    for part, rows in held.items():
        source = "test" if part == "test" else "train"
        digit = digits[source][rows]
        wanted = generator.integers(0, 10, len(rows)) if kind == "xor" else digit
        pool = [np.flatnonzero((index["digit"] == d) & (clip_part == part)) for d in range(10)]
        chosen = np.array([generator.choice(pool[d]) for d in wanted])
        images.append(pixels[source][rows].reshape(len(rows), -1) / 255.0)
        sounds.append(bands[chosen])
        labels.append(((digit >= 5) ^ (wanted >= 5)).astype(int) if kind == "xor" else digit)
        names += [f"{part}-{index['file'][clip]}" for clip in chosen]
        split += [part] * len(rows)
    flat = np.concatenate(images)
    if kind == "degraded":
        flat = _weakened(flat, images[0])
    ds = from_arrays(
        {"image": flat.reshape(-1, 28, 28).astype(np.float32), "audio": np.concatenate(sounds)},
        np.concatenate(labels).astype(str), name=f"avmnist_{kind}", groups=names, split=split, seed=seed,
        kinds={"image": "image", "audio": "timeseries"}, classes=("0", "1") if kind == "xor" else DIGITS,
    )  # fmt: skip
    return RealSet(ds, partitions(ds))


FOLDERS = ("mfeat", "mosi", "stress_predict", "robot_failures", "avmnist")
READERS: dict[str, Callable[[Path, int, dict[str, int]], RealSet]] = {
    "mfeat": mfeat,
    "mosi": mosi,
    "stress_predict": stress_predict,
    "robot_failures_lp1": functools.partial(robot_failures, 1),
    "robot_failures_lp4": functools.partial(robot_failures, 4),
    "robot_failures_lp5": functools.partial(robot_failures, 5),
    "avmnist_clean": functools.partial(avmnist, "clean"),
    "avmnist_degraded": functools.partial(avmnist, "degraded"),
    "avmnist_xor": functools.partial(avmnist, "xor"),
}


def read_set(name: str, root: Path, *, seed: int, sizes: dict[str, int]) -> RealSet:
    """Return a dataset with its partitions.

    Args:
        name: of `READERS`.
        root: the folder of real data.
        seed: of folds, halves, pairings and noise.
        sizes: `folds`, or `train`, `valid` and `test` where the set draws its rows.

    Raises:
        InputError: for an unknown name, or where the folder is not there.
    """
    if name not in READERS:
        raise unknown_name("dataset", name, READERS)
    folder = root / next(known for known in FOLDERS if name.startswith(known))
    if not folder.is_dir():
        raise InputError("root", str(folder), "a folder with the data", "Set 'root' in experiments/params.yaml.")
    return READERS[name](root, seed, sizes)
