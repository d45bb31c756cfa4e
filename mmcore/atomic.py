"""Write aside, then rename: a reader sees the old content or the new one, never half of either.

Files are replaced by `os.replace`. A directory that already exists is exchanged with the new one in one system call
(`renameat2` with RENAME_EXCHANGE on Linux); elsewhere two renames leave a moment in which the old content stands
beside its place as `.old-<name>`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block ends without an error.

    On an error the temporary file is removed and `path` keeps its old content.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_file(target) as aside:
        ...     _ = aside.write_text("done")
        >>> target.read_text()
        'done'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".aside", dir=target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o644)
        _fsync(aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)


@contextlib.contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield an empty directory beside `path`; put it in the place of `path` when the block ends without an error.

    The old directory stays untouched until then and is removed afterwards.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "out"
        >>> with atomic_directory(target) as aside:
        ...     _ = (aside / "a.txt").write_text("done")
        >>> [p.name for p in target.iterdir()]
        ['a.txt']
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".aside", dir=target.parent))
    try:
        yield aside
        aside.chmod(0o755)
        if not target.exists():
            aside.rename(target)
        elif not _exchange(aside, target):
            old = target.parent / f".old-{target.name}"
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            aside.rename(target)
            shutil.rmtree(old)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no NaN, one final newline.

    Raises:
        ValueError: for NaN or infinity, which JSON does not have.

    Example:
        >>> canonical_json({"b": 1, "a": [0.5]})
        '{\\n "a": [\\n  0.5\\n ],\\n "b": 1\\n}\\n'
    """
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as canonical JSON, atomically."""
    text = canonical_json(value)
    with atomic_file(path) as aside:
        aside.write_text(text, encoding="utf-8")
