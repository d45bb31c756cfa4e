"""The clone in which scheduled runs work, so that a user's half-edited tree is never built.

It lies in `.interplay/scheduled/clone`, follows the project's committed branch, shares the project's DVC cache, and
keeps its `dvc.lock` on the branch `interplay/scheduled`, which is pushed back to the project after each success.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from mmcore.atomic import atomic_directory, atomic_file
from mmcore.errors import InputError
from tasks.parameters import load_parameters
from tasks.reproduce import child_environment, dvc_cache, run_dvc
from tasks.tracking import task

BRANCH = "interplay/scheduled"
_AUTHOR = ("-c", "user.name=interplay", "-c", "user.email=interplay@localhost")


def git(root: Path, *arguments: str) -> str:
    """Return what git prints.

    Raises:
        InputError: with git's own words when it fails.
    """
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, env=child_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"git {arguments[0]}", done.stderr.strip(), "success", "Run 'interplay doctor'.")
    return done.stdout.strip()


def _branch_exists(clone: Path, name: str) -> bool:
    return bool(git(clone, "branch", "--remotes", "--list", f"origin/{name}"))


@task
def refresh_clone(project: Path) -> Path:
    """Return the clone, brought to the project's committed state, with the last scheduled `dvc.lock` and fresh data."""
    project = project.resolve()
    clone = project / ".interplay" / "scheduled" / "clone"
    if not (clone / ".git").is_dir():
        shutil.rmtree(clone, ignore_errors=True)
        clone.parent.mkdir(parents=True, exist_ok=True)
        git(clone.parent, "clone", "--quiet", str(project), clone.name)
    git(clone, "fetch", "--quiet", "--prune", "origin")
    git(clone, "checkout", "--quiet", "--force", "-B", BRANCH, _head(clone))
    if _branch_exists(clone, BRANCH):
        # Only the record of what ran: parameters and code are always the project's own.
        git(clone, "checkout", "--quiet", f"origin/{BRANCH}", "--", "dvc.lock")
    run_dvc(clone, "config", "--local", "cache.dir", str(dvc_cache(project)))
    _bring_sources(project, clone)
    return clone


def _head(clone: Path) -> str:
    git(clone, "remote", "set-head", "origin", "--auto")
    return git(clone, "rev-parse", "origin/HEAD")


def _bring_sources(project: Path, clone: Path) -> None:
    """Copy the source files that git does not carry, where they changed; DVC then decides what that means."""
    for name, block in load_parameters(clone).datasets.items():
        path = Path(str(block.source.get("path", "")))
        if path.is_absolute() or not path.parts or git(clone, "ls-files", "--", str(path)):
            continue
        source, target = (project / path).resolve(), clone / path
        # Outside the project ('../data'): the same relative path must lead to the same file from the clone.
        target = Path(os.path.normpath(target))
        if not source.exists():
            remedy = "Put the file there, or correct the path in params.yaml."
            raise InputError(f"datasets.{name}.source.path", f"no such file {source}", "an existing path", remedy)
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if target.exists() and source.samefile(target):
        return
    if source.is_dir():
        with atomic_directory(target) as aside:
            shutil.copytree(source, aside, dirs_exist_ok=True)
    elif not target.exists() or _differs(source, target):
        with atomic_file(target) as aside:
            shutil.copy2(source, aside)


def _differs(source: Path, target: Path) -> bool:
    first, second = source.stat(), target.stat()
    return (first.st_size, first.st_mtime_ns) != (second.st_size, second.st_mtime_ns)


@task
def commit_lock(clone: Path, push: bool) -> str:
    """Commit `dvc.lock` on `interplay/scheduled` where it changed, push it to the project, and return the commit."""
    git(clone, "add", "dvc.lock")
    if git(clone, "diff", "--cached", "--name-only"):
        git(clone, *_AUTHOR, "commit", "--quiet", "--message", "Record a scheduled run")
    if push:
        run_dvc(clone, "push")
    git(clone, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{BRANCH}")
    return git(clone, "rev-parse", "HEAD")


@task(retries=2, retry_delay_seconds=10)
def publish_reports(clone: Path, destination: Path) -> Path:
    """Copy the reports to the folder that params name; readers see the old ones or the new ones."""
    with atomic_directory(destination) as aside:
        shutil.copytree(clone / "reports", aside, dirs_exist_ok=True)
    return destination / "index.html"
