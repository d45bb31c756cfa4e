"""Modality disagreement: how far the predictions of the two modalities lie apart on the pairs that occur.

    alpha = E_{p(x1,x2)} d( p(y|x1), p(y|x2) )                                           definition 6 of the thesis

d is the squared Euclidean distance of the label distributions (summed over all labels: twice the square of the
difference for two labels), or 0/1: whether the two most probable labels differ. The Bhattacharyya coefficient
BC = sum_y sqrt(p(y|x1) p(y|x2)) of the same pairs serves the bound without a constant in `uniqueness_bound`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.information.entropy import LN2

Float = NDArray[np.float64]


def posterior(table: Float) -> Float:
    """Return p(y|x) of tables (..., n, l); rows of zeros where a symbol has no mass.

    Example:
        >>> posterior(np.array([[0.25, 0.75], [0.0, 0.0]])).tolist()
        [[0.25, 0.75], [0.0, 0.0]]
    """
    mass = table.sum(axis=-1, keepdims=True)
    return np.divide(table, mass, out=np.zeros_like(table), where=mass > 0)


def disagreement(a: Float, b: Float, c: Float) -> Float:
    """Return alpha (...), the mean squared Euclidean distance of the two label distributions, in [0, 2].

    Args:
        a, b, c: tables (..., n1, l), (..., n2, l), (..., n1, n2).

    Example:
        >>> coin, same = np.full((2, 2), 0.25), np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> float(disagreement(same, coin, coin))                      # Y = X1: sure against undecided, 2 (1/2)^2
        0.5
    """
    first, second = posterior(a), posterior(b)
    square1, square2 = (first**2).sum(axis=-1), (second**2).sum(axis=-1)
    product = np.matmul(first, np.swapaxes(second, -1, -2))
    return np.asarray((c * (square1[..., :, None] + square2[..., None, :] - 2.0 * product)).sum(axis=(-2, -1)))


def disagreement_rate(a: Float, b: Float, c: Float) -> Float:
    """Return the share (...) of pairs on which the most probable labels differ; a tie goes to the first label.

    Example:
        >>> same = np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> float(disagreement_rate(same, same, np.full((2, 2), 0.25)))
        0.5
    """
    differ = a.argmax(axis=-1)[..., :, None] != b.argmax(axis=-1)[..., None, :]
    return np.asarray((c * differ).sum(axis=(-2, -1)))


def bhattacharyya(a: Float, b: Float, c: Float) -> Float:
    """Return E_{p(x1,x2)}[-log2 BC(p(y|x1), p(y|x2))] (...) in bits; inf where a pair that occurs shares no label.

    Example:
        >>> coin, same = np.full((2, 2), 0.25), np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> round(float(bhattacharyya(same, coin, coin)), 12)                             # BC = sqrt(1/2) on every pair
        0.5
    """
    root1, root2 = np.sqrt(posterior(a)), np.sqrt(posterior(b))
    coefficient = np.matmul(root1, np.swapaxes(root2, -1, -2))
    with np.errstate(divide="ignore"):
        distance = -np.log(coefficient) / LN2
    return np.asarray(np.where(c > 0, c * np.where(c > 0, distance, 0.0), 0.0).sum(axis=(-2, -1)))
