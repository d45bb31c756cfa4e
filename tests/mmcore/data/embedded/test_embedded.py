"""The embedded sets hold what their sources hold; a carrier that is missing, old or altered is refused."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmcore.data import embedded as package
from mmcore.data.embedded import EMBEDDED, extract
from mmcore.data.embedded.__main__ import main
from mmcore.data.embedded.carriers import find_carrier, is_installed
from mmcore.data.formats import read
from mmcore.errors import InputError

CARRIERS = {embedded.name: embedded.carrier for embedded in EMBEDDED}
needs = {
    name: pytest.mark.skipif(not is_installed(carrier), reason=f"{carrier.package} is not installed")
    for name, carrier in CARRIERS.items()
}
SMARTWATCH = {
    "reader": "npz",
    "path": "smartwatch/recordings.npz",
    "label": "exercise",
    "groups": "person",
    "folds": 5,
    "modalities": {
        "accelerometer": {"kind": "timeseries", "values": "accelerometer_values", "offsets": "offsets", "rate": 50},
        "gyroscope": {"kind": "timeseries", "values": "gyroscope_values", "offsets": "offsets", "rate": 50},
    },
}
MOVIES = {
    "reader": "table",
    "path": "movies/movies.parquet",
    "label": "fresh",
    "groups": "imdbID",
    "modalities": {
        "people": {"kind": "text", "columns": ["Director", "Writer", "Cast"], "max_characters": 400},
        "content": {"kind": "tabular", "columns": ["Runtime", "Year"], "lists": ["Genre"], "max_categories": 20},
        "critic": {"kind": "tabular", "columns": ["Metacritic"]},
        "market": {"kind": "tabular", "columns": ["BoxOffice"], "lists": ["Production"], "log": ["BoxOffice"]},
    },
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name, carrier in CARRIERS.items():
        if is_installed(carrier):
            extract(name, folder)
    return folder


@needs["smartwatch"]
def test_smartwatch_counts(raw: Path) -> None:
    ds = read(SMARTWATCH, raw, name="smartwatch")
    assert len(ds) == 140
    lengths = np.diff(ds["accelerometer"].offsets)
    assert int((lengths // 100).sum()) == 2369  # windows of 2 s at 50 Hz
    assert np.bincount(ds.labels()).tolist() == [20] * 7
    assert ds.groups is not None
    assert sorted(set(ds.groups)) == [f"person {i:02d}" for i in range(1, 11)]
    assert all(len(set(ds.folds[ds.groups == g])) == 1 for g in set(ds.groups))
    assert np.bincount(ds.folds).tolist() == [28] * 5


@needs["smartwatch"]
def test_smartwatch_holds_what_numpy_reads_with_pickle(raw: Path) -> None:
    content = np.load(find_carrier(CARRIERS["smartwatch"]), allow_pickle=True).item()
    ds = read(SMARTWATCH, raw, name="smartwatch")
    for i in range(140):
        assert content["X_labels"] == ["ax", "ay", "az", "wx", "wy", "wz"]
        np.testing.assert_allclose(ds["accelerometer"][i], content["X"][i][:, :3], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(ds["gyroscope"][i], content["X"][i][:, 3:], rtol=1e-6, atol=1e-7)
        assert ds.samples["exercise"][i] == content["y_labels"][content["y"][i]]
        assert ds.groups[i] == f"person {content['subject'][i]:02d}"
    # a wrist at rest feels 1 g: the accelerometer is the first three axes, in g
    assert 0.9 < np.median(np.linalg.norm(ds["accelerometer"].values, axis=1)) < 1.2


@needs["movies"]
def test_movies_counts_and_missing_rates(raw: Path) -> None:
    frame = pd.read_parquet(raw / "movies" / "movies.parquet")
    assert len(frame) == 17_453
    assert round((frame["fresh"] == "fresh").mean(), 2) == 0.58
    missing = {"mpaa": 85, "Metacritic": 61, "BoxOffice": 84, "Awards": 88, "Production": 48, "Writer": 21}
    missing |= {"Cast": 10, "Runtime": 7}
    assert {column: round(100 * frame[column].isna().mean()) for column in missing} == missing
    assert int(frame["imdbID"].duplicated().sum()) == 2
    forbidden = {"Meter", "rt_meter", "rt_rating", "Fresh", "Rotten", "userMeter", "userRating", "Consensus"}
    assert not forbidden & set(frame.columns)


@needs["movies"]
def test_movies_through_the_reader(raw: Path) -> None:
    ds = read(MOVIES, raw, name="movies")
    assert ds.modalities == ("people", "content", "critic", "market")
    assert round(float(ds.presence("critic").mean()), 2) == 0.39
    shares = ds.samples["split"].value_counts(normalize=True)
    assert 0.65 < shares["train"] < 0.75
    films = pd.DataFrame({"group": ds.groups, "split": ds.samples["split"]})
    assert films.groupby("group")["split"].nunique().max() == 1


@needs["movies"]
def test_movies_label_is_the_meter(raw: Path) -> None:
    shared = Path(__file__).resolve().parents[5] / "shared/data/movies_wikidata/movies.parquet"
    if not shared.is_file():
        pytest.skip("no shared data beside this checkout")
    ours, theirs = pd.read_parquet(raw / "movies" / "movies.parquet"), pd.read_parquet(shared)
    np.testing.assert_array_equal(ours["fresh"] == "fresh", theirs["rt_meter"] >= 60)
    for column in ours.columns.drop("fresh"):
        assert ours[column].equals(theirs[column].astype(ours[column].dtype)), column


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs[name]) for name in CARRIERS])
def test_files_are_the_same_bytes_each_time_and_written_once(name: str, raw: Path, tmp_path: Path) -> None:
    first = extract(name, tmp_path)
    assert first.written
    assert first.path.read_bytes() == (raw / name / first.path.name).read_bytes()
    before = first.path.stat().st_mtime_ns
    second = extract(name, tmp_path)
    assert not second.written
    assert "up to date" in str(second)
    assert first.path.stat().st_mtime_ns == before
    assert sorted(p.name for p in first.path.parent.iterdir()) == sorted(["carrier.json", first.path.name])
    first.path.write_bytes(b"half")
    assert extract(name, tmp_path).written
    assert first.path.read_bytes() == (raw / name / first.path.name).read_bytes()


@needs["smartwatch"]
@needs["movies"]
def test_the_command_extracts_all_without_importing_the_carriers(tmp_path: Path) -> None:
    program = (
        "import sys; from mmcore.data.embedded.__main__ import main; code = main(['--to', sys.argv[1]]);"
        "print(sorted({'seglearn', 'bokeh_sampledata', 'bokeh'} & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "movies" / "movies.parquet").is_file()
    assert (tmp_path / "smartwatch" / "recordings.npz").is_file()


class _Distribution:
    def __init__(self, version: str, root: Path) -> None:
        self.version, self.root = version, root

    def locate_file(self, name: str) -> Path:
        return self.root / name


def _installed(monkeypatch: pytest.MonkeyPatch, version: str, root: Path) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: _Distribution(version, root))


def test_a_carrier_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(InputError) as raised:
        extract("movies", tmp_path)
    assert raised.value.received == "nothing installed"
    assert "bokeh_sampledata>=2026.1" in raised.value.remedy
    assert main(["movies", "--to", str(tmp_path)]) == 1
    assert "nothing installed" in capsys.readouterr().err


def test_films_of_older_versions_are_refused_for_their_licence(monkeypatch, tmp_path: Path) -> None:
    _installed(monkeypatch, "2025.12", tmp_path)
    with pytest.raises(InputError) as raised:
        extract("movies", tmp_path)
    assert "2025.12" in raised.value.received
    assert "non-commercial" in raised.value.received
    assert not (tmp_path / "movies").exists()


def test_an_altered_carrier_is_refused_and_the_old_file_stays(monkeypatch, tmp_path: Path) -> None:
    carrier = tmp_path / CARRIERS["movies"].file
    carrier.parent.mkdir(parents=True)
    (tmp_path / "movies").mkdir()
    (tmp_path / "movies" / "movies.parquet").write_bytes(b"old")
    _installed(monkeypatch, "2026.1", tmp_path)
    with pytest.raises(InputError, match=r"without bokeh_sampledata/_data/movies\.db"):
        extract("movies", tmp_path)
    carrier.write_bytes(b"not the database")
    with pytest.raises(InputError, match="sha256"):
        extract("movies", tmp_path)
    assert (tmp_path / "movies" / "movies.parquet").read_bytes() == b"old"


def test_a_broken_database_is_an_input_error(monkeypatch, tmp_path: Path) -> None:
    place = tmp_path / "movies.db"
    place.write_bytes(b"SQLite format 3\0" + b"x" * 200)
    movies = next(embedded for embedded in EMBEDDED if embedded.name == "movies")
    with pytest.raises(InputError, match=r"movies\.db"):
        movies.write(place, tmp_path)
    assert not (tmp_path / "movies.parquet").exists()


def test_another_layout_of_the_watch_pickle_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array({"X_labels": ["ay", "ax", "az", "wx", "wy", "wz"]}, dtype=object))
    smartwatch = next(embedded for embedded in EMBEDDED if embedded.name == "smartwatch")
    with pytest.raises(InputError) as raised:
        smartwatch.write(tmp_path / "a.npy", tmp_path)
    assert raised.value.argument == "X_labels"


def test_a_new_form_is_written_anew(monkeypatch, tmp_path: Path) -> None:
    def write(carrier: Path, target: Path) -> None:
        (target / "a.bin").write_bytes(carrier.read_bytes())

    (tmp_path / "c.bin").write_bytes(b"content")
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    made = dataclasses.replace(EMBEDDED[0], name="made", file="a.bin", write=write)
    made = dataclasses.replace(made, carrier=dataclasses.replace(made.carrier, file="c.bin", sha256=digest))
    monkeypatch.setattr(package, "EMBEDDED", (made,))
    _installed(monkeypatch, "9.0", tmp_path)
    assert [extract("made", tmp_path).written for _ in range(2)] == [True, False]
    monkeypatch.setattr(package, "FORM", package.FORM + 1)
    assert extract("made", tmp_path).written
