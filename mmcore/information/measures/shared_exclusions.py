"""I_sx: pointwise shared information by the probability mass that the statement "x1 or x2" excludes.

    i_sx(y : x1; x2) = log2 [ P(x1 or x2 | y) / P(x1 or x2) ],      R = sum p(x1,x2,y) i_sx
    P(x1 or x2) = p(x1) + p(x2) - p(x1,x2),  and the same within the label

Reference: Makkeh, Gutknecht and Wibral, Introducing a differentiable measure of pointwise shared information, Phys.
Rev. E 103, 032149 (2021), equations 1 and 10. Differentiable in p and defined for each realisation. Its failure: atoms
are negative even on average, on XOR R = log2(2/3) = -0.585 bit, because "x1 or x2" is misleading there; and independent
sources share information on COPY.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.atoms import PID
from mmcore.information.measures.sums import from_redundancy

Float = NDArray[np.float64]


def shared_information(p: Float) -> Float:
    """Return i_sx of each cell of a table (n1, n2, l), in bits; NaN where the cell has no mass.

    Example:
        >>> both = np.array([[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]])      # AND
        >>> shared_information(both)[:, :, 0].round(3).tolist()
        [[0.415, -0.17], [-0.17, nan]]
    """
    pair, label = p.sum(axis=2, keepdims=True), p.sum(axis=(0, 1))
    anyhow = p.sum(axis=(1, 2))[:, None, None] + p.sum(axis=(0, 2))[None, :, None] - pair
    given = p.sum(axis=1)[:, None, :] + p.sum(axis=0)[None, :, :] - p
    found = np.full(p.shape, np.nan)
    inside = p > 0
    ratio = given / np.where(label > 0, label, 1.0) / np.where(anyhow > 0, anyhow, 1.0)
    found[inside] = np.log2(ratio[inside])
    return found


def i_sx(p: Float) -> PID:
    """Return the decomposition by shared exclusions of a checked table (n1, n2, l), in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> i_sx(xor)
        PID(R=-0.5850, U1=0.5850, U2=0.5850, S=0.4150 bits; closed_form by i_sx)
    """
    inside = p > 0
    return from_redundancy(p, float((p[inside] * shared_information(p)[inside]).sum()), "i_sx")
