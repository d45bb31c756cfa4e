"""Soft (attention-like) alignment: each reference step reads a weighted mean of all steps of the other sequence.

    w_ij = softmax_j( -||x_i - y_j||^2 / (d * temperature) - (u_i - v_j)^2 / (2 width^2) ),   out_i = sum_j w_ij y_j

with u, v the positions of the steps scaled to [0, 1]; the second term is an optional prior for order, which asks for no
learning. Source: the content-based weights of Bahdanau et al. 2015 and Vaswani et al. 2017 with a Gaussian kernel in
the place of a learned score. As temperature goes to 0 each step reads its nearest neighbour. Nothing keeps it monotone:
where order must hold, use warping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore.align.features import as_steps
from mmcore.errors import InputError


@dataclass(frozen=True)
class SoftAlignment:
    """Attention weights from one sequence over another.

    Attributes:
        weights: (n, m), rows sum to 1; 0 on masked steps.
        entropy: mean entropy of the rows in bits: 0 is a hard choice, log2(m) no choice at all.
    """

    weights: np.ndarray
    entropy: float

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return `values` (m, d), which run with y, on the clock of x: (n, d)."""
        return self.weights @ np.asarray(values, dtype=np.float64)


def soft_alignment(
    x: np.ndarray,
    y: np.ndarray,
    *,
    temperature: float = 0.1,
    width: float | None = None,
    mask: np.ndarray | None = None,
) -> SoftAlignment:
    """Return how much each step of `x` attends to each step of `y`.

    Args:
        x: (n, d) or (n,) steps.
        y: (m, d) or (m,) steps of the same width, in the same units.
        temperature: of the softmax, in mean squared difference per column; smaller is harder.
        width: of the prior for equal relative position, as a share of the sequence; None for no prior.
        mask: (m,) True where a step of y may be read; None for all.

    Raises:
        InputError: for widths that differ, a temperature or width that is not positive, or a mask that hides all.

    Example:
        >>> soft_alignment(np.array([0.0, 1.0]), np.array([1.0, 0.0]), temperature=1e-3).weights.round(6).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    a, b = as_steps(x, "x"), as_steps(y, "y")
    if a.shape[1] != b.shape[1]:
        raise InputError(
            "y", f"width {b.shape[1]}", f"the width of x, {a.shape[1]}", "Use features that both have ('magnitude')."
        )
    for argument, value in (("temperature", temperature), ("width", 1.0 if width is None else width)):
        if not 0 < value < np.inf:
            raise InputError(argument, value, "a number above 0", "Give 0.1.")
    readable = np.ones(len(b), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if readable.shape != (len(b),) or not readable.any():
        raise InputError(
            "mask", f"shape {readable.shape}", f"({len(b)},) with a step to read", "Leave a step readable."
        )
    score = -((a[:, None, :] - b[None, :, :]) ** 2).mean(axis=2) / temperature  # (n, m)
    if width is not None:
        score -= (_positions(len(a))[:, None] - _positions(len(b))[None, :]) ** 2 / (2.0 * width**2)
    score[:, ~readable] = -np.inf
    weights = np.exp(score - score.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.where(weights > 0, -weights * np.log2(weights), 0.0)
    return SoftAlignment(weights, float(information.sum(axis=1).mean()))


def _positions(n: int) -> np.ndarray:
    return np.arange(n) / max(n - 1, 1)
