"""Stratified splits and folds that never put one group in two parts.

Rows are dealt stratum by stratum (class; quantile bin of a regression; rarest label of a multilabel row; unlabelled
rows are a stratum of their own). Groups are dealt whole, the most uneven first, each to the part p where

    sum_s (A_ps + c_s - f_p n_s)^2 / n_s^2      (A: dealt so far, c: the group's counts, f: fractions, n: totals)

grows least: the greedy rule of scikit-learn's StratifiedGroupKFold, with unequal fractions and with the number of rows
as one more stratum. On purpose: no part is left empty, and a class that could be in train is in train.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcore.data.spec import SPLITS
from mmcore.errors import InputError, counted
from mmcore.seeds import stream

N_QUANTILE_BINS = 10


def strata(labels: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Return the stratum of each row, (n_rows,) int64, -1 where unlabelled.

    Args:
        labels: (N,) codes or names, -1 or None unlabelled; (N,) float with NaN (regression); (N, K) 0/1 (multilabel).
        n_rows: N.

    Raises:
        InputError: where `labels` has another number of rows.

    Example:
        >>> strata(np.array(["b", "a", "b"]), 3).tolist()
        [1, 0, 1]
    """
    if labels is None:
        return np.zeros(n_rows, dtype=np.int64)
    values = np.asarray(labels)
    if len(values) != n_rows:
        raise InputError("labels", counted(len(values), "row"), n_rows, "Give one label a sample.")
    if values.ndim == 2:
        return _rarest_label(values.astype(np.float64))
    if values.dtype.kind == "f":
        return _quantile_bins(values)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    missing = np.array([v is None or v != v for v in values], dtype=bool)
    codes = np.full(n_rows, -1, dtype=np.int64)
    codes[~missing] = np.unique(values[~missing].astype(str), return_inverse=True)[1]
    return codes


def _rarest_label(values: np.ndarray) -> np.ndarray:
    """Stratum of a multilabel row: its rarest label, K for a row without any, -1 where unlabelled."""
    labelled = ~np.isnan(values).any(axis=1)
    positive = np.where(np.isnan(values), 0, values) > 0
    order = np.argsort(positive[labelled].sum(axis=0), kind="stable")
    rarest = order[np.argmax(positive[:, order], axis=1)]
    rarest = np.where(positive.any(axis=1), rarest, values.shape[1])
    return np.where(labelled, rarest, -1).astype(np.int64)


def _quantile_bins(values: np.ndarray) -> np.ndarray:
    labelled = ~np.isnan(values)
    bins = np.full(len(values), -1, dtype=np.int64)
    if labelled.any():
        n_bins = int(np.clip(labelled.sum() // 5, 1, N_QUANTILE_BINS))
        edges = np.unique(np.quantile(values[labelled], np.linspace(0, 1, n_bins + 1)[1:-1]))
        bins[labelled] = np.searchsorted(edges, values[labelled], side="right")
    return bins


def split_rows(
    labels: np.ndarray | None,
    *,
    groups: Sequence | np.ndarray | None = None,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int,
    n_rows: int | None = None,
) -> np.ndarray:
    """Return `train`, `valid` or `test` for each row, (N,) str, stratified by label and never splitting a group.

    Args:
        labels: as in `strata`; None splits without strata (then give `groups` or `n_rows`).
        groups: (N,) leakage units, or None.
        fractions: shares of train, valid and test; they sum to 1.
        seed: the same seed gives the same split.
        n_rows: N, needed only without labels and groups.

    Raises:
        InputError: for fractions that do not sum to 1, or fewer groups than parts.

    Example:
        >>> parts = split_rows(np.repeat([0, 1], 50), seed=0)
        >>> [int((parts == p).sum()) for p in ("train", "valid", "test")]
        [70, 15, 15]
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or (shares < 0).any() or not np.isclose(shares.sum(), 1.0) or shares[0] == 0:
        allowed = "three shares that sum to 1, train above 0"
        raise InputError("fractions", fractions, allowed, "Give e.g. (0.7, 0.15, 0.15).")
    n = _n_rows(labels, groups, n_rows)
    parts = np.flatnonzero(shares)
    if groups is not None and len(np.unique(np.asarray(groups, dtype=str))) < len(parts):
        count = len(np.unique(np.asarray(groups, dtype=str)))
        remedy = "Give split= yourself, or groups= a finer unit."
        raise InputError("groups", counted(count, "group"), f"at least {len(parts)}, one a part", remedy)
    dealt = _deal(strata(labels, n), groups, shares[parts], favour_first=True, seed=seed, purpose="split")
    return np.array(SPLITS)[parts[dealt]]


def fold_rows(
    labels: np.ndarray | None,
    *,
    groups: Sequence | np.ndarray | None = None,
    n_folds: int,
    seed: int,
    n_rows: int | None = None,
) -> np.ndarray:
    """Return the fold of each row, (N,) int64 in 0..n_folds-1, stratified by label and never splitting a group.

    Args:
        labels: as in `strata`.
        groups: (N,) leakage units, or None.
        n_folds: at least 2.
        seed: the same seed gives the same folds.
        n_rows: N, needed only without labels and groups.

    Raises:
        InputError: for fewer than two folds, or fewer groups (rows) than folds.

    Example:
        >>> fold_rows(np.array([0, 0, 1, 1]), groups=["a", "b", "c", "d"], n_folds=2, seed=0).shape
        (4,)
    """
    if n_folds < 2:
        raise InputError("n_folds", n_folds, "at least 2", "Ask for two folds or more.")
    n = _n_rows(labels, groups, n_rows)
    units = n if groups is None else len(np.unique(np.asarray(groups, dtype=str)))
    if units < n_folds:
        unit = "rows" if groups is None else "groups"
        raise InputError("n_folds", f"{n_folds} folds of {units} {unit}", f"at most {units}", "Ask for fewer folds.")
    shares = np.full(n_folds, 1.0 / n_folds)
    return _deal(strata(labels, n), groups, shares, favour_first=False, seed=seed, purpose="folds")


def _n_rows(labels: np.ndarray | None, groups: Sequence | np.ndarray | None, n_rows: int | None) -> int:
    counts = {
        name: count
        for name, count in (
            ("labels", None if labels is None else len(labels)),
            ("groups", None if groups is None else len(groups)),
            ("n_rows", n_rows),
        )
        if count is not None
    }
    if not counts:
        raise InputError("n_rows", None, "a number", "Give labels, groups or n_rows.")
    if len(set(counts.values())) > 1:
        raise InputError("groups", counts, "the same number of rows", "Give one group and one label a sample.")
    n = next(iter(counts.values()))
    if n < 1:
        raise InputError("labels", "0 rows", "at least one row", "Give at least one sample.")
    return n


def _deal(
    stratum: np.ndarray,
    groups: Sequence | np.ndarray | None,
    shares: np.ndarray,
    *,
    favour_first: bool,
    seed: int,
    purpose: str,
) -> np.ndarray:
    """The part of each row: rows or whole groups dealt to parts of the given shares."""
    generator = stream(seed, "data", purpose)
    kinds, codes = np.unique(stratum, return_inverse=True)
    if groups is None:
        part = _deal_rows(codes, shares, favour_first=favour_first, generator=generator)
        return _fill_empty_parts(part, np.ones(len(part), dtype=np.int64), len(shares))
    unit = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    counts = np.zeros((unit.max() + 1, len(kinds)))
    np.add.at(counts, (unit, codes), 1)
    part = _deal_groups(counts, shares, generator)
    part = _fill_empty_parts(part, counts.sum(axis=1), len(shares))
    if favour_first:
        part = _classes_into_first(part, counts[:, kinds >= 0])
    return part[unit]


def _deal_rows(
    codes: np.ndarray, shares: np.ndarray, *, favour_first: bool, generator: np.random.Generator
) -> np.ndarray:
    """Deal the rows of each stratum by its quotas; what is left over goes where most is owed over all strata."""
    part = np.empty(len(codes), dtype=np.int64)
    owed = np.zeros(len(shares))
    for code in range(codes.max() + 1):
        rows = generator.permutation(np.flatnonzero(codes == code))
        quota = np.floor(len(rows) * shares + 1e-9).astype(np.int64)
        owed += len(rows) * shares - quota
        for _ in range(len(rows) - quota.sum()):
            first = favour_first and quota[0] == 0
            chosen = 0 if first else int(np.argmax(np.round(owed, 9)))
            quota[chosen] += 1
            owed[chosen] -= 1
        part[rows] = np.repeat(np.arange(len(shares)), quota)
    return part


def _deal_groups(counts: np.ndarray, shares: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Deal whole groups greedily; `counts` is (groups, strata).

    Each group goes where, of what the part is still owed of the group's strata, the largest fraction would be left.
    Fractions, not amounts: amounts would fill the largest part first, and starve it of the strata dealt last.
    """
    table = np.column_stack([counts, counts.sum(axis=1)])
    table /= table.sum(axis=0)
    shuffled = generator.permutation(len(table))
    order = shuffled[np.argsort(-np.square(table[shuffled]).sum(axis=1), kind="stable")]
    short = np.repeat(shares[:, None], table.shape[1], axis=1)  # (parts, strata): share still to be dealt
    part = np.empty(len(table), dtype=np.int64)
    for unit in order:
        left = (short - table[unit]) / shares[:, None]
        chosen = int(np.argmax(np.round(left @ table[unit], 12)))
        part[unit] = chosen
        short[chosen] -= table[unit]
    return part


def _fill_empty_parts(part: np.ndarray, sizes: np.ndarray, n_parts: int) -> np.ndarray:
    """Move the smallest unit of the part with most units into each empty part, as long as there are enough units."""
    filled = part.copy()
    for empty in range(n_parts):
        units = np.bincount(filled, minlength=n_parts)
        if units[empty] == 0 and units.max() > 1:
            candidates = np.flatnonzero(filled == units.argmax())
            filled[candidates[sizes[candidates].argmin()]] = empty
    return filled


def _classes_into_first(part: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Move one group of each class that train lacks into train, unless its part would be left empty."""
    moved = part.copy()
    for label in range(counts.shape[1]):
        if counts[moved == 0, label].sum() == 0:
            units = np.bincount(moved)
            candidates = [u for u in np.flatnonzero(counts[:, label]) if units[moved[u]] > 1]
            if candidates:
                moved[min(candidates, key=lambda u: (counts[u].sum(), u))] = 0
    return moved
