"""The reference's correlation loss of two batches of representations.

    T = S11^(-1/2) S12 S22^(-1/2);  loss = - sum of sqrt of the top-k eigenvalues of T'T + r I

Reference: Andrew et al. 2013, Deep CCA (ICML), as in Liang et al. 2021, MultiBench: r = 1e-3, eigenvalues of the
covariances at most 1e-9 are dropped, those of T'T floored there.
"""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE, LEAST = 1e-3, 1e-9


def _inverse_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    kept = torch.gt(values, LEAST).nonzero()[:, 0]
    values, vectors = values[kept], vectors[:, kept]
    return vectors @ torch.diag(values**-0.5) @ vectors.t()


def correlation_loss(first: Tensor, second: Tensor, top: int) -> Tensor:
    """Return minus the correlation of (B, d) and (B, d), whatever unit they have."""
    h1, h2 = first.t(), second.t()
    rows = h1.shape[1]
    h1, h2 = h1 - h1.mean(1, keepdim=True), h2 - h2.mean(1, keepdim=True)
    ridge = RIDGE * torch.eye(len(h1))
    cross = h1 @ h2.t() / (rows - 1)
    t = _inverse_root(h1 @ h1.t() / (rows - 1) + ridge) @ cross @ _inverse_root(h2 @ h2.t() / (rows - 1) + ridge)
    values = torch.linalg.eigvalsh(t.t() @ t + ridge)
    values = torch.where(values > LEAST, values, torch.full_like(values, LEAST))
    return -values.topk(top)[0].sqrt().sum()
