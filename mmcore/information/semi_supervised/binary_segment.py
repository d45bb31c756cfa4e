"""All joint distributions of three binary variables with given pair tables: a segment, both ends in closed form.

    r(t) = r(0) + t (-1)^(x1 + x2 + y),     t = r(0,0,0),     max(even cells <= 0) <= t <= min(odd cells >= 0)

The eight cells obey seven independent equations, so one number is free. I_r(X1,X2;Y) = H(X1,X2) + H(Y) - H(r) is convex
in r: its maximum lies at an end, its minimum inside, where the products of the even and of the odd cells are equal.
Both synergy bounds are then exact given the tables; for larger alphabets the upper one is NP-hard (theorem 6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

SIGN = np.array([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])


def segment(a: Float, b: Float, c: Float) -> tuple[Float, Float, Float]:
    """Return the cells at t = 0 (..., 2, 2, 2), of which some may be negative, and the ends of t (...).

    Args:
        a, b, c: tables (..., 2, 2), consistent in each single variable. low > high: no distribution has them, and they
            miss one by low - high in a cell.

    Example:
        >>> coin = np.full((2, 2), 0.25)
        >>> cells, low, high = segment(coin, coin, coin)
        >>> float(low), float(high)                                       # from the exclusive or to its negation
        (0.0, 0.25)
    """
    cells = np.zeros((*a.shape[:-2], 2, 2, 2))
    cells[..., 0, 0, 1] = c[..., 0, 0]
    cells[..., 0, 1, 0] = a[..., 0, 0]
    cells[..., 1, 0, 0] = b[..., 0, 0]
    cells[..., 0, 1, 1] = a[..., 0, 1] - c[..., 0, 0]
    cells[..., 1, 0, 1] = b[..., 0, 1] - c[..., 0, 0]
    cells[..., 1, 1, 0] = a[..., 1, 0] - b[..., 0, 0]
    cells[..., 1, 1, 1] = c[..., 1, 1] - cells[..., 1, 1, 0]
    low = np.where(SIGN > 0, 0.0 - cells, -np.inf).max(axis=(-3, -2, -1))
    high = np.where(SIGN < 0, cells, np.inf).min(axis=(-3, -2, -1))
    return cells, low, high


def information_range(a: Float, b: Float, c: Float) -> tuple[Float, Float]:
    """Return the least and the largest I(X1,X2;Y) in bits of the distributions with these tables (...).

    Example:
        >>> coin = np.full((2, 2), 0.25)
        >>> [round(float(x), 9) for x in information_range(coin, coin, coin)]
        [0.0, 1.0]
    """
    cells, low, high = segment(a, b, c)
    constant = entr(c).sum(axis=(-2, -1)) + entr(a.sum(axis=-2)).sum(axis=-1)
    ends = [constant - _joint_entropy(cells, t) for t in (low, high)]
    least = constant - _joint_entropy(cells, _balanced(cells, low, high))
    return np.asarray(least / LN2), np.asarray(np.maximum(*ends) / LN2)


def _joint_entropy(cells: Float, t: Float) -> Float:
    return np.asarray(entr(np.maximum(cells + SIGN * np.asarray(t)[..., None, None, None], 0.0)).sum(axis=(-3, -2, -1)))


def _balanced(cells: Float, low: Float, high: Float) -> Float:
    """Return t between the ends where the products of even and of odd cells are equal, by bisection."""
    low, high = np.array(low), np.array(high)
    for _ in range(60):
        t = 0.5 * (low + high)
        r = cells + SIGN * t[..., None, None, None]
        even, odd = (
            np.where(SIGN > 0, r, 1.0).prod(axis=(-3, -2, -1)),
            np.where(SIGN < 0, r, 1.0).prod(axis=(-3, -2, -1)),
        )
        low, high = np.where(even < odd, t, low), np.where(even < odd, high, t)
    return 0.5 * (low + high)
