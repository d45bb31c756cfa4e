"""What the atoms look like where there is nothing to find: permuted labels, and a label without synergy.

    permutation   H0: (X1, X2) and Y unrelated.     Counts keep n(x1,x2) and n(y).
    redundant     H0: no synergy.                   Rows from q*, the coupling with p(x1,y) and p(x2,y) whose S is zero.
    p = (1 + #{null >= observed}) / (1 + draws)                                        (Davison and Hinkley 1997, 4.2)

A permutation answers "is anything known about the label?"; sources that only repeat each other pass that test. The
redundant null keeps what each source knows alone, hence R, U1 and U2, and is right also where those are large. For
synergy the reported p is the larger of the two, which has at most the level of either under its own hypothesis.
q* comes from the empirical tables; where these are zero in a cell, so is q*.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def p_value(observed: float, null: Float, tolerance: float = 0.0) -> float:
    """Return the one-sided p of `observed` among `null` (n,): ties, up to `tolerance`, count against it.

    Example:
        >>> p_value(0.3, np.array([0.1, 0.2, 0.4]))
        0.5
    """
    return float((1 + int((null >= observed - tolerance).sum())) / (1 + len(null)))
