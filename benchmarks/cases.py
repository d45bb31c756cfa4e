"""What is timed: dense random tables, batches of small ones, and gates; and what was measured of BROJA_2PID elsewhere.

`BROJA_SHARE` is BROJA_2PID's CPU time over that of cvxpy + Clarabel, measured side by side in the study behind this
project (dense Dirichlet tables, one thread). It stands in where BROJA_2PID cannot be installed, multiplied by the time
of Clarabel in the same run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmcore.seeds import stream

Float = NDArray[np.float64]

SEED = 0


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of the benchmark.

    Attributes:
        name, shape, size, table: its tables: random ones, or the one that a function returns.
        goal: the least ratio of the best peer to ours that is aimed at; None for no goal.
        seconds: the most CPU seconds of ours that are aimed at; None for no goal.
        limit: CPU seconds after which a peer is stopped.
        quick: whether `--quick` has it.
    """

    name: str
    shape: tuple[int, int, int]
    size: int = 1
    goal: float | None = None
    table: Callable[[], Float] | None = None
    quick: bool = False
    seconds: float | None = None
    limit: float = 12.0

    @property
    def cells(self) -> int:
        """Number of cells of one table."""
        return int(np.prod(self.shape))

    def tables(self) -> Float:
        """Return the tables (size, n1, n2, l)."""
        if self.table is not None:
            return self.table()[None]
        draws = stream(SEED, "bench", *self.shape).dirichlet(np.ones(self.cells), size=self.size)
        return draws.reshape(self.size, *self.shape)


def gate(function: Callable[[int, int], int], n1: int, n2: int) -> Float:
    """Return the table of a function of two independent uniform symbols."""
    labels = [[function(i, j) for j in range(n2)] for i in range(n1)]
    p = np.zeros((n1, n2, int(np.max(labels)) + 1))
    for i in range(n1):
        for j in range(n2):
            p[i, j, labels[i][j]] += 1.0 / (n1 * n2)
    return p


def shared_bit(p: Float) -> Float:
    """Return `p` beside a fair bit that both sources and the label hold."""
    n1, n2, labels = p.shape
    doubled = np.zeros((2, n1, 2, n2, 2, labels))
    for bit in range(2):
        doubled[bit, :, bit, :, bit] = 0.5 * p
    return doubled.reshape(2 * n1, 2 * n2, 2 * labels)


def rdn_unq_xor() -> Float:
    """Return one bit each of redundancy, both uniques and synergy: 8 x 8 x 16."""
    return shared_bit(gate(lambda i, j: (i >> 1) * 4 + (j >> 1) * 2 + ((i ^ j) & 1), 4, 4))


def imperfect_rdn() -> Float:
    """Return X2 = Y, and X1 = Y but for one row in a thousand."""
    return np.array([[[0.499, 0.0], [0.0, 0.0]], [[0.001, 0.0], [0.0, 0.5]]])


DENSE = (
    Case("2x2x2", (2, 2, 2), goal=3, quick=True),
    Case("2x2x5", (2, 2, 5)),
    Case("5x5x2", (5, 5, 2), goal=12),
    Case("5x5x5", (5, 5, 5), goal=5, quick=True),
    Case("10x10x2", (10, 10, 2), goal=25),
    Case("10x10x5", (10, 10, 5)),
    Case("20x20x2", (20, 20, 2), goal=120, quick=True),
    Case("20x20x5", (20, 20, 5), goal=18),
    Case("20x20x10", (20, 20, 10)),
    Case("50x50x2", (50, 50, 2)),
    Case("50x50x5", (50, 50, 5), goal=25),
    Case("100x100x2", (100, 100, 2), goal=2000),
    Case("100x100x5", (100, 100, 5), goal=100, limit=40.0),
    Case("100x100x10", (100, 100, 10), limit=60.0),
    Case("200x200x10", (200, 200, 10), seconds=10.0, limit=60.0),
    Case("500x500x5", (500, 500, 5), seconds=20.0, limit=60.0),
)
BATCHES = (
    Case("2x2x2 x 10,000", (2, 2, 2), 10_000, goal=300, quick=True),
    Case("3x3x3 x 2,000", (3, 3, 3), 2_000),
    Case("10x10x5 x 100", (10, 10, 5), 100),
)
GATES = (
    Case("AND", (2, 2, 2), goal=1, table=lambda: gate(lambda i, j: i & j, 2, 2)),
    Case("XOR", (2, 2, 2), goal=1, table=lambda: gate(lambda i, j: i ^ j, 2, 2)),
    Case("SUM", (2, 2, 3), goal=1, table=lambda: gate(lambda i, j: i + j, 2, 2)),
    Case("IMPERFECTRDN", (2, 2, 2), goal=1, table=imperfect_rdn),
    Case("RDNXOR", (4, 4, 4), goal=1, table=lambda: shared_bit(gate(lambda i, j: i ^ j, 2, 2))),
    Case("RDNUNQXOR", (8, 8, 16), goal=1, table=rdn_unq_xor),
    Case("COPY8", (8, 8, 64), goal=1, table=lambda: gate(lambda i, j: 8 * i + j, 8, 8), quick=True),
)
CASES = (*GATES, *BATCHES, *DENSE)  # the slow ones last

BROJA_SHARE = {
    "2x2x2": 0.47 / 6.9,
    "2x2x5": 0.95 / 9.4,
    "5x5x2": 2.0 / 4.0,
    "5x5x5": 4.2 / 9.9,
    "10x10x2": 4.0 / 8.0,
    "10x10x5": 25 / 24,
    "20x20x2": 28 / 31,
    "20x20x5": 143 / 115,
    "20x20x10": 522 / 382,
    "50x50x2": 284 / 243,
    "50x50x5": 2.23 / 1.06,
    "100x100x2": 2.3 / 1.56,
    "100x100x5": 19.6 / 22.6,
    "2x2x2 x 10,000": 0.47 / 6.9,
    "10x10x5 x 100": 25 / 24,
    "AND": 0.45 / 8.0,
    "XOR": 0.48 / 8.0,
    "SUM": 0.47 / 9.9,
    "IMPERFECTRDN": 0.37 / 7.6,
    "RDNXOR": 0.75 / 12,
    "RDNUNQXOR": 2.2 / 586,
    "COPY8": 1.8 / 9960,
}
