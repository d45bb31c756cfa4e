"""Three tables of counts from rows that are labelled in one modality, or paired without a label.

    p(x1,y): labelled rows that have the first,  p(x2,y): labelled rows that have the second,  p(x1,x2): paired rows

Reference: thesis section 6.2.1, the semi-supervised setting D1, D2, DM. No row's label is ever looked at together with
both modalities, so what is learnt is what would be known before paired rows are labelled. Counts are kept by unit
(group, else row), for tables of resampled units whose three tables stem from the same draw. Tables of different rows do
not agree in their margins; `reconcile` gives those of one joint distribution (likelihood of all rows).

Symbols: k-means without labels, cross-fitted by group, on every row that has a part in a table; k is the largest of at
most `max_clusters` that leaves `rows_per_cell` rows a cell in the labelled tables and in the table of pairs.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mmcore.errors import InputError, counted
from mmcore.information.discretise.folds import check_folds, fold_units
from mmcore.information.encode import Distinct, encode, look
from mmcore.information.samples import TooFewRows, check_number, codes
from mmcore.information.semi_supervised import reconcile
from mmcore.information.sources import Source
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]
Bool = NDArray[np.bool_]
Tables = tuple[Float, Float, Float]

_STEPS, _STEPS_OF_A_DRAW = 2000, 400


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """How symbols are made.

    Attributes:
        max_clusters: most symbols of a modality.
        rows_per_cell: rows a cell on average that more than two symbols must leave; one with two.
        components: principal components before k-means.
        n_folds: folds of the cross-fitting; 1 fits on all rows.
        label_bins: quantiles that a regression label is cut into.
    """

    max_clusters: int = 8
    rows_per_cell: float = 5.0
    components: int = 10
    n_folds: int = 5
    label_bins: int = 4

    def __post_init__(self) -> None:
        for name, least in (("max_clusters", 2), ("components", 1), ("n_folds", 1), ("label_bins", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(name, value, f"an integer >= {least}", f"Pass {name}={least} or more.")
        check_number("rows_per_cell", self.rows_per_cell, 0.0, math.inf, "Pass for example rows_per_cell=5.")


@dataclasses.dataclass(frozen=True)
class SemiSupervisedRows:
    """Which rows are what.

    Attributes:
        labels: (N,) classes as codes, -1 where the label is unknown or may not be read.
        paired: (N,) rows whose pairing may be used.
        units: (N,) resampling unit of each row as codes; grouped: whether these are groups.
    """

    labels: Codes
    paired: Bool
    units: Codes
    grouped: bool

    @property
    def classes(self) -> Codes:
        """The classes that occur."""
        return np.unique(self.labels[self.labels >= 0])


@dataclasses.dataclass(frozen=True)
class PairCounts:
    """Counts of the three tables by unit: sparse (n_units, cells).

    Attributes:
        shape: symbols of the first and second modality, classes.
        rows: labelled rows of the first, of the second, paired rows.
    """

    x1y: Any
    x2y: Any
    x1x2: Any
    shape: tuple[int, int, int]
    rows: tuple[int, int, int]

    def tables(self, weights: Float | None = None) -> Tables:
        """Return the three tables of one joint distribution nearest to the counts, units drawn `weights` times.

        Of a draw, likelihood is maximised in fewer steps: what they leave is far below the sampling error.

        Raises:
            TooFewRows: where a table of this draw has no row.
            InputError: as `reconcile`.
        """
        drawn = np.ones(self.x1y.shape[0]) if weights is None else weights
        n1, n2, n_classes = self.shape
        shapes = ((n1, n_classes), (n2, n_classes), (n1, n2))
        counts = [
            np.asarray(drawn @ table).reshape(shape) for table, shape in zip((self.x1y, self.x2y, self.x1x2), shapes)
        ]
        totals = (float(counts[0].sum()), float(counts[1].sum()), float(counts[2].sum()))
        if min(totals) == 0:
            raise TooFewRows("rows", "a draw without a row of some table", "a row of each", "Collect more rows.")
        p_x1y, p_x2y, p_x1x2 = (count / total for count, total in zip(counts, totals))
        steps = _STEPS if weights is None else _STEPS_OF_A_DRAW
        return reconcile(p_x1y, p_x2y, p_x1x2, rows=totals, max_iter=steps)


def pair_counts(
    first: Source, second: Source, known: SemiSupervisedRows, options: TableOptions, *, seed: int
) -> PairCounts:
    """Return the counts of two modalities.

    Args:
        first, second: their features.
        known: which rows are what.
        options: of the symbols.
        seed: of k-means and folds.

    Raises:
        InputError: where a table would have no row, naming it; TooFewRows: where two symbols a modality are too many.
    """
    labelled = [(known.labels >= 0) & source.present for source in (first, second)]
    paired = known.paired & first.present & second.present
    for what, rows in (
        (f"labelled row that has {first.name}", labelled[0]),
        (f"labelled row that has {second.name}", labelled[1]),
        (f"row that has both {first.name} and {second.name}", paired),
    ):
        if not rows.any():
            raise InputError("rows", f"no {what}", "at least one", "Without it nothing ties this modality to the rest.")
    counts = (int(labelled[0].sum()), int(labelled[1].sum()), int(paired.sum()))
    used = [np.flatnonzero(rows | paired) for rows in labelled]
    limit = options.max_clusters
    distinct = [look(source, rows, limit) for source, rows in zip((first, second), used)]
    wanted = _n_symbols((distinct[0].count, distinct[1].count), counts, len(known.classes), options)
    classes = known.classes
    symbols = []
    n_symbols = []
    for source, chosen, seen, k in zip((first, second), used, distinct, wanted):
        found, n = _symbols(source, chosen, seen, k, known, options, seed)
        symbols.append(found)
        n_symbols.append(n)
    label = np.searchsorted(classes, known.labels)
    n1, n2, n_classes = n_symbols[0], n_symbols[1], len(classes)
    return PairCounts(
        _by_unit(known.units, labelled[0], symbols[0] * n_classes + label, n1 * n_classes),
        _by_unit(known.units, labelled[1], symbols[1] * n_classes + label, n2 * n_classes),
        _by_unit(known.units, paired, symbols[0] * n2 + symbols[1], n1 * n2),
        (n1, n2, n_classes),
        counts,
    )


def single_counts(source: Source, known: SemiSupervisedRows, options: TableOptions, *, seed: int) -> Float:
    """Return p(x,y) (k, classes) of one modality from its labelled rows alone, as counted.

    Raises:
        InputError: without a labelled row; TooFewRows: where two symbols are too many.
    """
    labelled = (known.labels >= 0) & source.present
    if not labelled.any():
        raise InputError("rows", f"no labelled row that has {source.name}", "at least one", "Label some, or leave out.")
    rows, classes = np.flatnonzero(labelled), known.classes
    seen = look(source, rows, options.max_clusters)
    n = len(rows)
    k = _n_symbols((seen.count, 1), (n, n, n), len(classes), options)[0]
    symbols, n_symbols = _symbols(source, rows, seen, k, known, options, seed)
    label = np.searchsorted(classes, known.labels[rows])
    counts = np.bincount(symbols[rows] * len(classes) + label, minlength=n_symbols * len(classes))
    return counts.reshape(n_symbols, len(classes)) / n


def _n_symbols(
    distinct: tuple[int, int], rows: tuple[int, int, int], n_classes: int, options: TableOptions
) -> tuple[int, int]:
    """Return how many symbols each modality gets, see above."""
    first, second = distinct
    cells = (first * n_classes, second * n_classes, first * second)
    if max(distinct) <= options.max_clusters and all(n >= cell for n, cell in zip(rows, cells)):
        return first, second
    if min(rows[0], rows[1]) < 2 * n_classes or rows[2] < 4:
        labelled, pairs = counted(rows[1], "labelled row"), counted(rows[2], "pair")
        received = f"{rows[0]} and {labelled} and {pairs} for {counted(n_classes, 'class')}"
        remedy = "Collect more rows, or merge classes."
        raise TooFewRows(
            "rows", received, f"{2 * n_classes} labelled rows of each and 4 pairs, for two symbols", remedy
        )
    limit = min(options.max_clusters, math.isqrt(int(rows[2] / options.rows_per_cell)))
    most = [max(2, min(limit, int(n / options.rows_per_cell / n_classes))) for n in rows[:2]]
    return min(most[0], max(2, first)), min(most[1], max(2, second))


def _symbols(
    source: Source,
    rows: Codes,
    seen: Distinct,
    n_clusters: int,
    known: SemiSupervisedRows,
    options: TableOptions,
    seed: int,
) -> tuple[Codes, int]:
    """Return the symbol of each of all N rows (0 where it has no part), and how many there are."""
    folds = None
    if options.n_folds > 1:
        units = codes(known.units[rows], "groups", len(rows))[0] if known.grouped else None
        folds = fold_units(units, len(rows), options.n_folds, seed=seed)
        labelled = known.labels[rows] >= 0
        if known.grouped and seen.count > n_clusters:
            check_folds(folds[labelled], known.labels[rows][labelled])
    found = encode(
        source,
        rows,
        n_clusters,
        distinct=seen,
        folds=folds,
        components=options.components,
        seed=stream_seed(seed, "symbols", source.name),
    )
    symbols = np.zeros(len(known.labels), dtype=np.int64)
    symbols[rows] = found.symbols
    return symbols, found.n_symbols


def _by_unit(units: Codes, chosen: Bool, cells: Codes, n_cells: int) -> Any:
    rows = np.flatnonzero(chosen)
    shape = (int(units.max()) + 1, n_cells)
    return sparse.csr_array((np.ones(len(rows)), (units[rows], cells[rows])), shape=shape)
