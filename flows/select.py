"""Propose models from the interactions, before anything is trained."""

from __future__ import annotations

from pathlib import Path

from flows.stage import run_stage
from tasks.tracking import flow


@flow
def select(dataset: str, root: Path = Path()) -> Path:
    """Propose models from the interactions, before anything is trained."""
    from tasks.select import propose_models

    return propose_models(dataset, root)


if __name__ == "__main__":
    run_stage(select)
