"""Tables drawn again, many at once: bootstrap, subsamples, permuted labels, draws from a model.

    bootstrap    p* ~ Multinomial(m, p) / m                             rows with replacement, m of N
    subsample    p* ~ MultivariateHypergeometric(counts, m) / m         rows without replacement
    permuted     counts with the margins n(x1,x2) and n(y) kept         labels exchanged (Patefield 1981)

Rows of one group (person, film) are not independent: with groups, whole groups are drawn (Davison and Hinkley 1997,
section 3.8) and m counts groups; labels are permuted within each group. Where every group has one label only, that
permutation moves nothing, and the labels of whole groups are permuted instead. `permuted_given` exchanges labels only
among rows with the same symbol of one source (and of one group). Counts are drawn, not rows: the cost does not grow
with the number of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


def group_tables(cells: Codes, n_cells: int, groups: Codes | None) -> Float:
    """Return counts (units, n_cells): a row a group, or one row for all where there are no groups.

    Raises:
        InputError: for fewer than two groups.

    Example:
        >>> group_tables(np.array([0, 1, 1]), 2, np.array([0, 0, 1])).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """
    if groups is None:
        return np.bincount(cells, minlength=n_cells).astype(np.float64)[None]
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        raise InputError("groups", f"{n_groups} group", "at least two groups", "Resample rows: leave groups out.")
    counts = np.bincount(groups * n_cells + cells, minlength=n_groups * n_cells)
    return counts.reshape(n_groups, n_cells).astype(np.float64)


def units(tables: Float) -> int:
    """Return the number of units that are drawn: groups, or rows where there is one table.

    Example:
        >>> units(np.array([[2.0, 3.0]])), units(np.ones((4, 2)))
        (5, 4)
    """
    return int(tables.sum()) if len(tables) == 1 else len(tables)


def _normalised(counts: Float) -> Float:
    return counts / counts.sum(axis=1, keepdims=True)


def bootstrap(tables: Float, size: int, n_draws: int, *, seed: int, name: str = "bootstrap") -> Float:
    """Return `n_draws` tables of probabilities (n_draws, n_cells) of `size` units drawn with replacement.

    Args:
        tables: of `group_tables`.
        size: rows, or groups, in each draw; fewer than there are for the m-out-of-n bootstrap.
        name: of the random stream.

    Example:
        >>> bootstrap(np.array([[3.0, 5.0]]), 8, 2, seed=0).sum(axis=1).tolist()
        [1.0, 1.0]
    """
    generator = stream(seed, name)
    if len(tables) == 1:
        return generator.multinomial(size, tables[0] / tables.sum(), n_draws) / float(size)
    drawn = generator.multinomial(size, np.full(len(tables), 1.0 / len(tables)), n_draws)
    return _normalised(_summed(drawn, tables))


def _summed(drawn: Codes, tables: Float) -> Float:
    """Return `drawn @ tables`: most groups hold few cells, and sums of counts are exact in any order."""
    from scipy.sparse import csr_array

    return np.ascontiguousarray((csr_array(tables).T @ drawn.T.astype(np.float64)).T)


def subsample(tables: Float, size: int, n_draws: int, *, seed: int, name: str = "subsample") -> Float:
    """Return `n_draws` tables of probabilities of `size` units drawn without replacement.

    Example:
        >>> subsample(np.array([[4.0, 4.0]]), 8, 1, seed=0).tolist()
        [[0.5, 0.5]]
    """
    generator = stream(seed, name)
    if len(tables) == 1:
        counts = tables[0].astype(np.int64)
        return generator.multivariate_hypergeometric(counts, size, n_draws, method="marginals") / float(size)
    ranks = generator.random((n_draws, len(tables))).argsort(axis=1)
    return _normalised((ranks < size).astype(np.float64) @ tables)


def permuted(tables: Float, n_labels: int, n_draws: int, *, seed: int, name: str = "permutation") -> Float:
    """Return `n_draws` tables of probabilities (n_draws, n_cells) in which labels and sources are unrelated.

    Args:
        tables: of `group_tables`; the label is the fastest index of a cell. Several: permuted within each.

    Example:
        >>> drawn = permuted(np.array([[5.0, 0.0, 0.0, 5.0]]), 2, 3, seed=0).reshape(3, 2, 2)
        >>> bool(np.allclose(drawn.sum(axis=1), 0.5) and np.allclose(drawn.sum(axis=2), 0.5))
        True
    """
    generator = stream(seed, name)
    counts = tables.reshape(len(tables), -1, n_labels)
    label_sizes = counts.sum(axis=1)
    if len(tables) > 1 and ((label_sizes > 0).sum(axis=1) == 1).all():
        return _whole_groups_permuted(counts, label_sizes.argmax(axis=1), n_draws, generator)
    return _exchanged(counts.astype(np.int64), n_draws, generator)


def permuted_given(
    tables: Float, shape: tuple[int, int, int], source: int, n_draws: int, *, seed: int, name: str
) -> Float | None:
    """Return `n_draws` tables in which the label is unrelated to the other source given `source` (0 or 1).

    Both p(x1,x2) and p(x_source,y) are kept. None where no label could be exchanged for another one.

    Example:
        >>> xor = np.array([[5.0, 0, 0, 5, 0, 5, 5, 0]])
        >>> drawn = permuted_given(xor, (2, 2, 2), 0, 3, seed=0, name="given x1").reshape(3, 2, 2, 2)
        >>> bool(np.allclose(drawn.sum(axis=2), 0.25) and np.allclose(drawn.sum(axis=3), 0.25))
        True
    """
    several = tables.sum(axis=1) > 1  # one row alone has nothing to exchange its label with
    counts = tables[several].reshape(-1, *shape).astype(np.int64)
    fixed = tables[~several].sum(axis=0).astype(np.int64).reshape(1, shape[0] * shape[1], shape[2])
    strata = []
    # One symbol at a time: all strata of many groups at once would be as large as the tables times the symbols.
    for k in range(shape[source]):
        inside = counts[:, k] if source == 0 else counts[:, :, k]  # (groups, symbols of the other source, labels)
        movable = ((inside.sum(axis=1) > 0).sum(axis=1) > 1) & ((inside.sum(axis=2) > 0).sum(axis=1) > 1)
        place = (slice(None), k) if source == 0 else (slice(None), slice(None), k)
        whole = np.zeros((int(movable.sum()), *shape), dtype=np.int64)
        whole[place] = inside[movable]
        strata.append(whole.reshape(len(whole), *fixed.shape[1:]))
        rest = np.zeros((1, *shape), dtype=np.int64)
        rest[place] = inside[~movable].sum(axis=0)
        fixed += rest.reshape(fixed.shape)
    movable_tables = np.concatenate(strata)
    if not len(movable_tables):
        return None
    every = np.concatenate([movable_tables, fixed])
    return _exchanged(every, n_draws, stream(seed, name), movable=len(movable_tables))


def _exchanged(counts: Codes, n_draws: int, generator: np.random.Generator, movable: int | None = None) -> Float:
    """Return the sum over the tables (k, sources, labels) of random ones with the same margins; the rest is added."""
    from scipy.stats import random_table

    n_labels = counts.shape[2]
    total = np.zeros((n_draws, counts.shape[1], n_labels))
    if movable is not None:
        total += counts[movable:].sum(axis=0)
    for table in counts[:movable]:
        sizes = table.sum(axis=0)
        held, present = np.flatnonzero(table.sum(axis=1)), np.flatnonzero(sizes)
        if len(held) == 1 or len(present) == 1:  # nothing can move
            total += table
            continue
        drawn = random_table(table.sum(axis=1)[held], sizes[present]).rvs(n_draws, random_state=generator)
        total[:, held[:, None], present[None, :]] += drawn
    return _normalised(total.reshape(n_draws, -1))


def _whole_groups_permuted(counts: Float, labels: Codes, n_draws: int, generator: np.random.Generator) -> Float:
    from scipy.sparse import csr_array

    # Most groups hold few cells, so a sparse product counts a draw in the time of its rows.
    sources = csr_array(counts.sum(axis=2)).T.tocsr()  # (cells, groups)
    total = np.empty((n_draws, counts.shape[1], counts.shape[2]))
    for draw in total:
        exchanged = generator.permutation(labels)
        draw[:] = sources @ (exchanged[:, None] == np.arange(counts.shape[2])).astype(np.float64)
    return _normalised(total.reshape(n_draws, -1))
