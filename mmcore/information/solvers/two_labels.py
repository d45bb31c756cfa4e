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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmcore.information.certificate import Union
from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_TINY = float(np.finfo(np.float64).tiny)
_EPSILON = float(np.finfo(np.float64).eps)
_sum = np.add.reduce  # the same as ndarray.sum, which spends more time on its arguments than on four numbers
_CHUNK_SYMBOLS = 200_000  # symbols handled at once: a few dozen arrays of 1.6 MB are alive


class Curves(NamedTuple):
    """Per pair of tables (B,), bits: I(X1;Y), I(X2;Y), and what each source knows beyond the other."""

    information1: Float
    information2: Float
    excess1: Float
    excess2: Float

    @property
    def union(self) -> Float:
        """The union information: both sums are it; the smaller excess, zero under dominance, is the more exact."""
        smaller = self.excess2 <= self.excess1
        return np.where(smaller, self.information1 + self.excess2, self.information2 + self.excess1)


def compare_curves(a: Float, b: Float) -> Curves:
    """Return the informations and the excesses of B pairs of tables, in bits.

    Args:
        a, b: tables (B, n1, 2) and (B, n2, 2), same label masses, each summing to one; empty symbols are allowed.

    Example:
        >>> first, second = np.array([[[0.5, 0.0], [0.0, 0.5]]]), np.array([[[0.5, 0.5]]])
        >>> [float(part[0]) for part in compare_curves(first, second)]
        [1.0, 0.0, 1.0, 0.0]
    """
    symbols = a.shape[1] + b.shape[1]
    size = max(1, _CHUNK_SYMBOLS // symbols)
    if len(a) <= size:
        return Curves(*_compare(a, b))
    parts = [_compare(a[start : start + size], b[start : start + size]) for start in range(0, len(a), size)]
    return Curves(*(np.concatenate(columns) for columns in zip(*parts)))


def _compare(a: Float, b: Float) -> tuple[Float, ...]:
    n1, n = a.shape[1], a.shape[1] + b.shape[1]
    masses = np.empty((2, n, len(a)))  # label, symbol, pair: long axis last, so that short ones cost little
    masses[:, :n1], masses[:, n1:] = a.transpose(2, 1, 0), b.transpose(2, 1, 0)
    # ln p(y|x). The smallest normal number keeps a logarithm finite whose coefficient is zero, and an empty symbol
    # between its neighbours, where it changes nothing.
    posterior = masses + _TINY
    posterior /= posterior[0] + posterior[1]
    logs = np.log(posterior)
    prior = _sum(masses[:, :n1], axis=1)
    prior_information = _sum(prior * np.log(prior + _TINY), axis=0)
    terms = _sum(masses * logs, axis=0)
    information1 = _sum(terms[:n1], axis=0) - prior_information
    information2 = _sum(terms[n1:], axis=0) - prior_information

    odds = logs[1] - logs[0]
    flat = np.argsort(odds, axis=0) * len(a) + np.arange(len(a))
    masses[:, n1:] *= -1.0
    fall_masses, rise_masses = masses.reshape(2, -1).take(flat, axis=1)
    log0, log1 = logs.reshape(2, -1).take(flat, axis=1)
    odds = odds.take(flat)
    rise = rise_masses[:-1].cumsum(axis=0)
    np.negative(rise, out=rise)
    fall = fall_masses[:0:-1].cumsum(axis=0)[::-1]
    excess1, excess2 = _integrate(rise, fall, log1, log0, odds)
    return information1 / LN2, information2 / LN2, excess1 / LN2, excess2 / LN2


def _integrate(rise: Float, fall: Float, log1: Float, log0: Float, odds: Float) -> tuple[Float, Float]:
    """Return the integrals of the positive and of the negative part of V_1 - V_2, nats.

    Args:
        rise, fall: A and B on the pieces (n-1, B) between neighbouring symbols.
        log1, log0, odds: ln t, ln(1-t) and their difference at the symbols (n, B), ascending.
    """
    starts, ends = rise * log1[:-1] + fall * log0[:-1], rise * log1[1:] + fall * log0[1:]
    # On a piece both curves are lines, so they cross at most once, at t = A / (A + B).
    size1, size0 = np.abs(rise) + _TINY, np.abs(fall) + _TINY
    total = size1 + size0
    cross1, cross0 = np.log(size1 / total), np.log(size0 / total)
    crossing = cross1 - cross0
    crosses = (rise * fall > 0) & (crossing > odds[:-1]) & (crossing < odds[1:])
    turns = np.where(crosses, rise * cross1 + fall * cross0, ends)
    before, after = turns - starts, ends - turns
    first = _sum(np.maximum(before, 0.0) + np.maximum(after, 0.0), axis=0)
    # The difference of both is exact in theory, but each must be exactly zero where its source is dominated.
    second = _sum(np.maximum(-before, 0.0) + np.maximum(-after, 0.0), axis=0)
    return first, second


def rounding_error(symbols: int) -> float:
    """Return by how much rounding may have moved the union information of tables of `symbols` symbols, bits.

    Example:
        >>> rounding_error(4) < 1.1e-14
        True
    """
    return 4.0 * _EPSILON * (symbols + 8)


def union_information_many(a: Float, b: Float) -> tuple[Float, Float]:
    """Return (lower, upper), each (B,), of the union information of B pairs of tables, in bits.

    Args:
        a, b: tables (B, n1, 2) and (B, n2, 2), same label masses, each summing to one; empty symbols are allowed.

    Example:
        >>> a = np.array([[[0.5, 0.0], [0.25, 0.25]]])     # AND: one input against the output
        >>> lower, upper = union_information_many(a, a)
        >>> upper.round(6).tolist(), bool(upper[0] - lower[0] < 1e-13)
        ([0.311278], True)
    """
    value, error = compare_curves(a, b).union, rounding_error(a.shape[1] + b.shape[1])
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
