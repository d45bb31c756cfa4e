"""DVC stage `prepare`: acquire, validate, preprocess, align."""

from __future__ import annotations

from pathlib import Path

from flows.acquire import acquire
from flows.align import align
from flows.preprocess import preprocess
from flows.stage import run_stage
from flows.validate import validate
from tasks.align import clear_workspace
from tasks.tracking import flow


@flow
def prepare(dataset: str, root: Path = Path()) -> Path:
    """Turn a user's files into a prepared dataset with its checks and everything fitted."""
    acquire(dataset, root)
    validate(dataset, root)
    preprocess(dataset, root)
    prepared = align(dataset, root)
    clear_workspace(dataset, root)
    return prepared


if __name__ == "__main__":
    run_stage(prepare)
