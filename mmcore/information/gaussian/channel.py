"""From a covariance to two whitened channels and the three informations about a Gaussian target.

    X_k = H_k Z + N_k,   Z ~ N(0, I) the whitened target,  N_k ~ N(0, I) the whitened noise
    I(X_k;Y) = 1/2 log2 det(I + H_k' H_k),     I(X1,X2;Y) = -1/2 sum log2(1 - r_i^2),  r_i canonical correlations

Reference: Cover and Thomas (2006), chapter 8; Hotelling (1936) for canonical correlations. The variables are taken as
jointly Gaussian. Directions that both sources share without noise (x1 and x2 hold the same column) are counted once.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.entropy import LN2

Float = NDArray[np.float64]

_SINGULAR = 1e-10


@dataclasses.dataclass(frozen=True)
class Channel:
    """Gains (n_k, |Y|) of the whitened channels, the informations in bits, and the rank of both sources together."""

    gain1: Float
    gain2: Float
    information1: float
    information2: float
    both: float
    rank: int


def _whitened(covariance: Float, argument: str) -> Float:
    """Return L with covariance = L L'.

    Raises:
        InputError: for one that is singular.
    """
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if (scale == 0).any():
        columns = ", ".join(map(str, np.flatnonzero(scale == 0)))
        raise InputError(argument, f"constant columns {columns}", "columns that vary", "Leave them out, or pass ridge.")
    correlation = covariance / scale[:, None] / scale[None, :]
    if np.linalg.eigvalsh(correlation)[0] < _SINGULAR:
        allowed = "linearly independent columns"
        raise InputError(argument, "a singular covariance", allowed, "Leave out collinear columns, or pass ridge.")
    return np.asarray(np.linalg.cholesky(correlation) * scale[:, None])


def _gain(source: Float, cross: Float, target: Float, argument: str) -> Float:
    """Return the whitened gain of a source, given its covariance, that with the target, and the target's factor."""
    factor = _whitened(source, argument)
    # correlation of the two whitened blocks; its singular values are the canonical correlations
    correlation = np.linalg.solve(target, np.linalg.solve(factor, cross).T).T
    _, values, right = np.linalg.svd(correlation, full_matrices=False)
    if values.size and values[0] ** 2 > 1.0 - _SINGULAR:
        received = f"y is a linear function of {argument} (canonical correlation {values[0]:.12g})"
        remedy = "Gaussian information is infinite here: leave out what copies the target, or pass ridge."
        raise InputError("y", received, "a target with noise of its own", remedy)
    return np.asarray((values / np.sqrt(1.0 - values**2))[:, None] * right)


def _canonical_information(source: Float, cross: Float, target: Float) -> tuple[float, int]:
    """Return I(X;Y) in bits and the rank of X, for a source whose covariance may be singular."""
    scale = np.sqrt(np.diag(source))
    values, vectors = np.linalg.eigh(source / scale[:, None] / scale[None, :])
    kept = values > _SINGULAR
    root = vectors[:, kept] / np.sqrt(values[kept])
    correlation = np.linalg.solve(target, (root.T @ (cross / scale[:, None])).T)
    squares = np.linalg.svd(correlation, compute_uv=False) ** 2
    if squares.size and squares[0] > 1.0 - _SINGULAR:
        received = "y is a linear function of both sources together"
        remedy = "Gaussian information is infinite here: leave out what fixes the target, or pass ridge."
        raise InputError("y", received, "a target with noise of its own", remedy)
    return float(-0.5 * np.log1p(-squares).sum() / LN2), int(kept.sum())


def channel(covariance: Float, sizes: tuple[int, int, int]) -> Channel:
    """Return the whitened channels of a joint covariance, ordered x1, x2, y.

    Args:
        covariance: (n, n), symmetric, n = sum of `sizes`.
        sizes: columns of x1, x2 and y.

    Raises:
        InputError: for sizes that do not fit, constant or collinear columns within one block, or a target that is a
            linear function of the sources.

    Example:
        >>> found = channel(np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]]), (1, 1, 1))
        >>> round(found.information1, 4), round(found.both, 4)                # -1/2 log2(1 - 0.36), -1/2 log2(1 - 0.72)
        (0.3219, 0.9183)
    """
    matrix = np.asarray(covariance, dtype=np.float64)
    n = sum(sizes)
    if matrix.shape != (n, n) or min(sizes) < 1:
        allowed = f"sizes of at least one, and ({n}, {n})"
        raise InputError("covariance", f"shape {matrix.shape} for sizes {sizes}", allowed, "Order it x1, x2, y.")
    if not np.isfinite(matrix).all():
        raise InputError("covariance", "NaN or infinity", "finite numbers", "Impute or leave out those rows.")
    if not np.allclose(matrix, matrix.T, rtol=1e-10, atol=0.0):
        raise InputError("covariance", "a matrix that is not symmetric", "a covariance", "Pass a covariance.")
    first, second = slice(0, sizes[0]), slice(sizes[0], sizes[0] + sizes[1])
    both, target = slice(0, sizes[0] + sizes[1]), slice(sizes[0] + sizes[1], n)
    factor = _whitened(matrix[target, target], "y")
    gains = [
        _gain(matrix[block, block], matrix[block, target], factor, name)
        for block, name in ((first, "x1"), (second, "x2"))
    ]
    one, two = (0.5 * float(np.log1p((gain**2).sum(axis=1)).sum()) / LN2 for gain in gains)
    total, rank = _canonical_information(matrix[both, both], matrix[both, target], factor)
    return Channel(gains[0], gains[1], one, two, total, rank)
