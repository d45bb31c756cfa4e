"""Vision & Touch: the next step's contact, whole episodes in one part, a test split of its own."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.errors import InputError

T, RUNS, EPISODES = 6, 4, 5
BLOCK = {"reader": "vision_touch", "path": "triangle"}


def _episode(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, size=(T, 8, 8, 3), dtype=np.uint8),
        "depth_data": rng.uniform(size=(T, 8, 8)),
        "proprio": rng.normal(size=(T, 10)),
        "ee_forces_continuous": rng.normal(0, 9, size=(T, 50, 6)),
        "action": rng.normal(size=(T, 4)),
        "contact": (rng.uniform(size=(T, 50)) < 0.01).astype(np.float64),
        "optical_flow": np.zeros((T, 8, 8, 2)),
    }


CONTENT = {f"run{r}_{k}_1000.h5": _episode(10 * r + k) for r in range(RUNS) for k in range(EPISODES)}
NAMES = sorted(CONTENT)


def _write_one(folder: Path, name: str, episode: dict) -> None:
    with h5py.File(folder / "triangle" / name, "w") as file:
        for key, array in episode.items():
            file[key] = array


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "triangle").mkdir()
    for name, episode in CONTENT.items():
        _write_one(tmp_path, name, episode)
    return tmp_path


def test_rows_are_the_steps_that_have_a_next_one(root: Path) -> None:
    ds = read(BLOCK, root, name="touch")
    assert len(ds) == RUNS * EPISODES * (T - 1)
    assert ds.modalities == ("image", "force", "proprio", "depth", "action")
    for e, t in ((0, 0), (3, 4), (19, 2)):
        row, raw = e * (T - 1) + t, CONTENT[NAMES[e]]
        np.testing.assert_array_equal(ds["image"][row], raw["image"][t])
        np.testing.assert_allclose(ds["depth"][row, ..., 0], raw["depth_data"][t], rtol=1e-6)
        np.testing.assert_allclose(ds["proprio"][row], raw["proprio"][t, :8], rtol=1e-6)
        np.testing.assert_allclose(ds["force"][row], np.tanh(raw["ee_forces_continuous"][t, 18:]), rtol=1e-5)
        np.testing.assert_allclose(ds["action"][row], raw["action"][t + 1], rtol=1e-6)
        assert ds.labels()[row] == int(raw["contact"][t + 1].any())
        assert ds.samples["sample_id"][row] == f"{NAMES[e][:-3]}/{t:02d}"
    assert ds["image"].dtype == np.uint8
    assert 0.1 < ds.labels().mean() < 0.9


def test_the_end_effector_of_the_next_step(root: Path) -> None:
    block = {**BLOCK, "target": "end_effector", "modalities": {"force": "timeseries"}, "squash": False}
    ds = read(block, root, name="touch")
    assert [label.column for label in ds.spec.labels] == [f"end_effector_{k}" for k in (1, 2, 3, 4)]
    raw = CONTENT[NAMES[7]]
    row = 7 * (T - 1) + 3
    assert [ds.labels(label.column)[row] for label in ds.spec.labels] == raw["proprio"][4, :4].tolist()
    np.testing.assert_allclose(ds["force"][row], raw["ee_forces_continuous"][3, 18:], rtol=1e-6)


@pytest.mark.parametrize(("unit", "n_groups"), [("episode", RUNS * EPISODES), ("run", RUNS)])
def test_no_group_lies_in_two_parts_and_test_is_its_own(unit: str, n_groups: int, root: Path) -> None:
    block = {**BLOCK, "groups": unit, "seed": 3, "modalities": {"action": "tabular"}}
    ds = read(block, root, name="touch")
    assert ds.groups is not None
    assert len(set(ds.groups)) == n_groups
    parts = {part: set(ds.groups[ds.rows(part)]) for part in ("train", "valid", "test")}
    assert all(parts.values())
    assert sum(map(len, parts.values())) == n_groups
    again = read(block, root, name="touch")
    assert again.samples.equals(ds.samples)
    with pytest.raises(InputError, match="three shares"):
        read({**block, "split": "published"}, root, name="touch")


def test_every_other_step(root: Path) -> None:
    ds = read({**BLOCK, "every": 2, "modalities": {"action": "tabular"}}, root, name="touch")
    assert len(ds) == RUNS * EPISODES * 3  # steps 0, 2, 4 of 0 to 4
    raw = CONTENT[NAMES[1]]
    np.testing.assert_allclose(ds["action"][3:6], raw["action"][[1, 3, 5]], rtol=1e-6)
    assert ds.labels()[3:6].tolist() == [int(raw["contact"][t].any()) for t in (1, 3, 5)]


def test_depth_with_a_channel_axis(root: Path) -> None:
    for name in NAMES:
        _write_one(root, name, {**CONTENT[name], "depth_data": CONTENT[name]["depth_data"][..., None]})
    ds = read({**BLOCK, "modalities": {"depth": "image"}}, root, name="touch")
    np.testing.assert_allclose(ds["depth"][0, ..., 0], CONTENT[NAMES[0]]["depth_data"][0], rtol=1e-6)


def test_what_is_not_asked_for_need_not_be_there(root: Path) -> None:
    _write_one(root, NAMES[2], {key: CONTENT[NAMES[2]][key] for key in ("contact", "action")})
    assert len(read({**BLOCK, "modalities": {"action": "tabular"}}, root, name="touch")) == 100
    with pytest.raises(InputError, match="without 'image'"):
        read(BLOCK, root, name="touch")


@pytest.mark.parametrize(
    ("key", "array", "part"),
    [
        ("action", np.zeros((T, 3)), "(N, 4)"),
        ("proprio", np.zeros((T, 7)), "at least 8"),
        ("ee_forces_continuous", np.zeros((T, 20, 6)), "at least 32"),
        ("image", np.zeros((T - 1, 8, 8, 3), np.uint8), "6 steps"),
        ("image", np.zeros((T, 9, 9, 3), np.uint8), "as the first episode"),
        ("contact", np.zeros((1, 50)), "at least two steps"),
    ],
)
def test_another_layout_is_named(key: str, array: np.ndarray, part: str, root: Path) -> None:
    _write_one(root, NAMES[4], {**CONTENT[NAMES[4]], key: array})
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="touch")
    assert part in str(raised.value)
    assert NAMES[4] in str(raised.value)


def test_a_truncated_file_a_strange_name_and_an_empty_folder(root: Path) -> None:
    place = root / "triangle" / NAMES[0]
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="broken or no HDF5"):
        read(BLOCK, root, name="touch")
    place.rename(place.with_name("odd.h5"))
    (root / "triangle" / "odd.h5").write_bytes(whole)
    with pytest.raises(InputError, match="names no run"):
        read({**BLOCK, "groups": "run"}, root, name="touch")
    (root / "empty").mkdir()
    with pytest.raises(InputError, match="empty with nothing"):
        read({**BLOCK, "path": "empty"}, root, name="touch")
