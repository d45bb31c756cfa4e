"""The table of readers, and the problems of a source block that need no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.data.formats import READERS, TYPES, check_source, find_reader, read
from mmcore.data.formats.files import inside
from mmcore.errors import InputError

SOUND = {
    "npz": {"path": "a.npz", "label": "y", "modalities": {"force": "timeseries", "torque": {"kind": "timeseries"}}},
    "table": {"path": "a.csv", "label": ["y", "z"], "modalities": {"m": {"kind": "tabular", "prefix": "m_"}}},
    "folders": {"path": "d", "index": "i.csv", "modalities": {"p": {"kind": "image", "column": "f", "size": [8, 8]}}},
    "affect": {"path": "mosi.pkl", "task": "classification"},
    "mult": {"path": "iemocap_data.pkl", "padding": "keep", "task": "multilabel"},
    "mimic": {"path": "im.pk", "target": "icd9", "icd9_group": 7, "split": "published"},
    "avmnist": {"path": "avmnist", "n_valid": 100, "modalities": {"audio": "image"}},
    "enrico": {"path": "enrico", "modalities": {"screenshot": {"kind": "image", "size": [64, 32]}}},
    "mmimdb": {"path": "multimodal_imdb.hdf5", "modalities": {"text": "embedding", "image": "image"}},
    "push": {"path": "push", "target_steps": "all", "split": [0.6, 0.2, 0.2]},
    "vision_touch": {"path": "triangle", "every": 2, "groups": "run", "target": "end_effector"},
    "stocks": {"path": "prices.csv", "target": "MCD", "modalities": {"food": {"symbols": ["MCD", "YUM"]}}},
    "kinetics": {"path": "kinetics_small", "modalities": {"video": {"kind": "timeseries", "frames": 8}}, "folds": 5},
    "clotho": {"path": "clotho", "captions": 1, "mismatches": 2, "pool": 10, "valid_share": 0.1},
    "cifar_esc": {"path": "fulldata.pt", "split": [0.6, 0.2, 0.2], "overlap": "keep"},
    "hateful_memes": {"path": "memes", "modalities": {"image": {"kind": "image", "size": [8, 8]}, "text": "text"}},
    "flickr30k": {"path": "flickr30k", "index": "results.csv", "captions": 1, "split": "part"},
    "vqa": {"path": "vqa", "index": "questions.csv", "label": "answer", "answers": 10, "groups": "image"},
    "planted": {"n_samples": 100, "noise": {"copy": 0.1, "xor": 0.2}, "seed": 3},
}


def test_every_reader_is_named_once_and_every_option_has_a_type_and_help() -> None:
    names = [reader.name for reader in READERS]
    assert sorted(names) == sorted(SOUND)
    for reader in READERS:
        options = [option.name for option in reader.options]
        assert len(set(options)) == len(options)
        for option in (*reader.options, *reader.modality_options):
            assert option.type in TYPES
            assert option.help


@pytest.mark.parametrize("reader", SOUND)
def test_a_sound_block_has_no_problem_and_needs_no_file(reader: str) -> None:
    assert check_source({"reader": reader, **SOUND[reader]}) == []


def _only(source: dict) -> InputError:
    problems = check_source(source)
    assert len(problems) == 1, [str(p) for p in problems]
    return problems[0]


def test_unknown_reader_and_none() -> None:
    error = _only({"reader": "npzz", "path": "a"})
    assert (error.argument, error.received, error.remedy) == ("reader", "'npzz'", "Did you mean 'npz'?")
    assert "folders" in error.allowed
    assert _only({"path": "a"}).argument == "reader"
    assert _only({"reader": ["npz"]}).argument == "reader"


@pytest.mark.parametrize(
    ("change", "argument", "remedy"),
    [
        ({"lable": "y"}, "lable", "Did you mean 'label'?"),
        ({"task": "clasification"}, "task", "Did you mean 'classification'?"),
        ({"modalities": {"force": "timeserie"}}, "modalities.force", "Did you mean 'timeseries'?"),
        ({"modalities": {"force": {"kind": "imag"}}}, "modalities.force.kind", "Did you mean 'image'?"),
        ({"modalities": {"force": {"kind": "image", "rat": 3}}}, "modalities.force.rat", "Did you mean 'rate'?"),
        ({"folds": 1}, "folds", None),
        ({"folds": True}, "folds", None),
        ({"split": [0.5, 0.5, 0.5]}, "split", None),
        ({"seed": -1}, "seed", None),
        ({"where": {"task": None}}, "where", None),
        ({"modalities": {}}, "modalities", None),
        ({"modalities": ["force"]}, "modalities", None),
        ({"modalities": {"Force": "image"}}, "modalities.Force", "Rename it, e.g. to 'force'."),
        ({"modalities": {"force": {"rate": 3}}}, "modalities.force.kind", None),
        ({"modalities": {"force": {"kind": "audio", "rate": "8k"}}}, "modalities.force.rate", None),
        ({"label": "Fresh"}, "label", "Write 'label: {label: Fresh}' to store it under another name."),
        ({"label": 3}, "label", None),
        ({"path": ""}, "path", None),
    ],
)
def test_one_mistake_is_one_problem(change: dict, argument: str, remedy: str | None) -> None:
    error = _only({"reader": "npz", **SOUND["npz"], **change})
    assert error.argument == argument
    assert remedy is None or error.remedy == remedy


def test_all_mistakes_come_together() -> None:
    block = {
        "reader": "table",
        "pth": "a.csv",
        "task": "x",
        "folds": 0,
        "modalities": {"m": {"kind": "image", "colums": []}},
    }
    found = {problem.argument for problem in check_source(block)}
    assert found == {"pth", "path", "task", "folds", "modalities.m.kind", "modalities.m.colums"}


def test_a_kind_the_reader_cannot_read_names_those_it_can() -> None:
    error = _only({"reader": "table", **SOUND["table"], "modalities": {"m": {"kind": "image", "columns": ["a"]}}})
    assert error.argument == "modalities.m.kind"
    assert "tabular" in error.allowed


def test_a_label_by_another_name_is_accepted() -> None:
    assert check_source({"reader": "npz", **SOUND["npz"], "label": {"fresh": "Fresh"}}) == []


@pytest.mark.parametrize("reader", ["npz", "table", "folders", "affect"])
def test_a_missing_file_names_its_neighbours(reader: str, tmp_path: Path) -> None:
    (tmp_path / "recordings.npz").write_bytes(b"")
    block = {"reader": reader, **SOUND[reader], "path": "recording.npz"}
    with pytest.raises(InputError) as raised:
        read(block, tmp_path, name="a")
    assert raised.value.argument == "path"
    assert "recording.npz" in raised.value.received
    assert "recordings.npz" in raised.value.allowed
    assert raised.value.remedy == "Did you mean 'recordings.npz'?"


def test_a_missing_folder_is_named_from_the_first_that_exists(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError) as raised:
        read({"reader": "npz", **SOUND["npz"], "path": "dat/raw/a.npz"}, tmp_path, name="a")
    assert raised.value.remedy == "Did you mean 'data'?"
    with pytest.raises(InputError, match=r"mmcore\.data\.embedded"):
        read({"reader": "npz", **SOUND["npz"], "path": "data/raw/movies/a.npz"}, tmp_path, name="a")


def test_read_refuses_a_block_with_problems(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lable"):
        read({"reader": "npz", **SOUND["npz"], "lable": "y"}, tmp_path, name="a")


@pytest.mark.parametrize("item", ["../a.png", "/etc/passwd", "a/../../b", "C:\\a.png", "..\\a.png", "", "a\0b"])
def test_paths_of_an_index_stay_inside(item: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        inside(tmp_path, item, "file")


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(outside)
    with pytest.raises(InputError):
        inside(tmp_path / "in", "link/a.png", "file")
    assert inside(tmp_path / "in", "b/a.png", "file") == tmp_path / "in" / "b" / "a.png"


def test_find_reader() -> None:
    assert find_reader("npz").function.__name__ == "read_npz"
    with pytest.raises(InputError):
        find_reader("hdf5")
