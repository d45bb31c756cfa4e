"""The last steps to the optimum on the evaluation support: alternating projections, with a bound on either side.

    q_ijy = r_ij exp(alpha_iy + beta_jy)  projected onto the tables a, b by half a sweep each,     r_ij <- sum_y q_ijy

Reference: the alternating minimisation of sum q log(q / r) over q and r (Csiszar and Tusnady 1984), which is also
mirror descent on I_q(X1,X2;Y) with unit step, for log(q / q12) is its gradient. Not part of BATCH in the text: a
departure on purpose, because the product of two small networks only comes near the optimum, and because alpha, beta
give what BATCH lacks, a lower bound. Each step costs three matrix products of the support. The upper bound is the
information of a feasible coupling, rounded to the tables; the lower one the dual value (both by `certificate`). The
best of each is kept.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmcore.information.certificate import lower_bound, upper_bound

Float = NDArray[np.float64]

_LOOKS = (1, 3, 10, 30)  # then every 50 steps


@dataclasses.dataclass(frozen=True)
class Polished:
    """Bounds (S,) of the union information in bits, the pair masses r (S, n1, n2) reached, and the steps done."""

    lower: Float
    upper: Float
    pairs: Tensor
    steps: int


def _ratio(target: Tensor, found: Tensor) -> Tensor:
    return torch.where(found > 0, target / found, torch.zeros_like(found))


def _bounds(u: Tensor, v: Tensor, pairs: Tensor, a: Float, b: Float, best: tuple[Float, Float]) -> None:
    """Improve the bounds `best` (lower, upper) in place, one restart after another to keep memory small."""
    for k in range(len(a)):
        q = torch.einsum("iy,jy,ij->ijy", u[k], v[k], pairs[k]).cpu().numpy()
        with np.errstate(divide="ignore"):
            alpha, beta = np.log(u[k].cpu().numpy()), np.log(v[k].cpu().numpy())
        best[0][k] = max(best[0][k], float(lower_bound(alpha, beta, a[k], b[k])))
        best[1][k] = min(best[1][k], float(upper_bound(q, a[k], b[k])))


@torch.no_grad()
def polish(pairs: Tensor, a: Float, b: Float, *, max_steps: int, tol: float) -> Polished:
    """Return the bounds after at most `max_steps` steps from the pair masses of a coupling.

    Args:
        pairs: q(x1, x2) of the start, (S, n1, n2); positive wherever the optimum may be.
        a, b: tables (S, n1, L) and (S, n2, L) with the same label masses, each summing to one.
        max_steps: at least 1; tol: largest upper - lower, bits, at which to stop.

    Example:
        >>> a = np.array([[[0.5, 0.0], [0.25, 0.25]]])     # AND: one input against the output
        >>> found = polish(torch.full((1, 2, 2), 0.25, dtype=torch.float64), a, a, max_steps=300, tol=1e-6)
        >>> round(float(found.upper[0]), 4), bool(found.upper[0] - found.lower[0] <= 1e-6)
        (0.3113, True)
    """
    target_a = torch.from_numpy(np.ascontiguousarray(a)).to(pairs)
    target_b = torch.from_numpy(np.ascontiguousarray(b)).to(pairs)
    best = (np.full(len(a), -np.inf), np.full(len(a), np.inf))
    v = torch.ones_like(target_b)
    steps = 0
    while steps < max_steps:
        u = _ratio(target_a, pairs @ v)
        v = _ratio(target_b, pairs.transpose(-1, -2) @ u)
        steps += 1
        if steps in _LOOKS or steps % 50 == 0 or steps == max_steps:
            _bounds(u, v, pairs, a, b, best)
            if (best[1] - best[0]).max() <= tol:
                break
        pairs = pairs * (u @ v.transpose(-1, -2))
    return Polished(best[0], best[1], pairs, steps)
