"""InfoNCE, the contrastive lower bound of mutual information, as a loss and as an estimator with held-out rows.

    I_NCE = < S[i,i] - log sum_j exp S[i,j] > + log B  <=  I(X;Y),      S[i,j] = f(x_i, y_j),   < > over rows of a batch

Reference: van den Oord et al. (2018), arXiv 1807.03748; Poole et al. (2019), ICML; thesis equations 4.10 and 4.13. The
bound holds in expectation for every critic, on rows that the critic was not fitted to. It cannot exceed log B: within a
tenth of that cap the result says "capped", and means "at least". It is asymmetric: transpose S for the other direction.

Given classes, sums run over the rows of the class of i (`negatives`), log B becomes < log n_i >, and the bound is of
I(X;Y|C). The loss is in nats and without log B, as the papers write it; `infonce_bound` adds it, in nats; results are
in bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxtyping import Float, Int
from torch import Tensor

from mmcore.information.entropy import LN2
from mmcore.information.mutual_information.learning import Learning, held_out, learn_critic
from mmcore.information.mutual_information.negatives import comparable_pairs
from mmcore.information.samples import check_number

if TYPE_CHECKING:
    from mmcore.information.mutual_information.result import MutualInformation

CAPPED_FROM = 0.9


def infonce_loss(
    scores: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"] | None = None
) -> Float[Tensor, ""]:
    """Return -< S[i,i] - log sum_j exp S[i,j] > in nats, a term to minimise: log B for a critic that sees nothing.

    Args:
        scores: critic of each x (rows) against each y (columns), joint pairs on the diagonal.
        labels: classes that negatives must share with the row, for I(X;Y|C); None for I(X;Y).

    Raises:
        InputError: for scores that are no square matrix, or labels of another length.

    Example:
        >>> import torch
        >>> round(infonce_loss(torch.zeros(8, 8)).item(), 4)  # log 8
        2.0794
    """
    pairs = comparable_pairs(scores, labels)
    return (scores.masked_fill(~pairs, float("-inf")).logsumexp(dim=1) - scores.diagonal()).mean()


def infonce_bound(
    scores: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"] | None = None
) -> Float[Tensor, ""]:
    """Return I_NCE = `infonce_cap` - `infonce_loss`, in nats.

    Example:
        >>> import torch
        >>> infonce_bound(torch.zeros(8, 8)).item()
        0.0
    """
    return infonce_cap(scores, labels) - infonce_loss(scores, labels)


def infonce_cap(scores: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"] | None = None) -> Float[Tensor, ""]:
    """Return the largest value that the bound can take on such a batch, < log n_i >, in nats.

    Example:
        >>> import torch
        >>> round(infonce_cap(torch.zeros(4, 4), torch.tensor([0, 0, 1, 1])).item(), 4)  # log 2
        0.6931
    """
    return comparable_pairs(scores, labels).sum(dim=1).to(scores.dtype).log().mean()


def estimate_infonce(
    x: Any,
    y: Any,
    *,
    conditional: Any = None,
    critic: str = "separable",
    critic_options: dict[str, int | bool] | None = None,
    learning: Learning | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> MutualInformation:
    """Return a lower bound of I(X;Y), or of I(X;Y|C), in bits, on rows that no critic saw.

    Args:
        x: (N, ...) features, or (N,) names.
        y: (N, ...) features, or (N,) names; class labels as names, so that they become indicators.
        conditional: (N,) classes C, or None.
        critic: a key of `critics.CRITICS`.
        critic_options: of that critic.
        learning: steps, batch and the like.
        level: of the interval, which shows the noise of the held-out rows given the critic.
        seed: of the split, the weights and the batches.

    Returns:
        A MutualInformation of kind "lower_bound"; `diagnostics["cap"]` in bits, status "capped" within a tenth of it.

    Raises:
        InputError: for unusable rows, too few of them for the batch, or an unknown name.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((900, 1))
        >>> found = estimate_infonce(x, -x, learning=Learning(steps=60))
        >>> found.kind, found.value < found.diagnostics["cap"]
        ('lower_bound', True)
    """
    check_number("level", level, 0.0, 1.0, "Pass for example level=0.95.")  # before minutes of learning
    learned = learn_critic(
        x, y, infonce_loss, conditional=conditional, critic=critic, options=critic_options, learning=learning, seed=seed
    )
    cap = learned.mean(infonce_cap) / LN2
    return held_out(
        learned,
        infonce_bound,
        method=f"infonce, {critic}",
        kind="lower_bound",
        level=level,
        status=lambda value: "capped" if value > CAPPED_FROM * cap else "estimated",
        diagnostics={"cap": cap},
    )
