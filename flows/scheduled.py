"""The orchestrating flow: the one that schedules start. Takes the lock, runs `dvc repro` in its own clone, publishes.

Imported only by what serves or deploys it, so Prefect is imported here outright.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from mmcore.errors import counted
from tasks.clone import commit_lock, committed_parameters, publish_reports, push_cache, refresh_clone
from tasks.lock import pipeline_lock
from tasks.parameters import load_parameters
from tasks.reproduce import reproduce
from tasks.tracking import publish_link, publish_table


@flow(name="interplay", persist_result=False, log_prints=True)
def scheduled(datasets: list[str] | None = None, project: str = ".") -> list[str]:
    """Bring the datasets' reports up to date and return the stages that ran.

    Args:
        datasets: names in `params.yaml` (None: those under `schedule.datasets`). Targets, never values.
        project: the project's root.
    """
    root = Path(project).resolve()
    # The project's cache is the clone's cache, so this is the lock that every other run takes too.
    with pipeline_lock(root, committed_parameters(root).schedule.lock_timeout_s):
        clone = refresh_clone(root)
        schedule = load_parameters(clone).schedule
        done = reproduce(clone, datasets or schedule.datasets or None)
        commit_lock(clone)
        index = publish_reports(clone, root / schedule.publish)
        # As text too: browsers refuse to open a file from a link on a page that a server sent.
        publish_table("report", [{"report": str(index)}], "Where the report lies; open it in a browser")
        publish_link("report-link", index.as_uri(), "Open the report (copy the address where the browser refuses)")
        print(f"{counted(len(done.executed), 'stage')} ran, {done.skipped} up to date; report: {index}")
        if schedule.push:
            push_cache(clone)
    return list(done.executed)
