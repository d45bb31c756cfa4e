"""A stage that is handed over runs as it would have run by itself, and ends with the process that waits for it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks import preload as module
from tasks.preload import PLACE, hand_over, import_libraries, offered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stage runs where it is")

TOY = """
import os, sys, time
print(os.getpid(), os.getppid(), __name__, *sys.argv[1:], os.environ["COLOUR"], os.path.basename(os.getcwd()), VERSION)
print("heard", sys.stdin.read(), file=sys.stderr)
if sys.argv[1] == "wait":
    open("begun", "w").write(str(os.getpid()))
    time.sleep(60)
sys.exit(int(sys.argv[2]))
"""
STAGE = "from tasks.preload import hand_over; hand_over('toy'); print('here')"


@pytest.fixture
def given(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "toy.py").write_text("VERSION = 1" + TOY)
    (tmp_path / "inside").mkdir()
    with offered({**os.environ, "PYTHONUNBUFFERED": "1"}, tmp_path) as environment:
        yield environment


def start(root: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-c", STAGE, *arguments], subprocess.PIPE
    own = {**environment, "COLOUR": "green"}
    return subprocess.Popen(command, cwd=root / "inside", env=own, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_copy_has_the_streams_folder_environment_arguments_and_exit_code_of_the_stage(tmp_path, given):
    stage = start(tmp_path, given, "go", "3")
    said, warned = stage.communicate("a word")
    pid, _, *rest = said.split()
    assert rest == ["__main__", "go", "3", "green", "inside", "1"]
    assert warned == "heard a word\n"
    assert int(pid) != stage.pid
    assert stage.returncode == 3


def test_copies_are_made_from_one_process_and_run_the_code_that_lies_on_disk(tmp_path, given):
    first, _ = start(tmp_path, given, "go", "0").communicate()
    (tmp_path / "toy.py").write_text("VERSION = 22" + TOY)
    second, _ = start(tmp_path, given, "go", "0").communicate()
    assert first.split()[1] == second.split()[1]
    assert (first.split()[-1], second.split()[-1]) == ("1", "22")


def test_a_failure_says_what_it_would_have_said(tmp_path, given):
    stage = start(tmp_path, given, "go", "many")
    _, warned = stage.communicate()
    assert "ValueError: invalid literal for int()" in warned
    assert stage.returncode == 1


ENDINGS = """
import atexit, sys, threading, time
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.3), print("a thread"))).start()
print("buffered", end=" ")
"""


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit()", 0), ("sys.exit('why')", 1), ("1 / 0", 1)])
def test_a_copy_ends_as_an_interpreter_does(tmp_path, given, end, code):
    (tmp_path / "toy.py").write_text(ENDINGS + end)
    alone = subprocess.run([sys.executable, tmp_path / "toy.py"], capture_output=True, text=True)
    stage = start(tmp_path, given)
    said, warned = stage.communicate()
    assert said == alone.stdout == "buffered a thread\nregistered\n"
    assert warned.splitlines()[-1:] == alone.stderr.splitlines()[-1:]
    assert stage.returncode == alone.returncode == code


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_copy_ends_with_its_stage(tmp_path, given, sent):
    stage = start(tmp_path, given, "wait", "0")
    stage.stdin.close()
    stage.stdin = None
    assert until(lambda: (tmp_path / "inside/begun").is_file() and (tmp_path / "inside/begun").read_text())
    pid = int((tmp_path / "inside/begun").read_text())
    stage.send_signal(sent)
    stage.communicate()
    assert stage.returncode == {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}[sent]
    assert until(lambda: not Path(f"/proc/{pid}").exists())


def until(answered, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not answered():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_what_makes_copies_ends_with_the_process_that_offers_them(tmp_path, given):
    said, _ = start(tmp_path, given, "go", "0").communicate()
    maker = int(said.split()[1])
    with offered(dict(os.environ), tmp_path) as environment:
        other, _ = start(tmp_path, environment, "go", "0").communicate()
        assert int(other.split()[1]) != maker
    assert not Path(f"/proc/{other.split()[1]}").exists()
    assert Path(f"/proc/{maker}").exists()


@pytest.mark.parametrize("place", ["", "/nowhere/socket"])
def test_where_nothing_answers_a_stage_runs_where_it_is(monkeypatch, place):
    monkeypatch.setenv(PLACE, place)
    hand_over("toy")
    assert PLACE not in os.environ  # not asked again by a child


def test_a_process_with_a_second_thread_makes_no_copy(monkeypatch):
    monkeypatch.setattr(module, "LIBRARIES", {})
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not import_libraries("flows.prepare")
    finally:
        ended.set()
        thread.join()
        gc.unfreeze()


def test_every_stage_that_hands_itself_over_has_its_libraries_named():
    root = Path(__file__).resolve().parents[2]
    stages = {f"flows.{path.stem}" for path in (root / "flows").glob("*.py") if "run_stage(" in path.read_text()}
    assert stages - {"flows.stage"} == set(module.LIBRARIES)


@pytest.mark.parametrize("name", sorted({*sum(module.LIBRARIES.values(), ()), *module.TRACKING}))
def test_what_is_imported_beforehand_is_installed(name):
    top, *below = name.split(".")
    folder = Path(find_spec(top).submodule_search_locations[0], *below)
    assert folder.is_dir() or folder.with_suffix(".py").is_file()
