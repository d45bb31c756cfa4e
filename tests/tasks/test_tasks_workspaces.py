"""What survives a kill belongs to exactly these inputs and this code, and the rest does not pile up."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from valid_parameters import PARAMETERS

from mmcore.data import from_arrays, save_dataset
from tasks import acquire, learn, places, train
from tasks.acquire import KEPT_WORKSPACES, STEPS, drop_stale_steps, prepare_workspace
from tasks.gates import GateError
from tasks.learn import open_learning, publish_learning
from tasks.places import Places, code_digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path) -> Path:
    """A project whose dataset `films` is prepared and selected for, with a raw file of the same name."""
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMETERS), encoding="utf-8")
    raw = tmp_path / "data" / "raw" / "films.npz"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"raw")
    draws = np.random.default_rng(1)
    arrays = {name: draws.normal(size=(40, 2)) for name in ("sound", "sight")}
    split = ["train"] * 24 + ["valid"] * 8 + ["test"] * 8
    ds = from_arrays(arrays, labels=[0, 1] * 20, split=split, name="films")
    found = Places("films", tmp_path)
    save_dataset(ds, found.prepared)
    found.results.mkdir(parents=True)
    candidates = [{"model": "unimodal:sound", "modalities": ["sound"]}]
    found.selection.write_text(json.dumps({"candidates": candidates, "mandatory": []}), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("stage", "code"), [("prepare", acquire.CODE), ("learn", learn.CODE)])
def test_the_digest_covers_the_code_that_the_stage_depends_on(stage, code):
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]["do"]["deps"]
    assert {dep for dep in deps if dep.split("/")[0] in ("mmcore", "tasks", "flows")} <= set(code)
    assert [name for name in code if not (ROOT / name).exists()] == []


def test_the_digest_follows_content_names_and_versions_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "__file__", str(tmp_path / "tasks" / "places.py"))

    def digest(root: Path = tmp_path / "project") -> str:
        code_digest.cache_clear()
        return code_digest(("mmcore/data", "tasks/learn.py"), root)

    (tmp_path / "mmcore" / "data").mkdir(parents=True)
    (tmp_path / "tasks").mkdir()
    inner, module = tmp_path / "mmcore" / "data" / "inner.py", tmp_path / "tasks" / "learn.py"
    inner.write_text("one = 1", encoding="utf-8")
    module.write_text("two = 2", encoding="utf-8")
    first = digest()
    parts = [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in (inner, module)]
    text = "".join(f"{path.relative_to(tmp_path).as_posix()} {content}\n" for path, content in parts)
    assert first == hashlib.sha256(text.encode()).hexdigest()
    (inner.parent / "notes.txt").write_text("not code", encoding="utf-8")
    os.utime(inner, (0, 0))
    assert digest() == first
    seen = {first}
    inner.write_text("one = 2", encoding="utf-8")
    seen.add(digest())
    inner.rename(inner.with_name("other.py"))
    seen.add(digest())
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "requirements.lock").write_text("numpy==2.4", encoding="utf-8")
    seen.add(digest())
    assert len(seen) == 4
    code_digest.cache_clear()


def test_other_code_has_another_workspace(project, monkeypatch):
    before = prepare_workspace("films", project), open_learning("films", project).workspace
    assert (prepare_workspace("films", project), open_learning("films", project).workspace) == before
    for module in (acquire, learn):
        monkeypatch.setattr(module, "code_digest", lambda names, root: "other code")
    after = prepare_workspace("films", project), open_learning("films", project).workspace
    assert before[0] != after[0] and before[1] != after[1]
    assert all(re.fullmatch(r"films-[0-9a-f]{16}", path.name) for path in (*before, *after))


def test_the_place_of_a_project_does_not_change_its_workspaces(project, tmp_path_factory):
    other = Path(shutil.copytree(project, tmp_path_factory.mktemp("other") / "project"))
    assert prepare_workspace("films", other).name == prepare_workspace("films", project).name


def fill(workspace: Path, number: int) -> Path:
    """Make a workspace as a stopped `prepare` leaves it, the later the higher its number."""
    for name in STEPS:
        (workspace / name).mkdir(parents=True)
        (workspace / name / "big.npy").write_bytes(b"x" * 1000)
    for name in ("quarantine.parquet", "checks.json"):
        (workspace / name).write_bytes(b"small")
        os.utime(workspace / name, (number, number))
    return workspace


def test_datasets_of_other_inputs_are_dropped_and_the_newest_quarantines_stay(project):
    folder = project / ".interplay" / "prepare"
    current = fill(prepare_workspace("films", project), 0)
    old = [fill(folder / f"films-{number:016x}", 10 + number) for number in range(KEPT_WORKSPACES + 3)]
    another = fill(folder / f"films-2-{1:016x}", 1)
    drop_stale_steps("films", project)
    assert [path.is_dir() for path in old] == [False] * 3 + [True] * KEPT_WORKSPACES
    for path in old[3:]:
        assert sorted(file.name for file in path.iterdir()) == ["checks.json", "quarantine.parquet"]
    for untouched in (current, another):
        assert {file.name for file in untouched.iterdir()} == {*STEPS, "checks.json", "quarantine.parquet"}
    drop_stale_steps("films", project)
    assert [path.is_dir() for path in old] == [False] * 3 + [True] * KEPT_WORKSPACES


def test_fits_are_resumed_by_the_same_code_only_and_stale_ones_are_dropped(project, monkeypatch):
    monkeypatch.setattr(train, "_fit", pretend_to_fit)
    train.fit_models("films", project)
    first = open_learning("films", project).workspace
    written = {path.name: path.stat().st_mtime_ns for path in (first / "models").iterdir()}
    train.fit_models("films", project)
    assert {path.name: path.stat().st_mtime_ns for path in (first / "models").iterdir()} == written
    another = project / ".interplay" / "learn" / f"films-2-{1:016x}"
    another.mkdir()
    monkeypatch.setattr(learn, "code_digest", lambda names, root: "other code")
    train._opened.cache_clear()
    train.fit_models("films", project)
    second = open_learning("films", project).workspace
    assert second != first
    assert sorted(path.name for path in first.parent.iterdir()) == sorted([another.name, second.name])
    train._opened.cache_clear()


def pretend_to_fit(learning, run, record):
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"name": run.name, "cost": 1.0}), encoding="utf-8")


def test_a_worker_that_sees_other_code_than_its_parent_stops(project, monkeypatch):
    opened = open_learning("films", project).workspace
    monkeypatch.setattr(learn, "code_digest", lambda names, root: "edited meanwhile")
    with pytest.raises(GateError, match=r"changed while its models were fitted.*again"):
        train.finish_run("films", project, 0, opened)
    train._opened.cache_clear()


def test_the_costs_are_replaced_as_a_whole(project, monkeypatch):
    learning = open_learning("films", project)
    (learning.workspace / "models").mkdir(parents=True)
    for path in [learning.workspace / name for name in learn.PUBLISHED] + [learning.weights(r) for r in learning.runs]:
        path.write_bytes(b"{}")
    (learning.workspace / "cost.json").write_text('{"new": 1}', encoding="utf-8")
    cost = Places("films", project).cost
    cost.write_text('{"old": 1}', encoding="utf-8")

    copyfile = shutil.copyfile

    def half(source, target, **options):
        if Path(source).name != "cost.json":
            return copyfile(source, target, **options)
        Path(target).write_text('{"ne', encoding="utf-8")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(learn.shutil, "copyfile", half)
        with pytest.raises(OSError, match="No space"):
            publish_learning("films", project)
    assert cost.read_text(encoding="utf-8") == '{"old": 1}'
    publish_learning("films", project)
    assert cost.read_text(encoding="utf-8") == '{"new": 1}'
