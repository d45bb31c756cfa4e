"""What the atoms look like where there is nothing to find: permuted labels, and a second source that only repeats.

    permutation   H0: (X1, X2) and Y unrelated.             Counts keep n(x1,x2) and n(y).
    redundant     H0: Y - X1 - X2, or Y - X2 - X1.          Counts keep n(x1,x2) and n(x1,y), or n(x2,y).
    p = (1 + #{null >= observed}) / (1 + draws)                                        (Davison and Hinkley 1997, 4.2)

A permutation answers "is anything known about the label?"; sources of which one only repeats the other, with noise,
pass that test (it calls synergy in 8-12 % of such samples at level 5 %). The redundant null permutes labels among rows
with the same symbol of one source (conditional permutation, Berrett et al. 2020): I(X1;Y), and with it the redundancy
with a noisy copy, stays, and I(X2;Y|X1) = U2 + S is gone. For synergy the reported p, and the values of
the null, are those of the largest p of the three: it has at most the level under each of the hypotheses.

Departure on purpose from drawing rows of q*, the coupling with both pair tables and no synergy: that of an empirical
table is sparse, so that tables drawn from it have far fewer pairs of symbols, and less bias, than the sample has. At
level 5 % (400 draws) it calls synergy in 23-26 % of samples of independent 3 x 4 x 2, 43-48 % of a noisy copy of 4
symbols, 55 % of a noisy copy gate; the null of this module in 3-5, 5-6 and 2.5 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmcore.information.uncertainty.resampled import permuted_given

Float = NDArray[np.float64]

SYNERGY = 3  # place in ATOMS


def p_value(observed: float, null: Float, tolerance: float = 0.0) -> float:
    """Return the one-sided p of `observed` among `null` (n,): ties, up to `tolerance`, count against it.

    Example:
        >>> p_value(0.3, np.array([0.1, 0.2, 0.4]))
        0.5
    """
    return float((1 + int((null >= observed - tolerance).sum())) / (1 + len(null)))


def redundant_null(
    atoms: Callable[[Float], Float],
    tables: Float,
    shape: tuple[int, int, int],
    observed: float,
    n_draws: int,
    *,
    tolerance: float,
    seed: int,
) -> tuple[float, Float, str] | None:
    """Return the larger p of the two chains, its synergies (n,) and name, or None where no label could be exchanged.

    Args:
        atoms: solver, tables (n, n_cells) -> atoms (n, 4).
        tables: of `resampled.group_tables`; several: labels are exchanged within each.
        observed: synergy of the sample; tolerance: what counts as a tie, bits.
    """
    found = []
    for source in (0, 1):
        drawn = permuted_given(tables, shape, source, n_draws, seed=seed, name=f"permutation given source {source}")
        if drawn is not None:
            synergy = atoms(drawn)[:, SYNERGY]
            found.append((p_value(observed, synergy, tolerance), synergy, f"given x{source + 1}"))
    return max(found, key=lambda item: item[0]) if found else None
