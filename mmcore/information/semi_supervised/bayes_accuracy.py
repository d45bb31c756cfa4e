"""How accurate the best classifier of both modalities is at least and at most, straight from three pair tables.

    accuracy of r = sum_ij max_y r(i,j,y)
    floor   = min over r with the three tables: a linear program (HiGHS), exact up to its tolerance of 1e-7
    ceiling = sum_ij max_y min( c_ij, a_iy, b_jy )  >=  max over r, since no cell holds more than any of its tables

The bounds through information (Fano, Feder and Merhav) know the tables only by a number of bits; these two know the
tables themselves. Neither side dominates in general above; below, the floor is the best that can be said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.semi_supervised.pair_tables import PairTables
from mmcore.information.semi_supervised.realisability import marginal_matrix

Float = NDArray[np.float64]


def single_accuracy(table: Float) -> float:
    """Return the accuracy of the best classifier of one modality, from p(x,y).

    Example:
        >>> single_accuracy(np.array([[0.4, 0.1], [0.2, 0.3]]))
        0.7
    """
    return float(table.max(axis=1).sum())


def accuracy_ceiling(tables: PairTables) -> float:
    """Return a number that no classifier of both modalities exceeds.

    Example:
        >>> coin, same = np.full((2, 2), 0.25), np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> accuracy_ceiling(PairTables.check(coin, coin, same))                       # X1 = X2, neither tells of Y
        0.5
    """
    cell = np.minimum(tables.x1y[:, None, :], tables.x2y[None, :, :])
    return float(np.minimum(cell, tables.x1x2[:, :, None]).max(axis=2).sum())


def accuracy_floor(tables: PairTables) -> float:
    """Return the least accuracy of the best classifier over all joint distributions with these tables.

    Raises:
        InputError: if no joint distribution has the tables.

    Example:
        >>> p = np.zeros((2, 2, 2))
        >>> for i in range(2):
        ...     for j in range(2):
        ...         p[i, j, i & j] = 0.25
        >>> round(accuracy_floor(PairTables.of(p)), 6)                                   # the tables leave only AND
        1.0
    """
    from scipy import sparse
    from scipy.optimize import linprog

    n1, n2, labels = tables.shape
    n_cells, n_pairs = n1 * n2 * labels, n1 * n2
    cost = np.concatenate([np.zeros(n_cells), np.ones(n_pairs)])
    above = sparse.hstack(
        [sparse.identity(n_cells), -sparse.kron(sparse.identity(n_pairs), np.ones((labels, 1)))], format="csr"
    )
    sums = marginal_matrix(n1, n2, labels)
    equal = sparse.hstack([sums, sparse.csr_array((sums.shape[0], n_pairs))], format="csr")
    masses = np.concatenate([tables.x1y.ravel(), tables.x2y.ravel(), tables.x1x2.ravel()])
    found = linprog(cost, A_ub=above, b_ub=np.zeros(n_cells), A_eq=equal, b_eq=masses, method="highs")
    if found.status != 0:
        received = f"tables for which the linear program ended with: {found.message}"
        raise InputError("p_x1x2", received, "tables of one joint distribution", "Use semi_supervised.reconcile.")
    return float(found.fun)
