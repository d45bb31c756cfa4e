"""From features to symbols: fitted on some rows, applied to any.

    symbol(x) = argmin_k | z(x) - c_k |,     z(x) = P (x - mean) / sd,     c_k from k-means

Columns are standardised (constant ones left out), projected to their first principal components, clustered by k-means
(Lloyd 1982; k-means++ by Arthur and Vassilvitskii 2007). A source with no more distinct rows than clusters keeps its
rows as symbols, without loss. "quantile" and "width" cut axes into bins of equal numbers or of equal width, the first
and the last bin open. n symbols are spread over a = max(1, floor(log4 n)) axes, floor(n^(1/a)) bins along each: 8 bins
of one axis, 4 x 4 of two; axes are the columns where there are no more than a, else the first principal components.
The default number is the cube root of the rows (thesis section 3.2.1, which names it after Rice; Rice's own is twice
that). Clustering can only lose information about the label: what is estimated from symbols is a lower bound of what
the features hold.

Fits and projections run on one thread: how many threads share a sum decides its last bits, and those the centroids.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

KINDS = ("kmeans", "quantile", "width")

FIT_ROWS = 5_000  # k-means on more rows costs time and moves the centroids by less than a restart does
_RESTARTS = 3
_PIECE = 1_000_000  # numbers converted at once: 8 MB


@dataclasses.dataclass(frozen=True)
class Discretiser:
    """A fitted map from features (N, d) to symbols 0..n_symbols-1.

    Attributes:
        columns: indices of the columns that vary.
        mean, scale: of these columns; projection (columns, c) or None.
        centroids: (k, c) for k-means; edges: inner edges of the bins along each axis.
    """

    kind: str
    columns: Codes
    mean: Float
    scale: Float
    projection: Float | None
    centroids: Float | None
    edges: tuple[Float, ...] | None
    lossless: bool

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        if self.edges is not None:
            return int(np.prod([len(inner) + 1 for inner in self.edges]))
        return 0 if self.centroids is None else len(self.centroids)

    def embed(self, x: Float) -> Float:
        """Return the coordinates (N, c) in which distances are measured."""
        kept = x if len(self.columns) == x.shape[1] else x[:, self.columns]
        if self.projection is None:
            return (kept - self.mean) / self.scale
        axes = self.projection / self.scale[:, None]  # one product: no standardised copy of wide features
        with _numpy_threads().limit(limits=1):
            return kept @ axes - self.mean @ axes

    def apply(self, x: NDArray[Any]) -> Codes:
        """Return the symbols (N,) of `x` (N, d) of any real dtype, read in pieces."""
        symbols = np.zeros(len(x), dtype=np.int64)
        size = max(1, _PIECE // max(x.shape[1], 1))
        for start in range(0, len(x), size):
            symbols[start : start + size] = self._symbols(self.embed(np.asarray(x[start : start + size], np.float64)))
        return symbols

    def _symbols(self, z: Float) -> Codes:
        symbols = np.zeros(len(z), dtype=np.int64)
        if self.edges is not None:
            for axis, inner in enumerate(self.edges):
                symbols = symbols * (len(inner) + 1) + np.searchsorted(inner, z[:, axis], side="right")
        elif self.centroids is not None:
            for start in range(0, len(z), 4096):
                part = z[start : start + 4096, None, :]
                symbols[start : start + 4096] = ((part - self.centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
        return symbols


@functools.cache
def _numpy_threads() -> ThreadpoolController:
    """Return what limits the threads of products: looked for once, since a look at every library takes milliseconds."""
    return ThreadpoolController()


@functools.cache
def _fitting_threads() -> ThreadpoolController:
    """Return what limits the threads of fits: found after the imports, so that their libraries are limited too."""

    return ThreadpoolController()


def n_distinct(x: NDArray[Any], limit: int | None = None) -> int:
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
    with _fitting_threads().limit(limits=1):
        model.fit(z.astype(np.float32))
    return np.asarray(model.components_.T, dtype=np.float64)


def _bin_edges(values: Float, n_bins: int, kind: str) -> Float:
    inner = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
    if kind == "quantile":
        return np.unique(np.quantile(values, inner))
    return np.asarray(values.min() + inner * (values.max() - values.min()))


def cube_root_bins(n_rows: int) -> int:
    """Return the cube root of the rows, at least 2: the number of bins by the rule of the text.

    Example:
        >>> cube_root_bins(1000), cube_root_bins(1_000_000)
        (10, 100)
    """
    return max(2, int(np.cbrt(n_rows) + 1e-9))


def _fit_bins(
    x: Float, columns: Codes, n_symbols: int, kind: str, span: tuple[float, float] | None, seed: int
) -> Discretiser:
    mean, scale = x.mean(axis=0)[columns], x.std(axis=0)[columns]
    n_axes = min(len(columns), max(1, int(np.log(n_symbols) / np.log(4.0) + 1e-9)))
    z = (x[:, columns] - mean) / scale
    if len(columns) > n_axes and span is not None:
        received = f"{span} for {len(columns)} columns in {n_symbols} bins"
        raise InputError("span", received, f"at most {n_axes} columns", "Ask for more bins, or leave span out.")
    projection = _principal_axes(z, n_axes, seed) if len(columns) > n_axes else None
    z = z if projection is None else z @ projection
    n_bins = int(n_symbols ** (1.0 / max(n_axes, 1)) + 1e-9)
    edges = []
    for axis in range(n_axes):
        ends = z[:, axis] if span is None else (np.array(span) - mean[axis]) / scale[axis]
        edges.append(_bin_edges(ends, n_bins, kind))
    return Discretiser(kind, columns, mean, scale, projection, None, tuple(edges), lossless=False)


def fit(
    x: NDArray[Any],
    n_clusters: int | None = None,
    *,
    kind: str = "kmeans",
    components: int = 10,
    span: tuple[float, float] | None = None,
    seed: int = 0,
) -> Discretiser:
    """Return a discretiser of `x` (N, d) with at most `n_clusters` symbols.

    Args:
        x: finite features of any real dtype.
        n_clusters: symbols wanted, None for the cube root of the rows; k-means never makes more than there are distinct
            rows, bins may stay empty.
        kind: "kmeans", "quantile" or "width".
        components: principal components kept before k-means.
        span: with "width", (low, high) of every column that the bins divide, instead of the range of `x`.
        seed: of k-means and of the choice of rows where there are more than 5,000.

    Raises:
        InputError: for an unknown kind, fewer than one cluster, a span that is none.

    Example:
        >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> symbols = fit(x, 2).apply(x)
        >>> bool(symbols[0] == symbols[1] != symbols[2] == symbols[3])
        True
    """
    if kind not in KINDS:
        raise unknown_name("discretiser", str(kind), KINDS)
    n_clusters = cube_root_bins(len(x)) if n_clusters is None else n_clusters
    if n_clusters < 1:
        raise InputError("clusters", n_clusters, "an integer >= 1", "Ask for at least two clusters.")
    if span is not None and not (kind == "width" and np.isfinite(span).all() and span[0] < span[1]):
        raise InputError("span", f"{span} with '{kind}'", "low < high, with 'width'", "Leave span out.")
    lossless = kind == "kmeans" and n_distinct(x, n_clusters) <= n_clusters
    if kind == "kmeans" and not lossless and len(x) > FIT_ROWS:
        x = x[np.sort(stream(seed, "fit rows").choice(len(x), FIT_ROWS, replace=False))]
    x = np.asarray(x, dtype=np.float64)
    # a column of equal numbers can have a standard deviation of 1e-17: only the range tells that it is constant
    columns = np.flatnonzero(np.ptp(x, axis=0) > 0)
    if kind != "kmeans":
        return _fit_bins(x, columns, n_clusters, kind, span, seed)
    mean, scale = x.mean(axis=0)[columns], x.std(axis=0)[columns]
    z = (x[:, columns] - mean) / scale
    if lossless:
        centroids = np.unique(z, axis=0)
        return Discretiser(kind, columns, mean, scale, None, centroids, None, lossless=True)
    from sklearn.cluster import KMeans

    projection = _principal_axes(z, components, seed)
    model = KMeans(n_clusters, n_init=_RESTARTS, max_iter=100, random_state=stream_seed(seed, "kmeans"))
    with _fitting_threads().limit(limits=1), warnings.catch_warnings():
        # rows that differ by less than k-means can tell (beside an outlier) make fewer clusters: these are kept
        warnings.filterwarnings("ignore", message="Number of distinct clusters")
        model.fit(z if projection is None else z @ projection)
    centroids = np.asarray(model.cluster_centers_, dtype=np.float64)
    if len(found := np.unique(model.labels_)) < len(centroids):
        centroids = centroids[found]
    return Discretiser(kind, columns, mean, scale, projection, centroids, None, lossless=False)
