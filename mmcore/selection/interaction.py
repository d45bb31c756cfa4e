"""How much of a model's behaviour is interaction between modalities: Shapley interaction index as a share.

    phi_ij = sum_{A without i, j} |A|! (M - |A| - 2)! / (2 (M - 1)!) [v(A+i+j) - v(A+i) - v(A+j) + v(A)]
    phi_ii = phi_i - sum_{j != i} phi_ij,          phi_i the Shapley value,  sum_ij phi_ij = v(all) - v(none)
    share  = sum_rows sum_{i != j} |phi_ij| / sum_rows sum_ij |phi_ij|

v(A) is the model's output for one row (of the class that it predicts with everything present) with only A kept. Exact
for M modalities: all 2^M subsets are used; no labels are. References: Wenderoth, Hemker, Simidjievski and Jamnik 2025
(InterSHAP); Grabisch and Roubens 1999 for the index; Harsanyi 1963 for the dividends.

Additive outputs have share 0, an exclusive or of two bits 1, in the scale of the outputs: a model that adds logits is
additive in logits and not in probabilities (the paper's scale). Two facts to know. Pairs of players share an
interaction of three out, so an exclusive or of three bits has share 3/4; `dividend_share`, the same ratio over
Harsanyi's dividends m(A) = sum_{B in A} (-1)^{|A|-|B|} v(B) with |A| >= 2 above, is 1 there and equal for M = 2. And
the released code takes the ratio row by row, where a row without any effect has none; that mean is `row_share`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.evaluation.interval import Interval, check_level
from mmcore.explain.shapley import Subset, shapley_values
from mmcore.seeds import stream
from mmcore.selection.arguments import check_mapping, check_seed, check_whole, number, numbers, shown

Float = NDArray[np.float64]

_ROUNDING = 1e-12  # of the largest output: effects below it are rounding


@dataclasses.dataclass(frozen=True)
class ModelInteraction:
    """What of a model's behaviour its modalities do together.

    Attributes:
        model: its name.
        modalities: M names, the order of `effects`.
        share: InterSHAP in [0, 1] with its interval; None with a reason where no modality has any effect.
        dividend_share: the same over Harsanyi dividends, where interactions of three and more count whole.
        row_share: mean of the rows' own shares, as the released code has it; None where no row has an effect.
        effects: (M, M) mean over rows of |phi_ij|, in the unit of the outputs.
        n_rows, n_rows_without_effect: rows explained, and those of them on which nothing moves the output.
    """

    model: str
    modalities: tuple[str, ...]
    share: Interval
    dividend_share: Interval
    row_share: float | None
    effects: tuple[tuple[float, ...], ...]
    n_rows: int
    n_rows_without_effect: int

    def to_dict(self) -> dict[str, Any]:
        """Return the plain JSON values."""
        return {
            "model": self.model,
            "modalities": list(self.modalities),
            "share": self.share.to_dict(),
            "dividend_share": self.dividend_share.to_dict(),
            "row_share": self.row_share,
            "effects": [list(row) for row in self.effects],
            "n_rows": self.n_rows,
            "n_rows_without_effect": self.n_rows_without_effect,
        }


def model_interaction(
    outputs: Mapping[Sequence[str] | Subset, Any],
    *,
    model: str = "model",
    groups: Sequence[Hashable] | NDArray[Any] | None = None,
    explained: Any = None,
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> ModelInteraction:
    """Return the share of interactions in a model's outputs, with a percentile interval over groups (else rows).

    Args:
        outputs: subset of the modalities -> (n, C) or (n,) outputs with only these kept (`masked_outputs`, or
            predictions with the others absent). All 2^M - 1 non-empty subsets; the empty one, (n, C), (C,) or a number,
            is the mean output over the rows with everything present where it is not given, as in the paper.
        model: its name, for the record.
        groups: (n,) resampling units; rows when None.
        explained: (n,) column of the outputs to explain in each row; the largest one of the full outputs when None.
        level, n_boot, seed: of the interval.

    Raises:
        InputError: for one modality, missing subsets, shapes that differ, or values that are not finite.

    Example:
        >>> a, b = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
        >>> half = np.full(4, 0.5)
        >>> xor = model_interaction({("a",): half, ("b",): half, ("a", "b"): abs(a - b)})
        >>> added = model_interaction({("a",): a + 0.5, ("b",): b + 0.5, ("a", "b"): a + b})
        >>> xor.share.value, added.share.value
        (1.0, 0.0)
    """
    if number(level) is None:
        raise InputError("level", shown(level), "a number between 0 and 1", "Use 0.95 for a 95 % interval.")
    check_whole("n_boot", n_boot, 0, "Pass for example n_boot=1000, or 0 for no interval.")
    check_seed(seed)
    values = _values(outputs, explained)
    names = sorted(frozenset().union(*values))
    phi, dividends = interaction_index(values), harsanyi_dividends(values)
    n_rows = len(next(iter(values.values())))
    diagonal = np.eye(len(names), dtype=bool)
    scale = max(float(np.abs(value).max()) for value in values.values())
    together, whole = np.abs(phi[~diagonal]).sum(axis=0), np.abs(phi).sum(axis=(0, 1))
    moved = whole > _ROUNDING * scale
    several = np.sum([np.abs(m) for subset, m in dividends.items() if len(subset) > 1], axis=0)
    every = np.sum([np.abs(m) for m in dividends.values()], axis=0)
    units = np.arange(n_rows) if groups is None else np.asarray(groups)
    if units.shape != (n_rows,):
        raise InputError("groups", f"shape {units.shape}", f"({n_rows},)", "Pass the group of each row.")
    unit = "sample" if groups is None else "group"
    shares = [
        _ratio(part, total, units, unit, moved, check_level(level), n_boot, seed)
        for part, total in ((together, whole), (several, every))
    ]
    return ModelInteraction(
        model,
        tuple(names),
        shares[0],
        shares[1],
        float((together[moved] / whole[moved]).mean()) if moved.any() else None,
        tuple(tuple(float(x) for x in row) for row in np.abs(phi).mean(axis=2)),
        n_rows,
        int((~moved).sum()),
    )


def _values(outputs: Mapping[Any, Any], explained: Any) -> dict[Subset, Float]:
    """Return subset -> (n,) output of the explained column, the empty subset included."""
    read = {}
    for subset, values in check_mapping("outputs", outputs, "outputs by subset").items():
        if isinstance(subset, str) or not isinstance(subset, Collection):
            raise InputError("outputs", f"{shown(subset)} as a subset", "a tuple or frozenset of names",
                             "Write ('a',) for one modality, ('a', 'b') for two.")  # fmt: skip
        read[frozenset(subset)] = numbers("outputs", values, "numbers (n, C) or (n,)", "Predict numbers.")
    names = frozenset().union(*read) if read else frozenset()
    if len(names) < 2:
        received = ", ".join(sorted(names)) or "none"
        raise InputError("outputs", received, "two modalities or more", "One modality alone has no interaction.")
    full = read.get(names)
    if full is None or full.ndim not in (1, 2) or not len(full):
        received = "none with all modalities" if full is None else f"shape {full.shape}"
        raise InputError("outputs", received, "(n, C) or (n,) with everything present", "Predict the rows as they are.")
    # the largest output would change with the subset; the class that the whole model chose is what is explained
    table = full[:, None] if full.ndim == 1 else full
    column = table.argmax(axis=1) if explained is None else np.asarray(explained)
    if column.shape != (len(full),) or column.dtype.kind not in "iu" or (column < 0).any():
        raise InputError("explained", f"shape {column.shape}, {column.dtype}", f"({len(full)},) columns from 0",
                         "Pass one column number a row.")  # fmt: skip
    if column.max() >= table.shape[1]:
        raise InputError("explained", column.max(), f"columns below {table.shape[1]}", "Pass a column of the outputs.")
    nothing = frozenset[str]()
    empty = read.setdefault(nothing, table.mean(axis=0) if full.ndim == 2 else full.mean())
    if empty.shape != full.shape:
        read[nothing] = np.broadcast_to(empty, full.shape) if empty.shape in ((), full.shape[1:]) else empty
    chosen = {}
    for subset, values in read.items():
        if values.shape != full.shape or not np.isfinite(values).all():
            received = f"shape {values.shape}" if values.shape != full.shape else "a value that is not finite"
            where = " and ".join(sorted(subset)) or "no modality"
            raise InputError("outputs", f"{received} for {where}", f"finite numbers {full.shape}",
                             "Predict the same rows under every subset.")  # fmt: skip
        chosen[subset] = values if values.ndim == 1 else values[np.arange(len(values)), column]
    return chosen


def interaction_index(v: Mapping[Subset, Any]) -> Float:
    """Return phi (M, M, ...) of a set function: main effects on the diagonal, half of each pair's index on either side.

    Args:
        v: every subset, the empty one included -> a number, or arrays of one shape; members in alphabetical order.

    Raises:
        InputError: for a missing or superfluous subset, no member, more than ten, or values that are not finite
            numbers of one shape.

    Example:
        >>> f = frozenset
        >>> interaction_index({f(): 0.5, f("a"): 0.5, f("b"): 0.5, f("ab"): 1.0}).tolist()
        [[0.0, 0.25], [0.25, 0.0]]
    """
    _check_function(v)
    shapley = shapley_values(v)
    players = sorted(shapley)
    m = len(players)
    phi = np.zeros((m, m, *np.shape(shapley[players[0]])))
    for i, j in combinations(range(m), 2):
        pair = frozenset({players[i], players[j]})
        others = [player for player in players if player not in pair]
        for size in range(m - 1):
            weight = factorial(size) * factorial(m - size - 2) / (2 * factorial(m - 1))
            for members in combinations(others, size):
                rest = frozenset(members)
                one, two = rest | {players[i]}, rest | {players[j]}
                phi[i, j] += weight * (_number(v[rest | pair]) - _number(v[one]) - _number(v[two]) + _number(v[rest]))
        phi[j, i] = phi[i, j]
    for i, player in enumerate(players):
        phi[i, i] = shapley[player] - phi[i].sum(axis=0)
    return phi


def harsanyi_dividends(v: Mapping[Subset, Any]) -> dict[Subset, Float]:
    """Return the dividend of every non-empty subset: what its members add that no smaller part of them does.

    Raises:
        InputError: as `interaction_index`.

    Example:
        >>> f = frozenset
        >>> found = harsanyi_dividends({f(): 0.5, f("a"): 0.5, f("b"): 0.5, f("ab"): 1.0})
        >>> {"".join(sorted(subset)): float(value) for subset, value in found.items()}
        {'a': 0.0, 'b': 0.0, 'ab': 0.5}
    """
    _check_function(v)
    found: dict[Subset, Float] = {}
    for subset in sorted(v, key=lambda s: (len(s), sorted(s))):
        smaller: Any = sum((found[part] for part in found if part < subset), np.zeros(()))
        if subset:
            found[subset] = np.asarray(_number(v[subset]) - _number(v[frozenset()]) - smaller)
    return found


def _check_function(v: Any) -> None:
    """Raise unless `v` says of every subset of its members a finite number, or arrays of them of one shape."""
    given, remedy = check_mapping("v", v, "values by subset"), "Give a value for each subset, the empty one included."
    if not all(isinstance(subset, frozenset) for subset in given):
        raise InputError("v", "keys that are no frozensets", "frozensets of names", remedy)
    members = frozenset().union(*given)
    if not members or len(given) != 2 ** len(members):
        received = f"{len(given)} subsets of {len(members)} members"
        raise InputError("v", received, "all 2^M subsets of one member or more", remedy)
    values = [numbers("v", value, "finite numbers of one shape", remedy) for value in given.values()]
    shapes = {value.shape for value in values if value.ndim}
    if len(shapes) > 1 or not all(np.isfinite(value).all() for value in values):
        received = f"shapes {sorted(shapes)}" if len(shapes) > 1 else "a value that is not finite"
        raise InputError("v", received, "finite numbers of one shape", remedy)


def _number(value: Any) -> Float:
    return np.asarray(value, dtype=np.float64)


def _ratio(
    part: Float, whole: Float, units: Any, unit: str, moved: NDArray[np.bool_], level: float, n_boot: int, seed: int
) -> Interval:
    """Return sum(part) / sum(whole) with its percentile interval; rows without an effect are rounding and left out."""
    codes = np.unique(units, return_inverse=True)[1]
    n_units = int(codes.max()) + 1
    if not moved.any():
        return Interval(None, None, None, level, unit, n_units, "no modality has any effect on the output")
    sums = np.stack([np.bincount(codes, weights=x * moved) for x in (part, whole)], axis=1)
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    if n_units < 2 or n_boot < 2:
        return Interval(value, None, None, level, unit, n_units, f"one {unit}, or no resamples: no interval")
    generator = stream(seed, "interaction share")
    chances = np.full(n_units, 1.0 / n_units)
    drawn = np.array([generator.multinomial(n_units, chances) @ sums for _ in range(n_boot)])
    some = drawn[:, 1] > 0
    ratios = drawn[some, 0] / drawn[some, 1]
    low, high = np.quantile(ratios, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], method="weibull")
    return Interval(value, float(low), float(high), level, unit, n_units)
