"""Mutual information of a continuous, discrete or mixed source with a class label, from neighbour lists.

    I(X;Y) = mean_i [ psi(N_i) + psi(k_i) - psi(N_yi) - psi(m_i) ] / ln 2                               (bits)

r_i is the distance of row i to its k-th neighbour of the same label; k_i rows of that label and m_i rows of any label
lie within r_i; N_yi rows have the label, N_i is the number of rows. Reference: Ross (2014), equation 2. Where r_i is
zero (equal rows: discrete or mixed sources) all equal rows are counted, the row itself among them, as Gao, Kannan, Oh
and Viswanath (2017) do; nothing is jittered.

Departures on purpose: at a positive r_i with ties (a grid) k_i counts all rows of the label within r_i, so that it and
m_i speak of the same ball; for continuous sources k_i = k as in the paper. With groups, N_i and N_yi count the row and
the rows outside its group. Assumes that the density is about constant within r_i: the estimate is low in many columns,
and where information is near log N. It may be negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mmcore.information.entropy import LN2
from mmcore.information.neighbours.search import Neighbours, distances_from, pieces
from mmcore.information.samples import TooFewRows

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


def _population(labels: Codes, groups: Codes | None) -> tuple[Codes, Codes]:
    """Return for each row how many rows there are, and of its label: itself and those outside its group."""
    n_rows, of_label = len(labels), np.bincount(labels)[labels]
    if groups is None:
        return np.full(n_rows, n_rows), of_label
    pairs = np.unique(groups * (labels.max() + 1) + labels, return_inverse=True, return_counts=True)
    return n_rows - np.bincount(groups)[groups] + 1, of_label - pairs[2][pairs[1]] + 1


def _equal_rows(places: Float, labels: Codes, groups: Codes | None) -> tuple[Codes, Codes]:
    """Return for each row how many others (outside its group) equal it, of any label and of its own."""
    member = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
    n_classes = int(labels.max()) + 1

    def size(codes: Codes) -> Codes:
        _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
        return np.asarray(counts[inverse])

    labelled = member * n_classes + labels
    if groups is None:
        return size(member) - 1, size(labelled) - 1
    width = int(groups.max()) + 1
    return size(member) - size(member * width + groups), size(labelled) - size(labelled * width + groups)


def _within_list(found: Neighbours, labels: Codes, k: Codes) -> tuple[Codes, Codes, NDArray[np.bool_]]:
    """Return (k_i, m_i) of each row, and which rows' lists are too short to tell."""
    n_rows, depth = found.order.shape
    same = labels[found.order] == labels[:, None]
    reached = np.cumsum(same, axis=1) >= k[:, None]
    place = np.argmax(reached, axis=1)
    radius = found.distances[np.arange(n_rows), place]
    inside = found.distances <= radius[:, None]
    m = inside.sum(axis=1)
    return (inside & same).sum(axis=1), m, ~reached[:, -1] | (m == depth)


def _within_all(rows: Codes, found: Neighbours, labels: Codes, k: Codes) -> tuple[Codes, Codes]:
    """Return (k_i, m_i) of `rows` by their distances to all rows."""
    k_found, m_found = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    for part in pieces(len(rows), len(labels)):
        taken = rows[part]
        far = distances_from(taken, found.places, found.groups)
        same = labels[None, :] == labels[taken][:, None]
        ordered = np.sort(np.where(same, far, np.inf), axis=1)
        inside = far <= ordered[np.arange(len(taken)), k[taken] - 1][:, None]
        k_found[part], m_found[part] = (inside & same).sum(axis=1), inside.sum(axis=1)
    return k_found, m_found


def local_information(found: Neighbours, labels: Codes, k: int = 3) -> Float:
    """Return each row's part (N,) of the mutual information, in bits; their mean is the estimate.

    Args:
        found: neighbour lists of the source.
        labels: (N,) codes.
        k: neighbours of the same label; fewer for labels of no more than k rows.

    Raises:
        TooFewRows: for a label of one row, or one that occurs in one group only.

    Example:
        >>> from mmcore.information.neighbours.search import find_neighbours
        >>> x = np.random.default_rng(0).normal(size=(500, 1))
        >>> y = (x[:, 0] > 0).astype(np.int64)
        >>> abs(local_information(find_neighbours(x, None, 50), y).mean() - 1.0) < 0.02
        np.True_
    """
    n_all, n_label = _population(labels, found.groups)
    if (n_label < 2).any():
        row = int(np.argmax(n_label < 2))
        where = "row" if found.groups is None else "group"
        received = f"the label of row {row} in one {where} only"
        raise TooFewRows("y", received, f"each label in two {where}s", "Merge rare labels, or leave them out.")
    wanted = np.minimum(k, n_label - 1)
    equal, equal_label = _equal_rows(found.places, labels, found.groups)
    tied = equal_label >= wanted
    k_i, m_i, short = _within_list(found, labels, wanted)
    rest = np.flatnonzero(short & ~tied)
    if len(rest):
        k_i[rest], m_i[rest] = _within_all(rest, found, labels, wanted)
    k_i = np.where(tied, equal_label + 1, k_i)
    m_i = np.where(tied, equal + 1, m_i)
    return np.asarray((digamma(n_all) + digamma(k_i) - digamma(n_label) - digamma(m_i)) / LN2)
