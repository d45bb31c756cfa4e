"""The rows as two tables: the reference against its published proportion, and ours beside the reference."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from benchmarks.report import duration
from benchmarks.zoo.comparison import ALLOWED_EXCESS, ANCHORS, Comparison, implied, published_lstm


def fidelity(found: Mapping[str, Comparison]) -> Table:
    """Return the table that says whether each reference is as slow as the published module, and no slower."""
    table = Table(box=None, padding=(0, 1), title="References beside what was published (least times)")
    for title in ("model", "here", "x LSTM", "implied", "above implied"):
        table.add_column(title, no_wrap=True)
    there = published_lstm(found)
    for name, comparison in found.items():
        cells = [name, duration(comparison.published.least), f"{comparison.relative:.3g}"]
        if there is None:
            table.add_row(*cells, "-", "- (no anchor among the rows)")
            continue
        excess = comparison.relative / implied(name, there)
        text = f"{100 * (excess - 1):+.0f} %" + (" (anchor)" if name in ANCHORS else "")
        text = f"[red]{text}: a defect of the reference[/red]" if excess > ALLOWED_EXCESS else text
        table.add_row(*cells, f"{implied(name, there):.3g}", text)
    return table


def ours(found: Mapping[str, Comparison]) -> Table:
    """Return the table of ours beside the reference, with goals and memory."""
    table = Table(box=None, padding=(0, 1), title="Ours beside the reference (medians of CPU time; peak of tensors)")
    for title in ("model", "reference", "ours", "ratio (goal)", "reference MB", "ours MB"):
        table.add_column(title, no_wrap=True)
    for name, comparison in found.items():
        goal = "" if comparison.row.goal is None else f" ({comparison.row.goal:g})"
        cells = [name, duration(comparison.reference.median)]
        held = f"{comparison.reference_bytes / 1e6:.3g}"
        if comparison.ours is None or comparison.ours_bytes is None or comparison.ratio is None:
            table.add_row(*cells, comparison.reason, f"-{goal}", held, "-")
            continue
        missed = comparison.row.goal is not None and comparison.ratio < comparison.row.goal
        ratio = f"{comparison.ratio:.2f}{goal}"
        ratio = f"[red]{ratio}[/red]" if missed else ratio
        table.add_row(*cells, duration(comparison.ours.median), ratio, held, f"{comparison.ours_bytes / 1e6:.3g}")
    return table
