"""Read Clotho, sounds with captions, from the record arrays of the DCASE baseline; pairs that match or not.

Layout: `<path>/data/clotho_dataset_{dev,eva}/*.npy` (or without `data/`), one file a caption: numpy records with the
fields `features` (T, 64) log-mel bands and `words_ind` (L,) positions in the list of words, beside them usually
`file_name` and `caption`. They hold objects, so numpy itself would have to unpickle them; here they are read by
`record_arrays`, which runs nothing. The text is the record's `caption`; else the words of `words_ind` in the list that
`words` names; else those numbers, parted by blanks, which every method for text takes for words. Which is in the notes.

The label says whether sound and caption match (`matching`: each alone tells nothing). With `pairs: false` each caption
is a sample without a label. `dev` is train, from which whole sounds are drawn for valid; `eva` is test.

Licence: captions and meta data under the Tampere University licence (non-commercial), the sounds under the Creative
Commons licences of their Freesound authors. From Zenodo (10.5281/zenodo.3490684), features by the DCASE 2020 baseline.

Reference: Drossos, Lipping, Virtanen, Clotho: an audio captioning dataset, ICASSP 2020. Departs on purpose from
MultiBench, which validates on `eva` and has no test, and pads to the longest of a batch: lengths stay, the text keeps
no padding, and captions of one sound never lie in two parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.files import inside, source_path
from mmcore.data.formats.matching import (
    CAPTIONS,
    MISMATCHES,
    at_positions,
    cells_of,
    first_of_each,
    match_pairs,
    matched_rows,
)
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.pictures import texts
from mmcore.data.formats.record_arrays import load_records
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.data.split import split_rows
from mmcore.data.unpickle import load
from mmcore.errors import InputError

N_BANDS = 64
FOLDERS = {"clotho_dataset_dev": "train", "clotho_dataset_eva": "test"}
OPTIONS = (
    Option("modalities", "modalities", "the kinds of audio and caption (default timeseries and text)"),
    CAPTIONS,
    MISMATCHES,
    Option("pairs", "flag", "label whether sound and caption match (default true); false leaves out the label"),
    Option("pool", "count", "average so many steps of the sound into one (default 1)"),
    Option("words", "text", "the list of words inside the path: a pickle or a text file of one word a line"),
    Option("valid_share", "share", "the share of the development sounds that is validation (default 0.15)"),
)
_OWN = ("modalities", "label", "task", "classes", "groups", "split", "sample_id", "where")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = ("timeseries", "text")
MODALITY_OPTIONS = (KIND,)
EXPECTED = {"audio": "timeseries", "caption": "text"}


def read_clotho(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return pairs of ragged `audio` (t, 64) float32 and `caption` text, label `match`.

    Args:
        source: the block of params.yaml, e.g. `captions: 1`, `pool: 10`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing folder, a record that is broken or of another layout, or sounds in both folders.
    """
    _check_modalities(source)
    folder = source_path(source["path"], root, folder=True)
    folder = folder / "data" if (folder / "data").is_dir() else folder
    words = _word_list(folder, source)
    features, captions, sounds, parts, ids, read_as = [], [], [], [], [], set()
    for sub, part in FOLDERS.items():
        # a missing folder is named as the user would write it
        place = source_path(sub, folder, folder=True)
        for file in sorted(place.glob("*.npy")):
            for number, record in enumerate(load_records(file, f"{sub}/{file.name}")):
                array, sound, (text, kind) = _record(record, f"{sub}/{file.name}", words)
                features.append(_pooled(array, int(source.get("pool", 1))))
                captions.append(text)
                sounds.append(sound)
                parts.append(part)
                ids.append(f"{sub[-3:]}/{file.stem}" + (f"/{number}" if number else ""))
                read_as.add(kind)
    for part in ("train", "test"):
        if part not in parts:
            sub = next(key for key, value in FOLDERS.items() if value == part)
            raise InputError("path", f"{sub} without a record", "at least one .npy of records", "Make the features.")
    units, given = np.array(sounds, dtype=str), np.array(parts, dtype=str)
    limited = first_of_each(np.char.add(given, units), source.get("captions"))
    units, given = units[limited], _with_valid(units[limited], given[limited], source)
    columns = {"sound": units, "split": given, "id": np.array(ids, dtype=str)[limited]}
    block = {"sample_noun": "pair", "group_noun": "sound", **source, "split": "split", "groups": "sound"}
    block |= {"sample_id": "id"}
    rows = read_rows(block, columns, len(units))
    unit_rows = text_rows = np.arange(len(units))
    if source.get("pairs", True):
        n_mismatches, seed = int(source.get("mismatches", 1)), int(source.get("seed", 0))
        pairs = match_pairs(units, cells_of(rows), n_mismatches=n_mismatches, seed=seed)
        unit_rows, text_rows = pairs.unit_rows, pairs.text_rows
        rows = matched_rows(rows, pairs, columns["id"].tolist())
    else:
        rows = at_positions(rows, unit_rows)
    ragged = Ragged.from_list([features[i] for i in limited]).select(unit_rows)
    modalities = {
        "audio": Modality(ragged, "timeseries"),
        "caption": texts([captions[i] for i in limited[text_rows]]),
    }
    reading = {"text_from": sorted(read_as), "captions": len(units), "sounds": len(set(units.tolist()))}
    return build(block, rows, modalities, name=name, annotations={"reading": reading})


def _check_modalities(source: Mapping[str, Any]) -> None:
    given = source.get("modalities") or EXPECTED
    kinds = {m: b if isinstance(b, str) else b["kind"] for m, b in given.items()}
    if kinds != EXPECTED:
        received = ", ".join(f"{m}: {kind}" for m, kind in kinds.items())
        raise InputError("modalities", received, "audio: timeseries, caption: text", "Leave modalities out.")


def _record(
    record: Mapping[str, Any], shown: str, words: Sequence[str] | None
) -> tuple[np.ndarray, str, tuple[str, str]]:
    """The features, the name of the sound, and the text with what it was made from."""
    for field in ("features", "words_ind"):
        if field not in record:
            received = f"{shown} with the fields {', '.join(record)}"
            raise InputError("path", received, "features, words_ind", "Make the features with the DCASE 2020 baseline.")
    features, indices = np.asarray(record["features"]), np.asarray(record["words_ind"])
    if features.ndim != 2 or features.shape[1] != N_BANDS or features.dtype.kind not in "fiu" or not len(features):
        received = f"features of {features.dtype} {features.shape} in {shown}"
        raise InputError("path", received, f"numbers (T, {N_BANDS})", "Make the features again.")
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        received = f"words_ind of {indices.dtype} {indices.shape} in {shown}"
        raise InputError("path", received, "whole numbers (L,)", "Make the features again.")
    name = record.get("file_name")
    sound = str(name) if name is not None else hashlib.sha256(features.tobytes()).hexdigest()[:16]
    return features.astype(np.float32), sound, _text(record, indices, words, shown)


def _text(record: Mapping[str, Any], indices: np.ndarray, words: Sequence[str] | None, shown: str) -> tuple[str, str]:
    if words is not None:
        if indices.size and (indices.min() < 0 or indices.max() >= len(words)):
            received = f"word {indices.max()} in {shown}"
            raise InputError(
                "words", received, f"0 to {len(words) - 1}", "Name the list that the features were made with."
            )
        named = [words[i] for i in indices]
        return " ".join(w for w in named if not (w.startswith("<") and w.endswith(">"))), "words"
    caption = record.get("caption")
    if isinstance(caption, str):
        return caption, "caption"
    return " ".join(map(str, indices.tolist())), "words_ind"


def _word_list(folder: Path, source: Mapping[str, Any]) -> list[str] | None:
    if "words" not in source:
        return None
    place = source_path(inside(folder, source["words"], "words").relative_to(folder).as_posix(), folder)
    if place.suffix in (".p", ".pkl", ".pickle"):
        found = load(place)
    else:
        found = place.read_text(encoding="utf-8").splitlines()
    if not isinstance(found, list) or not found or not all(isinstance(word, str) for word in found):
        raise InputError("words", f"{source['words']} without a list of words", "a list of words", "Name words_list.p.")
    return found


def _pooled(features: np.ndarray, steps: int) -> np.ndarray:
    """Means over `steps` steps each; the last may cover fewer."""
    if steps == 1:
        return features
    starts = np.arange(0, len(features), steps)
    counts = np.diff(np.append(starts, len(features)))
    return np.asarray(np.add.reduceat(features, starts, axis=0) / counts[:, None], dtype=np.float32)


def _with_valid(units: np.ndarray, parts: np.ndarray, source: Mapping[str, Any]) -> np.ndarray:
    """The parts with `valid_share` of the development sounds as valid."""
    share = float(source.get("valid_share", 0.15))
    both = sorted(set(units[parts == "train"].tolist()) & set(units[parts == "test"].tolist()))
    if both:
        received = f"{both[0]} and {len(both) - 1} more in both folders" if both[1:] else f"{both[0]} in both folders"
        raise InputError("path", received, "each sound in one folder", "Download the two folders again.")
    development = np.flatnonzero(parts == "train")
    divided = parts.astype("<U5")
    if share:
        shares = (1 - share, share, 0.0)
        seed = int(source.get("seed", 0))
        divided[development] = split_rows(None, groups=units[development], fractions=shares, seed=seed)
    return divided
