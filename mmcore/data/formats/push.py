"""Read MuJoCo Push: windows of a robot arm pushing a cylinder; where is the cylinder?

Layout: a folder with `gentle_push_1000.hdf5` (train), `gentle_push_10.hdf5` (valid), `gentle_push_300.hdf5` (test); a
prefix such as a download's id is fine. Each file holds groups `trajectory0`, `trajectory1`, ... with `eef_pos` (T, 3),
`force` (T, 6), `contact` (T,), `image` (T, 32, 32) and `Cylinder0_pos` (T, >= 2). A trajectory is cut into windows of
16 steps, once from step 0 and once from step 8; what is left at its end is dropped. All windows of a trajectory are one
group.

Modalities: `position` eef_pos (16, 3); `sensors` force and contact (16, 7); `control` previous eef_pos, its change, and
contact (16, 7), where the step before the first is the first; `image`, as timeseries (16, 1024) with a row of pixels
after the other, as embedding (16, 32, 32, 1) for encoders of frames (there is no preprocessing for these yet), or as
image (32, 32, 1), the last frame only.

Labels: upstream predicts (x, y) of the cylinder at every step. A label column holds one number, so that by default two
regression columns `x` (the main one) and `y` hold the position at the last step, which is what a filter is asked for.
With `target_steps: all` there are 32 columns `x_01`, `y_01` to `x_16`, `y_16`; the mean of their MSE is upstream's
metric, MSE over all steps (on standardised states, hence with `scaling: published`).

Nothing is standardised by default; with `scaling: published` values and labels are those of upstream, with its printed
constants. Noise belongs before standardisation. Upstream's control loader lacks a test set by a slip in a name; here
every modality has the same rows. The real-robot "kloss" files are not read: they have no test set.

Files: links in https://github.com/brentyi/multimodalfilter and in MultiBench (datasets/gentle_push). They state no
licence of their own.

Reference: Lee, Yi, et al., Multimodal Sensor Fusion with Differentiable Filters, IROS 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.data.formats import layout
from mmcore.data.formats.files import missing_file, source_path
from mmcore.data.formats.hdf5 import Hdf5, open_hdf5
from mmcore.data.formats.options import KIND, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.errors import InputError

FILES = {"train": "gentle_push_1000.hdf5", "valid": "gentle_push_10.hdf5", "test": "gentle_push_300.hdf5"}
WINDOW = 16
OFFSETS = (0, WINDOW // 2)
KINDS = {
    "position": ("timeseries",),
    "sensors": ("timeseries",),
    "image": ("timeseries", "embedding", "image"),
    "control": ("timeseries",),
}
SCALES = {
    "position": ((0.46806443, -0.0017836, 0.88028437), (0.02410769, 0.02341035, 0.04018243)),
    "sensors": (
        (0.49182904, 0.045039989, -3.2791464, -0.0033874984, 0.011552566, -0.00084817986, 0.21303751),
        (1.6152629, 1.666905, 1.9186896, 0.14219016, 0.14232528, 0.01675198, 0.40950698),
    ),
    "control": (
        (0.46594709, -0.0025247163, 0.88094306, 0.0001293995, -0.000054364675, -0.00061112235, 0.22041667),
        (0.02239027, 0.02356066, 0.0405312, 0.00054858, 0.0005754, 0.00046352, 0.41451886),
    ),
    "state": ((0.4970164, -0.00916641), (0.0572766, 0.06118315)),
}
_KEYS: dict[str, tuple[tuple[str, layout.Shape], ...]] = {
    "position": (("eef_pos", (None, 3)),),
    "sensors": (("force", (None, 6)), ("contact", (None,))),
    "control": (("eef_pos", (None, 3)), ("contact", (None,))),
    "image": (("image", (None, 32, 32)),),
}
_REMEDY = "Name a file of trajectories."
OPTIONS = (
    Option("modalities", "modalities", "which of position, sensors, image, control to read (default all four)"),
    Option("target_steps", "text", "x and y of the last step (default) or of all", choices=("last", "all")),
    Option(
        "scaling",
        "text",
        "leave values as stored (default none), or standardise by upstream's constants",
        choices=("none", "published"),
    ),
    layout.split_option("one file each"),
)
MODALITY_KINDS = ("timeseries", "embedding", "image")
MODALITY_OPTIONS = (KIND,)


def read_push(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the windows of the three files; label columns `x` and `y` (or 32 of them), regressions in metres.

    Args:
        source: the block of params.yaml.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or truncated file, a missing key, another shape, or no window at all.
    """
    shown = str(source["path"])
    folder = source_path(shown, root, folder=True)
    wanted = layout.wanted_kinds(source, KINDS)
    scaled = source.get("scaling", "none") == "published"
    files = {part: _place(folder, file_name, shown) for part, file_name in FILES.items()}
    ids: list[str] = []
    for part, place in files.items():
        with open_hdf5(place, f"{shown}/{place.name}") as file:
            for trajectory, n_steps in _trajectories(file).items():
                ids += [f"{part}/{trajectory}/{i}" for i in range(n_windows(n_steps))]
    if not ids:
        raise InputError("path", f"{shown} without {WINDOW} steps", "longer trajectories", "Copy the files again.")
    arrays = _arrays(files, shown, wanted, scaled, len(ids))
    columns, block = _columns(arrays["state"], ids, source)
    rows = read_rows(block, columns, len(ids))
    return build(source, rows, {m: Modality(arrays[m], wanted[m]) for m in wanted}, name=name)


def _arrays(
    files: Mapping[str, Path], shown: str, wanted: Mapping[str, str], scaled: bool, n_rows: int
) -> dict[str, np.ndarray]:
    """The windows of every modality and of `state`, one trajectory after another into arrays of their final size."""
    arrays: dict[str, np.ndarray] = {}
    start = 0
    for place in files.values():
        with open_hdf5(place, f"{shown}/{place.name}") as file:
            for trajectory in _trajectories(file):
                count = 0
                for modality, steps in _steps(file, trajectory, wanted, scaled).items():
                    cut = _shaped(windows(steps), wanted[modality]) if modality == "image" else windows(steps)
                    if modality not in arrays:
                        arrays[modality] = np.empty((n_rows, *cut.shape[1:]), dtype=cut.dtype)
                    if cut.dtype != arrays[modality].dtype:
                        received = f"{file.shown}: {trajectory} with a {modality} of {cut.dtype}"
                        raise InputError("path", received, f"{arrays[modality].dtype}, as the first", _REMEDY)
                    count = len(cut)
                    arrays[modality][start : start + count] = cut
                start += count
    return arrays


def _place(folder: Path, file_name: str, shown: str) -> Path:
    """The file called `file_name`, or the only one whose name ends so after a separator."""
    if (folder / file_name).is_file():
        return folder / file_name
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.name.endswith(("_" + file_name, "-" + file_name)))
    if len(found) > 1:
        received = ", ".join(p.name for p in found)
        raise InputError("path", received, f"one {file_name} in {shown}", "Remove the copies.")
    if not found:
        raise missing_file("path", f"{shown}/{file_name}", folder / file_name)
    return found[0]


def _trajectories(file: Hdf5) -> dict[str, int]:
    """The groups `trajectory<i>` by number, with their steps."""
    keys = file.keys()
    wrong = [key for key in keys if not (key.startswith("trajectory") and key[10:].isdecimal())]
    if wrong or not keys:
        received = f"{file.shown} with {wrong[0] if wrong else 'nothing'}"
        raise InputError("path", received, "trajectory0, trajectory1, ...", _REMEDY)
    steps = {}
    for key in sorted(keys, key=lambda key: int(key[10:])):
        state = file.array(f"{key}/Cylinder0_pos", (None, None))
        if state.shape[1] < 2:
            received = f"{file.shown}: {key}/Cylinder0_pos of {state.shape}"
            raise InputError("path", received, "numbers of (N, 2) or more columns", _REMEDY)
        steps[key] = len(state)
    return steps


def _steps(file: Hdf5, trajectory: str, wanted: Mapping[str, str], scaled: bool) -> dict[str, np.ndarray]:
    """Every modality that is wanted, and `state` (T, 2), step by step, float32 (uint8 images as stored)."""
    steps = {"state": file.read(f"{trajectory}/Cylinder0_pos", (None, None))[:, :2]}
    for modality in wanted:
        arrays = [file.read(f"{trajectory}/{key}", shape) for key, shape in _KEYS[modality]]
        counts = {"Cylinder0_pos": len(steps["state"])}
        counts |= {key: len(array) for (key, _), array in zip(_KEYS[modality], arrays, strict=True)}
        layout.check_rows(counts, f"{file.shown}: {trajectory}")
        if modality == "control":
            arrays = [_previous(arrays[0]), arrays[0] - _previous(arrays[0]), arrays[1]]
        columns = [x[:, None] if x.ndim == 1 else x for x in arrays]
        steps[modality] = np.concatenate(columns, axis=1) if len(columns) > 1 else columns[0]
    for modality, values in steps.items():
        if modality != "image":
            centre, spread = SCALES[modality] if scaled else (0.0, 1.0)
            steps[modality] = ((values - np.asarray(centre)) / np.asarray(spread)).astype(np.float32)
        elif values.dtype != np.uint8:
            steps[modality] = values.astype(np.float32, copy=False)
    return steps


def _previous(positions: np.ndarray) -> np.ndarray:
    return np.concatenate([positions[:1], positions[:-1]])


def n_windows(n_steps: int) -> int:
    """Return how many windows a trajectory of `n_steps` has, both offsets together.

    Example:
        >>> n_windows(40), n_windows(23), n_windows(5)
        (4, 1, 0)
    """
    return sum(max(0, n_steps - offset) // WINDOW for offset in OFFSETS)


def windows(steps: np.ndarray) -> np.ndarray:
    """Return the windows of (T, ...) steps: all from step 0, then all from step 8, (n, 16, ...).

    Example:
        >>> windows(np.arange(40))[:, 0].tolist()
        [0, 16, 8, 24]
    """
    pieces = []
    for offset in OFFSETS:
        count = max(0, len(steps) - offset) // WINDOW
        pieces.append(steps[offset : offset + count * WINDOW].reshape(count, WINDOW, *steps.shape[1:]))
    return np.concatenate(pieces)


def _columns(states: np.ndarray, ids: list[str], source: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The label columns of (N, 16, 2) states, with split, group and id; the block that names them."""
    values = states.astype(np.float64)
    if source.get("target_steps", "last") == "last":
        labels = {axis: values[:, -1, k] for k, axis in enumerate("xy")}
    else:
        labels = {f"{axis}_{t + 1:02d}": values[:, t, k] for t in range(WINDOW) for k, axis in enumerate("xy")}
    parts, groups = (np.array([sample.rsplit("/", n)[0] for sample in ids]) for n in (2, 1))
    columns = {**labels, "published": parts, "trajectory": groups, "id": np.array(ids)}
    block = {**source, "label": list(labels), "task": "regression", "groups": "trajectory", "sample_id": "id"}
    return columns, {**block, "split": layout.split_choice(source)}


def _shaped(frames: np.ndarray, kind: str) -> np.ndarray:
    """Images (n, 16, 32, 32) as their kind has them."""
    if kind == "timeseries":
        return frames.reshape(len(frames), WINDOW, -1).astype(np.float32, copy=False)
    return frames[..., None] if kind == "embedding" else frames[:, -1, :, :, None]
