"""DVC stage `index`: one page over all datasets."""

from __future__ import annotations

from pathlib import Path

from tasks.index import write_index
from tasks.tracking import flow, quiet_environment


@flow
def index(root: Path = Path()) -> Path:
    """Write the page over all datasets."""
    return write_index(root)


if __name__ == "__main__":
    quiet_environment()
    index()
