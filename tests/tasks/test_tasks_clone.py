"""Scheduled runs build what is committed, in a clone of their own, and leave the user's tree as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from valid_parameters import PARAMETERS

from mmcore.errors import InputError
from tasks import clone as scheduled
from tasks.clone import BRANCH, commit_lock, publish_reports, refresh_clone
from tasks.reproduce import reproduce, run_dvc

PIPELINE = """
stages:
  build:
    cmd: python build.py
    deps: [build.py, data/raw/films.npz]
    outs:
      - reports:
          persist: true
"""
BUILD = """
from pathlib import Path
Path("reports").mkdir(exist_ok=True)
Path("reports/index.html").write_text("v1 " + Path("data/raw/films.npz").read_text())
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=user", "-c", "user.email=user@localhost", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("template") / "project"
    (root / "data" / "raw").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch", "trunk")
    run_dvc(root, "init", "--quiet")
    (root / "params.yaml").write_text(json.dumps(PARAMETERS), encoding="utf-8")
    (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (root / "build.py").write_text(BUILD, encoding="utf-8")
    (root / ".gitignore").write_text("/data/raw\n/.interplay\n/reports\n", encoding="utf-8")
    (root / "data" / "raw" / "films.npz").write_text("first", encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


@pytest.fixture
def project(template, tmp_path, monkeypatch) -> Path:
    # Nobody's identity, hooks or signing keys: as on a server.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    return shutil.copytree(template, tmp_path / "project", symlinks=True)


@pytest.fixture
def no_dvc(monkeypatch) -> None:
    """Leave DVC out where a test is about git and files only."""
    monkeypatch.setattr(scheduled, "run_dvc", lambda *arguments: "")
    monkeypatch.setattr(scheduled, "dvc_cache", lambda root: root / ".dvc" / "cache")


def record(clone: Path, text: str) -> str:
    (clone / "dvc.lock").write_text(text, encoding="utf-8")
    return commit_lock(clone)


def test_a_night_leaves_the_users_tree_alone_and_the_next_one_takes_its_record(project, tmp_path):
    (project / "build.py").write_text("raise SystemExit('a half-finished edit')", encoding="utf-8")
    (project / "staged.txt").write_text("staged", encoding="utf-8")
    git(project, "add", "staged.txt")
    before = (git(project, "rev-parse", "HEAD"), git(project, "status", "--porcelain", "--branch"))
    clone = refresh_clone(project)
    assert reproduce(clone).executed == ("build",)
    first = commit_lock(clone)
    assert (git(project, "rev-parse", "HEAD"), git(project, "status", "--porcelain", "--branch")) == before
    assert (project / "build.py").read_text(encoding="utf-8").startswith("raise")
    assert git(project, "rev-parse", BRANCH) == first
    assert git(project, "diff", "--name-only", "trunk", BRANCH) == "dvc.lock"
    index = publish_reports(clone, project / ".interplay" / "published")
    assert index.read_text(encoding="utf-8") == "v1 first"

    assert refresh_clone(project) == clone
    assert git(clone, "rev-parse", "HEAD:build.py") == git(project, "rev-parse", "trunk:build.py")
    assert reproduce(clone).executed == ()
    assert commit_lock(clone) == first

    (project / "data" / "raw" / "films.npz").write_text("other", encoding="utf-8")
    assert reproduce(refresh_clone(project)).executed == ("build",)
    second = commit_lock(clone)
    assert git(project, "merge-base", first, second) == first
    publish_reports(clone, project / ".interplay" / "published")
    assert index.read_text(encoding="utf-8") == "v1 other"
    cache = Path(run_dvc(clone, "cache", "dir").strip())
    assert cache.samefile(project / ".dvc" / "cache")


def test_untracked_sources_are_copied_only_where_they_changed(project, no_dvc):
    source = project / "data" / "raw" / "films.npz"
    copied = refresh_clone(project) / "data" / "raw" / "films.npz"
    inode = copied.stat().st_ino
    assert copied.stat().st_mtime_ns == source.stat().st_mtime_ns
    refresh_clone(project)
    assert copied.stat().st_ino == inode
    source.write_text("changed", encoding="utf-8")
    refresh_clone(project)
    assert copied.read_text(encoding="utf-8") == "changed"
    source.unlink()
    with pytest.raises(InputError, match="no such file") as caught:
        refresh_clone(project)
    assert caught.value.argument == "datasets.films.source.path"


def set_source(project: Path, path: str) -> None:
    content = json.loads((project / "params.yaml").read_text(encoding="utf-8"))
    content["datasets"]["films"]["source"]["path"] = path
    (project / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    git(project, "commit", "--quiet", "-am", "Move the source")


def test_a_folder_keeps_its_tracked_files_and_follows_the_others(project, no_dvc):
    folder = project / "data" / "raw"
    (folder / "index.csv").write_text("committed", encoding="utf-8")
    git(project, "add", "--force", "data/raw/index.csv")
    set_source(project, "data/raw")
    (folder / "index.csv").write_text("not committed yet", encoding="utf-8")
    copied = refresh_clone(project) / "data" / "raw"
    assert (copied / "index.csv").read_text(encoding="utf-8") == "committed"
    assert (copied / "films.npz").read_text(encoding="utf-8") == "first"
    (folder / "films.npz").rename(folder / "renamed.npz")
    refresh_clone(project)
    assert sorted(file.name for file in copied.iterdir()) == ["index.csv", "renamed.npz"]


def test_a_source_beside_the_project_is_found_and_one_further_up_is_refused(project, no_dvc):
    (project.parent / "shared.npz").write_text("beside", encoding="utf-8")
    set_source(project, "../shared.npz")
    clone = refresh_clone(project)
    assert (clone / "../shared.npz").read_text(encoding="utf-8") == "beside"
    # From the clone this path leads to the user's own data, which a copy would overwrite.
    set_source(project, "../../../data/raw/films.npz")
    with pytest.raises(InputError, match="absolute"):
        refresh_clone(project)
    assert (project / "data" / "raw" / "films.npz").read_text(encoding="utf-8") == "first"


def test_a_detached_head_and_another_branch_are_followed(project, no_dvc):
    git(project, "checkout", "--quiet", "--detach")
    (project / "note.txt").write_text("on no branch", encoding="utf-8")
    git(project, "add", "note.txt")
    git(project, "commit", "--quiet", "-m", "Add a note")
    assert (refresh_clone(project) / "note.txt").is_file()
    git(project, "switch", "--quiet", "-c", "feature", "trunk")
    assert not (refresh_clone(project) / "note.txt").exists()


def test_the_records_own_branch_cannot_be_the_one_that_is_built(project, no_dvc):
    git(project, "switch", "--quiet", "-c", BRANCH)
    with pytest.raises(InputError, match="any other branch"):
        refresh_clone(project)


def test_a_folder_without_commits_says_so(tmp_path):
    git(tmp_path, "init", "--quiet")
    with pytest.raises(InputError, match="git rev-parse"):
        refresh_clone(tmp_path)


def test_a_record_is_made_only_where_the_lock_changed_and_none_is_lost(project, no_dvc):
    clone = refresh_clone(project)
    head = git(project, "rev-parse", "HEAD")
    assert commit_lock(clone) == head  # no dvc.lock yet
    assert git(project, "branch", "--list", BRANCH) == ""
    first = record(clone, "one")
    assert record(clone, "one") == first
    git(project, "commit", "--quiet", "--allow-empty", "-m", "Work of the day")
    refresh_clone(project)
    assert (clone / "dvc.lock").read_text(encoding="utf-8") == "one"
    second = record(clone, "two")
    parents = git(project, "rev-parse", f"{second}^1", f"{second}^2").splitlines()
    assert parents == [git(project, "rev-parse", "trunk"), first]
    assert git(project, "show", f"{BRANCH}:dvc.lock") == "two"
    assert git(project, "log", "-1", "--format=%an", BRANCH) == "interplay"


def test_a_record_that_somebody_else_moved_is_not_overwritten(project, no_dvc):
    clone = refresh_clone(project)
    record(clone, "one")
    theirs = git(project, "commit-tree", "HEAD^{tree}", "-m", "Another record")
    git(project, "update-ref", f"refs/heads/{BRANCH}", theirs)
    with pytest.raises(InputError, match="rejected"):
        record(clone, "two")
    assert git(project, "rev-parse", BRANCH) == theirs


def test_a_git_hooks_environment_does_not_lead_elsewhere(project, no_dvc, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(project / "nowhere"))
    assert (refresh_clone(project) / "params.yaml").is_file()


def test_a_project_that_moved_keeps_its_clone(project, no_dvc):
    refresh_clone(project)
    moved = project.rename(project.with_name("moved"))
    (moved / "build.py").write_text("# later", encoding="utf-8")
    git(moved, "commit", "--quiet", "-am", "Later")
    assert (refresh_clone(moved) / "build.py").read_text(encoding="utf-8") == "# later"


def test_published_reports_are_replaced_as_a_whole_and_nothing_else_is(tmp_path):
    clone, site = tmp_path / "clone", tmp_path / "site"
    with pytest.raises(InputError, match=r"no index\.html"):
        publish_reports(clone, site)
    (clone / "reports" / "films").mkdir(parents=True)
    (clone / "reports" / "index.html").write_text("one", encoding="utf-8")
    (clone / "reports" / "films" / "old.html").write_text("old", encoding="utf-8")
    publish_reports(clone, site)
    (clone / "reports" / "films" / "old.html").unlink()
    (clone / "reports" / "index.html").write_text("two", encoding="utf-8")
    publish_reports(clone, site)
    assert sorted(str(path.relative_to(site)) for path in site.rglob("*")) == ["films", "index.html"]
    assert (site / "index.html").read_text(encoding="utf-8") == "two"
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("years of work", encoding="utf-8")
    for place in (thesis, clone, clone / "reports", thesis / "chapter.tex"):
        with pytest.raises(InputError) as caught:
            publish_reports(clone, place)
        assert caught.value.argument == "schedule.publish"
    assert (thesis / "chapter.tex").is_file()


def test_a_publication_that_breaks_leaves_the_old_one(tmp_path, monkeypatch):
    clone, site = tmp_path / "clone", tmp_path / "site"
    (clone / "reports").mkdir(parents=True)
    (clone / "reports" / "index.html").write_text("one", encoding="utf-8")
    publish_reports(clone, site)

    def full(source, target, **options):
        (target / "index.html").write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scheduled.shutil, "copytree", full)
    with pytest.raises(OSError, match="No space"):
        publish_reports(clone, site)
    assert (site / "index.html").read_text(encoding="utf-8") == "one"
    assert [path.name for path in tmp_path.iterdir() if "aside" in path.name] == []
