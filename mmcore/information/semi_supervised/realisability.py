"""Whether any joint distribution has three given pair tables, and if none has, by how much they disagree.

    min  sum |r(x1,y) - a| + sum |r(x2,y) - b| + sum |r(x1,x2) - c|        over distributions r

is a linear program (HiGHS through scipy); its optimum is zero exactly where the tables are realisable. Tables that
agree in every single variable need not be: X1 = X2, X1 = Y and X2 != Y is the smallest example.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError

Float = NDArray[np.float64]


def table_disagreement(a: Float, b: Float, c: Float) -> float:
    """Return the least total absolute error of the three tables of any joint distribution; 0 if they have one.

    Args:
        a, b, c: tables (n1, l), (n2, l), (n1, n2).

    Raises:
        InputError: if the linear program fails; it says what the solver reports.

    Example:
        >>> same, other = np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([[0.0, 0.5], [0.5, 0.0]])
        >>> round(table_disagreement(same, same, same), 9), round(table_disagreement(same, same, other), 9)
        (0.0, 2.0)
    """
    from scipy import sparse
    from scipy.optimize import linprog

    sums = marginal_matrix(len(a), len(b), a.shape[1])
    masses = np.concatenate([a.ravel(), b.ravel(), c.ravel()])
    slack = sparse.identity(len(masses), format="csr")
    cost = np.concatenate([np.zeros(sums.shape[1]), np.ones(2 * len(masses))])
    total = sparse.csr_array(np.ones((1, sums.shape[1])))
    equal = sparse.vstack(
        [sparse.hstack([sums, slack, -slack]), sparse.hstack([total, sparse.csr_array((1, 2 * len(masses)))])]
    )
    found = linprog(cost, A_eq=equal.tocsr(), b_eq=np.append(masses, 1.0), method="highs")
    if found.status != 0:
        raise InputError("p_x1x2", f"a linear program that ended with: {found.message}", "a solution", "Report this.")
    return float(found.fun)


def marginal_matrix(n1: int, n2: int, labels: int) -> Any:
    """Return the sparse matrix that maps a raveled joint (n1, n2, l) to its three raveled pair tables, as given above.

    Example:
        >>> marginal_matrix(2, 3, 4).shape
        (26, 24)
    """
    from scipy import sparse

    one1, one2, one = np.ones((1, n1)), np.ones((1, n2)), np.ones((1, labels))
    eye1, eye2, eye = sparse.identity(n1), sparse.identity(n2), sparse.identity(labels)
    first = sparse.kron(sparse.kron(eye1, one2), eye)
    second = sparse.kron(sparse.kron(one1, eye2), eye)
    pair = sparse.kron(sparse.kron(eye1, eye2), one)
    return sparse.vstack([first, second, pair]).tocsr()
