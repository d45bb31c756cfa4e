"""Locks of zombies and of processes that are gone are dropped; those of a living process stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tasks.stale_locks import drop_dead_locks


def lock_file(root: Path, *pids: int) -> Path:
    path = root / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    readers = {"in": [{"pid": pid, "cmd": "dvc"} for pid in pids]}
    path.write_text(json.dumps({"read": readers, "write": {f"out{pid}": {"pid": pid, "cmd": "dvc"} for pid in pids}}))
    return path


def test_a_zombie_holds_nothing(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        path = lock_file(tmp_path, child.pid)
        assert psutil.pid_exists(child.pid)  # which is all that DVC asks
        assert drop_dead_locks(tmp_path) == 1
        assert json.loads(path.read_text()) == {"read": {}, "write": {}}
    finally:
        child.wait()


def test_a_living_process_keeps_its_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.stale_locks._DYING_S", 0.1)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    path = lock_file(tmp_path, os.getpid(), child.pid)
    assert drop_dead_locks(tmp_path) == 1
    kept = json.loads(path.read_text())
    assert kept["read"]["in"] == [{"pid": os.getpid(), "cmd": "dvc"}]
    assert list(kept["write"]) == [f"out{os.getpid()}"]
    assert drop_dead_locks(tmp_path) == 0


def test_no_lock_file_is_no_lock(tmp_path):
    assert drop_dead_locks(tmp_path) == 0
