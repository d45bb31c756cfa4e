"""`make bench`: our solvers beside cvxpy + Clarabel on the same random tables, in one run, as ratios of CPU time.

Machines are shared and noisy, so only the ratio is meant to be read. Peers beyond the one that is installed anyway come
with the information floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mmcore.information import pid
from mmcore.seeds import stream

SHAPES = ((2, 2, 2), (5, 5, 2), (5, 5, 5), (4, 4, 8), (10, 10, 2), (8, 8, 7), (20, 20, 2), (20, 20, 5))
REPEATS = 5
SEED = 0


def cpu_seconds(call: Callable[[], Any]) -> float:
    """Return the median CPU time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return float(np.median(times))


def compare(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Return a row: the shape, both CPU times, their ratio, and how far the peer is from the certified union."""
    table = stream(SEED, "bench", *shape).dirichlet(np.ones(int(np.prod(shape)))).reshape(shape)
    ours = pid.decompose(table)
    peer = pid.decompose(table, solver="cvxpy", tol=1e-5)
    fast = cpu_seconds(lambda: pid.decompose(table))
    slow = cpu_seconds(lambda: pid.decompose(table, solver="cvxpy", tol=1e-5))
    error = abs(peer.synergy - ours.synergy)
    size = "x".join(map(str, shape))
    return size, ours.solver, f"{1e3 * fast:.2f} ms", f"{1e3 * slow:.2f} ms", f"{slow / fast:.1f}", f"{error:.1e}"


def main() -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("table", "solver", "ours, CPU", "cvxpy + Clarabel, CPU", "ratio", "peer's error, bits", box=None)
    for shape in SHAPES:
        table.add_row(*compare(shape))
    Console().print(table)


if __name__ == "__main__":
    main()
