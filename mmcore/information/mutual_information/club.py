"""CLUB: an upper bound of mutual information by a learned conditional density, and the difference it rests on.

    I_CLUB = E_p(x,y)[ log q(y|x) ] - E_p(x)p(y)[ log q(y|x) ]

Reference: Cheng et al. (2020), CLUB, ICML. With q = p(y|x) it is I(X;Y) + KL(p(x)p(y) || p(x,y)), an upper bound. With
a learned q it is one only while KL(p(x,y) || q(y|x)p(x)) <= KL(p(x)p(y) || q(y|x)p(x)) (their theorem 3.2), and even so
of a value that can lie anywhere: a q that ignores x gives zero, whatever the information. For a pair of unit Gaussians
and q = N(a x, s^2) it is a rho / s^2 nats: less than -1/2 log(1 - rho^2) for too flat a q (a = rho = 0.95, s = 1: 0.90
against 1.16). Hence the kind "upper_bound_surrogate".

q is Gaussian with diagonal covariance, mean and log variance from perceptrons. Departures from the authors' code on
purpose: joint pairs are left out of the negatives, and the log variance may reach +-6 instead of +-1 (with +-1 a noise
below a third of the variance cannot be fitted).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.errors import InputError
from mmcore.information.mutual_information.critics import perceptron
from mmcore.information.mutual_information.learning import Learning, held_out, learn_scores
from mmcore.information.mutual_information.negatives import comparable_pairs
from mmcore.information.samples import check_number

if TYPE_CHECKING:
    from mmcore.information.mutual_information.result import MutualInformation


def club_difference(
    scores: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"] | None = None
) -> Float[Tensor, ""]:
    """Return < S[i,i] - mean of S[i,j] over j != i > in nats, a term to minimise.

    Args:
        scores: log q(y_j|x_i) up to terms in i (CLUB), or the critic of InfoNCE (NCE-CLUB).
        labels: classes that negatives must share with the row, for I(X;Y|C); rows alone in their class have no
            negative and are left out of the mean.

    Raises:
        InputError: for scores that are no square matrix, labels of another length, or no row with a negative.

    Example:
        >>> club_difference(torch.tensor([[3.0, 1.0], [1.0, 2.0]])).item()
        1.5
    """
    pairs = comparable_pairs(scores, labels)
    negatives = pairs & ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    count = negatives.sum(dim=1)
    usable = count > 0
    if not bool(usable.any()):
        raise InputError("scores", "no row with a negative", "two rows or more of a class", "Take a larger batch.")
    mean = scores.masked_fill(~negatives, 0.0).sum(dim=1)[usable] / count[usable]
    return (scores.diagonal()[usable] - mean).mean()


class GaussianConditional(nn.Module):
    """q(y|x) = N(mean(x), diag exp(log variance(x))); scores are log q up to the part that x alone decides."""

    def __init__(self, size_x: int, size_y: int, *, width: int = 256, depth: int = 1, limit: float = 6.0) -> None:
        super().__init__()
        self.mean = perceptron(size_x, size_y, width=width, depth=depth)
        self.log_variance = perceptron(size_x, size_y, width=width, depth=depth)
        self.limit = limit

    def parameters_of(self, x: Float[Tensor, "rows size_x"]) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, (rows, size_y) each."""
        return self.mean(x), self.limit * torch.tanh(self.log_variance(x) / self.limit)

    def forward(
        self, x: Float[Tensor, "rows size_x"], y: Float[Tensor, "others size_y"]
    ) -> Float[Tensor, "rows others"]:
        """Return -1/2 sum (y_j - mean(x_i))^2 / variance(x_i) for every i and j."""
        mean, log_variance = self.parameters_of(x)
        precision = torch.exp(-log_variance)
        # the square multiplied out, so that no (rows, others, size_y) array is made
        return -0.5 * (precision @ (y * y).T - 2.0 * (mean * precision) @ y.T + (mean**2 * precision).sum(1)[:, None])

    def loss(self, x: Float[Tensor, "rows size_x"], y: Float[Tensor, "rows size_y"]) -> Float[Tensor, ""]:
        """Return -< log q(y|x) > in nats, less the constant of the Gaussian."""
        mean, log_variance = self.parameters_of(x)
        return 0.5 * ((y - mean) ** 2 * torch.exp(-log_variance) + log_variance).sum(dim=1).mean()


def estimate_club(
    x: Any,
    y: Any,
    *,
    conditional: Any = None,
    width: int = 256,
    depth: int = 1,
    learning: Learning | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> MutualInformation:
    """Return the CLUB surrogate for I(X;Y), or for I(X;Y|C), in bits, on rows that q was not fitted to.

    Args:
        x: (N, ...) features, or (N,) names; what q conditions on.
        y: (N, ...) continuous features.
        conditional: (N,) classes C that q conditions on as well, or None.
        width, depth: of the two perceptrons of q.
        learning, level, seed: as of `infonce.estimate_infonce`.

    Returns:
        A MutualInformation of kind "upper_bound_surrogate".

    Raises:
        InputError: for unusable rows, or too few of them for the batch.

    Example:
        >>> import numpy as np
        >>> x, noise = np.random.default_rng(0).standard_normal((2, 900, 1))
        >>> estimate_club(x, x + noise, learning=Learning(steps=60)).kind
        'upper_bound_surrogate'
    """
    if width < 1 or depth < 1:
        raise InputError("width, depth", f"{width}, {depth}", "integers from 1", "Leave them out for the defaults.")
    check_number("level", level, 0.0, 1.0, "Pass for example level=0.95.")  # before minutes of learning
    learned = learn_scores(
        x,
        y,
        lambda size_x, size_y: GaussianConditional(size_x, size_y, width=width, depth=depth),
        lambda module, rows: module.loss(rows.x, rows.y),
        conditional=conditional,
        learning=learning,
        seed=seed,
    )
    return held_out(learned, club_difference, method="club, gaussian", kind="upper_bound_surrogate", level=level)
