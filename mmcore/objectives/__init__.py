"""Objectives: what training minimises, and the metric that says which epoch was best.

Losses are in nats (classification, multilabel) or squared units (regression), averaged over rows.
Importing this package imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmcore.errors import InputError, unknown_name
from mmcore.objectives.cross_entropy import cross_entropy
from mmcore.objectives.multilabel import multilabel
from mmcore.objectives.regression import regression

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OBJECTIVES", "Objective", "available_objectives", "cross_entropy", "find_objective", "multilabel"]
__all__ += ["regression"]


@dataclass(frozen=True)
class Objective:
    """One row of the table: `loss(outputs, targets) -> scalar`, the task it is for and the validation metric's name.

    Every metric is oriented so that higher is better.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    task: str
    metric: str
    reference: str


OBJECTIVES: tuple[Objective, ...] = (
    Objective("cross_entropy", cross_entropy, "classification", "accuracy", "Bishop 2006, PRML, equation 4.108"),
    Objective("multilabel", multilabel, "multilabel", "f1_macro", "Bishop 2006, PRML, equation 4.90, one a class"),
    Objective("regression", regression, "regression", "negative_mse", "Bishop 2006, PRML, equation 3.12"),
)


def available_objectives() -> tuple[str, ...]:
    """Return the names that `find_objective` knows.

    Example:
        >>> available_objectives()
        ('cross_entropy', 'multilabel', 'regression')
    """
    return tuple(objective.name for objective in OBJECTIVES)


def find_objective(name: str, task: str) -> Objective:
    """Return the objective called `name`, or for `"auto"` the one of the label's task.

    Raises:
        InputError: for an unknown name, or an objective of another task.

    Example:
        >>> find_objective("auto", "regression").metric
        'negative_mse'
    """
    if name == "auto":
        return next(objective for objective in OBJECTIVES if objective.task == task)
    for objective in OBJECTIVES:
        if objective.name == name:
            if objective.task != task:
                fitting = ", ".join(["auto", *(o.name for o in OBJECTIVES if o.task == task)])
                raise InputError("objective", f"'{name}' for a {task} label", fitting, "Use 'auto'.")
            return objective
    raise unknown_name("objective", name, ["auto", *available_objectives()])
