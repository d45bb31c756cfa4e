"""MulT's pickles: padding on either side, lengths that differ, emotions as one-hot pairs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mmcore.data import Ragged
from mmcore.data.formats import read
from mmcore.errors import InputError

SIZES = {"train": 8, "valid": 4, "test": 6}
STEPS = {"vision": 9, "audio": 7, "text": 5}
WIDTH = {"vision": 3, "audio": 2, "text": 4}
BLOCK = {"reader": "mult", "path": "iemocap_data_noalign.pkl"}
EMOTIONS = np.random.default_rng(1).integers(0, 2, size=(18, 4))


def _content(*, aligned: bool = False) -> dict:
    """Sample i of every part has i % 3 steps of padding before it and i % 2 behind it."""
    rng = np.random.default_rng(0)
    content: dict = {}
    start = 0
    for part, n in SIZES.items():
        fields: dict = {}
        for name, steps in STEPS.items():
            values = rng.uniform(1, 2, size=(n, 5 if aligned else steps, WIDTH[name]))
            for i in range(n):
                values[i, : i % 3] = 0
                values[i, values.shape[1] - i % 2 :] = 0
            fields[name] = values
        pairs = np.stack([1 - EMOTIONS[start : start + n], EMOTIONS[start : start + n]], axis=2).astype(np.float64)
        ids = np.array([[f"Ses{start + i:02d}", "0.0", "1.5"] for i in range(n)])
        content[part] = {**fields, "labels": pairs, "id": ids}
        start += n
    return content


def _write(content: object, folder: Path) -> Path:
    (folder / BLOCK["path"]).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def test_each_modality_loses_its_own_padding_at_both_ends(tmp_path: Path) -> None:
    content = _content()
    content["train"]["text"][1, 2] = 0  # a word without a vector, inside the sample
    content["test"]["audio"][3, 5, 0] = -np.inf
    ds = read(BLOCK, _write(content, tmp_path), name="iemocap")
    for name, steps in STEPS.items():
        for i in range(8):
            expected = content["train"][name][i, i % 3 : steps - i % 2]
            np.testing.assert_allclose(ds[name][i], expected, rtol=1e-6)
    assert (len(ds.rows("train")), len(ds.rows("valid")), len(ds.rows("test"))) == (8, 4, 6)
    assert ds["audio"][12 + 3][5, 0] == 0
    assert ds.spec.annotations["reading"]["infinite_to_zero"] == {"audio": 1}
    assert ds.samples["sample_id"][0] == "Ses00_0.0_1.5"


def test_aligned_modalities_are_cut_where_all_are_zero(tmp_path: Path) -> None:
    content = _content(aligned=True)
    content["train"]["text"][0, 0] = 0  # the first word has no vector, but it was spoken
    content["train"]["vision"][0, 0] = 0  # and no face was found
    ds = read(BLOCK, _write(content, tmp_path), name="iemocap")
    assert len(ds["text"][0]) == len(ds["audio"][0]) == len(ds["vision"][0]) == 5
    assert not ds["text"][0][0].any()
    apart = read({**BLOCK, "aligned": False}, tmp_path, name="iemocap")
    assert [len(apart[name][0]) for name in ("text", "vision", "audio")] == [4, 4, 5]
    with pytest.raises(InputError, match="aligned"):
        read({**BLOCK, "aligned": True}, _write(_content(), tmp_path), name="iemocap")


def test_a_modality_of_zeros_is_absent_and_the_sample_stays(tmp_path: Path) -> None:
    content = _content()
    content["valid"]["text"][2] = 0
    root = _write(content, tmp_path)
    for padding in ("cut", "keep"):
        ds = read({**BLOCK, "padding": padding}, root, name="iemocap")
        assert len(ds) == 18
        assert np.flatnonzero(~ds.presence("text")).tolist() == [8 + 2]
        assert ds.presence("audio").all()
        assert ds.spec.annotations["reading"]["all_zero"] == {"text": 1}


def test_kept_arrays_are_those_of_the_file(tmp_path: Path) -> None:
    content = _content()
    ds = read({**BLOCK, "padding": "keep"}, _write(content, tmp_path), name="iemocap")
    assert not isinstance(ds["vision"], Ragged)
    expected = np.concatenate([content[part]["vision"] for part in SIZES])
    np.testing.assert_allclose(ds["vision"], expected, rtol=1e-6)


def test_emotions_as_one_multilabel_or_four_columns(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    ds = read(BLOCK, root, name="iemocap")
    assert ds.spec.label().classes == ("neutral", "happy", "sad", "angry")
    np.testing.assert_array_equal(ds.labels(), EMOTIONS)
    ds = read({**BLOCK, "task": "classification"}, root, name="iemocap")
    assert [label.column for label in ds.spec.labels] == ["neutral", "happy", "sad", "angry"]
    for k, label in enumerate(ds.spec.labels):
        assert (label.task, label.classes) == ("classification", ("no", "yes"))
        np.testing.assert_array_equal(ds.labels(label.column), EMOTIONS[:, k])
    with pytest.raises(InputError, match="multilabel or classification"):
        read({**BLOCK, "task": "regression"}, root, name="iemocap")


def test_sentiment_files_are_read_as_numbers(tmp_path: Path) -> None:
    content = _content()
    for part, n in SIZES.items():
        content[part]["labels"] = np.linspace(-3, 3, n).reshape(n, 1, 1)
    ds = read({**BLOCK, "groups": "video"}, _write(content, tmp_path), name="mosi")
    assert ds.spec.label().task == "regression"
    np.testing.assert_allclose(ds.labels()[ds.rows("train")], np.linspace(-3, 3, 8))
    assert ds.groups is not None
    assert ds.groups[1] == "Ses01"


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda c: c["test"].pop("vision"), "test.vision"),
        (lambda c: c["test"].update(audio=np.zeros((6, 7))), "test.audio"),
        (lambda c: c["test"].update(labels=np.zeros((6, 3, 2))), "(6, 3, 2)"),
        (lambda c: c["test"].update(labels=np.zeros((6, 4, 2))), "one-hot"),
        (lambda c: c["test"].update(text=np.ones((5, 5, 4))), "test."),
    ],
)
def test_another_layout_is_named(spoil, part: str, tmp_path: Path) -> None:
    content = _content()
    spoil(content)
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(content, tmp_path), name="iemocap")
    assert part in str(raised.value)


def test_a_truncated_pickle_says_so(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    whole = (root / BLOCK["path"]).read_bytes()
    (root / BLOCK["path"]).write_bytes(whole[:-200])
    with pytest.raises(InputError, match="breaks off"):
        read(BLOCK, root, name="iemocap")
