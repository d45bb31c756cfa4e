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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmcore.information.entropy import entropy, mutual_information

Float = NDArray[np.float64]

_DECIMALS = 13
_DISTINCT = 1e-12  # posteriors whose keys differ by more than this differ before the 13th decimal
_DENSE_LABELS = 256


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


class Split(NamedTuple):
    """The independent parts of a problem; components of one label add nothing and are left out.

    Components of two labels, for which there is a closed form, come together: tables (C, n1, 2) and (C, n2, 2), each
    summing to one, and their masses (C,).
    """

    label_entropy: float
    parts: list[Part]
    pair_masses: Float
    pairs1: Float
    pairs2: Float


def _keys(posterior: Float) -> Float:
    """Return one number a symbol (..., n), equal for equal posteriors (..., n, l): a fixed generic projection."""
    return posterior @ np.sqrt(2.0 + np.arange(posterior.shape[-1]))


def nothing_to_do(a: Float, b: Float) -> NDArray[np.bool_]:
    """Return which pairs of tables (B, n1, l), (B, n2, l) have no empty cell and no two equivalent symbols.

    Example:
        >>> a = np.array([[[0.3, 0.2], [0.1, 0.4]], [[0.3, 0.2], [0.3, 0.2]]])
        >>> nothing_to_do(a, a).tolist()
        [True, False]
    """
    plain = np.asarray((a > 0).all(axis=(1, 2)) & (b > 0).all(axis=(1, 2)))
    distinct = []
    for table in (a[plain], b[plain]):
        keys = np.sort(_keys(table / table.sum(axis=2, keepdims=True)), axis=1)
        distinct.append((keys[:, 1:] - keys[:, :-1] > _DISTINCT).all(axis=1))
    plain[plain] = distinct[0] & distinct[1]
    return plain


def merge_symbols(table: Float) -> Float:
    """Return `table` (n, l) without empty symbols and with equivalent symbols added up.

    Example:
        >>> merge_symbols(np.array([[0.1, 0.1], [0.0, 0.0], [0.2, 0.2], [0.4, 0.0]])).round(3).tolist()
        [[0.3, 0.3], [0.4, 0.0]]
    """
    mass = table.sum(axis=1)
    if not mass.all():
        table, mass = table[mass > 0], mass[mass > 0]
    posterior = table / mass[:, None]
    keys = np.sort(_keys(posterior))
    if (keys[1:] - keys[:-1] > _DISTINCT).all():
        return table
    _, first, member = np.unique(np.round(posterior, _DECIMALS), axis=0, return_index=True, return_inverse=True)
    merged = np.zeros((len(first), table.shape[1]))
    np.add.at(merged, member, table)
    return merged


def label_components(a: Float, b: Float) -> NDArray[np.intp]:
    """Return the component (l,) of each label of two tables, named by its first label.

    Example:
        >>> a = np.array([[0.2, 0.3, 0.0], [0.0, 0.0, 0.5]])
        >>> label_components(a, a).tolist()
        [0, 0, 2]
    """
    support1, support2 = a > 0, b > 0
    labels = a.shape[1]
    if support1.all(axis=1).any() and support2.all(axis=1).any():
        return np.zeros(labels, dtype=np.intp)
    support1, support2 = support1.astype(np.float32), support2.astype(np.float32)
    meet = ((support1.T @ support1) > 0) & ((support2.T @ support2) > 0)
    if labels > _DENSE_LABELS:
        from scipy.sparse.csgraph import connected_components

        member = connected_components(meet, directed=False)[1]
        return np.asarray(np.unique(member, return_index=True)[1][member])
    while True:
        # Two labels that a third one meets are connected: paths twice as long with each round.
        matrix = meet.astype(np.float32)
        wider = (matrix @ matrix) > 0
        if (wider == meet).all():
            # A label without mass meets nothing, not even itself, and stands alone.
            np.fill_diagonal(wider, True)
            return wider.argmax(axis=1)
        meet = wider


def _part(mass: float, a: Float, b: Float) -> Part:
    a, b = merge_symbols(a), merge_symbols(b)
    exact: float | None = None
    if len(a) == 1:
        exact = mutual_information(b)
    elif len(b) == 1:
        exact = mutual_information(a)
    return Part(mass, a, b, exact)


def split(a: Float, b: Float, *, closed_form: bool = True) -> Split:
    """Return the independent parts of the problem with tables a (n1, l) and b (n2, l).

    Args:
        a, b: tables with the same label masses, each summing to one.
        closed_form: whether components of two labels are collected apart; else they are parts like the others.

    Example:
        >>> copy = np.eye(4).reshape(2, 2, 4) / 4           # Y = (X1, X2): no two labels interact
        >>> found = split(copy.sum(axis=1), copy.sum(axis=0))
        >>> found.label_entropy, found.parts, len(found.pairs1)
        (2.0, [], 0)
    """
    label = a.sum(axis=0)
    if not label.all():
        carried = label > 0
        a, b, label = a[:, carried], b[:, carried], label[carried]
    component = label_components(a, b)
    size = np.bincount(component, minlength=len(label))
    first = np.flatnonzero(size == 2) if closed_form else np.empty(0, dtype=np.intp)
    second = np.flatnonzero((component != np.arange(len(label))) & (size[component] == 2))
    second = second[np.argsort(component[second])] if closed_form else first
    masses = label[first] + label[second]
    pairs = np.stack([first, second], axis=1)
    # After the axes are moved: (components, symbols, 2).
    pairs1, pairs2 = (table[:, pairs].transpose(1, 0, 2) / masses[:, None, None] for table in (a, b))
    parts = []
    for k in np.flatnonzero(size > (2 if closed_form else 1)):
        inside = component == k
        mass = float(label[inside].sum())
        parts.append(_part(mass, a[:, inside] / mass, b[:, inside] / mass))
    return Split(entropy(label), parts, masses, pairs1, pairs2)
