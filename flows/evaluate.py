"""Decide on validation rows, then read test rows once."""

from __future__ import annotations

from pathlib import Path

from tasks.evaluate import decide_on_validation, read_test_rows
from tasks.tracking import flow


@flow
def evaluate(dataset: str, root: Path = Path()) -> Path:
    """Decide on validation rows, then read test rows once."""
    decide_on_validation(dataset, root)
    return read_test_rows(dataset, root)
