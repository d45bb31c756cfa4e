"""The estimator "neighbours": a class label and continuous, discrete or mixed sources of few columns.

    R = share * min(I1, I2),    share = R' / min(I1', I2'),    U1 = I1 - R,   U2 = I2 - R,   S = I12 - I1 - I2 + R

I1, I2, I12 are nearest-neighbour estimates (Ross 2014; ties as Gao et al. 2017). The union information has none: it is
taken from posteriors, each row's from its k nearest rows, itself and its group left out, k by the log loss of these
held-out posteriors, through the same bins and exact tables as "posteriors" (R', I1', I2' are of these tables). Bins
lose some of all three together; the share of the smaller information that is redundant is what carries over. It lies
in [0, 1], so U1 and U2 are no smaller than zero wherever I1 and I2 are not, and all sums hold. Synergy may be negative.

Assumes what the neighbour estimates assume: about constant density within a few neighbours, so few columns (wide
sources are projected to `components`) and enough rows. Resamples draw rows or groups and hold neighbours, posteriors
and bins fixed (a row drawn twice would be its own nearest neighbour); permuted labels are read against the same lists
in full, so the null holds nothing fixed but the rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS, PID
from mmcore.information.interval import CORRECTION_DRAWS, p_values
from mmcore.information.neighbours.information import local_information
from mmcore.information.neighbours.search import Neighbours, find_neighbours, places_of
from mmcore.information.posteriors.calibration import expected_calibration_error, log_loss
from mmcore.information.posteriors.estimate import as_symbols
from mmcore.information.posteriors.options import check_integer, check_resamples, check_rows, check_shared, read_options
from mmcore.information.posteriors.symbols import View, choose_symbols, view_of
from mmcore.information.posteriors.tables import certified, decompose_tables, tables_of, uncertainty
from mmcore.information.resampling import bootstrap_rows, permuted_labels
from mmcore.information.samples import Samples, check_samples

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_NAMES = ("x1", "x2", "both")
_MOST_NEIGHBOURS = 256


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the method "neighbours".

    Attributes:
        k: neighbours of the same label in the information estimates.
        components: principal components that stand for a source of more columns.
        table, symbols, max_distinct, rows_per_cell: of the union information, as for "posteriors".
        level, label_bins, solver, tol: as for "posteriors".
    """

    k: int = 5
    components: int = 10
    table: str = "counted"
    symbols: int | str = "auto"
    max_distinct: int = 32
    rows_per_cell: float = 5.0
    level: float = 0.95
    label_bins: int = 4
    solver: str = "auto"
    tol: float = 1e-9

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("components", 1), ("max_distinct", 0)):
            check_integer(name, getattr(self, name), least)
        check_shared(self)


@dataclasses.dataclass(frozen=True)
class Read:
    """What the lists say under one labelling: information of each row (3, N), views, and k, log loss, error of each."""

    local: Float
    views: list[View]
    k: list[int | None]
    log_loss: list[float | None]
    calibration_error: list[float | None]


def neighbour_posteriors(found: Neighbours, labels: Codes, n_classes: int) -> tuple[Float, int]:
    """Return posteriors (N, |Y|) of the nearest rows and how many were asked: the power of two of least log loss.

    The prior of all rows counts as one more row. It must be the same for every row: one without the row's own label
    would differ by that label, and give it away.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(400, 1))
        >>> p, k = neighbour_posteriors(find_neighbours(x, None, 64), (x[:, 0] > 0).astype(np.int64), 2)
        >>> bool(p[x[:, 0] > 1, 1].min() > 0.7), k <= 64
        (True, True)
    """
    prior = np.bincount(labels, minlength=n_classes) / len(labels)
    near = labels[found.order]
    counts = np.zeros((len(labels), n_classes))
    best, best_k, best_loss, start, k = counts + prior, 0, np.inf, 0, 1
    while k <= near.shape[1]:
        for y in range(n_classes):
            counts[:, y] += (near[:, start:k] == y).sum(axis=1)
        posteriors = (counts + prior) / (k + 1.0)
        loss = log_loss(posteriors, labels)
        if loss < best_loss:
            best, best_k, best_loss = posteriors, k, loss
        start, k = k, 2 * k
    return best, best_k


def _read(
    lists: Sequence[Neighbours], labels: Codes, n_classes: int, kept: Sequence[View | None], options: Options, seed: int
) -> Read:
    """Return what the neighbour lists of x1, x2 and both say of these labels."""
    local: list[Float] = []
    views: list[View] = []
    ks: list[int | None] = []
    losses: list[float | None] = []
    errors: list[float | None] = []
    wanted = choose_symbols(len(labels), n_classes) if isinstance(options.symbols, str) else int(options.symbols)
    for found, view in zip(lists, kept):
        local.append(local_information(found, labels, options.k))
        if view is not None:
            views.append(view)
            ks.append(None)
            losses.append(None)
            errors.append(None)
            continue
        posteriors, k = neighbour_posteriors(found, labels, n_classes)
        views.append(view_of(posteriors, wanted, trust=options.table == "trusted", seed=seed))
        ks.append(k)
        losses.append(log_loss(posteriors, labels))
        errors.append(expected_calibration_error(posteriors, labels))
    return Read(np.array(local), views, ks, losses, errors)


def combine(information: Float, table: PID) -> Float:
    """Return R, U1, U2, S from I1, I2, I12 and the share of redundancy in `table`, in bits.

    Example:
        >>> table = PID(0.2, 0.0, 0.2, 0.1)                     # all of what x1 tells, x2 tells too
        >>> combine(np.array([0.3, 0.5, 0.7]), table).round(3).tolist()
        [0.3, 0.0, 0.2, 0.2]
    """
    one, two, both = information
    least = min(table.information1, table.information2)
    redundancy = min(one, two) * (table.redundancy / least if least > 0 else 0.0)
    return np.array([redundancy, one - redundancy, two - redundancy, both - one - two + redundancy])


def _resampled(read: Read, samples: Samples, n_boot: int, tol: float, seed: int) -> Iterator[Float | None]:
    """Yield the atoms of each resample, None where its table could not be certified."""
    for rows in bootstrap_rows(len(samples.labels), samples.groups, n_boot, seed=seed):
        found = decompose_tables([tables_of(read.views, samples.labels, samples.n_classes, rows)], tol=tol)[0]
        yield combine(read.local[:, rows].mean(axis=1), found) if isinstance(found, PID) else None


def _permuted(
    lists: Sequence[Neighbours], samples: Samples, kept: Sequence[View | None], options: Options, n_null: int, seed: int
) -> Iterator[Float | None]:
    """Yield the atoms under permuted labels, None where a table could not be certified."""
    for labels in permuted_labels(samples.labels, samples.groups, n_null, seed=seed):
        read = _read(lists, labels, samples.n_classes, kept, options, seed)
        found = decompose_tables([tables_of(read.views, labels, samples.n_classes)], tol=max(options.tol, 1e-6))[0]
        yield combine(read.local.mean(axis=1), found) if isinstance(found, PID) else None


def _gathered(atoms: Iterator[Float | None]) -> tuple[Float, int]:
    found = list(atoms)
    kept = [row for row in found if row is not None]
    return np.array(kept, dtype=np.float64).reshape(-1, len(ATOMS)), len(found) - len(kept)


def _record(samples: Samples, read: Read, table: PID, options: Options) -> dict[str, Any]:
    """Return what the diagnostics say of neighbours and tables."""
    return {
        **table.diagnostics,
        "n_rows": len(samples.labels),
        "n_groups": None if samples.groups is None else int(samples.groups.max()) + 1,
        "n_classes": samples.n_classes,
        "label_edges": None if samples.label_edges is None else list(samples.label_edges),
        "k": options.k,
        "posterior_neighbours": dict(zip(_NAMES, read.k)),
        "log_loss": dict(zip(_NAMES, read.log_loss)),
        "calibration_error": dict(zip(_NAMES, read.calibration_error)),
        "symbols": [view.n_symbols for view in read.views],
        "table": options.table,
        "table_atoms": table.atoms,
        "table_gap": table.gap,
        "held_fixed": "neighbours, posteriors and symbols are held fixed in resamples",
        "null": "labels permuted, everything read again",
    }


def _check_reach(samples: Samples, k: int) -> None:
    """Raise where no row has `k` neighbours of its class, or none outside its group."""
    if samples.groups is not None and samples.groups.max() < 1:
        raise InputError("groups", "1 group", "at least two groups", "Neighbours come from other groups: leave it out.")
    largest = int(np.bincount(samples.labels).max())
    if k >= largest:
        allowed = f"fewer than the {largest} rows of the largest class"
        raise InputError("k", k, allowed, "Lower k: 3 to 10 are usual.")


def estimate(
    x1: Any,
    x2: Any,
    y: Any,
    *,
    groups: Any = None,
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
    **options: Any,
) -> PID:
    """Return the decomposition by nearest neighbours, in bits; no gap, since only its table is certified.

    Args:
        x1, x2, y, groups, seed, n_null: as `pid.estimate`.
        n_boot: resamples for `.corrected` and `.interval`; with 0 some tens are drawn for `.corrected` alone.
        options: fields of `Options`.

    Raises:
        InputError: for rows or options that cannot be used, or a label in one row or one group only.
        NotCertified: if the tables' union information stays wider than `tol`.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x1, x2 = generator.normal(size=(2, 1500))
        >>> found = estimate(x1, x2, (x1 > 0) ^ (x2 > 0))
        >>> bool(found.synergy > 0.85), found.status
        (True, 'estimated')
    """
    chosen = read_options(Options, "neighbours", options)
    check_resamples(n_boot, n_null)
    samples = check_samples(x1, x2, y, groups, label_bins=chosen.label_bins)
    check_rows(len(samples.labels), samples.n_classes)
    _check_reach(samples, chosen.k)
    depth = min(_MOST_NEIGHBOURS, max(64, 8 * chosen.k * samples.n_classes))
    pairs = ([samples.x1], [samples.x2], [samples.x1, samples.x2])
    places = [places_of(sources, chosen.components, seed=seed) for sources in pairs]
    lists = [find_neighbours(z, samples.groups, depth) for z in places]
    kept = as_symbols(samples, chosen.max_distinct, chosen.rows_per_cell)
    read = _read(lists, samples.labels, samples.n_classes, kept, chosen, seed)
    three = tables_of(read.views, samples.labels, samples.n_classes)
    table = certified(decompose_tables([three], solver=chosen.solver, tol=chosen.tol)[0])
    raw = combine(read.local.mean(axis=1), table)
    tol = max(chosen.tol, 1e-6)
    n_draws = n_boot or CORRECTION_DRAWS
    draws, failed = _gathered(_resampled(read, samples, n_draws, tol, seed))
    null, null_failed = _gathered(_permuted(lists, samples, kept, chosen, n_null, seed)) if n_null else (None, 0)
    counts = {
        "n_boot": n_boot,
        "correction_draws": n_draws,
        "n_resamples_failed": failed,
        "n_null": n_null,
        "n_permutations_failed": null_failed,
        "level": chosen.level,
        **({} if null is None else {"p_values": p_values(raw, null)}),
    }
    return PID(
        **dict(zip(ATOMS, raw.tolist())),
        status="estimated",
        solver=table.solver,
        iterations=table.iterations,
        method="neighbours",
        seed=seed,
        diagnostics={**_record(samples, read, table, chosen), **counts},
        **uncertainty(raw, draws, null, chosen.level if n_boot else None, tol),
    )
