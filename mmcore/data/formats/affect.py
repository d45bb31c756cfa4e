"""Read the pickles of the MultiBench affect sets (MOSI, MOSEI, UR-FUNNY, MUStARD) through the restricted unpickler.

Layout: see `mmcore.data.formats.affect_layout`; padded with zeros on the left. Samples whose text is all zeros are
dropped; an infinite audio feature becomes 0; NaN stays; all three are counted in the dataset's annotations. Each sample
starts at its first text row that is not zero, in every modality alike (`aligned`, as upstream does even for unaligned
files), or each modality at its own first such row; sequences keep their length, or with `length` are cut after as many
steps and padded with zeros on the right. A class is label > 0 or not, so that the neutral 0 of MOSI counts as negative
(`neutral` says otherwise; HighMMT takes it as positive).

Files: mosi_raw.pkl, mosi_data.pkl, mosei_raw.pkl, mosei_senti_data.pkl, humor.pkl, sarcasm.pkl, from the download links
of MultiBench's repository (https://github.com/pliang279/MultiBench). They state no licence of their own; the videos
belong to their makers, and the owners of MOSI and MOSEI have withdrawn the raw files before: research use only.

Reference: Liang et al., MultiBench, NeurIPS 2021 Datasets and Benchmarks. Departs on purpose: no z-scoring per sample,
and an all-zero audio or video does not end the program (it stays as it is).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.affect_layout import (
    NAMES,
    NEUTRAL,
    Parts,
    as_finite,
    first_step,
    read_parts,
    report,
    sample_columns,
    sentiment,
    sentiment_label,
    wanted_names,
)
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

OPTIONS = (
    Option("modalities", "modalities", f"which of {', '.join(NAMES)} to read, each with its kind (default all three)"),
    Option("aligned", "flag", "cut the padding of all modalities where that of the text ends (default true)"),
    Option("length", "count", "keep this many steps of every sample, padded at the end (default: its own length)"),
    NEUTRAL,
)
MODALITY_KINDS = ("timeseries", "embedding")
MODALITY_OPTIONS = (KIND,)
INHERITED = tuple(o for o in COMMON if o.name not in ("modalities", "label", "where", "split", "sample_id"))


def read_affect(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of an affect pickle: ragged (t, d) modalities, or (N, `length`, d); one label column `label`.

    Args:
        source: the block of params.yaml; `task: classification` reads label > 0; `groups: video` keeps the segments of
            a video (`abc[3]`, or the first entry of a longer id) together.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or refused pickle, or another layout.
    """
    parts = read_parts(source, root)
    wanted = wanted_names(source)
    kept = {part: _with_text(fields) for part, fields in parts.items()}
    if not any(mask.any() for mask in kept.values()):
        raise InputError("path", f"{source['path']} without a sample that has text", "text", "Name a whole pickle.")
    dropped = {part: int((~mask).sum()) for part, mask in kept.items()}
    values, task, classes = sentiment_label(sentiment(parts, kept, source["path"]), source)
    columns = {"label": values, **sample_columns(parts, kept)}
    sequences, infinite, missing = _sequences(parts, kept, tuple(wanted), aligned=source.get("aligned", True))
    block = {**source, "label": "label", "split": "split", "sample_id": "id", "task": task}
    block = {key: value for key, value in block.items() if key != "classes"}
    rows = read_rows(block, columns, len(columns["id"]), classes=classes)
    length = source.get("length")
    modalities = {
        m: Modality(Ragged.from_list(s) if length is None else fixed_length(s, length), wanted[m])
        for m, s in sequences.items()
    }
    reading = report(dropped_without_text=dropped, infinite_to_zero=infinite)
    reading |= {"nan": {m: n for m, n in missing.items() if n}} if any(missing.values()) else {}
    return build(source, rows, modalities, name=name, annotations={"reading": reading})


def _with_text(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    text = fields["text"]
    return (text != 0).reshape(len(text), -1).any(axis=1)


def _sequences(
    parts: Parts, kept: Mapping[str, np.ndarray], wanted: tuple[str, ...], *, aligned: bool
) -> tuple[dict[str, list[np.ndarray]], dict[str, int], dict[str, int]]:
    """The samples of each modality without padding, how many infinite values became 0, and how many are NaN."""
    sequences: dict[str, list[np.ndarray]] = {m: [] for m in wanted}
    infinite, missing = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    for part, fields in parts.items():
        lengths = {fields[m].shape[1] for m in (*wanted, "text")}
        if aligned and len(lengths) > 1:
            received = f"{part} with {', '.join(map(str, sorted(lengths)))} steps"
            raise InputError("aligned", received, "one number of steps for all modalities", "Set 'aligned: false'.")
        text_start = first_step(fields["text"])
        for modality in wanted:
            values, n_infinite, n_missing = as_finite(fields[modality], kept[part])
            infinite[modality] += n_infinite
            missing[modality] += n_missing
            start = text_start if aligned else first_step(values)
            sequences[modality] += [values[row, start[row] :] for row in np.flatnonzero(kept[part])]
    return sequences, infinite, missing


def fixed_length(sequences: list[np.ndarray], length: int) -> np.ndarray:
    """Return the first `length` steps of each (t, d) sequence, zeros behind its end, (N, length, d) float32.

    Example:
        >>> fixed_length([np.ones((3, 1)), np.ones((1, 1))], 2)[..., 0].tolist()
        [[1.0, 1.0], [1.0, 0.0]]
    """
    array = np.zeros((len(sequences), length, sequences[0].shape[1]), dtype=np.float32)
    for row, sequence in enumerate(sequences):
        array[row, : len(sequence)] = sequence[:length]
    return array
