"""`interplay serve`: start the pipeline at the times of `schedule.cron`, for as long as this process runs."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.parameters import load_parameters


def serve_schedule(root: Path, datasets: list[str] | None = None) -> None:
    """Serve the orchestrating flow on the schedule of `params.yaml`; needs `PREFECT_API_URL`, runs until stopped.

    Args:
        root: the project's root.
        datasets: names in `params.yaml` (None: those under `schedule.datasets`).
    """
    from prefect.schedules import Cron

    from flows.scheduled import scheduled

    schedule = load_parameters(root).schedule
    os.chdir(root)
    scheduled.serve(
        name="scheduled",
        schedules=[Cron(schedule.cron, timezone=schedule.timezone)],
        parameters={"datasets": datasets, "project": str(root.resolve())},
        limit=1,
        print_starting_message=True,
    )
