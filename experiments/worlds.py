"""Small worlds for studies of coverage and false positives: joint tables p(x1, x2, y) by name, with noise on the label.

Truths come from the certified decomposition of the table itself, so a world needs no formula of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import unknown_name

Float = NDArray[np.float64]

NAMES = (
    "and",
    "exclusive_or",
    "sum",
    "unique",
    "shared",
    "noisy_copies",
    "chain",
    "independent",
    "and_unbalanced",
    "four_symbols",
)


def _flip(error: float) -> Float:
    return np.array([[1.0 - error, error], [error, 1.0 - error]])


def _gate(values: list[list[int]], n_labels: int, error: float) -> Float:
    p = np.zeros((2, 2, n_labels))
    for i in range(2):
        for j in range(2):
            p[i, j, values[i][j]] = 0.25
    spread = np.full((n_labels, n_labels), error / (n_labels - 1))
    np.fill_diagonal(spread, 1.0 - error)
    return np.asarray(p @ spread)


def _copies(copying: float, error: float) -> Float:
    """A fair bit z; X1 and X2 copy it, each wrong with probability `copying`; Y copies it, wrong with `error`."""
    copy, label = _flip(copying), _flip(error)
    return np.asarray(np.einsum("z,zi,zj,zy->ijy", np.full(2, 0.5), copy, copy, label))


def table(name: str, *, noise: float = 0.0) -> Float:
    """Return the joint table of a world; `noise` is the error of its label.

    Raises:
        InputError: for an unknown name.

    Example:
        >>> table("and", noise=0.1).sum(axis=(0, 1)).round(3).tolist()
        [0.7, 0.3]
    """
    if name == "and":
        return _gate([[0, 0], [0, 1]], 2, noise)
    if name == "exclusive_or":
        return _gate([[0, 1], [1, 0]], 2, noise)
    if name == "sum":
        return _gate([[0, 1], [1, 2]], 3, noise)
    if name == "unique":
        return _gate([[0, 0], [1, 1]], 2, noise)
    if name == "shared":
        return _copies(0.0, noise)
    if name == "noisy_copies":
        return _copies(0.1, noise)
    if name == "chain":
        copy = _flip(0.15)
        return np.asarray(np.einsum("j,ij,jy->ijy", np.full(2, 0.5), copy, _flip(noise)))
    if name == "independent":
        return np.full((2, 2, 2), 0.125)
    if name == "and_unbalanced":
        p = _gate([[0, 0], [0, 1]], 2, 0.0) * np.array([0.7, 0.3])[:, None, None] * 2.0
        return np.asarray(p @ _flip(noise))
    if name == "four_symbols":
        return np.asarray(
            np.einsum("ijy,abz->iajbyz", _copies(0.1, noise), _gate([[0, 1], [1, 0]], 2, noise)).reshape(4, 4, 4)
        )
    raise unknown_name("world", name, NAMES)


def of(entry: Mapping[str, Any]) -> Float:
    """Return the table of an entry of the parameters, `{world, noise}`."""
    return table(entry["world"], noise=entry.get("noise", 0.0))
