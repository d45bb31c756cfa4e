"""Which pairs of a batch serve as negatives: all, or, given a condition, those of the same class alone.

Scores come as S[i, j] = f(x_i, y_j), (batch, batch), joint pairs on the diagonal. Given a label c the product that the
joint is compared with is p(x|c) p(y|c), so that negatives of row i must be rows of the class of i. The released code of
FactorCL draws them from the whole batch, which measures I([X,C]; Y) and not I(X;Y|C).

Reference: thesis equations 4.13 and 4.14.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmcore.errors import InputError


def comparable_pairs(
    scores: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"] | None
) -> Bool[Tensor, "batch batch"]:
    """Return True where j may stand for a draw from the marginal of i, the diagonal included.

    Raises:
        InputError: for scores that are no square matrix, or labels of another length.

    Example:
        >>> comparable_pairs(torch.zeros(3, 3), torch.tensor([0, 1, 0])).int().tolist()
        [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) == 0:
        received = f"shape {tuple(scores.shape)}"
        raise InputError("scores", received, "a square matrix (batch, batch)", "Score every x against every y.")
    if labels is None:
        return torch.ones_like(scores, dtype=torch.bool)
    if labels.shape != scores.shape[:1]:
        received = f"shape {tuple(labels.shape)}"
        raise InputError("labels", received, f"one class a row, ({len(scores)},)", "Align labels and scores.")
    return labels[:, None] == labels[None, :]
