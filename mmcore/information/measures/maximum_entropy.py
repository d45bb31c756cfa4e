"""The distribution of largest entropy with the three pair tables of a given one.

    max H(q)   subject to   q(x1,x2) = p(x1,x2),   q(x1,y) = p(x1,y),   q(x2,y) = p(x2,y)
    q(x1,x2,y) = exp( f(x1,x2) + g(x1,y) + h(x2,y) )  on its support

Reference: Jaynes (1957); Deming and Stephan (1940) for iterative proportional fitting; Csiszar (1975) for the
projection. Departure on purpose: proportional fitting approaches a cell that the tables force to zero only like
1/iterations. So those cells are found first, by one linear program over the pattern of zeros (a cell can carry mass if
some change with zero margins raises it and lowers only cells of p that have mass), and Newton's method solves the rest.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Float = NDArray[np.float64]

_SWEEPS = 30
_NEWTON_STEPS = 100
_TARGET = 1e-14
_ACCEPTED = 1e-9


@dataclasses.dataclass(frozen=True)
class MaximumEntropy:
    """The distribution q (n1, n2, l), the largest error of its pair tables, and the Newton steps it took."""

    q: Float
    residual: float
    iterations: int


def _margins(cells: NDArray[np.int64], shape: tuple[int, ...]) -> sparse.csr_array:
    """Return the 0/1 matrix (pairs, cells) that sums cells into the three pair tables."""
    i, j, y = cells.T
    n1, n2, labels = shape
    rows = np.concatenate([i * n2 + j, n1 * n2 + i * labels + y, n1 * n2 + n1 * labels + j * labels + y])
    _, rows = np.unique(rows, return_inverse=True)
    columns = np.tile(np.arange(len(cells)), 3)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(rows.max() + 1, len(cells)))


def support(p: Float) -> NDArray[np.bool_]:
    """Return which cells some distribution with the pair tables of `p` (n1, n2, l) gives mass to.

    Example:
        >>> both = np.array([[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]])      # AND: p is the only one
        >>> bool((support(both) == (both > 0)).all())
        True
    """
    from scipy.optimize import linprog

    pairs = (p.sum(axis=2) > 0)[:, :, None] & (p.sum(axis=1) > 0)[:, None, :] & (p.sum(axis=0) > 0)[None, :, :]
    cells = np.argwhere(pairs)
    open_ = p[tuple(cells.T)] == 0
    if not open_.any():
        return pairs
    matrix = _margins(cells, p.shape)
    candidates = np.flatnonzero(open_)
    n, m = len(cells), len(candidates)
    # change d with zero margins, d >= 0 where p is zero; raised t <= min(d, 1); all t that can be one are one together
    picks = sparse.csr_array((np.ones(m), (np.arange(m), candidates)), shape=(m, n))
    solved = linprog(
        np.concatenate([np.zeros(n), -np.ones(m)]),
        A_ub=sparse.hstack([-picks, sparse.eye_array(m)]),
        b_ub=np.zeros(m),
        A_eq=sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], m))]),
        b_eq=np.zeros(matrix.shape[0]),
        bounds=[(0.0, None) if free else (None, None) for free in open_] + [(0.0, 1.0)] * m,
        method="highs",
    )
    if solved.x is None:
        raise ArithmeticError(f"the linear program over the zeros of the table ended with: {solved.message}")
    cells = cells[~open_ | np.isin(np.arange(n), candidates[solved.x[n:] > 0.5])]
    found = np.zeros(p.shape, dtype=bool)
    found[tuple(cells.T)] = True
    return found


def _descend(
    transposed: sparse.csr_array,
    margins: Float,
    potential: Float,
    q: Float,
    direction: Float,
    slope: float,
) -> tuple[Float, Float]:
    """Return the potential and masses of the longest of the steps 1, 1/2, 1/4 ... that lowers the objective enough."""
    step = 1.0
    while step > 1e-12:
        trial = potential + step * direction
        with np.errstate(over="ignore"):
            masses = np.exp(transposed @ trial)
        # the difference, not two large numbers: near the end the objective changes in its last digits only
        change = (masses - q).sum() - step * (margins @ direction)
        if change <= 1e-4 * step * slope + 1e-16:
            return trial, masses
        step *= 0.5
    return potential, q


def _newton(matrix: sparse.csr_array, margins: Float, potential: Float) -> tuple[Float, float, int]:
    """Return the cells' masses, the largest error of the margins, and the steps: minimises sum q - <margins, f>."""
    transposed = matrix.T.tocsr()
    q = np.exp(transposed @ potential)
    steps, error = 0, matrix @ q - margins
    while abs(error).max() > _TARGET and steps < _NEWTON_STEPS:
        hessian = (matrix @ (transposed * q[:, None])).toarray()
        scale = 1.0 / np.sqrt(np.diag(hessian))
        scaled = hessian * scale[:, None] * scale[None, :]
        scaled[np.diag_indices_from(scaled)] += 1e-13  # constants move freely between f, g and h
        direction = -scale * np.linalg.solve(scaled, scale * error)
        slope = float(error @ direction)
        trial, masses = _descend(transposed, margins, potential, q, direction, slope)
        trial_error = matrix @ masses - margins
        if abs(slope) < 1e-14 and abs(trial_error).max() >= abs(error).max():  # as far as rounding allows
            break
        potential, q, error, steps = trial, masses, trial_error, steps + 1
    return q, float(abs(error).max()), steps


def maximum_entropy(p: Float) -> MaximumEntropy:
    """Return the distribution of largest entropy with the pair tables of `p` (n1, n2, l).

    Raises:
        ArithmeticError: where the pair tables are not met to 1e-9.

    Example:
        >>> xor = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
        >>> bool(np.allclose(maximum_entropy(xor).q, 0.125))
        True
    """
    cells = np.argwhere(support(p))
    matrix = _margins(cells, p.shape)
    margins = matrix @ p[tuple(cells.T)]
    potential = np.full(len(margins), np.log(1.0 / len(cells)) / 3.0)
    rows = _blocks(cells, p.shape)
    for _ in range(_SWEEPS):
        for block in rows:
            sums = matrix[block] @ np.exp(matrix.T @ potential)
            potential[block] += np.log(margins[block] / sums)
    masses, residual, steps = _newton(matrix, margins, potential)
    if not residual <= _ACCEPTED:
        raise ArithmeticError(f"maximum entropy: pair tables met only to {residual:.3g} after {steps} Newton steps")
    q = np.zeros(p.shape)
    q[tuple(cells.T)] = masses
    return MaximumEntropy(q, residual, steps)


def _blocks(cells: NDArray[np.int64], shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return the rows of `_margins` that belong to each of the three pair tables."""
    i, j, y = cells.T
    sizes = [len(np.unique(i * shape[1] + j)), len(np.unique(i * shape[2] + y)), len(np.unique(j * shape[2] + y))]
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end) for size, end in zip(sizes, ends)]
