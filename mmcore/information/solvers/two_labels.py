"""Union information for two labels in closed form, by value curves: no optimiser, exact to rounding, many at a time.

    V_k(t) = sum_i max(0, (1-t) p(i,1) - t p(i,0)),        t in [0, 1]
    I_union = I_1 + E_2 = I_2 + E_1,      E_2 = (1/ln 2) int_0^1 max(0, V_2 - V_1) / (t (1-t)) dt,  E_1 the other way

With two labels the Blackwell order is a lattice: every coupling with the two tables dominates both channels, hence
their join, and the join, garbled independently into X1 and X2, is such a coupling. The support function of the join is
the pointwise maximum of the V_k (Bertschinger and Rauh 2014 for the order; Blackwell 1953). V_1 - V_2 is A(1-t) - Bt
between neighbouring posteriors, and (A(1-t) - Bt) / (t(1-t)) has the antiderivative A ln t + B ln(1-t). E_2 is zero
exactly where X1 dominates, which is why it is integrated instead of the maximum.

A is summed from t = 0 and B from t = 1, where each is small, and ln t, ln(1-t) are kept apart: masses down to 1e-300
keep their relative precision. The rounding of a few ulp a symbol is added to the returned interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import Union
from mmcore.information.entropy import LN2, mutual_information_many

Float = NDArray[np.float64]

_SMALLEST = 5e-324
_EPSILON = float(np.finfo(np.float64).eps)
_CHUNK_SYMBOLS = 200_000  # symbols handled at once: a few dozen arrays of 1.6 MB are alive


def excess_information(a: Float, b: Float) -> tuple[Float, Float]:
    """Return E_1 and E_2 (B,), nats: what each source knows of the label beyond the other, at least 0.

    Args:
        a, b: tables (B, n1, 2) and (B, n2, 2) with the same label masses; empty symbols are allowed.

    Example:
        >>> first, second = np.array([[[0.5, 0.0], [0.0, 0.5]]]), np.array([[[0.5, 0.5]]])
        >>> [float(part[0] / LN2) for part in excess_information(first, second)]
        [1.0, 0.0]
    """
    masses = np.concatenate([a, b], axis=1)
    # The smallest positive number in place of zero: the coefficient of its logarithm is zero there.
    logs = np.log(np.maximum(masses, _SMALLEST))
    order = np.argsort(logs[..., 1] - logs[..., 0], axis=1)
    masses[:, a.shape[1] :] *= -1.0
    order = order[..., None]
    masses, logs = np.take_along_axis(masses, order, axis=1), np.take_along_axis(logs, order, axis=1)
    logs -= np.logaddexp(logs[..., 0], logs[..., 1])[..., None]

    rise = -np.cumsum(masses[:, :-1, 1], axis=1)
    fall = np.cumsum(masses[:, :0:-1, 0], axis=1)[:, ::-1]
    ends = rise * logs[:, 1:, 1] + fall * logs[:, 1:, 0]
    starts = rise * logs[:, :-1, 1] + fall * logs[:, :-1, 0]
    # On a piece both curves are lines, so they cross at most once, at odds rise / fall.
    size1, size0 = np.maximum(np.abs(rise), _SMALLEST), np.maximum(np.abs(fall), _SMALLEST)
    log1, log0 = np.log(size1), np.log(size0)
    odds = log1 - log0
    total = np.log(size1 + size0)
    crosses = (rise * fall > 0) & (odds > logs[:, :-1, 1] - logs[:, :-1, 0]) & (odds < logs[:, 1:, 1] - logs[:, 1:, 0])
    turns = np.where(crosses, rise * (log1 - total) + fall * (log0 - total), ends)
    before, after = turns - starts, ends - turns
    first = np.maximum(before, 0.0).sum(axis=1) + np.maximum(after, 0.0).sum(axis=1)
    second = 0.0 - np.minimum(before, 0.0).sum(axis=1) - np.minimum(after, 0.0).sum(axis=1)
    return first, second


def union_information_many(a: Float, b: Float) -> tuple[Float, Float]:
    """Return (lower, upper), each (B,), of the union information of B pairs of tables, in bits.

    Args:
        a, b: tables (B, n1, 2) and (B, n2, 2), same label masses, each pair summing to one; empty symbols are allowed.

    Example:
        >>> a = np.array([[[0.5, 0.0], [0.25, 0.25]]])     # AND: one input against the output
        >>> lower, upper = union_information_many(a, a)
        >>> upper.round(6).tolist(), bool(upper[0] - lower[0] < 1e-13)
        ([0.311278], True)
    """
    symbols = a.shape[1] + b.shape[1]
    size = max(1, _CHUNK_SYMBOLS // symbols)
    value = np.empty(len(a))
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        first, second = excess_information(a[part], b[part])
        # Both sums are the union; the smaller excess, an exact zero under dominance, carries the smaller rounding.
        value1 = mutual_information_many(a[part]) + second / LN2
        value2 = mutual_information_many(b[part]) + first / LN2
        value[part] = np.where(second <= first, value1, value2)
    error = 4.0 * _EPSILON * (symbols + 8)
    return value - error, value + error


def union_information(a: Float, b: Float, *, tol: float = 1e-9) -> Union:
    """Return the union information of two tables over two labels, in bits.

    Args:
        a, b: tables (n1, 2) and (n2, 2), same label masses, sum one.
        tol: not needed; here so that all engines are called alike.

    Example:
        >>> a = np.array([[0.5, 0.0], [0.25, 0.25]])
        >>> round(union_information(a, a).upper, 6)
        0.311278
    """
    lower, upper = union_information_many(a[None], b[None])
    return Union(float(lower[0]), float(upper[0]), "solved", "two_labels", 0)
