"""`interplay up --stop` ends the server that was started here, and never a process that only has its number."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows import server
from flows.server import start_server, stop_server
from tasks.gates import GateError


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    """A process in a group of its own, as the server is."""
    command = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout.readline() == "up\n"
        yield child
        child.kill()


def write(root: Path, content: object) -> Path:
    path = root / ".prefect" / "server.pid"
    path.parent.mkdir()
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_process_that_was_started_is_stopped(tmp_path, sleeper):
    started = psutil.Process(sleeper.pid).create_time()
    path = write(tmp_path, {"pid": sleeper.pid, "started": started})
    assert stop_server(tmp_path) is True
    assert not psutil.pid_exists(sleeper.pid)
    assert not path.exists()
    assert stop_server(tmp_path) is False


@pytest.mark.parametrize("noted", ["another start", "a bare number", "no start", "a word"])
def test_a_stranger_with_the_same_number_lives_and_the_stale_file_goes(tmp_path, sleeper, capsys, noted):
    started = psutil.Process(sleeper.pid).create_time()
    content = {
        "another start": {"pid": sleeper.pid, "started": started - 3600},
        "a bare number": sleeper.pid,
        "no start": {"pid": sleeper.pid, "started": None},
        "a word": "server",
    }[noted]
    path = write(tmp_path, content)
    assert stop_server(tmp_path) is False
    assert sleeper.poll() is None
    assert not path.exists()
    assert f"{path} was out of date and is removed" in capsys.readouterr().err


def test_a_server_that_ended_by_itself_is_said_to_be_gone(tmp_path, sleeper, capsys):
    started = psutil.Process(sleeper.pid).create_time()
    write(tmp_path, {"pid": sleeper.pid, "started": started})
    sleeper.kill()
    sleeper.wait()
    assert stop_server(tmp_path) is False
    assert "out of date" in capsys.readouterr().err


def test_the_file_names_the_child_and_when_it_started(tmp_path, sleeper, monkeypatch):
    answers = iter([False, True])
    monkeypatch.setattr(server, "answers", lambda url: next(answers))
    monkeypatch.setattr(server.subprocess, "Popen", lambda *arguments, **options: sleeper)
    assert start_server(tmp_path, 4299).started
    noted = json.loads((tmp_path / ".prefect" / "server.pid").read_text(encoding="utf-8"))
    assert noted == {"pid": sleeper.pid, "started": psutil.Process(sleeper.pid).create_time()}
    assert stop_server(tmp_path) is True


def test_a_start_that_fails_leaves_no_file_and_no_process(tmp_path, sleeper, monkeypatch):
    monkeypatch.setattr(server, "answers", lambda url: False)
    monkeypatch.setattr(server, "_START_TIMEOUT_S", 0.2)
    monkeypatch.setattr(server.subprocess, "Popen", lambda *arguments, **options: sleeper)
    with pytest.raises(GateError, match="nothing answers"):
        start_server(tmp_path, 4299)
    assert not psutil.pid_exists(sleeper.pid)
    assert not (tmp_path / ".prefect" / "server.pid").exists()
