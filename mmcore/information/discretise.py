"""From features to symbols: fitted on some rows, applied to any.

    symbol(x) = argmin_k | z(x) - c_k |,     z(x) = P (x - mean) / sd,     c_k from k-means

Columns are standardised (constant ones left out), projected to their first principal components, clustered by k-means
(Lloyd 1982; k-means++ by Arthur and Vassilvitskii 2007). A source with no more distinct rows than clusters keeps its
rows as symbols, without loss. One column can also be cut into quantiles or bins of equal width. Clustering can only
lose information about the label: what is estimated from symbols is a lower bound of what the features hold.

Where rows come in groups (people), a cluster may belong to one person. `cross_fit` therefore gives each fold its
symbols from a discretiser fitted without the fold's groups, and names its clusters after the nearest ones (Hungarian
method, Kuhn 1955) of one fitted on all rows, so that all rows pool into one table.

Fits and projections run on one thread: how many threads share a sum decides its last bits, and those the centroids.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

KINDS = ("kmeans", "quantile", "width")

_FIT_ROWS = 5_000  # k-means on more rows costs time and moves the centroids by less than a restart does
_RESTARTS = 3


@dataclasses.dataclass(frozen=True)
class Discretiser:
    """A fitted map from features (N, d) to symbols 0..n_symbols-1.

    Attributes:
        columns: indices of the columns that vary.
        mean, scale: of these columns; projection (columns, c) or None.
        centroids: (k, c) for k-means; edges: inner edges of bins for one column.
    """

    kind: str
    columns: Codes
    mean: Float
    scale: Float
    projection: Float | None
    centroids: Float | None
    edges: Float | None
    lossless: bool

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        return len(self.edges) + 1 if self.edges is not None else 0 if self.centroids is None else len(self.centroids)

    def embed(self, x: Float) -> Float:
        """Return the coordinates (N, c) in which distances are measured."""
        kept = x if len(self.columns) == x.shape[1] else x[:, self.columns]
        if self.projection is None:
            return (kept - self.mean) / self.scale
        axes = self.projection / self.scale[:, None]  # one product: no standardised copy of wide features
        with threadpool_limits(1):
            return kept @ axes - self.mean @ axes

    def apply(self, x: Float) -> Codes:
        """Return the symbols (N,) of `x` (N, d)."""
        z = self.embed(x)
        if self.edges is not None:
            return np.searchsorted(self.edges, z[:, 0], side="right").astype(np.int64)
        if self.centroids is None:
            return np.zeros(len(x), dtype=np.int64)
        symbols = np.empty(len(x), dtype=np.int64)
        for start in range(0, len(x), 4096):
            part = z[start : start + 4096]
            symbols[start : start + 4096] = ((part[:, None, :] - self.centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
        return symbols


def n_distinct(x: Float, limit: int | None = None) -> int:
    """Return the number of distinct rows of `x`, counting no further than one above `limit`.

    Example:
        >>> n_distinct(np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0]]))
        2
    """
    rows = np.ascontiguousarray(x)
    seen: set[bytes] = set()
    for row in rows:
        seen.add(row.tobytes())
        if limit is not None and len(seen) > limit:
            break
    return len(seen)


def _principal_axes(z: Float, n_components: int, seed: int) -> Float | None:
    if z.shape[1] <= n_components:
        return None
    from sklearn.decomposition import PCA

    size = min(n_components, *z.shape)
    # Axes only say where to cluster: single precision and few power iterations change no count, and halve the time.
    model = PCA(size, iterated_power=3, random_state=stream_seed(seed, "principal"))
    with threadpool_limits(1):  # after the import, so that its libraries are limited too
        model.fit(z.astype(np.float32))
    return np.asarray(model.components_.T, dtype=np.float64)


def _bin_edges(values: Float, n_bins: int, kind: str) -> Float:
    inner = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
    if kind == "quantile":
        return np.unique(np.quantile(values, inner))
    return np.asarray(values.min() + inner * (values.max() - values.min()))


def fit(x: Float, n_clusters: int, *, kind: str = "kmeans", components: int = 10, seed: int = 0) -> Discretiser:
    """Return a discretiser of `x` (N, d) with at most `n_clusters` symbols.

    Args:
        x: finite features.
        n_clusters: symbols wanted; never more than there are distinct rows.
        kind: "kmeans", or "quantile" or "width" for one column.
        components: principal components kept before k-means.
        seed: of k-means and of the choice of rows where there are more than 5,000.

    Raises:
        InputError: for an unknown kind, bins of several columns, fewer than one cluster.

    Example:
        >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> symbols = fit(x, 2).apply(x)
        >>> bool(symbols[0] == symbols[1] != symbols[2] == symbols[3])
        True
    """
    if kind not in KINDS:
        raise unknown_name("discretiser", kind, KINDS)
    if n_clusters < 1:
        raise InputError("clusters", n_clusters, "an integer >= 1", "Ask for at least two clusters.")
    lossless = kind == "kmeans" and n_distinct(x, n_clusters) <= n_clusters
    if kind == "kmeans" and not lossless and len(x) > _FIT_ROWS:
        x = x[np.sort(stream(seed, "fit rows").choice(len(x), _FIT_ROWS, replace=False))]
    # a column of equal numbers can have a standard deviation of 1e-17: only the range tells that it is constant
    columns = np.flatnonzero(np.ptp(x, axis=0) > 0)
    mean, scale = x.mean(axis=0)[columns], x.std(axis=0)[columns]
    z = (x[:, columns] - mean) / scale
    if kind != "kmeans":
        if x.shape[1] != 1:
            raise InputError("discretiser", f"'{kind}' for {x.shape[1]} columns", "one column", "Use 'kmeans'.")
        edges = _bin_edges(z[:, 0], n_clusters, kind) if len(columns) else np.empty(0)
        z = z if len(columns) else np.zeros((len(x), 1))
        return Discretiser(kind, columns, mean, scale, None, None, edges, lossless=False)
    if lossless:
        centroids = np.unique(z, axis=0)
        return Discretiser(kind, columns, mean, scale, None, centroids, None, lossless=True)
    from sklearn.cluster import KMeans

    projection = _principal_axes(z, components, seed)
    model = KMeans(n_clusters, n_init=_RESTARTS, max_iter=100, random_state=stream_seed(seed, "kmeans"))
    with threadpool_limits(1):
        model.fit(z if projection is None else z @ projection)
    centroids = np.asarray(model.cluster_centers_, dtype=np.float64)
    return Discretiser(kind, columns, mean, scale, projection, centroids, None, lossless=False)


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


def matched(reference: Discretiser, other: Discretiser, x: Float) -> Codes:
    """Return for each symbol of `other` the nearest symbol of `reference`, one to one, judged on the rows `x`."""
    from scipy.optimize import linear_sum_assignment

    x = x[:: max(1, len(x) // _FIT_ROWS)]  # spread over all rows: files are often sorted by class or person
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
