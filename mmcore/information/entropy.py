"""Entropy and mutual information of a table of probabilities, exact, in bits.

    H(X) = -sum p(x) log2 p(x),    I(X;Y) = sum p(x,y) log2 [ p(x,y) / (p(x) p(y)) ],
    I(X;Y|Z) = sum p(x,y,z) log2 [ p(x,y,z) p(z) / (p(x,z) p(y,z)) ]

Reference: Cover and Thomas, Elements of Information Theory (2006), chapter 2. Cells without mass contribute zero
(0 log 0 = 0). The tables are taken as true: what a finite sample does to these numbers is a matter for `interval`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, rel_entr

Float = NDArray[np.float64]

LN2 = float(np.log(2.0))

# The smallest normal number: changes no larger mass, and the logarithm of zero, multiplied by zero, becomes finite.
_TINY = float(np.finfo(np.float64).tiny)


def entropy(p: Any) -> float:
    """Return the joint entropy of all axes of `p`, in bits.

    Args:
        p: probabilities of any shape, summing to one.

    Example:
        >>> entropy([0.25, 0.25, 0.25, 0.25])
        2.0
    """
    return float(entr(np.asarray(p, dtype=np.float64)).sum() / LN2)


def conditional_entropy(p: Any) -> float:
    """Return H(Y|X) of a table `p` (|X|, |Y|), in bits.

    Example:
        >>> conditional_entropy([[0.5, 0.0], [0.25, 0.25]])
        0.5
    """
    table = np.asarray(p, dtype=np.float64)
    return float(-rel_entr(table, np.broadcast_to(table.sum(axis=1, keepdims=True), table.shape)).sum() / LN2)


def mutual_information(p: Any) -> float:
    """Return I(X;Y) of a table `p` (|X|, |Y|), in bits.

    Example:
        >>> mutual_information([[0.5, 0.0], [0.0, 0.5]])
        1.0
    """
    return float(mutual_information_many(np.asarray(p, dtype=np.float64)))


def _negative_entropy(p: Float, axes: int) -> Float:
    """Return sum p ln p over the last `axes` axes; a logarithm per cell, which no product of margins can underflow."""
    terms = np.log(p + _TINY)
    terms *= p
    return np.asarray(np.add.reduce(terms.reshape(*p.shape[: p.ndim - axes], -1), axis=-1))


def mutual_information_many(p: Float) -> Float:
    """Return I(X;Y) of each table in `p` (..., |X|, |Y|) as an array (...), in bits.

    Example:
        >>> mutual_information_many(np.full((3, 2, 2), 0.25)).tolist()
        [0.0, 0.0, 0.0]
    """
    x = _negative_entropy(np.einsum("...xy->...x", p), 1)  # over short axes several times faster than sum
    y = _negative_entropy(np.einsum("...xy->...y", p), 1)
    return np.asarray((_negative_entropy(p, 2) - x - y) / LN2)


def conditional_mutual_information(p: Any) -> float:
    """Return I(X;Y|Z) of a table `p` (|X|, |Y|, |Z|), in bits.

    Example:
        >>> xor = np.zeros((2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         xor[i, j, i ^ j] = 0.25
        >>> conditional_mutual_information(xor)
        1.0
    """
    table = np.asarray(p, dtype=np.float64)
    given = table.sum(axis=(0, 1))
    share = np.divide(1.0, given, out=np.zeros_like(given), where=given > 0)
    return float(rel_entr(table, table.sum(axis=1)[:, None] * table.sum(axis=0)[None] * share).sum() / LN2)


def co_information(p: Any) -> float:
    """Return I(X1;Y) + I(X2;Y) - I(X1,X2;Y) of a table `p` (|X1|, |X2|, |Y|), in bits; negative under synergy.

    It equals redundancy minus synergy.

    Example:
        >>> xor = np.zeros((2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         xor[i, j, i ^ j] = 0.25
        >>> co_information(xor)
        -1.0
    """
    table = np.asarray(p, dtype=np.float64)
    both = mutual_information(table.reshape(-1, table.shape[2]))
    return mutual_information(table.sum(axis=1)) + mutual_information(table.sum(axis=0)) - both
