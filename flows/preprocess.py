"""Turn accepted data into numbers that models take."""

from __future__ import annotations

from pathlib import Path

from tasks.preprocess import fit_and_apply
from tasks.tracking import flow


@flow
def preprocess(dataset: str, root: Path = Path()) -> Path:
    """Turn accepted data into numbers that models take."""
    return fit_and_apply(dataset, root)
