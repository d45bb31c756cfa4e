"""The gate of an experiment passes and fails where it should, and each stage names its module and its parameters."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
import yaml

from experiments.record import HERE, Check, ExperimentFailed, near, parameters, publish
from mmcore.errors import InputError

STAGES = yaml.safe_load((HERE / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_a_number_outside_its_tolerance_fails_and_is_named(tmp_path: Path):
    checks = [near("first", 1.0, 1.0, 0.1, "formula"), near("second", 1.2, 1.0, 0.1, "table 3")]
    with pytest.raises(ExperimentFailed, match=r"1 of 2.*\n  second: found 1.2, allowed 0.9 to 1.1 \(table 3\)"):
        publish("one", checks, {}, folder=tmp_path)
    record = json.loads((tmp_path / "one" / "record.json").read_text(encoding="utf-8"))
    assert [check["passed"] for check in record["checks"]] == [True, False]


def test_a_number_inside_passes(tmp_path: Path):
    path = publish("one", [Check("rate", 0.05, (float("-inf"), 0.06), "level")], {"n": 3}, folder=tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["checks"][0]["allowed"] == [None, 0.06]


def test_nan_never_passes():
    assert not near("rate", float("nan"), 0.0, 1e9, "anything").passed


def test_an_experiment_without_checks_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="none"):
        publish("one", [], {}, folder=tmp_path)


def test_an_unknown_block_of_parameters_names_the_known_ones():
    with pytest.raises(InputError, match="bitwise"):
        parameters("bitwize")


@pytest.mark.parametrize("name", sorted(STAGES))
def test_each_stage_has_its_module_parameters_and_deps(name: str):
    stage = STAGES[name]
    assert stage["cmd"] == f"python -m experiments.{name}"
    read = stage["params"][0]["experiments/params.yaml"]
    assert name in read and all(parameters(other) for other in read)
    assert f"experiments/{name}.py" in stage["deps"]
    assert "experiments/record.py" in stage["deps"]
    assert list(stage["outs"][0]) == [f"experiments/results/{name}"]
    assert callable(importlib.import_module(f"experiments.{name}").experiment)
    assert parameters(name)


@pytest.mark.parametrize("name", sorted(STAGES))
def test_the_committed_record_passed(name: str):
    record = json.loads((HERE / "results" / name / "record.json").read_text(encoding="utf-8"))
    assert record["checks"]
    assert all(check["passed"] for check in record["checks"])
