"""Corners of the generic readers: multilabel columns of an npz, order of prefixed columns, wavs of several channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

from mmcore.data.formats import read
from mmcore.errors import InputError

N = 20


def test_npz_with_a_multilabel_table_grey_images_and_text(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    genres = generator.integers(0, 2, size=(N, 3))
    pixels = generator.integers(0, 256, size=(N, 5, 4), dtype=np.uint8)
    said = np.array([f"film {i}" if i % 3 else "" for i in range(N)])
    np.savez(tmp_path / "a.npz", genres=genres, poster=pixels, said=said)
    block = {
        "reader": "npz",
        "path": "a.npz",
        "label": "genres",
        "task": "multilabel",
        "classes": ["drama", "comedy", "war"],
        "modalities": {"poster": "image", "said": "text"},
    }
    ds = read(block, tmp_path, name="a")
    np.testing.assert_array_equal(ds.labels(), genres)
    assert [list(row) for row in ds.samples["genres"]] == [
        [c for c, on in zip(block["classes"], row, strict=True) if on] for row in genres
    ]
    np.testing.assert_array_equal(ds["poster"][..., 0], pixels)
    np.testing.assert_array_equal(ds.presence("said"), np.arange(N) % 3 != 0)


def test_parquet_with_multilabel_columns_list_and_series_by_prefix(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    series = generator.normal(size=(N, 4))
    frame = pd.DataFrame(series, columns=["t_2", "t_1", "t_3", "t_0"])  # the table's order, not the names', is time
    frame["war"], frame["drama"] = np.arange(N) % 2, np.arange(N) % 3 == 0
    frame["who"] = pd.Categorical(["ann", "bob"] * (N // 2))
    frame.to_parquet(tmp_path / "a.parquet")
    block = {
        "reader": "table",
        "path": "a.parquet",
        "label": ["war", "drama"],
        "task": "multilabel",
        "groups": "who",
        "split": [0.5, 0.5, 0.0],
        "modalities": {"course": {"kind": "timeseries", "prefix": "t_", "rate": 4}},
    }
    ds = read(block, tmp_path, name="a")
    np.testing.assert_array_equal(ds["course"][:, :, 0], series.astype(np.float32))
    assert ds.spec.modality("course").rate == 4.0
    assert ds.spec.label().classes == ("war", "drama")
    np.testing.assert_array_equal(ds.labels(), np.column_stack([frame["war"], frame["drama"]]))
    assert set(ds.samples["split"]) == {"train", "valid"}


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    rows = []
    for i in range(N):
        stereo = np.column_stack([np.full(6 + i, 100 * i), np.full(6 + i, -100 * i)]).astype(np.int16)
        wavfile.write(folder / f"{i}.wav", 4000, stereo)
        Image.new("P" if i % 2 else "RGBA", (3, 2), i if i % 2 else (i, 2 * i, 3 * i, 9)).save(folder / f"{i}.png")
        rows.append({"wav": f"{i}.wav", "png": f"{i}.png", "y": i % 2})
    pd.DataFrame(rows).to_parquet(folder / "index.parquet")
    return tmp_path


def test_folders_with_stereo_wavs_alpha_channel_and_a_parquet_index(clips: Path) -> None:
    block = {
        "reader": "folders",
        "path": "clips",
        "index": "index.parquet",
        "label": "y",
        "where": {"y": [0, 1]},
        "modalities": {"sound": {"kind": "audio", "column": "wav"}, "photo": {"kind": "image", "column": "png"}},
    }
    ds = read(block, clips, name="a")
    assert ds.spec.modality("sound").shape == (None, 2)
    for i in range(N):
        expected = np.tile(np.float32([100 * i, -100 * i]) / 2**15, (6 + i, 1))
        np.testing.assert_array_equal(ds["sound"][i], expected)
    for i in range(0, N, 2):
        assert ds["photo"][i, 1, 2].tolist() == [i, 2 * i, 3 * i]  # colour as stored, whatever the alpha
    wavfile.write(clips / "clips" / "3.wav", 4000, np.zeros(6, dtype=np.int16))
    with pytest.raises(InputError) as raised:
        read(block, clips, name="a")
    assert "sample 3" in raised.value.received
