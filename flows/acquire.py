"""Read a dataset's source files into the dataset format."""

from __future__ import annotations

from pathlib import Path

from tasks.acquire import read_source
from tasks.tracking import flow


@flow
def acquire(dataset: str, root: Path = Path()) -> Path:
    """Read a dataset's source files into the dataset format."""
    return read_source(dataset, root)
