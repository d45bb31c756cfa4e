"""Read Kinetics-S, the small Kinetics of MultiBench: batches of (video, log-mel spectrogram, class) in torch files.

Layout: `{train,valid,test}/batch_37<k>.pdt`, k = 0, 1, ..., each a list that `torch.save` wrote of at most 100 samples:
a video (3, T, 112, 112) normalised by the Kinetics mean and deviation, a spectrogram (40, t) of log(mel + 1e-10) at
44.1 kHz, and the class 0 to 4: archery, breakdancing, crying, dining, singing. The batches are read in the order of
their numbers, one at a time, by `torch.load(weights_only=True)`.

The result is a ragged video (T, height, width, 3) and a ragged spectrogram (t, 40): lengths stay as they are. All
frames at full size take 22 MB a sample, 50 GB in all: `frames` keeps so many at equal distances, `size` averages areas.

Licence: the list of clips is CC BY 4.0 (Google), the clips belong to those who put them on YouTube. The user makes the
batches from their own download with MultiBench's scripts; nothing is fetched here.

Reference: Kay et al., The Kinetics Human Action Video Dataset, arXiv:1705.06950; Liang et al., MultiBench, NeurIPS
2021 Datasets and Benchmarks.
Departs on purpose: each part comes from its own folder and a missing one is an error, so that no test serves training
data; the same sample in two parts is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset, Ragged
from mmcore.data.formats.files import missing_file, source_path
from mmcore.data.formats.options import COMMON, KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.data.formats.torch_files import load_torch
from mmcore.data.spec import SPLITS
from mmcore.errors import InputError, unknown_name

NAMES = ("video", "audio")
CLASSES = ("archery", "breakdancing", "crying", "dining", "singing")
N_MEL = 40
OPTIONS = (Option("modalities", "modalities", "which of video, audio to read, each with its kind (default both)"),)
_OWN = ("modalities", "label", "task", "groups", "split", "sample_id", "where")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = ("timeseries",)
MODALITY_OPTIONS = (
    KIND,
    Option("frames", "count", "video: keep so many frames, at equal distances (default all)"),
    Option("size", "size", "images: resize to this height and width"),
)
_BATCH = re.compile(r"batch_37(\d+)\.pdt")
_LAYOUT = "a list of (video (3, T, height, width), spectrogram (40, t), class)"


def read_kinetics(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the clips: ragged `video` (T, height, width, 3) and `audio` (t, 40) float32, label `label` (5 classes).

    Args:
        source: the block of params.yaml, e.g. `modalities: {video: {kind: timeseries, frames: 8, size: [56, 56]}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing part, a batch that is broken or of another layout, or a sample in two parts.
    """
    folder = source_path(source["path"], root, folder=True)
    blocks = {m: b if isinstance(b, Mapping) else {} for m, b in (source.get("modalities") or {}).items()}
    wanted = tuple(blocks or NAMES)
    for modality in wanted:
        if modality not in NAMES:
            raise unknown_name("modalities", str(modality), NAMES)
    readers = {"video": _video, "audio": _spectrogram}
    sequences: dict[str, list[np.ndarray]] = {m: [] for m in wanted}
    labels, parts, ids = [], [], []
    seen: dict[bytes, str] = {}
    for part in SPLITS:
        for sample_id, sample in _samples(folder / part, source["path"]):
            digest = hashlib.sha256(np.ascontiguousarray(sample[0]).tobytes()).digest()
            if seen.setdefault(digest, part) != part:
                received = f"the video of {sample_id}, which lies in {seen[digest]} too"
                raise InputError("path", received, "each video in one part", "Make the batches again.")
            for m in wanted:
                sequences[m].append(readers[m](sample[NAMES.index(m)], blocks.get(m, {}), sample_id))
            labels.append(_label(sample[2], sample_id))
            parts.append(part)
            ids.append(sample_id)
    columns = {"label": np.array(labels), "split": np.array(parts), "id": np.array(ids)}
    block = {**source, "label": "label", "split": "split", "sample_id": "id", "task": "classification"}
    rows = read_rows(block, columns, len(ids), classes=source.get("classes") or CLASSES)
    modalities = {m: Modality(Ragged.from_list(s), "timeseries") for m, s in sequences.items()}
    return build({"sample_noun": "clip", **block}, rows, modalities, name=name)


def _samples(folder: Path, shown: str) -> Iterator[tuple[str, tuple[Any, Any, Any]]]:
    """The samples of a part as `<part>/<batch>/<position>` and (video, spectrogram, class), batch after batch."""
    if not folder.is_dir():
        raise missing_file("path", f"{shown}/{folder.name}", folder)
    numbered = {int(found[1]): file for file in folder.iterdir() if (found := _BATCH.fullmatch(file.name))}
    if not numbered:
        beside = ", ".join(sorted(file.name for file in folder.iterdir())[:10]) or "nothing"
        raise InputError(
            "path", f"{shown}/{folder.name} with {beside}", "batch_370.pdt, batch_371.pdt, ...", "Copy it."
        )
    for number in sorted(numbered):
        file = numbered[number]
        where = f"{folder.name}/{file.name}"
        batch = load_torch(file, f"{shown}/{where}")
        if not isinstance(batch, list | tuple):
            raise InputError("path", f"a {type(batch).__name__} in {shown}/{where}", _LAYOUT, "Make the batch again.")
        for position, sample in enumerate(batch):
            if not isinstance(sample, list | tuple) or len(sample) != 3:
                size = f" of {len(sample)}" if isinstance(sample, list | tuple) else ""
                received = f"a {type(sample).__name__}{size} at {position} of {shown}/{where}"
                raise InputError("path", received, _LAYOUT, "Make the batch again.")
            yield f"{folder.name}/{number}/{position}", (sample[0], sample[1], sample[2])


def _video(value: Any, block: Mapping[str, Any], sample_id: str) -> np.ndarray:
    """(T, height, width, 3) float32."""
    video = np.asarray(value)
    if video.ndim != 4 or video.shape[0] != 3 or video.dtype.kind not in "fiu" or not video.size:
        received = f"a video of {video.dtype} {video.shape} in {sample_id}"
        raise InputError("path", received, "numbers (3, T, height, width)", "Make the batch again.")
    if "frames" in block and block["frames"] < video.shape[1]:
        chosen = np.round(np.linspace(0, video.shape[1] - 1, block["frames"])).astype(np.int64)
        video = video[:, chosen]
    frames = np.moveaxis(video, 0, -1).astype(np.float32)
    if "size" not in block:
        return frames
    import torch

    planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(frames, -1, 1)))
    smaller = torch.nn.functional.interpolate(planes, size=tuple(block["size"]), mode="area")
    return np.ascontiguousarray(np.moveaxis(smaller.numpy(), 1, -1))


def _spectrogram(value: Any, block: Mapping[str, Any], sample_id: str) -> np.ndarray:
    """(t, 40) float32; a leading axis of one channel is dropped, and (40, t) turned."""
    levels = np.asarray(value)
    levels = levels[0] if levels.ndim == 3 and levels.shape[0] == 1 else levels
    if levels.ndim != 2 or N_MEL not in levels.shape or levels.dtype.kind not in "fiu":
        received = f"a spectrogram of {levels.dtype} {levels.shape} in {sample_id}"
        raise InputError("path", received, f"numbers ({N_MEL}, t)", "Make the batch again.")
    turned = levels.T if levels.shape[0] == N_MEL else levels
    return np.ascontiguousarray(turned, dtype=np.float32)


def _label(value: Any, sample_id: str) -> int:
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "iuf" or float(number.reshape(())) not in range(len(CLASSES)):
        shown = number.reshape(-1)[:3].tolist() if number.size != 1 else number.reshape(()).item()
        listed = ", ".join(CLASSES)
        raise InputError("label", f"{shown} in {sample_id}", f"0 to {len(CLASSES) - 1}: {listed}", "Correct the label.")
    return int(number.reshape(()))
