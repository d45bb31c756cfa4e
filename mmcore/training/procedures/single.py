"""One fit of one model by one objective: what most methods are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcore.models import build_model
from mmcore.training.fitting import FitResult, fit

if TYPE_CHECKING:
    from torch import nn

    from mmcore.training.methods import Training


def built(training: Training, **arguments: Any) -> nn.Module:
    """Return the method's untrained model; `arguments` go before those of the method."""
    return build_model(
        training.method.model,
        training.ds.spec,
        modalities=training.modalities,
        label=training.label,
        seed=training.seed,
        **{**training.build, **training.method.arguments, **arguments},
    )


def train(training: Training) -> FitResult:
    """Return the method's model after one fit."""
    return fit(
        built(training),
        training.ds,
        objective=training.method.objective,
        label=training.label,
        rows=training.rows,
        seed=training.seed,
        **training.fit,
    )
