"""The datasets of the regret study: pairs of modalities whose models and whose selection are both measured.

    random1..5, generative_random1..5   worlds that the bank does not hold, fresh rows
    mfeat, stress_predict, mosi, robot_failures   as `experiments.zoo_real_sets` reads them, two modalities of each
    movies_wikidata                     as below
    avmnist                             a digit's image beside a spoken digit, in four label versions

A name is `source:pair`, or `source:pair@part` where a set is so small that several ways to deal its rows are measured:
the halves of mosi that choose and test by turns, and folds of the robot and of the watch. What is fitted without
labels (principal components, means in place of missing numbers) is fitted on training rows.

avmnist: images by their first principal components, clips by those of their band energies, no clip in two parts.
`redundant`: the clip says the digit of the image, images hold 25 % of their variance and clips white noise at 0 dB, so
that neither suffices. `unique`: the label is the image's digit, the clip says any. `xor`: (image >= 5) xor (clip >= 5);
`sum`: (image + clip) mod 10, both of clean images and clips. The video features of mosi have seen the labels of the
training rows, so information is estimated on validation rows where they take part (`RegretSet.estimate_rows`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.zoo_real_sets import DIGITS, RealSet, clips, read_set
from mmcore.data import Dataset, from_arrays
from mmcore.data.worlds import draw
from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.protocol import Partition
from mmcore.seeds import stream

Float = NDArray[np.float64]
Sizes = Mapping[str, int]

PARTS = ("train", "valid", "test")
IMAGE_SHARE, COMPONENTS, PEOPLE = 0.25, 64, 32


@dataclasses.dataclass(frozen=True)
class RegretSet:
    """One entry: its source (whose entries are not independent), its definition, how to read it.

    Attributes:
        source: what the interval over datasets draws as one.
        definition: plain values that say which rows of what are read.
        read: returns the dataset of two modalities with its split.
        estimate_rows: "fit" (training and validation rows) or "valid".
    """

    source: str
    definition: Mapping[str, Any]
    read: Callable[[], Dataset]
    estimate_rows: str = "fit"


def pair_of(real: RealSet, names: Sequence[str], partition: Partition, *, name: str) -> Dataset:
    """Return two modalities of a set, split as `partition` says; rows outside it and rows with neither are left out.

    Example:
        >>> from mmcore.evaluation.protocol import partitions
        >>> x = np.arange(12.0)[:, None]
        >>> ds = from_arrays({"a": x, "b": x, "c": x}, labels=[0, 1] * 6, name="n", folds=[0, 0, 1, 1, 2, 2] * 2)
        >>> found = pair_of(RealSet(ds, partitions(ds)), ["c", "a"], partitions(ds)[0], name="c_a")
        >>> found.modalities, found.rows("test").tolist()
        (('c', 'a'), [0, 1, 6, 7])
    """
    ds = real.ds
    split = np.full(len(ds), "", dtype="<U5")
    for part in PARTS:
        split[partition.rows(part)] = part
    shown = np.any([ds.presence(modality) for modality in names], axis=0)
    kept = np.flatnonzero((split != "") & shown)
    chosen = ds.select(kept)
    label = ds.spec.label()
    kinds = {modality: ds.spec.modality(modality).kind for modality in names}
    classes = np.array(label.classes, dtype=str)
    return from_arrays(
        {modality: chosen[modality] for modality in names}, classes[chosen.labels()], name=name, kinds=kinds,
        presence={modality: chosen.presence(modality) for modality in names}, classes=label.classes,
        groups=chosen.groups, split=split[kept], sample_ids=chosen.samples["sample_id"].to_numpy(dtype=str),
    )  # fmt: skip


def components(values: Float, fitted_on: NDArray[np.bool_], *, most: int, share: float | None = None) -> Float:
    """Return scores on the first principal components of the rows `fitted_on`.

    Args:
        values: (n, d).
        fitted_on: (n,) which rows the mean and the directions come from.
        most: at most so many.
        share: fewer where so large a share of the variance is reached.

    Example:
        >>> x = np.diag([4.0, 2.0, 1.0])
        >>> components(x, np.ones(3, bool), most=2).shape
        (3, 2)
    """
    mean = values[fitted_on].mean(axis=0)
    _, singular, directions = np.linalg.svd(values[fitted_on] - mean, full_matrices=False)
    count = most
    if share is not None:
        held = np.cumsum(singular**2) / (singular**2).sum()
        count = min(most, int(np.searchsorted(held, share)) + 1)
    return np.asarray((values - mean) @ directions[:count].T)


def filled(values: Float, fitted_on: NDArray[np.bool_]) -> Float:
    """Return values with the mean of the rows `fitted_on` in place of missing ones, and an indicator a column with any.

    Example:
        >>> filled(np.array([[1.0], [np.nan], [3.0]]), np.array([True, True, False])).tolist()
        [[1.0, 0.0], [1.0, 1.0], [3.0, 0.0]]
    """
    missing = ~np.isfinite(values)
    replaced = np.where(missing, np.nanmean(values[fitted_on], axis=0), values)
    return np.concatenate([replaced, missing[:, missing.any(axis=0)].astype(float)], axis=1)


def _drawn(n_rows: int, sizes: Sizes, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return rows drawn at random, and the part of each."""
    total = sum(sizes[part] for part in PARTS)
    if total > n_rows:
        raise InputError("sizes", total, f"at most {n_rows} rows", "Ask for fewer rows in experiments/params.yaml.")
    return generator.permutation(n_rows)[:total], np.repeat(PARTS, [sizes[part] for part in PARTS])


def _people(table: pd.DataFrame, fitted_on: NDArray[np.bool_], seed: int) -> Float:
    """Return directors, writers and cast as components of which names occur; a row without names is NaN."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer

    names = table[["Director", "Writer", "Cast"]].fillna("").agg(",".join, axis=1).to_numpy(dtype=str)
    hashed = HashingVectorizer(
        n_features=2**14, binary=True, norm=None, alternate_sign=False, lowercase=False, token_pattern=r"[^,]+"
    ).transform(names)
    reduction = TruncatedSVD(PEOPLE, random_state=seed).fit(hashed[np.flatnonzero(fitted_on)])
    found = np.asarray(reduction.transform(hashed), dtype=float)
    found[np.char.strip(names, ", ") == ""] = np.nan
    return found


def _numbers(table: pd.DataFrame, *columns: str) -> Float:
    return np.stack([pd.to_numeric(table[c], errors="coerce").to_numpy(dtype=float) for c in columns], axis=1)


def movies(pair: tuple[str, str], root: Path, seed: int, sizes: Sizes) -> Dataset:
    """Return films: people, content, critic (rows that have one only) and market; never what defines the label."""
    table = pd.read_parquet(root / "movies_wikidata" / "movies.parquet").drop_duplicates("imdbID")
    if "critic" in pair:
        table = table[table["Metacritic"].notna()]
    rows, split = _drawn(len(table), sizes, stream(seed, "movies", *pair))
    table, train = table.iloc[rows], split == "train"
    genres = table["Genre"].fillna("").str.get_dummies(sep=", ")
    common = genres.loc[:, genres[train].sum() >= 30].to_numpy(dtype=float)
    awards = np.stack([_numbers(table, "Oscars")[:, 0], table["Awards"].notna().to_numpy(dtype=float)], axis=1)
    market = filled(np.log1p(_numbers(table, "BoxOffice", "rt_reviews")), train)
    made: dict[str, Callable[[], Float]] = {
        "people": lambda: _people(table, train, seed),
        "content": lambda: np.concatenate([common, filled(_numbers(table, "Runtime", "Year"), train)], axis=1),
        "critic": lambda: _numbers(table, "Metacritic"),
        "market": lambda: np.concatenate([market, filled(awards, train)], axis=1),
    }
    values = {name: made[name]().astype(np.float32) for name in pair}
    labels = np.where(table["fresh"].to_numpy(dtype=int) == 1, "fresh", "rotten")
    return from_arrays(
        values, labels, name="movies_" + "_".join(pair), kinds=dict.fromkeys(pair, "embedding"), split=split,
        classes=("rotten", "fresh"), sample_ids=table["imdbID"].to_numpy(dtype=str),
    )  # fmt: skip


def _avmnist_label(version: str, digit: NDArray[Any], spoken: NDArray[Any]) -> NDArray[Any]:
    if version == "xor":
        return np.asarray((digit >= 5) ^ (spoken >= 5)).astype(int)
    return (digit + spoken) % 10 if version == "sum" else digit


def avmnist(version: str, root: Path, seed: int, sizes: Sizes) -> Dataset:
    """Return a digit's image and a spoken digit, each by principal components, labelled by `version`."""
    weak = version in ("redundant", "unique")
    generator = stream(seed, "avmnist regret", version)
    with np.load(root / "avmnist" / "mnist_10k_10k.npz", allow_pickle=False) as file:
        pixels = {part: file[f"x_{part}"] for part in ("train", "test")}
        digits = {part: file[f"y_{part}"].astype(int) for part in ("train", "test")}
    bands, index = clips(root, weak, seed)
    drawn = generator.permutation(len(digits["train"]))
    test = generator.permutation(len(digits["test"]))[: sizes["test"]]
    held = {"train": drawn[: sizes["train"]], "valid": drawn[sizes["train"] :][: sizes["valid"]], "test": test}
    clip_part = np.where(index["split"] == "test", "test", np.where(index["index"] < 10, "valid", "train"))
    images, sounds, labels, groups, split = [], [], [], [], []
    for part, rows in held.items():
        source = "test" if part == "test" else "train"
        digit = digits[source][rows]
        spoken = digit if version == "redundant" else generator.integers(0, 10, len(rows))
        pools = [np.flatnonzero((index["digit"] == d) & (clip_part == part)) for d in range(10)]
        chosen = np.array([generator.choice(pools[d]) for d in spoken])
        images.append(pixels[source][rows].reshape(len(rows), -1) / 255.0)
        sounds.append(bands[chosen].reshape(len(rows), -1).astype(float))
        labels.append(_avmnist_label(version, digit, spoken))
        groups += [f"{part}-{index['file'][clip]}" for clip in chosen]
        split += [part] * len(rows)
    train = np.array(split) == "train"
    image = components(np.concatenate(images), train, most=COMPONENTS, share=IMAGE_SHARE if weak else None)
    audio = components(np.concatenate(sounds), train, most=COMPONENTS)
    return from_arrays(
        {"image": image.astype(np.float32), "audio": audio.astype(np.float32)}, np.concatenate(labels).astype(str),
        name=f"avmnist_{version}", kinds=dict.fromkeys(("image", "audio"), "embedding"), groups=groups, split=split,
        classes=("0", "1") if version == "xor" else DIGITS,
    )  # fmt: skip


def _folded(source: str, pair: tuple[str, str], part: int, root: Path, seed: int, sizes: Sizes) -> Dataset:
    real = read_set(source, root, seed=seed, sizes=dict(sizes))
    return pair_of(real, pair, real.parts[part], name=f"{source}_{'_'.join(pair)}")


def _world(name: str, sizes: Sizes, seed: int) -> Dataset:
    return draw(name, {part: sizes[part] for part in PARTS}, seed=seed)


def regret_sets(root: Path, settings: Mapping[str, Any]) -> dict[str, RegretSet]:
    """Return every dataset of the study by name, in the order of the parameters.

    Args:
        root: the folder of real data.
        settings: `seed`; `worlds`: `names` and `sizes`; `real`: source -> `sizes`, and `pairs` or `versions`, `parts`
            (which folds or halves are tested), `valid_only` (pairs whose information is estimated on validation rows).

    Raises:
        InputError: for an unknown source.
    """
    seed = int(settings["seed"])
    found: dict[str, RegretSet] = {}
    for name in settings["worlds"]["names"]:
        sizes = dict(settings["worlds"]["sizes"])
        definition = {"world": name, "sizes": sizes, "seed": seed}
        found[name] = RegretSet(name, definition, functools.partial(_world, name, sizes, seed))
    known = ("mfeat", "stress_predict", "mosi", "movies_wikidata", "avmnist")
    for source, own in settings["real"].items():
        if source not in known and not source.startswith("robot_failures_lp"):
            raise unknown_name("source", source, known)
        found |= _real(source, own, root, seed)
    return found


def _real(source: str, own: Mapping[str, Any], root: Path, seed: int) -> dict[str, RegretSet]:
    sizes, cluster = dict(own["sizes"]), "robot_failures" if source.startswith("robot") else source
    found: dict[str, RegretSet] = {}
    for version in own.get("versions", []):
        definition = {"source": source, "version": version, "sizes": sizes, "seed": seed}
        found[f"{source}:{version}"] = RegretSet(
            cluster, definition, functools.partial(avmnist, version, root, seed, sizes)
        )
    for first, second in own.get("pairs", []):
        pair, name = (first, second), f"{first}_{second}"
        rows = "valid" if name in own.get("valid_only", []) else "fit"
        definition = {"source": source, "pair": list(pair), "sizes": sizes, "seed": seed}
        if source == "movies_wikidata":
            read = functools.partial(movies, pair, root, seed, sizes)
            found[f"{source}:{name}"] = RegretSet(cluster, definition, read, rows)
            continue
        for part in own["parts"]:
            entry = f"{source}:{name}" + (f"@{part}" if len(own["parts"]) > 1 else "")
            read = functools.partial(_folded, source, pair, part, root, seed, sizes)
            found[entry] = RegretSet(cluster, definition | {"part": part}, read, rows)
    return found
