"""Read Vision & Touch: a robot arm at a peg, seen, felt and commanded; will it touch at the next step?

Layout: a folder of episodes `<run>_<k>_1000.h5`, each with 50 steps of `image` (128, 128, 3), `depth_data` (128, 128[,
1]), `proprio` (>= 8, the first 8 are used), `ee_forces_continuous` (>= 32, 6), `action` (4), `contact` (50 flags).
A sample is a step t that has a next one, 49 an episode; `every: k` keeps each k-th of them.

Modalities: `image`, `depth` (image (128, 128, 1)), `force` (timeseries (32, 6), the last 32 readings, through tanh as
upstream unless `squash: false`), `proprio` (8,), `action` (4,), the command of step t + 1. Labels: `target: contact`
(default) is whether any flag of step t + 1 is set; `target: end_effector` are the first four numbers of `proprio` at
t + 1, four regression columns `end_effector_1` (the main one) to `end_effector_4`.

Departs on purpose from upstream, which draws a fifth of the files with replacement for validation, moves a partner of
each there too, and tests on validation: here whole episodes go to train, valid and test by `seed`, 70, 15 and 15 % or
the shares in `split`. An episode is a group; `groups: run` keeps all episodes of a run together, which is stricter.
Upstream also replaces each episode's last sample by a random one; here it is itself. Each file is opened once for its
size and once for its rows, and only what is asked for is read: all of it is some 147000 samples, 17 GB in memory.

Files: http://downloads.cs.stanford.edu/juno/triangle_real_data.zip. The archive states no licence of its own.

Reference: Lee et al., Making Sense of Vision and Touch, ICRA 2019.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats import layout
from mmcore.data.formats.files import source_path
from mmcore.data.formats.hdf5 import Hdf5, open_hdf5
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

KINDS = {
    "image": ("image",),
    "force": ("timeseries",),
    "proprio": ("tabular", "embedding"),
    "depth": ("image",),
    "action": ("tabular", "embedding"),
}
N_FORCES, N_PROPRIO, N_TARGETS = 32, 8, 4
CONTACT = ("no contact", "contact")
_KEYS: dict[str, tuple[str, tuple[layout.Shape, ...]]] = {
    "image": ("image", ((None, None, None, 3),)),
    "depth": ("depth_data", ((None, None, None), (None, None, None, 1))),
    "force": ("ee_forces_continuous", ((None, None, 6),)),
    "proprio": ("proprio", ((None, None),)),
    "action": ("action", ((None, N_TARGETS),)),
}
_NAME = re.compile(r"(?P<run>.+)_\d+_\d+")
_REMEDY = "Name a folder of Vision & Touch episodes."
OPTIONS = (
    Option("modalities", "modalities", "which of image, force, proprio, depth, action to read (default all five)"),
    Option("target", "text", "what to predict at the next step (default contact)", choices=("contact", "end_effector")),
    Option("every", "count", "keep each so-many-th step of an episode (default 1, all)"),
    Option("squash", "flag", "forces through tanh, against very large readings (default true)"),
    Option("groups", "text", "what is never parted by a split or fold (default episode)", choices=("episode", "run")),
    Option("split", "split", "three shares of train, valid and test, by group (default 0.7, 0.15, 0.15)"),
)
MODALITY_KINDS = ("image", "timeseries", "tabular", "embedding")
MODALITY_OPTIONS = (KIND,)


@dataclass(frozen=True)
class _Episode:
    """One file: its place, what errors call it, its number of steps, and that from one sample to the next."""

    path: Path
    shown: str
    n_steps: int
    every: int

    @property
    def now(self) -> slice:
        """The steps of the samples."""
        return slice(0, self.n_steps - 1, self.every)

    @property
    def following(self) -> slice:
        """The steps after those of the samples."""
        return slice(1, self.n_steps, self.every)

    def __len__(self) -> int:
        return len(range(0, self.n_steps - 1, self.every))


def read_vision_touch(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset of the folder; a label column `contact`, or four columns `end_effector_<i>`.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a folder without episodes, a truncated file, a missing key, another shape, a published split.
    """
    shown = str(source["path"])
    if isinstance(source.get("split"), str):
        raise InputError(
            "split", source["split"], "three shares", "Upstream has no test split; give e.g. [0.7, 0.15, 0.15]."
        )
    wanted = layout.wanted_kinds(source, KINDS)
    episodes = _episodes(source_path(shown, root, folder=True), shown, int(source.get("every", 1)))
    columns, block = _columns(episodes, source)
    rows = read_rows(block, columns, len(columns["id"]), classes=CONTACT if "contact" in columns else None)
    arrays = _arrays(episodes, tuple(wanted), bool(source.get("squash", True)))
    return build(source, rows, {m: Modality(arrays[m], wanted[m]) for m in wanted}, name=name)


def _episodes(folder: Path, shown: str, every: int) -> list[_Episode]:
    """The files by name, each with the steps that have a next one."""
    episodes = []
    for path in sorted(folder.glob("*.h5")):
        with open_hdf5(path, f"{shown}/{path.name}") as file:
            n_steps = len(file.array("contact", (None, None)))
        if n_steps < 2:
            raise InputError("path", f"{shown}/{path.name} of {n_steps} steps", "at least two steps", _REMEDY)
        episodes.append(_Episode(path, f"{shown}/{path.name}", n_steps, every))
    if not episodes:
        beside = ", ".join(sorted(item.name for item in folder.iterdir())[:10])
        raise InputError("path", f"{shown} with {beside or 'nothing'}", "episodes <run>_<k>_1000.h5", _REMEDY)
    return episodes


def _columns(episodes: list[_Episode], source: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Labels, groups and ids of all samples; the block that names them."""
    contact = source.get("target", "contact") == "contact"
    targets: list[np.ndarray] = []
    groups, ids = [], []
    for episode in episodes:
        with open_hdf5(episode.path, episode.shown) as file:
            if contact:
                following = file.read("contact", (None, None), episode.following)
                targets.append((following.sum(axis=1) > 0).astype(np.int64))
            else:
                targets.append(_read(file, "proprio", episode, episode.following)[:, :N_TARGETS].astype(np.float64))
        groups += [_group(episode, source.get("groups", "episode"))] * len(episode)
        ids += [f"{episode.path.stem}/{step:02d}" for step in range(0, episode.n_steps - 1, episode.every)]
    values = np.concatenate(targets)
    labels = {"contact": values} if contact else {f"end_effector_{k + 1}": values[:, k] for k in range(N_TARGETS)}
    columns = {**labels, "group": np.array(groups), "id": np.array(ids)}
    task = "classification" if contact else "regression"
    return columns, {**source, "label": list(labels), "task": task, "groups": "group", "sample_id": "id"}


def _group(episode: _Episode, unit: str) -> str:
    if unit == "episode":
        return episode.path.stem
    match = _NAME.fullmatch(episode.path.stem)
    if match is None:
        remedy = "Leave 'groups: run' out, or name the files as upstream does."
        raise InputError("groups", f"{episode.path.name}, which names no run", "<run>_<k>_1000.h5", remedy)
    return match["run"]


def _arrays(episodes: list[_Episode], wanted: tuple[str, ...], squash: bool) -> dict[str, np.ndarray]:
    """The rows of every modality, one file after another into arrays of their final size."""
    n_rows = sum(len(episode) for episode in episodes)
    arrays: dict[str, np.ndarray] = {}
    start = 0
    for episode in episodes:
        stop = start + len(episode)
        with open_hdf5(episode.path, episode.shown) as file:
            for modality in wanted:
                rows = _sample_rows(file, modality, episode, squash)
                if modality not in arrays:
                    arrays[modality] = np.zeros((n_rows, *rows.shape[1:]), dtype=rows.dtype)
                expected = arrays[modality]
                if rows.shape[1:] != expected.shape[1:] or rows.dtype != expected.dtype:
                    received = f"{episode.shown}: {_KEYS[modality][0]} with {rows.dtype} {rows.shape[1:]} a step"
                    allowed = f"{expected.dtype} {expected.shape[1:]}, as the first episode"
                    raise InputError("path", received, allowed, _REMEDY)
                expected[start:stop] = rows
        start = stop
    return arrays


def _sample_rows(file: Hdf5, modality: str, episode: _Episode, squash: bool) -> np.ndarray:
    """The rows of one episode and modality: pixels uint8 where stored so, anything else float32."""
    values = _read(file, modality, episode, episode.following if modality == "action" else episode.now)
    if modality == "image" and values.dtype == np.uint8:
        return values
    values = values.astype(np.float32)
    if modality == "force":
        return np.tanh(values[:, -N_FORCES:]) if squash else values[:, -N_FORCES:]
    if modality == "proprio":
        return values[:, :N_PROPRIO]
    return values[..., None] if modality == "depth" and values.ndim == 3 else values


def _read(file: Hdf5, modality: str, episode: _Episode, steps: slice) -> np.ndarray:
    """The given steps of a modality as they are stored, all of them there."""
    key, shapes = _KEYS[modality]
    shape = shapes[-1] if file.axes(key) == len(shapes[-1]) else shapes[0]
    item = file.array(key, shape)
    least = {"force": N_FORCES, "proprio": N_PROPRIO}.get(modality, 0)
    if len(item) != episode.n_steps or item.shape[1] < least:
        received = f"{file.shown}: {key} of {item.shape}"
        allowed = f"{episode.n_steps} steps, as contact" + f", of at least {least} in the second axis" * bool(least)
        raise InputError("path", received, allowed, _REMEDY)
    return file.read(key, shape, steps)
