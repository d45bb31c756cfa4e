"""From a redundancy or a synergy to four atoms with consistent sums.

    R + U1 = I(X1;Y),   R + U2 = I(X2;Y),   R + U1 + U2 + S = I(X1,X2;Y)        (bits)

Reference: Williams and Beer (2010). With two sources any one atom decides the other three. Nothing is clipped: the
negative atoms of some measures are what they are known for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.information.atoms import PID
from mmcore.information.entropy import mutual_information

Float = NDArray[np.float64]


def informations(p: Float) -> tuple[float, float, float]:
    """Return I(X1;Y), I(X2;Y) and I(X1,X2;Y) of a table (n1, n2, l), in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> informations(xor)
        (0.0, 0.0, 1.0)
    """
    both = mutual_information(p.reshape(-1, p.shape[2]))
    return mutual_information(p.sum(axis=1)), mutual_information(p.sum(axis=0)), both


def from_redundancy(
    p: Float,
    redundancy: float,
    method: str,
    *,
    status: str = "closed_form",
    diagnostics: Mapping[str, Any] | None = None,
) -> PID:
    """Return the decomposition of table `p` whose redundancy is given, in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> from_redundancy(xor, -0.5, "mine").synergy
        0.5
    """
    first, second, both = informations(p)
    return PID(
        redundancy=redundancy,
        unique1=first - redundancy,
        unique2=second - redundancy,
        synergy=both - first - second + redundancy,
        gap=None,
        status=status,
        solver=method,
        method=method,
        diagnostics=dict(diagnostics or {}),
    )


def from_synergy(p: Float, synergy: float, method: str) -> PID:
    """Return the decomposition of table `p` whose synergy is given, in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> from_synergy(xor, 1.0, "mine").redundancy
        0.0
    """
    first, second, both = informations(p)
    return PID(
        redundancy=first + second - both + synergy,
        unique1=both - second - synergy,
        unique2=both - first - synergy,
        synergy=synergy,
        gap=None,
        status="closed_form",
        solver=method,
        method=method,
    )
