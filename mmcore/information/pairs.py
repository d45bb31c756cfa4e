"""Every pair of modalities of a dataset: atoms, intervals, and what accuracy the information allows.

The content of `estimate.json`, as plain values. Each pair uses the rows that are labelled and have both modalities;
each modality alone, the rows that have it. A part that cannot be estimated is refused with its reason and the rest goes
on. The accuracy bounds speak of classifiers that see the clusters only; features may hold more.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError, NotBuiltYetError, unknown_name
from mmcore.information.atoms import ATOMS, NotCertified
from mmcore.information.bounds import accuracy
from mmcore.information.clusters import Clustered, Options, choose_clusters, estimate_clusters
from mmcore.information.discretise import cross_fit, fold_units, n_distinct
from mmcore.information.entropy import mutual_information_many
from mmcore.information.estimators import find_estimator
from mmcore.information.interval import corrected, interval, resampled_counts
from mmcore.information.samples import check_single
from mmcore.information.sources import Source, Target, read_source, read_target
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]
Progress = Callable[[int, int, str], None]

INTERVAL = "hull of the percentile and the reflected bootstrap interval, clusters held fixed"
_DEFAULTS: dict[str, Any] = {"method": "clusters", "n_boot": 200, "label_bins": 4, "solver": "cvxpy", "tol": 1e-6}
_NO_VALUE: dict[str, Any] = {"value": None, "interval": None}
_NO_PAIR: dict[str, Any] = dict.fromkeys(
    ("n_rows", "n_groups", "clusters", "raw", "corrected", "interval", "information", "diagnostics")
)
# I(X1;Y) = R + U1, I(X2;Y) = R + U2, I(X1,X2;Y) = sum of the four, as weights on ATOMS
_SUMS = {"first": (1, 1, 0, 0), "second": (1, 0, 1, 0), "both": (1, 1, 1, 1)}


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What all parts of one estimate share."""

    target: Target
    groups: NDArray[Any] | None
    options: Options
    n_boot: int
    seed: int


def _read_options(options: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    fields = [field.name for field in dataclasses.fields(Options)]
    own = ("method", "n_boot", "label_bins")
    for name in options:
        if name not in (*fields, *own):
            raise unknown_name("options", name, [*fields, *own])
    merged = {**_DEFAULTS, **options}
    find_estimator(merged["method"])
    if not isinstance(merged["label_bins"], int) or merged["label_bins"] < 2:
        raise InputError("label_bins", merged["label_bins"], "an integer >= 2", "Pass for example label_bins=4.")
    return Options(**{name: merged[name] for name in fields if name in merged}), {name: merged[name] for name in own}


def _rows(plan: _Plan, sources: Sequence[Source]) -> NDArray[np.int64]:
    usable = plan.target.known.copy()
    for source in sources:
        usable &= source.present
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        names = " and ".join(source.name for source in sources)
        raise InputError(names, "no row with a label", "rows that are labelled and present", "Check the presence.")
    return rows


def _value(raw: Float, draws: Float, level: float) -> dict[str, Any]:
    """Return one corrected value with its interval; the raw one and no interval where nothing was drawn."""
    if len(draws) == 0:
        return {"value": float(raw[0]), "raw": float(raw[0]), "interval": None}
    ends = interval(raw, draws, level)[0]
    return {"value": float(corrected(raw, draws)[0]), "raw": float(raw[0]), "interval": ends.tolist()}


def _alone(plan: _Plan, source: Source) -> dict[str, Any]:
    """Return I(X;Y) of one modality with its interval."""
    rows = _rows(plan, [source])
    groups = None if plan.groups is None else plan.groups[rows]
    samples = check_single(source.features[rows], plan.target.codes[rows], groups)
    options, seed = plan.options, stream_seed(plan.seed, "alone", source.name)
    distinct = n_distinct(samples.x1, options.max_clusters)
    k, _ = choose_clusters((distinct, 1), samples.n_classes, len(rows), options)
    folds = fold_units(samples.groups, len(rows), options.n_folds, seed=seed) if options.n_folds > 1 else None
    symbols, fitted = cross_fit(
        samples.x1, k, folds, kind=options.discretiser, components=options.components, seed=seed
    )
    shape = (fitted.n_symbols, samples.n_classes)
    n_cells = shape[0] * shape[1]
    if len(rows) < options.min_rows_per_cell * n_cells:
        received, allowed = f"{len(rows)} rows for {n_cells} cells", f"{options.min_rows_per_cell:g} rows a cell"
        raise InputError(source.name, received, allowed, "Collect more rows, or ask for fewer clusters.")
    cells = symbols * samples.n_classes + samples.labels
    counts = np.bincount(cells, minlength=n_cells) / len(cells)
    raw = mutual_information_many(counts.reshape(1, *shape))
    draws = np.zeros((0, 1))
    if plan.n_boot:
        tables = np.stack(list(resampled_counts(cells, n_cells, samples.groups, plan.n_boot, seed=seed)))
        draws = mutual_information_many((tables / tables.sum(axis=1, keepdims=True)).reshape(-1, *shape))[:, None]
    found = _value(raw, draws, options.level)
    return {**found, "status": "estimated", "reason": None, "n_rows": len(rows), "clusters": fitted.n_symbols}


def _truth(ds: Dataset, first: str, second: str) -> dict[str, float] | None:
    """Return the annotated atoms of the pair, unique ones exchanged where it is annotated the other way round."""
    for entry in ds.spec.annotations.get("truth") or ():
        if (entry["first"], entry["second"]) == (first, second):
            return {name: float(entry[name]) for name in ATOMS}
        if (entry["first"], entry["second"]) == (second, first):
            swapped = {**entry, "unique1": entry["unique2"], "unique2": entry["unique1"]}
            return {name: float(swapped[name]) for name in ATOMS}
    return None


def _information(found: Clustered, level: float) -> dict[str, Any]:
    raw = np.array([getattr(found.pid, name) for name in ATOMS])
    sums = {name: np.array(weights, dtype=np.float64) for name, weights in _SUMS.items()}
    return {name: _value(np.atleast_1d(raw @ w), (found.draws @ w)[:, None], level) for name, w in sums.items()}


def _pair(plan: _Plan, first: Source, second: Source) -> dict[str, Any]:
    """Return the estimate of one pair."""
    rows = _rows(plan, [first, second])
    found = estimate_clusters(
        first.features[rows],
        second.features[rows],
        plan.target.codes[rows],
        groups=None if plan.groups is None else plan.groups[rows],
        seed=stream_seed(plan.seed, "pair", first.name, second.name),
        n_boot=plan.n_boot,
        **dataclasses.asdict(plan.options),
    )
    pid, diagnostics = found.pid, found.pid.diagnostics
    return {
        "status": "estimated",
        "reason": None,
        "n_rows": diagnostics["n_rows"],
        "n_groups": diagnostics["n_groups"],
        "clusters": diagnostics["clusters"],
        "raw": pid.atoms,
        "corrected": None if pid.corrected is None else dict(pid.corrected),
        "interval": None if pid.interval is None else {name: list(ends) for name, ends in pid.interval.items()},
        "information": _information(found, plan.options.level),
        "diagnostics": {
            "status": diagnostics["solver_status"],
            "solver": pid.solver,
            "gap": pid.gap,
            "marginal_residual": diagnostics["marginal_residual"],
            "iterations": pid.iterations,
            "lossless": diagnostics["lossless"],
            "n_folds": diagnostics["n_folds"],
            "n_resamples_failed": diagnostics["n_resamples_failed"],
        },
    }


def _refused(error: Exception) -> dict[str, Any]:
    return {"status": "refused", "reason": str(error)}


def _reach(target: Target | Exception, modalities: list[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what accuracy the information allows: the lower form at the interval's low end, the upper at its high."""
    if isinstance(target, Exception) or found["status"] != "estimated":
        empty = dict.fromkeys(("information", "lower", "upper"))
        return {"modalities": modalities, **empty, "status": "refused", "reason": found["reason"]}
    value = found["information"]["both"] if len(modalities) == 2 else found
    low, high = value["interval"] or (value["value"], value["value"])
    top = target.entropy
    # Information lies between 0 and H(Y): an interval is met with that range before it enters the bounds.
    inside = [min(max(end, 0.0), top) for end in (low, high)]
    note = "speaks of classifiers that see the clusters only"
    if inside != [low, high]:
        note += f"; the interval {low:.4g} to {high:.4g} bits was met with the possible range 0 to {top:.4g}"
    return {
        "modalities": modalities,
        "information": value["value"],
        "lower": accuracy(inside[0], top, target.n_classes).lower,
        "upper": accuracy(inside[1], top, target.n_classes).upper,
        "status": "estimated",
        "reason": note,
    }


def estimate_dataset(
    ds: Dataset,
    *,
    label: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the content of `estimate.json`: each modality alone, each pair, and the accuracy within reach.

    Args:
        ds: a dataset; its groups, where it has any, are the unit of folds and resamples.
        label: label column; None for the main one.
        options: those of `clusters.Options`, and `method`, `n_boot`, `label_bins` (of a regression label).
        seed: of everything drawn.
        progress: called as `progress(done, total, what)` after each part.

    Raises:
        InputError: for an unknown option, method or label column.
        What concerns the data (multilabel, no label, text, too few rows) refuses the parts concerned instead.

    Example:
        >>> from mmcore.data import from_arrays
        >>> generator = np.random.default_rng(0)
        >>> a, b = generator.integers(0, 2, (2, 400))
        >>> ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, name="xor", seed=0)
        >>> pair = estimate_dataset(ds, options={"n_boot": 20}, seed=0)["pairs"][0]
        >>> pair["first"], pair["second"], pair["raw"]["synergy"] > 0.98
        ('a', 'b', True)
    """
    settings, own = _read_options(options or {})
    spec = ds.spec.label(label)  # an unknown column is the caller's mistake and raises
    target = _caught(read_target, ds, label, own["label_bins"])
    sources = {name: _caught(read_source, ds, name) for name in ds.modalities}
    what: list[tuple[str, ...]] = [(name,) for name in ds.modalities]
    what += itertools.combinations(ds.modalities, 2)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for names in what:
        problems = [part for part in (target, *(sources[name] for name in names)) if isinstance(part, Exception)]
        if problems:
            found[names] = _refused(problems[0])
        else:
            plan = _Plan(target, ds.groups, settings, own["n_boot"], seed)
            found[names] = _attempt(plan, [sources[name] for name in names])
        if progress is not None:
            progress(len(found), len(what), " and ".join(names))
    known = None if isinstance(target, Exception) else target.known
    return {
        **_heading(ds, settings, own, seed),
        "label": _label(spec.column, spec.task, list(spec.classes or ()), target),
        "features": {name: s.summary for name, s in sources.items() if isinstance(s, Source)},
        "rows": {
            "n_total": len(ds),
            "n_labelled": None if known is None else int(known.sum()),
            "n_groups": None if known is None or ds.groups is None else len(np.unique(ds.groups[known])),
        },
        "information": [{**_NO_VALUE, **found[names], "modalities": list(names)} for names in what if len(names) == 1],
        "pairs": [
            {**_NO_PAIR, **found[names], "first": names[0], "second": names[1], "truth": _truth(ds, *names)}
            for names in what
            if len(names) == 2
        ],
        "reach": [_reach(target, list(names), found[names]) for names in what],
    }


def _caught(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function` returns, or the refusal it raises as a value."""
    try:
        return function(*arguments)
    except (InputError, NotBuiltYetError) as error:
        return error


def _attempt(plan: _Plan, sources: list[Source]) -> dict[str, Any]:
    try:
        return _alone(plan, sources[0]) if len(sources) == 1 else _pair(plan, sources[0], sources[1])
    except (InputError, NotCertified) as error:
        return _refused(error)


def _label(column: str, task: str, classes: list[str], target: Target | Exception) -> dict[str, Any]:
    if isinstance(target, Exception):
        return {"column": column, "task": task, "classes": classes, "entropy": None, "bin_edges": None}
    edges = None if target.bin_edges is None else list(target.bin_edges)
    return {
        "column": column,
        "task": task,
        "classes": list(target.classes),
        "entropy": target.entropy,
        "bin_edges": edges,
    }


def _heading(ds: Dataset, options: Options, own: Mapping[str, Any], seed: int) -> dict[str, Any]:
    return {
        "dataset": ds.spec.name,
        "unit": "bits",
        "estimator": {
            "method": own["method"],
            "discretiser": options.discretiser,
            "solver": options.solver,
            "n_boot": own["n_boot"],
            "level": options.level,
            "seed": seed,
            "n_folds": options.n_folds,
            "grouped": ds.groups is not None,
            "interval": INTERVAL if own["n_boot"] else "none",
        },
    }
