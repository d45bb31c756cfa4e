"""Binary cross-entropy of each class by itself.

    L = - 1/(B K) sum_ik [ y_ik log s(f_ik) + (1 - y_ik) log(1 - s(f_ik)) ],   s(f) = 1 / (1 + exp(-f))      (nats)

Reference: Bishop 2006, Pattern Recognition and Machine Learning, equation 4.90, for each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def multilabel(outputs: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]) -> Float[Tensor, ""]:
    """Return the binary cross-entropy in nats, averaged over rows and classes.

    Args:
        outputs: logits (B, K).
        targets: 0 or 1 (B, K).

    Example:
        >>> import torch
        >>> round(multilabel(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]])).item(), 6)
        0.693147
    """
    from torch.nn import functional

    return functional.binary_cross_entropy_with_logits(outputs, targets)
