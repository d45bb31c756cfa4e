"""Run `dvc repro` as a child process, show what it says, and report which stages ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from mmcore.errors import InputError
from tasks.gates import GateError
from tasks.stale_locks import drop_dead_locks
from tasks.tracking import QUIET_ENVIRONMENT, publish_table, task

_RUNNING = re.compile(r"^Running stage '([^']+)'")
_TAIL_LINES = 40


@dataclass(frozen=True)
class Reproduced:
    """What one `dvc repro` did: the stages it ran, in order, and the stages that were up to date."""

    executed: tuple[str, ...]
    skipped: int


def child_environment() -> dict[str, str]:
    """Return the environment for a child: telemetry off, and none of Prefect's variables of the run that starts it."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT__")}
    # The interpreter that runs this must also be the one that 'python' in dvc.yaml means.
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    return {**QUIET_ENVIRONMENT, **inherited, "PATH": path, "PYTHONUNBUFFERED": "1"}


def run_dvc(root: Path, *arguments: str) -> str:
    """Return what a short `dvc` command prints.

    Raises:
        InputError: with DVC's own words when it fails.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=child_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        remedy = "Run 'interplay doctor'."
        raise InputError(f"dvc {' '.join(arguments)}", said[-1] if said else done.returncode, "success", remedy)
    return done.stdout


def dvc_cache(root: Path) -> Path:
    """Return the absolute path of the cache that the project at `root` uses."""
    return Path(run_dvc(root, "cache", "dir").strip()).resolve()


def targets_of(datasets: list[str] | None) -> list[str]:
    """Return the DVC targets whose reproduction brings the named datasets' reports up to date; none means all.

    Example:
        >>> targets_of(["movies"]), targets_of(None)
        (['report@movies', 'index'], [])
    """
    return [*(f"report@{name}" for name in datasets), "index"] if datasets else []


@task
def reproduce(root: Path, datasets: list[str] | None = None) -> Reproduced:
    """Bring the named datasets (None: all) up to date.

    Raises:
        GateError: with the failing stage and the last lines it printed.
    """
    # 'index' alone would follow its deps to every dataset; asked for by name it runs by itself, after the reports.
    executed: list[str] = []
    skipped = 0
    commands = [["repro"]]
    if datasets:
        commands = [["repro", *targets_of(datasets)[:-1]], ["repro", "--single-item", "index"]]
    for arguments in commands:
        done = _repro(root, arguments)
        executed += done.executed
        skipped += done.skipped
    publish_table("stages", [{"stage": name} for name in executed] or [{"stage": "none"}], "Stages that ran")
    return Reproduced(tuple(executed), skipped)


def _repro(root: Path, arguments: list[str]) -> Reproduced:
    drop_dead_locks(root)
    command = [sys.executable, "-m", "dvc", *arguments]
    executed: list[str] = []
    skipped = 0
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(
        command, cwd=root, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        for line in child.stdout or ():
            print(line, end="", file=sys.stderr, flush=True)
            tail.append(line)
            match = _RUNNING.match(line)
            if match:
                executed.append(match.group(1))
            skipped += "didn't change, skipping" in line or "is cached - skipping run" in line
    if child.returncode:
        raise GateError(_failure(executed, tail))
    return Reproduced(tuple(executed), skipped)


def _failure(executed: list[str], tail: deque[str]) -> str:
    """Return what a person needs of the failed child's last lines: the stage, its own words, not DVC's."""
    lines = [line.rstrip() for line in tail]
    start = max((i for i, line in enumerate(lines) if " stopped; the previous results" in line), default=None)
    if start is None:
        start = max((i for i, line in enumerate(lines) if _RUNNING.match(line)), default=0)
    own = [line for line in lines[start:] if line and not line.startswith(("ERROR: failed to reproduce", ">"))]
    stage = executed[-1] if executed else "dvc repro"
    return "\n".join([f"stage {stage} failed.", *own])
