"""How near the worlds of the bank are to a dataset: the distance of normalised atoms, and the weights of the nearest.

    share_i = max(I_i, 0) / sum_j max(I_j, 0),    s(D, D') = sum_i |share_i(D) - share_i(D')|,    i in R, U1, U2, S

Reference: thesis section 3.3.4, which takes the nearest world alone and its three best models. Here

    weight = max(0, 1 - s / h),    h = the distance of the (k + 1)-th nearest world,    normalised to sum to one,

for each draw of the dataset's atoms (`dataset_atoms`); k = 1 and no draws is the thesis' rule. The weights are
continuous in the atoms: a world that is overtaken has the weight zero. Worlds of equal distance have equal weights.

- A world stands for its mirror image too (U1 and U2, first and second exchanged). It is turned so that its modality
  with the larger unique atom stands for the dataset's: no other orientation is nearer (a sum of convex costs is least
  in the same order), though s alone often cannot tell the two. Where either has equal unique atoms, both orientations
  count by halves. So a world counts once, and which modality is called the first means nothing.
- A negative atom is an estimate of zero and has no share: atoms are floored at zero, in the bank and in every draw,
  before they are divided by what is left. Nothing else is changed. A draw without a positive atom has no shares, and
  no neighbours; it takes no part.
- The total information is no part of the distance, as in the thesis: the same interactions at another noise level call
  for the same kind of model. It decides before: a pair without information that counts has no neighbours at all
  (`dataset_atoms`), and a world whose estimated total is not above 0.01 bit is nobody's neighbour. The uncertainty of
  the shares grows as the total falls, and with it the number of worlds that get a weight.

Assumes that both were estimated the same way: the bank's `estimated_*` atoms are those of the pipeline's own estimator.
Their own sampling error is not in the weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError

Float = NDArray[np.float64]

MIRROR = (0, 2, 1, 3)  # R, U2, U1, S
_TIE = 1e-12
_FARTHEST = 2.0  # two sets of shares that have nothing in common


def shares(atoms: Float) -> Float:
    """Return normalised atoms (n, 4): negative ones floored at zero, then divided by their sum; NaN where none is left.

    Args:
        atoms: (n, 4) in bits, R, U1, U2, S.

    Example:
        >>> shares(np.array([[0.3, -0.1, 0.0, 0.1], [0.0, -0.1, 0.0, 0.0]])).round(2).tolist()
        [[0.75, 0.0, 0.0, 0.25], [nan, nan, nan, nan]]
    """
    floored = np.maximum(np.asarray(atoms, dtype=np.float64), 0.0)
    total = floored.sum(axis=1, keepdims=True)
    return np.divide(floored, total, out=np.full_like(floored, np.nan), where=total > 0.0)


def distances(draws: Float, worlds: Float) -> Float:
    """Return (n, W, 2): the distance of each draw to each world as it is, and to its mirror image.

    Args:
        draws: (n, 4) shares of the dataset.
        worlds: (W, 4) shares of the worlds.

    Example:
        >>> distances(np.array([[0.0, 1.0, 0.0, 0.0]]), np.array([[0.5, 0.0, 0.5, 0.0]])).tolist()
        [[[2.0, 1.0]]]
    """
    both = np.stack([worlds, worlds[:, MIRROR]], axis=1)
    return np.asarray(np.abs(draws[:, None, None, :] - both).sum(axis=3))


def neighbour_weights(draws: Float, worlds: Float, *, n_neighbours: int = 6) -> Float:
    """Return (n, W, 2): what each world, as it is and mirrored, weighs for each draw; sums to one, zero without shares.

    Args:
        draws: (n, 4) shares of the dataset, rows of NaN allowed.
        worlds: (W, 4) shares of the worlds.
        n_neighbours: k; at most so many worlds have a weight, more only where they are all equally near.

    Raises:
        InputError: for no world, or a k that is no positive integer.

    Example:
        >>> near = np.array([[0.0, 0.0, 0.0, 1.0], [0.5, 0.0, 0.0, 0.5], [1.0, 0.0, 0.0, 0.0]])
        >>> neighbour_weights(np.array([[0.1, 0.0, 0.0, 0.9]]), near, n_neighbours=2).sum(axis=2).round(3).tolist()
        [[0.615, 0.385, 0.0]]
    """
    if isinstance(n_neighbours, bool) or not isinstance(n_neighbours, int) or n_neighbours < 1:
        raise InputError("n_neighbours", n_neighbours, "an integer >= 1", "Pass for example n_neighbours=6.")
    if not len(worlds):
        raise InputError("bank", "no world that a pair can be near to", "one world or more", "Build the bank.")
    known = ~np.isnan(draws).any(axis=1)
    apart = distances(draws[known], worlds)
    nearer = apart.min(axis=2)
    ordered = np.sort(nearer, axis=1)
    reach = ordered[:, [n_neighbours]] if n_neighbours < ordered.shape[1] else np.full((len(ordered), 1), _FARTHEST)
    weight = np.where(
        ordered[:, :1] >= reach - _TIE,  # more than k worlds are the nearest
        (nearer <= ordered[:, :1] + _TIE).astype(np.float64),
        np.maximum(1.0 - nearer / np.maximum(reach, _TIE), 0.0),
    )
    weight /= weight.sum(axis=1, keepdims=True)
    result = np.zeros((len(draws), len(worlds), 2))
    result[known] = weight[:, :, None] * _orientation(draws[known], worlds)
    return result


def _orientation(draws: Float, worlds: Float) -> Float:
    """Return (n, W, 2): one for the orientation in which the larger unique atoms stand together, halves where equal."""
    apart, other = draws[:, 1] - draws[:, 2], worlds[:, 1] - worlds[:, 2]
    same = np.sign(np.where(np.abs(apart) > _TIE, apart, 0.0))[:, None] * np.sign(
        np.where(np.abs(other) > _TIE, other, 0.0)
    )
    return np.stack([0.5 + 0.5 * same, 0.5 - 0.5 * same], axis=2)
