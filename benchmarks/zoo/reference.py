"""The reference's training step of a row."""

from __future__ import annotations

import functools
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.reference_models.cca import correlation_loss
from benchmarks.reference_models.composition import MODELS, Composed, hidden_parameters
from benchmarks.zoo.measurement import Step
from benchmarks.zoo.rows import Data, Row


def criterion(row: Row, output: Tensor, target: Tensor) -> Tensor:
    """Return the row's loss of what a model put out."""
    if row.loss == "classes":
        return functional.cross_entropy(output, target)
    if row.loss == "l1":
        return functional.l1_loss(output, target)
    return functional.mse_loss(output, target) if row.loss == "mse" else output.square().mean()


def _inputs(row: Row, model: nn.Module, data: Data) -> list[Any]:
    if not isinstance(model, Composed):
        return list(data.modalities)
    return [(x, data.lengths) if row.packed else (x,) for x in data.modalities]


def reference_step(row: Row, data: Data) -> Step:
    """Return the step; hidden factors are among the leaves, so that their gradients do not pile up."""
    if row.loss == "correlation":
        return Step(functools.partial(correlation_loss, *data.modalities, data.modalities[0].shape[1]), data.modalities)
    model = MODELS[row.name]().train()
    leaves = (*model.parameters(), *hidden_parameters(model), *(x for x in data.modalities if x.requires_grad))
    if row.loss == "own":
        return Step(lambda: model(list(data.modalities), data.target), leaves)
    inputs = _inputs(row, model, data)
    return Step(lambda: criterion(row, model(inputs), data.target), leaves)
