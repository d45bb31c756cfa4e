"""The reference's training step of a row."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.reference_models.cca import correlation_loss
from benchmarks.reference_models.composition import MODELS, Composed, hidden_parameters
from benchmarks.zoo.measurement import Step
from benchmarks.zoo.rows import Data, Row

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": functional.cross_entropy,
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}


def step_of(row: Row, data: Data, predict: Callable[[], Tensor], leaves: tuple[Tensor, ...]) -> Step:
    """Return the step that ends in the row's loss, or in a given gradient where a fusion is timed alone.

    A loss of 4.5 million outputs takes longer than the fusion that made them and would hide it.
    """
    if row.loss == "fusion":
        return Step(predict, leaves, data.target.expand_as(predict()).contiguous())
    return Step(lambda: LOSSES[row.loss](predict(), data.target), leaves)


def _inputs(row: Row, model: nn.Module, data: Data) -> list[Any]:
    if not isinstance(model, Composed):
        return list(data.modalities)
    return [(x, data.lengths) if row.packed else (x,) for x in data.modalities]


def reference_step(row: Row, data: Data, *, as_published: bool = False) -> Step:
    """Return the step; hidden factors are among the leaves, so that their gradients do not pile up.

    With `as_published` a fusion alone has a loss too, the mean square of what it puts out, as the published times have.
    """
    given = tuple(x for x in data.modalities if x.requires_grad)
    if row.loss == "correlation":
        return Step(functools.partial(correlation_loss, *data.modalities, data.modalities[0].shape[1]), given)
    model = MODELS[row.name]().train()
    leaves = (*model.parameters(), *hidden_parameters(model), *given)
    if row.loss == "own":
        return Step(lambda: model(list(data.modalities), data.target), leaves)
    inputs = _inputs(row, model, data)
    if row.loss == "fusion" and as_published:
        return Step(lambda: model(inputs).square().mean(), leaves)
    return step_of(row, data, lambda: model(inputs), leaves)
