"""DVC stage `report`: the page, its PDF and its card for the index."""

from __future__ import annotations

from pathlib import Path

from flows.stage import run_stage
from tasks.tracking import flow


@flow
def report(dataset: str, root: Path = Path()) -> Path:
    """Write the page, its PDF and its card for the index."""
    from tasks.report import write_report

    return write_report(dataset, root)


if __name__ == "__main__":
    run_stage(report)
