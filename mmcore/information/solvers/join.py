"""The join of two sources for two labels: the least informative channel that both can be made from, and q* through it.

    ROC of X_k: partial sums of (p(i,0), p(i,1)) by falling odds;    ROC of Z: upper concave hull of both
    q(x1, x2, y) = sum_z p(z, y) g1(x1|z) g2(x2|z),                  g_k turns Z into X_k

For two labels the Blackwell order is a lattice and the hull is its join (Bertschinger and Rauh 2014). Z spreads the
posterior of X_k without moving its mean, so a martingale coupling of the posteriors gives g_k (Blackwell 1953): the
left-curtain one (Beiglböck and Juillet 2016), in which each symbol, by rising posterior, takes an interval of what is
left of Z with its own mass and mean. Sums are exact to rounding; the marginals are made exact by `round_to_tables`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import round_to_tables

Float = NDArray[np.float64]


def _roc(table: Float) -> Float:
    """Return the ROC curve (n+1, 2) of a table (n, 2): partial sums by falling odds of label 1."""
    with np.errstate(divide="ignore"):
        odds = np.log(table[:, 1]) - np.log(table[:, 0])
    return np.concatenate([np.zeros((1, 2)), np.cumsum(table[np.argsort(-odds)], axis=0)])


def join(a: Float, b: Float) -> Float:
    """Return the join (z, 2) of two tables over two labels, by falling odds.

    Args:
        a, b: tables (n1, 2) and (n2, 2), same label masses, without empty symbols.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.0, 0.5]])                # knows the label, hence is the join with anything
        >>> join(a, np.array([[0.3, 0.1], [0.2, 0.4]])).tolist()
        [[0.0, 0.5], [0.5, 0.0]]
    """
    points = np.concatenate([_roc(a), _roc(b)])
    hull: list[list[float]] = []
    for x, y in points[np.lexsort((points[:, 1], points[:, 0]))].tolist():
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append([x, y])
    # Partial sums to the same mass may end an ulp apart: a step back of that size is none.
    steps = np.maximum(np.diff(np.array(hull), axis=0), 0.0)
    return steps[steps.sum(axis=1) > 0]


def garbling(z: Float, table: Float) -> Float:
    """Return the joint masses (n, z) of a source with its join: rows sum to p(x), columns to p(z), means agree.

    Args:
        z: the join (z, 2); table: the source (n, 2).

    Example:
        >>> garbling(np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([[0.3, 0.1], [0.2, 0.4]])).round(6).tolist()
        [[0.1, 0.3], [0.4, 0.2]]
    """
    z = z[::-1]
    left, share = z.sum(axis=1), z[:, 1] / z.sum(axis=1)
    mass = table.sum(axis=1)
    taken = np.zeros((len(table), len(z)))
    for i in np.argsort(table[:, 1] / mass):
        ends = np.concatenate([[0.0], np.cumsum(left)])
        moment = np.concatenate([[0.0], np.cumsum(left * share)])
        # The mean of the interval [s, s + mass] rises with s, linearly between these places: find s by interpolation.
        places = np.unique(np.clip(np.concatenate([ends, ends - mass[i]]), 0.0, max(ends[-1] - mass[i], 0.0)))
        reached = np.interp(places + mass[i], ends, moment) - np.interp(places, ends, moment)
        start = np.interp(table[i, 1], np.maximum.accumulate(reached), places)
        taken[i] = np.diff(np.clip(ends, start, start + mass[i]))
        left = np.maximum(left - taken[i], 0.0)
    return taken[:, ::-1]


def coupling(a: Float, b: Float) -> Float:
    """Return q* (n1, n2, 2) with tables `a` and `b` whose information is the union information.

    Args:
        a, b: tables (n1, 2) and (n2, 2), same label masses; empty symbols are allowed.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])                                  # AND: one input, the output
        >>> coupling(a, a)[:, :, 0].round(6).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    rows, columns = a.sum(axis=1) > 0, b.sum(axis=1) > 0
    z = join(a[rows], b[columns])
    first, second = garbling(z, a[rows]), garbling(z, b[columns])
    weight = z / z.sum(axis=1, keepdims=True) ** 2
    q = np.zeros((len(a), len(b), 2))
    found = np.stack([(first * weight[:, y]) @ second.T for y in range(2)], axis=-1)
    q[np.ix_(rows, columns)] = round_to_tables(found, a[rows], b[columns])
    return q
