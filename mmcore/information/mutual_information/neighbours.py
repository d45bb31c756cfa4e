"""Mutual information of numbers (or of labels and numbers) from the distances between nearest neighbours.

    I(X;Y) = psi(k) + psi(N) - < psi(n_x + 1) + psi(n_y + 1) >        and its variants, see `nearest`

References: Kraskov et al. (2004), Ross (2014), Gao et al. (2017); Holmes and Nemenman (2019), PRE 100:022404 for error
bars from subsamples; Politis and Romano (1994), Annals of Statistics 22:2031.

Columns are standardised by default: mutual information does not change with a column's unit, while distances do.
"ranks" goes further (invariant under any increasing map of a column), "none" takes distances as they are.

Assumes independent rows and few dimensions: beyond about ten the estimate falls far short (the neighbours are no longer
near), and above log N nothing can be seen. Never resample with replacement here: repeated rows are neighbours at
distance zero, and the estimate explodes. The interval therefore comes from halves drawn without replacement, whose
spread about their mean is that of the whole sample; it shows noise, not the bias of too few rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.information.entropy import LN2
from mmcore.information.mutual_information.nearest import VARIANTS, Variant
from mmcore.information.mutual_information.result import MutualInformation
from mmcore.information.resampling import check_draws
from mmcore.information.samples import as_array, check_number, codes, features
from mmcore.seeds import stream

Float = NDArray[np.float64]
SCALES = ("standardise", "ranks", "none")


def _columns(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays with one row a sample, as many rows each."""
    x, y = as_array(x, "x"), as_array(y, "y")
    if x.ndim == 0 or len(x) == 0:
        received = "a scalar" if x.ndim == 0 else "no rows"
        raise InputError("x", received, "one value or vector a row", "Pass an array with one row a sample.")
    if y.ndim == 0 or len(x) != len(y):
        raise InputError("y", f"shape {y.shape}", f"as many rows as x, shape {x.shape}", "Align the rows first.")
    return x, y


def neighbours(
    x: Any,
    y: Any,
    *,
    k: int = 3,
    variant: str = "auto",
    scale: str = "standardise",
    n_subsamples: int = 0,
    n_null: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> MutualInformation:
    """Return I(X;Y) in bits by k nearest neighbours.

    Args:
        x: (N,) or (N, d1) numbers, or (N,) labels.
        y: (N,) or (N, d2) numbers, or (N,) labels.
        k: neighbour whose distance sets the scale; larger means less noise and more bias.
        variant: "ksg1", "ksg2" (both continuous), "ross" (one of them labels), "mixed" (anything, ties included); or
            "auto": ross where one is a column of names, integers or booleans, mixed where a column repeats a number,
            else ksg1.
        scale: "standardise", "ranks" or "none", of the columns of numbers.
        n_subsamples: halves drawn without replacement for the interval; 0 leaves it out.
        n_null: permutations of the rows of y for `diagnostics["p_value"]` and `["null_mean"]`; 0 for none.
        level: nominal coverage of the interval.
        seed: of the subsamples and permutations; the value itself draws nothing.

    Returns:
        A MutualInformation of kind "estimate".

    Raises:
        InputError: for lengths that differ, non-finite or constant input, too few rows for k, repeats where the
            variant takes none, two columns of labels, or an unknown name.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x, noise = generator.standard_normal((2, 2000))
        >>> abs(neighbours(x, 0.6 * x + 0.8 * noise).value - 0.322) < 0.05  # -1/2 log2(1 - 0.36) = 0.322
        True
    """
    if str(variant) not in {"auto", *VARIANTS}:
        raise unknown_name("variant", str(variant), ("auto", *VARIANTS))
    if scale not in SCALES:
        raise unknown_name("scale", str(scale), SCALES)
    check_number("level", level, 0.0, 1.0, "Pass for example level=0.95.")
    check_draws(seed, n_subsamples, n_null, names=("n_subsamples", "n_null"))
    x, y = _columns(x, y)
    chosen = VARIANTS[_automatic(x, y) if variant == "auto" else variant]
    first, second = _prepared(x, y, chosen, scale)
    n_rows = len(first)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1 or n_rows <= (2 * k if n_subsamples else k):
        raise InputError("k", f"{k} for {n_rows} rows", "an integer from 1, below the rows drawn", "Lower k.")
    value = chosen.value(first, second, k) / LN2
    diagnostics: dict[str, Any] = {"rows": n_rows, "k": int(k), "scale": scale, "reference": chosen.reference}
    interval = None
    if n_subsamples:
        interval = _halves_interval(value, first, second, k, chosen, n_subsamples, level, seed)
    if n_null:
        generator = stream(seed, "mutual information", "neighbours", "null")
        null = [chosen.value(first, second[generator.permutation(n_rows)], k) / LN2 for _ in range(n_null)]
        diagnostics["null_mean"] = float(np.mean(null))
        diagnostics["p_value"] = (1 + int((np.array(null) >= value).sum())) / (n_null + 1)
    method = f"neighbours, {chosen.name}"
    return MutualInformation(value, method, interval=interval, seed=seed, diagnostics=diagnostics)


def _is_labels(values: NDArray[Any]) -> bool:
    return values.ndim == 1 and values.dtype.kind in "biuUSTO"


def _automatic(x: NDArray[Any], y: NDArray[Any]) -> str:
    if _is_labels(x) or _is_labels(y):
        return "ross"
    for values in (x, y):
        if any(len(np.unique(column)) < len(column) for column in values.reshape(len(values), -1).T):
            return "mixed"
    return "ksg1"


def _prepared(x: NDArray[Any], y: NDArray[Any], chosen: Variant, scale: str) -> tuple[Any, Float]:
    """Return both variables as the formula takes them; ross has its labels first, whichever side they came from."""
    if not chosen.labels:
        return _scaled(features(x, "x"), scale), _scaled(features(y, "y"), scale)
    if _is_labels(x) and _is_labels(y):
        raise InputError("x, y", "two columns of labels", "one of labels, one of numbers", "Use plug_in for symbols.")
    if not (_is_labels(x) or _is_labels(y)):
        allowed = "one column of names, integers or booleans"
        raise InputError("x, y", "numbers on both sides", allowed, "Turn the labels into integers, or use 'mixed'.")
    labels, numbers, side = (x, y, "y") if _is_labels(x) else (y, x, "x")
    other = "x" if side == "y" else "y"
    member, n_classes = codes(labels, other, len(labels))
    if n_classes < 2:
        raise InputError(
            other, "one class", "at least two classes", "There is nothing to tell apart: check the labels."
        )
    return member, _scaled(features(numbers, side), scale)


def _scaled(matrix: Float, scale: str) -> Float:
    if scale == "none":
        return matrix
    if scale == "ranks":
        from scipy.stats import rankdata

        return np.asarray(rankdata(matrix, axis=0) / len(matrix))
    spread = matrix.std(axis=0)
    # a constant column adds nothing to any distance, whatever it is divided by
    return np.asarray((matrix - matrix.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0))


def _halves_interval(
    value: float, first: Any, second: Float, k: int, chosen: Variant, n_subsamples: int, level: float, seed: int
) -> tuple[float, float]:
    """Return the interval whose width is the spread of halves: for b = N/2 drawn without replacement, that spread is
    sqrt(N/b - 1) = 1 times that of the whole sample.
    """
    generator = stream(seed, "mutual information", "neighbours", "subsamples")
    n_rows, size = len(first), len(first) // 2
    drawn = []
    for _ in range(n_subsamples):
        rows = np.sort(generator.choice(n_rows, size, replace=False))
        drawn.append(chosen.value(first[rows], second[rows], k) / LN2)
    deviation = (np.array(drawn) - np.mean(drawn)) / np.sqrt(n_rows / size - 1.0)
    low, high = np.quantile(deviation, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], method="weibull")
    return float(value - high), float(value - low)
