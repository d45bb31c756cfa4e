"""The clone in which scheduled runs work, so that a user's half-edited tree is never built.

It lies in `.interplay/scheduled/clone`, stands at the commit that the project has checked out, and shares the project's
DVC cache. Each changed `dvc.lock` becomes a commit on the project's branch `interplay/scheduled`: a merge of the commit
that was built and of the record before it, so that the branch only ever grows and no record is lost.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from mmcore.atomic import atomic_directory, atomic_file
from mmcore.errors import InputError
from tasks.parameters import PARAMETERS_FILE, Parameters, load_parameters
from tasks.reproduce import child_environment, dvc_cache, run_dvc
from tasks.tracking import task

BRANCH = "interplay/scheduled"
LOCK = "dvc.lock"
_GIT_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_AUTHOR = ("-c", "user.name=interplay", "-c", "user.email=interplay@localhost")


def git(root: Path, *arguments: str) -> str:
    """Return what git prints.

    Raises:
        InputError: with git's own words when it fails.
    """
    command = ["git", *arguments]
    # Inside a git hook these name the repository of the hook, whatever the working directory is.
    environment = {key: value for key, value in child_environment().items() if key not in _GIT_PLACES}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"git {' '.join(arguments)}", done.stderr.strip(), "success", "Run 'interplay doctor'.")
    return done.stdout.strip()


def _recorded(clone: Path) -> str | None:
    """Return the commit of the last scheduled record, or None where there is none yet."""
    name = f"origin/{BRANCH}"
    return git(clone, "rev-parse", name) if git(clone, "branch", "--remotes", "--list", name) else None


def _file_at(clone: Path, commit: str, name: str) -> str:
    """Return the id of a file's content in a commit, or nothing where the commit does not have it."""
    return git(clone, "ls-tree", commit, "--format=%(objectname)", "--", name)


def committed_parameters(project: Path) -> Parameters:
    """Return the parameters of the project's last commit, whatever edit is going on in its `params.yaml`.

    Raises:
        InputError: for a project without a commit that holds `params.yaml`.
        ParametersError: with every problem of the committed file.
    """
    text = git(project, "show", f"HEAD:./{PARAMETERS_FILE}")
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / PARAMETERS_FILE).write_text(text, encoding="utf-8")
        return load_parameters(place)


@task
def refresh_clone(project: Path) -> Path:
    """Return the clone, brought to the project's committed state, with the last scheduled `dvc.lock` and fresh data.

    Raises:
        InputError: for a project that is not a git repository with a commit, that has the record's own branch checked
            out, or whose source files are not there.
    """
    project = project.resolve()
    clone = project / ".interplay" / "scheduled" / "clone"
    git(project, "rev-parse", "--verify", "HEAD")
    if git(project, "branch", "--show-current") == BRANCH:
        remedy = f"Check out your own branch: 'git switch -'. '{BRANCH}' only records what ran."
        raise InputError("branch", BRANCH, "any other branch", remedy)
    if not (clone / ".git").is_dir():
        with atomic_directory(clone) as aside:
            git(clone.parent, "clone", "--quiet", "--no-checkout", str(project), str(aside))
    git(clone, "remote", "set-url", "origin", str(project))
    git(clone, "fetch", "--quiet", "--prune", "origin")
    # The project's own HEAD, which may also be a branch without upstream or no branch at all.
    git(clone, "fetch", "--quiet", "origin", "HEAD")
    git(clone, "checkout", "--quiet", "--force", "-B", BRANCH, "--no-track", "FETCH_HEAD")
    recorded = _recorded(clone)
    if recorded and _file_at(clone, recorded, LOCK):
        # Only the record of what ran: parameters and code are always the project's own.
        git(clone, "checkout", "--quiet", recorded, "--", LOCK)
    own = project / ".dvc" / "config.local"
    if own.is_file():  # remotes and credentials that are not in git
        shutil.copy2(own, clone / ".dvc" / "config.local")
    run_dvc(clone, "config", "--local", "cache.dir", str(dvc_cache(project)))
    for name, block in load_parameters(clone).datasets.items():
        _bring_source(project, clone, name, str(block.source.get("path", "")))
    return clone


def _bring_source(project: Path, clone: Path, dataset: str, path: str) -> None:
    """Copy the files of a source that git does not carry, where they changed; DVC then decides what that means."""
    if not path or Path(path).is_absolute():
        return
    argument = f"datasets.{dataset}.source.path"
    # '../data' must lead to the same file from the clone, but never to a place that is not the clone's own.
    source, target = Path(os.path.normpath(project / path)), Path(os.path.normpath(clone / path))
    if not target.is_relative_to(clone.parent):
        remedy = "Write an absolute path: scheduled runs work in a clone, which lies elsewhere."
        raise InputError(argument, path, "a path at most one folder above the project, or an absolute one", remedy)
    inside = target.is_relative_to(clone)
    tracked = {clone / name for name in git(clone, "ls-files", "-z", "--", path).split("\0")} if inside else set()
    if target in tracked:
        return
    if not source.exists():
        remedy = "Put the file there, or correct the path in params.yaml."
        raise InputError(argument, f"no such file {source}", "an existing path", remedy)
    _copy_changed(source, target, tracked)


def _copy_changed(source: Path, target: Path, tracked: set[Path]) -> None:
    """Make what lies at `target` what lies at `source`, except for the files that git looks after."""
    wanted = {target / file.relative_to(source): file for file in _files(source)}
    for stale in _files(target):
        if stale not in wanted and stale not in tracked:
            stale.unlink()
    for place, file in wanted.items():
        if place not in tracked and (not place.is_file() or _stamp(place) != _stamp(file)):
            with atomic_file(place) as aside:
                shutil.copy2(file, aside)


def _files(path: Path) -> list[Path]:
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in found if file.is_file()]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@task
def commit_lock(clone: Path) -> str:
    """Record `dvc.lock` on `interplay/scheduled` where it differs from the last record; return the record's commit.

    The project's checked-out branch, index and files stay as they are. Without a `dvc.lock` there is nothing to record,
    and the commit that was built comes back.
    """
    built = git(clone, "rev-parse", "HEAD")
    if not (clone / LOCK).is_file():
        return built
    git(clone, "add", "--force", LOCK)
    recorded = _recorded(clone)
    if _file_at(clone, recorded or built, LOCK) == git(clone, "rev-parse", f":{LOCK}"):
        return recorded or built
    parents = [word for commit in dict.fromkeys([built, *([recorded] if recorded else [])]) for word in ("-p", commit)]
    tree = git(clone, "write-tree")
    # Not 'git commit': no hook, signature or identity of the user takes part in a scheduled run.
    record = git(clone, *_AUTHOR, "commit-tree", tree, *parents, "-m", "Record a scheduled run")
    git(clone, "update-ref", "HEAD", record)
    git(clone, "push", "--quiet", "--no-verify", "origin", f"{record}:refs/heads/{BRANCH}")
    return record


@task
def publish_reports(clone: Path, destination: Path) -> Path:
    """Copy the reports to the folder that params name; readers see the old ones or the new ones.

    Raises:
        InputError: where there are no reports, or the folder holds something that is not a published report.
    """
    reports = clone / "reports"
    if not (reports / "index.html").is_file():
        raise InputError("reports", f"no index.html in {reports}", "reports of a finished run", "Run the pipeline.")
    strange = destination.exists() and not (destination.is_dir() and _published(destination))
    if strange or reports.resolve().is_relative_to(destination.resolve()):
        remedy = "Name a new or empty folder under schedule.publish: it is replaced as a whole."
        raise InputError("schedule.publish", destination, "a new folder, or one published before", remedy)
    replace_reports(reports, destination)
    return destination / "index.html"


@task(retries=2, retry_delay_seconds=10)
def replace_reports(reports: Path, destination: Path) -> None:
    """Put a copy of `reports` in the place of `destination`; only this is worth another try, the refusals are not."""
    with atomic_directory(destination) as aside:
        shutil.copytree(reports, aside, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".gitignore"))


@task(retries=2, retry_delay_seconds=30)
def push_cache(clone: Path) -> None:
    """Send what the runs made to the remote; the last step, so that a remote that is away holds nothing else up.

    Raises:
        InputError: with DVC's own words when the remote cannot be reached; the next run sends what is missing.
    """
    run_dvc(clone, "push")


def _published(folder: Path) -> bool:
    return (folder / "index.html").is_file() or not any(folder.iterdir())
