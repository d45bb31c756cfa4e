"""The local tracking server: started in the background on the loopback, found again by its pid file, stopped by it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcore.atomic import write_json
from tasks.gates import GateError
from tasks.reproduce import child_environment

PORT = 4200
_START_TIMEOUT_S = 180
_STOP_TIMEOUT_S = 30
_CLOCK_S = 2.0


@dataclass(frozen=True)
class Server:
    """A running server: where its API answers, and whether this call started it."""

    url: str
    started: bool


def api_url(port: int = PORT) -> str:
    """Return the API address of a local server.

    Example:
        >>> api_url(4200)
        'http://127.0.0.1:4200/api'
    """
    return f"http://127.0.0.1:{port}/api"


def answers(url: str) -> bool:
    """Return whether an API answers at `url` now."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=3) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _pid_file(root: Path) -> Path:
    return root / ".prefect" / "server.pid"


def server_environment(root: Path, **settings: str) -> dict[str, str]:
    """Return the environment in which the server and its clients run: the project's own database, no telemetry."""
    home = os.environ.get("PREFECT_HOME", str((root / ".prefect").resolve()))
    return {**child_environment(), "PREFECT_HOME": home, **settings}


def start_server(root: Path, port: int = PORT, *, scheduler: bool = True) -> Server:
    """Return a server that answers on `port`; starts one in the background where none does.

    Raises:
        GateError: when it does not answer in time, with the end of its log.
    """
    url = api_url(port)
    if answers(url):
        return Server(url, started=False)
    log_path = _pid_file(root).with_name("server.log")
    log_path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    command += [] if scheduler else ["--no-scheduler"]
    with log_path.open("w", encoding="utf-8") as log:
        child = subprocess.Popen(
            command, cwd=root, env=server_environment(root), stdout=log, stderr=log, start_new_session=True
        )
    write_json(_pid_file(root), {"pid": child.pid, "started": _started(child.pid)})
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if answers(url):
            return Server(url, started=True)
        if child.poll() is not None:
            break
        time.sleep(0.3)
    _pid_file(root).unlink(missing_ok=True)
    _end(child.pid)
    tail = "\n".join(log_path.read_text(encoding="utf-8").splitlines()[-15:])
    raise GateError(
        f"server: nothing answers at {url} after its start; allowed: an answer within {_START_TIMEOUT_S} s.\n{tail}\n"
        "Check that the port is free and that the packages are those of requirements.lock ('interplay doctor')."
    )


def stop_server(root: Path) -> bool:
    """Stop the server that `start_server` started for this project; False where there is none.

    A file that names a process which is not that server (it ended, the machine restarted, another process has its
    number now) is removed, and a line on standard error says so; no process is touched.
    """
    path = _pid_file(root)
    if not path.is_file():
        return False
    content = path.read_text(encoding="utf-8")
    path.unlink()
    pid = _pid_of_server(content)
    if pid is None:
        print(f"{path} was out of date and is removed: it does not name a running server.", file=sys.stderr)
        return False
    _end(pid)
    return True


def _pid_of_server(content: str) -> int | None:
    """Return the process that the pid file names, if it is still the one that was started, else None."""
    try:
        noted = json.loads(content)
    except ValueError:
        return None
    if not isinstance(noted, dict) or not isinstance(noted.get("pid"), int):
        return None
    now, then = _started(noted["pid"]), noted.get("started")
    # The clock that tells starts may be set by a little while a process runs.
    same = now is not None and isinstance(then, (int, float)) and abs(now - then) < _CLOCK_S
    return noted["pid"] if same else None


def _started(pid: int) -> float | None:
    """Return when a process started, in seconds since 1970, or None where it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else float(process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _end(pid: int) -> None:
    """Ask the process group to end, then end it."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, sent)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if not _alive(pid):
                return
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def tracking(root: Path, port: int = PORT) -> Iterator[str]:
    """Let this process and its children be tracked; a server that was started for it is stopped again."""
    server = start_server(root, port)
    before = os.environ.get("PREFECT_API_URL")
    home = os.environ.get("PREFECT_HOME")
    os.environ["PREFECT_API_URL"] = server.url
    os.environ.setdefault("PREFECT_HOME", server_environment(root)["PREFECT_HOME"])
    try:
        yield server.url
    finally:
        for key, value in (("PREFECT_API_URL", before), ("PREFECT_HOME", home)):
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        if server.started:
            stop_server(root)
