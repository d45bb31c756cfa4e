"""One pipeline at a time: a lock file in the DVC cache, so that every clone that shares the cache shares the lock."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock

from tasks.gates import GateError
from tasks.reproduce import dvc_cache

_PATIENCE_S = 1.0


@contextlib.contextmanager
def pipeline_lock(root: Path, timeout_s: float) -> Iterator[None]:
    """Hold the pipeline's lock; says so when it has to wait for another holder.

    Raises:
        GateError: when the lock is still held after `timeout_s`, naming the file.
    """
    path = dvc_cache(root) / "interplay.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=min(_PATIENCE_S, timeout_s))
    except filelock.Timeout:
        print(f"Another run holds {path}; waiting up to {timeout_s:g} s.", file=sys.stderr, flush=True)
        try:
            lock.acquire(timeout=timeout_s)
        except filelock.Timeout as error:
            raise GateError(
                f"lock: {path} is still held after {timeout_s:g} s; allowed: one run at a time. "
                "Wait for the other run, or stop it, then run the same command again."
            ) from error
    try:
        yield
    finally:
        lock.release()
