"""A valid interval of the union information from any approximate primal and dual point.

    primal   min  sum q log(q / q12)              over q >= 0 with tables a = q(x1,y), b = q(x2,y)
    dual     max  <a, alpha> + <b, beta>          subject to  g_ij = log sum_y exp(alpha_iy + beta_jy) <= 0
    I_union (bits) = H(Y) + optimum / ln 2

Any feasible q gives an upper and any feasible (alpha, beta) a lower bound; so an approximate point is first made
feasible: q by two Sinkhorn sweeps and the rank-one rounding of Altschuler, Weed and Rigollet (2017), (alpha, beta) by
shifting each row of alpha, then of beta, by max g. Beyond rounding (about 1e-15) nothing is assumed of the point.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, rel_entr

from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_TINY = 1e-300


@dataclasses.dataclass(frozen=True)
class Union:
    """Certified interval of the union information, in bits.

    Attributes:
        lower, upper: the interval.
        status, solver, iterations: what the engine says of itself.
        residual: largest error of the engine's own marginals, before rounding.
    """

    lower: float
    upper: float
    status: str
    solver: str
    iterations: int
    residual: float = 0.0


def round_to_tables(q: Float, a: Float, b: Float, *, sweeps: int = 2) -> Float:
    """Return a coupling near `q` whose two tables are `a` and `b`.

    Args:
        q: non-negative, (..., n1, n2, l).
        a, b: tables (..., n1, l) and (..., n2, l) with the same label masses.

    Example:
        >>> a = b = np.full((2, 2), 0.25)
        >>> q = round_to_tables(np.ones((2, 2, 2)), a, b)
        >>> float(abs(q.sum(axis=1) - a).max() + abs(q.sum(axis=0) - b).max())
        0.0
    """
    q = np.maximum(q, 0.0)
    for _ in range(sweeps):
        q = q * (a / np.maximum(q.sum(axis=-2), _TINY))[..., :, None, :]
        q = q * (b / np.maximum(q.sum(axis=-3), _TINY))[..., None, :, :]
    q = q * np.minimum(1.0, a / np.maximum(q.sum(axis=-2), _TINY))[..., :, None, :]
    q = q * np.minimum(1.0, b / np.maximum(q.sum(axis=-3), _TINY))[..., None, :, :]
    missing_a = np.maximum(a - q.sum(axis=-2), 0.0)
    missing_b = np.maximum(b - q.sum(axis=-3), 0.0)
    missing = np.maximum(missing_a.sum(axis=-2), _TINY)
    return np.asarray(q + missing_a[..., :, None, :] * (missing_b / missing[..., None, :])[..., None, :, :])


def upper_bound(q: Float, a: Float, b: Float) -> Float:
    """Return the information of the coupling that `q` rounds to, in bits: an upper bound of the union information."""
    feasible = round_to_tables(q, a, b)
    pair = np.broadcast_to(feasible.sum(axis=-1, keepdims=True), feasible.shape)
    label_entropy = entr(a.sum(axis=-2)).sum(axis=-1)
    return np.asarray((label_entropy + rel_entr(feasible, pair).sum(axis=(-3, -2, -1))) / LN2)


def log_partition(alpha: Float, beta: Float) -> Float:
    """Return g (..., n1, n2) = log sum_y exp(alpha + beta); -inf where a pair has no label in common."""
    exponent = alpha[..., :, None, :] + beta[..., None, :, :]
    top = exponent.max(axis=-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(exponent - safe[..., None]).sum(axis=-1)) + safe)


def shift_to_feasible(alpha: Float, beta: Float) -> tuple[Float, Float]:
    """Return the dual point with each row of alpha, then of beta, shifted until g <= 0 everywhere, with equality met.

    Args:
        alpha, beta: (..., n1, l) and (..., n2, l), nats; -inf allowed.
    """
    row = log_partition(alpha, beta).max(axis=-1)
    alpha = alpha - np.where(np.isfinite(row), row, 0.0)[..., None]
    column = log_partition(alpha, beta).max(axis=-2)
    return alpha, beta - np.where(np.isfinite(column), column, 0.0)[..., None]


def lower_bound(alpha: Float, beta: Float, a: Float, b: Float) -> Float:
    """Return the dual value after shifting (alpha, beta) to feasibility, in bits: a lower bound.

    Args:
        alpha, beta: (..., n1, l) and (..., n2, l), nats; -inf allowed where the table has no mass.
        a, b: tables of the same shapes.
    """
    alpha, beta = shift_to_feasible(alpha, beta)
    value = np.where(a > 0, a * np.where(a > 0, alpha, 0.0), 0.0).sum(axis=(-2, -1))
    value = value + np.where(b > 0, b * np.where(b > 0, beta, 0.0), 0.0).sum(axis=(-2, -1))
    return np.asarray((entr(a.sum(axis=-2)).sum(axis=-1) + value) / LN2)


def leave_out(a: Float, b: Float, budget: float) -> tuple[Float, Float]:
    """Return the tables (..., n1, l), (..., n2, l) without cells too small to matter, label masses made equal again.

    For the solver only, whose scaling such cells would spoil: the interval is always that of the tables as they came.

    Args:
        budget: largest mass left out, in all; a cell goes if it holds less than its equal share of it.
    """
    threshold = budget / ((a.shape[-2] + b.shape[-2]) * a.shape[-1])
    a, b = np.where(a > threshold, a, 0.0), np.where(b > threshold, b, 0.0)
    first, second = a.sum(axis=-2, keepdims=True), b.sum(axis=-2, keepdims=True)
    less = np.minimum(first, second)  # zero where a label has gone from one of the tables: it goes from both
    return a * (less / np.maximum(first, _TINY)), b * (less / np.maximum(second, _TINY))


def complete(alpha: Float, beta: Float, a: Float, b: Float, *, floor: float = -40.0) -> tuple[Float, Float]:
    """Return the dual point with a finite value in every cell that carries mass, at almost no cost to its bound.

    A cell that was left out (-inf) gets floor - max_j beta_jy, which adds at most exp(floor) to any partition sum.

    Args:
        alpha, beta: (..., n1, l) and (..., n2, l), nats.
        a, b: the tables as they came.
    """
    top = beta.max(axis=-2, keepdims=True)
    alpha = np.where((a > 0) & np.isneginf(alpha), floor - np.where(np.isfinite(top), top, 0.0), alpha)
    top = alpha.max(axis=-2, keepdims=True)
    beta = np.where((b > 0) & np.isneginf(beta), floor - np.where(np.isfinite(top), top, 0.0), beta)
    return alpha, beta
