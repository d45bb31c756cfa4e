"""`dvc.yaml` states what the flows do: the same stages, code, paths and params."""

from __future__ import annotations

import importlib
import re

import pytest
import yaml
from imports import ROOT, module_path, reached

from tasks.bank import TABLES
from tasks.parameters.model import Parameters
from tasks.places import Places

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PER_DATASET = ("prepare", "estimate", "select", "learn", "report")
FLOWS = {
    "prepare": ["acquire", "validate", "preprocess", "align"],
    "estimate": ["estimate"],
    "select": ["select"],
    "learn": ["train", "evaluate", "explain"],
    "report": ["report"],
}
# Their code decides whether and where a stage runs, never what comes out.
PLUMBING = (
    "tasks.parameters", "tasks.places", "tasks.tracking", "tasks.gates", "tasks.progress", "tasks.cores", "flows.stage",
    "mmcore.errors",
)  # fmt: skip


def stage(name: str) -> dict:
    return STAGES[name].get("do", STAGES[name])


def outs(name: str) -> set[str]:
    return {next(iter(out)) if isinstance(out, dict) else out for out in stage(name)["outs"]}


def test_stages_are_those_of_the_design():
    assert set(STAGES) == {*PER_DATASET, "bank", "index"}
    for name in PER_DATASET:
        assert STAGES[name]["foreach"] == "${datasets}"
        assert stage(name)["cmd"] == f"python -m flows.{name} --dataset ${{key}}"


@pytest.mark.parametrize("name", [*PER_DATASET, "index"])
def test_every_stage_keeps_its_outs_until_new_ones_are_complete(name):
    assert all(isinstance(out, dict) and next(iter(out.values())) == {"persist": True} for out in stage(name)["outs"])


def subpackage(module: str) -> str:
    """How dvc.yaml names a module: mmcore's floors and tasks/schemas as folders, others as files."""
    parts = module.split(".")
    folder = ROOT.joinpath(*parts[:2])
    if folder.is_dir() and (parts[0] == "mmcore" or parts[:2] == ["tasks", "schemas"]):
        return "/".join(parts[:2])
    path = module_path(module)
    assert path is not None
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", [*PER_DATASET, "bank", "index"])
def test_code_deps_are_the_modules_that_the_stage_reaches(name):
    packages = {"mmcore", "tasks", "flows", "tasks.schemas"}
    used = {
        subpackage(module)
        for module in reached(f"flows.{name}", opaque=PLUMBING)
        if module not in packages and not module.startswith(PLUMBING)
    }
    code = {dep for dep in stage(name)["deps"] if dep.split("/")[0] in ("mmcore", "tasks", "flows")}
    missing, idle = used - code, code - used
    assert not missing, f"{name} uses {sorted(missing)}, which dvc.yaml does not name: a change there would be missed"
    assert not idle, f"{name} depends on {sorted(idle)}, which it never uses: it would run for nothing"


def test_outs_are_the_places_that_steps_write():
    key, places = "${key}", Places("${key}")
    expected = {
        "prepare": {places.prepared, places.preprocessing, places.checks},
        "estimate": {places.estimate, places.atoms},
        "select": {places.selection},
        "learn": {places.learn},
        "report": {places.report, places.summary},
        "index": {places.index},
        "bank": {TABLES},
    }
    for name, paths in expected.items():
        assert outs(name) == {path.as_posix() for path in paths}, key


def test_stage_inputs_are_outs_of_earlier_stages():
    made = {path for name in STAGES for path in outs(name)}
    for name in PER_DATASET[1:]:
        data = {d for d in stage(name)["deps"] if d.split("/")[0] in ("data", "results")}
        assert data and data <= made, name


def test_params_are_those_that_steps_read():
    """A step reads `parameters.<group>`; DVC must watch that group, and no other."""
    aliases = {"validation": "validate"}
    groups = {field.alias or key for key, field in Parameters.model_fields.items()} - {"datasets", "schedule"}
    for name in PER_DATASET:
        read = set()
        for module in reached(f"flows.{name}", opaque=PLUMBING):
            path = module_path(module)
            if module.startswith("tasks.") and not module.startswith("tasks.parameters") and path is not None:
                found = re.findall(r"parameters\.(\w+)", path.read_text(encoding="utf-8"))
                read |= {aliases.get(word, word) for word in found} & groups
        if name in ("learn", "report"):
            read |= {"train", "evaluate", "explain"}
        if name == "report":
            read |= groups
        # One key of a group may be watched alone, as train.encoders.
        watched = {param.split(".")[0] for param in stage(name).get("params", []) if not param.startswith("datasets")}
        assert read == watched, name


@pytest.mark.parametrize(("name", "flow"), [(name, flow) for name, flows in FLOWS.items() for flow in flows])
def test_each_flow_is_a_function_of_its_own_file(name, flow):
    module = importlib.import_module(f"flows.{flow}")
    function = getattr(module, flow)
    assert hasattr(function, "fn")
    assert f"flows/{flow}.py" in stage(name)["deps"]


def test_the_gate_fails_on_a_forgotten_dependency(monkeypatch):
    broken = {**STAGES["estimate"], "do": {**stage("estimate"), "deps": ["data/prepared/${key}"]}}
    monkeypatch.setitem(STAGES, "estimate", broken)
    with pytest.raises(AssertionError, match="would be missed"):
        test_code_deps_are_the_modules_that_the_stage_reaches("estimate")
