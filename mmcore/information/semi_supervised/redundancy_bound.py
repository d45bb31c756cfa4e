"""Lower bounds of synergy from redundancy (theorem 4 of the thesis), as the two relaxations that one solve each gives.

    S = R - I(X1;X2) + I(X1;X2|Y),      I(X1;X2|Y) = I(X1; X2,Y) - I(X1;Y) >= min_r I_r(X1; X2,Y) - I(X1;Y)

with the minimum over r that keep p(x1,x2) and p(x1,y): the union information of sources X2 and Y about X1. Dropping
p(x1,y) instead, with X2 as the target, gives the second. Both are valid, so their maximum is; the paper's code solves
both and uses the first. Keeping all three tables gives the exact minimum (`pairwise_maximum_entropy`), at least both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.entropy import mutual_information_many

Float = NDArray[np.float64]


def target_tables(a: Float, b: Float, c: Float) -> tuple[tuple[Float, Float], tuple[Float, Float]]:
    """Return the tables of the two relaxations: (p(x2,x1), p(y,x1)) and (p(x1,x2), p(y,x2)), target last.

    Example:
        >>> [t.shape for pair in target_tables(np.ones((2, 4)), np.ones((3, 4)), np.ones((2, 3))) for t in pair]
        [(3, 2), (4, 2), (2, 3), (4, 3)]
    """
    return (np.swapaxes(c, -1, -2), np.swapaxes(a, -1, -2)), (c, np.swapaxes(b, -1, -2))


def information_bounds(a: Float, b: Float, c: Float, unions: tuple[Float, Float]) -> tuple[Float, Float]:
    """Return the two lower bounds of I(X1,X2;Y) in bits; each less the union information is S_R of that relaxation.

    I(X1,X2;Y) = I(X1;Y) + I(X2;Y) - I(X1;X2) + I(X1;X2|Y).

    Args:
        a, b, c: tables (..., n1, l), (..., n2, l), (..., n1, n2).
        unions: lower ends of the union information of the two problems of `target_tables`.

    Example:
        >>> coin = np.full((2, 2), 0.25)
        >>> [float(x) for x in information_bounds(coin, coin, coin, (np.zeros(()), np.zeros(())))]
        [0.0, 0.0]
    """
    information1, information2 = mutual_information_many(a), mutual_information_many(b)
    shared = mutual_information_many(c)
    return information2 - shared + unions[0], information1 - shared + unions[1]
