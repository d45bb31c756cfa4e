"""`interplay add`: what it guesses from small files, what it refuses, and that a block it writes runs to a report."""

from __future__ import annotations

import difflib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from projects import ROOT, interplay, toy_table

from flows.add import add_dataset, guess_source, insert_block
from mmcore.data.formats import check_source, read
from mmcore.errors import InputError
from tasks.parameters import ParametersError, load_parameters

SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def added(place: Path, file: str, **options) -> dict:
    """The source block that `add` writes; it must be valid and readable."""
    add_dataset(place, "mine", Path(file), **options)
    source = load_parameters(place).datasets["mine"].source
    assert check_source(source) == []
    read({"seed": 0, **source}, place, name="mine")
    return source


def save(place: Path, **arrays: np.ndarray) -> str:
    np.savez(place / "mine.npz", **arrays)
    return "mine.npz"


RNG = np.random.default_rng(0)
Y = np.arange(60) % 3


def test_every_other_line_of_the_file_stays(place):
    toy_table().to_csv(place / "moods.csv", index=False)
    before = (place / "params.yaml").read_text()
    add_dataset(place, "moods", Path("moods.csv"), label="mood")
    after = (place / "params.yaml").read_text()
    changes = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"]
    assert changes and all(line.startswith("+ ") for line in changes)
    assert sorted(yaml.safe_load(after)["datasets"]) == sorted([*yaml.safe_load(before)["datasets"], "moods"])


def test_dry_run_and_failure_write_nothing(place):
    toy_table().to_csv(place / "moods.csv", index=False)
    before = (place / "params.yaml").read_bytes()
    shown = add_dataset(place, "moods", Path("moods.csv"), label="mood", write=False)
    assert yaml.safe_load(shown.split("Read as")[0])["moods"]["source"]["groups"] == "person"
    with pytest.raises(InputError):
        add_dataset(place, "moods", Path("moods.csv"))
    assert (place / "params.yaml").read_bytes() == before


def test_table_roles_and_prefixes(place):
    toy_table().to_csv(place / "moods.csv", index=False)
    assert added(place, "moods.csv", label="mood") == {
        "reader": "table", "path": "moods.csv", "label": "mood", "groups": "person", "sample_id": "id",
        "modalities": {
            "voice": {"kind": "tabular", "columns": ["voice_pitch", "voice_rate"]},
            "face": {"kind": "tabular", "columns": ["face_smile"]},
        },
    }  # fmt: skip


def test_table_kinds_by_content(place):
    n = 200
    pd.DataFrame(
        {
            "score": RNG.normal(size=n) > 0,
            "age": [None if i % 7 == 0 else 20 + i % 40 for i in range(n)],
            "colour": np.array(["red", "blue", "green"])[np.arange(n) % 3],
            "tags": np.array(["war, love", "love", "crime, war"])[np.arange(n) % 3],
            "review": [f"it was {i} times too long" for i in range(n)],
            "row": np.arange(n),
            "code": [f"x{i}" for i in range(n)],
            "unit": ["cm"] * n,
            "nothing": [None] * n,
            "target": np.arange(n) % 2,
        }
    ).to_parquet(place / "mine.parquet")
    shown = add_dataset(place, "mine", Path("mine.parquet"), write=False)
    source = added(place, "mine.parquet")
    assert source["modalities"] == {
        "columns": {"kind": "tabular", "columns": ["score", "age"], "categories": ["colour"], "lists": ["tags"]},
        "review": {"kind": "text", "columns": ["review"]},
    }
    for left_out in ("row, code: an id", "unit: the same", "nothing: empty"):
        assert f"Not used: {left_out}" in shown


def test_a_column_that_gives_the_label_is_left_out_and_named(place):
    table = toy_table()
    table["voice_meter"] = np.where(table["mood"] == "good", 60, 0) + RNG.integers(0, 50, len(table))
    table.to_csv(place / "moods.csv", index=False)
    shown = add_dataset(place, "moods", Path("moods.csv"), label="mood")
    assert "Not used: voice_meter: a threshold on it gives the label exactly" in shown
    assert "voice_meter" not in str(load_parameters(place).datasets["moods"].source)


def test_a_name_alone_does_not_make_a_role(place):
    """A group that differs in every row, a split without training rows and an id that repeats are not what they say."""
    table = toy_table().rename(columns={"person": "id2", "id": "person"})
    table["split"] = np.arange(len(table)) % 2
    table["id"] = np.arange(len(table)) % 10
    table.to_csv(place / "moods.csv", index=False)
    assert not {"groups", "split", "sample_id"} & set(added(place, "moods.csv", label="mood"))


def test_label_with_a_name_that_cannot_be_stored(place):
    toy_table().rename(columns={"mood": "Mood (self)"}).to_csv(place / "moods.csv", index=False)
    assert added(place, "moods.csv", label="Mood (self)")["label"] == {"mood_self": "Mood (self)"}


def test_npz_short_and_long_form(place):
    file = save(place, force=RNG.normal(size=(60, 15, 3)), **{"Heart Rate": RNG.normal(size=(60, 4))}, y=Y)
    modalities = added(place, file)["modalities"]
    assert modalities == {"force": "timeseries", "heart_rate": {"key": "Heart Rate", "kind": "tabular"}}


def test_npz_images_text_classes_groups_ids(place):
    file = save(
        place, photo=RNG.integers(0, 255, (60, 12, 10), dtype=np.uint8), scan=RNG.random((60, 9, 9, 3)),
        note=np.array([f"a note {i}" for i in range(60)]), y=Y, classes=np.array(["a", "b", "c"]),
        subject=np.arange(60) // 6, sample_id=np.array([f"s{i}" for i in range(60)]), task=Y,
    )  # fmt: skip
    source = added(place, file)
    assert source["modalities"] == {"photo": "image", "scan": "image", "note": "text"}
    assert (source["classes"], source["groups"], source["sample_id"]) == ("classes", "subject", "sample_id")
    assert "where: {task: VALUE}" in add_dataset(place, "again", Path(file), write=False)


def test_npz_ragged(place):
    offsets = np.arange(61) * 5
    file = save(place, a_values=RNG.normal(size=(300, 2)), b_values=RNG.normal(size=300), offsets=offsets, label=Y)
    assert added(place, file)["modalities"] == {
        "a": {"values": "a_values", "offsets": "offsets", "kind": "timeseries"},
        "b": {"values": "b_values", "offsets": "offsets", "kind": "timeseries"},
    }


def test_npz_multilabel(place):
    file = save(place, a=RNG.normal(size=(60, 3)), b=RNG.normal(size=(60, 3)), labels=RNG.integers(0, 2, (60, 4)))
    assert added(place, file)["task"] == "multilabel"


def test_folder(place):
    from PIL import Image
    from scipy.io import wavfile

    folder = place / "clips"
    folder.mkdir()
    for i in range(30):
        Image.new("RGB", (16 + i % 2, 16)).save(folder / f"{i}.png")
        wavfile.write(folder / f"{i}.wav", 8000, np.zeros(80, dtype=np.int16))
    index = pd.DataFrame({"photo": [f"{i}.png" for i in range(30)], "file": [f"{i}.wav" for i in range(30)]})
    index.assign(label=np.arange(30) % 2, speaker=np.arange(30) % 5).to_csv(folder / "index.csv", index=False)
    source = added(place, "clips")
    assert source["modalities"] == {
        "photo": {"column": "photo", "kind": "image", "size": [64, 64]},
        "audio": {"column": "file", "kind": "audio"},
    }
    assert (source["index"], source["groups"]) == ("index.csv", "speaker")


def affect(n: int = 12) -> dict:
    part = {m: RNG.normal(size=(n, 5, 3)) for m in ("vision", "audio", "text")}
    return {
        name: {**part, "labels": np.tile([-1.5, 2.0], n // 2)[:, None, None], "id": [f"{name}{i}[0]" for i in range(n)]}
        for name in ("train", "valid", "test")
    }


def test_affect_pickle(place):
    (place / "mosi.pkl").write_bytes(pickle.dumps(affect()))
    assert added(place, "mosi.pkl") == {"reader": "affect", "path": "mosi.pkl", "groups": "video"}
    with pytest.raises(InputError, match="--label"):
        add_dataset(place, "again", Path("mosi.pkl"), label="y")


def test_affect_pickle_whose_modalities_have_steps_of_their_own(place):
    content = affect()
    for fields in content.values():
        fields["audio"] = RNG.normal(size=(12, 9, 2))
    (place / "mosi.pkl").write_bytes(pickle.dumps(content))
    assert added(place, "mosi.pkl")["aligned"] is False


def write_junk(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 no zip")


def write_objects(path: Path) -> None:
    np.savez(path, a=np.array([{}], dtype=object), y=Y)


@pytest.mark.parametrize(
    ("name", "write", "argument", "words"),
    [
        ("a.npz", write_junk, "--from", "broken"),
        ("a.npz", write_objects, "--from", "objects"),
        ("a.npz", lambda p: np.savez(p, a=np.ones((60, 2)), b=np.ones((60, 2))), "--label", "a, b"),
        ("a.npz", lambda p: np.savez(p, a=np.ones((50, 2)), y=Y), "--from", "60 rows"),
        ("a.npz", lambda p: np.savez(p, a=np.ones((60, 2)), y=Y), "--from", "two modalities"),
        ("a.npz", lambda p: np.savez(p, a=np.ones((60, 2)), y=np.int64(1)), "--label", "single value"),
        ("a.csv", lambda p: p.write_text(""), "path", "broken"),
        ("a.csv", lambda p: p.write_text("x,z\n1,2\n"), "--label", "x, z"),
        ("a.csv", lambda p: p.write_text("x,y\n" + "1,0\n2,1\n" * 20), "--from", "two modalities"),
        ("a.csv", lambda p: p.write_text("y\n" + "0\n1\n" * 20), "--from", "columns besides the label"),
        ("a.pkl", lambda p: p.write_bytes(pickle.dumps({"train": Path()})), None, "pathlib"),
        ("a.pkl", lambda p: p.write_bytes(b"\x80\x04"), None, "a.pkl"),
        ("a.json", lambda p: p.write_text("{}"), "--from", ".npz"),
        ("folder", lambda p: p.mkdir(), "--from", "0 tables"),
        ("missing.npz", lambda p: None, "--from", "no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_says_what_to_choose(place, name, write, argument, words):
    write(place / name)
    before = (place / "params.yaml").read_bytes()
    with pytest.raises(InputError) as caught:
        add_dataset(place, "mine", Path(name))
    assert argument in (None, caught.value.argument) and words in str(caught.value) and caught.value.remedy
    assert (place / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["planted", "Mine", "1st", "my data"])
def test_names_that_cannot_be(place, name):
    toy_table().to_csv(place / "moods.csv", index=False)
    with pytest.raises(InputError) as caught:
        add_dataset(place, name, Path("moods.csv"), label="mood")
    assert caught.value.argument == "name"


def test_without_a_project(tmp_path):
    with pytest.raises(ParametersError, match="project's root"):
        add_dataset(tmp_path, "mine", Path("moods.csv"))


def test_insertion_keeps_comments_indentation_and_a_missing_last_newline():
    text = "seed: 1\ndatasets:   # mine\n    a:\n        source: {}   # first\n    # a last word"
    made = insert_block(text, "b", {"source": {"label": "y"}})
    assert made == (
        "seed: 1\ndatasets:   # mine\n    a:\n        source: {}   # first\n"
        "    b:\n      source:\n        label: y\n    # a last word"
    )
    with pytest.raises(InputError):
        insert_block("datasets: {a: {}}\n", "b", {"source": {}})


def test_added_dataset_runs_to_a_report(toy_project):
    project = toy_project()
    shutil.copy(project / "mine" / "moods.csv", project / "mine" / "again.csv")
    interplay(project, "add", "again", "--from", "mine/again.csv", "--label", "mood")
    interplay(project, "run", "--dataset", "again")
    assert (project / "reports" / "again" / "index.html").is_file()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data are not here")
@pytest.mark.parametrize(
    ("file", "label", "expected"),
    [
        ("robot_failures/robot_failures.npz", None, {"force": "timeseries", "torque": "timeseries"}),
        ("mfeat/mfeat.npz", None, dict.fromkeys(("fou", "fac", "kar", "pix", "zer", "mor"), "tabular")),
        ("mosi/mosi_features.npz", None, dict.fromkeys(("audio", "video", "text_cnn", "text_minilm"), "tabular")),
        ("stress_predict/stress_predict_30s.npz", None,
         {"acc": "timeseries", **dict.fromkeys(("bvp", "eda", "temp", "hr", "ibi"), "tabular")}),
        ("movies_wikidata/movies.parquet", "fresh", None),
    ],
)  # fmt: skip
def test_real_files(place, file, label, expected):
    (place / "data").symlink_to(SHARED)
    shown = add_dataset(place, "mine", Path("data", file), label=label)
    source = load_parameters(place).datasets["mine"].source
    assert check_source(source) == [] and "Read as" in shown
    if expected:
        assert source["modalities"] == expected
    else:
        assert "rt_meter: a threshold" in shown
        assert {"Genre", "Country"} <= set(source["modalities"]["columns"]["lists"])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data are not here")
def test_real_files_without_a_label_name_the_choices(place):
    with pytest.raises(InputError, match="rt_meter") as caught:
        guess_source(SHARED, Path("movies_wikidata/movies.parquet"), None)
    assert caught.value.argument == "--label"
