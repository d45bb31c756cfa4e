"""Rows of the benchmark as a table: CPU time, ratio to ours, error against the certified value, memory added."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from benchmarks.cases import Case
from benchmarks.peers import PEERS


def duration(seconds: float) -> str:
    """Return seconds in a unit that suits them."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.2g} us"


def empty_table() -> Table:
    """Return the table without rows."""
    table = Table(box=None, padding=(0, 1), show_lines=False)
    table.add_column("table", no_wrap=True)
    table.add_column("ours\nCPU, gap, MB", no_wrap=True)
    for peer in PEERS[1:]:
        table.add_column(f"{peer.title}\nCPU, ratio, error, MB", no_wrap=True)
    table.add_column("best peer / ours\n(goal)", no_wrap=True)
    return table


def error_of(found: dict[str, Any], certified: dict[str, Any]) -> float:
    """Return the largest difference of an atom from the certified one, bits."""
    return max(abs(x - y) for x, y in zip(found["atoms"], certified["atoms"]))


def peer_cell(found: dict[str, Any], certified: dict[str, Any]) -> str:
    """Return what one peer did on one case."""
    if "limit" in found:
        return f"> {found['limit']:.0f} s" + (" (a smaller table took it)" if found.get("skipped") else "")
    if "failed" in found:
        return f"failed: {found['failed'][:28]}"
    ratio = f"{found['seconds'] / certified['seconds']:.3g}x" if "seconds" in certified else "-"
    if "atoms" not in found:
        return f"~{duration(found['seconds'])}, ~{ratio}"
    error = f"{error_of(found, certified):.0e}" if "seconds" in certified else "-"
    return f"{duration(found['seconds'])}, {ratio}, {error}, {found['megabytes']:.0f}"


def row(case: Case, found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the cells of one case, `found` by the name of the peer."""
    certified = found["ours"]
    if "seconds" in certified:
        own = f"{duration(certified['seconds'])}, {certified['gap']:.0e}, {certified['megabytes']:.0f}"
    else:
        own = peer_cell(certified, certified)
    cells = [peer_cell(found[peer.name], certified) if peer.name in found else "-" for peer in PEERS[1:]]
    times = [found[peer.name]["seconds"] for peer in PEERS[1:] if "seconds" in found.get(peer.name, {})]
    best = f"{min(times) / certified['seconds']:.3g}" if times and "seconds" in certified else "-"
    goal = "" if case.goal is None else f" ({case.goal:g})"
    goal += "" if case.seconds is None else f" (ours < {case.seconds:g} s)"
    return [case.name, own, *cells, best + goal]
