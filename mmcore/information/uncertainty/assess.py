"""One table of counts assessed: corrected atoms, intervals, nulls, and how all of it came about.

    counts -> resamples of N and of N/4 units, permutations of labels -> bias, kink, interval, p

The order of the parts is fixed here; what each is and where it comes from stands in its module. Every part draws from a
stream of its own, so that asking for one leaves the others as they were.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS, PID
from mmcore.information.resampling import check_draws
from mmcore.information.uncertainty.bias_aware import (
    INTERVALS,
    bias_aware,
    downwards,
    kink_bias,
    second_order_end,
    smooth_bias,
    spread_factor,
    subsampling,
)
from mmcore.information.uncertainty.correction import (
    CORRECTIONS,
    bootstrap_bias,
    extrapolation_bias,
    matched_rule,
)
from mmcore.information.uncertainty.nulls import SYNERGY, p_value, redundant_null
from mmcore.information.uncertainty.resampled import (
    bootstrap,
    group_tables,
    permuted,
    permuted_given,
    subsample,
    units,
)

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_DRAWS = 100  # for a correction that was asked for without resamples, and for the shuffles of the default one
_QUARTER, _SIXTEENTH = 4, 16
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What is known of the error of four atoms.

    Attributes:
        corrected: atom -> value less its bias, or None where neither resamples nor a correction were asked for.
        interval: atom -> (low, high), or None without resamples.
        null: atom -> values under permuted labels, or None; for synergy under the least favourable of the nulls.
        draws: (n_boot, 4) resampled atoms, moved so that their mean is the raw atoms plus the bias taken off, and
            widened as the intervals are: sums over the atoms of a draw are resampled sums.
        diagnostics: counts of draws, the bias, the kink, p-values, the null without synergy.
    """

    corrected: dict[str, float] | None
    interval: dict[str, tuple[float, float]] | None
    null: dict[str, tuple[float, ...]] | None
    draws: Float
    diagnostics: dict[str, Any]


class _Solver:
    """Atoms of many tables; counts what could not be certified and keeps the widest gap."""

    def __init__(self, shape: tuple[int, int, int], tol: float) -> None:
        self.shape, self.tol = shape, tol
        self.failed, self.gap = 0, 0.0

    def __call__(self, tables: Float) -> Float:
        from mmcore.information.pid import atoms_many  # pid builds on this package

        values, gaps = atoms_many(tables.reshape(-1, *self.shape), tol=self.tol)
        certified = gaps <= self.tol
        self.failed += int((~certified).sum())
        if certified.any():
            self.gap = max(self.gap, float(gaps[certified].max()))
        return values[certified]


@dataclasses.dataclass(frozen=True)
class _Sample:
    """The table and how it is solved."""

    raw: Float
    counts: Float
    tables: Float
    shape: tuple[int, int, int]
    solver: _Solver
    seed: int

    @property
    def n_units(self) -> int:
        """Number of independent rows or groups."""
        return units(self.tables)

    def spread(self, level: float) -> float:
        """Return what the spread of resamples is multiplied with."""
        return spread_factor(self.n_units, int((self.counts > 0).sum()), len(self.tables) > 1, level)


def check_names(correction: str | None, interval: str) -> None:
    """Raise InputError for an unknown correction or interval.

    Example:
        >>> check_names("matched", "bias_aware")
    """
    if correction is not None and correction not in CORRECTIONS:
        raise unknown_name("correction", correction, CORRECTIONS)
    if interval not in INTERVALS:
        raise unknown_name("interval", interval, INTERVALS)


def _enough(values: Float, n_draws: int, name: str) -> Float:
    if len(values) < 2:
        received = f"{len(values)} of {n_draws} resamples that could be certified"
        raise InputError(name, received, "at least 2", "Draw more, or raise tol.")
    return values


def _shuffled_bias(sample: _Sample, n_draws: int) -> Float:
    """Return the mean atoms under labels permuted over all rows: bias is of the table, whoever the rows belong to."""
    drawn = permuted(sample.counts[None], sample.shape[2], n_draws, seed=sample.seed, name="shuffle correction")
    return np.asarray(_enough(sample.solver(drawn), n_draws, "correction").mean(axis=0))


def _rule(sample: _Sample, name: str, whole: Float | None, n_draws: int) -> tuple[Float, Float]:
    """Return (A, rest): the bias is A @ the bootstrap's plus `rest`."""
    nothing, none_of_it = np.zeros(len(ATOMS)), np.zeros((len(ATOMS), len(ATOMS)))
    if name == "none":
        return none_of_it, nothing
    if name == "bootstrap":
        return np.eye(len(ATOMS)), nothing
    if name == "extrapolation":
        return none_of_it, extrapolation_bias(sample.solver, sample.tables, sample.raw, n_draws, seed=sample.seed)
    shuffled = _shuffled_bias(sample, n_draws)
    if name == "shuffle" or whole is None:
        return none_of_it, shuffled
    shuffled[SYNERGY] = _synergy_without(sample, shuffled[SYNERGY], n_draws)
    return matched_rule(sample.raw, whole, shuffled)


def _synergy_without(sample: _Sample, otherwise: float, n_draws: int) -> float:
    """Return the mean synergy of tables that have none but keep what the stronger source tells: all of it is bias.

    Labels are exchanged within the symbols of the stronger source, so that p(x,y) of it stays and the other source adds
    nothing: the union is I of the stronger one, the synergy zero. Labels that it nearly decides leave little room for
    bias, which a permutation of all labels would not see.
    """
    strong = 0 if sample.raw[1] >= sample.raw[2] else 1  # U1 - U2 = I1 - I2
    drawn = permuted_given(
        sample.counts[None],
        sample.shape,
        strong,
        n_draws,
        seed=sample.seed,
        name="correction given the stronger source",
    )
    if drawn is None:
        return otherwise
    return float(_enough(sample.solver(drawn), n_draws, "correction")[:, SYNERGY].mean())


def _resampled(sample: _Sample, size: int, n_draws: int, name: str) -> tuple[Float, Float]:
    """Return the atoms (n, 4) of resamples of `size` units, and their bias (4,)."""
    drawn = bootstrap(sample.tables, size, n_draws, seed=sample.seed, name=name)
    values = _enough(sample.solver(drawn), n_draws, "n_boot")
    return values, bootstrap_bias(sample.solver, drawn, values)


def _intervals(
    sample: _Sample, kind: str, values: Float, whole: Float, rule: tuple[Float, Float], level: float
) -> tuple[Float, dict[str, Any]]:
    n_boot, spread = len(values), sample.spread(level)
    size = max(2, round(sample.n_units / _QUARTER))
    ratio = sample.n_units / size
    plain = rule[0] @ whole + rule[1]
    smooth = rule[0] @ smooth_bias(whole) + rule[1]
    slack = sample.solver.gap + _ROUNDING
    if kind == "subsampling":
        drawn = sample.solver(subsample(sample.tables, size, n_boot, seed=sample.seed))
        _enough(drawn, n_boot, "n_boot")
        ends = subsampling(sample.raw, drawn, smooth, ratio, level=level, spread=spread, slack=slack)
        return ends, {"interval_method": kind, "spread_factor": spread}
    _, quarter = _resampled(sample, size, n_boot, "bootstrap of a quarter")
    kink = kink_bias(whole, quarter, ratio)
    top = _top(sample, values, n_boot, level)
    ends = bias_aware(sample.raw, values, smooth, plain, kink, level=level, spread=spread, slack=slack, top=top)
    second_order = [name for name, end in zip(ATOMS, top.tolist()) if end < np.inf]
    return ends, {
        "interval_method": kind,
        "kink_bias": kink,
        "spread_factor": spread,
        "second_order": second_order,
    }


def _top(sample: _Sample, values: Float, n_boot: int, level: float) -> Float:
    """Return the upper ends of atoms at their largest, infinity for all where none can be or units are few."""
    size = sample.n_units // _SIXTEENTH
    if size < _SIXTEENTH or not downwards(sample.raw, values).any():
        return np.full(len(ATOMS), np.inf)
    drawn = bootstrap(sample.tables, size, n_boot, seed=sample.seed, name="bootstrap of a sixteenth")
    far = _enough(sample.solver(drawn), n_boot, "n_boot")
    return second_order_end(sample.raw, values, far, sample.n_units / size, level)


def _nulls(sample: _Sample, n_null: int) -> tuple[dict[str, tuple[float, ...]], dict[str, Any]]:
    """Return the values of the nulls and the p-values; for synergy those of the null with the largest p."""
    drawn = permuted(sample.tables, sample.shape[2], n_null, seed=sample.seed)
    values = _enough(sample.solver(drawn), n_null, "n_null")
    slack = sample.solver.gap + _ROUNDING
    p = {name: p_value(sample.raw[k], values[:, k], slack) for k, name in enumerate(ATOMS)}
    null = {name: tuple(values[:, k].tolist()) for k, name in enumerate(ATOMS)}
    record: dict[str, Any] = {
        "p_values": p,
        "synergy_null": "permutation",
        "synergy_p_permutation": p["synergy"],
        "synergy_p_redundant": None,
        "permutation_null": list(null["synergy"]),
        "redundant_null": None,
    }
    found = redundant_null(
        sample.solver, sample.tables, sample.shape, sample.raw[SYNERGY], n_null, tolerance=slack, seed=sample.seed
    )
    if found is not None:
        redundant, synergy, name = found
        record.update(synergy_p_redundant=redundant, redundant_null=synergy.tolist())
        if redundant > p["synergy"]:
            p["synergy"], null["synergy"], record["synergy_null"] = redundant, tuple(synergy.tolist()), name
    return null, record


def assess(
    pid: PID,
    cells: Codes,
    shape: tuple[int, int, int],
    groups: Codes | None = None,
    *,
    n_boot: int = 0,
    n_null: int = 0,
    level: float = 0.95,
    correction: str | None = None,
    interval: str = "bias_aware",
    tol: float = 1e-6,
    seed: int = 0,
) -> Assessment:
    """Return what is known of the error of the atoms of a table of counts.

    Args:
        pid: the decomposition of the table.
        cells: (N,) cell of each row, `(symbol1 * n2 + symbol2) * n_labels + label`.
        shape: (n1, n2, |Y|).
        groups: group of each row as codes 0..G-1, or None.
        n_boot: resamples; n_null: permutations, of all labels and within the symbols of either source.
        level: nominal coverage.
        correction: a name of CORRECTIONS; None takes "matched" with resamples and corrects nothing without. A name is
            followed also where n_boot is 0.
        interval: a name of INTERVALS.
        tol: certified width of the resamples, bits.
        seed: of everything drawn.

    Raises:
        InputError: for fewer than two groups, unknown names, or where fewer than two resamples could be certified.

    Example:
        >>> from mmcore.information.pid import decompose
        >>> cells = np.array([0, 3, 5, 6] * 50)     # exclusive or
        >>> table = np.bincount(cells, minlength=8).reshape(2, 2, 2) / 200
        >>> found = assess(decompose(table), cells, (2, 2, 2), n_boot=50)
        >>> round(found.corrected["synergy"], 1), found.interval["redundancy"][0] <= 0.0
        (1.0, True)
    """
    check_names(correction, interval)
    check_draws(seed, n_boot, n_null)
    tables = group_tables(cells, int(np.prod(shape)), groups if n_boot or n_null or correction else None)
    raw = np.array([getattr(pid, name) for name in ATOMS])
    sample = _Sample(raw, tables.sum(axis=0), tables, shape, _Solver(shape, tol), seed)
    name = correction or ("matched" if n_boot else None)
    values, whole, draws = np.zeros((0, len(ATOMS))), None, np.zeros((0, len(ATOMS)))
    if n_boot or name in ("matched", "bootstrap"):
        values, whole = _resampled(sample, sample.n_units, n_boot or _DRAWS, "bootstrap")
    fixed: dict[str, Any] = {"n_boot": n_boot, "n_null": n_null, "level": level, "correction": name}
    better = ends = null = None
    if name is not None:
        rule = _rule(sample, name, whole, max(2, min(n_boot or _DRAWS, _DRAWS)))
        bias = rule[1] if whole is None else rule[0] @ whole + rule[1]
        better = dict(zip(ATOMS, (raw - bias).tolist()))
        fixed["bias"] = dict(zip(ATOMS, bias.tolist()))
        if n_boot and whole is not None:
            found, record = _intervals(sample, interval, values, whole, rule, level)
            ends = {atom: (low, high) for atom, (low, high) in zip(ATOMS, found.tolist())}
            fixed.update(record)
            draws = raw + bias + sample.spread(level) * (values - values.mean(axis=0))
    fixed["n_resamples_failed"] = sample.solver.failed
    if n_null:
        null, record = _nulls(sample, n_null)
        fixed.update(record)
    fixed["n_permutations_failed"] = sample.solver.failed - fixed["n_resamples_failed"]
    return Assessment(better, ends, null, draws, fixed)
