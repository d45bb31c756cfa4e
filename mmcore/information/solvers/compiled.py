"""The compiled kernel: from the cache on disk, or compiled, which is said; `python -m` this module fills the cache.

Compiling takes about 15 s of CPU time, most of it LLVM's, so `make setup` does it before anybody waits for a result.
numba keeps the code beside the source, or in the user's cache folder where that is read-only; where neither can be
written to, each process compiles anew. The key of the cache holds the text of all compiled modules, since numba itself
looks only at the file of the function that it loads, not at those of the functions which that one calls.
"""

from __future__ import annotations

import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import typeof
from numba.core import event

from mmcore.information.solvers import kernel, kernel_certificate, kernel_newton


class _Announcement(event.Listener):
    """Says on stderr, once, that something is compiled; what comes from the cache is not announced."""

    def __init__(self, kept: bool) -> None:
        self.said = False
        self.how_often = "once" if kept else "in each process, for want of a folder to keep it in"

    def on_start(self, event: Any) -> None:
        """Say what happens, the first time."""
        if not self.said:
            self.said = True
            print(f"Compiling the solver, {self.how_often}; about 15 s", file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Say nothing."""


def _sources() -> int:
    """Return a number that changes with the text of the compiled modules."""
    modules = (kernel_newton.__file__, kernel_certificate.__file__, kernel.__file__)
    return zlib.crc32(b"".join(Path(module).read_bytes() for module in modules))


@cache
def batch() -> Any:
    """Return the compiled `kernel.define_batch`, ready for double-precision tables of any shape.

    Example:
        >>> len(batch().signatures)
        1
    """
    table = np.zeros((1, 1, 1))
    best = kernel.Best(table[0], table[0], table, np.zeros(2))
    sample = (table, table, 1.0, 1, kernel.state(1, 1, 1), kernel_newton.workspace(1, 1, 1), best, np.zeros((1, 5)))
    function = kernel.define_batch(_sources())
    with event.install_listener("numba:compile", _Announcement(function.stats.cache_path is not None)):
        try:
            function.compile(tuple(map(typeof, sample)))
        except OSError as error:  # compiled, but not kept: a full disk, a folder that was taken away
            print(f"The compiled solver cannot be kept ({error}): it will be compiled in each process", file=sys.stderr)
    function.disable_compile()  # what differs, as a whole number of 32 bits, is converted
    return function


if __name__ == "__main__":
    batch()
