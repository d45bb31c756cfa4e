"""Progress of long work: a bar where a person watches, one line a step where a log does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Progress = Callable[[int, int, str], None]


@contextlib.contextmanager
def reporter(title: str) -> Iterator[Progress]:
    """Yield `report(done, total, detail)`; everything goes to standard error.

    Example:
        >>> with reporter("fit") as report:
        ...     report(1, 1, "late_fusion")
    """
    if not sys.stderr.isatty():
        yield _log_lines(title)
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        bar = bars.add_task(title, total=None)

        def report(done: int, total: int, detail: str = "") -> None:
            words = f"{title}: {detail}" if detail else title
            bars.update(bar, completed=done, total=total, description=words)

        yield report


def _log_lines(title: str) -> Progress:
    """Return a reporter that writes a line at each tenth of the way."""
    last = [-1]

    def report(done: int, total: int, detail: str = "") -> None:
        tenth = 10 * done // max(total, 1)
        if tenth != last[0]:
            last[0] = tenth
            print(f"{title}: {done} of {total} {detail}".rstrip(), file=sys.stderr, flush=True)

    return report
