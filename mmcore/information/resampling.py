"""Rows drawn again: bootstrap, subsamples and permuted labels, by the unit of leakage where there is one.

Rows of one group (person, film) are not independent, so whole groups are drawn (Davison and Hinkley 1997, section 3.8).
A label permutation keeps the joint distribution of the sources and the label frequencies and breaks what ties them:
with groups, each group's labels are permuted within the group, which also keeps the label frequencies of each group.
Where every group has one label only (a label a person), that permutation moves nothing, every null would equal the
observation, and the labels of whole groups are permuted instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.seeds import stream

Codes = NDArray[np.int64]


def check_draws(seed: Any, n_boot: Any, n_null: Any, *, names: tuple[str, str] = ("n_boot", "n_null")) -> None:
    """Raise unless `seed` is an integer >= 0 and both numbers of draws are 0 or integers, `n_boot` not 1.

    Args:
        names: what the two numbers of draws are called where they are asked for.

    Raises:
        InputError: otherwise; also for the seed None, with which no two runs would agree.

    Example:
        >>> check_draws(0, 200, 0)
        >>> check_draws(None, 0, 0)
        Traceback (most recent call last):
        mmcore.errors.InputError: seed: received None; allowed: an integer >= 0. Pass for example seed=0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError("seed", seed, "an integer >= 0", "Pass for example seed=0.")
    for place, (name, value) in enumerate(zip(names, (n_boot, n_null))):
        wrong = isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0
        if wrong or (place == 0 and value == 1):
            raise InputError(name, value, "0, or an integer >= 2", "Pass for example 200.")


def bootstrap_rows(n_rows: int, groups: Codes | None, n_draws: int, *, seed: int) -> Iterator[Codes]:
    """Yield `n_draws` arrays of row indices, drawn with replacement: rows, or whole groups.

    Args:
        n_rows: number of rows N.
        groups: group of each row as codes 0..G-1, or None.
        seed: of the draws.

    Raises:
        InputError: for fewer than two groups.

    Example:
        >>> [len(rows) for rows in bootstrap_rows(5, None, 2, seed=0)]
        [5, 5]
    """
    generator = stream(seed, "bootstrap rows")
    if groups is None:
        for _ in range(n_draws):
            yield np.sort(generator.integers(0, n_rows, n_rows))
        return
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        raise InputError("groups", f"{n_groups} group", "at least two groups", "Resample rows: leave groups out.")
    members = _members(groups, n_groups)
    for _ in range(n_draws):
        drawn = np.sort(generator.integers(0, n_groups, n_groups))
        yield np.concatenate([members[k] for k in drawn])


def permuted_labels(labels: Codes, groups: Codes | None, n_draws: int, *, seed: int) -> Iterator[Codes]:
    """Yield `n_draws` permutations of `labels` (N,): of rows within each group, or of groups that have one label each.

    Groups of different sizes that have one label each exchange labels, not rows: each label keeps its number of groups.

    Example:
        >>> groups = np.array([0, 0, 1, 1])
        >>> next(permuted_labels(np.array([0, 1, 2, 2]), groups, 1, seed=0))[2:].tolist()
        [2, 2]
        >>> sorted({tuple(drawn.tolist()) for drawn in permuted_labels(groups, groups, 20, seed=0)})
        [(0, 0, 1, 1), (1, 1, 0, 0)]
    """
    generator = stream(seed, "permuted labels")
    members = None if groups is None else _members(groups, int(groups.max()) + 1)
    of_group = None if groups is None or members is None else _label_of_each(labels, members)
    for _ in range(n_draws):
        if groups is None or members is None:
            yield generator.permutation(labels)
            continue
        if of_group is not None:
            yield generator.permutation(of_group)[groups]
            continue
        drawn = labels.copy()
        for rows in members:
            drawn[rows] = labels[generator.permutation(rows)]
        yield drawn


def _label_of_each(labels: Codes, members: list[Codes]) -> Codes | None:
    """Return the one label of each group, or None where a group has several."""
    first = np.array([labels[rows[0]] for rows in members])
    return first if all((labels[rows] == label).all() for rows, label in zip(members, first)) else None


def _members(groups: Codes, n_groups: int) -> list[Codes]:
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups, minlength=n_groups))[:-1]
    return [rows.astype(np.int64) for rows in np.split(order, ends)]
