"""Pairs of correlated Gaussians, where every bound of mutual information has a closed form.

    x, y ~ N(0, I_D) with correlation rho entry by entry
    I(X;Y) = -D/2 log(1 - rho^2),     I + KL(p(x)p(y) || p(x,y)) = D rho^2 / (1 - rho^2)       nats

The second, the Jeffreys divergence of joint and product, is what CLUB gives with the exact conditional and NCE-CLUB
with the exact critic f* = log p(x,y) / (p(x)p(y)). From the density of a Gaussian pair with E[xy] = rho and
E_p(x)p(y)[xy] = 0; the setting is that of Belghazi et al. (2018), MINE, and of the thesis' figure 4.3. All in nats, as
in that figure.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mmcore.errors import InputError
from mmcore.seeds import stream


def correlation(information: float, pairs: int) -> float:
    """Return the rho at which `pairs` pairs have `information` nats.

    Raises:
        InputError: for less than no information, or fewer than one pair.

    Example:
        >>> round(gaussian_information(correlation(2.0, 20), 20), 12)
        2.0
    """
    if not (math.isfinite(information) and information >= 0.0) or pairs < 1:
        raise InputError("information, pairs", f"{information}, {pairs}", ">= 0 nats, >= 1 pair", "Give other numbers.")
    return math.sqrt(-math.expm1(-2.0 * information / pairs))


def _checked(rho: float) -> float:
    if not -1.0 < rho < 1.0:
        raise InputError("rho", rho, "a number between -1 and 1", "Give another correlation.")
    return rho


def gaussian_information(rho: float, pairs: int) -> float:
    """Return I(X;Y) of `pairs` pairs, in nats.

    Example:
        >>> round(gaussian_information(0.6, 1), 4)
        0.2231
    """
    return -0.5 * pairs * math.log1p(-(_checked(rho) ** 2))


def jeffreys_divergence(rho: float, pairs: int) -> float:
    """Return what NCE-CLUB gives with the exact critic, and CLUB with the exact conditional, in nats.

    Example:
        >>> [round(jeffreys_divergence(correlation(2.0, pairs), pairs), 2) for pairs in (20, 100)]
        [4.43, 4.08]
    """
    return pairs * rho**2 / (1.0 - _checked(rho) ** 2)


def correlated_gaussians(
    n: int, pairs: int, rho: float, *, seed: int | np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y, (n, pairs) each.

    Args:
        seed: or a generator to go on drawing from.

    Example:
        >>> x, y = correlated_gaussians(10_000, 2, 0.6, seed=0)
        >>> abs(float((x * y).mean()) - 0.6) < 0.02
        True
    """
    generator = seed if isinstance(seed, np.random.Generator) else stream(seed, "correlated gaussians")
    x, noise = generator.standard_normal((2, n, pairs))
    return x, _checked(rho) * x + math.sqrt(1.0 - rho**2) * noise


def exact_scores(
    x: Float[Tensor, "rows pairs"], y: Float[Tensor, "others pairs"], rho: float
) -> Float[Tensor, "rows others"]:
    """Return f*(x_i, y_j) = log p(x_i, y_j) / (p(x_i) p(y_j)), in nats.

    Example:
        >>> import torch
        >>> round(exact_scores(torch.zeros(1, 2), torch.zeros(1, 2), 0.6).item(), 4)  # -log(1 - 0.36)
        0.4463
    """
    squares = rho * ((x * x).sum(dim=1)[:, None] + (y * y).sum(dim=1)[None])
    products = rho * (2.0 * x @ y.T - squares) / (2.0 * (1.0 - _checked(rho) ** 2))
    return products + gaussian_information(rho, x.shape[1])
