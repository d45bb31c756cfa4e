"""Code that numba compiles: kept on disk, compiled again when its text changes, and announced while one waits.

numba keeps the code beside the source, or in the user's cache folder where that is read-only; where neither can be
written to, each process compiles anew. numba looks only at the file of the function that it loads, not at those of the
functions which that one calls, so what is kept closes over `sources`, a number of the text of all modules concerned.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit, typeof
from numba.core import event


class _Announcement(event.Listener):
    """Says on stderr, once, that something is compiled; what comes from the cache is not announced."""

    def __init__(self, what: str, seconds: int, kept: bool) -> None:
        self.said = False
        how_often = "once" if kept else "in each process, for want of a folder to keep it in"
        self.text = f"Compiling the {what}, {how_often}; about {seconds} s"

    def on_start(self, event: Any) -> None:
        """Say what happens, the first time."""
        if not self.said:
            self.said = True
            print(self.text, file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Say nothing."""


def sources(modules: Iterable[ModuleType]) -> int:
    """Return a number that changes with the text of the modules.

    Example:
        >>> from mmcore import compiling
        >>> sources([compiling]) == sources([compiling, compiling])
        False
    """
    return zlib.crc32(b"".join(Path(str(module.__file__)).read_bytes() for module in modules))


def kept(function: Callable[..., Any], **options: Any) -> Any:
    """Return `function` to be compiled and kept on disk, where there is a folder to write to."""
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to write to: the code is compiled anew in each process
        return njit(**options)(function)


def compile_for(pairs: Iterable[tuple[Any, Sequence[Any]]], what: str, seconds: int) -> None:
    """Compile each function of `kept` for the types of its sample of arguments, or take it from the disk.

    Args:
        pairs: functions and lists of arguments; other types raise TypeError from then on, unless they convert.
        what, seconds: for the announcement on stderr.
    """
    pairs = list(pairs)
    listener = _Announcement(what, seconds, all(function.stats.cache_path is not None for function, _ in pairs))
    with event.install_listener("numba:compile", listener):
        for function, sample in pairs:
            try:
                function.compile(tuple(map(typeof, sample)))
            except OSError as error:  # compiled, but not kept: a full disk, a folder that was taken away
                text = f"The compiled {what} cannot be kept ({error}): it will be compiled in each process"
                print(text, file=sys.stderr)
            function.disable_compile()  # what differs, as a whole number of 32 bits, is converted
