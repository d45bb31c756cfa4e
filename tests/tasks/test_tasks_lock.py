"""One run at a time over all clones that share a cache; who waits is told so, and who waits too long stops."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tasks import lock as module
from tasks.gates import GateError
from tasks.lock import pipeline_lock
from tasks.reproduce import run_dvc

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The cache that every project of the test shares, without asking DVC each time."""
    monkeypatch.setattr(module, "dvc_cache", lambda root: tmp_path / "cache")
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    return tmp_path / "cache"


def test_a_second_holder_in_another_process_waits_and_then_stops(cache, tmp_path, capfd):
    path = cache / "interplay.lock"
    path.parent.mkdir()
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        began = time.monotonic()
        with (
            pytest.raises(GateError, match=r"interplay\.lock is still held after 0\.3 s"),
            pipeline_lock(tmp_path, 0.3),
        ):
            pytest.fail("two holders at once")
        assert time.monotonic() - began >= 0.3
        said = capfd.readouterr()
        assert f"Another run holds {path}; waiting up to 0.3 s." in said.err
        assert said.out == ""
        holder.kill()
    # A holder that was killed holds nothing.
    with pipeline_lock(tmp_path, 5.0):
        pass


def test_a_second_holder_goes_on_when_the_first_is_done(cache, tmp_path):
    order, held = [], threading.Event()

    def first():
        with pipeline_lock(tmp_path / "one", 5.0):
            held.set()
            time.sleep(0.2)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(5)
    with pipeline_lock(tmp_path / "two", 5.0):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_an_error_inside_gives_the_lock_back(cache, tmp_path):
    with pytest.raises(ZeroDivisionError), pipeline_lock(tmp_path, 0.1):
        1 / 0  # noqa: B018
    with pipeline_lock(tmp_path, 0.1):
        pass


def test_clones_that_share_a_cache_share_the_lock_and_others_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    for name, cache in (("one", "shared"), ("two", "shared"), ("three", "own")):
        (tmp_path / name).mkdir()
        run_dvc(tmp_path / name, "init", "--no-scm", "--quiet")
        run_dvc(tmp_path / name, "config", "cache.dir", str(tmp_path / cache))
    with pipeline_lock(tmp_path / "one", 0.1):
        with pytest.raises(GateError), pipeline_lock(tmp_path / "two", 0.1):
            pytest.fail("two holders at once")
        with pipeline_lock(tmp_path / "three", 0.1):
            pass
