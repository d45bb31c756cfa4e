"""Redundancy or synergy as a difference of informations: whole minus sum, co-information, and Delta-I.

    WMS   S = I(X1,X2;Y) - I(X1;Y) - I(X2;Y),     R = 0
    CoI   R = I(X1;Y) + I(X2;Y) - I(X1,X2;Y),     S = 0
    CI    S = Delta I = sum p(x1,x2,y) log2 [ p(y|x1,x2) / p_ind(y|x1,x2) ],    p_ind ~ p(y) p(x1|y) p(x2|y)

References: Gawne and Richmond (1993) and Schneidman, Bialek and Berry (2003) for WMS; McGill (1954) and Bell (2003) for
co-information; Nirenberg, Carcieri, Jacobs and Latham, Retinal ganglion cells act largely as independent encoders,
Nature 411, 698 (2001) and Nirenberg and Latham, Decoding neuronal spike trains: how important are correlations?, PNAS
100, 7348 (2003) for Delta I, the loss of a decoder that takes the sources as independent given the label.

Failures. WMS and co-information are one number, redundancy minus synergy: where both are present they cancel (RDNXOR
gives zero for either), and the atom that is set to zero moves into the unique ones, which may be negative. Delta I
counts what a decoder loses, not what the sources hold together: on AND it finds 0.104 bit where there are 0.5 (Griffith
and Koch 2014), and it can exceed I(X1,X2;Y) (Schneidman et al. 2003), so that unique atoms become negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from mmcore.information.atoms import PID
from mmcore.information.entropy import LN2, co_information
from mmcore.information.measures.sums import from_redundancy, from_synergy

Float = NDArray[np.float64]


def wms(p: Float) -> PID:
    """Return the whole-minus-sum decomposition of a checked table (n1, n2, l), in bits: all overlap is synergy.

    Example:
        >>> copied = np.zeros((2, 2, 2))
        >>> copied[0, 0, 0] = copied[1, 1, 1] = 0.5
        >>> wms(copied)
        PID(R=0.0000, U1=1.0000, U2=1.0000, S=-1.0000 bits; closed_form by wms)
    """
    return from_synergy(p, -co_information(p), "wms")


def co_information_measure(p: Float) -> PID:
    """Return the decomposition of a checked table (n1, n2, l) that calls all overlap redundancy, in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> co_information_measure(xor)
        PID(R=-1.0000, U1=1.0000, U2=1.0000, S=0.0000 bits; closed_form by co_information)
    """
    return from_redundancy(p, co_information(p), "co_information")


def delta_information(p: Float) -> float:
    """Return Delta I of a table (n1, n2, l), in bits, never negative.

    Example:
        >>> both = np.array([[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]])      # AND
        >>> round(delta_information(both), 4)
        0.1038
    """
    label = p.sum(axis=(0, 1))
    share = np.divide(1.0, label, out=np.zeros_like(label), where=label > 0)
    independent = p.sum(axis=1)[:, None, :] * p.sum(axis=0)[None, :, :] * share
    pair, total = p.sum(axis=2, keepdims=True), independent.sum(axis=2, keepdims=True)
    # Where p has mass the independent model has, but for products that underflow: a cell of such mass (below 1e-150)
    # adds less than the last digit of the rest.
    posterior = np.divide(independent, total, out=np.zeros_like(p), where=total > 0)
    seen = (p > 0) & (posterior > 0)
    decoded = (posterior * pair)[seen]
    counted = decoded > 0
    return float(rel_entr(p[seen][counted], decoded[counted]).sum() / LN2)


def ci(p: Float) -> PID:
    """Return the decomposition of a checked table (n1, n2, l) whose synergy is Delta I, in bits.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> ci(xor).synergy
        1.0
    """
    return from_synergy(p, delta_information(p), "ci")
