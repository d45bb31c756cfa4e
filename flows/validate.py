"""Accept a dataset or say why not: schemas, expectations, leakage, drift; rejected rows are set aside with reasons."""

from __future__ import annotations

from pathlib import Path

from tasks.tracking import flow
from tasks.validate import accept_rows, run_checks


@flow
def validate(dataset: str, root: Path = Path()) -> Path:
    """Set broken rows aside, check the rest, and write both results; stop where a gate fails."""
    accepted = accept_rows(dataset, root)
    return run_checks(dataset, root, accepted)
