"""The validation metrics that choose an epoch; higher is better for each.

    accuracy = mean_i [argmax f(x_i) = y_i];   f1_macro = mean_k 2 TP_k / (2 TP_k + FP_k + FN_k);   negative_mse = -MSE

A class with neither a positive nor a predicted row counts 0 in `f1_macro`, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float, Shaped
from torch import Tensor


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
    doubled = 2.0 * (predicted & true).sum(0).double()
    total = (predicted.sum(0) + true.sum(0)).double()
    return float((doubled / total.clamp(min=1)).mean())


def negative_mse(outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, "batch 1"]) -> float:
    """Return minus the mean squared error, in the label's unit squared.

    Example:
        >>> import torch
        >>> negative_mse(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        -2.0
    """
    return -float((outputs.double() - targets.double()).square().mean())


METRICS: tuple[tuple[str, Callable[[Tensor, Tensor], float]], ...] = (
    ("accuracy", accuracy),
    ("f1_macro", f1_macro),
    ("negative_mse", negative_mse),
)
