"""The entries of `estimate.json`: one modality alone, two sources together, as plain values.

    I(X1;Y) = R + U1,   I(X2;Y) = R + U2,   I(X1,X2;Y) = R + U1 + U2 + S

Every sum is taken of the atoms' resamples too, so that an interval of a sum is one of its own draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information import bounds
from mmcore.information.atoms import ATOMS, PID, NotCertified
from mmcore.information.clusters import Clustered, check_rows, choose_clusters, estimate_cells
from mmcore.information.entropy import mutual_information_many
from mmcore.information.estimators import find_estimator
from mmcore.information.interval import corrected, interval, resampled_counts
from mmcore.information.plan import Plan
from mmcore.information.samples import TooFewRows
from mmcore.information.sources import Source
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

CHANCE_QUANTILE = 0.95
MOST_DRAWS = 200  # resamples of a pair that are written down: enough for what is read from them, small enough to read
DRAW_DECIMALS = 6  # they are certified to 1e-6 bit
SUMS = {"first": (1, 1, 0, 0), "second": (1, 0, 1, 0), "both": (1, 1, 1, 1)}
_KEPT = ("lossless", "n_folds", "n_resamples_failed", "n_permutations_failed")


def value_entry(raw: Float, draws: Float, level: float, *, correct: bool = True) -> dict[str, Any]:
    """Return one corrected value with its interval; the raw one and no interval where nothing was drawn."""
    if len(draws) == 0:
        return {"value": float(raw[0]), "raw": float(raw[0]), "interval": None}
    ends = interval(raw, draws, level)[0]
    value = corrected(raw, draws) if correct else raw
    return {"value": float(value[0]), "raw": float(raw[0]), "interval": ends.tolist()}


def alone(plan: Plan, source: Source) -> dict[str, Any]:
    """Return I(X;Y) of one modality with its interval."""
    rows = plan.rows([source])
    labels, n_classes = plan.labels(rows)
    options, seed = plan.options.clusters, stream_seed(plan.seed, "alone", source.name)
    k, _ = choose_clusters((plan.look(source, rows).count, 1), n_classes, len(rows), options)
    found = plan.encode(source, rows, k)
    check_rows(len(rows), (found.n_symbols, 1, n_classes), options)
    n_cells = found.n_symbols * n_classes
    cells = found.symbols * n_classes + labels
    counts = np.bincount(cells, minlength=n_cells) / len(cells)
    shape = (-1, found.n_symbols, n_classes)
    raw, draws = mutual_information_many(counts.reshape(shape)), np.zeros((0, 1))
    if plan.options.n_boot:
        tables = np.stack(
            list(resampled_counts(cells, n_cells, plan.group_codes(rows), plan.options.n_boot, seed=seed))
        )
        draws = mutual_information_many((tables / tables.sum(axis=1, keepdims=True)).reshape(shape))[:, None]
    entry = value_entry(raw, draws, options.level, correct=options.correction != "none")
    return {**entry, "status": "estimated", "reason": None, "n_rows": len(rows), "clusters": found.n_symbols}


def together(plan: Plan, first: Source, second: Source) -> dict[str, Any]:
    """Return the atoms of two sources, their chance levels, and what the pair tables alone would have told."""
    rows = plan.rows([first, second])
    labels, n_classes = plan.labels(rows)
    seed = stream_seed(plan.seed, "pair", first.name, second.name)
    if plan.options.method == "clusters":
        entry = _of_symbols(plan, first, second, rows, labels, n_classes, seed)
    else:
        entry = _of_features(plan, plan.options.method, first, second, rows, labels, seed)
    others = {name: _other(plan, name, first, second, rows, labels, seed) for name in plan.options.compare}
    return {**entry, "others": others}


def _of_symbols(
    plan: Plan, first: Source, second: Source, rows: Codes, labels: Codes, n_classes: int, seed: int
) -> dict[str, Any]:
    options, groups = plan.options.clusters, plan.group_codes(rows)
    distinct = (plan.look(first, rows).count, plan.look(second, rows).count)
    wanted = choose_clusters(distinct, n_classes, len(rows), options)
    one, two = (plan.encode(source, rows, k) for source, k in zip((first, second), wanted))
    shape = (one.n_symbols, two.n_symbols, n_classes)
    check_rows(len(rows), shape, options)
    record: dict[str, Any] = {
        "n_rows": len(rows),
        "n_groups": None if groups is None else int(groups.max()) + 1,
        "clusters": [one.n_symbols, two.n_symbols],
        "n_classes": n_classes,
        "lossless": [one.lossless, two.lossless],
        "n_folds": options.n_folds,
    }
    cells = (one.symbols * shape[1] + two.symbols) * n_classes + labels
    found = estimate_cells(
        cells,
        shape,
        groups,
        options=options,
        record=record,
        seed=seed,
        n_boot=plan.options.n_boot,
        n_null=plan.options.n_null,
    )
    table = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape) / len(cells)
    entry = _entry(found.pid, record["n_rows"], record["n_groups"], record["clusters"])
    return {**entry, "information": _information(found, options.level), "bounds": pair_bounds(table)}


def _of_features(
    plan: Plan, method: str, first: Source, second: Source, rows: Codes, labels: Codes, seed: int
) -> dict[str, Any]:
    """Return the entry of an estimator that wants the features themselves: they stand in memory for it."""
    groups, estimator = plan.group_codes(rows), find_estimator(method)
    shared = dataclasses.asdict(plan.options.clusters)
    # a linear estimator of numbers has no use for their bins
    numbers = plan.target.numbers if method == "gaussian" else None
    found = estimator.load()(
        first.take(rows),
        second.take(rows),
        labels if numbers is None else numbers[rows],
        groups=groups,
        seed=seed,
        n_boot=plan.options.n_boot,
        n_null=plan.options.n_null,
        **{name: shared[name] for name in estimator.takes},
    )
    information = {name: _sum(found, weights) for name, weights in SUMS.items()}
    entry = _entry(found, len(rows), None if groups is None else int(groups.max()) + 1, None)
    return {**entry, "information": information, "bounds": None}


def _sum(pid: PID, weights: tuple[int, ...]) -> dict[str, Any]:
    values = pid.corrected or pid.atoms
    total = sum(w * values[name] for name, w in zip(ATOMS, weights))
    return {"value": total, "raw": sum(w * pid.atoms[name] for name, w in zip(ATOMS, weights)), "interval": None}


def _entry(pid: PID, n_rows: int, n_groups: int | None, n_clusters: list[int] | None) -> dict[str, Any]:
    diagnostics = pid.diagnostics
    return {
        "status": "estimated",
        "reason": None,
        "n_rows": n_rows,
        "n_groups": n_groups,
        "clusters": n_clusters,
        "raw": pid.atoms,
        "corrected": None if pid.corrected is None else dict(pid.corrected),
        "interval": None if pid.interval is None else {name: list(ends) for name, ends in pid.interval.items()},
        "draws": None if pid.draws is None else draw_rows(pid.draws),
        "null": None if pid.null is None else chance_levels(pid),
        "p_values": diagnostics.get("p_values"),
        "diagnostics": {
            "status": diagnostics.get("solver_status"),
            "solver": pid.solver,
            "gap": pid.gap,
            "marginal_residual": diagnostics.get("marginal_residual"),
            "iterations": pid.iterations,
            **{name: diagnostics[name] for name in _KEPT if name in diagnostics},
        },
    }


def draw_rows(draws: Float) -> list[list[float]]:
    """Return the first `MOST_DRAWS` resamples (n, 4) as lists, bits to six decimals.

    Example:
        >>> draw_rows(np.array([[0.12345678, 0.0, -1e-9, 1.0]]))
        [[0.123457, 0.0, 0.0, 1.0]]
    """
    kept: list[list[float]] = (np.round(draws[:MOST_DRAWS], DRAW_DECIMALS) + 0.0).tolist()  # no minus zero
    return kept


def chance_levels(pid: PID) -> dict[str, float]:
    """Return for each atom the 95th percentile of its null, less the bias that was taken off the estimate.

    A corrected atom is above its level just where the raw one is above the percentile, so levels and p-values agree.
    """
    null: Mapping[str, Any] = pid.null or {}
    levels = {}
    for name in ATOMS:
        bias = 0.0 if pid.corrected is None else pid.atoms[name] - pid.corrected[name]
        values = np.asarray(null[name], dtype=np.float64)
        levels[name] = float(np.quantile(values, CHANCE_QUANTILE, method="higher")) - bias
    return levels


def _information(found: Clustered, level: float) -> dict[str, Any]:
    if len(found.draws) == 0:
        return {name: _sum(found.pid, weights) for name, weights in SUMS.items()}
    raw = np.array([getattr(found.pid, name) for name in ATOMS])
    sums = {name: np.array(weights, dtype=np.float64) for name, weights in SUMS.items()}
    return {name: value_entry(np.atleast_1d(raw @ w), (found.draws @ w)[:, None], level) for name, w in sums.items()}


def pair_bounds(table: Float) -> dict[str, Any]:
    """Return what the three pair tables of a joint table (n1, n2, |Y|) bound: synergy and the best accuracy, raw.

    Example:
        >>> joint = np.zeros((2, 2, 2))
        >>> joint[0, 0, 0] = joint[1, 1, 1] = 0.5
        >>> found = pair_bounds(joint)
        >>> round(found["synergy"]["upper"], 9), round(found["accuracy"]["lower"], 9)
        (0.0, 1.0)
    """
    synergy = bounds.synergy(table.sum(axis=1), table.sum(axis=0), table.sum(axis=2))
    kept = ("lower", "upper", "lower_redundancy", "lower_uniqueness")
    return {
        "synergy": {name: float(getattr(synergy, name)) for name in kept},
        "accuracy": bounds.performance_of(synergy).to_dict(),
    }


def _other(
    plan: Plan, method: str, first: Source, second: Source, rows: Codes, labels: Codes, seed: int
) -> dict[str, Any]:
    try:
        entry = _of_features(plan, method, first, second, rows, labels, seed)
    except (InputError, NotCertified) as error:
        return {"status": "refused", "reason": str(error)}
    values = entry["corrected"] or entry["raw"]
    kept = {name: entry[name] for name in ("status", "reason", "raw", "corrected", "interval", "null", "p_values")}
    return {**kept, "largest": max(ATOMS, key=lambda name: values[name])}


def refused(error: Exception) -> dict[str, Any]:
    """Return the entry of a part that cannot be estimated."""
    few = "too_few_rows" if isinstance(error, TooFewRows) else "other"
    return {"status": "refused", "reason": str(error), "kind": few}


def plain(options: Any) -> dict[str, Any]:
    """Return a dataclass of options as JSON values."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(options).items()}
