"""The points on which a coupling is evaluated: distinct rows where they are few, else cells of nearly equal posteriors.

The union information depends on a source only through the distribution of its posterior p(y|x) (Blackwell 1953), so
rows with equal posteriors may be merged without loss, and rows with nearly equal ones with a loss of the second order:
a cell of the table is the sum of its rows, a garbling, whose information is smaller by the spread within the cell.
Cells are cut in two at the mean of the widest coordinate, always the cell with the largest sum of squares next, in the
coordinates sqrt(p), in which the loss is the same everywhere (Fisher and Rao).
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


def distinct_rows(x: Float) -> tuple[Codes, Codes]:
    """Return for each row of `x` (N, d) the number of its distinct row, and the first place of each of those (K,).

    Example:
        >>> member, first = distinct_rows(np.array([[0.0], [1.0], [0.0]]))
        >>> member.tolist(), first.tolist()
        ([0, 1, 0], [0, 1])
    """
    seen: dict[bytes, int] = {}
    member = np.empty(len(x), dtype=np.int64)
    first: list[int] = []
    for place, row in enumerate(np.ascontiguousarray(x)):
        key = row.tobytes()
        number = seen.setdefault(key, len(seen))
        if number == len(first):
            first.append(place)
        member[place] = number
    return member, np.array(first, dtype=np.int64)


def _spread(points: Float, weights: Float) -> tuple[float, int, float]:
    """Return the weighted sum of squares, the widest coordinate and the mean there."""
    mean = weights @ points / weights.sum()
    squares = weights @ (points - mean) ** 2
    widest = int(squares.argmax())
    return float(squares.sum()), widest, float(mean[widest])


def merge_points(points: Float, weights: Float, max_cells: int) -> Codes:
    """Return the cell (K,) of each point, at most `max_cells` of them; each point its own cell where they fit.

    Args:
        points: (K, D) coordinates; weights: (K,) positive.

    Example:
        >>> merge_points(np.array([[0.0], [0.1], [0.9]]), np.ones(3), 2).tolist()
        [0, 0, 1]
    """
    if len(points) <= max_cells:
        return np.arange(len(points))
    cells = [np.arange(len(points))]
    squares, widest, middle = _spread(points, weights)
    queue = [(-squares, 0, widest, middle)]
    while len(cells) < max_cells and queue:
        squares, number, widest, middle = heapq.heappop(queue)
        members = cells[number]
        right = points[members, widest] > middle
        if squares == 0.0 or not right.any() or right.all():
            continue  # equal points up to rounding: nothing to cut
        cells[number] = members[~right]
        cells.append(members[right])
        for cut in (number, len(cells) - 1):
            inside, axis, mean = _spread(points[cells[cut]], weights[cells[cut]])
            heapq.heappush(queue, (-inside, cut, axis, mean))
    found = np.empty(len(points), dtype=np.int64)
    for number, members in enumerate(cells):
        found[members] = number
    return found


def representatives(points: Float, weights: Float, cells: Codes) -> Codes:
    """Return for each cell the point nearest to its mean.

    Example:
        >>> representatives(np.array([[0.0], [0.1], [0.2]]), np.ones(3), np.array([0, 0, 0])).tolist()
        [1]
    """
    n_cells = int(cells.max()) + 1
    mass = np.bincount(cells, weights, n_cells)
    mean = np.stack([np.bincount(cells, weights * column, n_cells) / mass for column in points.T], axis=1)
    distance = ((points - mean[cells]) ** 2).sum(axis=1)
    order = np.lexsort((distance, cells))
    return order[np.searchsorted(cells[order], np.arange(n_cells))]
