"""Before any solver: drop what carries no mass, merge what is equivalent, split what does not interact.

The union information depends on the tables a = p(x1,y), b = p(x2,y) only. Symbols of a source with the same posterior
p(y|x) are equivalent in Blackwell's sense, so merging them changes nothing. Labels y, y' meet only where some x1 and
some x2 are possible under both; over the connected components c of that relation the problem separates:

    I_union = H(Y) + sum_c m_c (I_c - H_c)         m_c mass, H_c label entropy, I_c union information given component c

A component of one label adds nothing, one with a source of one symbol is the mutual information of the other source.
Posteriors count as the same when they agree to 13 decimals; the value moves by less than 1e-11 bits by that.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from mmcore.information.entropy import entropy, mutual_information

Float = NDArray[np.float64]

_DECIMALS = 13


@dataclasses.dataclass(frozen=True)
class Part:
    """A component of labels: its mass and its two tables given the component; `exact` where no solver is needed."""

    mass: float
    a: Float
    b: Float
    exact: float | None

    @property
    def label_entropy(self) -> float:
        """H(Y) within the part, bits."""
        return entropy(self.a.sum(axis=0))


def merge_symbols(table: Float) -> Float:
    """Return `table` (n, l) without empty symbols and with equivalent symbols added up.

    Example:
        >>> merge_symbols(np.array([[0.1, 0.1], [0.0, 0.0], [0.2, 0.2], [0.4, 0.0]])).round(3).tolist()
        [[0.3, 0.3], [0.4, 0.0]]
    """
    table = table[table.sum(axis=1) > 0]
    posterior = np.round(table / table.sum(axis=1, keepdims=True), _DECIMALS)
    _, first, member = np.unique(posterior, axis=0, return_index=True, return_inverse=True)
    merged = np.zeros((len(first), table.shape[1]))
    np.add.at(merged, member, table)
    return merged


def label_components(a: Float, b: Float) -> NDArray[np.int32]:
    support1, support2 = (a > 0).T.astype(np.int64), (b > 0).T.astype(np.int64)
    meet = ((support1 @ support1.T) > 0) & ((support2 @ support2.T) > 0)
    return connected_components(meet, directed=False)[1]


def _part(mass: float, a: Float, b: Float) -> Part:
    a, b = merge_symbols(a), merge_symbols(b)
    exact: float | None = None
    if a.shape[1] == 1:
        exact = 0.0
    elif len(a) == 1:
        exact = mutual_information(b)
    elif len(b) == 1:
        exact = mutual_information(a)
    return Part(mass, a, b, exact)


def split(a: Float, b: Float) -> tuple[float, list[Part]]:
    """Return H(Y) in bits and the independent parts of the problem with tables a (n1, l) and b (n2, l).

    Example:
        >>> copy = np.eye(4).reshape(2, 2, 4) / 4           # Y = (X1, X2): no two labels interact
        >>> entropy_y, parts = split(copy.sum(axis=1), copy.sum(axis=0))
        >>> entropy_y, [part.exact for part in parts]
        (2.0, [0.0, 0.0, 0.0, 0.0])
    """
    carried = a.sum(axis=0) > 0
    a, b = a[:, carried], b[:, carried]
    component = label_components(a, b)
    parts = []
    for k in range(component.max() + 1):
        inside = component == k
        mass = float(a[:, inside].sum())
        parts.append(_part(mass, a[:, inside] / mass, b[:, inside] / mass))
    return entropy(a.sum(axis=0)), parts
