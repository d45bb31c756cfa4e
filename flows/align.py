"""Bring modalities onto one clock or into one space, and write the prepared dataset."""

from __future__ import annotations

from pathlib import Path

from tasks.align import align_modalities
from tasks.tracking import flow


@flow
def align(dataset: str, root: Path = Path()) -> Path:
    """Bring modalities onto one clock or into one space, and write the prepared dataset."""
    return align_modalities(dataset, root)
