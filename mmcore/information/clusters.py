"""Atoms from rows by clustering: each source becomes symbols, the table of counts is decomposed exactly.

    p(i, j, y) = #{rows with symbols i, j and label y} / N

Reference: the CVX estimator of Liang et al. (2023), thesis section 3.2. Departures on purpose: discretisers are
cross-fitted instead of fitted on the evaluated rows, the number of clusters follows the sample size, every table
carries its certificate, and the atoms come raw and corrected, with an interval and nulls (`uncertainty`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import PID
from mmcore.information.discretise import KINDS, check_folds, cross_fit, fold_units, n_distinct
from mmcore.information.pid import decompose
from mmcore.information.samples import Samples, TooFewRows, check_number, check_samples
from mmcore.information.uncertainty.adequacy import check_bias
from mmcore.information.uncertainty.assess import assess, check_names

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_SYMBOLS = 32  # distinct rows of a source that may be taken as symbols beyond `max_clusters`
_SYMBOL_ROWS = 2.0  # rows a cell that they then need


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the method "clusters".

    Attributes:
        clusters: number for each source, a pair, or "auto": the largest k <= `max_clusters` for which k1 k2 |Y| cells
            hold `rows_per_cell` rows on average, at least 2. Sources of no more than `max_clusters` distinct rows keep
            them as symbols wherever there is a row a cell, sources of no more than 32 wherever there are two.
        max_clusters: limit of "auto".
        components: principal components before k-means.
        discretiser: "kmeans", or "quantile" or "width" for sources of one column.
        n_folds: folds of the cross-fitting; 1 fits on all rows.
        level: nominal coverage of the intervals.
        rows_per_cell: rows a cell that "auto" aims at.
        min_rows_per_cell: fewer than this on average is refused.
        max_bias_share: refused where the bias predicted for unrelated data is a larger share of the label's entropy.
        correction: of the bias, a name of `uncertainty.CORRECTIONS`, with or without resamples; None takes "matched".
            "none" takes nothing off: the corrected atoms are the raw ones.
        interval: a name of `uncertainty.INTERVALS`.
        solver: of the table; resamples are solved by "auto".
        tol: width of the certified interval of the table, bits; of the resamples 1e-6 at the narrowest.
        label_bins: quantiles that a continuous label is cut into.
    """

    clusters: int | str | tuple[int, int] = "auto"
    max_clusters: int = 8
    components: int = 10
    discretiser: str = "kmeans"
    n_folds: int = 5
    level: float = 0.95
    rows_per_cell: float = 5.0
    min_rows_per_cell: float = 1.0
    max_bias_share: float = 0.5
    correction: str | None = None
    interval: str = "bias_aware"
    solver: str = "auto"
    tol: float = 1e-9
    label_bins: int = 4

    def __post_init__(self) -> None:
        if self.discretiser not in KINDS:
            raise unknown_name("discretiser", str(self.discretiser), KINDS)
        pair = self.clusters if isinstance(self.clusters, (tuple, list)) else (self.clusters, self.clusters)
        for k in pair:
            if len(pair) != 2 or not (k == "auto" or (isinstance(k, (int, np.integer)) and k >= 2)):
                raise InputError("clusters", self.clusters, "'auto', an integer >= 2, or two of them", "Use 'auto'.")
        for name, least in (("max_clusters", 2), ("components", 1), ("n_folds", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(name, value, f"an integer >= {least}", f"Pass {name}={least} or more.")
        check_number("level", self.level, 0.0, 1.0, "Pass for example level=0.95.")
        check_number("rows_per_cell", self.rows_per_cell, 0.0, np.inf, "Pass for example rows_per_cell=5.")
        check_number("max_bias_share", self.max_bias_share, 0.0, np.inf, "Pass for example 0.5.")
        if self.min_rows_per_cell != 0:
            remedy = "Pass for example 1, or 0 to see the table all the same."
            check_number("min_rows_per_cell", self.min_rows_per_cell, 0.0, np.inf, remedy)
        check_number("tol", self.tol, 0.0, np.inf, "Pass for example tol=1e-9.")
        check_names(self.correction if self.correction is None else str(self.correction), str(self.interval))


def read_options(options: dict[str, Any]) -> Options:
    """Return the options, or the error that names the unknown one.

    Example:
        >>> read_options({"clusters": 4}).clusters
        4
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in known:
            raise unknown_name("option of method 'clusters'", name, known)
    return Options(**options)


@dataclasses.dataclass(frozen=True)
class Clustered:
    """An estimate with its resamples: `draws` (n_boot, 4) as `uncertainty.Assessment.draws`, in the order of ATOMS."""

    pid: PID
    draws: Float


def choose_clusters(distinct: tuple[int, int], n_classes: int, n_rows: int, options: Options) -> tuple[int, int]:
    """Return the number of clusters of each source, see `Options.clusters`.

    Args:
        distinct: distinct rows of each source, counted to one above `max_clusters`.

    Example:
        >>> choose_clusters((9, 9), 4, 640, Options())
        (5, 5)
        >>> choose_clusters((4, 4), 8, 200, Options())
        (4, 4)
    """
    if isinstance(options.clusters, (tuple, list)):
        return int(options.clusters[0]), int(options.clusters[1])
    if not isinstance(options.clusters, str):
        return int(options.clusters), int(options.clusters)
    most = options.max_clusters
    first, second = distinct
    if max(distinct) <= most and first * second * n_classes * options.min_rows_per_cell <= n_rows:
        return first, second
    cells = n_rows / options.rows_per_cell / n_classes
    k = max(2, min(most, int(np.sqrt(cells) + 1e-9)))
    if min(distinct) >= k:
        return k, k
    few = max(2, min(distinct))
    other = max(2, min(most, int(cells / few + 1e-9), max(distinct)))
    return (few, other) if first <= second else (other, few)


def check_rows(n_rows: int, shape: tuple[int, int, int], options: Options) -> None:
    """Raise where the rows are too few for the alphabet (n1, n2, |Y|).

    Raises:
        TooFewRows: with the rows, or the clusters, that would do.

    Example:
        >>> check_rows(64, (4, 4, 2), Options())
    """
    n_cells = shape[0] * shape[1] * shape[2]
    if n_rows < options.min_rows_per_cell * n_cells:
        received = f"{n_rows} rows for {shape[0]} x {shape[1]} x {shape[2]} = {n_cells} cells"
        allowed = f"at least {options.min_rows_per_cell:g} rows a cell"
        remedy = f"Collect at least {math.ceil(options.min_rows_per_cell * n_cells)} rows"
        most = math.isqrt(int(n_rows / options.min_rows_per_cell / shape[2]))
        remedy += f", or ask for at most {most} clusters a source." if most > 1 else "."
        raise TooFewRows("x1, x2, y", received, allowed, remedy)


def _symbols(samples: Samples, options: Options) -> tuple[int, int] | None:
    """Return the numbers of distinct rows of two sources that are symbols already, see `Options.clusters`."""
    if options.clusters != "auto" or options.discretiser != "kmeans":
        return None
    first, second = n_distinct(samples.x1, _SYMBOLS), n_distinct(samples.x2, _SYMBOLS)
    if max(first, second) > _SYMBOLS or max(first, second) <= options.max_clusters:
        return None
    enough = first * second * samples.n_classes * _SYMBOL_ROWS <= len(samples.labels)
    return (first, second) if enough else None


def _table(samples: Samples, options: Options, seed: int) -> tuple[Codes, tuple[int, int], dict[str, Any]]:
    """Return the cell of each row, the alphabet sizes and what to record about the discretisation."""
    n_rows, most = len(samples.labels), options.max_clusters
    sources = (samples.x1, samples.x2)
    distinct = (n_distinct(samples.x1, most), n_distinct(samples.x2, most))
    wanted = _symbols(samples, options) or choose_clusters(distinct, samples.n_classes, n_rows, options)
    folds = None
    if options.n_folds > 1:
        folds = fold_units(samples.groups, n_rows, options.n_folds, seed=seed)
    found = [
        cross_fit(x, k, folds, kind=options.discretiser, components=options.components, seed=seed)
        for x, k in zip(sources, wanted)
    ]
    (symbols1, fitted1), (symbols2, fitted2) = found
    if folds is not None and samples.groups is not None and not (fitted1.lossless and fitted2.lossless):
        check_folds(folds, samples.labels)
    n1, n2 = fitted1.n_symbols, fitted2.n_symbols
    check_rows(n_rows, (n1, n2, samples.n_classes), options)
    record = {
        "n_rows": n_rows,
        "n_groups": None if samples.groups is None else int(samples.groups.max()) + 1,
        "clusters": [n1, n2],
        "n_classes": samples.n_classes,
        "label_edges": None if samples.label_edges is None else list(samples.label_edges),
        "lossless": [fitted1.lossless, fitted2.lossless],
        "n_folds": 1 if folds is None else int(folds.max()) + 1,
    }
    return (symbols1 * n2 + symbols2) * samples.n_classes + samples.labels, (n1, n2), record


def estimate_clusters(
    x1: Any,
    x2: Any,
    y: Any,
    *,
    groups: Any = None,
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
    **kw: Any,
) -> Clustered:
    """Return the estimate of `pid.estimate(method="clusters")` together with its resamples.

    Args, Raises: as `pid.estimate`; options as `Options`.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x1, x2 = generator.integers(0, 2, (2, 500))
        >>> found = estimate_clusters(x1, x2, x1 & x2, n_boot=20)
        >>> found.draws.shape, found.pid.status
        ((20, 4), 'estimated')
    """
    options = read_options(kw)
    for name, value in (("n_boot", n_boot), ("n_null", n_null)):
        if not isinstance(value, (int, np.integer)) or value < 0 or value == 1:
            raise InputError(name, value, "0, or an integer >= 2", "Pass for example 200.")
    samples = check_samples(x1, x2, y, groups, label_bins=options.label_bins)
    cells, (n1, n2), record = _table(samples, options, seed)
    shape = (n1, n2, samples.n_classes)
    return estimate_cells(
        cells, shape, samples.groups, options=options, record=record, seed=seed, n_boot=n_boot, n_null=n_null
    )


def estimate_cells(
    cells: Codes,
    shape: tuple[int, int, int],
    groups: Codes | None,
    *,
    options: Options,
    record: dict[str, Any],
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
) -> Clustered:
    """Return the estimate from the cell of each row, `(symbol1 * n2 + symbol2) * n_classes + label`.

    Args:
        cells: (N,) codes below n1 n2 |Y|.
        shape: (n1, n2, |Y|).
        groups: group of each row as codes, or None.
        record: what to add to the diagnostics.

    Example:
        >>> cells = np.array([0, 3, 5, 6] * 50)     # exclusive or
        >>> found = estimate_cells(cells, (2, 2, 2), None, options=Options(), record={})
        >>> round(found.pid.synergy, 6)
        1.0
    """
    counts = np.bincount(cells, minlength=shape[0] * shape[1] * shape[2]).reshape(shape)
    adequacy = check_bias(counts, options.max_bias_share)
    table = decompose(counts / counts.sum(), solver=options.solver, tol=options.tol)
    found = assess(
        table,
        cells,
        shape,
        groups,
        n_boot=n_boot,
        n_null=n_null,
        level=options.level,
        correction=options.correction or "matched",
        interval=options.interval,
        tol=max(options.tol, 1e-6),
        seed=seed,
    )
    pid = dataclasses.replace(
        table,
        status="estimated",
        method="clusters",
        seed=seed,
        corrected=found.corrected,
        interval=found.interval,
        null=found.null,
        # an interval from subsamples has no resamples of its own: those there are would be another law
        draws=found.draws if n_boot and options.interval == "bias_aware" else None,
        diagnostics={**table.diagnostics, **record, **adequacy, **found.diagnostics},
    )
    return Clustered(pid, found.draws)


def estimate(x1: Any, x2: Any, y: Any, **kw: Any) -> PID:
    """Return the decomposition of the clusters, as `estimate_clusters` without its resamples."""
    return estimate_clusters(x1, x2, y, **kw).pid
