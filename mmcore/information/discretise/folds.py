"""Symbols for each fold from the other folds, named alike, so that all rows pool into one table.

Where rows come in groups (people), a cluster may belong to one person. `cross_fit` therefore gives each fold its
symbols from a discretiser fitted without the fold's groups, and names its clusters after the nearest ones (Hungarian
method, Kuhn 1955) of one fitted on all rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.discretise.discretiser import FIT_ROWS, Discretiser, fit
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


def fold_units(groups: Codes | None, n_rows: int, n_folds: int, *, seed: int) -> Codes:
    """Return a fold (N,) for each row; the rows of a group share a fold, and folds are of similar size.

    Example:
        >>> folds = fold_units(np.array([0, 0, 1, 1, 2, 2]), 6, 3, seed=0)
        >>> sorted(folds[::2].tolist()), bool((folds[::2] == folds[1::2]).all())
        ([0, 1, 2], True)
    """
    units = np.arange(n_rows) if groups is None else groups
    sizes = np.bincount(units)
    order = stream(seed, "folds").permutation(len(sizes))
    if groups is not None:
        order = order[np.argsort(-sizes[order], kind="stable")]
    n_folds = min(n_folds, len(sizes))
    fold_of, load = np.zeros(len(sizes), dtype=np.int64), np.zeros(n_folds)
    for unit in order:
        fold_of[unit] = load.argmin()
        load[fold_of[unit]] += sizes[unit]
    return fold_of[units]


def check_folds(folds: Codes, labels: Codes) -> None:
    """Raise where most rows are of classes that occur in one fold only: the fold of a row then tells its label.

    What is fitted for a fold has not seen the fold's classes, differs from fold to fold, and so gives the label away.

    Args:
        folds: (N,) from `fold_units` with groups; labels: (N,) codes.

    Raises:
        InputError: with the share of such rows.

    Example:
        >>> check_folds(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
        >>> check_folds(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
        Traceback (most recent call last):
        mmcore.errors.InputError: groups: received groups whose folds hold 100 % ...
    """
    _, member = np.unique(labels, return_inverse=True)
    seen = np.zeros((int(member.max()) + 1, int(folds.max()) + 1), dtype=bool)
    seen[member, folds] = True
    alone = float((seen.sum(axis=1) == 1)[member].mean())
    if folds.max() > 0 and alone > 0.5:
        received = f"groups whose folds hold {100 * alone:.0f} % of the rows' classes alone"
        remedy = "Pass the unit of leakage (person, film), not the label, or leave groups out."
        raise InputError("groups", received, "classes that occur in several groups", remedy)


def matched(reference: Discretiser, other: Discretiser, x: Float) -> Codes:
    """Return for each symbol of `other` the nearest symbol of `reference`, one to one, judged on the rows `x`."""
    from scipy.optimize import linear_sum_assignment

    x = x[:: max(1, len(x) // FIT_ROWS)]  # spread over all rows: files are often sorted by class or person
    symbols, z = other.apply(x), reference.embed(x)
    target = reference.apply(x)
    centres = np.full((reference.n_symbols, z.shape[1]), np.inf)
    means = np.zeros((other.n_symbols, z.shape[1]))
    for k in range(reference.n_symbols):
        centres[k] = reference.centroids[k] if reference.centroids is not None else _mean(z, target == k)
    for k in range(other.n_symbols):
        means[k] = _mean(z, symbols == k)
    rows, columns = linear_sum_assignment(((means[:, None, :] - centres[None]) ** 2).sum(axis=2))
    names = np.zeros(other.n_symbols, dtype=np.int64)
    names[rows] = columns
    return names


def _mean(z: Float, rows: NDArray[np.bool_]) -> Any:
    # an empty cluster gets no rows and its name is never used: any finite place will do
    return z[rows].mean(axis=0) if rows.any() else z.mean(axis=0)


def cross_fit(
    x: Float, n_clusters: int, folds: Codes | None, *, kind: str = "kmeans", components: int = 10, seed: int = 0
) -> tuple[Codes, Discretiser]:
    """Return the symbols (N,) of all rows, each by a discretiser that has not seen the row's fold, and the one of all.

    Args:
        folds: fold of each row, or None to fit once on all rows. A lossless source is never cross-fitted: its rows are
            its symbols, nothing is fitted.

    Example:
        >>> x = np.repeat([[0.0], [0.1], [5.0], [5.1]], 10, axis=0)
        >>> symbols, _ = cross_fit(x, 2, np.arange(40) % 4)
        >>> np.unique(symbols[:20]).size, np.unique(symbols[20:]).size
        (1, 1)
    """
    reference = fit(x, n_clusters, kind=kind, components=components, seed=seed)
    if folds is None or reference.lossless or folds.max() < 1:
        return reference.apply(x), reference
    symbols = np.empty(len(x), dtype=np.int64)
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        without = fit(x[~held], reference.n_symbols, kind=kind, components=components, seed=seed)
        symbols[held] = matched(reference, without, x[~held])[without.apply(x[held])]
    return symbols, reference
