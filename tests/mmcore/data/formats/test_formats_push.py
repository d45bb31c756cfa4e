"""MuJoCo Push: windows where upstream cuts them, the state of the last step, every file its own part."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.data.formats.push import SCALES
from mmcore.errors import InputError

BLOCK = {"reader": "push", "path": "push"}
LENGTHS = {"gentle_push_1000.hdf5": (45, 16, 23), "gentle_push_10.hdf5": (40,), "gentle_push_300.hdf5": (33, 24)}
# windows from step 0 plus windows from step 8, by hand: 45 -> 2 + 2, 16 -> 1 + 0, 23 -> 1 + 0, 40 -> 2 + 2, ...
COUNTS = {"train": 4 + 1 + 1, "valid": 4, "test": 3 + 2}


def _trajectory(length: int, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "Cylinder0_pos": rng.normal(size=(length, 3)).astype(np.float32),
        "eef_pos": rng.normal(size=(length, 3)).astype(np.float32),
        "force": rng.normal(size=(length, 6)).astype(np.float32),
        "contact": rng.integers(0, 2, size=length).astype(np.float32),
        "image": rng.uniform(size=(length, 32, 32)).astype(np.float32),
        "object-state": rng.normal(size=(length, 10)).astype(np.float32),
    }


def _content() -> dict[str, list[dict]]:
    return {
        name: [_trajectory(t, 10 * i + j) for j, t in enumerate(lengths)]
        for i, (name, lengths) in enumerate(LENGTHS.items())
    }


def _write(folder: Path, content: dict[str, list[dict]], prefix: str = "") -> Path:
    (folder / "push").mkdir(exist_ok=True)
    for name, trajectories in content.items():
        with h5py.File(folder / "push" / (prefix + name), "w") as file:
            # trajectory10 comes before trajectory2 in a file's own order of names
            for i, arrays in enumerate(trajectories):
                for key, array in arrays.items():
                    file[f"trajectory{9 + i}/{key}"] = array
    return folder


@pytest.fixture(scope="module")
def content() -> dict[str, list[dict]]:
    return _content()


def test_windows_of_both_offsets_in_order(tmp_path: Path, content: dict) -> None:
    ds = read(BLOCK, _write(tmp_path, content), name="push")
    assert {part: len(ds.rows(part)) for part in COUNTS} == COUNTS
    first, second = content["gentle_push_1000.hdf5"][:2]
    for row, start in enumerate((0, 16, 8, 24)):
        np.testing.assert_array_equal(ds["position"][row], first["eef_pos"][start : start + 16])
        np.testing.assert_array_equal(ds["sensors"][row, :, :6], first["force"][start : start + 16])
        np.testing.assert_array_equal(ds["sensors"][row, :, 6], first["contact"][start : start + 16])
    np.testing.assert_array_equal(ds["position"][4], second["eef_pos"])
    assert ds.groups is not None
    assert ds.groups[[0, 3, 4, 5]].tolist() == [f"train/trajectory{i}" for i in (9, 9, 10, 11)]


def test_control_is_the_step_before_the_change_and_the_contact(tmp_path: Path, content: dict) -> None:
    ds = read(BLOCK, _write(tmp_path, content), name="push")
    raw = content["gentle_push_1000.hdf5"][0]
    np.testing.assert_array_equal(ds["control"][0, 0], [*raw["eef_pos"][0], 0, 0, 0, raw["contact"][0]])
    # the window from step 8 knows the step before its first
    np.testing.assert_array_equal(ds["control"][2, 0, :3], raw["eef_pos"][7])
    np.testing.assert_allclose(ds["control"][2, 5, 3:6], raw["eef_pos"][13] - raw["eef_pos"][12], rtol=1e-5, atol=1e-6)


def test_labels_are_the_last_position_or_all_of_them(tmp_path: Path, content: dict) -> None:
    root = _write(tmp_path, content)
    ds = read(BLOCK, root, name="push")
    raw = content["gentle_push_1000.hdf5"][0]["Cylinder0_pos"]
    assert [(label.column, label.task) for label in ds.spec.labels] == [("x", "regression"), ("y", "regression")]
    assert ds.labels("x")[:4].tolist() == [float(raw[t, 0]) for t in (15, 31, 23, 39)]
    assert ds.labels("y")[:4].tolist() == [float(raw[t, 1]) for t in (15, 31, 23, 39)]
    ds = read({**BLOCK, "target_steps": "all"}, root, name="push")
    assert len(ds.spec.labels) == 32
    assert ds.labels("y_03")[2] == float(raw[8 + 2, 1])
    assert ds.spec.label().column == "x_01"


def test_upstreams_constants(tmp_path: Path, content: dict) -> None:
    """A trajectory that stands at upstream's means becomes zeros, one deviation away becomes ones."""
    made = {name: [dict(t) for t in trajectories] for name, trajectories in content.items()}
    still = made["gentle_push_1000.hdf5"][0]
    length = len(still["force"])
    centre, spread = np.array(SCALES["sensors"])
    still["force"] = np.tile((centre + spread)[:6], (length, 1)).astype(np.float32)
    still["contact"] = np.full(length, centre[6], dtype=np.float32)
    still["Cylinder0_pos"] = np.tile([0.4970164 + 0.0572766, -0.00916641, 5.0], (length, 1)).astype(np.float32)
    ds = read({**BLOCK, "scaling": "published"}, _write(tmp_path, made), name="push")
    np.testing.assert_allclose(ds["sensors"][0, :, :6], 1, atol=1e-5)
    np.testing.assert_allclose(ds["sensors"][0, :, 6], 0, atol=1e-5)
    np.testing.assert_allclose(ds.labels("x")[0], 1, atol=1e-4)
    np.testing.assert_allclose(ds.labels("y")[0], 0, atol=1e-4)
    raw = read(BLOCK, tmp_path, name="push")
    np.testing.assert_array_equal(ds["image"], raw["image"])
    np.testing.assert_allclose(
        raw["position"][5], ds["position"][5] * SCALES["position"][1] + SCALES["position"][0], atol=1e-6
    )


def test_images_by_kind(tmp_path: Path) -> None:
    content = _content()
    root = _write(tmp_path, content)
    raw = content["gentle_push_1000.hdf5"][0]["image"]
    flat = read({**BLOCK, "modalities": {"image": "timeseries"}}, root, name="push")["image"]
    assert flat[2, 4, 32 * 7 + 5] == raw[8 + 4, 7, 5]
    frames = read({**BLOCK, "modalities": {"image": "embedding"}}, root, name="push")["image"]
    np.testing.assert_array_equal(frames[1, ..., 0], raw[16:32])
    last = read({**BLOCK, "modalities": {"image": "image"}}, root, name="push")["image"]
    np.testing.assert_array_equal(last[1, ..., 0], raw[31])
    content["gentle_push_300.hdf5"][0]["image"] = np.zeros((33, 32, 32), np.uint8)
    with pytest.raises(InputError, match="float32, as the first"):
        read({**BLOCK, "modalities": {"image": "image"}}, _write(tmp_path, content), name="push")
    with pytest.raises(InputError, match="control, image, position, sensors"):
        read({**BLOCK, "modalities": {"force": "timeseries"}}, root, name="push")


def test_names_with_a_downloads_prefix(tmp_path: Path, content: dict) -> None:
    root = _write(tmp_path, content, prefix="1JTgmq1KPRK9HYi8BgvljKg5MPqT_N4cR-")
    assert len(read(BLOCK, root, name="push")) == sum(COUNTS.values())
    _write(tmp_path, content, prefix="again_")
    with pytest.raises(InputError, match="Remove the copies"):
        read(BLOCK, root, name="push")


def test_a_modality_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    content = _content()
    for trajectories in content.values():
        for trajectory in trajectories:
            trajectory.pop("image")
    root = _write(tmp_path, content)
    assert len(read({**BLOCK, "modalities": {"position": "timeseries"}}, root, name="push")) == 15
    with pytest.raises(InputError, match="trajectory9/image"):
        read(BLOCK, root, name="push")


@pytest.mark.parametrize(
    ("key", "array", "part"),
    [
        ("force", np.zeros((33, 3)), "(N, 6)"),
        ("image", np.zeros((33, 64, 64)), "(N, 32, 32)"),
        ("contact", np.zeros(30), "30 rows"),
        ("Cylinder0_pos", np.zeros((33, 1)), "Cylinder0_pos"),
    ],
)
def test_another_layout_is_named(key: str, array: np.ndarray, part: str, tmp_path: Path) -> None:
    content = _content()
    content["gentle_push_300.hdf5"][0][key] = array
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(tmp_path, content), name="push")
    assert part in str(raised.value)
    assert "gentle_push_300.hdf5" in str(raised.value)


def test_a_missing_or_truncated_file_and_strange_keys(tmp_path: Path, content: dict) -> None:
    root = _write(tmp_path, content)
    place = root / "push" / "gentle_push_10.hdf5"
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"gentle_push_10\.hdf5, which is broken"):
        read(BLOCK, root, name="push")
    place.unlink()
    with pytest.raises(InputError, match=r"push/gentle_push_10\.hdf5, which does not exist"):
        read(BLOCK, root, name="push")
    with h5py.File(place, "w") as file:
        file["eef_pos"] = np.zeros((20, 3))
    with pytest.raises(InputError, match="trajectory0"):
        read(BLOCK, root, name="push")
