"""The nearest-neighbour formulas for mutual information: Kraskov's two, Ross's and Gao's, in nats.

    ksg1:   psi(k) + psi(N) - < psi(n_x + 1) + psi(n_y + 1) >
    ksg2:   psi(k) - 1/k + psi(N) - < psi(n_x) + psi(n_y) >
    ross:   psi(N) + < psi(k_i) - psi(N_label) - psi(m) >
    mixed:  psi(N) + < psi(n_xy) - psi(n_x) - psi(n_y) >

References: Kraskov, Stoegbauer and Grassberger (2004), PRE 69:066138, equations 8 and 9; Ross (2014), PLoS ONE
9:e87357; Gao, Kannan, Oh and Viswanath (2017), NeurIPS, algorithm 1. Distances are max-norms; < > is the mean over
rows. In ksg1 n counts the other rows strictly nearer than the k-th joint neighbour; in ksg2 those within the k
neighbours' extent along the one variable. In ross the k-th neighbour is sought among the rows of the same label and m
counts rows of any label within it. In mixed all three counts are of rows within the same distance, the row itself
included.

Departures from Gao et al. on purpose: psi(N) stands for log N, so that without ties "mixed" is ksg1 to the last digit;
and n_xy is counted where rows tie at the k-th distance, not only where that distance is zero, so that a lattice with
few rows a point is treated as symbols, too (with k in place of the count its information comes out too large).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mmcore.errors import InputError

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


def _tree(points: Float):  # type: ignore[no-untyped-def]
    from scipy.spatial import cKDTree

    return cKDTree(points)


def _within(points: Float, radius: Float) -> Codes:
    """Return how many rows of `points` (N, d) lie within `radius` (N,) of each, itself included."""
    found = _tree(points).query_ball_point(points, radius, p=np.inf, return_length=True)
    return np.asarray(found, dtype=np.int64)


def _just_inside(distance: Float) -> Float:
    """Return the largest radius below `distance`; zero stays zero and then counts the rows that are equal."""
    return np.asarray(np.nextafter(distance, 0.0))


def _kth_distance(x: Float, y: Float, k: int) -> Float:
    joint = np.hstack([x, y])
    return np.asarray(_tree(joint).query(joint, [k + 1], p=np.inf)[0][:, 0])


def _refuse_ties(distance: Float, variant: str) -> None:
    tied = int((distance == 0.0).sum())
    if tied:
        remedy = "Use variant='mixed', which takes repeated rows."
        raise InputError("x, y", f"{tied} rows with k equal rows or more", f"no repeats for '{variant}'", remedy)


def ksg1(x: Float, y: Float, k: int) -> float:
    """Return Kraskov's first estimate for x (N, d1) and y (N, d2), both continuous, in nats.

    Raises:
        InputError: where k rows or more are equal.
    """
    distance = _kth_distance(x, y, k)
    _refuse_ties(distance, "ksg1")
    radius = _just_inside(distance)
    marginal = digamma(_within(x, radius)) + digamma(_within(y, radius))
    return float(digamma(k) + digamma(len(x)) - marginal.mean())


def ksg2(x: Float, y: Float, k: int) -> float:
    """Return Kraskov's second estimate for x (N, d1) and y (N, d2), both continuous, in nats.

    Raises:
        InputError: where k rows or more are equal.
    """
    joint = np.hstack([x, y])
    distance, neighbours = _tree(joint).query(joint, k + 1, p=np.inf)
    _refuse_ties(distance[:, -1], "ksg2")
    marginal = np.zeros(len(x))
    for points in (x, y):
        extent = np.abs(points[neighbours] - points[:, None]).max(axis=(1, 2))
        marginal += digamma(np.maximum(_within(points, extent) - 1, 1))
    return float(digamma(k) - 1.0 / k + digamma(len(x)) - marginal.mean())


def ross(labels: Codes, y: Float, k: int) -> float:
    """Return Ross's estimate for labels (N,) and continuous y (N, d), in nats.

    A label with fewer than k + 1 rows uses all its other rows; one with a single row has no neighbour.

    Raises:
        InputError: for a label with a single row.
    """
    counts = np.bincount(labels)
    if (counts == 1).any():
        received = f"{int((counts == 1).sum())} labels with a single row"
        raise InputError("x", received, "at least two rows for each label", "Leave those rows out, or join labels.")
    distance = np.empty(len(y))
    nearest = np.empty(len(y))
    for label in np.flatnonzero(counts):
        rows = np.flatnonzero(labels == label)
        nearest[rows] = min(k, len(rows) - 1)
        distance[rows] = _tree(y[rows]).query(y[rows], [min(k, len(rows) - 1) + 1], p=np.inf)[0][:, 0]
    _refuse_ties(distance, "ross")
    within = _within(y, _just_inside(distance))
    return float(digamma(len(y)) + (digamma(nearest) - digamma(counts[labels]) - digamma(within)).mean())


def mixed(x: Float, y: Float, k: int) -> float:
    """Return Gao's estimate for x (N, d1) and y (N, d2), discrete, continuous or partly each, in nats."""
    radius = _just_inside(_kth_distance(x, y, k))
    together = _within(np.hstack([x, y]), radius)
    marginal = digamma(_within(x, radius)) + digamma(_within(y, radius))
    return float(digamma(len(x)) + (digamma(together) - marginal).mean())


@dataclasses.dataclass(frozen=True)
class Variant:
    """A formula, and whether its first argument is labels."""

    name: str
    value: Callable[..., float]
    labels: bool
    reference: str


VARIANTS: dict[str, Variant] = {
    row.name: row
    for row in (
        Variant("ksg1", ksg1, False, "Kraskov et al. 2004, equation 8"),
        Variant("ksg2", ksg2, False, "Kraskov et al. 2004, equation 9"),
        Variant("ross", ross, True, "Ross 2014"),
        Variant("mixed", mixed, False, "Gao et al. 2017"),
    )
}
