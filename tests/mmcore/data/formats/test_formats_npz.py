"""What is in the npz is in the dataset, row by row; what is broken says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.errors import InputError

N = 40
RNG = np.random.default_rng(0)
FORCE = RNG.normal(size=(N, 5, 3)).astype(np.float32)
HEART = np.where(np.arange(N)[:, None] % 4 == 0, np.nan, RNG.normal(size=(N, 6)))
LENGTHS = np.arange(N) % 5
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
ARRAYS = {
    "force": FORCE,
    "heart": HEART,
    "values": RNG.normal(size=(OFFSETS[-1], 2)),
    "offsets": OFFSETS,
    "y": np.arange(N) % 3,
    "z": np.linspace(0, 1, N),
    "classes": np.array(["low", "mid", "high"]),
    "part": np.array(["train", "validation", "TEST", "train"] * 10),
    "person": np.arange(N) // 4,
    "task": np.arange(N) % 2,
    "name": np.array([f"s{i}" for i in range(N)]),
    "fold": np.arange(N) // 4 % 5,
    "there": np.arange(N) % 2 == 0,
}
BLOCK = {"reader": "npz", "path": "a.npz", "label": "y", "modalities": {"force": "timeseries", "heart": "timeseries"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    return tmp_path


def test_arrays_labels_and_presence(root: Path) -> None:
    ds = read({**BLOCK, "classes": "classes"}, root, name="a")
    np.testing.assert_array_equal(ds["force"], FORCE)
    present = ds.presence("heart")
    np.testing.assert_array_equal(present, np.arange(N) % 4 != 0)
    np.testing.assert_array_equal(ds["heart"][present], HEART[present][:, :, None])
    assert (ds["heart"][~present] == 0).all()
    assert ds.spec.label().classes == ("low", "mid", "high")
    np.testing.assert_array_equal(ds.labels(), np.arange(N) % 3)


def test_where_keeps_rows_and_the_classes_that_are_left(root: Path) -> None:
    ds = read({**BLOCK, "classes": "classes", "where": {"task": 1, "y": [0, 2]}}, root, name="a")
    rows = np.flatnonzero((np.arange(N) % 2 == 1) & (np.arange(N) % 3 != 1))
    np.testing.assert_array_equal(ds["force"], FORCE[rows])
    assert ds.spec.label().classes == ("low", "high")
    assert list(ds.samples["y"]) == [["low", "", "high"][i % 3] for i in rows]


def test_ragged_with_rate_unit_and_presence(root: Path) -> None:
    walk = {
        "kind": "timeseries",
        "values": "values",
        "offsets": "offsets",
        "rate": 50,
        "unit": "g",
        "presence": "there",
    }
    ds = read({**BLOCK, "modalities": {"walk": walk}, "where": {"y": [0, 1]}}, root, name="a")
    rows = np.flatnonzero(np.arange(N) % 3 != 2)
    spec = ds.spec.modality("walk")
    assert (spec.ragged, spec.rate, spec.unit, spec.shape) == (True, 50.0, "g", (None, 2))
    np.testing.assert_array_equal(ds.presence("walk"), (rows % 2 == 0) & (LENGTHS[rows] > 0))
    for i, row in enumerate(rows):
        expected = ARRAYS["values"][OFFSETS[row] : OFFSETS[row + 1]] if row % 2 == 0 else np.zeros((0, 2))
        np.testing.assert_array_equal(ds["walk"][i], expected)


def test_split_folds_groups_and_ids_from_the_file(root: Path) -> None:
    ds = read({**BLOCK, "split": "part", "folds": "fold", "sample_id": "name"}, root, name="a")
    assert list(ds.samples["split"][:4]) == ["train", "valid", "test", "train"]
    np.testing.assert_array_equal(ds.folds, ARRAYS["fold"])
    assert list(ds.samples["sample_id"][:2]) == ["s0", "s1"]
    ds = read({**BLOCK, "groups": "person", "folds": 5, "split": [0.5, 0.25, 0.25]}, root, name="a")
    for part in (ds.folds, ds.samples["split"].to_numpy()):
        assert all(len(set(part[ds.groups == g])) == 1 for g in set(ds.groups))
    assert set(ds.folds) == set(range(5))
    again = read({**BLOCK, "groups": "person", "folds": 5, "split": [0.5, 0.25, 0.25]}, root, name="a")
    assert ds.samples.equals(again.samples)
    other = read({**BLOCK, "groups": "person", "folds": 5, "split": [0.5, 0.25, 0.25], "seed": 1}, root, name="a")
    assert not ds.samples.equals(other.samples)


def test_a_split_that_leaks_a_group_is_refused(root: Path) -> None:
    with pytest.raises(InputError) as raised:
        read({**BLOCK, "groups": "person", "split": "part"}, root, name="a")
    assert raised.value.argument == "split"
    assert "group '0'" in raised.value.received


def test_several_labels_regression_and_annotations(root: Path) -> None:
    block = {**BLOCK, "label": {"grade": "z", "kind": "y"}, "question": "Why?", "sample_noun": "step", "licence": "CC0"}
    ds = read(block, root, name="a")
    np.testing.assert_allclose(ds.labels(), ARRAYS["z"])
    np.testing.assert_array_equal(ds.labels("kind"), ARRAYS["y"])
    assert ds.spec.label().task == "regression"
    assert (ds.spec.annotations["question"], ds.spec.licence, ds.spec.source) == ("Why?", "CC0", "a.npz")


@pytest.mark.parametrize(
    ("change", "argument", "part"),
    [
        ({"label": "yy"}, "label", "Did you mean 'y'?"),
        ({"modalities": {"forse": "timeseries"}}, "modalities.forse", "Did you mean 'force'?"),
        ({"modalities": {"f": {"kind": "timeseries", "key": "forse"}}}, "modalities.f.key", "Did you mean 'force'?"),
        ({"groups": "persn"}, "groups", "Did you mean 'person'?"),
        ({"where": {"tusk": 1}}, "where.tusk", "Did you mean 'task'?"),
        ({"where": {"task": 7}}, "where.task", "Name values that occur."),
        ({"where": {"task": 0, "y": 1, "person": 0}}, "where", "Loosen"),
        ({"classes": ["a", "b"]}, "y", "Correct the label"),
        ({"modalities": {"force": "tabular"}}, "modalities.force", "Reshape"),
        ({"modalities": {"name": "tabular"}}, "modalities.name", "another kind"),
        ({"modalities": {"force": "text"}}, "modalities.force", "another kind"),
        ({"label": "classes"}, "label classes", "one row a sample"),
        ({"modalities": {"w": {"kind": "timeseries", "values": "values"}}}, "modalities.w.offsets", "both"),
        ({"split": "name"}, "split", "train, valid or test"),
        ({"folds": "z"}, "folds", "Number the folds"),
    ],
)
def test_mistakes_are_named(root: Path, change: dict, argument: str, part: str) -> None:
    with pytest.raises(InputError) as raised:
        read({**BLOCK, **change}, root, name="a")
    assert raised.value.argument == argument
    assert part in raised.value.remedy


def test_a_label_out_of_range_is_named_with_its_row(root: Path) -> None:
    with pytest.raises(InputError) as raised:
        read({**BLOCK, "classes": ["a", "b"]}, root, name="a")
    assert raised.value.received == "2 in row 2 and 12 more"


@pytest.mark.parametrize("keep", [0, 3, 100, 2000, 0.5, 0.99])
def test_a_truncated_npz_says_so(root: Path, keep: float) -> None:
    whole = (root / "a.npz").read_bytes()
    (root / "a.npz").write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="a")
    assert raised.value.argument == "path"
    assert "a.npz" in raised.value.received


def test_flipped_bytes_in_an_array_are_found(root: Path) -> None:
    np.savez_compressed(root / "a.npz", **ARRAYS)
    content = bytearray((root / "a.npz").read_bytes())
    content[400:420] = bytes(b ^ 255 for b in content[400:420])
    (root / "a.npz").write_bytes(content)
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="a")
    assert raised.value.argument == "path"


def test_objects_in_an_npz_are_refused(root: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", force=np.array([{"a": 1}] * N, dtype=object), y=ARRAYS["y"])
    with pytest.raises(InputError) as raised:
        read({**BLOCK, "path": "o.npz", "modalities": {"force": "timeseries"}}, tmp_path, name="a")
    assert "objects in 'force'" in raised.value.received
    np.save(tmp_path / "o.npz.npy", np.ones(3))
    with pytest.raises(InputError, match="single array"):
        read({**BLOCK, "path": "o.npz.npy"}, tmp_path, name="a")


def test_another_row_count_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{**ARRAYS, "heart": HEART[:-1]})
    with pytest.raises(InputError) as raised:
        read(BLOCK, tmp_path, name="a")
    assert (raised.value.argument, raised.value.received) == ("modalities.heart", f"{N - 1} rows")
