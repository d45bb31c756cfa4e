"""Flickr30k, Hateful Memes and VQA-style tables: image and text of a row belong together, and so do their labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mmcore.data.formats import check_source, read
from mmcore.data.formats.matching import match_pairs
from mmcore.errors import InputError

SMALL = {"kind": "image", "size": [4, 4], "channels": 1}


def _raised(block: dict, folder: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        read(block, folder, name="a")
    return raised.value


def _grey(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 5), level).save(path)


# --- matching


@pytest.mark.parametrize("n_mismatches", [1, 3])
def test_neither_unit_nor_text_tells_whether_they_match(n_mismatches: int) -> None:
    generator = np.random.default_rng(0)
    units = np.array([f"u{i}" for i in generator.integers(0, 30, size=200)])
    cells = np.where(np.isin(units, [f"u{i}" for i in range(12)]), "a", "b")
    pairs = match_pairs(units, cells, n_mismatches=n_mismatches, seed=3)
    for rows in (pairs.unit_rows, pairs.text_rows):
        np.testing.assert_array_equal(np.bincount(rows[pairs.match], minlength=200), 1)
        np.testing.assert_array_equal(np.bincount(rows[~pairs.match], minlength=200), n_mismatches)
    np.testing.assert_array_equal(units[pairs.unit_rows] == units[pairs.text_rows], pairs.match)
    np.testing.assert_array_equal(cells[pairs.unit_rows], cells[pairs.text_rows])
    again = match_pairs(units, cells, n_mismatches=n_mismatches, seed=3)
    np.testing.assert_array_equal(pairs.text_rows, again.text_rows)
    other = match_pairs(units, cells, n_mismatches=n_mismatches, seed=4)
    assert not np.array_equal(pairs.text_rows, other.text_rows)


def test_a_part_too_small_for_mismatches_is_named() -> None:
    with pytest.raises(InputError) as raised:
        match_pairs(np.array(["a", "a", "b"]), np.array(["train"] * 3), n_mismatches=1, seed=0)
    assert raised.value.received == "3 captions of 2 images or sounds in train"


# --- Flickr30k

CAPTIONS = [(f"{i}.jpg", k, f"photo {i}, caption {k}") for i in range(20) for k in range(5)]
FLICKR = {
    "reader": "flickr30k",
    "path": "flickr",
    "index": "results.csv",
    "images": "pictures",
    "modalities": {"image": SMALL, "caption": "text"},
}


@pytest.fixture
def flickr(tmp_path: Path) -> Path:
    folder = tmp_path / "flickr"
    for i in range(20):
        _grey(folder / "pictures" / f"{i}.jpg", 10 * i)
    bars = [f"{image}| {k}| {text}" for image, k, text in CAPTIONS]
    bars[7] = bars[7].replace("| photo", "   photo")  # the archive's one line without its second bar
    (folder / "results.csv").write_text("image_name| comment_number| comment\n" + "\n".join(bars) + "\n")
    tokens = [f"{image}#{k}\t{text}" for image, k, text in CAPTIONS]
    (folder / "results.token").write_text("\n".join(tokens) + "\n")
    frame = pd.DataFrame(CAPTIONS, columns=["image", "number", "caption"])
    frame["part"] = [("train" if i < 70 else "val" if i < 85 else "test") for i in range(100)]
    frame.to_csv(folder / "table.csv", index=False)
    frame.rename(columns={"image": "file", "caption": "said"}).to_parquet(folder / "table.parquet")
    return tmp_path


def test_a_pair_matches_exactly_where_the_caption_names_the_image(flickr: Path) -> None:
    assert check_source(FLICKR) == []
    ds = read({**FLICKR, "mismatches": 2}, flickr, name="a")
    assert len(ds) == 300
    shown = np.round(ds["image"][:, 0, 0, 0] / 10).astype(int)
    told = np.array([int(text.split()[1].strip(",")) for text in ds["caption"]])
    np.testing.assert_array_equal(ds.samples["match"] == "match", shown == told)
    assert ds.spec.label().classes == ("mismatch", "match")
    split = ds.samples["split"].to_numpy()
    part_of = {i: set(split[(shown == i) | (told == i)]) for i in range(20)}
    assert all(len(parts) == 1 for parts in part_of.values())
    ids = ["0.jpg#0/match", "0.jpg#0/mismatch1", "0.jpg#0/mismatch2", "0.jpg#1/match"]
    assert ds.samples["sample_id"].iloc[:4].tolist() == ids
    assert ds.spec.annotations["reading"]["captions"] == 100


def test_the_three_layouts_are_one_dataset(flickr: Path) -> None:
    first = read(FLICKR, flickr, name="a")
    for index in ("results.token", "table.csv"):
        other = read({**FLICKR, "index": index}, flickr, name="a")
        assert first.samples.equals(other.samples)
        np.testing.assert_array_equal(first["caption"], other["caption"])
        np.testing.assert_array_equal(first["image"], other["image"])
    columns = {"picture": {**SMALL, "column": "file"}, "words": {"kind": "text", "column": "said"}}
    other = read({**FLICKR, "index": "table.parquet", "modalities": columns}, flickr, name="a")
    assert other.modalities == ("picture", "words")
    np.testing.assert_array_equal(first["caption"], other["words"])


def test_published_split_number_of_captions_and_folds(flickr: Path) -> None:
    ds = read({**FLICKR, "index": "table.csv", "split": "part", "captions": 2}, flickr, name="a")
    counts = ds.samples["split"].value_counts().to_dict()
    assert counts == {"train": 14 * 2 * 2, "valid": 3 * 2 * 2, "test": 3 * 2 * 2}
    assert {text.split()[-1] for text in ds["caption"]} == {"0", "1"}
    ds = read({**FLICKR, "folds": 3, "split": [1.0, 0.0, 0.0]}, flickr, name="a")
    told = np.array([int(text.split()[1].strip(",")) for text in ds["caption"]])
    for i in range(20):
        assert len(set(ds.folds[told == i])) == 1  # a caption stays in its fold in both roles


def test_mistakes_in_the_table_of_captions(flickr: Path) -> None:
    columns = {"image": {**SMALL, "column": "pict"}, "caption": "text"}
    assert _raised({**FLICKR, "modalities": columns}, flickr).argument == "modalities.image.column"
    assert _raised({**FLICKR, "modalities": {"image": SMALL}}, flickr).allowed == "one image, one text"
    assert "result.csv" in _raised({**FLICKR, "index": "result.csv"}, flickr).received
    assert _raised({**FLICKR, "captions": 1, "mismatches": 20}, flickr).argument == "mismatches"
    (flickr / "flickr/pictures/3.jpg").unlink()
    assert _raised(FLICKR, flickr).received == "1 files that do not exist: 3.jpg"
    index = flickr / "flickr/results.csv"
    lines = index.read_text().splitlines()
    index.write_text("\n".join([*lines[:86], "17.jpg"]))
    assert _raised(FLICKR, flickr).received == "line 87 of results.csv: '17.jpg'"
    (flickr / "flickr/results.token").write_text("0.jpg\tno number\n")
    assert "line 1 of results.token" in _raised({**FLICKR, "index": "results.token"}, flickr).received
    (flickr / "flickr/results.token").write_text("\n")
    assert "without a caption" in _raised({**FLICKR, "index": "results.token"}, flickr).received
    frame = pd.read_csv(flickr / "flickr/table.csv")
    frame.loc[4, "caption"] = None
    frame.to_csv(flickr / "flickr/table.csv", index=False)
    assert _raised({**FLICKR, "index": "table.csv"}, flickr).received == "no caption in row 4"


# --- Hateful Memes

MEMES = {"reader": "hateful_memes", "path": "memes", "modalities": {"image": SMALL, "text": "text"}}


def _meme(i: int, label: int | None = 0) -> dict:
    # ids with a leading zero are numbers in the json and five digits in the file names
    row = {"id": i, "img": f"img/{i:05d}.png", "text": f"text of {i}"}
    return row if label is None else {**row, "label": label}


def _lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def memes(tmp_path: Path) -> Path:
    folder = tmp_path / "memes"
    for i in range(20):
        _grey(folder / "img" / f"{i:05d}.png", 10 * i)
    _lines(folder / "train.jsonl", [_meme(i, i % 2) for i in range(10)])
    _lines(folder / "dev_seen.jsonl", [_meme(i, i % 2) for i in range(10, 14)])
    _lines(folder / "dev_unseen.jsonl", [_meme(i, i % 2) for i in range(11, 15)])
    _lines(folder / "test_seen.jsonl", [_meme(i, i % 2) for i in range(15, 20)])
    _lines(folder / "test.jsonl", [_meme(i, None) for i in range(15, 20)])
    return tmp_path


def test_memes_come_with_their_picture_text_and_label(memes: Path) -> None:
    assert check_source(MEMES) == []
    ds = read(MEMES, memes, name="a")
    wanted = [*range(14), *range(15, 20)]
    assert ds.samples["sample_id"].tolist() == [str(i) for i in wanted]
    np.testing.assert_array_equal(ds["image"][:, 2, 2, 0], [10 * i for i in wanted])
    assert list(ds["text"]) == [f"text of {i}" for i in wanted]
    np.testing.assert_array_equal(ds.labels(), [i % 2 for i in wanted])
    assert ds.spec.label().classes == ("benign", "hateful")
    assert ds.samples["split"].tolist() == ["train"] * 10 + ["valid"] * 4 + ["test"] * 5
    files = ds.spec.annotations["reading"]["files"]
    assert files == {"train": "train.jsonl", "valid": "dev_seen.jsonl", "test": "test_seen.jsonl"}


def test_named_files_unlabelled_test_and_new_parts(memes: Path) -> None:
    block = {**MEMES, "valid_file": "dev_unseen.jsonl", "test_file": "test.jsonl"}
    ds = read(block, memes, name="a")
    assert ds.samples["sample_id"].iloc[10] == "11"
    assert (ds.labels()[ds.rows("test")] == -1).all()
    assert ds.spec.annotations["reading"]["unlabelled"] == {"test": 5}
    grouped = read({**MEMES, "groups": "text", "split": [0.6, 0.2, 0.2]}, memes, name="a")
    assert grouped.groups is not None
    assert set(grouped.samples["split"]) == {"train", "valid", "test"}


def test_an_id_in_two_parts_is_refused(memes: Path) -> None:
    error = _raised({**MEMES, "test_file": "dev_unseen.jsonl"}, memes)
    assert error.received == "id 11 in valid and test, and 2 more"


@pytest.mark.parametrize(
    ("line", "argument", "part"),
    [
        ('{"id": 3, "img": "img/00003.png", "label": 0', "path", "line 11 of memes/train.jsonl, which breaks off"),
        ('{"id": 33, "label": 0, "text": "a"}', "path", "no img in line 11"),
        ('{"id": 33, "img": 4, "label": 0, "text": "a"}', "path", "img 4 in line 11"),
        ('{"id": 33, "img": "img/00003.png", "label": 2, "text": "a"}', "label", "2 in line 11"),
        ('{"id": 33, "img": "img/00003.png", "label": true, "text": "a"}', "label", "True in line 11"),
        ("[1]", "path", "a list in line 11"),
        ('{"id": 33, "img": "../x.png", "label": 1, "text": "a"}', "column img", "'../x.png'"),
        ('{"id": 33, "img": "img/00033.png", "label": 1, "text": "a"}', "column img", "img/00033.png"),
    ],
)
def test_a_wrong_line_is_named(line: str, argument: str, part: str, memes: Path) -> None:
    with (memes / "memes/train.jsonl").open("a") as file:
        file.write(line)
    error = _raised(MEMES, memes)
    assert error.argument == argument
    assert part in error.received


def test_missing_files_and_a_truncated_picture(memes: Path) -> None:
    assert _raised({**MEMES, "test_file": "tset.jsonl"}, memes).argument == "test_file"
    place = memes / "memes/img/00004.png"
    place.write_bytes(place.read_bytes()[:50])
    assert "00004.png" in _raised(MEMES, memes).received
    place.unlink()
    ds = read({**MEMES, "missing": "absent"}, memes, name="a")
    assert np.flatnonzero(~ds.presence("image")).tolist() == [4]
    (memes / "memes/train.jsonl").unlink()
    error = _raised(MEMES, memes)
    assert error.argument == "train_file"
    assert "dev_seen.jsonl" in error.allowed


# --- VQA-style tables

VQA = {"reader": "vqa", "path": "vqa", "index": "questions.csv", "modalities": {"image": SMALL, "question": "text"}}


@pytest.fixture
def vqa(tmp_path: Path) -> Path:
    folder = tmp_path / "vqa"
    for i in range(6):
        _grey(folder / f"{i}.png", 40 * i)
    # train: yes 4, no 3, two 1, red 1; "blue" is frequent in test only
    answers = {
        "train": ["yes", " Yes", "YES", "yes", "no", "no", "no", "two", "red"],
        "val": ["no", "red", None],
        "test": ["blue"] * 6 + ["yes", "two"],
    }
    rows = []
    for part, given in answers.items():
        for k, answer in enumerate(given):
            image = {"train": k % 3, "val": 3, "test": 4 + k % 2}[part]
            rows.append({"image": f"{image}.png", "question": f"{part} {k}?", "answer": answer, "part": part})
    pd.DataFrame(rows).to_csv(folder / "questions.csv", index=False)
    return tmp_path


def test_classes_are_the_most_frequent_answers_of_training(vqa: Path) -> None:
    block = {**VQA, "split": "part", "answers": 3}
    assert check_source(block) == []
    ds = read(block, vqa, name="a")
    assert ds.spec.label().classes == ("yes", "no", "red")  # red before two by name; blue is not of training
    reading = ds.spec.annotations["reading"]
    assert reading == {"classes": 3, "rows": 20, "dropped_with_a_rarer_answer": {"train": 1, "valid": 0, "test": 7}}
    assert len(ds) == 12
    assert ds["question"].tolist()[7:] == ["train 8?", "val 0?", "val 1?", "val 2?", "test 6?"]
    assert ds.samples["answer"].iloc[:5].tolist() == ["yes"] * 4 + ["no"]
    assert ds.labels().tolist()[7:] == [2, 1, 2, -1, 0]
    levels = [40 * (k % 3) for k in (0, 1, 2, 3, 4, 5, 6, 8)] + [120] * 3 + [160]
    np.testing.assert_array_equal(ds["image"][:, 0, 0, 0], levels)


def test_an_image_lies_in_one_part(vqa: Path) -> None:
    ds = read({**VQA, "answers": 2, "label": {"reply": "answer"}, "seed": 1}, vqa, name="a")
    assert ds.groups is not None
    assert all(ds.samples["split"][ds.groups == g].nunique() == 1 for g in set(ds.groups))
    assert "reply" in ds.samples


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"label": "anser"}, "label"),
        ({"label": ["answer", "part"]}, "label"),
        ({"split": "prt"}, "split"),
        ({"groups": "img"}, "groups"),
        (
            {"modalities": {"image": SMALL, "question": {"kind": "text", "column": "qestion"}}},
            "modalities.question.column",
        ),
        ({"modalities": {"image": {**SMALL, "channels": 2}, "question": "text"}}, "modalities.image.channels"),
        ({"index": "question.csv"}, "path"),
        ({"split": "part", "answers": 1}, "answers"),
    ],
)
def test_mistakes_in_a_vqa_block(change: dict, argument: str, vqa: Path) -> None:
    assert _raised({**VQA, **change}, vqa).argument == argument


def test_truncated_table_and_missing_images(vqa: Path) -> None:
    index = vqa / "vqa/questions.csv"
    pd.read_csv(index).to_parquet(vqa / "vqa/questions.parquet")
    whole = (vqa / "vqa/questions.parquet").read_bytes()
    (vqa / "vqa/questions.parquet").write_bytes(whole[: len(whole) // 2])
    assert "questions.parquet" in _raised({**VQA, "index": "questions.parquet"}, vqa).received
    (vqa / "vqa/3.png").unlink()
    assert _raised({**VQA, "split": "part"}, vqa).argument == "column image"
    ds = read({**VQA, "split": "part", "missing": "absent"}, vqa, name="a")
    np.testing.assert_array_equal(~ds.presence("image"), ds.samples["split"] == "valid")
