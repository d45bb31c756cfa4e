"""A table's columns become modalities; its faulty rows are named, all of them together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmcore.data.formats import read, table_problems
from mmcore.data.formats.table import read_frame, table_modality
from mmcore.errors import InputError

N = 40
FRAME = pd.DataFrame(
    {
        "id": [f"{i:03d}" for i in range(N)],
        "y": [i % 2 for i in range(N)],
        "who": ["Ann" if i % 3 else None for i in range(N)],
        "also": [f"None, B{i}" if i % 2 else None for i in range(N)],
        "m_price": [float(i) if i % 4 else None for i in range(N)],
        "m_size": [i / 10 if i % 8 else None for i in range(N)],
        "colour": [["red", "blue", None][i % 3] for i in range(N)],
        "tags": [["a, b", "b", "", "c,a"][i % 4] for i in range(N)],
        "film": [f"f{i // 2}" for i in range(N)],
        "part": [["train", "valid", "test"][i // 2 % 3] for i in range(N)],
    }
)
BLOCK = {
    "reader": "table",
    "label": "y",
    "modalities": {
        "people": {"kind": "text", "columns": ["who", "also"], "separator": " / "},
        "market": {"kind": "tabular", "prefix": "m_"},
    },
}


def _write(frame: pd.DataFrame, folder: Path, ending: str) -> dict:
    path = folder / f"a.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    return {**BLOCK, "path": path.name}


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_values_texts_and_absence(ending: str, tmp_path: Path) -> None:
    ds = read({**_write(FRAME, tmp_path, ending), "sample_id": "id", "groups": "film"}, tmp_path, name="a")
    assert list(ds.samples["sample_id"][:2]) == ["000", "001"]
    np.testing.assert_array_equal(ds.presence("market"), [i % 8 != 0 for i in range(N)])
    rows = ds.presence("market")
    np.testing.assert_allclose(ds["market"][rows], FRAME[["m_price", "m_size"]].to_numpy(dtype=np.float32)[rows])
    assert np.isnan(ds["market"][4, 0])
    assert ds.spec.annotations["columns"]["market"] == ["m_price", "m_size"]
    assert list(ds["people"][:4]) == ["", "Ann / None, B1", "Ann", "None, B3"]
    np.testing.assert_array_equal(ds.presence("people"), [bool(i % 3 or i % 2) for i in range(N)])
    np.testing.assert_array_equal(ds.labels(), FRAME["y"])
    assert ds.groups is not None
    assert ds.groups[3] == "f1"


def test_csv_and_parquet_of_the_same_table_are_the_same_dataset(tmp_path: Path) -> None:
    first = read(_write(FRAME, tmp_path, "csv"), tmp_path, name="a")
    second = read(_write(FRAME, tmp_path, "parquet"), tmp_path, name="a")
    assert first.samples.equals(second.samples)
    for modality in first.modalities:
        np.testing.assert_array_equal(first[modality], second[modality])


def test_one_hot_and_multi_hot() -> None:
    block = {"kind": "tabular", "columns": ["m_size"], "categories": ["colour"], "lists": ["tags"], "log": ["m_size"]}
    modality = table_modality(FRAME, block, np.ones(N, dtype=bool))
    names = [
        "log(1 + m_size)",
        "colour: blue",
        "colour: red",
        "colour: other",
        "tags: a",
        "tags: b",
        "tags: c",
        "tags: other",
    ]
    assert list(modality.columns) == names
    values = pd.DataFrame(modality.array, columns=names)
    np.testing.assert_array_equal(values["colour: red"], FRAME["colour"] == "red")
    np.testing.assert_array_equal(values["tags: a"], [i % 4 in (0, 3) for i in range(N)])
    np.testing.assert_array_equal(values["tags: c"], [i % 4 == 3 for i in range(N)])
    assert not values[["colour: other", "tags: other"]].to_numpy().any()
    assert np.isnan(values["log(1 + m_size)"][0])
    np.testing.assert_allclose(values["log(1 + m_size)"][1], np.log(1.1), rtol=1e-6)


def test_vocabularies_know_the_train_rows_only() -> None:
    train = np.array([i % 4 == 1 for i in range(N)])  # their only tag is b
    modality = table_modality(FRAME, {"kind": "tabular", "lists": ["tags"]}, train)
    assert list(modality.columns) == ["tags: b", "tags: other"]
    np.testing.assert_array_equal(modality.array[:4], [[1, 1], [1, 0], [0, 0], [0, 1]])
    few = table_modality(FRAME, {"kind": "tabular", "lists": ["tags"], "max_categories": 1}, np.ones(N, dtype=bool))
    assert list(few.columns) == ["tags: a", "tags: other"]  # a and b are as frequent; ties by name


def test_presence_columns_and_series() -> None:
    block = {"kind": "tabular", "columns": ["y", "m_price"], "presence": ["m_price"]}
    modality = table_modality(FRAME, block, np.ones(N, dtype=bool))
    np.testing.assert_array_equal(modality.present, [i % 4 != 0 for i in range(N)])
    series = table_modality(FRAME, {"kind": "timeseries", "prefix": "m_"}, np.ones(N, dtype=bool))
    assert series.array.shape == (N, 2, 1)


def test_max_characters() -> None:
    modality = table_modality(FRAME, {"kind": "text", "columns": ["also"], "max_characters": 4}, np.ones(N, dtype=bool))
    assert set(modality.array) == {"", "None"}


def test_words_for_null_are_null_in_numbers_and_labels_only(tmp_path: Path) -> None:
    frame = FRAME.astype(object)
    frame.loc[1, "m_price"], frame.loc[2, "y"], frame.loc[1, "who"] = "NA", "NaN", "NA"
    ds = read(_write(frame, tmp_path, "csv"), tmp_path, name="a")
    assert np.isnan(ds["market"][1, 0])
    assert ds.labels()[2] == -1
    assert ds["people"][1].startswith("NA / ")


def _spoiled() -> pd.DataFrame:
    frame = FRAME.astype(object)
    frame.loc[3, "id"] = "002"
    frame.loc[4, "id"] = None
    frame.loc[5, "y"] = 7
    frame.loc[6, "part"] = "tset"
    frame.loc[9, "part"] = "train"
    frame.loc[10, "film"] = None
    frame.loc[11, "m_price"] = "high"
    frame.loc[12, "m_size"] = -1
    return frame


def _full(block: dict) -> dict:
    modalities = {**BLOCK["modalities"], "market": {"kind": "tabular", "prefix": "m_", "log": ["m_size"]}}
    wanted = {"sample_id": "id", "groups": "film", "split": "part", "classes": [0, 1]}
    return {**block, **wanted, "modalities": modalities}


def test_every_faulty_row_is_found() -> None:
    found = table_problems(_spoiled(), _full(BLOCK))
    assert list(found.columns) == ["sample_id", "column", "value", "problem"]
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("row 4", "id", "", "no id"),
        ("002", "id", "002", "id used 2 times"),
        ("005", "y", "7", "not one of the classes 0, 1"),
        ("006", "part", "tset", "neither train, valid nor test"),
        ("008", "part", "valid", "film 'f4' lies in train, valid"),
        ("010", "film", "", "no group"),
        ("011", "m_price", "high", "not a number"),
        ("012", "m_size", "-1", "below 0 in a column read as log(1 + x)"),
    ]


def test_a_sound_table_has_no_problem() -> None:
    assert table_problems(FRAME, _full(BLOCK)).empty


def test_the_reader_names_all_problems_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read(_full(_write(_spoiled(), tmp_path, "csv")), tmp_path, name="a")
    error = raised.value
    assert error.argument == "rows"
    assert error.received.startswith("8 problems: ")
    assert "id used 2 times" in error.received
    assert "a.csv" in error.remedy


@pytest.mark.parametrize(
    ("spoil", "argument", "received", "allowed"),
    [
        ((3, "id", "002"), "sample_id", "id used 2 times", "each id once"),
        ((5, "y", 7), "label", "not one of the classes 0, 1", "labels that the task"),
        ((9, "part", "train"), "split", "film 'f4' lies in train, valid", "each group in one of them"),
        ((10, "film", None), "groups", "no group", "a group for every row"),
        ((11, "m_price", "high"), "column m_price", "'011' m_price=high", "rows without"),
    ],
)
def test_one_kind_of_problem_names_its_option(spoil, argument, received, allowed, tmp_path: Path) -> None:
    frame = FRAME.astype(object)
    frame.loc[spoil[0], spoil[1]] = spoil[2]
    with pytest.raises(InputError) as raised:
        read(_full(_write(frame, tmp_path, "csv")), tmp_path, name="a")
    assert raised.value.argument == argument
    assert received in raised.value.received
    assert allowed in raised.value.allowed


@pytest.mark.parametrize(
    ("change", "argument", "part"),
    [
        ({"label": "yy"}, "label", "Did you mean 'y'?"),
        ({"groups": "flim"}, "groups", "Did you mean 'film'?"),
        ({"modalities": {"m": {"kind": "tabular", "columns": ["m_prize"]}}}, "modalities.m.columns", "'m_price'"),
        ({"modalities": {"m": {"kind": "tabular", "prefix": "x_"}}}, "modalities.m", "Name columns"),
        ({"modalities": {"m": {"kind": "tabular", "columns": ["m_price", "y"]}}}, "modalities.m", "answers itself"),
        ({"modalities": {"m": {"kind": "tabular", "prefix": "y"}}}, "modalities.m", "answers itself"),
        ({"where": {"y": 5}}, "where.y", "Name values that occur."),
    ],
)
def test_mistakes_in_the_block_are_named(change: dict, argument: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read({**_write(FRAME, tmp_path, "csv"), **change}, tmp_path, name="a")
    assert raised.value.argument == argument
    assert part in raised.value.remedy


def test_rows_outside_where_need_not_be_sound(tmp_path: Path) -> None:
    frame = _spoiled()
    frame["good"] = [int(i > 12) for i in range(N)]
    ds = read({**_full(_write(frame, tmp_path, "csv")), "where": {"good": 1}}, tmp_path, name="a")
    assert len(ds) == N - 13


def test_codes_get_their_class_names(tmp_path: Path) -> None:
    ds = read({**_write(FRAME, tmp_path, "csv"), "classes": ["stale", "fresh"]}, tmp_path, name="a")
    assert list(ds.samples["y"][:2]) == ["stale", "fresh"]


def test_several_columns_are_one_multilabel(tmp_path: Path) -> None:
    frame = FRAME.assign(x=[int(i % 3 == 0) for i in range(N)])
    ds = read({**_write(frame, tmp_path, "csv"), "label": ["y", "x"], "task": "multilabel"}, tmp_path, name="a")
    np.testing.assert_array_equal(ds.labels(), frame[["y", "x"]])
    assert ds.spec.label().classes == ("y", "x")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_broken_table_says_so(ending: str, tmp_path: Path) -> None:
    block = _write(FRAME, tmp_path, ending)
    path = tmp_path / block["path"]
    path.write_bytes(b"" if ending == "csv" else path.read_bytes()[:100])
    with pytest.raises(InputError) as raised:
        read(block, tmp_path, name="a")
    assert raised.value.argument == "path"
    assert path.name in raised.value.received


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"\.parquet"):
        read_frame(tmp_path / "a.xlsx", "a.xlsx")
    (tmp_path / "a.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="broken"):
        read_frame(tmp_path / "a.csv", "a.csv")
    (tmp_path / "b.csv").write_text("a,b\n1,2,3\n4,5\n1,2,3,4\n")
    with pytest.raises(InputError, match="broken"):
        read_frame(tmp_path / "b.csv", "b.csv")
    (tmp_path / "c.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="without a row"):
        read_frame(tmp_path / "c.csv", "c.csv")
    (tmp_path / "d.csv").write_text("a,b\n1,2,3\n4,5,6\n")
    with pytest.raises(InputError, match="more cells"):
        read_frame(tmp_path / "d.csv", "d.csv")
