"""The orchestrating flow: the one that schedules start. Takes the lock, runs `dvc repro` in its own clone, publishes.

Imported only by what serves or deploys it, so Prefect is imported here outright.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from tasks.clone import commit_lock, publish_reports, refresh_clone
from tasks.lock import pipeline_lock
from tasks.parameters import load_parameters
from tasks.reproduce import reproduce
from tasks.tracking import publish_link


@flow(name="interplay", persist_result=False, log_prints=True)
def scheduled(datasets: list[str] | None = None, project: str = ".") -> list[str]:
    """Bring the datasets' reports up to date and return the stages that ran.

    Args:
        datasets: names in `params.yaml` (None: those under `schedule.datasets`). Targets, never values.
        project: the project's root.
    """
    root = Path(project).resolve()
    # The project's cache is the clone's cache, so this is the lock that every other run takes too.
    with pipeline_lock(root, load_parameters(root).schedule.lock_timeout_s):
        clone = refresh_clone(root)
        schedule = load_parameters(clone).schedule
        done = reproduce(clone, datasets or schedule.datasets or None)
        commit_lock(clone, schedule.push)
        index = publish_reports(clone, root / schedule.publish)
    publish_link("report", index.as_uri(), "Open the report")
    print(f"{len(done.executed)} stages ran, {done.skipped} were up to date; report: {index}")
    return list(done.executed)
