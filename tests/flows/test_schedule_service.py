"""A real server, a real scheduler, no mocks: a minutely schedule fires by itself, and a second run executes nothing.

The companion with the scheduler off shows that the test can fail: it is what catches packages with which the server
starts but no schedule ever fires.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import environment, make_project, tiny

pytestmark = pytest.mark.service

# Seconds of a busy machine: the clone compiles the solver and the loops of models first, most of a minute of CPU time.
FIRST_RUN_S = 400
EACH_FURTHER_RUN_S = 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def minutely(content: dict[str, Any]) -> None:
    tiny(content)
    content["schedule"] |= {"cron": "* * * * *", "datasets": ["planted-tiny"]}


def ask(url: str, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def finished_runs(url: str) -> list[dict[str, Any]]:
    body = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}, "sort": "START_TIME_ASC"}
    body["flows"] = {"name": {"any_": ["interplay"]}}
    return ask(url, "/flow_runs/filter", body)


def wait_for_runs(url: str, count: int, timeout_s: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        runs = finished_runs(url)
        if len(runs) >= count:
            return runs
        time.sleep(2)
    raise TimeoutError(f"{len(finished_runs(url))} of {count} scheduled runs finished within {timeout_s} s")


def stages_of(url: str, flow_run: str) -> list[str]:
    found = ask(
        url, "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run]}, "key": {"any_": ["stages"]}}}
    )
    return [row["stage"] for artifact in found for row in json.loads(artifact["data"])]


@contextlib.contextmanager
def served(place: Path, *, scheduler: bool) -> Iterator[str]:
    """A project with a minutely schedule, its server, and `interplay serve`; everything is stopped at the end."""
    project = make_project(place / "project", minutely)
    port, home = free_port(), place / "home"
    url = f"http://127.0.0.1:{port}/api"
    setup = environment(PREFECT_HOME=str(home), PREFECT_API_URL=url)
    program = (
        "import sys; from pathlib import Path; from flows.server import start_server\n"
        f"start_server(Path(), {port}, scheduler={scheduler})"
    )
    subprocess.run([sys.executable, "-c", program], cwd=project, env=setup, check=True)
    log = (place / "serve.log").open("w")
    serving = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve"], cwd=project, env=setup, stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield url
    finally:
        serving.terminate()
        try:
            serving.wait(90)
        finally:  # also where a run under way did not end in time, nothing goes on running
            with contextlib.suppress(ProcessLookupError):
                os.killpg(serving.pid, signal.SIGKILL)
            stop = "from pathlib import Path; from flows.server import stop_server; stop_server(Path())"
            subprocess.run([sys.executable, "-c", stop], cwd=project, env=setup, check=True)


def test_minutely_schedule_fires_twice_and_the_second_run_executes_no_stage(tmp_path):
    with served(tmp_path, scheduler=True) as url:
        first, second = wait_for_runs(url, 2, FIRST_RUN_S + EACH_FURTHER_RUN_S)[:2]
        assert (first["state_type"], second["state_type"]) == ("COMPLETED", "COMPLETED"), (
            tmp_path / "serve.log"
        ).read_text()
        assert first["auto_scheduled"] and second["auto_scheduled"]
        assert "report@planted-tiny" in stages_of(url, first["id"])
        assert stages_of(url, second["id"]) == ["none"]
    project = tmp_path / "project"
    assert (project / ".interplay" / "published" / "planted-tiny" / "index.html").is_file()
    branches = subprocess.run(
        ["git", "branch", "--list"], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert "interplay/scheduled" in branches


def test_without_a_scheduler_nothing_fires(tmp_path):
    with served(tmp_path, scheduler=False) as url, pytest.raises(TimeoutError, match="0 of 1"):
        wait_for_runs(url, 1, 100)
