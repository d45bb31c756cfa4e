"""Symbols of a modality's rows, read piece by piece: fitted on a sample of the rows, applied to all of them.

    symbol(row) = discretiser of the row's fold (features of the row),      fitted on rows of the other folds only

Reference: as `discretise`; here the features never stand in memory as a whole. What stands there is one symbol a row.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information import discretise
from mmcore.information.sources import Source
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

FIT_ROWS = 5_000  # k-means on more rows moves the centroids by less than a restart does


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Symbols (n,) of rows, how many there are, and whether they keep every distinction between rows."""

    symbols: Codes
    n_symbols: int
    lossless: bool


@dataclasses.dataclass(frozen=True)
class Distinct:
    """The distinct rows of a source, at most `limit + 1` of them; `many` where there are more than `limit`."""

    rows: Float
    many: bool

    @property
    def count(self) -> int:
        """Number of distinct rows, counted to one above the limit."""
        return len(self.rows)


def look(source: Source, rows: Codes, limit: int) -> Distinct:
    """Return the distinct rows of a source up to `limit`, after checking that every number is finite.

    Raises:
        InputError: for numbers that are not finite, a source without features, or one whose rows are all equal.

    Example:
        >>> source = Source("a", 1, np.ones(4, dtype=bool), "", lambda rows: (rows % 2)[:, None] + 0.0)
        >>> look(source, np.arange(4), 8).rows.tolist()
        [[0.0], [1.0]]
    """
    seen: dict[bytes, Float] = {}
    for place, features in source.chunks(rows):
        wrong = ~np.isfinite(features)
        if wrong.any():
            row, column = (int(k) for k in np.argwhere(wrong)[0])
            received = f"a non-finite value in row {int(rows[place][row])}, column {column}"
            raise InputError(source.name, received, "finite numbers", "Impute them, or leave those rows out.")
        if len(seen) <= limit:
            _collect(features, seen, limit)
    if len(seen) < 2:
        received = f"a constant source ({source.width} columns, {len(rows)} equal rows)"
        raise InputError(source.name, received, "at least two distinct rows", "Leave it out: it tells nothing.")
    found = np.stack(list(seen.values()))
    return Distinct(found[np.lexsort(found.T[::-1])], len(seen) > limit)


def _collect(features: Float, seen: dict[bytes, Float], limit: int) -> None:
    for row in np.ascontiguousarray(features):
        seen.setdefault(row.tobytes(), row.copy())
        if len(seen) > limit:
            return


def _fit_sample(source: Source, rows: Codes, seed: int, name: str) -> Float:
    if len(rows) > FIT_ROWS:
        rows = rows[np.sort(stream(seed, "fit rows", source.name, name).choice(len(rows), FIT_ROWS, replace=False))]
    return source.take(rows)


def _apply(source: Source, rows: Codes, fitted: discretise.Discretiser) -> Codes:
    symbols = np.empty(len(rows), dtype=np.int64)
    for place, features in source.chunks(rows):
        symbols[place] = fitted.apply(features)
    return symbols


def encode(
    source: Source,
    rows: Codes,
    n_clusters: int,
    *,
    distinct: Distinct,
    folds: Codes | None = None,
    kind: str = "kmeans",
    components: int = 10,
    seed: int = 0,
) -> Encoded:
    """Return the symbols of `rows`, each by a discretiser that has not seen the row's fold.

    Args:
        source: what to read.
        rows: row numbers (n,).
        n_clusters: symbols wanted; a source with no more distinct rows keeps them as symbols, without loss.
        distinct: what `look` found with a limit of at least `n_clusters`.
        folds: fold of each of `rows`, or None to fit once.
        kind, components, seed: as in `discretise.fit`.

    Example:
        >>> source = Source("a", 1, np.ones(4, dtype=bool), "", lambda rows: (rows % 2)[:, None] + 0.0)
        >>> rows = np.arange(4)
        >>> encode(source, rows, 2, distinct=look(source, rows, 8)).symbols.tolist()
        [0, 1, 0, 1]
    """
    fit = functools.partial(discretise.fit, kind=kind, components=components, seed=seed)
    if kind == "kmeans" and distinct.count <= n_clusters:
        # fitted on the distinct rows themselves: every one of them is its own symbol, nothing is learnt from a fold
        fitted = fit(distinct.rows, n_clusters)
        return Encoded(_apply(source, rows, fitted), fitted.n_symbols, True)
    reference = fit(_fit_sample(source, rows, seed, "all"), n_clusters)
    if folds is None or folds.max() < 1:
        return Encoded(_apply(source, rows, reference), reference.n_symbols, False)
    symbols = np.empty(len(rows), dtype=np.int64)
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        sample = _fit_sample(source, rows[~held], seed, f"without {fold}")
        without = fit(sample, reference.n_symbols)
        names = discretise.matched(reference, without, sample)
        symbols[held] = names[_apply(source, rows[held], without)]
    return Encoded(symbols, reference.n_symbols, False)
