"""Warping, matching and soft alignment over a dataset: every modality brought onto the reference's steps, by sample.

Each sample is solved alone, on features comparable between the two modalities; the modality's own values are then
projected. What comes out runs on the reference's clock: fixed length where the reference is fixed, else ragged with its
times. A sample whose reference is absent has no clock to go to: the modality becomes absent there, and the record says
how many such rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from mmcore.align.features import comparable
from mmcore.align.sequences import (
    SequenceModality,
    packed,
    replaced,
    sequence_modalities,
    spread,
    untouched,
)
from mmcore.align.soft import soft_alignment
from mmcore.align.transport import NOT_CONVERGED, match
from mmcore.align.warping import Warping, dynamic_time_warpings
from mmcore.data import Dataset, Ragged
from mmcore.errors import InputError

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]
_ROWS_AT_ONCE = 32


class Projection(Protocol):
    """What a solver returns for one pair: a way to bring values of y onto the steps of x."""

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return values (m, d) on the n steps of x."""


def warp_steps(ds: Dataset, reference: str, *, features: str, band: float | None) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence warped onto the reference by dynamic time warping."""

    def solve(pairs: Pairs) -> list[Warping]:
        shapes: dict[tuple[int, int], list[int]] = {}
        for i, (x, y) in enumerate(pairs):
            shapes.setdefault((len(x), len(y)), []).append(i)
        found: dict[int, Warping] = {}
        for members in shapes.values():
            x, y = (np.stack([pairs[i][side] for i in members]) for side in (0, 1))
            found.update(zip(members, dynamic_time_warpings(x, y, band=band), strict=True))
        return [found[i] for i in range(len(pairs))]

    return _project_steps(ds, reference, "warping", features, solve, lambda warping: {"mean_cost": warping.mean_cost})


def match_steps(ds: Dataset, reference: str, *, features: str, **settings: Any) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence's steps matched to the reference's by optimal transport.

    Raises:
        InputError: where the solver does not converge in a sample.
    """

    def solve(pairs: Pairs) -> list[Any]:
        found = [match(x, y, **settings) for x, y in pairs]
        failed = sum(transport.status == NOT_CONVERGED for transport in found)
        if failed:
            raise InputError(
                "max_iterations", f"{settings['max_iterations']}, not enough for {failed} of {len(found)} samples",
                "iterations until convergence", "Raise max_iterations or regularisation, or use solver 'exact'.",
            )  # fmt: skip
        return found

    return _project_steps(
        ds, reference, "transport", features, solve,
        lambda plan: {"cost": plan.cost, "marginal_residual": plan.marginal_residual},
    )  # fmt: skip


def attend_steps(
    ds: Dataset, reference: str, *, features: str, temperature: float, width: float | None
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset with every sequence read by the reference's steps through soft alignment."""
    return _project_steps(
        ds, reference, "soft", features,
        lambda pairs: [soft_alignment(x, y, temperature=temperature, width=width) for x, y in pairs],
        lambda soft: {"entropy_bits": soft.entropy},
    )  # fmt: skip


def _project_steps(
    ds: Dataset,
    reference: str,
    method: str,
    features: str,
    solve: Callable[[Pairs], Sequence[Any]],
    numbers: Callable[[Any], dict[str, float]],
) -> tuple[Dataset, dict[str, Any]]:
    """Solve each sample and project; return the dataset and the record of its modalities."""
    sequences = sequence_modalities(ds, method, reference)
    base = sequences.pop(reference)
    record = untouched(ds, [name for name in ds.modalities if name not in sequences])
    record[reference] = {"operation": "reference", "detail": "the clock of the others; unchanged"}
    changes = {}
    for name, other in sequences.items():
        rows: list[np.ndarray | None] = [None] * len(ds)
        measured: dict[str, list[float]] = {}
        both = np.flatnonzero(base.present & other.present)
        for first in range(0, len(both), _ROWS_AT_ONCE):
            chunk = both[first : first + _ROWS_AT_ONCE]
            pairs = [comparable(base.steps(i), other.steps(i), features=features) for i in chunk]
            for i, result in zip(chunk, solve(pairs), strict=True):
                projection: Projection = result
                rows[i] = projection.project(other.steps(i))
                for key, value in numbers(result).items():
                    measured.setdefault(key, []).append(value)
        changes[name] = _on_clock_of(base, other, rows)
        record[name] = {
            "operation": method,
            "detail": f"each sample on the steps of {reference}, by {features} features",
            "rows": len(both),
            "rows_without_reference": int((other.present & ~base.present).sum()),
            **{key: spread(values) for key, values in measured.items()},
        }
    return replaced(ds, changes), record


def _on_clock_of(base: SequenceModality, other: SequenceModality, rows: list[np.ndarray | None]) -> Any:
    if isinstance(base.array, Ragged):
        timed = base.array.times is not None
        times = [base.array.times_of(i) for i in range(len(rows))] if timed else None
        return packed(other, rows, times=times, rate=base.spec.rate)
    return packed(other, rows, rate=base.spec.rate, fixed=base.array.shape[1])
