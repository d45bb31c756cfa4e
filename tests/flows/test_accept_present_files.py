"""`interplay accept` takes the checks of the files that are there now, and never those of earlier ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from flows.accept import accept_state
from mmcore.errors import InputError
from tasks.acquire import prepare_workspace
from tasks.places import Places
from tasks.reproduce import run_dvc

NAME = "planted-tiny"


def forget_workspaces(root: Path) -> None:
    """Be a fresh clone with pulled results: nothing of `.interplay` comes along, and no file keeps its time."""
    shutil.rmtree(root / ".interplay")
    os.utime(root / "mmcore" / "data" / "worlds" / "planted.py")


def state_of(checks: Path) -> dict:
    return json.loads(checks.read_text(encoding="utf-8"))["state"]


def test_a_fresh_clone_with_pulled_results_accepts_them_more_than_once(copy_of_finished):
    root = copy_of_finished
    forget_workspaces(root)
    assert not prepare_workspace(NAME, root).exists()
    for _ in range(2):  # the second time, references/ is not what DVC recorded
        path = accept_state(root, NAME)
        assert json.loads(path.read_text(encoding="utf-8")) == state_of(Places(NAME, root).checks)


@pytest.mark.parametrize("changed", ["source", "parameters", "checks"])
def test_published_checks_of_other_inputs_are_refused(copy_of_finished, changed):
    root = copy_of_finished
    forget_workspaces(root)
    if changed == "source":
        with (root / "mmcore" / "data" / "worlds" / "planted.py").open("a", encoding="utf-8") as source:
            source.write("\n# another version\n")
    elif changed == "parameters":
        path = root / "params.yaml"
        text = path.read_text(encoding="utf-8")
        assert "max_drift: 0.5" in text
        path.write_text(text.replace("max_drift: 0.5", "max_drift: 0.6"), encoding="utf-8")
    else:
        checks = Places(NAME, root).checks
        content = json.loads(checks.read_text(encoding="utf-8"))
        checks.unlink()
        checks.write_text(json.dumps({**content, "n_samples": 1}), encoding="utf-8")
    with pytest.raises(InputError, match=r"checks of earlier files only.*interplay run --dataset planted-tiny"):
        accept_state(root, NAME)
    assert not Places(NAME, root).reference.exists()


def test_checks_that_stopped_at_a_gate_are_those_of_the_present_files(copy_of_finished):
    root = copy_of_finished
    newest = prepare_workspace(NAME, root) / "checks.json"
    newest.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(Places(NAME, root).checks.read_text(encoding="utf-8"))
    content["state"]["version"] = "of the newest attempt"
    newest.write_text(json.dumps(content), encoding="utf-8")
    accepted = json.loads(accept_state(root, NAME).read_text(encoding="utf-8"))
    assert accepted["version"] == "of the newest attempt"


def test_dvc_still_names_what_accept_reads(copy_of_finished):
    """The words of `dvc status --json` that decide; a renamed key would let earlier checks pass."""
    root = copy_of_finished
    Places(NAME, root).checks.unlink()
    with (root / "tasks" / "align.py").open("a", encoding="utf-8") as code:
        code.write("\n# another version\n")
    (change, *others) = json.loads(run_dvc(root, "status", "--json", f"prepare@{NAME}"))[f"prepare@{NAME}"]
    found = {key: set(value) for one in (change, *others) for key, value in one.items()}
    assert found == {"changed deps": {"tasks/align.py"}, "changed outs": {Places(NAME).checks.as_posix()}}
