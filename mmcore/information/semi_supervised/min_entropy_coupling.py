"""Upper bounds of the information of both sources: majorisation bounds of the least joint entropy, and the chain rule.

    I(X1,X2;Y) = H(X1,X2) + H(Y) - H(X1,X2,Y),      H(X1,X2,Y) >= H(u ^ v)  for any two marginals u, v that determine it
    H(X1,X2,Y) >= H(Z) + sum_z p(z) H(p(.|z) ^ p(.|z))                       for Z one of X1, X2, Y
    I(X1,X2;Y) <= min( H(Y), I(X1;Y) + H(X2|X1), I(X2;Y) + H(X1|X2) )       chain rule

u ^ v is the greatest lower bound in the order of majorisation: its sorted partial sums are the smaller ones of u and v.
A joint distribution is majorised by each of its marginals, hence by u ^ v, and entropy is Schur-concave (Cicalese,
Gargano and Vaccaro 2019, Minimum-entropy couplings and their applications). Theorem 7 of the thesis is the first
pairing, (X1,X2) with Y; (X1,Y) with X2 and (X2,Y) with X1 are as valid, and so is each given one symbol of the third.
The exact least entropy is NP-hard to find (theorem 6), so none of these need be tight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from mmcore.information.entropy import LN2, mutual_information_many

Float = NDArray[np.float64]

PAIRINGS = ("pair_with_label", "first_labelled_with_second", "second_labelled_with_first")


def majorisation_meet(u: Float, v: Float) -> Float:
    """Return u ^ v, the greatest distribution majorised by both, sorted downwards.

    Args:
        u, v: masses (..., k) and (..., m), of the same total.

    Example:
        >>> majorisation_meet(np.array([0.6, 0.2, 0.2]), np.array([0.5, 0.5])).round(3).tolist()
        [0.5, 0.3, 0.2]
    """
    size = max(u.shape[-1], v.shape[-1])
    sums = [np.cumsum(_padded(np.flip(np.sort(x, axis=-1), axis=-1), size), axis=-1) for x in (u, v)]
    smaller = np.minimum(*sums)
    return np.maximum(np.diff(smaller, axis=-1, prepend=0.0), 0.0)


def _padded(x: Float, size: int) -> Float:
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, size - x.shape[-1])])


def _entropy(x: Float, axes: int = 1) -> Float:
    return np.asarray(entr(x).sum(axis=tuple(range(-axes, 0))) / LN2)


def _flat(x: Float) -> Float:
    return x.reshape(*x.shape[:-2], -1)


def joint_entropy_bounds(a: Float, b: Float, c: Float) -> dict[str, Float]:
    """Return the lower bound of H(X1,X2,Y) in bits from each of the three pairings.

    Args:
        a, b, c: tables (..., n1, l), (..., n2, l), (..., n1, n2).

    Example:
        >>> xor = np.full((2, 2), 0.25)
        >>> {name: float(value) for name, value in joint_entropy_bounds(xor, xor, xor).items()}["pair_with_label"]
        2.0
    """
    marginals = ((c, a.sum(axis=-2)), (a, c.sum(axis=-2)), (b, c.sum(axis=-1)))
    return {name: _entropy(majorisation_meet(_flat(u), v)) for name, (u, v) in zip(PAIRINGS, marginals)}


def conditioned_entropy_bounds(a: Float, b: Float, c: Float) -> dict[str, Float]:
    """Return the lower bound of H(X1,X2,Y) in bits that conditions on each symbol of the label, of X1, of X2.

    Args:
        a, b, c: as in `joint_entropy_bounds`.

    Example:
        >>> same = np.array([[0.5, 0.0], [0.0, 0.5]])                               # X1 = X2 = Y: one bit in all
        >>> [float(value) for value in conditioned_entropy_bounds(same, same, same).values()]
        [1.0, 1.0, 1.0]
    """
    swap = (-1, -2)
    by_symbol = {
        "label": (np.swapaxes(a, *swap), np.swapaxes(b, *swap)),
        "first": (c, a),
        "second": (np.swapaxes(c, *swap), b),
    }
    return {name: _conditioned(u, v) for name, (u, v) in by_symbol.items()}


def _conditioned(u: Float, v: Float) -> Float:
    """Return H(Z) + sum_z p(z) H(u(.|z) ^ v(.|z)) for tables (..., |Z|, k) and (..., |Z|, m)."""
    mass = u.sum(axis=-1, keepdims=True)
    meet = majorisation_meet(u, v)
    # p(z) H(x/p(z)) = sum entr(x) - entr(p(z)): no division, so empty symbols need no care.
    return _entropy(meet, 2) - _entropy(_flat(meet.sum(axis=-1, keepdims=True))) + _entropy(_flat(mass))


def coupling_bounds(a: Float, b: Float, c: Float) -> dict[str, Float]:
    """Return upper bounds of I(X1,X2;Y) in bits: "coupling", "coupling_first", "coupling_conditioned", "chain_rule".

    "coupling_first" is theorem 7 as printed, "coupling" the best of the three pairings, "coupling_conditioned" the best
    of those and of the three conditioned ones.

    Example:
        >>> same = np.array([[0.5, 0.0], [0.0, 0.5]])
        >>> {name: float(value) for name, value in coupling_bounds(same, same, same).items()}["chain_rule"]
        1.0
    """
    label, pair = _entropy(a.sum(axis=-2)), _entropy(c, 2)
    plain = joint_entropy_bounds(a, b, c)
    least = np.maximum.reduce(list(plain.values()))
    conditioned = np.maximum.reduce([least, *conditioned_entropy_bounds(a, b, c).values()])
    chain1 = mutual_information_many(a) + pair - _entropy(c.sum(axis=-1))
    chain2 = mutual_information_many(b) + pair - _entropy(c.sum(axis=-2))
    return {
        "coupling_first": pair + label - plain[PAIRINGS[0]],
        "coupling": pair + label - least,
        "coupling_conditioned": pair + label - conditioned,
        "chain_rule": np.minimum(label, np.minimum(chain1, chain2)),
    }
