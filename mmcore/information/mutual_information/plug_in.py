"""Mutual information of two variables of symbols, from counts, with a named correction of its bias.

    I(X;Y) = sum p(x,y) log2 [ p(x,y) / (p(x) p(y)) ],    p = counts / N,    less the bias by `correction`

References: see `corrections`. The interval is the hull of the percentile and the reflected bootstrap interval (Efron
and Tibshirani 1993, chapter 13): a bootstrap repeats the bias of a plug-in, so that either alone misses. Rows are taken
as independent: rows that belong together (one person, one film) make the interval and the null too narrow.
Nothing is clipped: a corrected value may be negative, and then says that nothing was found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, counted, unknown_name
from mmcore.information.mutual_information.corrections import CORRECTIONS, permuted
from mmcore.information.mutual_information.result import MutualInformation
from mmcore.information.resampling import check_draws
from mmcore.information.samples import as_array, check_number, codes
from mmcore.seeds import stream

Counts = NDArray[np.int64]


def plug_in(
    x: Any,
    y: Any,
    *,
    correction: str = "miller_madow",
    n_boot: int = 0,
    n_null: int = 0,
    n_draws: int = 50,
    level: float = 0.95,
    seed: int = 0,
) -> MutualInformation:
    """Return I(X;Y) of two columns of symbols, in bits.

    Args:
        x: (N,) symbols: integers, names, booleans; or (N, d) integers, each distinct row a symbol.
        y: the same, N rows.
        correction: a key of `corrections.CORRECTIONS`.
        n_boot: bootstrap resamples for the interval; 0 leaves it out.
        n_null: permutations for `diagnostics["p_value"]` and `["null_mean"]` (of the plug-in value); 0 for none.
        n_draws: permutations of "shuffle", partitions of "quadratic_extrapolation".
        level: nominal coverage of the interval.
        seed: of all draws.

    Returns:
        A MutualInformation of kind "estimate".

    Raises:
        InputError: for lengths that differ, missing values, numbers that are no symbols, too few rows, or an unknown
            correction.

    Example:
        >>> plug_in([0, 0, 1, 1] * 50, ["no", "no", "yes", "yes"] * 50, correction="none")
        MutualInformation(1.0000 bits; estimate by plug_in, none; estimated)
    """
    if str(correction) not in CORRECTIONS:
        raise unknown_name("correction", str(correction), CORRECTIONS)
    chosen = CORRECTIONS[correction]
    counts = count_table(x, y)
    n_rows = int(counts.sum())
    if n_rows < chosen.minimum_rows:
        raise InputError(
            "x", counted(n_rows, "row"), f"at least {chosen.minimum_rows} for '{correction}'", "Collect more."
        )
    check_number("level", level, 0.0, 1.0, "Pass for example level=0.95.")
    check_draws(seed, n_boot, n_null)
    check_draws(0, 0, n_draws, names=("n_boot", "n_draws"))
    value = chosen.value(counts, stream(seed, "mutual information", correction), n_draws)
    diagnostics: dict[str, Any] = {
        "rows": n_rows,
        "symbols": list(counts.shape),
        "cells_seen": int((counts > 0).sum()),
        "plug_in": CORRECTIONS["none"].value(counts, stream(seed), 0),
        "reference": chosen.reference,
    }
    interval = None
    if n_boot:
        drawn = [chosen.value(table, generator, n_draws) for table, generator in _resampled(counts, n_boot, seed)]
        interval = _hull(value, np.array(drawn), level)
    if n_null:
        null = permuted(counts, stream(seed, "mutual information", "null"), n_null)
        diagnostics["null_mean"] = float(null.mean())
        # a tie counts as at least as large; the tolerance is for sums in another order
        diagnostics["p_value"] = (1 + int((null >= diagnostics["plug_in"] - 1e-12).sum())) / (n_null + 1)
    return MutualInformation(value, f"plug_in, {correction}", interval=interval, seed=seed, diagnostics=diagnostics)


def count_table(x: Any, y: Any) -> Counts:
    """Return how often each pair of symbols occurs, (|X|, |Y|), symbols in sorted order.

    Raises:
        InputError: see `plug_in`.

    Example:
        >>> count_table(["a", "b", "a"], [1, 1, 2]).tolist()
        [[1, 1], [1, 0]]
    """
    first, n_first = _symbols(x, "x", None)
    second, n_second = _symbols(y, "y", len(first))
    cells = np.bincount(first * n_second + second, minlength=n_first * n_second)
    return cells.reshape(n_first, n_second).astype(np.int64)


def _symbols(values: Any, argument: str, n_rows: int | None) -> tuple[Counts, int]:
    array = as_array(values, argument)
    if array.ndim == 0 or len(array) == 0:
        raise InputError(argument, "no rows", "one symbol a row, shape (N,)", "Pass an array with one row a sample.")
    if array.dtype.kind == "f":
        infinite = np.isinf(array)
        if infinite.any():
            received = f"{int(infinite.sum())} infinite, the first at {int(infinite.argmax())}"
            raise InputError(argument, received, "finite symbols", "Leave those rows out.")
        finite = array[np.isfinite(array)]
        if (finite != np.rint(finite)).any():
            remedy = "Cut it into bins first, or use mutual_information.neighbours."
            raise InputError(argument, "continuous numbers", "symbols: integers, names or booleans", remedy)
    if array.ndim == 2:
        array = np.unique(array, axis=0, return_inverse=True)[1].reshape(-1)
    if n_rows is not None and len(array) != n_rows:
        raise InputError(argument, counted(len(array), "row"), f"{n_rows} rows, as x has", "Align the rows first.")
    return codes(array, argument, len(array))


def _resampled(counts: Counts, n_boot: int, seed: int) -> Any:
    generator = stream(seed, "mutual information", "bootstrap")
    total = int(counts.sum())
    for _ in range(n_boot):
        drawn = generator.multinomial(total, counts.ravel() / total).reshape(counts.shape)
        # symbols that were not drawn would count as symbols that could occur
        yield drawn[drawn.sum(axis=1) > 0][:, drawn.sum(axis=0) > 0].astype(np.int64), generator


def _hull(value: float, draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], method="weibull")
    return float(min(low, 2.0 * value - high)), float(max(high, 2.0 * value - low))
