"""Bias of the atoms of a table of counts: what resamples, subsamples or permutations say of it.

    bootstrap      b = E* phi(p*) - phi(p)                                                     Efron (1979)
    extrapolation  phi(N) = a + b/N + c/N^2 through the means at N, N/2, N/4                   Strong et al. (1998)
    shuffle        b = E phi(permuted labels)                                                  Panzeri et al. (2007)
    matched        b = w b_bootstrap + (1 - w) b_shuffle,   w = S / S_raw with S = S_raw - b   (the default)

Plug-in information is too high by about (n1 n2 - 1)(|Y| - 1) / (2 N ln 2), nearly all of it in the synergy. The bias is
a function of the true table: `shuffle` knows it where nothing is related, `bootstrap` at the empirical table, which is
more related than the true one (20 x 20 symbols, 1,800 rows, nothing related: the bootstrap sees 0.14 of 0.18 bits).
`matched` takes the bias as linear in S between these two ends and solves for the S that would have given S_raw (linear
form of the bias correction by matching of MacKinnon and Smith 1998):

    S = S_raw (S_raw - b_shuffle) / (S_raw - b_shuffle + b_bootstrap),      w clipped to [0, 1]

Measured (rows: world, N; bits of S; mean error and, in brackets, root mean square error over 200 draws):

    raw            bootstrap      shuffle        extrapolation   world
    .182 (.182)    .041 (.045)    -.001 (.014)   -.050 (.054)    20 x 20 x 2 unrelated, 1,800
    -.004 (.005)   -.000 (.004)   -.006 (.007)   -.000 (.004)    exclusive or, 500
    -.013 (.022)   -.006 (.021)   -.015 (.023)   -.006 (.022)    and, 500
    .017 (.028)    .004 (.024)    .001 (.023)    .002 (.024)     Dirichlet 4 x 4 x 2, 500

Each is the same linear rule for all four atoms, so the corrected ones keep the sums (R + U1 = corrected I(X1;Y), ...).
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

SYNERGY = 3  # place in ATOMS


def bootstrap_bias(atoms: Atoms, tables: Float, values: Float) -> Float:
    """Return the bias (4,) of the bootstrap, E* phi(p*) - phi(mean of p*).

    The mean of the drawn tables in place of the empirical one takes most of the Monte Carlo error out (Efron 1990).

    Args:
        tables: the drawn tables (n, n_cells); values: their atoms (n, 4).
    """
    return np.asarray(values.mean(axis=0) - atoms(tables.mean(axis=0, keepdims=True))[0])


def matched_weight(raw: Float, from_bootstrap: Float, from_shuffle: Float) -> float:
    """Return the weight w of the bootstrap's bias, see the module.

    Example:
        >>> matched_weight(np.array([0, 0, 0, 1.0]), np.zeros(4), np.zeros(4))
        1.0
        >>> matched_weight(np.array([0, 0, 0, 0.1]), np.full(4, 0.08), np.full(4, 0.1))
        0.0
    """
    excess = float(raw[SYNERGY] - from_shuffle[SYNERGY])
    spread = excess + float(from_bootstrap[SYNERGY])
    if excess <= 0.0:
        return 0.0
    return min(1.0, excess / spread) if spread > 0.0 else 1.0


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
