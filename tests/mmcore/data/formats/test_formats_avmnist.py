"""The AV-MNIST folder: rows in the file's order, the last of train are valid, values as they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.errors import InputError

N_TRAIN, N_TEST = 30, 20
BLOCK = {"reader": "avmnist", "path": "avmnist", "n_valid": 6}
RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.normal(0, 80, size=(N_TRAIN, 784)), "test": RNG.normal(0, 80, size=(N_TEST, 784))}
SOUNDS = {
    "train": RNG.integers(0, 256, size=(N_TRAIN, 112, 112), dtype=np.uint8),
    "test": RNG.integers(0, 256, size=(N_TEST, 112, 112), dtype=np.uint8),
}
LABELS = {"train": np.arange(N_TRAIN) % 10, "test": np.arange(N_TEST)[::-1] % 10}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "avmnist"
    for name, arrays in (("image", IMAGES), ("audio", SOUNDS)):
        (folder / name).mkdir(parents=True)
        for part, array in arrays.items():
            np.save(folder / name / f"{part}_data.npy", array)
    for part, labels in LABELS.items():
        np.save(folder / f"{part}_labels.npy", labels)
    return tmp_path


def test_values_labels_and_split(root: Path) -> None:
    ds = read(BLOCK, root, name="avmnist")
    expected = np.concatenate([IMAGES["train"], IMAGES["test"]]).astype(np.float32).reshape(-1, 28, 28, 1)
    np.testing.assert_array_equal(ds["image"], expected)
    # row-major: pixel (2, 3) of the picture is entry 2 * 28 + 3 of the row
    assert ds["image"][4, 2, 3, 0] == np.float32(IMAGES["train"][4, 59])
    assert ds["audio"].dtype == np.uint8
    np.testing.assert_array_equal(ds["audio"][..., 0], np.concatenate([SOUNDS["train"], SOUNDS["test"]]))
    np.testing.assert_array_equal(ds.labels(), np.concatenate([LABELS["train"], LABELS["test"]]))
    assert ds.spec.label().classes == tuple("0123456789")
    assert ds.rows("train").tolist() == list(range(24))
    assert ds.rows("valid").tolist() == list(range(24, 30))
    assert ds.rows("test").tolist() == list(range(30, 50))


def test_a_modality_that_is_not_asked_for_is_not_looked_at(root: Path) -> None:
    (root / "avmnist" / "image" / "train_data.npy").unlink()
    ds = read({**BLOCK, "modalities": {"audio": "image"}}, root, name="avmnist")
    assert ds.modalities == ("audio",)
    with pytest.raises(InputError, match=r"image/train_data\.npy"):
        read(BLOCK, root, name="avmnist")
    with pytest.raises(InputError, match="'image'"):
        read({**BLOCK, "modalities": {"imag": "image"}}, root, name="avmnist")


@pytest.mark.parametrize(
    ("array", "file", "part"),
    [
        (np.zeros((N_TRAIN, 28, 28)), "image/train_data.npy", "(N, 784)"),
        (np.zeros((N_TRAIN - 1, 784)), "image/train_data.npy", "29 rows"),
        (np.full(N_TEST, 10), "test_labels.npy", "digits"),
        (np.array([{}] * N_TEST, dtype=object), "test_labels.npy", "no npy of numbers"),
    ],
)
def test_another_layout_is_named(array: np.ndarray, file: str, part: str, root: Path) -> None:
    np.save(root / "avmnist" / file, array)
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="avmnist")
    assert part in str(raised.value)


@pytest.mark.parametrize("keep", [0, 5, 60, -10])
def test_a_truncated_file_says_so(keep: int, root: Path) -> None:
    place = root / "avmnist" / "audio" / "test_data.npy"
    place.write_bytes(place.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"audio/test_data\.npy, which is broken"):
        read(BLOCK, root, name="avmnist")


def test_more_validation_rows_than_there_are(root: Path) -> None:
    with pytest.raises(InputError, match="n_valid"):
        read({key: value for key, value in BLOCK.items() if key != "n_valid"}, root, name="avmnist")
