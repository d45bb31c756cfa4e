"""Redundancy as a minimum: of the specific informations (I_min) or of the mutual informations (MMI).

    I_min  R = sum_y p(y) min_k I(Y=y; X_k),     I(Y=y; X) = sum_x p(x|y) log2 [ p(y|x) / p(y) ]
    MMI    R = min( I(X1;Y), I(X2;Y) )

References: Williams and Beer, Nonnegative decomposition of multivariate information, arXiv:1004.2515 (2010), equations
1 and 3; Barrett, Exploration of synergistic and redundant information sharing in static and dynamical Gaussian systems,
Phys. Rev. E 91, 052802 (2015). Both compare amounts of information and not what it is about. Hence their failure, the
two-bit copy: two independent bits, copied into the label, count as one bit of redundancy and one of synergy (Harder,
Salge and Polani 2013). Every decomposition with non-negative atoms has R <= MMI.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from mmcore.information.atoms import PID
from mmcore.information.entropy import LN2
from mmcore.information.measures.sums import from_redundancy, informations

Float = NDArray[np.float64]


def weighted_specific_information(table: Float) -> Float:
    """Return p(y) I(Y=y; X) for each label of a table (n, l), in bits; they sum to I(X;Y).

    Example:
        >>> weighted_specific_information(np.array([[0.5, 0.0], [0.25, 0.25]])).round(4).tolist()
        [0.0613, 0.25]
    """
    product = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    return np.asarray(rel_entr(table, product).sum(axis=0) / LN2)


def i_min(p: Float) -> PID:
    """Return the decomposition of Williams and Beer of a checked table (n1, n2, l), in bits.

    Example:
        >>> copy = np.eye(4).reshape(2, 2, 4) / 4
        >>> i_min(copy)                                    # two independent bits, said to share one
        PID(R=1.0000, U1=0.0000, U2=0.0000, S=1.0000 bits; closed_form by i_min)
    """
    first = weighted_specific_information(p.sum(axis=1))
    second = weighted_specific_information(p.sum(axis=0))
    return from_redundancy(p, float(np.minimum(first, second).sum()), "i_min")


def mmi(p: Float) -> PID:
    """Return the decomposition by minimum mutual information of a checked table (n1, n2, l), in bits.

    Example:
        >>> copy = np.eye(4).reshape(2, 2, 4) / 4
        >>> mmi(copy)
        PID(R=1.0000, U1=0.0000, U2=0.0000, S=1.0000 bits; closed_form by mmi)
    """
    first, second, _ = informations(p)
    return from_redundancy(p, min(first, second), "mmi")
