"""A real dataset from its file to a report, by the block that docs/your-data.md shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from projects import ROOT, interplay, make_project

FILE = ROOT.parent / "shared" / "data" / "robot_failures" / "robot_failures.npz"
PAGE = ROOT / "docs" / "your-data.md"
MAX_LINES = 10


def documented_block() -> str:
    (body,) = re.findall(r"^```yaml\n(robot_failures:\n.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return body


def test_ten_lines_are_enough():
    lines = [line for line in documented_block().splitlines() if line.strip()]
    assert len(lines) <= MAX_LINES
    assert FILE.relative_to(ROOT.parent).as_posix() in documented_block()


@pytest.mark.skipif(not FILE.is_file(), reason="the real data are not here")
def test_from_a_file_to_a_report(tmp_path: Path):
    block = yaml.safe_load(documented_block())
    # The page's path starts in a project that lies beside the data.
    (tmp_path / "shared").symlink_to(ROOT.parent / "shared")

    def change(content: dict) -> None:
        content["datasets"] = block
        content["report"]["pdf"] = False

    project = make_project(tmp_path / "project", change)
    interplay(project, "run")
    page = (project / "reports" / "robot_failures" / "index.html").read_text(encoding="utf-8")
    assert "force" in page and "torque" in page
    results = project / "results" / "robot_failures"
    # The task's own table: UCI Robot Execution Failures, LP1, 88 instances of 4 classes.
    checks = json.loads((results / "checks.json").read_text())
    assert checks["n_samples"] == 88
    estimate = json.loads((results / "estimate.json").read_text())
    assert len(estimate["label"]["classes"]) == 4
    evaluation = json.loads((results / "learn" / "evaluation.json").read_text())
    assert {model["model"] for model in evaluation["models"]} >= {"unimodal:force", "unimodal:torque", "late_fusion"}
