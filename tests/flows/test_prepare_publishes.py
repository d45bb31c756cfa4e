"""`prepare` publishes its three results together or not at all, whichever step fails."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from projects import ROOT

from flows import stage as stage_module
from flows.prepare import prepare
from tasks import align as align_module
from tasks.acquire import prepare_workspace
from tasks.gates import GateError
from tasks.places import Places

ROWS = 120


def write_source(root: Path, seed: int = 5) -> None:
    """Write params with one dataset of two modalities, and its file."""
    draws = np.random.default_rng(seed)
    path = root / "data" / "raw" / "films.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        sound=draws.normal(size=(ROWS, 3)),
        sight=draws.normal(size=(ROWS, 2)),
        fresh=np.arange(ROWS) % 2,
        split=np.repeat(["train", "valid", "test"], [80, 20, 20]),
    )
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    source = {"reader": "npz", "path": "data/raw/films.npz", "label": "fresh", "split": "split"}
    content["datasets"] = {"films": {"source": {**source, "modalities": {"sound": "tabular", "sight": "tabular"}}}}
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def prepared(tmp_path) -> Path:
    """A project whose dataset `films` is prepared, and whose source has changed since."""
    write_source(tmp_path)
    prepare("films", tmp_path)
    assert digests(tmp_path) != {}
    write_source(tmp_path, seed=6)
    return tmp_path


def digests(root: Path) -> dict[str, str]:
    places = Places("films", root)
    files = [path for top in (places.prepared.parent, places.results) for path in sorted(top.rglob("*"))]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


def refuse(*arguments, **options):
    raise GateError("injected")


def test_all_three_are_there_and_a_new_source_changes_all_three(prepared):
    before = digests(prepared)
    prepare("films", prepared)
    after = digests(prepared)
    places = Places("films", prepared)
    assert before.keys() == after.keys()
    for place in (places.prepared / "dataset.json", places.checks):
        assert before[str(place)] != after[str(place)]
    assert any(before[name] != after[name] for name in before if Path(name).is_relative_to(places.preprocessing))


@pytest.mark.parametrize(
    ("module", "name"),
    [("tasks.align", "fit_alignment"), ("tasks.preprocess", "fit_preprocessing"), ("tasks.validate", "_hold_gates")],
)
def test_a_step_that_fails_leaves_all_three_and_the_message_says_so(prepared, monkeypatch, module, name):
    before = digests(prepared)
    monkeypatch.setattr(f"{module}.{name}", refuse)
    monkeypatch.setattr("sys.argv", ["prepare", "--dataset", "films"])
    monkeypatch.chdir(prepared)
    with pytest.raises(
        SystemExit, match=r"(?s)prepare of 'films' stopped; the previous results are untouched.*injected"
    ):
        stage_module.run_stage(prepare)
    assert digests(prepared) == before
    monkeypatch.undo()
    prepare("films", prepared)
    assert digests(prepared) != before


@pytest.mark.parametrize("piece", ["checks", "preprocessing", "aligned"])
def test_a_disk_that_is_full_while_publishing_leaves_all_three(prepared, monkeypatch, piece):
    before = digests(prepared)
    copy_content, copyfile = align_module._move_content, align_module.shutil.copyfile

    def full(source, target):
        if Path(source).stem == piece:
            raise OSError(28, "No space left on device")
        return (copyfile if piece == "checks" and Path(source).is_file() else copy_content)(source, target)

    monkeypatch.setattr(align_module, "_move_content", full)
    if piece == "checks":
        monkeypatch.setattr(align_module.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        prepare("films", prepared)
    assert digests(prepared) == before


def test_the_checks_are_replaced_last(prepared, monkeypatch):
    places = Places("films", prepared)
    before = (places.prepared / "dataset.json").read_bytes(), places.checks.read_bytes()
    replace = os.replace

    def killed(self, target):
        if Path(target) == places.checks:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare("films", prepared)
    assert places.checks.read_bytes() == before[1]
    assert (places.prepared / "dataset.json").read_bytes() != before[0]


def test_only_quarantine_and_checks_stay_in_the_workspace(prepared):
    prepare("films", prepared)
    kept = sorted(path.name for path in prepare_workspace("films", prepared).iterdir())
    assert kept == ["checks.json", "quarantine.parquet"]
