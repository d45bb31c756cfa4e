"""Real datasets outside the project come in through the generic readers with a few lines of YAML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from mmcore.data.formats import check_source, read

ROOT = Path(__file__).resolve().parents[4]
SHARED = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside this checkout")

ROBOT_FAILURES = """\
reader: npz
path: ../shared/data/robot_failures/robot_failures.npz
modalities: {force: timeseries, torque: timeseries}
label: y
classes: classes
where: {task: 1}
folds: 5
"""
MFEAT = """\
reader: npz
path: ../shared/data/mfeat/mfeat.npz
modalities: {fou: tabular, fac: tabular, kar: tabular, pix: tabular, zer: tabular, mor: tabular}
label: y
folds: 5
"""
STRESS = """\
reader: npz
path: ../shared/data/stress_predict/stress_predict_30s.npz
modalities:
  bvp: {kind: timeseries, rate: 64}
  eda: {kind: timeseries, rate: 4, unit: microsiemens}
  ibi: {kind: timeseries, unit: s}
label: y
classes: [rest, stress]
groups: subject
"""
MOVIES = """\
reader: table
path: ../shared/data/movies_wikidata/movies.parquet
label: fresh
groups: imdbID
modalities:
  people: {kind: text, columns: [Director, Writer], max_characters: 100}
  critic: {kind: tabular, columns: [Metacritic]}
"""


def _read(text: str, name: str):
    source = yaml.safe_load(text)
    assert len(text.splitlines()) <= 10
    assert check_source(source) == []
    return read(source, ROOT, name=name)


def test_robot_failures() -> None:
    ds = _read(ROBOT_FAILURES, "robot_failures")
    assert len(ds) == 88
    assert ds["force"].shape == (88, 15, 3)
    assert ds.spec.label().classes == ("collision", "fr_collision", "normal", "obstruction")
    arrays = np.load(SHARED / "robot_failures" / "robot_failures.npz", allow_pickle=False)
    names = arrays["classes"][arrays["y"][arrays["task"] == 1]]
    assert list(ds.samples["y"]) == names.tolist()


def test_mfeat() -> None:
    ds = _read(MFEAT, "mfeat")
    assert {m: ds[m].shape[1] for m in ds.modalities} == {
        "fou": 76,
        "fac": 216,
        "kar": 64,
        "pix": 240,
        "zer": 47,
        "mor": 6,
    }
    assert np.bincount(ds.labels()).tolist() == [200] * 10


def test_stress_predict() -> None:
    ds = _read(STRESS, "stress_predict")
    assert np.bincount(ds.labels()).tolist() == [2429, 1178]
    assert abs((~ds.presence("ibi")).mean() - 0.21) < 0.01
    assert ds.presence("bvp").all()
    assert ds.groups is not None
    for subject in set(ds.groups):
        assert ds.samples["split"][ds.groups == subject].nunique() == 1


def test_movies_parquet() -> None:
    ds = _read(MOVIES, "movies_wikidata")
    assert len(ds) == 17_453
    assert round(float((~ds.presence("critic")).mean()), 2) == 0.61
