"""Flows and tasks that Prefect tracks when an API answers, and that run as plain functions otherwise.

`PREFECT_API_URL` set and answering: Prefect is imported and every decorated function becomes a tracked run, with
caching off, since DVC owns all caching. Otherwise the function is called directly and Prefect is never imported, so a
stage pays nothing for it. There is never a hidden ephemeral server.
"""

from __future__ import annotations

import contextvars
import functools
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from inspect import signature
from typing import Any, ParamSpec, Protocol, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Step(Protocol[P, R_co]):
    """A marked function: called, it may be tracked; `fn` is the function itself, never tracked."""

    __name__: str
    fn: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the step."""


QUIET_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "mmcore",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
"""Telemetry of every tool off, and no server that nobody asked for."""

_HEALTH_TIMEOUT_S = 3.0
_HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"


def quiet_environment() -> None:
    """Switch the tools' telemetry off for this process and its children; what the user has set stays."""
    for key, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(key, value)


@functools.cache
def api_answers(url: str) -> bool:
    """Return whether a Prefect API answers at `url` (asked once a process; a warning says when it does not)."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_HEALTH_TIMEOUT_S) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError) as error:
        print(
            f"PREFECT_API_URL is {url}, but nothing answers there ({error}). Running untracked. "
            "Start a server with 'interplay up', or unset the variable.",
            file=sys.stderr,
        )
        return False


def tracked() -> bool:
    """Return whether runs of this process are tracked."""
    url = os.environ.get("PREFECT_API_URL", "")
    return bool(url) and api_answers(url)


@overload
def task(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def task(
    *, retries: int = 0, retry_delay_seconds: float = 5, run_name: str | None = None
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def task(
    function: Any = None, /, *, retries: int = 0, retry_delay_seconds: float = 5, run_name: str | None = None
) -> Any:
    """Mark a step. Retries apply to tracked runs only, and belong where a retry can help: moving files, a remote.

    `run_name` is what a tracked run is called, with the step's arguments in braces.

    Example:
        >>> @task
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> double(4)
        8
    """
    options: dict[str, Any] = {"retries": retries, "retry_delay_seconds": retry_delay_seconds}
    return _mark(function, "task", options | ({"task_run_name": run_name} if run_name else {}))


@overload
def flow(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def flow(*, name: str | None = None) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def flow(function: Any = None, /, *, name: str | None = None) -> Any:
    """Mark a flow: a function made of tasks and, for a stage, of other flows."""
    return _mark(function, "flow", {"name": name} if name else {})


def map_step(step: Step[..., R], arguments: Sequence[tuple[Any, ...]], *, workers: int) -> Iterator[R]:
    """Yield what `step` returns for each tuple of arguments, as they end, at most `workers` at once.

    Each is a run of its own where runs are tracked. The first failure cancels those that have not begun.

    Example:
        >>> @task
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> sorted(map_step(double, [(1,), (2,), (3,)], workers=2))
        [2, 4, 6]
    """
    if workers < 2:
        for each in arguments:
            yield step(*each)
        return
    with ThreadPoolExecutor(workers) as threads:
        # Every thread gets the context of this one, in which a tracked run knows its flow.
        futures = [threads.submit(contextvars.copy_context().run, step, *each) for each in arguments]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _mark(function: Any, kind: str, options: dict[str, Any]) -> Any:
    if function is None:
        return lambda inner: _mark(inner, kind, options)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not tracked():
            return function(*args, **kwargs)
        quiet_environment()
        if kind == "task":
            return _prefect_task(function, **options)(*args, **kwargs)
        return _run_flow(function, options, args, kwargs)

    call.fn = function  # type: ignore[attr-defined]
    return call


@functools.cache
def _prefect_task(function: Any, **options: Any) -> Any:
    from prefect import task as prefect_task
    from prefect.cache_policies import NO_CACHE

    return prefect_task(function, cache_policy=NO_CACHE, persist_result=False, **options)


@functools.cache
def _prefect_flow(function: Any, **options: Any) -> Any:
    from prefect import flow as prefect_flow

    settings: dict[str, Any] = {"persist_result": False, "validate_parameters": False, **options}
    if "dataset" in signature(function).parameters:
        settings["flow_run_name"] = f"{function.__name__} {{dataset}}"
    return prefect_flow(**settings)(function)


def _run_flow(function: Any, options: dict[str, Any], args: Any, kwargs: Any) -> Any:
    from prefect.context import FlowRunContext
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    prefect_flow: Any = _prefect_flow(function, **options)
    if FlowRunContext.get() is None and _HEARTBEAT in os.environ:
        return prefect_flow(*args, **kwargs)
    # A heartbeat costs up to a second at the end of its flow and nothing here listens to it: only the outermost flow
    # has one, and only where somebody asked for it, whose automation may then tell that a process died.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        return prefect_flow(*args, **kwargs)


def _inside_a_run() -> bool:
    """Return whether a tracked run is going on here, without importing Prefect where none can be."""
    if not tracked() or "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return FlowRunContext.get() is not None or TaskRunContext.get() is not None


def _artifact_key(key: str) -> str:
    """Return `key` in the letters that Prefect allows; a dataset's name may hold an underscore.

    Example:
        >>> _artifact_key("checks-robot_failures")
        'checks-robot-failures'
    """
    return key.lower().replace("_", "-")


def publish_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Show a small table beside the run in Prefect's pages; nothing when the run is not tracked."""
    if _inside_a_run():
        from prefect.artifacts import create_table_artifact

        create_table_artifact(table=rows, key=_artifact_key(key), description=description)


def publish_link(key: str, link: str, text: str) -> None:
    """Show a link beside the run in Prefect's pages; nothing when no tracked run is going on."""
    if _inside_a_run():
        from prefect.artifacts import create_link_artifact

        create_link_artifact(link=link, link_text=text, key=_artifact_key(key))
