"""Every command in the README and the pages runs, in order, page by page, in a project that has its report."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flows"))
from projects import ROOT, environment, finished_project

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|python|yaml)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [body for name, mark, body in found if name == language and "no-run" not in mark]


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


def prepared(project: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the project with the pages' example files, and the environment in which `interplay` means its code."""
    place = Path(shutil.copytree(project, tmp_path / "project", symlinks=True))
    shutil.copytree(ROOT / "tests" / "docs" / "example", place, dirs_exist_ok=True)
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "interplay").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m flows.cli "$@"\n')
    (scripts / "interplay").chmod(0o755)
    setup = environment()
    setup["PATH"] = f"{scripts}:{setup['PATH']}"
    return place, setup


@pytest.mark.parametrize("page", with_blocks("bash"), ids=lambda page: page.name)
def test_commands_run(page, project, tmp_path):
    place, setup = prepared(project, tmp_path)
    for body in blocks(page, "bash"):
        command = ["bash", "-euo", "pipefail", "-c", body]
        done = subprocess.run(command, cwd=place, env=setup, capture_output=True, text=True)
        assert done.returncode == 0, f"{page.name}:\n{body}\n{done.stdout}\n{done.stderr}"


def table_commands() -> list[str]:
    """The commands of the README's capability table, in order."""
    rows = (ROOT / "README.md").read_text(encoding="utf-8").split("| capability | command |")[1].split("\n\n")[0]
    return re.findall(r"^\| .* \| `([^`]+)` \|$", rows, re.MULTILINE)


def test_every_capability_has_a_command_that_runs(project, tmp_path):
    commands = table_commands()
    rows = (ROOT / "README.md").read_text(encoding="utf-8").split("| capability | command |")[1].split("\n\n")[0]
    assert len(commands) == len([row for row in rows.splitlines()[2:] if row.startswith("|")])
    on_pages = {
        line.split("  #")[0].strip() for page in PAGES for body in blocks(page, "bash") for line in body.splitlines()
    }
    place, setup = prepared(project, tmp_path)
    for command in [command for command in commands if command not in on_pages]:  # the test above ran the others
        done = subprocess.run(["bash", "-c", command], cwd=place, env=setup, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", with_blocks("python"), ids=lambda page: page.name)
def test_python_runs(page, project):
    program = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=lambda page: page.name)
def test_yaml_is_yaml(page):
    for body in blocks(page, "yaml"):
        assert isinstance(yaml.safe_load(body), dict)


def test_prefect_yaml_has_the_schedule_of_params():
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["schedule"]
    (deployment,) = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert deployment["schedules"] == [{"cron": parameters["cron"], "timezone": parameters["timezone"]}]
