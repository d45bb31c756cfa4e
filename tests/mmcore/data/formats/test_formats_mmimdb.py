"""The MM-IMDb file: genres under the names it gives them, the split by order, only what is asked for is read."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmcore.data.formats import modality_names, read
from mmcore.errors import InputError

N = 40
NAMES = [f"Genre-{k}" for k in range(23)]
BLOCK = {"reader": "mmimdb", "path": "multimodal_imdb.hdf5", "split": [0.5, 0.25, 0.25]}
RNG = np.random.default_rng(0)
ARRAYS = {
    "features": RNG.normal(size=(N, 300)).astype(np.float32),
    "vgg_features": RNG.normal(size=(N, 4096)).astype(np.float32),
    "images": RNG.integers(0, 256, size=(N, 3, 16, 10)).astype(np.int32),
    "genres": RNG.integers(0, 2, size=(N, 23)).astype(np.int32),
}


def _write(folder: Path, changes: dict | None = None) -> Path:
    with h5py.File(folder / BLOCK["path"], "w") as file:
        for key, array in {**ARRAYS, **(changes or {})}.items():
            if array is not None:
                file[key] = array
        file["imdb_ids"] = np.array([f"{i:07d}" for i in range(N)], dtype="S7")
        if "genres" in file:
            file["genres"].attrs["target_names"] = json.dumps(NAMES)
    return folder


def test_vectors_genres_and_ids(tmp_path: Path) -> None:
    ds = read(BLOCK, _write(tmp_path), name="mmimdb")
    assert ds.modalities == ("text", "vgg") == modality_names(BLOCK)
    np.testing.assert_array_equal(ds["text"], ARRAYS["features"])
    np.testing.assert_array_equal(ds["vgg"], ARRAYS["vgg_features"])
    assert ds.spec.label().classes == tuple(NAMES)
    np.testing.assert_array_equal(ds.labels(), ARRAYS["genres"])
    assert ds.samples["sample_id"][7] == "0000007"


def test_pictures_have_their_channels_last(tmp_path: Path) -> None:
    ds = read({**BLOCK, "modalities": {"image": "image"}}, _write(tmp_path), name="mmimdb")
    assert ds["image"].dtype == np.uint8
    for i, channel, row, column in ((0, 0, 0, 0), (5, 2, 11, 3), (39, 1, 15, 9)):
        assert ds["image"][i, row, column, channel] == ARRAYS["images"][i, channel, row, column]
    assert int(ds["image"].sum()) == int(ARRAYS["images"].sum())


def test_what_is_not_asked_for_need_not_be_there(tmp_path: Path) -> None:
    root = _write(tmp_path, {"images": None, "vgg_features": None})
    ds = read({**BLOCK, "modalities": {"text": "embedding"}}, root, name="mmimdb")
    assert ds.modalities == ("text",)
    with pytest.raises(InputError, match="'vgg_features'"):
        read(BLOCK, root, name="mmimdb")


def test_the_published_split_is_by_order(tmp_path: Path) -> None:
    # 15552 / 2608 / 7799 of 25959 films; narrow vectors keep the file small
    n = 25959
    genres = np.zeros((n, 23), dtype=np.int8)
    genres[np.arange(n), np.arange(n) % 23] = 1
    with h5py.File(tmp_path / BLOCK["path"], "w") as file:
        file["features"] = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        file["genres"] = genres
    block = {"reader": "mmimdb", "path": BLOCK["path"], "modalities": {"text": "embedding"}}
    ds = read(block, tmp_path, name="mmimdb")
    assert ds.rows("train").tolist() == list(range(15552))
    assert ds.rows("valid").tolist() == list(range(15552, 18160))
    assert ds.rows("test").tolist() == list(range(18160, n))
    assert ds.spec.label().classes is not None
    assert ds.spec.label().classes[3] == "genre 03"


def test_a_part_of_the_films_has_no_published_split(tmp_path: Path) -> None:
    block = {key: value for key, value in BLOCK.items() if key != "split"}
    with pytest.raises(InputError, match="25959 films"):
        read(block, _write(tmp_path), name="mmimdb")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"genres": None}, "'genres'"),
        ({"genres": np.zeros((N, 27), np.int32)}, "(N, 23)"),
        ({"genres": np.full((N, 23), 2)}, "0 and 1"),
        ({"features": np.zeros((N - 1, 300), np.float32)}, "rows"),
        ({"features": np.zeros(N, np.float32)}, "(N, N)"),
        ({"features": np.array([b"a"] * N)}, "numbers"),
    ],
)
def test_another_layout_is_named(changes: dict, part: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(tmp_path, changes), name="mmimdb")
    assert raised.value.argument == "path"
    assert part in str(raised.value)


def test_pixels_out_of_range_are_refused(tmp_path: Path) -> None:
    root = _write(tmp_path, {"images": ARRAYS["images"] - 1})
    with pytest.raises(InputError, match="pixels from -1 to"):
        read({**BLOCK, "modalities": {"image": "image"}}, root, name="mmimdb")


@pytest.mark.parametrize("keep", [0, 100, 5000, -1000])
def test_a_truncated_file_says_so(keep: int, tmp_path: Path) -> None:
    place = _write(tmp_path) / BLOCK["path"]
    place.write_bytes(place.read_bytes()[:keep])
    with pytest.raises(InputError, match="broken or no HDF5"):
        read(BLOCK, tmp_path, name="mmimdb")


def test_a_damaged_block_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / BLOCK["path"], "w") as file:
        for key in ("features", "vgg_features", "genres"):
            file.create_dataset(key, data=ARRAYS[key], chunks=True, fletcher32=True)
        offset = file["features"].id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / BLOCK["path"]).read_bytes())
    content[offset + 8] ^= 0xFF
    (tmp_path / BLOCK["path"]).write_bytes(content)
    with pytest.raises(InputError, match="broken or no HDF5"):
        read(BLOCK, tmp_path, name="mmimdb")


@pytest.mark.parametrize("way", ["link", "virtual", "storage"])
def test_an_array_of_another_file_is_refused(way: str, tmp_path: Path) -> None:
    root = _write(tmp_path, {"features": None})
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["features"] = ARRAYS["features"]
    (tmp_path / "secret.bin").write_bytes(bytes(4 * N * 300))
    with h5py.File(tmp_path / BLOCK["path"], "a") as file:
        if way == "link":
            file["features"] = h5py.ExternalLink("other.hdf5", "features")
        elif way == "virtual":
            layout = h5py.VirtualLayout(shape=(N, 300), dtype=np.float32)
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "features", shape=(N, 300))
            file.create_virtual_dataset("features", layout)
        else:
            external = [(str(tmp_path / "secret.bin"), 0, 4 * N * 300)]
            file.create_dataset("features", shape=(N, 300), dtype=np.float32, external=external)
    with pytest.raises(InputError, match="another file"):
        read(BLOCK, root, name="mmimdb")
