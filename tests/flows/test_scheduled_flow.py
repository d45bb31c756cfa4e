"""The order of a scheduled run, what stops it, and what a broken edit of the user or a dead remote do to it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from projects import IDENTITY, edit_parameters, git, make_project

from flows import scheduled as module
from mmcore.errors import InputError
from tasks import clone as clone_module
from tasks import tracking
from tasks.clone import committed_parameters, publish_reports, push_cache, replace_reports
from tasks.parameters import ParametersError
from tasks.reproduce import Reproduced


@pytest.fixture
def project(tmp_path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def steps(project, monkeypatch) -> list:
    """Replace what a scheduled run does by the names of its steps, in the order in which they come."""
    done: list = []

    @contextlib.contextmanager
    def lock(root, timeout_s):
        done.append(("lock", timeout_s))
        yield
        done.append("unlock")

    def note(name, value):
        return lambda *arguments: (done.append(name), value)[1]

    monkeypatch.setattr(module, "pipeline_lock", lock)
    monkeypatch.setattr(module, "refresh_clone", note("refresh", project))
    monkeypatch.setattr(module, "reproduce", note("reproduce", Reproduced(("index",), 3)))
    monkeypatch.setattr(module, "commit_lock", note("commit", "1234"))
    monkeypatch.setattr(module, "publish_reports", note("publish", project / "reports" / "index.html"))
    monkeypatch.setattr(module, "publish_table", lambda key, rows, text: done.append((key, rows)))
    monkeypatch.setattr(module, "publish_link", lambda key, link, text: done.append(link.startswith("file:///")))
    return done


def run(project: Path) -> list[str]:
    return module.scheduled.fn(project=str(project))


def shown(project: Path) -> tuple[str, list[dict[str, str]]]:
    return "report", [{"report": str(project / "reports" / "index.html")}]


def push_too(content: dict) -> None:
    content["schedule"]["push"] = True


def test_the_remote_comes_last_and_its_failure_keeps_the_record_and_the_reports(project, steps, monkeypatch):
    edit_parameters(project, push_too)
    git(project, *IDENTITY, "commit", "--quiet", "--all", "--message", "Push")

    def away(root, *arguments):
        steps.append(arguments)
        raise InputError("dvc push", "no route to host", "success", "Run 'interplay doctor'.")

    monkeypatch.setattr(clone_module, "run_dvc", away)
    with pytest.raises(InputError, match="no route to host"):
        run(project)
    assert steps[1:] == ["refresh", "reproduce", "commit", "publish", shown(project), True, ("push",)]


def test_without_push_the_remote_is_not_asked(project, steps, monkeypatch):
    monkeypatch.setattr(clone_module, "run_dvc", lambda *arguments: pytest.fail("asked"))
    assert run(project) == ["index"]
    assert steps[1:] == ["refresh", "reproduce", "commit", "publish", shown(project), True, "unlock"]


def test_a_broken_edit_does_not_stop_the_night(project, steps, monkeypatch):
    committed = committed_parameters(project)
    # What the clone would hold, which the replaced 'refresh' does not make.
    monkeypatch.setattr(module, "load_parameters", lambda clone: committed)
    (project / "params.yaml").write_text("seed: [1, 2\nschedule: half an edit", encoding="utf-8")
    assert run(project) == ["index"]
    assert steps[0] == ("lock", committed.schedule.lock_timeout_s)


def test_committed_parameters_are_those_of_the_last_commit_and_are_checked(project, tmp_path):
    before = committed_parameters(project)
    edit_parameters(project, lambda content: content["schedule"].update(lock_timeout_s=17))
    assert committed_parameters(project) == before
    git(project, *IDENTITY, "commit", "--quiet", "--all", "--message", "Wait less")
    assert committed_parameters(project).schedule.lock_timeout_s == 17
    edit_parameters(project, lambda content: content["train"].update(epochs=-1))
    git(project, *IDENTITY, "commit", "--quiet", "--all", "--message", "Break it")
    with pytest.raises(ParametersError, match=r"train\.epochs"):
        committed_parameters(project)
    git(project, "rm", "--quiet", "--force", "params.yaml")
    git(project, *IDENTITY, "commit", "--quiet", "--message", "Lose it")
    with pytest.raises(InputError, match="git show"):
        committed_parameters(project)


def test_only_what_another_try_can_help_is_tried_again(tmp_path, monkeypatch):
    """As Prefect sees them: moving files and the remote are retried, refusals are not."""
    tried: dict[str, int] = {}

    def as_prefect_does(function, retries=0, retry_delay_seconds=0):
        def call(*arguments):
            for attempt in range(retries + 1):
                tried[function.__name__] = tried.get(function.__name__, 0) + 1
                try:
                    return function(*arguments)
                except (InputError, OSError):
                    if attempt == retries:
                        raise
            raise AssertionError

        return call

    def away(root, *arguments):
        raise InputError("dvc push", "no route to host", "success", "Run 'interplay doctor'.")

    monkeypatch.setattr(tracking, "tracked", lambda: True)
    monkeypatch.setattr(tracking, "_prefect_task", as_prefect_does)
    monkeypatch.setattr(clone_module, "run_dvc", away)
    with pytest.raises(InputError, match=r"no index\.html"):
        publish_reports(tmp_path, tmp_path / "site")
    with pytest.raises(OSError, match="nothing"):
        replace_reports(tmp_path / "nothing", tmp_path / "site")
    with pytest.raises(InputError, match="no route to host"):
        push_cache(tmp_path)
    assert tried == {"publish_reports": 1, "replace_reports": 3, "push_cache": 3}
