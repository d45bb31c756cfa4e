"""The rows: what goes in, what is asked, how often, and what ours is to reach; random data of the published shapes."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from mmcore.seeds import stream_seed

SEED = 0
AVMNIST = ((1, 28, 28), (1, 112, 112))
MIMIC = ((5,), (24, 12))
AFFECT = ((50, 35), (50, 74), (50, 300))
AFFECT_SMALL = ((50, 5), (50, 20), (50, 300))
LOW_RANK = ((32,), (32,), (128,))
PAIR = ((64,), (64,))


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: its key in the tables of reference models and of published times.
        batch, shapes: rows, and the shape of each modality's row.
        loss: `classes`, `l1`, `mse`, `own` (the model's), `correlation`, or `fusion` (none: a gradient is given).
        outputs: classes, or numbers predicted; with `all_steps` at each of the steps.
        packed: whether encoders take lengths; all sequences have the full length, as where the times were published.
        steps: steps timed of each side in a round.
        calls: calls in a timed step, for those shorter than the clock is fine.
        goal: the least ratio of the reference's time to ours that is aimed at; None for no goal.
        quick: whether `--quick` has it.
    """

    name: str
    batch: int
    shapes: tuple[tuple[int, ...], ...]
    loss: str
    outputs: int = 1
    packed: bool = False
    all_steps: bool = False
    steps: int = 7
    calls: int = 1
    goal: float | None = None
    quick: bool = False


@dataclasses.dataclass(frozen=True)
class Data:
    """A batch: the modalities, their lengths, and the target, for a fusion alone what its gradient is made of."""

    modalities: tuple[Tensor, ...]
    lengths: Tensor
    target: Tensor


def draw(row: Row) -> Data:
    """Return the batch of a row; what goes into a fusion alone takes a gradient, as encoders' outputs do."""
    generator = torch.Generator().manual_seed(stream_seed(SEED, "benchmark", row.name))
    fusion = row.loss in ("fusion", "correlation")
    modalities = tuple(torch.randn(row.batch, *s, generator=generator).requires_grad_(fusion) for s in row.shapes)
    lengths = torch.full((row.batch,), row.shapes[0][0], dtype=torch.long)
    if row.loss == "classes":
        return Data(modalities, lengths, torch.randint(row.outputs, (row.batch,), generator=generator))
    steps = (row.shapes[0][0],) if row.all_steps else ()
    return Data(modalities, lengths, torch.randn(row.batch, *steps, row.outputs, generator=generator))


ROWS: tuple[Row, ...] = (
    Row("LF AV-MNIST", 40, AVMNIST, "classes", 10),
    Row("LRTF AV-MNIST", 40, AVMNIST, "classes", 10),
    Row("MI-matrix AV-MNIST", 40, AVMNIST, "classes", 10),
    Row("LF MIMIC", 40, MIMIC, "classes", 2, steps=50, quick=True),
    Row("LRTF MIMIC", 40, MIMIC, "classes", 2, steps=50),
    Row("MI-matrix MIMIC", 40, MIMIC, "classes", 2, steps=50),
    Row("LF MOSI", 32, AFFECT, "l1", packed=True, goal=1.5, quick=True),
    Row("TF MOSI", 32, AFFECT, "l1", packed=True, goal=2.0, quick=True),
    Row("LRTF MOSI", 32, AFFECT, "l1", packed=True, goal=2.0, quick=True),
    Row("MulT affect", 32, AFFECT, "l1", goal=3.0, quick=True),
    Row("MulT affect 5/20/300", 32, AFFECT_SMALL, "l1", goal=3.0),
    Row("MulT defaults", 32, AFFECT, "l1"),
    Row("MulT stocks", 16, ((500, 1),) * 18, "mse", steps=1),
    Row("MulT Push", 32, ((16, 64),) * 4, "mse", 2, all_steps=True),
    Row("MCTN", 32, ((20, 300),) * 3, "own"),
    Row("TF", 32, LOW_RANK, "fusion", steps=50, goal=2.0, quick=True),
    Row("LRTF", 32, LOW_RANK, "fusion", steps=50, goal=2.0, quick=True),
    Row("MI-matrix", 32, PAIR, "fusion", steps=50, calls=5, quick=True),
    Row("MI-vector", 32, PAIR, "fusion", steps=50, calls=20, quick=True),
    Row("MI-scalar", 32, PAIR, "fusion", steps=50, calls=20, quick=True),
    Row("NL-gate", 32, ((720,), (10,)), "fusion", steps=50, calls=10, quick=True),
    Row("concatenation", 32, LOW_RANK, "fusion", steps=50, calls=20, quick=True),
    Row("CCA loss", 800, ((48,), (48,)), "correlation", steps=50, quick=True),
)
