"""`python -m benchmarks models`: training steps of the zoo beside the reference toolkit's, in one process."""

from __future__ import annotations

import torch
from rich.console import Console

from benchmarks.zoo import table
from benchmarks.zoo.comparison import Comparison, compare
from benchmarks.zoo.rows import ROWS
from mmcore.models.randomness import seeded

QUICK_STEPS = 5
ROUNDS = 3  # moments, minutes apart: what else the machine does slows one of them, not all


def run(console: Console, *, quick: bool = False, only: list[str] | None = None) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    rows = [row for row in ROWS if row.quick or not quick]
    rows = [row for row in rows if not only or row.name in only]
    found: dict[str, Comparison] = {}
    for number in range(1 if quick else ROUNDS):
        for row in rows:
            if console.is_terminal:
                console.print(f"round {number + 1}: {row.name:24}", end="\r")
            with seeded(0):
                measured = compare(row, min(row.steps, QUICK_STEPS) if quick else None)
            found[row.name] = found[row.name] + measured if row.name in found else measured
    console.print(table.fidelity(found))
    console.print()
    console.print(table.ours(found))
