"""Features of the real datasets: arrays as their READMEs describe them, a feature matrix for each modality.

Nothing here is fitted on labels. Per-person levels are removed where the README says that they differ by person, which
needs no label; missing numbers are replaced by the mean of the column with an indicator beside it.
"""

from __future__ import annotations

import dataclasses
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.seeds import stream

Float = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Features by modality, labels, and groups where rows are not independent."""

    sources: dict[str, Float]
    labels: NDArray[Any]
    groups: NDArray[Any] | None = None

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        groups = None if self.groups is None else self.groups[rows]
        return Rows({name: x[rows] for name, x in self.sources.items()}, self.labels[rows], groups)


def mfeat(root: Path, seed: int) -> Rows:
    """Six views of 2,000 handwritten digits."""
    with np.load(root / "mfeat" / "mfeat.npz", allow_pickle=False) as file:
        names = ("fou", "fac", "kar", "pix", "zer", "mor")
        return Rows({name: file[name].astype(float) for name in names}, file["y"])


def movies_wikidata(root: Path, seed: int) -> Rows:
    """Films from 1940 on: content, critic and market; never the columns that define the label."""
    import pandas as pd

    table = pd.read_parquet(root / "movies_wikidata" / "movies.parquet")
    genres = table["Genre"].fillna("").str.get_dummies(sep=", ")
    common = genres.loc[:, genres.sum() >= 200].to_numpy(dtype=float)
    content = np.concatenate([common, _filled(table[["Runtime", "Year"]].to_numpy(dtype=float))], axis=1)
    critic = table[["Metacritic"]].to_numpy(dtype=float)
    money = np.log1p(pd.to_numeric(table["BoxOffice"], errors="coerce").to_numpy(dtype=float))
    reviews = np.log1p(pd.to_numeric(table["rt_reviews"], errors="coerce").to_numpy(dtype=float))
    awards = np.stack([table["Oscars"].fillna(0).to_numpy(dtype=float), table["Awards"].notna().to_numpy()], axis=1)
    market = np.concatenate([_filled(np.stack([money, reviews], axis=1)), awards], axis=1)
    rows = Rows({"content": content, "critic": critic, "market": market}, table["fresh"].to_numpy(dtype=int))
    return rows.take(np.flatnonzero(np.isfinite(critic[:, 0])))


def stress_predict(root: Path, seed: int) -> Rows:
    """Half-minute windows of a watch; each person's levels removed."""
    with np.load(root / "stress_predict" / "stress_predict_30s.npz", allow_pickle=False) as file:
        subject = file["subject"]
        sources = {
            "eda": _signal(file["eda"], subject),
            "temp": _signal(file["temp"], subject),
            "hr": _signal(file["hr"], subject),
            "acc": _signal(np.linalg.norm(file["acc"].astype(float), axis=2), subject),
        }
        return Rows(sources, file["y"], subject)


def mosi(root: Path, seed: int) -> Rows:
    """Spoken sentences: those of the test part only, because video has seen the training labels; groups are videos."""
    import pandas as pd

    segments = pd.read_csv(root / "mosi" / "mosi_segments.csv")
    with np.load(root / "mosi" / "mosi_features.npz", allow_pickle=False) as file:
        names = ("text_minilm", "audio", "video")
        groups = segments["video_id"].to_numpy(dtype=str)
        rows = Rows({name: file[name].astype(float) for name in names}, file["y"], groups)
        return rows.take(np.flatnonzero(file["is_test"]))


def avmnist(label: str) -> Callable[[Path, int], Rows]:
    """Return a reader of digit images paired with spoken digits, labelled so that one interaction is planted."""

    def read(root: Path, seed: int) -> Rows:
        generator = stream(seed, "avmnist", label)
        with np.load(root / "avmnist" / "mnist_10k_10k.npz", allow_pickle=False) as file:
            digit, pixels = file["y_train"].astype(int), file["x_train"]
        clips, spoken = _clips(root)
        chosen = generator.permutation(len(digit))[:4000]
        digit, image = digit[chosen], pixels[chosen].reshape(len(chosen), -1) / 255.0
        wanted = digit if label == "redundant" else generator.integers(0, 10, len(digit))
        clip = np.array([generator.choice(np.flatnonzero(spoken == d)) for d in wanted])
        y = (digit >= 5) ^ (wanted >= 5) if label == "synergy" else digit
        return Rows({"image": image, "audio": clips[clip]}, y.astype(int))

    return read


READERS: dict[str, Callable[[Path, int], Rows]] = {
    "mfeat": mfeat,
    "movies_wikidata": movies_wikidata,
    "stress_predict": stress_predict,
    "mosi": mosi,
    "avmnist_redundant": avmnist("redundant"),
    "avmnist_unique": avmnist("unique"),
    "avmnist_synergy": avmnist("synergy"),
}


def read(name: str, root: Path, *, seed: int) -> Rows:
    """Return the rows of a dataset.

    Raises:
        InputError: where its folder is not there.
    """
    folder = root / name.split("_")[0] if name.startswith("avmnist") else root / name
    if not folder.is_dir():
        raise InputError("root", str(folder), "a folder with the data", "Set 'root' in experiments/params.yaml.")
    return READERS[name](root, seed)


def _filled(values: Float) -> Float:
    missing = ~np.isfinite(values)
    filled = np.where(missing, np.nanmean(values, axis=0), values)
    return np.concatenate([filled, missing[:, missing.any(axis=0)].astype(float)], axis=1)


def _signal(values: NDArray[Any], subject: NDArray[Any]) -> Float:
    """Return level, spread, slope and roughness of each window, standardised within each person."""
    signal = values.astype(float).reshape(len(values), -1)
    time = np.linspace(-1.0, 1.0, signal.shape[1])
    slope = signal @ time / (time @ time)
    rough = np.abs(np.diff(signal, axis=1)).mean(axis=1)
    found = np.stack([signal.mean(axis=1), signal.std(axis=1), slope, rough, np.ptp(signal, axis=1)], axis=1)
    for person in np.unique(subject):
        rows = subject == person
        spread = found[rows].std(axis=0)
        found[rows] = (found[rows] - found[rows].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return found


def _clips(root: Path) -> tuple[Float, NDArray[Any]]:
    """Return log band energies (3000, 160) of every clip, 20 bands by 8 parts of its length, and the spoken digits."""
    from scipy.io import wavfile
    from scipy.signal import stft

    features, digits = [], []
    with tarfile.open(root / "avmnist" / "fsdd_wav.tar") as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            handle = archive.extractfile(member) if member.name.endswith(".wav") else None
            if handle is None:
                continue
            rate, wave = wavfile.read(io.BytesIO(handle.read()))
            _, _, spectrum = stft(wave / 32768.0, rate, nperseg=min(200, len(wave)), noverlap=None)
            power = np.abs(spectrum) ** 2
            bands = np.stack([part.mean(axis=0) for part in np.array_split(power, 20)])
            parts = [part.mean(axis=1) if part.shape[1] else bands[:, -1] for part in np.array_split(bands, 8, axis=1)]
            features.append(np.log(np.concatenate(parts) + 1e-8))
            digits.append(int(Path(member.name).name.split("_")[0]))
    return np.array(features), np.array(digits)
