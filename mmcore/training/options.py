"""What a fit is told, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mmcore.errors import InputError

LARGEST_BATCH, STEPS_AN_EPOCH = 128, 14


def steady_batch_size(n_rows: int) -> int:
    """Return the rows of an update with which an epoch of few rows still has about 14 updates; at most 128, at least 8.

    Patience counts epochs: with four updates each, it ends before an exclusive or is found. What was seen stands in
    `docs/experiments.md`, verdicts on planted worlds.

    Args:
        n_rows: training rows.

    Example:
        >>> [steady_batch_size(n_rows) for n_rows in (20, 420, 1050, 8400)]
        [8, 30, 75, 128]
    """
    return min(LARGEST_BATCH, max(8, n_rows // STEPS_AN_EPOCH))


@dataclass(frozen=True)
class FitOptions:
    """The numbers that decide a fit's result, with the device and precision that decide its last bits.

    Raises:
        InputError: for a number outside its range.

    Example:
        >>> FitOptions(epochs=0)
        Traceback (most recent call last):
        mmcore.errors.InputError: epochs: received 0; allowed: an integer, 1 or more. Correct the value.
    """

    seed: int = 0
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patience: int = 10
    modality_dropout: float = 0.0
    max_gradient_norm: float = 1.0
    metric: str = "auto"
    precision: str = "32-true"
    compile: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("epochs", 1), ("batch_size", 1), ("patience", 1)):
            value: Any = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise InputError(name, value, f"an integer, {low} or more", "Correct the value.")
        for name, may_be_zero, high in (
            ("learning_rate", False, math.inf),
            ("weight_decay", True, math.inf),
            ("modality_dropout", True, 1.0),
            ("max_gradient_norm", False, math.inf),
        ):
            number = float(getattr(self, name))
            if not (0.0 < number < high or (may_be_zero and number == 0.0)):
                allowed = f"a number {'from' if may_be_zero else 'above'} 0, below {high:g}"
                raise InputError(name, number, allowed, "Correct the value.")
