"""Mean squared error.

    L = 1/B sum_i (f(x_i) - y_i)^2      (the label's unit, squared)

Reference: Bishop 2006, Pattern Recognition and Machine Learning, equation 3.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def regression(outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, "batch 1"]) -> Float[Tensor, ""]:
    """Return the mean squared error.

    Args:
        outputs: predictions (B, 1).
        targets: values (B, 1).

    Example:
        >>> import torch
        >>> regression(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]])).item()
        2.0
    """
    from torch.nn import functional

    return functional.mse_loss(outputs, targets)
