"""The nearest rows of every row, once for each view: neighbour lists that any labelling can be read against.

    list(i) = rows j by |z_i - z_j|,   j not i and, with groups, not of the group of i

The Euclidean distance of standardised columns; of two sources together, each is scaled to a mean square norm of one, so
that the one with more columns does not drown the other. Rows of a group (person) resemble each other more than others
of their class do: leaving the own group out keeps identity from passing for information.

Without groups and in few columns by a k-d tree (Maneewongvatana and Mount 1999, in scipy), else by all distances in
pieces, N^2 d operations. Distances are differences of coordinates, never of inner products: equal rows are at zero.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mmcore.information.posteriors.crossfit import fit_projection

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_TREE_COLUMNS = 8  # beyond, a k-d tree visits nearly all rows and loses to plain distances
_PIECE = 4_000_000  # distances alive at once


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """Rows in the order of distance (N, depth), and the distances; `places` (N, d) and `groups` they came from."""

    order: NDArray[np.int32]
    distances: Float
    places: Float
    groups: Codes | None


def places_of(sources: list[Float], components: int, *, seed: int) -> Float:
    """Return coordinates (N, d): standardised columns or principal components of each source, at equal weight.

    Example:
        >>> x = np.array([[0.0], [2.0]])
        >>> (places_of([x, np.array([[0.0, 7.0], [1.0, 8.0]])], 5, seed=0) ** 2).sum(axis=1).round(6).tolist()
        [2.0, 2.0]
    """
    blocks = []
    for x in sources:
        z = fit_projection(x, components, seed=seed)(x)
        blocks.append(z / np.sqrt((z**2).sum(axis=1).mean()))
    return np.concatenate(blocks, axis=1)


def distances_from(rows: Codes, places: Float, groups: Codes | None) -> Float:
    """Return distances (n, N) of `rows` to all rows; infinite to themselves and to rows of their group.

    Example:
        >>> distances_from(np.array([0]), np.array([[0.0], [3.0], [4.0]]), np.array([0, 1, 0])).tolist()
        [[inf, 3.0, inf]]
    """
    from scipy.spatial.distance import cdist

    found = cdist(places[rows], places)
    if groups is None:
        found[np.arange(len(rows)), rows] = np.inf
    else:
        found[groups[rows][:, None] == groups[None, :]] = np.inf
    return np.asarray(found)


def pieces(n_rows: int, n_columns: int) -> list[Codes]:
    """Return consecutive rows in pieces, so that (piece, n_columns) numbers stay within some 32 MB.

    Example:
        >>> [len(rows) for rows in pieces(10, 1_000_000)]
        [4, 4, 2]
    """
    size = max(1, _PIECE // n_columns)
    return [np.arange(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _by_tree(places: Float, depth: int) -> tuple[NDArray[np.int32], Float]:
    from scipy.spatial import cKDTree

    n_rows = len(places)
    order = np.empty((n_rows, depth), dtype=np.int32)
    distances = np.empty((n_rows, depth))
    tree = cKDTree(places)
    for rows in pieces(n_rows, depth + 1):
        far, near = tree.query(places[rows], k=depth + 1)
        own = near == rows[:, None]
        own[~own.any(axis=1), -1] = True  # more equal rows than the list is long: the row itself need not be on it
        order[rows] = near[~own].reshape(len(rows), depth)
        distances[rows] = far[~own].reshape(len(rows), depth)
    return order, distances


def _by_distances(places: Float, groups: Codes | None, depth: int) -> tuple[NDArray[np.int32], Float]:
    n_rows = len(places)
    order = np.empty((n_rows, depth), dtype=np.int32)
    distances = np.empty((n_rows, depth))
    for rows in pieces(n_rows, n_rows):
        far = distances_from(rows, places, groups)
        near = np.argpartition(far, depth - 1, axis=1)[:, :depth] if depth < n_rows else np.argsort(far, axis=1)
        near = np.sort(near, axis=1)  # equal distances then stand in the order of the rows
        far = np.take_along_axis(far, near, axis=1)
        rank = np.argsort(far, axis=1, kind="stable")
        order[rows] = np.take_along_axis(near, rank, axis=1)
        distances[rows] = np.take_along_axis(far, rank, axis=1)
    return order, distances


def find_neighbours(places: Float, groups: Codes | None, depth: int) -> Neighbours:
    """Return the `depth` nearest rows of each row, fewer where the largest group leaves fewer rows outside it.

    Example:
        >>> find_neighbours(np.array([[0.0], [1.0], [3.0]]), None, 1).order.ravel().tolist()
        [1, 0, 1]
    """
    n_rows = len(places)
    outside = n_rows - (1 if groups is None else int(np.bincount(groups).max()))
    depth = min(depth, outside)
    if groups is None and places.shape[1] <= _TREE_COLUMNS:
        order, distances = _by_tree(places, depth)
    else:
        order, distances = _by_distances(places, groups, depth)
    return Neighbours(order, distances, places, groups)
