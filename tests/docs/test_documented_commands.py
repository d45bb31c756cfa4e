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
from projects import ROOT, TINY, environment, interplay, make_project

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|python|yaml)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [body for name, mark, body in found if name == language and "no-run" not in mark]


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = make_project(tmp_path_factory.mktemp("docs") / "project", TINY)
    interplay(place, "run")
    return place


@pytest.mark.parametrize("page", with_blocks("bash"), ids=lambda page: page.name)
def test_commands_run(page, project, tmp_path):
    place = Path(shutil.copytree(project, tmp_path / "project", symlinks=True))
    example = ROOT / "tests" / "docs" / "example"
    if example.is_dir():
        shutil.copytree(example, place, dirs_exist_ok=True)
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    # The project's own code, not the installed one, must answer to the command's name.
    (bin_dir / "interplay").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m flows.cli "$@"\n')
    (bin_dir / "interplay").chmod(0o755)
    setup = environment()
    setup["PATH"] = f"{bin_dir}:{setup['PATH']}"
    for body in blocks(page, "bash"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", body], cwd=place, env=setup, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{page.name}:\n{body}\n{done.stdout}\n{done.stderr}"


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
