"""From posteriors to symbols, and from symbols to tables with the labels.

    two labels:  symbol = quantile bin of p(1|x);      more:  k-means of sqrt(p(.|x))
    counted      a(s, y) = #{rows with symbol s and label y} / N
    trusted      a(s, y) proportional to w_y sum over rows with symbol s of p(y|row),   w: label masses as counted

The union information depends on a source only through the distribution of its posterior, so its bins can be few.
`counted` takes from a classifier only which rows belong together: a bin is a function of the source, hence what its
counts hold is what the source holds, less what binning loses, plus the bias of counting, (bins - 1)(|Y| - 1) / (2 N
ln 2) bits: of either sign and small. It needs no calibration. `trusted` believes the values: no counting bias and no
binning for two labels, but an overconfident classifier adds information that is not there, without limit, and one
drawn to the prior hides it. Hence `counted` is the default.

Squared distances of square roots (Hellinger) are to second order a quarter of the Kullback-Leibler divergence, whose
mean from the centroid is what merging loses (Banerjee, Merugu, Dhillon and Ghosh 2005). On the same posteriors plain
probabilities do about as well, log ratios lose two to three times as much: they spread out what is settled anyway.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_FIT_ROWS = 10_000
_MOST_CELLS = 2_000
_SWEEPS = 200


@dataclasses.dataclass(frozen=True)
class View:
    """Symbols of a source's rows (N,), how many there are, and posteriors (N, |Y|) where these are trusted."""

    symbols: Codes
    n_symbols: int
    trusted: Float | None = None


def choose_symbols(n_rows: int, n_classes: int) -> int:
    """Return how many symbols: the cube root of the rows for two labels, their square root for more.

    On posteriors known in closed form (4 and 10 labels, 1,000 and 4,000 rows) what merging loses and what counting adds
    about cancel there. Limits: 40 and 64, and 2,000 cells of symbols and labels, keep the solver and resamples quick;
    three rows a cell keep what counting adds small beside H(Y). No fewer than 4.

    Example:
        >>> choose_symbols(4_000, 2), choose_symbols(1_000, 4), choose_symbols(400, 30), choose_symbols(10**6, 2)
        (16, 32, 4, 40)
    """
    wanted = min(40.0, np.cbrt(n_rows)) if n_classes == 2 else min(64.0, np.sqrt(n_rows))
    return max(4, min(round(float(wanted)), _MOST_CELLS // n_classes, n_rows // (3 * n_classes)))


def quantile_symbols(score: Float, n_symbols: int) -> Codes:
    """Return bins 0..m-1 of equal numbers of rows; equal scores share a bin, so m may be below `n_symbols`.

    Example:
        >>> quantile_symbols(np.array([0.1, 0.2, 0.3, 0.4]), 2).tolist()
        [0, 0, 1, 1]
        >>> quantile_symbols(np.array([0.5, 0.5, 0.5, 0.9]), 4).tolist()
        [0, 0, 0, 1]
    """
    edges = np.quantile(score, np.linspace(0.0, 1.0, n_symbols + 1)[1:-1], method="inverted_cdf")
    bins = np.searchsorted(np.unique(edges), score, side="left")
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def cluster_symbols(posteriors: Float, n_symbols: int, *, seed: int) -> Codes:
    """Return clusters 0..m-1 of posteriors (N, |Y|) in Hellinger distance.

    Example:
        >>> cluster_symbols(np.eye(3)[[0, 1, 2, 1, 0]], 3, seed=0).tolist() in ([0, 1, 2, 1, 0], [0, 2, 1, 2, 0],
        ...     [1, 0, 2, 0, 1], [1, 2, 0, 2, 1], [2, 0, 1, 0, 2], [2, 1, 0, 1, 2])
        True
    """
    from sklearn.cluster import KMeans

    roots = np.sqrt(posteriors)
    distinct, member = np.unique(roots, axis=0, return_inverse=True)
    if len(distinct) <= n_symbols:
        return member.reshape(-1).astype(np.int64)
    rows = np.arange(len(roots))
    if len(rows) > _FIT_ROWS:
        rows = np.sort(stream(seed, "posterior rows").choice(rows, _FIT_ROWS, replace=False))
    model = KMeans(n_symbols, n_init=3, max_iter=100, random_state=stream_seed(seed, "posterior clusters"))
    with threadpool_limits(1):
        model.fit(roots[rows])
        symbols = model.predict(roots)
    return np.unique(symbols, return_inverse=True)[1].astype(np.int64)


def view_of(posteriors: Float, n_symbols: int, *, trust: bool = False, seed: int = 0) -> View:
    """Return the view whose symbols stand for `posteriors` (N, |Y|).

    Args:
        n_symbols: wanted; with `trust` and two labels each distinct posterior is a symbol of its own.
        trust: whether tables take the posteriors' word instead of counting labels.

    Example:
        >>> view_of(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.8, 0.2]]), 2).symbols.tolist()
        [0, 1, 1, 0]
    """
    if posteriors.shape[1] > 2:
        symbols = cluster_symbols(posteriors, n_symbols, seed=seed)
    elif trust:
        symbols = np.unique(posteriors[:, 1], return_inverse=True)[1].astype(np.int64)
    else:
        symbols = quantile_symbols(posteriors[:, 1], n_symbols)
    return View(symbols, int(symbols.max()) + 1, posteriors if trust else None)


def table_of(view: View, labels: Codes, n_classes: int, rows: Codes | None = None) -> Float:
    """Return the table (n_symbols, |Y|) of a view with the labels; its label masses are those of the rows.

    Args:
        labels: (N,) codes.
        rows: rows to take, with repeats, or None for all.

    Example:
        >>> table_of(View(np.array([0, 0, 1, 1]), 2), np.array([0, 0, 0, 1]), 2).tolist()
        [[0.5, 0.0], [0.25, 0.25]]
    """
    symbols = view.symbols if rows is None else view.symbols[rows]
    taken = labels if rows is None else labels[rows]
    if view.trusted is None:
        counts = np.bincount(symbols * n_classes + taken, minlength=view.n_symbols * n_classes)
        return np.asarray(counts.reshape(view.n_symbols, n_classes) / len(taken))
    posteriors = view.trusted if rows is None else view.trusted[rows]
    table = np.stack([np.bincount(symbols, posteriors[:, y], view.n_symbols) for y in range(n_classes)], axis=1)
    return _tilted(table / len(taken), np.bincount(taken, minlength=n_classes) / len(taken))


def _tilted(table: Float, prior: Float) -> Float:
    """Return `table` with its row masses and the label masses `prior`: of all such the nearest in divergence."""
    rows = table.sum(axis=1, keepdims=True)
    for _ in range(_SWEEPS):
        masses = table.sum(axis=0)
        table = table * np.divide(prior, masses, out=np.zeros_like(prior), where=masses > 0)
        sums = table.sum(axis=1, keepdims=True)
        if np.abs(sums - rows).max() < 1e-13:
            break
        table = table * np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    masses = table.sum(axis=0)  # exact where it matters: both sources must have the very same label masses
    return np.asarray(table * np.divide(prior, masses, out=np.zeros_like(prior), where=masses > 0))
