"""`python -m benchmarks decompositions`: our solvers beside cvxpy + Clarabel, BROJA_2PID and dit.

Machines are shared and noisy, so only the ratios are meant to be read. Each peer runs in a process of its own on one
thread; a batch is timed per table, peers without batches on its first 20 tables. "error" is the largest difference of
an atom from ours, whose certified gap stands beside it; both in bits. "MB" is the peak memory that a solve adds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import peers, report
from benchmarks.cases import BROJA_SHARE, CASES, DENSE, Case

TOTAL_SECONDS = 540.0


def _hopeless(case: Case, reached: tuple[int, float] | None) -> bool:
    """Return whether a peer that reached its limit, (cells, seconds), cannot end here: time grows faster than cells."""
    return reached is not None and case.limit / reached[1] <= case.cells / reached[0]


def measure(
    case: Case,
    tables: Path,
    chosen: tuple[peers.Peer, ...],
    refused: dict[str, str],
    limited: dict[str, tuple[int, float]],
    stop: float,
) -> dict[str, dict[str, Any]]:
    """Return what each peer did on one case; a peer that a smaller table took past its limit is not asked again."""
    found: dict[str, dict[str, Any]] = {}
    for peer in chosen:
        if peer.name in refused:
            found[peer.name] = {"failed": refused[peer.name]}
        elif case in DENSE and _hopeless(case, limited.get(peer.name)):
            found[peer.name] = {"limit": limited[peer.name][1], "skipped": True}
        elif time.monotonic() > stop and peer.name != "ours":
            found[peer.name] = {"failed": "the run's time was over"}
        else:
            found[peer.name] = peers.run(peer, tables, case.limit)
            if "limit" in found[peer.name] and case in DENSE and peer.name != "ours":
                limited[peer.name] = (case.cells, case.limit)
    known = case.name in BROJA_SHARE and "seconds" in found.get("clarabel", {})
    if "broja" in refused and known:
        found["broja"] = {"seconds": BROJA_SHARE[case.name] * found["clarabel"]["seconds"]}
    return found


def run(console: Console, *, quick: bool = False, only: list[str] | None = None) -> None:
    """Print the table."""
    chosen = tuple(peer for peer in peers.PEERS if not (quick and peer.name == "dit"))
    cases = [case for case in CASES if case.quick or not quick]
    cases = [case for case in cases if not only or case.name in only]
    refused = peers.environment(chosen)
    for name, reason in refused.items():
        console.print(f"{name} could not be installed: {reason}")
    if "broja" in refused:
        console.print(
            "BROJA_2PID (~): its time in proportion to Clarabel's as measured elsewhere, times Clarabel's here"
        )
    table, limited = report.empty_table(), {}
    stop = time.monotonic() + TOTAL_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            if console.is_terminal:
                console.print(f"{case.name:20}", end="\r")
            path = Path(folder) / "tables.npy"
            np.save(path, case.tables())
            table.add_row(*report.row(case, measure(case, path, chosen, refused, limited, stop)))
    console.print(table)
