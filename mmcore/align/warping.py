"""Dynamic time warping: the monotone pairing of two sequences with the least summed distance.

    D(i, j) = c(i, j) + min{ D(i-1, j-1), D(i-1, j), D(i, j-1) },   distance = D(n, m),   c(i, j) = ||x_i - y_j||

Source: Sakoe and Chiba 1978, symmetric steps without slope weights, with their band around the diagonal; the band is
measured on the axis of the longer sequence, so that it treats both sequences alike. Anti-diagonals are computed whole
and several pairs of equal lengths together, which is what makes plain numpy enough. Assumes that both sequences show
the same events in the same order, from first step to last; the path is one of possibly several of least cost, and
takes the diagonal where costs tie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore.align.features import as_steps
from mmcore.errors import InputError

_DIAGONAL, _UP, _LEFT = 0, 1, 2


@dataclass(frozen=True)
class Warping:
    """The least-cost monotone pairing.

    Attributes:
        distance: summed cost along the path.
        path: (k, 2) pairs of steps (of x, of y), from (0, 0) to (n-1, m-1).
        shape: (n, m).
    """

    distance: float
    path: np.ndarray
    shape: tuple[int, int]

    @property
    def mean_cost(self) -> float:
        """Cost per pair of the path, which unlike the distance does not grow with the length."""
        return self.distance / len(self.path)

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return `values` (m, d), which run with y, on the clock of x: (n, d), the mean of the steps paired with each.

        Example:
            >>> dynamic_time_warping(np.array([0, 1]), np.array([0, 0, 1])).project(np.array([[4.0], [6.0], [9.0]]))
            array([[5.],
                   [9.]])
        """
        starts = np.searchsorted(self.path[:, 0], np.arange(self.shape[0]))
        total = np.add.reduceat(np.asarray(values, dtype=np.float64)[self.path[:, 1]], starts, axis=0)
        return total / np.diff(np.append(starts, len(self.path)))[:, None]


def dynamic_time_warping(x: np.ndarray, y: np.ndarray, *, band: float | None = None) -> Warping:
    """Return the warping of `y` onto `x`.

    Args:
        x: (n, d) or (n,) steps.
        y: (m, d) or (m,) steps of the same width, in the same units.
        band: largest distance of the path from the diagonal as a share of the longer sequence, in (0, 1]; None is 1.

    Raises:
        InputError: for widths that differ, numbers that are not finite, or a band that no path fits in.

    Example:
        >>> dynamic_time_warping(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 2.0])).distance
        0.0
    """
    a, b = as_steps(x, "x"), as_steps(y, "y")
    return dynamic_time_warpings(a[None], b[None], band=band)[0]


def dynamic_time_warpings(x: np.ndarray, y: np.ndarray, *, band: float | None = None) -> list[Warping]:
    """Return the warpings of many pairs of the same lengths, (B, n, d) and (B, m, d); see `dynamic_time_warping`.

    Example:
        >>> x = np.arange(6.0).reshape(2, 3, 1)
        >>> [w.distance for w in dynamic_time_warpings(x, x)]
        [0.0, 0.0]
    """
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[2]:
        raise InputError("y", f"shape {y.shape}", f"as x {x.shape} but for its length", "Use comparable features.")
    if band is not None and not 0 < band <= 1:
        raise InputError("band", band, "a share in (0, 1], or None", "Give 0.1 for a tenth of the length.")
    from scipy.spatial.distance import cdist

    n, m = x.shape[1], y.shape[1]
    cost = np.stack([cdist(a, b) for a, b in zip(x, y, strict=True)])  # (B, n, m)
    distance, moves = _accumulate(cost, _allowed(n, m, band))
    if not np.isfinite(distance).all():
        raise InputError("band", band, "a band that holds a path", f"Widen it for lengths {n} and {m}.")
    return [Warping(float(distance[k]), _path(moves[k], n, m), (n, m)) for k in range(len(x))]


def _allowed(n: int, m: int, band: float | None) -> np.ndarray:
    """Return the cells (n, m) within the band; the corners always are."""
    if band is None:
        return np.ones((n, m), dtype=bool)
    rows = np.arange(n) / max(n - 1, 1)
    columns = np.arange(m) / max(m - 1, 1)
    radius = np.floor(band * max(n, m)) / max(n - 1, m - 1, 1)
    allowed = np.abs(rows[:, None] - columns[None, :]) <= radius + 1e-12
    return allowed | (n == 1) | (m == 1)


def _accumulate(cost: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return D(n, m) (B,) and the move into each cell (B, n + m - 1, n): diagonal s = i + j, then row i."""
    batch, n, m = cost.shape
    cost = np.where(allowed, cost, np.inf)
    moves = np.zeros((batch, n + m - 1, n), dtype=np.int8)
    # one anti-diagonal is indexed by its row plus one, so that entry 0 is the border before the first row
    before_last = np.full((batch, n + 1), np.inf)
    last = np.full((batch, n + 1), np.inf)
    last[:, 1] = cost[:, 0, 0]
    for diagonal in range(1, n + m - 1):
        rows = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        steps = np.stack([before_last[:, rows], last[:, rows], last[:, rows + 1]])  # diagonal, up, left
        choice = steps.argmin(axis=0)
        current = np.full((batch, n + 1), np.inf)
        current[:, rows + 1] = cost[:, rows, diagonal - rows] + np.take_along_axis(steps, choice[None], axis=0)[0]
        moves[:, diagonal, rows] = choice
        before_last, last = last, current
    return last[:, n], moves


def _path(moves: np.ndarray, n: int, m: int) -> np.ndarray:
    i, j = n - 1, m - 1
    path = [(i, j)]
    while i or j:
        move = int(moves[i + j, i])
        i -= move != _LEFT
        j -= move != _UP
        path.append((i, j))
    return np.array(path[::-1], dtype=np.int64)
