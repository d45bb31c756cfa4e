"""The ENRICO folder: two screens left out, topics sorted, and upstream's shuffle to the row."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mmcore.data.formats import read
from mmcore.data.formats.enrico import published_split
from mmcore.errors import InputError

IDS = [str(i) for i in range(100, 138)]
TOPICS = [f"topic {i * 7 % 20:02d}" for i in range(38)]
BLOCK = {"reader": "enrico", "path": "enrico", "modalities": {m: {"kind": "image", "size": [8, 4]} for m in
         ("screenshot", "wireframe")}}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "enrico"
    for name in ("screenshots", "wireframes"):
        (folder / name).mkdir(parents=True)
    for i, screen in enumerate(IDS):
        Image.new("RGB", (10, 20), (6 * i, 10, 20)).save(folder / "screenshots" / f"{screen}.jpg", quality=95)
        Image.new("RGBA", (10, 20), (1, 6 * i, 3, 255)).save(folder / "wireframes" / f"{screen}.png")
    ids = [*IDS[:5], "50105", *IDS[5:], "50109"]
    topics = [*TOPICS[:5], "topic 99", *TOPICS[5:], "topic 99"]
    pd.DataFrame({"screen_id": ids, "topic": topics}).to_csv(folder / "design_topics.csv", index=False)
    return tmp_path


def test_images_topics_and_ids(root: Path) -> None:
    ds = read(BLOCK, root, name="enrico")
    assert len(ds) == 38
    assert ds.samples["sample_id"].tolist() == IDS
    assert ds["screenshot"].shape == (38, 8, 4, 3)
    for i in range(38):
        assert ds["wireframe"][i, 3, 2].tolist() == [1, 6 * i, 3]
        np.testing.assert_allclose(ds["screenshot"][i, 3, 2], [6 * i, 10, 20], atol=3)  # jpeg
    assert ds.spec.label().classes == tuple(f"topic {k:02d}" for k in range(20))
    assert ds.labels().tolist() == [i * 7 % 20 for i in range(38)]


def test_the_split_is_upstreams(root: Path) -> None:
    ds = read(BLOCK, root, name="enrico")
    keys = list(range(38))
    random.Random(42).shuffle(keys)
    assert set(ds.rows("train")) == set(keys[:24])  # int(38 * 0.65)
    assert set(ds.rows("valid")) == set(keys[24:30])  # int(38 * (0.65 + 0.15))
    assert set(ds.rows("test")) == set(keys[30:])


def test_the_published_sizes() -> None:
    # 947 / 219 / 292 of 1458; upstream's stored curves are multiples of 1/292
    split = published_split(1458)
    assert [int((split == part).sum()) for part in ("train", "valid", "test")] == [947, 219, 292]


def test_the_default_size_is_upstreams(root: Path) -> None:
    ds = read({"reader": "enrico", "path": "enrico", "modalities": {"wireframe": "image"}}, root, name="enrico")
    assert ds["wireframe"].shape == (38, 256, 128, 3)


def test_missing_files_are_named_together_or_absent(root: Path) -> None:
    for screen in ("103", "110"):
        (root / "enrico" / "wireframes" / f"{screen}.png").unlink()
    with pytest.raises(InputError, match=r"2 files that do not exist: wireframes/103\.png, wireframes/110\.png"):
        read(BLOCK, root, name="enrico")
    ds = read({**BLOCK, "missing": "absent"}, root, name="enrico")
    assert np.flatnonzero(~ds.presence("wireframe")).tolist() == [3, 10]
    assert ds.presence("screenshot").all()


def test_another_layout_is_named(root: Path) -> None:
    table = root / "enrico" / "design_topics.csv"
    table.write_text("screen,topic\n1,a\n")
    with pytest.raises(InputError, match="screen_id and topic"):
        read(BLOCK, root, name="enrico")
    table.write_text("screen_id,topic\n1,\n")
    with pytest.raises(InputError, match="without topic in row 0"):
        read(BLOCK, root, name="enrico")
    table.unlink()
    with pytest.raises(InputError, match=r"design_topics\.csv"):
        read(BLOCK, root, name="enrico")


def test_a_truncated_image_is_named(root: Path) -> None:
    place = root / "enrico" / "screenshots" / "107.jpg"
    place.write_bytes(place.read_bytes()[:150])
    with pytest.raises(InputError, match=r"107\.jpg"):
        read(BLOCK, root, name="enrico")
