"""Lower bounds of synergy from disagreement and unique information (theorem 5 of the thesis), with valid constants.

    S >= alpha / (4 ln 2) - (U1 + U2) / 2             quadratic
    S >= E[-log2 BC(p(y|x1), p(y|x2))] - (U1 + U2) / 2     free of a constant, never below the quadratic one

Proof: I(X2;Y|X1) + I(X1;Y|X2) = U1 + U2 + 2 S is the mean of KL(p(y|x1,x2) || p(y|x1)) + KL(p(y|x1,x2) || p(y|x2)), and
over all r the least KL(r||u) + KL(r||v) is -2 log BC(u, v). For the quadratic form BC^2 <= 1 - (||u - v||_1 / 2)^2 and
||u - v||_1^2 >= 2 ||u - v||_2^2 for differences that sum to zero, so -ln BC >= ||u - v||_2^2 / 4.

Departure on purpose: the paper prints alpha c - max(U1, U2) "for some constant c" and its code uses c = 1, which is
false (3.4 % of random 2x2x2 tables); `uniqueness_bound(constant=...)` offers that form to show so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError

Float = NDArray[np.float64]

VALID_CONSTANT = 1.0 / (4.0 * math.log(2.0))


def uniqueness_bound(disagreement: Any, unique1: Any, unique2: Any, *, constant: float = VALID_CONSTANT) -> Float:
    """Return alpha * constant - max(U1, U2), bits: theorem 5 as printed, with the constant by name.

    Args:
        disagreement: alpha, the mean squared Euclidean distance (`disagreement.disagreement`).
        unique1, unique2: U1 and U2 in bits.
        constant: valid up to 1/(4 ln 2) = 0.3607, the default; 1 is what the released code uses.

    Raises:
        InputError: for a constant that is no positive finite number.

    Example:
        >>> float(uniqueness_bound(0.5, 0.1, 0.0, constant=1.0))
        0.4
    """
    if not (math.isfinite(constant) and constant > 0):
        raise InputError("constant", constant, "a positive number", "Leave it out for the valid constant.")
    return np.asarray(np.asarray(disagreement) * constant - np.maximum(unique1, unique2))


def quadratic_bound(disagreement: Any, unique1: Any, unique2: Any) -> Float:
    """Return alpha / (4 ln 2) - (U1 + U2) / 2, bits: valid for every alphabet and at least the printed form.

    Example:
        >>> round(float(quadratic_bound(1.0, 0.25, 0.25)), 4)
        0.1107
    """
    return np.asarray(np.asarray(disagreement) * VALID_CONSTANT - 0.5 * (np.asarray(unique1) + unique2))


def bhattacharyya_bound(distance: Any, unique1: Any, unique2: Any) -> Float:
    """Return E[-log2 BC] - (U1 + U2) / 2, bits.

    Args:
        distance: E[-log2 BC] of `disagreement.bhattacharyya`.
        unique1, unique2: U1 and U2 in bits.

    Example:
        >>> float(bhattacharyya_bound(0.5, 1.0, 0.0))                                      # Y = X1: no synergy, met
        0.0
    """
    return np.asarray(np.asarray(distance) - 0.5 * (np.asarray(unique1) + unique2))
