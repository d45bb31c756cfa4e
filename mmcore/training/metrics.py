"""The validation metrics that choose an epoch; higher is better for each.

    accuracy = mean_i [argmax f(x_i) = y_i];   f1_macro = mean_k 2 TP_k / (2 TP_k + FP_k + FN_k);   negative_mse = -MSE

Sums are double precision on the CPU, because an accelerator may have none.
A class with neither a positive nor a predicted row counts 0 in `f1_macro`, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from mmcore.errors import unknown_name
from mmcore.objectives import Objective


def accuracy(outputs: Float[Tensor, "batch classes"], targets: Shaped[Tensor, " batch"]) -> float:
    """Return the share of rows whose largest logit is the true class.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[2.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1]))
        0.5
    """
    return int((outputs.argmax(1) == targets).sum()) / len(targets)


def f1_macro(outputs: Float[Tensor, "batch classes"], targets: Shaped[Tensor, "batch classes"]) -> float:
    """Return the mean over classes of F1, a class being predicted where its logit is positive.

    Example:
        >>> import torch
        >>> f1_macro(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
        1.0
    """
    predicted, true = outputs > 0, targets > 0.5
    doubled = 2.0 * (predicted & true).sum(0).cpu().double()
    total = (predicted.sum(0) + true.sum(0)).cpu().double()
    return float((doubled / total.clamp(min=1)).mean())


def negative_mse(outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, "batch 1"]) -> float:
    """Return minus the mean squared error, in the label's unit squared.

    Example:
        >>> import torch
        >>> negative_mse(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        -2.0
    """
    return -float((outputs.cpu().double() - targets.cpu().double()).square().mean())


def negative_mae(outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, "batch 1"]) -> float:
    """Return minus the mean absolute error, in the label's unit.

    Example:
        >>> import torch
        >>> negative_mae(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        -1.0
    """
    return -float((outputs.cpu().double() - targets.cpu().double()).abs().mean())


def balanced_accuracy(outputs: Float[Tensor, "batch classes"], targets: Shaped[Tensor, " batch"]) -> float:
    """Return the mean recall over the classes that occur.

    Example:
        >>> import torch
        >>> balanced_accuracy(torch.tensor([[2.0, 1.0], [3.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 0, 1]))
        0.5
    """
    truths = targets.cpu()
    hits = (outputs.argmax(1).cpu() == truths).double()
    counts = torch.bincount(truths, minlength=outputs.shape[1])
    right = torch.bincount(truths, weights=hits, minlength=outputs.shape[1])
    return float((right[counts > 0] / counts[counts > 0]).mean())


@dataclass(frozen=True)
class ValidationMetric:
    """A metric that may choose an epoch: its name, its function of outputs and targets, and the tasks it is for."""

    name: str
    function: Callable[[Tensor, Tensor], float] | None
    tasks: tuple[str, ...]

    def score(self, outputs: Tensor, targets: Tensor, loss: float) -> float:
        """Return the value, higher is better; `loss` is the validation loss."""
        return -loss if self.function is None else self.function(outputs, targets)


METRICS: tuple[ValidationMetric, ...] = (
    ValidationMetric("accuracy", accuracy, ("classification",)),
    ValidationMetric("balanced_accuracy", balanced_accuracy, ("classification",)),
    ValidationMetric("f1_macro", f1_macro, ("multilabel",)),
    ValidationMetric("negative_mse", negative_mse, ("regression",)),
    ValidationMetric("negative_mae", negative_mae, ("regression",)),
    ValidationMetric("negative_loss", None, ("classification", "multilabel", "regression")),
)


def find_validation_metric(name: str, objective: Objective) -> ValidationMetric:
    """Return the metric called `name`, or for `auto` the objective's own.

    Raises:
        InputError: for an unknown metric, or one of another task.

    Example:
        >>> from mmcore.objectives import find_objective
        >>> find_validation_metric("auto", find_objective("auto", "classification")).name
        'accuracy'
    """
    wanted = objective.metric if name == "auto" else name
    fitting = [metric for metric in METRICS if objective.task in metric.tasks]
    for metric in fitting:
        if metric.name == wanted:
            return metric
    raise unknown_name("metric", name, ["auto", *(metric.name for metric in fitting)])
