"""Every pair of modalities of a dataset, and each against all others: atoms, intervals, and the accuracy within reach.

The content of `estimate.json`, as plain values. Each part uses the rows that are labelled and have its modalities. A
part that cannot be estimated is refused with its reason and the rest goes on. Features are read piece by piece: what
stands in memory is one symbol a row and modality. The accuracy bounds speak of classifiers that see the symbols only;
features may hold more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mmcore.data import Dataset
from mmcore.errors import InputError, NotBuiltYetError
from mmcore.information.atoms import ATOMS, NotCertified
from mmcore.information.bounds import accuracy
from mmcore.information.entries import alone, refused, together
from mmcore.information.plan import EstimateOptions, Plan, allowed_rows, read_options
from mmcore.information.sources import Source, Target, join, read_source, read_target

Progress = Callable[[int, int, str], None]
Part = tuple[str, tuple[str, ...]]

INTERVALS = {
    "bias_aware": "bias-aware bootstrap interval, clusters held fixed",
    "subsampling": "interval from subsamples of a quarter of the rows, clusters held fixed",
}
_NO_VALUE: dict[str, Any] = {"value": None, "interval": None}
_NO_PAIR: dict[str, Any] = dict.fromkeys(
    ("n_rows", "n_groups", "clusters", "raw", "corrected", "interval", "draws", "null", "p_values", "information",
     "bounds", "others", "diagnostics")
)  # fmt: skip


def _truth(ds: Dataset, first: str, second: str) -> dict[str, float] | None:
    """Return the annotated atoms of the pair, unique ones exchanged where it is annotated the other way round."""
    for entry in ds.spec.annotations.get("truth") or ():
        if (entry["first"], entry["second"]) == (first, second):
            return {name: float(entry[name]) for name in ATOMS}
        if (entry["first"], entry["second"]) == (second, first):
            swapped = {**entry, "unique1": entry["unique2"], "unique2": entry["unique1"]}
            return {name: float(swapped[name]) for name in ATOMS}
    return None


def _reach(target: Target | Exception, modalities: list[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what accuracy the information allows: the lower form at the interval's low end, the upper at its high."""
    if isinstance(target, Exception) or found["status"] != "estimated":
        empty = dict.fromkeys(("information", "lower", "upper"))
        return {"modalities": modalities, **empty, "status": "refused", "reason": found["reason"]}
    value = found["information"]["both"] if len(modalities) == 2 else found
    if value["interval"] is None:
        reason = "no interval of the information was drawn, and bounds at one value would be too sure of it"
        empty = {"information": value["value"], "lower": None, "upper": None}
        return {"modalities": modalities, **empty, "status": "refused", "reason": reason}
    low, high = value["interval"]
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


def _parts(modalities: Sequence[str]) -> list[Part]:
    """Return (kind, names) of everything that is estimated, in order."""
    parts: list[Part] = [("alone", (name,)) for name in modalities]
    parts += [("pair", names) for names in itertools.combinations(modalities, 2)]
    if len(modalities) > 2:
        parts += [("rest", (name, *(other for other in modalities if other != name))) for name in modalities]
    return parts


def _estimated(
    plan: Plan, sources: Mapping[str, Any], parts: Sequence[Part], progress: Progress | None
) -> dict[Part, dict[str, Any]]:
    """Return what was found for each part, or why it was refused."""
    found: dict[Part, dict[str, Any]] = {}
    for kind, names in parts:
        wanted = [sources[name] for name in names]
        problems = [part for part in (plan.target, *wanted) if isinstance(part, Exception)]
        found[kind, names] = refused(problems[0]) if problems else _attempt(plan, kind, wanted)
        if progress is not None:
            progress(len(found), len(parts), " and ".join(names) if kind != "rest" else f"{names[0]} and all others")
    return found


def _attempt(plan: Plan, kind: str, sources: Sequence[Source]) -> dict[str, Any]:
    try:
        if kind == "alone":
            return alone(plan, sources[0])
        second = (
            sources[1] if kind == "pair" else join(sources[1:], " and ".join(source.name for source in sources[1:]))
        )
        return together(plan, sources[0], second)
    except (InputError, NotCertified) as error:
        return refused(error)


def _caught(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function` returns, or the refusal it raises as a value."""
    try:
        return function(*arguments)
    except (InputError, NotBuiltYetError) as error:
        return error


def estimate_dataset(
    ds: Dataset,
    *,
    label: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the content of `estimate.json`: each modality alone, each pair, each against the rest, accuracy in reach.

    Args:
        ds: a dataset; its groups, where it has any, are the unit of folds and resamples.
        label: label column; None for the main one.
        options: those of `plan.EstimateOptions` and `clusters.Options`.
        seed: of everything drawn.
        progress: called as `progress(done, total, what)` after each part.

    Raises:
        InputError: for an unknown option, method or label column, or "heldout" rows where there are none.
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
    settings = read_options(options or {})
    spec = ds.spec.label(label)  # an unknown column is the caller's mistake and raises
    allowed = allowed_rows(ds, settings.rows)
    target = _caught(read_target, ds, label, settings.label_bins)
    sources = {name: _caught(read_source, ds, name) for name in ds.modalities}
    parts = _parts(ds.modalities)
    found = _estimated(Plan(target, ds.groups, settings, seed, allowed), sources, parts, progress)
    return {
        **_heading(ds, settings, seed),
        "label": _label(spec.column, spec.task, list(spec.classes or ()), target),
        "features": {name: s.summary for name, s in sources.items() if isinstance(s, Source)},
        "rows": _rows(ds, target, allowed),
        "information": [
            {**_NO_VALUE, **found[kind, names], "modalities": list(names)} for kind, names in parts if kind == "alone"
        ],
        "pairs": [
            {**_NO_PAIR, **found[kind, names], "first": names[0], "second": names[1], "truth": _truth(ds, *names)}
            for kind, names in parts
            if kind == "pair"
        ],
        "against_rest": [
            # nothing reads draws of these, and they are the most of an entry
            {**_NO_PAIR, **found[kind, names], "draws": None, "modality": names[0], "rest": list(names[1:])}
            for kind, names in parts
            if kind == "rest"
        ],
        "reach": [_reach(target, list(names), found[kind, names]) for kind, names in parts if kind != "rest"],
    }


def _rows(ds: Dataset, target: Target | Exception, allowed: Any) -> dict[str, Any]:
    known = None if isinstance(target, Exception) else target.known & allowed
    return {
        "n_total": len(ds),
        "n_labelled": None if known is None else int(known.sum()),
        "n_groups": None if known is None or ds.groups is None else len(np.unique(ds.groups[known])),
    }


def _label(column: str, task: str, classes: list[str], target: Target | Exception) -> dict[str, Any]:
    if isinstance(target, Exception):
        return {"column": column, "task": task, "classes": classes, "entropy": None, "bin_edges": None}
    return {
        "column": column,
        "task": task,
        "classes": list(target.classes),
        "entropy": target.entropy,
        "bin_edges": None if target.bin_edges is None else list(target.bin_edges),
    }


def _heading(ds: Dataset, options: EstimateOptions, seed: int) -> dict[str, Any]:
    clustered = options.method == "clusters"
    own = f"as '{options.method}' makes it, what it fitted held fixed"
    told = INTERVALS[options.clusters.interval] if clustered else own
    return {
        "dataset": ds.spec.name,
        "unit": "bits",
        "estimator": {
            "method": options.method,
            "compare": list(options.compare),
            "rows": options.rows,
            "discretiser": options.clusters.discretiser if clustered else None,
            "solver": options.clusters.solver,
            "tol": options.clusters.tol,
            "n_boot": options.n_boot,
            "n_null": options.n_null,
            "level": options.clusters.level,
            "seed": seed,
            "n_folds": options.clusters.n_folds,
            "grouped": ds.groups is not None,
            "interval": told if options.n_boot else "none",
            "correction": options.clusters.correction if clustered else f"as '{options.method}' makes it",
        },
    }
