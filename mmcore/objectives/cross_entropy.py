"""Cross-entropy of the true class under the softmax of the logits.

    L = - 1/B sum_i log softmax(f(x_i))[y_i]      (nats)

Reference: Bishop 2006, Pattern Recognition and Machine Learning, equation 4.108.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def cross_entropy(outputs: Float[Tensor, "batch classes"], targets: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy in nats.

    Args:
        outputs: logits (B, C).
        targets: class codes (B,), 0 .. C-1.

    Example:
        >>> import torch
        >>> round(cross_entropy(torch.zeros(3, 2), torch.tensor([0, 1, 1])).item(), 6)
        0.693147
    """
    from torch.nn import functional

    return functional.cross_entropy(outputs, targets)
