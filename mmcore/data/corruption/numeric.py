"""Noise on numbers: Gaussian, dropped entries, dropped time steps, swapped columns, values of other rows.

    gaussian         x_j + level * std_j * z,  z ~ N(0, 1)
    drop_entries     x_tj -> fill where u_tj < level
    drop_steps       x_t. -> fill where u_t  < level
    swap_neighbours  x_j <-> x_{j+1} for disjoint pairs with u_pair < level
    swap_rows        x_j -> x'_j where u_j < level, x' a training row

Uniforms and normals are drawn whole before `level` is looked at, so noise at two levels is nested: what is dropped at
.2 is dropped at .4. After MultiBench (Liang et al. 2021, arXiv:2107.07502, appendix on robustness), where it departs on
purpose: there one scalar is added to a whole series and whole samples are dropped (the nesting depth passed is one too
deep), and the swap copies the left neighbour instead of exchanging ([1, 2, 3] -> [1, 1, 1]). `swap_rows` is the
marginal corruption of SCARF (Bahri et al. 2022, ICLR). A missing value (NaN) stays missing.
"""

from __future__ import annotations

import numpy as np

from mmcore.data.corruption.statistics import FeatureStatistics
from mmcore.errors import InputError


def gaussian(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return `values` (..., d) with normal noise of `level` training standard deviations a feature.

    Example:
        >>> from mmcore.data.corruption.statistics import FeatureStatistics
        >>> none = np.zeros(0)
        >>> s = FeatureStatistics("a", none, np.array([0.0]), none, none, none, none, none, 2)
        >>> gaussian(np.ones((3, 1)), 1.0, np.random.default_rng(0), s, none).ravel().tolist()
        [1.0, 1.0, 1.0]
    """
    return values + level * statistics.std * draw.standard_normal(values.shape)


def drop_entries(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return `values` (..., d) with each entry replaced by its feature's `fill` (d,) with probability `level`.

    Example:
        >>> drop_entries(np.ones(4), 1.0, np.random.default_rng(0), None, np.zeros(4)).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    return _filled(values, draw.random(values.shape) < level, fill)


def drop_steps(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return `values` (t, ..., d) with each whole step replaced by `fill` (d,) with probability `level`.

    Example:
        >>> out = drop_steps(np.ones((8, 2)), 0.5, np.random.default_rng(0), None, np.zeros(2))
        >>> sorted({tuple(step) for step in out.tolist()})
        [(0.0, 0.0), (1.0, 1.0)]
    """
    dropped = draw.random(len(values)) < level
    return _filled(values, np.broadcast_to(dropped.reshape(-1, *[1] * (values.ndim - 1)), values.shape), fill)


def swap_neighbours(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return `values` (..., d) with disjoint pairs of neighbouring columns exchanged with probability `level`.

    Pairs start at column 0 or 1, drawn once a sample, so that every two neighbours can meet.

    Example:
        >>> sorted(swap_neighbours(np.array([1.0, 2.0, 3.0]), 1.0, np.random.default_rng(0), None, None).tolist())
        [1.0, 2.0, 3.0]
    """
    width = values.shape[-1]
    first = np.arange(int(draw.integers(2)) if width > 2 else 0, width - 1, 2)
    first = first[draw.random(len(first)) < level]
    order = np.arange(width)
    order[first], order[first + 1] = first + 1, first
    return values[..., order]


def swap_rows(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return `values` (d,) with each entry taken from a training row of the same column with probability `level`.

    Raises:
        InputError: where samples are no vectors, so that no donors were kept.

    Example:
        >>> none, donors = np.zeros(0), np.array([[7.0, 8.0]])
        >>> s = FeatureStatistics("a", none, none, none, none, donors, none, none, 1)
        >>> swap_rows(np.zeros(2), 1.0, np.random.default_rng(0), s, none).tolist()
        [7.0, 8.0]
    """
    donors = statistics.donors
    if values.ndim != 1 or not donors.size:
        raise InputError("method", f"swap_rows for samples of {values.ndim} axes", "samples that are vectors",
                         "Use drop_entries or gaussian.")  # fmt: skip
    taken = draw.random(len(values)) < level
    given = donors[draw.integers(len(donors), size=len(values)), np.arange(len(values))]
    # a donor that misses the value has none to give
    return np.where(taken & ~np.isnan(values) & ~np.isnan(given), given, values)


def _filled(values: np.ndarray, dropped: np.ndarray, fill: np.ndarray) -> np.ndarray:
    return np.where(dropped & ~np.isnan(values), fill, values)
