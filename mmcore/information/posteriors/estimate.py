"""The estimator "posteriors": what cross-fitted classifiers know of the label, from each source and from both.

    I_k = I(T_k; Y),   I_union of the tables p(T_1, Y) and p(T_2, Y),   T_k a symbol of the posterior p(y|x_k)

The union information depends on a source only through the distribution of its posterior (pid.md section 6), so the
sources themselves are never clustered and may have any number of columns. Two labels: closed form. More: clusters of
the posteriors, then the exact solver. Only I12, hence synergy, needs the classifier of both sources.

A source of few distinct rows is taken as it is, and so are two of them together: then the estimate is the plug-in
decomposition of the table of symbols. What classifiers miss is missed: I1, I2, I12 and the union information are lower
bounds in the limit of many rows; synergy is a difference of two such and may err to either side. Resamples draw rows
or groups and hold the classifiers fixed: their own variability is not in the interval.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.information.atoms import ATOMS, PID
from mmcore.information.discretise import check_folds, n_distinct
from mmcore.information.interval import CORRECTION_DRAWS, p_values
from mmcore.information.posteriors.crossfit import CrossFitted, Plan, cross_fit, outer_folds
from mmcore.information.posteriors.options import Options, check_resamples, check_rows, read_options
from mmcore.information.posteriors.symbols import View, choose_symbols, view_of
from mmcore.information.posteriors.tables import Tables, atoms_many, certified, decompose_tables, tables_of, uncertainty
from mmcore.information.resampling import bootstrap_rows, permuted_labels
from mmcore.information.samples import Samples, TooFewRows, check_samples

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_VIEWS = ((0,), (1,), (0, 1))
_NAMES = ("x1", "x2", "both")


def as_symbols(samples: Samples, max_distinct: int, rows_per_cell: float) -> tuple[View | None, ...]:
    """Return views of x1, x2 and both that are their distinct rows, or None for those that are too many.

    Example:
        >>> samples = check_samples([0, 1] * 40, np.arange(80.0), [0, 1] * 40)
        >>> [view is not None for view in as_symbols(samples, 8, 5.0)]
        [True, False, False]
    """
    most = len(samples.labels) / (rows_per_cell * samples.n_classes)
    found: list[View | None] = []
    for x in (samples.x1, samples.x2):
        few = n_distinct(x, max_distinct) <= max_distinct
        member = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64) if few else None
        fits = member is not None and member.max() + 1 <= most
        found.append(View(member, int(member.max()) + 1) if member is not None and fits else None)
    first, second = found
    both = None
    if first is not None and second is not None:
        pairs, member = np.unique(first.symbols * second.n_symbols + second.symbols, return_inverse=True)
        both = View(member.astype(np.int64), len(pairs)) if len(pairs) <= most else None
    return first, second, both


def _fitted_views(
    samples: Samples, kept: tuple[View | None, ...], options: Options, seed: int
) -> tuple[list[View], list[CrossFitted | None]]:
    """Return the three views, `kept` ones as they are and the others from posteriors, and what was fitted for these."""
    missing = [place for place in range(3) if kept[place] is None]
    n_rows, n_classes = samples.labels.size, samples.n_classes
    if not missing:
        return [view for view in kept if view is not None], [None, None, None]
    folds = outer_folds(samples.labels, samples.groups, options.n_folds, seed=seed)
    if samples.groups is not None:
        check_folds(folds, samples.labels)
    plan = Plan(options.classifier, options.calibration, options.components, options.max_fit_rows)
    asked = tuple(_VIEWS[place] for place in missing)
    sources = (samples.x1, samples.x2)
    fitted = cross_fit(sources, asked, samples.labels, n_classes, samples.groups, folds, plan, seed=seed)
    wanted = choose_symbols(n_rows, n_classes) if isinstance(options.symbols, str) else int(options.symbols)
    by_place = dict(zip(missing, fitted))
    trust = options.table == "trusted"
    views: list[View] = []
    for place, view in enumerate(kept):
        if view is None:
            view = view_of(by_place[place].posteriors, wanted, trust=trust, seed=seed)
        views.append(view)
    return views, [by_place.get(place) for place in range(3)]


def _permuted(
    samples: Samples, views: list[View], kept: tuple[View | None, ...], options: Options, n_null: int, seed: int
) -> Iterator[Tables]:
    """Yield tables under permuted labels, of the same symbols or of newly fitted ones."""
    for k, labels in enumerate(permuted_labels(samples.labels, samples.groups, n_null, seed=seed)):
        if options.null == "refit":
            permuted = dataclasses.replace(samples, labels=labels)
            views, _ = _fitted_views(permuted, kept, options, seed + 1 + k)
        yield tables_of(views, labels, samples.n_classes)


def _record(samples: Samples, views: list[View], fitted: list[CrossFitted | None], options: Options) -> dict[str, Any]:
    """Return what the diagnostics say of the fits."""
    counts = np.bincount(samples.labels) / len(samples.labels)
    return {
        "n_rows": len(samples.labels),
        "n_groups": None if samples.groups is None else int(samples.groups.max()) + 1,
        "n_classes": samples.n_classes,
        "label_edges": None if samples.label_edges is None else list(samples.label_edges),
        "n_folds": options.n_folds if any(fitted) else 1,
        "symbols": [view.n_symbols for view in views],
        "table": options.table,
        "classifiers": {n: "distinct rows" if f is None else list(f.classifiers) for n, f in zip(_NAMES, fitted)},
        "label_entropy_nats": float(-(counts * np.log(counts)).sum()),
        "log_loss": {n: None if f is None else f.log_loss for n, f in zip(_NAMES, fitted)},
        "calibration_error": {n: None if f is None else f.calibration_error for n, f in zip(_NAMES, fitted)},
        "held_fixed": "classifiers and symbols are held fixed in resamples",
        "null": "labels permuted, " + ("everything fitted again" if options.null == "refit" else "symbols held fixed"),
    }


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
    """Return the decomposition that cross-fitted classifiers see, in bits.

    Args:
        x1, x2, y, groups, seed, n_null: as `pid.estimate`.
        n_boot: resamples for `.corrected` and `.interval`; with 0 some tens are drawn for `.corrected` alone.
        options: fields of `Options`.

    Raises:
        InputError: for rows or options that cannot be used, fewer rows than folds in a class or group.
        NotCertified: if the tables' union information stays wider than `tol`.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> y = generator.integers(0, 2, 400)
        >>> x1, x2 = y + 0.3 * generator.normal(size=400), generator.normal(size=(400, 5))
        >>> found = estimate(x1, x2, y, classifier="logistic")
        >>> bool(found.unique1 > 0.6), bool(abs(found.redundancy) < 0.05)
        (True, True)
    """
    chosen = read_options(Options, "posteriors", options)
    check_resamples(n_boot, n_null)
    samples = check_samples(x1, x2, y, groups, label_bins=chosen.label_bins)
    check_rows(len(samples.labels), samples.n_classes)
    rarest = int(np.bincount(samples.labels).min())
    if rarest < 2:
        received = f"a class of {rarest} row"
        raise TooFewRows("y", received, "at least two rows of each class", "Merge rare classes, or leave them out.")
    kept = as_symbols(samples, chosen.max_distinct, chosen.rows_per_cell)
    views, fitted = _fitted_views(samples, kept, chosen, seed)
    labels, n_classes, tol = samples.labels, samples.n_classes, max(chosen.tol, 1e-6)
    three = tables_of(views, labels, n_classes)
    found = certified(decompose_tables([three], solver=chosen.solver, tol=chosen.tol)[0])
    n_draws = n_boot or CORRECTION_DRAWS
    drawn = bootstrap_rows(len(labels), samples.groups, n_draws, seed=seed)
    draws, failed = atoms_many((tables_of(views, labels, n_classes, rows) for rows in drawn), tol)
    null, null_failed = atoms_many(_permuted(samples, views, kept, chosen, n_null, seed), tol)
    raw = np.array([getattr(found, name) for name in ATOMS])
    counts = {
        "n_boot": n_boot,
        "correction_draws": n_draws,
        "n_resamples_failed": failed,
        "n_null": n_null,
        "n_permutations_failed": null_failed,
        "level": chosen.level,
        **({"p_values": p_values(raw, null)} if n_null else {}),
    }
    return dataclasses.replace(
        found,
        method="posteriors",
        seed=seed,
        diagnostics={**found.diagnostics, **_record(samples, views, fitted, chosen), **counts},
        **uncertainty(raw, draws, null if n_null else None, chosen.level if n_boot else None, tol),
    )
