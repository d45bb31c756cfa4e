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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(title, total=None)
        yield lambda done, total, detail="": bars.update(
            bar, completed=done, total=total, description=f"{title}: {detail}" if detail else title
        )


def _log_lines(title: str) -> Progress:
    """Return a reporter that writes a line at each tenth of the way."""
    last = [-1]

    def report(done: int, total: int, detail: str = "") -> None:
        tenth = 10 * done // max(total, 1)
        if tenth != last[0]:
            last[0] = tenth
            print(f"{title}: {done} of {total} {detail}".rstrip(), file=sys.stderr, flush=True)

    return report
