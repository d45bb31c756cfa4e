"""Projection of a matrix onto the couplings of two tables, in the log domain, and its exact gradient.

    q_ijy = exp(theta_ijy + u_iy + v_jy)      with   sum_j q_ijy = a_iy   and   sum_i q_ijy = b_jy

Reference: Sinkhorn and Knopp (1967); Cuturi (2013); the log-stabilised sweeps of Schmitzer (2019), section 3; implicit
differentiation as in Eisenberger et al. (2022). A coupling that nearly vanishes in places converges slowly, so a damped
Newton step on the potentials is put between blocks of sweeps where they have not converged. The two tables must agree
on the mass of each label, sum_i a_iy = sum_j b_jy, otherwise no q exists: `match_labels` makes them agree, and the
sweeps then converge.

Departures on purpose from the reference implementation (row and column targets of different mass, at most 500 unrolled
sweeps, stop at an absolute error of 0.01): consistent targets; a stop at a relative error; and no graph over the
sweeps. At the fixed point u and v are functions of theta, and for an upstream gradient G the gradient is

    dL/dtheta = q (G - alpha - beta),     alpha, beta: the rows and columns of the result sum to zero for each label

one symmetric linear system a label. Memory is that of q, whatever the number of sweeps.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

_INNER = 10  # scaling sweeps between two returns to the log domain


@dataclasses.dataclass(frozen=True)
class Potentials:
    """u (..., n1) and v (..., n2) in nats, sweeps done, and the largest error of a marginal relative to its label."""

    u: Tensor
    v: Tensor
    sweeps: int
    violation: float


def match_labels(log_table: Tensor, log_prior: Tensor) -> Tensor:
    """Return the log table rescaled so that the mass of each label is that of the prior.

    Args:
        log_table: log of a table, (..., L, n): labels first.
        log_prior: (L,) or (..., L).

    Example:
        >>> table = match_labels(torch.log(torch.tensor([[0.2, 0.2], [0.1, 0.5]])), torch.log(torch.tensor([0.5, 0.5])))
        >>> table.exp().sum(dim=-1).tolist()
        [0.5, 0.5]
    """
    return log_table + (log_prior - torch.logsumexp(log_table, dim=-1)).unsqueeze(-1)


def _ratio(target: Tensor, found: Tensor) -> Tensor:
    # Where everything underflowed the factor stays one: the next sweep in the log domain sets it.
    return torch.where(found > 0, target / found, torch.ones_like(found))


@torch.no_grad()
def sinkhorn(theta: Tensor, log_a: Tensor, log_b: Tensor, *, max_sweeps: int = 1000, tol: float = 1e-9) -> Potentials:
    """Return the potentials of the projection.

    Args:
        theta: logits (..., n1, n2), for example (seeds, labels, n1, n2); each leading index is a problem of its own.
        log_a, log_b: log targets (..., n1) and (..., n2) of equal mass; -inf where a table has none.
        max_sweeps: at most so many.
        tol: largest |row sum - target| summed over the rows, relative to the mass, at which to stop.

    Example:
        >>> log_a = torch.log(torch.tensor([[0.3, 0.2]]))
        >>> found = sinkhorn(torch.zeros(1, 2, 2), log_a, log_a)
        >>> (found.u.unsqueeze(-1) + found.v.unsqueeze(-2)).exp().sum(dim=-1).round(decimals=4).tolist()
        [[0.30000001192092896, 0.20000000298023224]]
    """
    a, b = log_a.exp(), log_b.exp()
    mass = a.sum(dim=-1)
    u, v = torch.zeros_like(log_a), torch.zeros_like(log_b)
    sweeps, violation = 0, float("inf")
    while sweeps < max_sweeps and violation > tol:
        u = log_a - torch.logsumexp(theta + v.unsqueeze(-2), dim=-1)
        v = log_b - torch.logsumexp(theta + u.unsqueeze(-1), dim=-2)
        kernel = (theta + u.unsqueeze(-1) + v.unsqueeze(-2)).exp()
        row, column = torch.ones_like(u), torch.ones_like(v)
        product = kernel.sum(dim=-1)
        sweeps += 1
        for inner in range(_INNER):
            violation = float(((row * product - a).abs().sum(dim=-1) / mass).max())
            if violation <= tol or sweeps == max_sweeps or inner == _INNER - 1:
                break
            row = _ratio(a, product)
            column = _ratio(b, (row.unsqueeze(-2) @ kernel).squeeze(-2))
            product = (kernel @ column.unsqueeze(-1)).squeeze(-1)
            sweeps += 1
        u, v = u + row.log(), v + column.log()
        if violation > tol and sweeps < max_sweeps:
            du, dv = _newton_step(theta, u, v, a, b)
            u, v = u + du, v + dv
    return Potentials(u, v, sweeps, violation)


def _newton_step(theta: Tensor, u: Tensor, v: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return a step of the potentials towards the marginals, no entry of q changing by more than exp(+-2)."""
    q = (theta + u.unsqueeze(-1) + v.unsqueeze(-2)).exp()
    du, dv = _solve(q, a - q.sum(dim=-1), b - q.sum(dim=-2))
    # The potentials of one side may be shifted against the other's: the middle of dv belongs to du.
    shift = 0.5 * (dv.amax(dim=-1, keepdim=True) + dv.amin(dim=-1, keepdim=True))
    du, dv = du + shift, dv - shift
    largest = torch.maximum(du.abs().amax(dim=-1), dv.abs().amax(dim=-1)).unsqueeze(-1)
    length = (1.0 / largest.clamp_min(1.0)).nan_to_num(0.0)  # a system that cannot be solved leaves it to the sweeps
    return (du * length).nan_to_num(0.0), (dv * length).nan_to_num(0.0)


def _solve(q: Tensor, right1: Tensor, right2: Tensor) -> tuple[Tensor, Tensor]:
    """Return (alpha, beta) with a alpha + q beta = right1 and q^T alpha + b beta = right2; a, b the sums of q.

    alpha is eliminated. The constant (alpha + c, beta - c) is free, and so is one for each block of a coupling that
    falls apart: b b^T / sum b fixes the first, a ridge far below the marginals the others; neither moves alpha + beta
    where q has mass.
    """
    tiny = torch.finfo(q.dtype).tiny
    a, b = q.sum(dim=-1).clamp_min(tiny), q.sum(dim=-2).clamp_min(tiny)
    scaled = q / a.unsqueeze(-1)
    schur = torch.diag_embed(b) - scaled.transpose(-1, -2) @ q
    schur = schur + b.unsqueeze(-1) * (b / b.sum(dim=-1, keepdim=True)).unsqueeze(-2)
    schur = schur + torch.diag_embed(b * (100.0 * torch.finfo(q.dtype).eps))
    right = right2 - (scaled.transpose(-1, -2) @ right1.unsqueeze(-1)).squeeze(-1)
    scale = b.rsqrt()
    solved = torch.linalg.solve_ex(schur * scale.unsqueeze(-1) * scale.unsqueeze(-2), right * scale).result
    beta = scale * solved
    return (right1 - (q @ beta.unsqueeze(-1)).squeeze(-1)) / a, beta


class _Coupling(torch.autograd.Function):
    """q of theta, differentiated at the fixed point of the sweeps."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Return q (..., n1, n2) of theta and the potentials."""
        q = (theta + u.unsqueeze(-1) + v.unsqueeze(-2)).exp()
        ctx.save_for_backward(q)
        return q

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of theta; the potentials follow theta and have none of their own."""
        (q,) = ctx.saved_tensors
        return _project(q, gradients[0]), None, None


def _project(q: Tensor, gradient: Tensor) -> Tensor:
    """Return q (G - alpha - beta) whose rows and columns sum to zero, q (..., n1, n2)."""
    weighted = q * gradient
    alpha, beta = _solve(q, weighted.sum(dim=-1), weighted.sum(dim=-2))
    return q * (gradient - alpha.unsqueeze(-1) - beta.unsqueeze(-2))


def couple(
    theta: Tensor, log_a: Tensor, log_b: Tensor, *, max_sweeps: int = 1000, tol: float = 1e-9
) -> tuple[Tensor, Potentials]:
    """Return the coupling q (..., n1, n2) of `theta` with tables a and b, differentiable in theta, and its potentials.

    Args: as `sinkhorn`.

    Example:
        >>> log_a = torch.log(torch.tensor([[0.3, 0.2]], dtype=torch.float64))
        >>> theta = torch.zeros(1, 2, 2, dtype=torch.float64, requires_grad=True)
        >>> q, found = couple(theta, log_a, log_a)
        >>> (q**2).sum().backward()
        >>> bool(theta.grad.sum(dim=-1).abs().max() < 1e-12)        # a change of theta cannot move the marginals
        True
    """
    found = sinkhorn(theta, log_a, log_b, max_sweeps=max_sweeps, tol=tol)
    return _Coupling.apply(theta, found.u, found.v), found
