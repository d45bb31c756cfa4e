"""DVC stage `prepare`: acquire, validate, preprocess, align; the results of all four are published together."""

from __future__ import annotations

from pathlib import Path

from flows.stage import run_stage
from tasks.tracking import flow


@flow
def prepare(dataset: str, root: Path = Path()) -> Path:
    """Turn a user's files into a prepared dataset with its checks and everything fitted."""
    from flows.acquire import acquire
    from flows.align import align
    from flows.preprocess import preprocess
    from flows.validate import validate
    from tasks.acquire import drop_stale_steps
    from tasks.align import publish_prepared

    drop_stale_steps(dataset, root)
    acquire(dataset, root)
    validate(dataset, root)
    preprocess(dataset, root)
    align(dataset, root)
    return publish_prepared(dataset, root)


if __name__ == "__main__":
    run_stage(prepare)
