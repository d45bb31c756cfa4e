"""Union information for two labels in closed form, by value curves: no optimiser, exact to rounding.

    V_k(t) = sum_i max(0, (1-t) p(i,1) - t p(i,0)),        t in [0, 1];    V_0 the same for the prior alone
    I_union = (1/ln 2) int_0^1 (max(V_1, V_2) - V_0) / (t (1-t)) dt

With two labels the Blackwell order is a lattice: every coupling with the two tables dominates both channels, hence
their join, and the join, garbled independently into X1 and X2, is such a coupling. The support function of the join is
the pointwise maximum of the V_k (Bertschinger and Rauh 2014 for the order; Blackwell 1953). V_k is piecewise linear
with kinks at the posteriors p(1|i); between kinks the integrand (A(1-t) - Bt) / (t(1-t)) has the antiderivative
A ln t + B ln(1-t). Rounding errors of a few ulp a piece are added to the returned interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import Union
from mmcore.information.entropy import LN2

Float = NDArray[np.float64]


def _tails(table: Float, knots: Float) -> tuple[Float, Float]:
    """Return (A, B) per piece: masses of label 1 and 0 of the symbols whose posterior is at least the piece's end."""
    posterior = table[:, 1] / table.sum(axis=1)
    order = np.argsort(posterior)
    sums = np.zeros((len(table) + 1, 2))
    sums[:-1] = table[order][::-1].cumsum(axis=0)[::-1]
    start = np.searchsorted(posterior[order], knots[1:], side="left")
    return sums[start, 1], sums[start, 0]


def _piece(high: Float, low: Float, left: Float, right: Float) -> Float:
    """Return the integrals of (A(1-t) - Bt) / (t(1-t)) from left to right, 0 log 0 taken as 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.where(high != 0, high * (np.log(right) - np.log(left)), 0.0)
        fall = np.where(low != 0, low * (np.log1p(-right) - np.log1p(-left)), 0.0)
    return np.asarray(rise + fall)


def union_information(a: Float, b: Float, *, tol: float = 1e-9) -> Union:
    """Return the union information of two tables over two labels, in bits.

    Args:
        a, b: tables (n1, 2) and (n2, 2) without empty symbols, same label masses, sum one.
        tol: not needed; here so that all engines are called alike.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])     # AND: one input against the output
        >>> round(union_information(a, a).upper, 6)
        0.311278
    """
    prior = a.sum(axis=0)
    posteriors = np.concatenate([a[:, 1] / a.sum(axis=1), b[:, 1] / b.sum(axis=1), [prior[1] / prior.sum()]])
    knots = np.unique(np.concatenate([[0.0, 1.0], posteriors]))
    left, right = knots[:-1], knots[1:]
    high1, low1 = _tails(a, knots)
    high2, low2 = _tails(b, knots)
    below = right <= posteriors[-1]
    high0, low0 = np.where(below, prior[1], 0.0), np.where(below, prior[0], 0.0)

    # On a piece the curves are lines, so they cross at most once: split there and take the upper one on each part.
    rise, fall = high1 - high2, low1 - low2
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = rise / (rise + fall)
    inside = np.isfinite(crossing) & (crossing > left) & (crossing < right)
    middle = np.where(inside, crossing, right)
    total = 0.0
    for start, end in ((left, middle), (middle, right)):
        centre = 0.5 * (start + end)
        first = (1 - centre) * rise - centre * fall >= 0
        high, low = np.where(first, high1, high2) - high0, np.where(first, low1, low2) - low0
        # At t = 0 and 1 all curves meet: these coefficients are zero by definition, not only up to rounding.
        high, low = np.where(start == 0, 0.0, high), np.where(end == 1, 0.0, low)
        total += float(np.where(end > start, _piece(high, low, start, end), 0.0).sum())
    value = total / LN2
    error = 4.0 * float(np.finfo(np.float64).eps) * (len(knots) + 8)
    return Union(value - error, value + error, "solved", "two_labels", 0)
