"""Start stages in copies of one process that has imported their libraries already.

A stage spends seconds on importing libraries, often more than on its work. `interplay run` therefore keeps a process
beside itself (`offered`), and a stage that starts under it hands itself over (`hand_over`): that process forks, and the
copy runs the stage with the stage's own streams, folder and environment, while the stage that DVC started waits for it
and ends as it ended. Where no such process answers (a bare `dvc repro`, another system than Linux), it runs as ever.

Only libraries are imported there, and only once a stage that needs them starts. The project's own code is imported by
each copy, so what runs is always what lies on disk, which DVC has hashed. A fork copies one thread, so a process in
which a library has started another one makes no copies any more.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

PLACE = "INTERPLAY_PRELOADED"
"""The variable that names the socket to a stage; not set, a stage runs where it is."""

_TABLES = ("pandas", "pyarrow.parquet", "pydantic", "ruamel.yaml", "scipy.linalg", "scipy.sparse")
_TRAINING = ("torch", "numba", "safetensors.torch", "scipy.stats", "lightning_fabric", "sklearn.metrics")
LIBRARIES = {
    "flows.prepare": (*_TABLES, "scipy.stats", "great_expectations", "pandera.pandas"),
    "flows.estimate": (*_TABLES, "scipy.stats", "numba", "sklearn.cluster", "sklearn.decomposition"),
    "flows.select": (*_TABLES, "torch"),
    "flows.learn": (*_TABLES, *_TRAINING, "sklearn.cluster", "sklearn.decomposition", "pandera.pandas"),
    "flows.report": (*_TABLES, "jinja2", "weasyprint"),
}
"""Module of a stage -> what it is worth to have imported before it starts."""

TRACKING = ("prefect", "prefect.artifacts", "prefect.flow_engine", "prefect.task_engine")
"""The same where runs are tracked."""


@contextlib.contextmanager
def offered(environment: Mapping[str, str], root: Path) -> Iterator[dict[str, str]]:
    """Keep a process that makes copies for the stages that start with this environment.

    Args:
        environment: of the stages.
        root: the project's root, where they start.

    Yields:
        the environment to give them: with the place where that process listens, on Linux.
    """
    if sys.platform != "linux":  # elsewhere a copy of a process with such libraries is not safe
        yield dict(environment)
        return
    with tempfile.TemporaryDirectory(prefix="interplay-") as folder:  # a socket's path has a hundred letters at most
        place = str(Path(folder, "socket"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place)
            listener.listen()
            command = [sys.executable, "-m", "tasks.preload", str(listener.fileno())]
            with subprocess.Popen(
                command, cwd=root, env=dict(environment), stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
            ):  # it ends when its standard input does
                listener.close()
                yield {**environment, PLACE: place}


def hand_over(module: str) -> None:
    """Run `module` in a copy of the process that this one was told of and exit with its code; else return."""
    place = os.environ.pop(PLACE, "")
    if not place:
        return
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile() as answers:
        try:
            connection.connect(place)
            _ask(connection, module)
            number = answers.readline()
        except (ConnectionError, FileNotFoundError):  # it has ended
            return
        if not number:  # it cannot make copies
            return
        # An interruption from the keyboard reaches the copy by itself: it is in the same process group.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda each, _: os.kill(int(number), each))
        code = answers.readline()
    sys.exit(int(code) if code else f"{module}: the process that ran it ended without a word")


def _ask(connection: socket.socket, module: str) -> None:
    request = {"module": module, "arguments": sys.argv[1:], "folder": str(Path.cwd()), "environment": {**os.environ}}
    socket.send_fds(connection, [b"\n"], [0, 1, 2])
    connection.sendall(json.dumps(request).encode() + b"\n")


@dataclass(frozen=True)
class Request:
    """A stage to run: its module and arguments, its folder and environment, and its three streams."""

    module: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    streams: tuple[int, ...]


def read_request(connection: socket.socket) -> Request | None:
    """Return what `hand_over` sent, or None where it ended before it had sent all."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile() as reader:
        line = reader.readline()
    if len(streams) == 3 and line.endswith("\n"):
        return Request(**json.loads(line), streams=tuple(streams))
    for each in streams:
        os.close(each)
    return None


class Copies:
    """The loop of the process that is copied: what it listens to, and the copies that run.

    Args:
        listener: where stages ask.
        lifeline: ends with the process that keeps this one.
    """

    def __init__(self, listener: socket.socket, lifeline: IO[Any]) -> None:
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self._asked)
        self.selector.register(lifeline, selectors.EVENT_READ, self._left)
        self.listening = True
        self.listener, self.lifeline = listener, lifeline
        self.running: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> Request | None:
        """Return a request in each copy that is made for one, and None in this process, at its end."""
        while self.listening or self.running:
            for key, _ in self.selector.select():
                request = key.data(key.fileobj)
                if request is not None:
                    return request  # type: ignore[no-any-return]
        return None

    def _asked(self, listener: socket.socket) -> Request | None:
        connection, _ = listener.accept()
        request = read_request(connection)
        if request is None or not import_libraries(request.module):
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._leave(connection)
            return request
        for each in request.streams:
            os.close(each)
        watched = os.pidfd_open(pid)
        self.running[pid] = (watched, connection)
        self.selector.register(watched, selectors.EVENT_READ, lambda _: self._ended(pid))
        self.selector.register(connection, selectors.EVENT_READ, lambda _: self._forsaken(pid))
        with contextlib.suppress(OSError):  # it may have ended; then it is noticed as forsaken
            connection.sendall(f"{pid}\n".encode())
        return None

    def _ended(self, pid: int) -> None:
        watched, connection = self.running.pop(pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.selector.unregister(watched)
        os.close(watched)
        with contextlib.suppress(KeyError):  # not watched any more where it was forsaken
            self.selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())  # as a shell says it
        connection.close()

    def _forsaken(self, pid: int) -> None:
        """End a copy whose stage was killed: nobody waits for what it does."""
        self.selector.unregister(self.running[pid][1])
        os.kill(pid, signal.SIGKILL)

    def _left(self, lifeline: IO[Any]) -> None:
        self.listening = False
        self.selector.unregister(self.listener)
        self.selector.unregister(lifeline)
        self.listener.close()

    def _leave(self, connection: socket.socket) -> None:
        """Close, in a copy, what belongs to the process that it was made from."""
        self.selector.close()
        connection.close()
        self.listener.close()
        for watched, each in self.running.values():
            os.close(watched)
            each.close()


def import_libraries(module: str) -> bool:
    """Import what the stage `module` needs, and return whether this process can be copied."""
    tracked = TRACKING if os.environ.get("PREFECT_API_URL") else ()
    for name in (*LIBRARIES.get(module, ()), *tracked):
        with contextlib.suppress(ImportError):  # the stage itself will say so
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    return threading.active_count() == 1


def run_as_stage(request: Request) -> None:
    """Become the stage: its streams, folder, environment and arguments; then run its module."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = [request.module, *request.arguments]
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def leave() -> NoReturn:
    """End well, in the order of the interpreter but without taking apart all that was imported, a second or two."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(0)


def main() -> None:
    """Make copies until the process that keeps this one ends; each copy runs its stage."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is for the stages
    lifeline = os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    request = Copies(socket.socket(fileno=int(sys.argv[1])), lifeline).serve()
    if request is not None:
        run_as_stage(request)  # one that fails ends as any does, by its exception
    leave()


if __name__ == "__main__":
    main()
