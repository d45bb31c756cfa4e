"""I_ccs: pointwise common change in surprisal.

    R = sum q(x1,x2,y) c(x1;x2;y)  over the cells where  i(x1;y), i(x2;y), i(x1,x2;y) and c have one sign
    c = i(x1;y) + i(x2;y) - i(x1,x2;y),  local informations of q, log2

with q the distribution of largest entropy that has the three pair tables of p (`maximum_entropy`). Reference: Ince,
Measuring multivariate redundant information with pointwise common change in surprisal, Entropy 19, 318 (2017), sections
3.3 and 4.3: his decision game fixes the tables (x1,y), (x2,y) and also (x1,x2). Cells of q that p lacks count too.

Its failures: the condition on signs makes R discontinuous in p; unique and synergistic atoms can be negative; R is not
monotone under more sources. A local value within 1e-9 bit of zero counts as zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.atoms import PID
from mmcore.information.measures.maximum_entropy import maximum_entropy
from mmcore.information.measures.sums import from_redundancy

Float = NDArray[np.float64]

_ZERO = 1e-9


def common_change(q: Float) -> Float:
    """Return the local co-information of each cell of `q` (n1, n2, l) that counts as redundant, else 0, in bits.

    Example:
        >>> both = np.array([[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]])      # AND
        >>> common_change(both)[:, :, 0].round(3).tolist()
        [[0.415, 0.0], [0.0, 0.0]]
    """
    label = q.sum(axis=(0, 1))
    first, second, pair = q.sum(axis=1), q.sum(axis=0), q.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        local1 = np.log2(first / (first.sum(axis=1, keepdims=True) * label))[:, None, :]
        local2 = np.log2(second / (second.sum(axis=1, keepdims=True) * label))[None, :, :]
        both = np.log2(q / (pair[:, :, None] * label))
        change = local1 + local2 - both
    signs = [np.where(abs(part) < _ZERO, 0.0, np.sign(part)) for part in (local1, local2, both, change)]
    agree = (signs[0] == signs[3]) & (signs[1] == signs[3]) & (signs[2] == signs[3]) & (q > 0)
    return np.where(agree, change, 0.0)


def i_ccs(p: Float) -> PID:
    """Return the decomposition by common change in surprisal of a checked table (n1, n2, l), in bits.

    Status "converged": q comes from an iteration, whose residual is in the diagnostics.

    Raises:
        ArithmeticError: where the distribution of largest entropy is not found to 1e-9.

    Example:
        >>> both = np.array([[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]])      # AND
        >>> i_ccs(both)
        PID(R=0.1038, U1=0.2075, U2=0.2075, S=0.2925 bits; converged by i_ccs)
    """
    found = maximum_entropy(p)
    record = {"maximum_entropy_residual": found.residual, "newton_steps": found.iterations}
    redundancy = float((found.q * common_change(found.q)).sum())
    return from_redundancy(p, redundancy, "i_ccs", status="converged", diagnostics=record)
