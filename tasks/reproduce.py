"""Run `dvc repro` as child processes, show what they say, and report which stages ran.

Datasets share no stage but the index, so several may be brought up to date at once, each by a `dvc repro` of its own,
which DVC's locks allow. Most of a stage is Python on one core: two datasets at once keep two cores busy, and each
is told its share of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from mmcore.errors import InputError
from tasks.cores import shared_cores
from tasks.gates import GateError
from tasks.lock_order import order_lock_file
from tasks.preload import offered
from tasks.stale_locks import drop_dead_locks
from tasks.tracking import QUIET_ENVIRONMENT, publish_table, task

_RUNNING = re.compile(r"^Running stage '([^']+)'")
_SKIPPED = re.compile(r"^Stage '([^']+)' (?:didn't change, skipping|is cached - skipping run)")
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
def reproduce(
    root: Path, datasets: list[str] | None = None, *, at_once: Sequence[str] = (), jobs: int = 1
) -> Reproduced:
    """Bring the named datasets (None: all) up to date; results do not depend on how many are at work at once.

    Args:
        root: the project's root.
        datasets: those whose reports are wanted, and the index; None: everything in `dvc.yaml`.
        at_once: datasets that may be brought up to date side by side first, `jobs` at a time.
        jobs: how many.

    Raises:
        GateError: with the failing stage and the last lines it printed. Datasets under way are brought to their end
            first, none is begun.
    """
    drop_dead_locks(root)
    with offered(child_environment(), root) as environment:
        done = _side_by_side(root, at_once, jobs, environment) if jobs > 1 and len(at_once) > 1 else []
        # 'index' alone would follow its deps to every dataset; asked for by name it runs by itself, after the reports.
        commands = [["repro"]]
        if datasets:
            reports = [] if done else [["repro", *targets_of(datasets)[:-1]]]
            commands = [*reports, ["repro", "--single-item", "index"]]
        done += [_repro(root, arguments, environment) for arguments in commands]
    order_lock_file(root)
    executed = tuple(name for each in done for name in each.executed)
    skipped = {name for each in done for name in each.skipped} - set(executed)
    publish_table("stages", [{"stage": name} for name in executed] or [{"stage": "none"}], "Stages that ran")
    return Reproduced(executed, len(skipped))


def _side_by_side(root: Path, datasets: Sequence[str], jobs: int, environment: dict[str, str]) -> list[_Done]:
    """Return what the `dvc repro` of each dataset did, in the order of the datasets."""
    stopped = threading.Event()
    sharing = {**environment, **shared_cores(jobs)}

    def bring(name: str) -> _Done | None:
        if stopped.is_set():
            return None
        try:
            return _repro(root, ["--wait-for-lock", "repro", f"report@{name}"], sharing, name)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(jobs) as threads:
        futures = [threads.submit(bring, name) for name in datasets]
        try:
            wait(futures)
        finally:  # an interruption begins none either
            stopped.set()
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors and all(isinstance(error, GateError) for error in errors):
        raise GateError("\n".join(map(str, errors)))
    for error in errors:
        raise error
    return [done for done in (future.result() for future in futures) if done is not None]


@dataclass(frozen=True)
class _Done:
    """What one child did: names of stages."""

    executed: tuple[str, ...]
    skipped: tuple[str, ...]


def _repro(root: Path, arguments: list[str], environment: dict[str, str], dataset: str = "") -> _Done:
    """Run one `dvc repro`; lines that do not name `dataset` themselves are shown with its name in front."""
    command = [sys.executable, "-m", "dvc", *arguments]
    executed: list[str] = []
    skipped: list[str] = []
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        for line in child.stdout or ():
            named = line if dataset in line or not line.strip() else f"[{dataset}] {line}"
            print(named, end="", file=sys.stderr, flush=True)
            tail.append(line)
            if match := _RUNNING.match(line):
                executed.append(match.group(1))
            if match := _SKIPPED.match(line):
                skipped.append(match.group(1))
    if child.returncode:
        raise GateError(_failure(executed, tail))
    return _Done(tuple(executed), tuple(skipped))


def _failure(executed: list[str], tail: deque[str]) -> str:
    """Return what a person needs of the failed child's last lines: the stage, its own words, not DVC's."""
    lines = [line.rstrip() for line in tail]
    start = max((i for i, line in enumerate(lines) if " stopped; the previous results" in line), default=None)
    if start is None:
        start = max((i for i, line in enumerate(lines) if _RUNNING.match(line)), default=0)
    own = [line for line in lines[start:] if line and not line.startswith(("ERROR: failed to reproduce", ">"))]
    stage = executed[-1] if executed else "dvc repro"
    return "\n".join([f"stage {stage} failed.", *own])
