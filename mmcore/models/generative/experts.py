"""Product of Gaussian experts with a standard normal prior, and its divergence from that prior.

    q(z | X) = N(mu, s^2) ~ N(0, 1) prod_{m in X} N(mu_m, s_m^2)
    1/s^2 = 1 + sum_m 1/s_m^2,   mu = s^2 sum_m mu_m / s_m^2
    KL(N(mu, s^2) || N(0, 1)) = (mu^2 + s^2 - 1 - log s^2) / 2                                   a dimension, in nats

Reference: Hinton 2002, Training products of experts (Neural Computation 14:8); Wu and Goodman 2018, Multimodal
generative models for scalable weakly-supervised learning (NeurIPS), section 2.2.
An absent expert is left out, so without any expert the product is the prior.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def product_of_experts(
    means: Sequence[Float[Tensor, "batch d"]],
    log_variances: Sequence[Float[Tensor, "batch d"]],
    presence: Sequence[Bool[Tensor, " batch"] | None],
) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]]:
    """Return mean and log variance of the product of the present experts and N(0, 1).

    Args:
        means: (B, d) of each expert.
        log_variances: (B, d) of each expert.
        presence: rows in which each expert is there; None for all.

    Example:
        >>> mean, log_variance = product_of_experts([torch.tensor([[3.0]])], [torch.zeros(1, 1)], [None])
        >>> mean.item(), round(log_variance.exp().item(), 6)
        (1.5, 0.5)
    """
    precision, weighted = torch.ones_like(means[0]), torch.zeros_like(means[0])
    for mean, log_variance, present in zip(means, log_variances, presence):
        own = torch.exp(-log_variance)
        if present is not None:
            own = torch.where(present[:, None], own, torch.zeros_like(own))
            mean = torch.where(present[:, None], mean, torch.zeros_like(mean))
        precision, weighted = precision + own, weighted + own * mean
    return weighted / precision, -torch.log(precision)


def divergence_from_normal(
    mean: Float[Tensor, "batch d"], log_variance: Float[Tensor, "batch d"]
) -> Float[Tensor, " batch"]:
    """Return KL(N(mean, variance) || N(0, I)) of each row, in nats.

    Example:
        >>> divergence_from_normal(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
        tensor([0.5000])
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
