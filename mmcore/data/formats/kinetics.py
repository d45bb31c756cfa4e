"""Read Kinetics-S, the small Kinetics of MultiBench: batches of (video, log-mel spectrogram, class) in torch files.

Layout: `{train,valid,test}/batch_37<k>.pdt`, k = 0, 1, ..., each a list that `torch.save` wrote of at most 100 samples:
a video (3, T, 112, 112) normalised by the Kinetics mean and deviation, a spectrogram (40, t) of log(mel + 1e-10) at
44.1 kHz, and the class 0 to 4: archery, breakdancing, crying, dining, singing. The batches are read in the order of
their numbers, one at a time, by `torch.load(weights_only=True)`.

The result is a ragged video, by default (T, height * width * 3) with a frame a row, as preprocessing takes it, and a
ragged spectrogram (t, 40): lengths stay as they are. `flat: false` keeps (T, height, width, 3) for an encoder of
frames, kind image takes the middle frame (height, width, 3) alone. All frames at full size take 22 MB a sample, 50 GB
in all: `frames` keeps so many at equal distances, `size` averages areas.

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
_OWN = ("modalities", "label", "task", "classes", "groups", "split", "sample_id", "where")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = ("timeseries", "image")
MODALITY_OPTIONS = (
    KIND,
    Option("frames", "count", "video: keep so many frames, at equal distances (default all)"),
    Option("size", "size", "video: average over areas to this height and width"),
    Option("flat", "flag", "video: a frame is one row of numbers (default true); false keeps (height, width, 3)"),
)
_BATCH = re.compile(r"batch_37(\d+)\.pdt")
_LAYOUT = "a list of (video (3, T, height, width), spectrogram (40, t), class)"


def read_kinetics(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the clips: ragged `video` (T, height * width * 3) and `audio` (t, 40) float32, label `label` (5 classes).

    Args:
        source: the block of params.yaml, e.g. `modalities: {video: {kind: timeseries, frames: 8, size: [56, 56]}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing part, a batch that is broken or of another layout, or a sample in two parts.
    """
    folder = source_path(source["path"], root, folder=True)
    blocks = _blocks(source)
    wanted = tuple(blocks)
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
                sequences[m].append(readers[m](sample[NAMES.index(m)], blocks[m], sample_id))
            labels.append(_label(sample[2], sample_id))
            parts.append(part)
            ids.append(sample_id)
    columns = {"label": np.array(labels), "split": np.array(parts), "id": np.array(ids)}
    block = {**source, "label": "label", "split": "split", "sample_id": "id", "task": "classification"}
    rows = read_rows(block, columns, len(ids), classes=CLASSES)
    modalities = {m: _modality(s, blocks[m], m) for m, s in sequences.items()}
    return build({"sample_noun": "clip", **block}, rows, modalities, name=name)


def _blocks(source: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Modality -> its options, both where the source names none."""
    given = source.get("modalities") or dict.fromkeys(NAMES, "timeseries")
    blocks = {m: dict(b) if isinstance(b, Mapping) else {"kind": b} for m, b in given.items()}
    for modality, block in blocks.items():
        if modality not in NAMES:
            raise unknown_name("modalities", str(modality), NAMES)
        if modality == "audio" and block["kind"] != "timeseries":
            raise InputError("modalities.audio.kind", block["kind"], "timeseries", "Read the sound as timeseries.")
    return blocks


def _modality(sequences: list[np.ndarray], block: Mapping[str, Any], name: str) -> Modality:
    if block["kind"] == "timeseries":
        return Modality(Ragged.from_list(sequences), "timeseries")
    shapes = sorted({frames.shape[1:] for frames in sequences})
    if len(shapes) > 1:
        received = f"frames of {shapes[0]} and {shapes[1]}"
        raise InputError(f"modalities.{name}.size", received, "one size for all", "Give 'size: [height, width]'.")
    return Modality(np.concatenate(sequences), "image")


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
    """(T, height * width * 3) float32, (T, height, width, 3) where not flat; (1, ...) the middle frame of an image."""
    video = np.asarray(value)
    if video.ndim != 4 or video.shape[0] != 3 or video.dtype.kind not in "fiu" or not video.size:
        received = f"a video of {video.dtype} {video.shape} in {sample_id}"
        raise InputError("path", received, "numbers (3, T, height, width)", "Make the batch again.")
    if block["kind"] == "image":
        video = video[:, [video.shape[1] // 2]]
    elif "frames" in block and block["frames"] < video.shape[1]:
        chosen = np.round(np.linspace(0, video.shape[1] - 1, block["frames"])).astype(np.int64)
        video = video[:, chosen]
    planes = np.ascontiguousarray(np.moveaxis(video, 0, 1), dtype=np.float32)
    if "size" in block:
        import torch

        planes = torch.nn.functional.interpolate(
            torch.from_numpy(planes), size=tuple(block["size"]), mode="area"
        ).numpy()
    frames = np.ascontiguousarray(np.moveaxis(planes, 1, -1))
    return frames if not block.get("flat", True) or block["kind"] == "image" else frames.reshape(len(frames), -1)


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
