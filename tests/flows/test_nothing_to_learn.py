"""Data from which nothing can be learnt: what a user is told and by which stage, the earliest that can know."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from projects import ROOT

from flows.estimate import estimate
from flows.prepare import prepare
from flows.select import select
from mmcore.data import from_arrays, save_dataset
from mmcore.errors import InputError
from tasks.acquire import prepare_workspace
from tasks.gates import GateError
from tasks.parameters import ParametersError
from tasks.places import Places
from tasks.validate import run_checks

N = 120
MODALITIES = {"sound": {"prefix": "s_", "kind": "tabular"}, "sight": {"prefix": "v_", "kind": "tabular"}}


def table() -> pd.DataFrame:
    draws = np.random.default_rng(0)
    features = {name: draws.normal(size=N) for name in ("s_low", "s_high", "v_red")}
    return pd.DataFrame({**features, "mood": np.array(["bad", "good"])[np.arange(N) % 2]})


def apart() -> pd.DataFrame:
    """Every row has one modality only."""
    found = table()
    found.loc[::2, ["s_low", "s_high"]] = np.nan
    found.loc[1::2, "v_red"] = np.nan
    return found


def before_labels() -> pd.DataFrame:
    """Labelled rows have one modality each, rows with both have no label: what advice before labels is for."""
    found, both = apart(), np.arange(N) >= N // 2
    whole = table()
    found.loc[both, ["s_low", "s_high", "v_red"]] = whole.loc[both, ["s_low", "s_high", "v_red"]]
    found.loc[both, "mood"] = None
    return found


def write_project(root: Path, rows: pd.DataFrame, **source: object) -> None:
    rows.to_csv(root / "films.csv", index=False)
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    given = {"reader": "table", "path": "films.csv", "label": "mood", "modalities": MODALITIES, **source}
    content["datasets"] = {"films": {"source": given}}
    content["estimate"] |= {"n_boot": 0, "n_null": 0}
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")


SOUND = {"modalities": {"sound": MODALITIES["sound"]}}
CLASSES = {"classes": ["bad", "good"]}
VALUE = {"task": "regression"}
REFUSED = {
    "one modality": (table, SOUND, ParametersError, ("films.source.modalities: received one, sound", "two or more")),
    "one class": (
        lambda: table().assign(mood="good"), {}, GateError,
        ("mood tells rows apart: found one class: good; allowed: two classes or more", "check the labels"),
    ),
    "one class of two": (
        lambda: table().assign(mood="good"), CLASSES, GateError, ("found one class: good; allowed: two classes",),
    ),
    "one value": (lambda: table().assign(mood=0.5), VALUE, GateError, ("found one value: 0.5; allowed: two values",)),
    "no label": (lambda: table().assign(mood=None), {}, InputError, ("mood: received no label at all", "Label some")),
    "no label of two classes": (
        lambda: table().assign(mood=None), CLASSES, GateError,
        ("mood tells rows apart: found no label; allowed: two classes or more", "label some rows"),
    ),
    "no value": (lambda: table().assign(mood=np.nan), VALUE, GateError, ("found no label; allowed: two values",)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_anything_is_estimated(tmp_path, case):
    rows, source, kind, words = REFUSED[case]
    write_project(tmp_path, rows(), **source)
    with pytest.raises(kind) as told:
        prepare("films", tmp_path)
    for word in words:
        assert word in str(told.value)
    assert not Places("films", tmp_path).prepared.exists()


def test_one_modality_and_one_class_are_told_together(tmp_path):
    """A source whose modalities params do not list is only known to have one after it was read."""
    write_project(tmp_path, table())
    place, workspace = tmp_path / "accepted", prepare_workspace("films", tmp_path)
    sound = np.random.default_rng(0).normal(size=(N, 2))
    save_dataset(from_arrays({"sound": sound}, labels=["good"] * N, name="films", seed=0), place)
    workspace.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"sample_id": [], "reasons": []}).to_parquet(workspace / "quarantine.parquet")
    with pytest.raises(GateError, match="2 checks of 'films' failed") as told:
        run_checks("films", tmp_path, place)
    assert "found one: sound; allowed: two or more. With one modality nothing can interact" in str(told.value)
    assert "found one class: good" in str(told.value)


@pytest.mark.parametrize("rows", [apart, before_labels])
def test_without_a_labelled_pair_the_baselines_are_proposed_and_the_reason_is_told(tmp_path, rows):
    """No pair can be estimated, and yet there is something to learn: from `prepare` on every stage goes on."""
    write_project(tmp_path, rows())
    for stage in (prepare, estimate, select):
        stage("films", tmp_path)
    places = Places("films", tmp_path)
    pair = json.loads(places.estimate.read_text(encoding="utf-8"))["pairs"][0]
    assert pair["status"] == "refused" and "no labelled row that has all of them" in pair["reason"]
    found = json.loads(places.selection.read_text(encoding="utf-8"))
    assert found["status"] == "absent" and "no labelled row that has all of them" in found["reason"]
    assert {entry["model"] for entry in found["mandatory"]} >= {"unimodal:sound", "unimodal:sight", "late_fusion"}


def test_labels_that_are_missing_in_part_are_remarked_and_not_refused(tmp_path):
    rows = table()
    rows.loc[5:, "mood"] = None
    write_project(tmp_path, rows)
    prepare("films", tmp_path)
    checks = json.loads(Places("films", tmp_path).checks.read_text(encoding="utf-8"))["checks"]
    status = {check["id"]: check["status"] for check in checks}
    assert (status["label_values"], status["two_modalities"], status["labelled_mood"]) == (
        "passed",
        "passed",
        "warning",
    )
