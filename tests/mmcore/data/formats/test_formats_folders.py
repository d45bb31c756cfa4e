"""Pixels and samples come back as written; a broken, missing or outlying file is named."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

from mmcore.data.formats import read
from mmcore.data.formats.folders import MAX_PIXELS, read_image, read_wav
from mmcore.errors import InputError

N = 20
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(N, 6, 8), dtype=np.uint8)
SOUNDS = [RNG.integers(-30000, 30000, size=10 + i, dtype=np.int16) for i in range(N)]
BLOCK = {
    "reader": "folders",
    "path": "data",
    "index": "index.csv",
    "label": "digit",
    "sample_id": "id",
    "modalities": {
        "image": {"kind": "image", "column": "png", "channels": 1},
        "audio": {"kind": "audio", "column": "wav"},
        "note": {"kind": "text", "columns": ["note"]},
        "age": {"kind": "tabular", "columns": ["age"]},
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sounds").mkdir(parents=True)
    rows = []
    for i in range(N):
        Image.fromarray(PIXELS[i]).save(folder / f"{i}.png")
        wavfile.write(folder / "sounds" / f"{i}.wav", 8000, SOUNDS[i])
        wav = f"sounds/{i}.wav" if i != 5 else None
        rows.append({"id": f"r{i}", "png": f"{i}.png", "wav": wav, "digit": i % 2, "note": f"n{i}", "age": i})
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    return tmp_path


def test_images_sounds_text_and_numbers(root: Path) -> None:
    ds = read(BLOCK, root, name="a")
    np.testing.assert_array_equal(ds["image"], PIXELS[..., None])
    spec = ds.spec.modality("audio")
    assert (spec.kind, spec.rate, spec.ragged, spec.shape) == ("audio", 8000.0, True, (None, 1))
    np.testing.assert_array_equal(ds.presence("audio"), np.arange(N) != 5)
    for i in range(N):
        expected = SOUNDS[i][:, None] / np.float32(2**15) if i != 5 else np.zeros((0, 1))
        np.testing.assert_array_equal(ds["audio"][i], expected)
    assert list(ds["note"]) == [f"n{i}" for i in range(N)]
    np.testing.assert_array_equal(ds["age"][:, 0], np.arange(N))


def test_colour_and_size(root: Path) -> None:
    block = {**BLOCK, "modalities": {"image": {"kind": "image", "column": "png", "size": [3, 4]}}}
    image = read(block, root, name="a")["image"]
    assert image.shape == (N, 3, 4, 3)
    assert (image[..., 0] == image[..., 2]).all()
    flat = root / "flat.png"
    Image.new("L", (8, 6), 77).save(flat)
    assert (read_image(flat, size=(3, 5), channels=1) == 77).all()


def test_images_of_different_size_need_a_size(root: Path) -> None:
    Image.new("L", (9, 6)).save(root / "data" / "3.png")
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="a")
    assert raised.value.argument == "modalities.image.size"
    assert "3.png" in raised.value.received


def test_exif_does_not_turn_an_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    Image.new("L", (8, 6)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg", size=None, channels=1).shape == (6, 8, 1)


def test_missing_files_are_named_together_or_absent(root: Path) -> None:
    (root / "data" / "3.png").unlink()
    (root / "data" / "7.png").unlink()
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="a")
    assert raised.value.argument == "column png"
    assert raised.value.received == "2 files that do not exist: 3.png, 7.png"
    ds = read({**BLOCK, "missing": "absent"}, root, name="a")
    np.testing.assert_array_equal(ds.presence("image"), ~np.isin(np.arange(N), (3, 7)))
    assert not ds["image"][3].any()


@pytest.mark.parametrize("item", ["../outside.png", "/etc/passwd", "a/../../../b.png"])
def test_a_path_of_the_index_stays_in_the_folder(item: str, root: Path) -> None:
    Image.new("L", (8, 6)).save(root / "outside.png")
    frame = pd.read_csv(root / "data" / "index.csv", dtype={"png": "str"})
    frame.loc[2, "png"] = item
    frame.to_csv(root / "data" / "index.csv", index=False)
    for missing in ("error", "absent"):
        with pytest.raises(InputError) as raised:
            read({**BLOCK, "missing": missing}, root, name="a")
        assert raised.value.received == repr(item)


def test_a_missing_index_or_column_is_named(root: Path) -> None:
    with pytest.raises(InputError, match=r"'index\.csv'"):
        read({**BLOCK, "index": "indx.csv"}, root, name="a")
    with pytest.raises(InputError, match="'wav'"):
        read({**BLOCK, "modalities": {"audio": {"kind": "audio", "column": "wave"}}}, root, name="a")
    with pytest.raises(InputError, match="no folder"):
        read({**BLOCK, "path": "data/index.csv"}, root, name="a")


def _png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", _png_header(8, 6), _png_header(2**16, 2**16), b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    ids=["empty", "text", "header only", "bomb", "postscript"],
)
def test_what_is_no_small_whole_image_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_image(tmp_path / "a.png", size=None, channels=1)
    assert raised.value.argument == "image"
    assert "a.png" in raised.value.received


def test_truncated_image_deep_image_and_limit(root: Path, tmp_path: Path) -> None:
    whole = (root / "data" / "1.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="decoded"):
        read_image(tmp_path / "a.png", size=None, channels=1)
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match="8 bits"):
        read_image(tmp_path / "b.png", size=None, channels=1)
    for rows in (1000, 2**24):
        (tmp_path / "c.pgm").write_bytes(b"P5 %d %d 255\n" % (MAX_PIXELS // 1000 + 1, rows))
        with pytest.raises(InputError, match=r"pixels|bomb"):
            read_image(tmp_path / "c.pgm", size=None, channels=1)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.uint8, [0, 128, 192], [-1, 0, 0.5]),
        (np.int16, [-(2**15), 0, 2**14], [-1, 0, 0.5]),
        (np.int32, [-(2**31), 0, 2**30], [-1, 0, 0.5]),
        (np.float32, [-1, 0, 0.5], [-1, 0, 0.5]),
    ],
)
def test_wav_depths_share_one_scale(dtype, values, expected, tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 100, np.array(values, dtype=dtype))
    rate, sound = read_wav(tmp_path / "a.wav")
    assert rate == 100
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound[:, 0], expected)


@pytest.mark.parametrize("keep", [0, 3, 10, 18, 30, 36, 40, 44, -8])
def test_a_broken_wav_says_so(keep: int, root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes((root / "data/sounds/1.wav").read_bytes()[:keep])
    with pytest.raises(InputError) as raised:
        read_wav(tmp_path / "a.wav")
    assert raised.value.argument == "audio"


def test_another_rate_is_refused(root: Path) -> None:
    wavfile.write(root / "data/sounds/4.wav", 16000, SOUNDS[4])
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="a")
    assert raised.value.argument == "modalities.audio.rate"
    assert raised.value.received == "4.wav of 16000 Hz"
