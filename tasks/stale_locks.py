"""Locks that a killed `dvc` left behind: DVC clears those of processes that are gone, not those of zombies.

A run killed by SIGKILL leaves its `dvc` as a zombie until somebody reaps it, which may take seconds, and DVC takes a
zombie for a living writer. Called only while the pipeline's lock is held, so no other run of ours can be at work.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psutil

from mmcore.atomic import atomic_file

_DYING_S = 5.0


def _works(pid: int) -> bool:
    """Return whether a process can still write: it exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _still_works(pid: int) -> bool:
    """Return whether a process works, after giving one that was just killed the time to end."""
    deadline = time.monotonic() + _DYING_S
    while _works(pid):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def drop_dead_locks(root: Path) -> int:
    """Remove the entries of dead processes from DVC's read-write lock and return how many there were."""
    path = root / ".dvc" / "tmp" / "rwlock"
    if not path.is_file():
        return 0
    held: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8") or "{}")
    readers, writers = held.get("read", {}), held.get("write", {})
    pids = {entry["pid"] for entries in readers.values() for entry in entries}
    pids |= {entry["pid"] for entry in writers.values()}
    dead = {pid for pid in pids if not _still_works(pid)}
    if not dead:
        return 0
    kept_readers = {name: [e for e in entries if e["pid"] not in dead] for name, entries in readers.items()}
    kept = {
        "read": {name: entries for name, entries in kept_readers.items() if entries},
        "write": {name: entry for name, entry in writers.items() if entry["pid"] not in dead},
    }
    with atomic_file(path) as aside:
        aside.write_text(json.dumps(kept), encoding="utf-8")
    return len(dead)
