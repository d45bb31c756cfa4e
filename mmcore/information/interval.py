"""What draws alone say of a value: correction of its bias, a wide interval, p; tables of counts have `uncertainty`.

    corrected = 2 raw - mean(boot),     interval = hull of [q_lo, q_hi] and [2 raw - q_hi, 2 raw - q_lo]

Resamples draw rows, or whole groups where rows of a group belong together (Efron and Tibshirani 1993, chapters 8 and
10). Plug-in information is biased upwards by about (cells - 1) / (2 N ln 2) bits, nearly all of it landing in synergy,
and the bootstrap repeats that bias once more: hence the correction, and hence the hull. The percentile interval alone
lies too high and never reaches below zero, so it misses atoms that are zero; the reflected one alone lies too low near
zero. Their hull is wider than nominal on purpose. Nothing is clipped: a corrected atom or an end may be negative.
The clusters are held fixed while resampling: their own variability is not in the interval.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.information.uncertainty.nulls import p_value
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

CORRECTION_DRAWS = 50  # resamples for a correction where none were asked for
_ROUNDING = 1e-12


def resampled_counts(cells: Codes, n_cells: int, groups: Codes | None, n_boot: int, *, seed: int) -> Iterator[Float]:
    """Yield `n_boot` resampled tables of counts (n_cells,).

    Args:
        cells: cell of each row, 0..n_cells-1.
        groups: group of each row as codes 0..G-1; None resamples rows.
        seed: of the resamples.

    Raises:
        InputError: for fewer than two groups.

    Example:
        >>> [float(t.sum()) for t in resampled_counts(np.array([0, 1, 1, 2]), 3, None, 2, seed=0)]
        [4.0, 4.0]
    """
    generator = stream(seed, "bootstrap")
    if groups is None:
        counts = np.bincount(cells, minlength=n_cells)
        for _ in range(n_boot):
            yield generator.multinomial(len(cells), counts / len(cells)).astype(np.float64)
        return
    from scipy import sparse

    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        raise InputError("groups", f"{n_groups} group", "at least two groups", "Resample rows: leave groups out.")
    tables = sparse.csr_array((np.ones(len(cells)), (groups, cells)), shape=(n_groups, n_cells))
    for _ in range(n_boot):
        drawn = generator.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups)).astype(np.float64)
        yield np.asarray(drawn @ tables)


def corrected(raw: Float, draws: Float) -> Float:
    """Return `raw` (m,) less the bias that `draws` (n_boot, m) show.

    Raises:
        InputError: for fewer than two resamples.

    Example:
        >>> corrected(np.array([1.0]), np.array([[1.1], [1.3]])).round(6).tolist()
        [0.8]
    """
    _enough(draws)
    return np.asarray(2.0 * raw - draws.mean(axis=0))


def _enough(draws: Float) -> None:
    if len(draws) < 2:
        raise InputError("n_boot", len(draws), "at least 2 resamples that succeed", "Draw more.")


def interval(raw: Float, draws: Float, level: float) -> Float:
    """Return (m, 2): hull of the percentile and the reflected bootstrap interval.

    Args:
        raw: (m,) values of the sample; draws: (n_boot, m) values of the resamples.
        level: nominal coverage, in (0, 1).

    Raises:
        InputError: for a level outside (0, 1), or fewer than two resamples.

    Example:
        >>> interval(np.array([1.0]), np.array([[1.0], [1.2]]), 0.5).round(2).tolist()
        [[0.8, 1.2]]
    """
    if not 0.0 < level < 1.0:
        raise InputError("level", level, "a number between 0 and 1", "Pass for example level=0.95.")
    _enough(draws)
    # "weibull" takes the rank p (n + 1): the default rank of numpy is too far inside for a few hundred draws.
    low, high = np.quantile(draws, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], axis=0, method="weibull")
    return np.stack([np.minimum(low, 2.0 * raw - high), np.maximum(high, 2.0 * raw - low)], axis=1)


def p_values(raw: Float, null: Float) -> dict[str, float]:
    """Return p of each atom: (1 + #{null >= raw}) / (1 + n), ties up to rounding counted against it.

    Args:
        raw: (4,) in the order of ATOMS; null: (n, 4).

    Example:
        >>> p_values(np.array([0.3, 0.0, 0.0, 0.1]), np.array([[0.1, 0.0, 0.0, 0.2]]))
        {'redundancy': 0.5, 'unique1': 1.0, 'unique2': 1.0, 'synergy': 1.0}
    """
    return {name: p_value(float(raw[k]), null[:, k], _ROUNDING) for k, name in enumerate(ATOMS)}
