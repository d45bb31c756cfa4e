"""Bias of the atoms of a table of counts: what resamples, subsamples or permutations say of it.

    bootstrap      b = E* phi(p*) - phi(p)                                                     Efron (1979)
    extrapolation  phi(N) = a + b/N + c/N^2 through the means at N, N/2, N/4                   Strong et al. (1998)
    shuffle        b = E phi(permuted labels)                                                  Panzeri et al. (2007)
    matched        b = w b_bootstrap + (1 - w) b_shuffle,   w = I / I_raw with I = I_raw - b   (the default)

Plug-in information is too high by about (n1 n2 - 1)(|Y| - 1) / (2 N ln 2), nearly all of it in the synergy. The bias is
a function of the true table: `shuffle` knows it where nothing is related, `bootstrap` at the empirical table, which is
more related than the true one (20 x 20 symbols, 1,800 rows, nothing related: the bootstrap sees 0.14 of 0.18 bits).
`matched` takes the bias of each of I1, I2, I_union and S as linear in that quantity between these two ends, and solves
for the one that would have given the raw value (linear form of the matching of MacKinnon and Smith 1998):

    I = I_raw (I_raw - b_shuffle) / (I_raw - b_shuffle + b_bootstrap),      w clipped to [0, 1]

For S the end without any is that of labels exchanged within the symbols of the stronger source: a source that nearly
decides the label leaves little room for bias, which unrelated data do not show (20 x 20 symbols, 6,800 rows, I2 = 0.28,
no synergy: raw S 0.041, corrected mean -0.000 over 40 draws).

Measured (rows: world, N; bits of S; mean error and, in brackets, root mean square error over 200 draws):

    raw            bootstrap      shuffle        extrapolation   world
    .182 (.182)    .041 (.045)    -.001 (.014)   -.050 (.054)    20 x 20 x 2 unrelated, 1,800
    -.004 (.005)   -.000 (.004)   -.006 (.007)   -.000 (.004)    exclusive or, 500
    -.013 (.022)   -.006 (.021)   -.015 (.023)   -.006 (.022)    and, 500
    .017 (.028)    .004 (.024)    .001 (.023)    .002 (.024)     Dirichlet 4 x 4 x 2, 500

The corrected atoms keep the sums: R + U1 is the corrected I1, R + U1 + U2 the corrected I_union, and so on.
Nothing is clipped: a corrected atom may be negative.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmcore.information.uncertainty.resampled import subsample, units

Float = NDArray[np.float64]
Atoms = Callable[[Float], Float]  # tables (n, n_cells) -> atoms (n, 4), failed ones left out

CORRECTIONS = ("matched", "bootstrap", "extrapolation", "shuffle", "none")

# (I1, I2, I_union, S) = PARTS (R, U1, U2, S)
PARTS = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def bootstrap_bias(atoms: Atoms, tables: Float, values: Float) -> Float:
    """Return the bias (4,) of the bootstrap, E* phi(p*) - phi(mean of p*).

    The mean of the drawn tables in place of the empirical one takes most of the Monte Carlo error out (Efron 1990).

    Args:
        tables: the drawn tables (n, n_cells); values: their atoms (n, 4).
    """
    return np.asarray(values.mean(axis=0) - atoms(tables.mean(axis=0, keepdims=True))[0])


def matched_weights(raw: Float, from_bootstrap: Float, from_shuffle: Float) -> Float:
    """Return the weights w (4,) of the bootstrap's bias for I1, I2, I_union and S, see the module.

    Example:
        >>> matched_weights(np.array([0, 0, 0, 1.0]), np.zeros(4), np.zeros(4)).tolist()
        [0.0, 0.0, 0.0, 1.0]
        >>> matched_weights(np.array([0, 0, 0, 0.1]), np.full(4, 0.08), np.full(4, 0.1)).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    excess = PARTS @ (raw - from_shuffle)
    spread = excess + PARTS @ from_bootstrap
    ratio = np.divide(excess, spread, out=np.ones(len(PARTS)), where=spread > 0.0)
    return np.where(excess > 0.0, np.minimum(ratio, 1.0), 0.0)


def matched_rule(raw: Float, from_bootstrap: Float, from_shuffle: Float) -> tuple[Float, Float]:
    """Return (A, rest): the matched bias of the atoms is A @ bootstrap's bias + rest.

    Example:
        >>> rule, rest = matched_rule(np.array([0, 0, 0, 1.0]), np.full(4, 0.1), np.zeros(4))
        >>> (rule @ np.full(4, 0.1) + rest).round(6).tolist()
        [0.0, 0.0, 0.0, 0.090909]
    """
    weights = matched_weights(raw, from_bootstrap, from_shuffle)
    back = np.linalg.inv(PARTS)
    return back @ (weights[:, None] * PARTS), back @ ((1.0 - weights) * (PARTS @ from_shuffle))


def extrapolation_bias(atoms: Atoms, counts: Float, raw: Float, n_draws: int, *, seed: int) -> Float:
    """Return the bias (4,) that the quadratic extrapolation shows, from `n_draws` subsamples of each size.

    Args:
        counts: of `resampled.group_tables`; halves and quarters are of rows, or of groups.

    Reference: Strong, Koberle, de Ruyter van Steveninck and Bialek 1998.

    Example:
        >>> extrapolation_bias(lambda tables: np.ones((len(tables), 4)), np.full((1, 8), 5.0), np.ones(4), 2, seed=0)
        array([0., 0., 0., 0.])
    """
    n = units(counts)
    sizes = np.array([n, max(1, n // 2), max(1, n // 4)], dtype=np.float64)
    means = [raw]
    for size in sizes[1:]:
        drawn = subsample(counts, int(size), n_draws, seed=seed, name=f"extrapolation {int(size)}")
        means.append(atoms(drawn).mean(axis=0))
    design = np.stack([np.ones(3), n / sizes, (n / sizes) ** 2], axis=1)
    at_infinity = np.linalg.solve(design, np.stack(means))[0]
    return np.asarray(raw - at_infinity)
