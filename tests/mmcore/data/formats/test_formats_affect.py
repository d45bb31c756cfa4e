"""The traps of the affect pickles: padding on the left, samples without text, infinite audio, shapes of labels."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmcore.data.formats import read
from mmcore.errors import InputError

SIZES = {"train": 12, "valid": 6, "test": 8}
T = 5
BLOCK = {"reader": "affect", "path": "mosi.pkl"}


def _content() -> dict:
    rng = np.random.default_rng(0)
    content = {}
    for part, n in SIZES.items():
        text = rng.normal(size=(n, T, 4))
        for i in range(n):
            text[i, : i % T] = 0  # i % T steps of padding
        vision, audio = rng.normal(size=(n, T, 3)), rng.normal(size=(n, T, 2))
        audio[1, T - 1, 0] = -np.inf
        labels = np.linspace(-3, 3, n).reshape(n, 1, 1)
        ids = np.array([f"{part}video{i // 3}[{i % 3}]" for i in range(n)])
        content[part] = {"vision": vision, "audio": audio, "text": text, "labels": labels, "id": ids}
    content["train"]["text"][7] = 0
    return content


def _write(content: object, folder: Path) -> Path:
    (folder / "mosi.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return folder


def test_padding_is_cut_where_the_text_begins(tmp_path: Path) -> None:
    content = _content()
    ds = read(BLOCK, _write(content, tmp_path), name="mosi")
    assert ds.modalities == ("vision", "audio", "text")
    kept = [i for i in range(12) if i != 7]
    assert len(ds) == sum(SIZES.values()) - 1
    for row, i in enumerate(kept):
        np.testing.assert_allclose(ds["text"][row], content["train"]["text"][i, i % T :], rtol=1e-6)
        np.testing.assert_allclose(ds["vision"][row], content["train"]["vision"][i, i % T :], rtol=1e-6)
    assert len(ds.rows("train")), (len(ds.rows("valid")), len(ds.rows("test"))) == (11, (6, 8))
    assert ds.spec.annotations["reading"] == {"dropped_without_text": {"train": 1}, "infinite_to_zero": {"audio": 3}}
    assert ds["audio"][1][-1, 0] == 0
    assert np.isfinite(ds["audio"].values).all()


def test_labels_as_numbers_and_as_classes(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    ds = read(BLOCK, root, name="mosi")
    expected = np.concatenate([np.delete(np.linspace(-3, 3, 12), 7), np.linspace(-3, 3, 6), np.linspace(-3, 3, 8)])
    np.testing.assert_allclose(ds.labels(), expected)
    ds = read({**BLOCK, "task": "classification"}, root, name="mosi")
    np.testing.assert_array_equal(ds.labels(), expected > 0)
    assert ds.spec.label().classes == ("negative", "positive")
    ds = read({**BLOCK, "task": "classification", "classes": ["dull", "glad"]}, root, name="mosi")
    assert ds.spec.label().classes == ("dull", "glad")


@pytest.mark.parametrize("values", [(-1, 1), (0, 1)])
def test_humour_and_sarcasm_are_classes_in_both_codings(values: tuple, tmp_path: Path) -> None:
    content = _content()
    for part, n in SIZES.items():
        content[part]["labels"] = np.array([values[i % 2] for i in range(n)])[:, None]
    ds = read(BLOCK, _write(content, tmp_path), name="humor")
    assert ds.spec.label().task == "classification"
    np.testing.assert_array_equal(ds.labels()[ds.rows("test")], np.arange(8) % 2)


def test_the_first_of_seven_label_columns_counts(tmp_path: Path) -> None:
    content = _content()
    for part, n in SIZES.items():
        content[part]["labels"] = np.column_stack([np.linspace(-3, 3, n), *[np.full(n, 9.0)] * 6])
    ds = read(BLOCK, _write(content, tmp_path), name="mosei")
    assert ds.labels().max() == 3


def test_ids_and_videos(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    ds = read({**BLOCK, "groups": "video"}, root, name="mosi")
    assert ds.samples["sample_id"][0] == "trainvideo0[0]"
    assert ds.groups is not None
    assert ds.groups[0] == "trainvideo0"
    content = _content()
    for part in content:
        content[part]["id"] = np.char.replace(content[part]["id"], part, "")
    repeated = read(BLOCK, _write(content, tmp_path), name="mosi")
    assert repeated.samples["sample_id"].is_unique
    with pytest.raises(InputError, match="split"):
        read({**BLOCK, "groups": "video"}, tmp_path, name="mosi")


def test_each_on_its_own_padding(tmp_path: Path) -> None:
    content = _content()
    content["train"]["vision"][4, :2] = 0
    content["test"]["audio"] = np.ones((8, T + 3, 2))
    root = _write(content, tmp_path)
    with pytest.raises(InputError) as raised:
        read(BLOCK, root, name="mosi")
    assert raised.value.argument == "aligned"
    ds = read({**BLOCK, "aligned": False}, root, name="mosi")
    assert (len(ds["vision"][4]), len(ds["text"][4])) == (T - 2, 1)
    assert len(ds["audio"][len(ds) - 1]) == T + 3


def test_only_some_modalities(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    ds = read({**BLOCK, "modalities": {"text": "embedding"}}, root, name="mosi")
    assert ds.modalities == ("text",)
    with pytest.raises(InputError, match="'vision'"):
        read({**BLOCK, "modalities": {"visoin": "timeseries"}}, root, name="mosi")


class _Touches:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_a_pickle_that_runs_code_is_refused_before_it_does(tmp_path: Path) -> None:
    content = _content()
    content["train"]["extra"] = _Touches(tmp_path / "touched")
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(content, tmp_path), name="mosi")
    assert raised.value.argument == "pickle"
    assert ".system" in raised.value.received
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda c: c.pop("train") and c.update(trian={}), "'trian'"),
        (lambda c: c["test"].pop("audio"), "test.audio"),
        (lambda c: c["test"].update(text=np.zeros((8, 4))), "test.text"),
        (lambda c: c["test"].update(labels=np.zeros(3)), "test.labels"),
        (lambda c: c.clear(), "dict"),
    ],
)
def test_another_layout_is_named(spoil, part: str, tmp_path: Path) -> None:
    content = _content()
    spoil(content)
    with pytest.raises(InputError) as raised:
        read(BLOCK, _write(content, tmp_path), name="mosi")
    assert part in str(raised.value)


def test_a_fixed_length_keeps_the_first_steps_and_pads_behind(tmp_path: Path) -> None:
    content = _content()
    ds = read({**BLOCK, "length": 3}, _write(content, tmp_path), name="mosi")
    assert ds["audio"].shape == (25, 3, 2)
    # sample 3 starts at step 3 and has 2 steps, sample 1 starts at step 1 and has 4
    np.testing.assert_allclose(ds["text"][3, :2], content["train"]["text"][3, 3:], rtol=1e-6)
    assert not ds["text"][3, 2:].any()
    np.testing.assert_allclose(ds["vision"][1], content["train"]["vision"][1, 1:4], rtol=1e-6)
    assert read({**BLOCK, "length": 9}, tmp_path, name="mosi")["text"].shape == (25, 9, 4)


def test_missing_numbers_stay_and_are_counted(tmp_path: Path) -> None:
    content = _content()
    content["valid"]["audio"][2, 4] = np.nan
    content["train"]["audio"][7] = np.nan  # dropped: no text
    ds = read(BLOCK, _write(content, tmp_path), name="mosi")
    assert ds.spec.annotations["reading"]["nan"] == {"audio": 2}
    assert int(np.isnan(ds["audio"].values).sum()) == 2
    assert ds.presence("audio").all()


@pytest.mark.parametrize(("neutral", "expected"), [("negative", 0), ("positive", 1), ("unlabelled", -1)])
def test_what_a_neutral_sentiment_is(neutral: str, expected: int, tmp_path: Path) -> None:
    content = _content()
    content["test"]["labels"] = np.array([-3.0, -1, 0, 0, 0.5, 1, 2, 3])[:, None]
    ds = read({**BLOCK, "task": "classification", "neutral": neutral}, _write(content, tmp_path), name="mosi")
    assert ds.labels()[ds.rows("test")].tolist() == [0, 0, expected, expected, 1, 1, 1, 1]


@pytest.mark.parametrize("values", [(-1, 1), (0, 1)])
def test_humour_as_a_regression_is_minus_one_and_one(values: tuple, tmp_path: Path) -> None:
    content = _content()
    for part, n in SIZES.items():
        content[part]["labels"] = np.array([values[i % 2] for i in range(n)])[:, None]
    root = _write(content, tmp_path)
    ds = read({**BLOCK, "task": "regression"}, root, name="humor")
    assert ds.labels()[ds.rows("test")].tolist() == [-1.0, 1.0] * 4
    # a coding of two values has no neutral one: 0 is the negative class whatever is asked
    ds = read({**BLOCK, "neutral": "positive"}, root, name="humor")
    assert ds.labels()[ds.rows("test")].tolist() == [0, 1] * 4


def test_a_truncated_pickle_and_emotions_are_named(tmp_path: Path) -> None:
    root = _write(_content(), tmp_path)
    whole = (root / "mosi.pkl").read_bytes()
    (root / "mosi.pkl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="breaks off"):
        read(BLOCK, root, name="mosi")
    content = _content()
    content["valid"]["labels"] = np.zeros((6, 4, 2))
    with pytest.raises(InputError, match="reader: mult"):
        read(BLOCK, _write(content, tmp_path), name="mosi")
