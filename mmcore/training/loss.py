"""What training minimises: the task's loss, the model's own losses, and the terms of the objective.

    L = loss_weight * task(f(x), y) + sum_a auxiliary_a + sum_k weight_k term_k

Model and terms are one module, so that terms with parameters or memories are trained, moved and checkpointed with the
model, and so that one forward pass of a distributed wrapper covers everything that receives a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmcore.errors import InputError, unknown_name
from mmcore.models.trace import Trace
from mmcore.objectives import Objective, available_objectives, find_objective


@dataclass(frozen=True)
class ObjectiveSettings:
    """An objective that is chosen and checked: the task's loss, and terms by name with their options."""

    task: Objective
    terms: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def read_objective(objective: str | Mapping[str, Any], task: str) -> ObjectiveSettings:
    """Return the settings of `objective` for a label's task.

    Args:
        objective: `auto`, a task's loss, the name of a term (beside the task's own loss), or
            `{"task": name, "options": {...}, "terms": {term: {"weight": ..., **options}}}`; `options` are the loss's.
        task: `classification`, `multilabel` or `regression`.

    Raises:
        InputError: for unknown names, or a loss of another task.

    Example:
        >>> read_objective("auto", "regression").task.name
        'regression'
    """
    from mmcore.objectives import TERMS, find_term

    if isinstance(objective, str):
        names = [entry.name for entry in TERMS]
        if objective in names:
            return ObjectiveSettings(find_objective("auto", task), {objective: {}})
        if objective not in ("auto", *available_objectives()):
            raise unknown_name("objective", objective, ["auto", *available_objectives(), *names])
        return ObjectiveSettings(find_objective(objective, task))
    for key in objective:
        if key not in ("task", "options", "terms"):
            raise unknown_name("objective", key, ["task", "options", "terms"])
    terms = {name: dict(options or {}) for name, options in dict(objective.get("terms") or {}).items()}
    for name in terms:
        find_term(name)
    options = dict(objective.get("options") or {})
    return ObjectiveSettings(find_objective(str(objective.get("task", "auto")), task, **options), terms, options)


def scored(outputs: Tensor) -> Tensor:
    """Return outputs in at least single precision: a loss in bfloat16 would round away what it should see."""
    return outputs if outputs.dtype == torch.float64 else outputs.float()


def _weight(name: str, options: Mapping[str, Any], default: float) -> float:
    weight = options.get("weight", default)
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= float(weight) < float("inf"):
        raise InputError(f"objective.terms.{name}.weight", weight, "a number, 0 or more", "Correct the value.")
    return float(weight)


class TrainedLoss(nn.Module):
    """The model with its objective; `forward` returns the loss of a batch, `outputs` what the model emits.

    Args:
        model: from `build_model`, or any module with the same call; terms need one that has `trace`.
        settings: from `read_objective`.
        loss_weight: of the task's loss; brings a regression's to unit variance.
        n_rows: training rows, for terms that remember them.
    """

    def __init__(
        self, model: nn.Module, settings: ObjectiveSettings, *, loss_weight: float = 1.0, n_rows: int = 0
    ) -> None:
        super().__init__()
        from mmcore.objectives import build_term, find_term

        self.model, self.task, self.loss_weight = model, settings.task, loss_weight
        self.terms = nn.ModuleDict()
        self.weights: dict[str, float] = {}
        for name, options in settings.terms.items():
            self.weights[name] = _weight(name, options, find_term(name).weight)
            own = {key: value for key, value in options.items() if key != "weight"}
            self.terms[name] = build_term(name, model, n_rows=n_rows, **own)
        self.traced = hasattr(model, "trace")

    def forward(
        self,
        inputs: dict[str, Tensor],
        presence: dict[str, Tensor] | None = None,
        lengths: dict[str, Tensor] | None = None,
        targets: Tensor | None = None,
        rows: Tensor | None = None,
        share: float = 1.0,
    ) -> Tensor:
        """Return the loss of a batch times `share`, or without targets the model's outputs.

        The share is multiplied in here, at full precision: what leaves a wrapped module may be rounded.
        """
        if targets is None:
            return scored(self.model(inputs, presence, lengths))
        trace: Trace = (
            self.model.trace(inputs, presence, lengths)  # type: ignore[operator]
            if self.traced
            else Trace(self.model(inputs, presence, lengths))
        )
        loss = self.task.loss(scored(trace.outputs), targets) * self.loss_weight
        for auxiliary in trace.auxiliary.values():
            loss = loss + auxiliary
        for name, term in self.terms.items():
            loss = loss + self.weights[name] * term(trace, targets, rows)
        return loss if share == 1.0 else loss * share
