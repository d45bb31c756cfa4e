"""The table of data larger than memory: discretisers fitted on a random sample of rows, all rows counted in pieces.

    counts(i, j, y) = #{rows with symbols i, j and label y},    summed over pieces

The sample is a reservoir by random keys (Efraimidis and Spirakis 2006, equal weights): each row draws a key, the rows
with the least keys are kept, so that it depends on the seed and the rows but not on how they are cut into pieces.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.discretise.discretiser import FIT_ROWS, Discretiser, fit
from mmcore.information.samples import as_array, bin_edges, check_finite, missing_values, real_matrix
from mmcore.seeds import stream

Float = NDArray[np.float64]

_MAX_CLASSES = 4_096


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Counts (n1, n2, |Y|) of symbols and labels, the discretisers, the classes or edges of the label.

    Attributes:
        counts: rows of each cell.
        discretisers: of x1 and x2.
        classes: the labels in order, as text; None where the label is continuous.
        label_edges: inner edges of its bins where the label is continuous, else None.
    """

    counts: Float
    discretisers: tuple[Discretiser, Discretiser]
    classes: tuple[str, ...] | None
    label_edges: tuple[float, ...] | None

    @property
    def table(self) -> Float:
        """The relative frequencies (n1, n2, |Y|), as `pid.decompose` takes them."""
        return np.asarray(self.counts / self.counts.sum())


@dataclasses.dataclass(frozen=True)
class RowChunks:
    """Aligned rows of x1, x2 and y, for example memory maps, in pieces of `size`; may be read any number of times.

    Example:
        >>> [len(y) for _, _, y in RowChunks(np.zeros((5, 2)), np.zeros((5, 3)), np.zeros(5), size=2)]
        [2, 2, 1]
    """

    x1: Any
    x2: Any
    y: Any
    size: int = 16_384

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        for start in range(0, len(self.y), self.size):
            rows = slice(start, start + self.size)
            yield self.x1[rows], self.x2[rows], self.y[rows]


def _matrices(chunks: Iterable[tuple[Any, Any, Any]]) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Yield checked pieces: x1 (n, d1), x2 (n, d2), y (n,)."""
    start, widths = 0, None
    for x1, x2, y in chunks:
        label = as_array(y, "y")
        if label.ndim != 1:
            raise InputError("y", f"shape {label.shape}", "one value a row, shape (N,)", "Pass one column.")
        missing = missing_values(label)
        if missing.any():
            received = f"{int(missing.sum())} missing, the first in row {start + int(missing.argmax())}"
            raise InputError("y", received, "a value in every row", "Leave out the rows without one.")
        label = label.astype(str) if label.dtype.kind == "O" else label
        first, second = (real_matrix(as_array(x, name), name) for x, name in ((x1, "x1"), (x2, "x2")))
        if len({len(first), len(second), len(label)}) > 1:
            received = f"{len(first)}, {len(second)} and {len(label)} rows in the piece from row {start}"
            raise InputError("chunks", received, "as many rows of x1, x2 and y", "Align the rows first.")
        if widths not in (None, (first.shape[1], second.shape[1])):
            received = f"{first.shape[1]} and {second.shape[1]} columns from row {start}, before {widths}"
            raise InputError("chunks", received, "the same columns in all pieces", "Align the columns first.")
        widths = (first.shape[1], second.shape[1])
        for x, name in ((first, "x1"), (second, "x2")):
            check_finite(x, f"{name}, counted from row {start}")
        start += len(label)
        yield first, second, label


def _reservoir(
    chunks: Iterable[tuple[Any, Any, Any]], n_rows: int, seed: int
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Return `n_rows` random rows of x1, x2 and y in their order, and all values that y takes."""
    generator = stream(seed, "reservoir")
    kept: list[NDArray[Any]] | None = None
    keys, places, values = np.empty(0), np.empty(0, dtype=np.int64), np.empty(0)
    start = 0
    for piece in _matrices(chunks):
        new = len(piece[2])
        keys = np.concatenate([keys, generator.random(new)])
        places = np.concatenate([places, np.arange(start, start + new)])
        start += new
        values = np.unique(piece[2]) if kept is None else np.unique(np.concatenate([values, np.unique(piece[2])]))
        values = values[: _MAX_CLASSES + 1]  # one more than allowed is enough to tell
        # rows with the least keys are a uniform sample, whatever the size of the pieces
        chosen = np.sort(np.argsort(keys, kind="stable")[:n_rows])
        old = 0 if kept is None else len(kept[2])
        before, after = chosen[chosen < old], chosen[chosen >= old] - old
        kept = [
            p[after] if kept is None else np.concatenate([k[before], p[after]]) for k, p in zip(kept or piece, piece)
        ]
        keys, places = keys[chosen], places[chosen]
    if kept is None or start == 0:
        raise InputError("chunks", "no rows", "at least one piece with rows", "Check where the rows come from.")
    return kept, values


def accumulate(
    chunks: Iterable[tuple[Any, Any, Any]],
    n_clusters: tuple[int, int] | int | None = None,
    *,
    kind: str = "kmeans",
    components: int = 10,
    label_bins: int = 4,
    fit_rows: int = FIT_ROWS,
    seed: int = 0,
) -> Histogram:
    """Return the histogram of rows that do not fit into memory: fitted on a random sample of them, counted over all.

    Reads the pieces twice. Memory is one piece, the sample and the table; the result does not depend on how the rows
    are cut into pieces. Not cross-fitted: the sample's rows are counted too.

    Args:
        chunks: pieces (x1, x2, y) of numbers and labels, the same each time they are read: `RowChunks`, a list, or an
            object with `__iter__`.
        n_clusters: symbols of each source, a pair, or None for the cube root of the rows in the sample.
        kind, components: as in `fit`.
        label_bins: quantiles of the sample that a continuous label is cut into.
        fit_rows: rows of the sample.
        seed: of the sample and of k-means.

    Raises:
        InputError: for pieces that can be read only once, do not align, hold no rows or values that cannot be used.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x1, x2 = generator.integers(0, 2, (2, 1000, 1)).astype(np.uint8)
        >>> found = accumulate(RowChunks(x1, x2, x1[:, 0] ^ x2[:, 0], size=100), 2)
        >>> found.counts.shape, int(found.counts.sum()), found.classes
        ((2, 2, 2), 1000, ('0', '1'))
    """
    if iter(chunks) is chunks:
        received = f"a {type(chunks).__name__}, which can be read once"
        raise InputError("chunks", received, "pieces that can be read twice", "Pass RowChunks, or a list.")
    if fit_rows < 2:
        raise InputError("fit_rows", fit_rows, "an integer >= 2", "Pass for example 5000.")
    (x1, x2, y), values = _reservoir(chunks, fit_rows, seed)
    edges = bin_edges(y, label_bins)
    if edges is None and len(values) > _MAX_CLASSES:
        received = f"more than {_MAX_CLASSES} distinct labels"
        raise InputError("y", received, f"at most {_MAX_CLASSES} classes", "Bin or merge the labels first.")
    pair = n_clusters if isinstance(n_clusters, tuple) else (n_clusters, n_clusters)
    first, second = (fit(x, k, kind=kind, components=components, seed=seed) for x, k in zip((x1, x2), pair))
    n1, n2, n_classes = first.n_symbols, second.n_symbols, len(values) if edges is None else len(edges) + 1
    counts = np.zeros(n1 * n2 * n_classes)
    for piece1, piece2, label in _matrices(chunks):
        codes = np.searchsorted(
            values if edges is None else np.array(edges), label, side="left" if edges is None else "right"
        )
        cells = (first.apply(piece1) * n2 + second.apply(piece2)) * n_classes + codes
        counts += np.bincount(cells, minlength=len(counts))
    classes = None if edges is not None else tuple(map(str, values.tolist()))
    return Histogram(counts.reshape(n1, n2, n_classes), (first, second), classes, edges)
