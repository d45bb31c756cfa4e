"""One peer on one case, in a process of its own: `python worker.py PEER TABLES.npy LIMIT` prints a line of JSON.

The process may belong to another environment than this project's, so only numpy and the peer itself are imported. CPU
time is the least of three windows of enough calls for a coarse clock; past LIMIT CPU seconds after the warm-up the
system ends the process. Memory is what the first solve adds to the peak of the process, imports and one tiny warm-up
before it not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

WINDOWS = 3
WINDOW_SECONDS = 0.2
MOST_CALLS = 2000
SAMPLE = 20  # tables of a batch that a peer without batches is timed on


def ours(ps: Any) -> Any:
    """Decompose each table with this project; a batch in one call."""
    from mmcore.information import pid

    results = [pid.decompose(ps[0])] if len(ps) == 1 else pid.decompose_many(ps)
    return [results[0].redundancy, results[0].unique1, results[0].unique2, results[0].synergy], results[0].gap


def clarabel(ps: Any) -> Any:
    """Solve the program of the thesis in KL form with cvxpy and Clarabel at its default tolerances.

    The program is compiled once for a support and kept, which favours this peer.
    """
    from mmcore.information.solvers.convex import _program

    found = []
    for p in ps:
        p = p[:, :, p.sum(axis=(0, 1)) > 0]
        p = p[p.sum(axis=(1, 2)) > 0][:, p.sum(axis=(0, 2)) > 0]
        a, b = p.sum(axis=1), p.sum(axis=0)
        program = _program(len(a), len(b), a.shape[1], (a > 0).tobytes(), (b > 0).tobytes())
        program.a.value, program.b.value = a[tuple(program.cells1.T)], b[tuple(program.cells2.T)]
        program.problem.solve(solver="CLARABEL", warm_start=False, max_threads=1)
        label = a.sum(axis=0)
        union = (program.problem.value - (label * np.log(label)).sum()) / np.log(2)
        found.append(_atoms(p, union))
    return found[0], None


def broja(ps: Any) -> Any:
    """Call BROJA_2PID, as it is carried by the package idtxl-uv."""
    from idtxl import synergy_tartu

    found = []
    for p in ps:
        # Its X is the label, its Y and Z are the sources.
        cells = {(int(y), int(i), int(j)): float(p[i, j, y]) for i, j, y in zip(*np.nonzero(p))}
        result = synergy_tartu.pid(cells, cone_solver="ECOS", output=0)
        found.append([result["SI"], result["UIY"], result["UIZ"], result["CI"]])
    return found[0], None


def dit(ps: Any) -> Any:
    """Call dit's PID_BROJA with its default optimiser."""
    import dit as library
    from dit.pid import PID_BROJA

    found = []
    for p in ps:
        cells = np.argwhere(p > 0)
        distribution = library.Distribution([tuple(map(int, cell)) for cell in cells], p[p > 0])
        result = PID_BROJA(distribution, [[0], [1]], [2])
        values = [result[node] for node in (((0,), (1,)), ((0,),), ((1,),), ((0, 1),))]
        found.append([float(value) for value in values])
    return found[0], None


def _atoms(p: Any, union: float) -> list[float]:
    def information(table: Any) -> float:
        outer = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
        used = table > 0
        return float((table[used] * np.log2(table[used] / outer[used])).sum())

    first, second = information(p.sum(axis=1)), information(p.sum(axis=0))
    both = information(p.reshape(-1, p.shape[2]))
    return [first + second - union, union - second, union - first, both - union]


PEERS: dict[str, Callable[[Any], Any]] = {"ours": ours, "clarabel": clarabel, "broja": broja, "dit": dit}


def peak_megabytes() -> float:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure(solve: Callable[[Any], Any], tables: Any, batched: bool, limit: float) -> dict[str, Any]:
    """Return CPU seconds a table, the atoms of the first table, the gap if there is one, and the memory added."""
    generator = np.random.default_rng(0)
    for labels in {2, min(int(tables.shape[3]), 3)}:
        solve(generator.dirichlet(np.ones(4 * labels)).reshape(1, 2, 2, labels))
    if not batched:
        tables = tables[:SAMPLE]
    allowed = int(time.process_time() + limit) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed))
    before = peak_megabytes()
    started = time.process_time()
    answer = solve(tables)
    seconds = time.process_time() - started
    added = peak_megabytes() - before
    calls = min(MOST_CALLS, int(WINDOW_SECONDS / max(seconds, 1e-9)) + 1)
    windows = []
    for _ in range(WINDOWS if seconds < limit / 6 else 0):
        started = time.process_time()
        for _ in range(calls):
            solve(tables)
        windows.append((time.process_time() - started) / calls)
    seconds = min(windows, default=seconds)
    atoms, gap = answer
    return {"seconds": seconds / len(tables), "atoms": atoms, "gap": gap, "megabytes": added}


def main() -> None:
    """Measure what the command line names."""
    name, path, limit = sys.argv[1:4]
    # The answer goes to a stream of its own: some peers print.
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        found = measure(PEERS[name], np.load(path), name == "ours", float(limit))
    except Exception as error:  # whatever a peer raises is what the table says of it
        found = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:80]}
    print(json.dumps(found), file=answer)


if __name__ == "__main__":
    main()
