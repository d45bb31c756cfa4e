"""Cross-entropy of the true class under the softmax of the logits.

    L = - 1/B sum_i log softmax(f(x_i))[y_i]      (nats)

with s/C + (1 - s) [c = y_i] in place of the indicator of the class under label smoothing, and rows weighted by class
where weights are given.
Reference: Bishop 2006, Pattern Recognition and Machine Learning, equation 4.108; smoothing: Szegedy et al. 2016 (CVPR).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmcore.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def cross_entropy(
    outputs: Float[Tensor, "batch classes"],
    targets: Int[Tensor, " batch"],
    *,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy in nats.

    Args:
        outputs: logits (B, C).
        targets: class codes (B,), 0 .. C-1.
        class_weights: (C,), not negative: rows count by the weight of their class, w_i, and the mean is
            sum_i w_i L_i / sum_i w_i.
        label_smoothing: share s of the target that is spread evenly over all classes, in [0, 1].

    Raises:
        InputError: for weights that are not one number a class, or a share out of range.

    Example:
        >>> import torch
        >>> round(cross_entropy(torch.zeros(3, 2), torch.tensor([0, 1, 1])).item(), 6)
        0.693147
    """
    from torch.nn import functional

    if not 0 <= label_smoothing <= 1:
        raise InputError("label_smoothing", label_smoothing, "in [0, 1]", "Use 0.1.")
    weights = None
    if class_weights is not None:
        if len(class_weights) != outputs.shape[1] or not all(weight >= 0 for weight in class_weights):
            allowed = f"{outputs.shape[1]} numbers, 0 or more"
            raise InputError("class_weights", list(class_weights), allowed, "Give one a class, in the label's order.")
        weights = outputs.new_tensor(list(class_weights))
    return functional.cross_entropy(outputs, targets, weight=weights, label_smoothing=label_smoothing)
