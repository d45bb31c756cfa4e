"""Maximum mean discrepancy: how far apart two distributions are, by samples, or by a sample and the standard normal.

    MMD^2(P, Q) = E k(x, x') - 2 E k(x, y) + E k(y, y'),   k(x, y) = exp(-||x - y||^2 / d^2)

with d the number of dimensions. `mmd` averages over all pairs of two samples (V-statistic, never negative), or over
pairs of different rows within a sample (U-statistic, unbiased, may be negative). Against y ~ N(0, I) both expectations
over y are known, with s^2 = d^2 / 2 the kernel's variance:

    E_y k(x, y) = (s^2 / (s^2 + 1))^{d/2} exp(-||x||^2 / (2 (s^2 + 1))),   E k(y, y') = (s^2 / (s^2 + 2))^{d/2}

Reference: Gretton et al. 2012, A kernel two-sample test (JMLR 13), equations 3-5; the kernel is that of Tsai et al.
2019, Learning factorized multimodal representations (ICLR), as in their code.
Departs from that code on purpose: the normal distribution enters by its expectation instead of by a fresh sample a
batch, which has the same mean and less variance and needs no generator.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mmcore.errors import InputError


def kernel(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Return exp(-||x - y||^2 / d^2) of every pair of rows.

    Example:
        >>> round(kernel(torch.zeros(1, 2), torch.ones(1, 2)).item(), 4)  # exp(-2 / 4)
        0.6065
    """
    with torch.autocast(first.device.type, enabled=False):  # a product in bfloat16 would be too coarse to subtract
        crossed = first @ second.T
        square = first.square().sum(1)[:, None] + second.square().sum(1) - 2 * crossed
        return torch.exp(-square.clamp(min=0) / first.shape[1] ** 2)


def mmd(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"], *, unbiased: bool = False) -> Float[Tensor, ""]:
    """Return the squared maximum mean discrepancy of two samples.

    Args:
        first: (n, d).
        second: (m, d).
        unbiased: leave out each row with itself; needs two rows in each.

    Raises:
        InputError: for too few rows, or different widths.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> mmd(x, x).item()
        0.0
    """
    fewest = 2 if unbiased else 1
    if min(len(first), len(second)) < fewest or first.shape[1] != second.shape[1]:
        received = f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
        raise InputError("first, second", received, f"{fewest} or more rows of one width", "Correct the samples.")

    def within(sample: Tensor) -> Tensor:
        values, n = kernel(sample, sample), len(sample)
        return (values.sum() - values.diagonal().sum()) / (n * (n - 1)) if unbiased else values.mean()

    return within(first) + within(second) - 2 * kernel(first, second).mean()


def mmd_to_normal(sample: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Return the squared maximum mean discrepancy (V-statistic) between a sample and the standard normal.

    Args:
        sample: (n, d), one row at least.

    Raises:
        InputError: for no rows.

    Example:
        >>> mmd_to_normal(torch.zeros(5, 2)) > mmd_to_normal(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor(True)
    """
    if len(sample) < 1:
        raise InputError("sample", "no rows", "one or more", "Give rows.")
    sample, size = sample.to(torch.promote_types(sample.dtype, torch.float32)), sample.shape[1]
    variance = size**2 / 2
    crossed = torch.exp(-sample.square().sum(1) / (2 * (variance + 1))).mean()
    factor = (variance / (variance + 1)) ** (size / 2)
    return kernel(sample, sample).mean() - 2 * factor * crossed + (variance / (variance + 2)) ** (size / 2)
