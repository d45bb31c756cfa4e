"""The compiled kernel: from the cache on disk, or compiled, which is said; `python -m` this module fills the cache.

Compiling takes about 15 s of CPU time, most of it LLVM's, so `make setup` does it before anybody waits for a result.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mmcore import compiling
from mmcore.information.solvers import kernel, kernel_certificate, kernel_newton


def _sources() -> int:
    return compiling.sources((kernel_newton, kernel_certificate, kernel))


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
    compiling.compile_for([(function, sample)], "solver", 15)
    return function


if __name__ == "__main__":
    batch()
