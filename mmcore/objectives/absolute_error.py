"""Mean absolute error.

    L = 1/B sum_i |f(x_i) - y_i|      (the label's unit)

Reference: Bishop 2006, Pattern Recognition and Machine Learning, equation 1.91 with q = 1; minimised by the conditional
median.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def regression_l1(outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, "batch 1"]) -> Float[Tensor, ""]:
    """Return the mean absolute error.

    Args:
        outputs: predictions (B, 1).
        targets: values (B, 1).

    Example:
        >>> import torch
        >>> regression_l1(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]])).item()
        1.0
    """
    from torch.nn import functional

    return functional.l1_loss(outputs, targets)
