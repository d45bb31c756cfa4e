"""A project of its own for a test: the working tree's files in a fresh git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def edit_parameters(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = root / "params.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def keep_only(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["datasets"] = {name: content["datasets"][name] for name in names}
        content["report"]["pdf"] = False

    return change


def tiny(content: dict[str, Any]) -> None:
    """Keep the smallest dataset, and of its draws, seeds and epochs so few that a run takes seconds."""
    keep_only("planted-tiny")(content)
    content["estimate"] |= {"n_boot": 20, "n_null": 20}
    content["train"] |= {"seeds": [0, 1], "epochs": 5}


def make_project(place: Path, change: Callable[[dict[str, Any]], None] = tiny) -> Path:
    """Copy the working tree to `place`, change its parameters, and commit it there."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file() and name != "dvc.lock":
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    take_what_is_compiled(place)
    edit_parameters(place, change)
    git(place, "init", "--quiet", "--initial-branch", "main")
    git(place, "add", "--all")
    git(place, *IDENTITY, "commit", "--quiet", "--message", "Start")
    return place


def take_what_is_compiled(place: Path) -> None:
    """Copy what Python and numba compiled: it is valid there too, as files keep their times, and saves a minute."""
    for path in (path for top in ("mmcore", "tasks", "flows") for path in (ROOT / top).rglob("__pycache__/*")):
        folder = place / path.parent.relative_to(ROOT)
        if folder.parent.is_dir() and path.suffix in (".pyc", ".nbi", ".nbc"):  # not one that is being written
            folder.mkdir(exist_ok=True)
            shutil.copy2(path, folder)


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without Prefect's settings, with the interpreter's scripts first."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    return {**inherited, "PATH": path, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", **extra}


def interplay(root: Path, *arguments: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess:
    """Run the command line in a project; its own code, not the installed one, is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments], cwd=root, env=environment(**extra), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def finished_project(factory: pytest.TempPathFactory) -> Path:
    """Return a project of this process whose planted-tiny report is up to date, computed once for all processes.

    The workers of `pytest -n` have folders of their own beside each other; the first that asks computes, the others
    wait and copy.
    """
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    computed = shared / "finished" / "project"
    with FileLock(shared / "finished.lock"):
        if not computed.is_dir():
            project = make_project(shared / "computing" / "project", tiny)
            interplay(project, "run")
            computed.parent.mkdir()
            project.rename(computed)
    return Path(shutil.copytree(computed, factory.mktemp("finished") / "project", symlinks=True))


def stages_run(done: subprocess.CompletedProcess) -> list[str]:
    lines = done.stderr.splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage '")]


MOODS: dict[str, Any] = {
    "source": {
        "reader": "table",
        "path": "mine/moods.csv",
        "label": "mood",
        "groups": "person",
        "sample_id": "id",
        "modalities": {
            "voice": {"prefix": "voice_", "kind": "tabular"},
            "face": {"prefix": "face_", "kind": "tabular"},
        },
    }
}


def toy_table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A user's table: two modalities, a label that the first one tells, 20 people."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, n)
    return pd.DataFrame(
        {
            "id": [f"row{i:04d}" for i in range(n)],
            "voice_pitch": label + generator.normal(0, 0.7, n),
            "voice_rate": generator.normal(0, 1, n),
            "face_smile": 0.5 * label + generator.normal(0, 1, n),
            "mood": np.where(label == 1, "good", "bad"),
            "person": [f"p{i % 20:02d}" for i in range(n)],
        }
    )
