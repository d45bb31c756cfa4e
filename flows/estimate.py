"""Decompose the information of every pair of modalities."""

from __future__ import annotations

from pathlib import Path

from flows.stage import run_stage
from tasks.tracking import flow


@flow
def estimate(dataset: str, root: Path = Path()) -> Path:
    """Decompose the information of every pair of modalities."""
    from tasks.estimate import estimate_pairs

    return estimate_pairs(dataset, root)


if __name__ == "__main__":
    run_stage(estimate)
