"""What the ten synthetic sets truly hold: exact posteriors of the label given latents, then the closed form.

    T = sum of kept entries of [z1, z2, zc],   Y = 1 if T > 0;   an entry is kept when it is chosen and not dropped
    p(y | x1) = P(T > 0 | z1, zc),   because x1 is an injective linear map of (z1, zc); likewise x2 and both

Given the latents that a source shows, T is a sum over kept sets (32 a block, each with its probability) plus a Gaussian
for the block it does not show, whose variance depends on how many of its entries are kept. All of that is summed
exactly; only the latents themselves are drawn, so the error is that of a mean over `n` rows. The union information then
follows from the posteriors by the closed form for two labels, which needs no coupling and no cluster.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mmcore.data.worlds.generative import BLOCK, DROPOUT, VARIANCE
from mmcore.information.entropy import mutual_information
from mmcore.information.solvers.two_labels import union_information
from mmcore.seeds import stream

Float = NDArray[np.float64]

_KEPT = np.array(list(itertools.product((0.0, 1.0), repeat=BLOCK)))  # (32, 5)
_ROWS = 500


def kept_probabilities(count: int) -> Float:
    """Return the probability (32,) of each kept set when `count` of 5 entries are chosen and each dropped at 0.2.

    Example:
        >>> float(kept_probabilities(2).sum().round(12))
        1.0
    """
    size = _KEPT.sum(axis=1).astype(int)
    weight = [
        math.comb(BLOCK - k, count - k) / math.comb(BLOCK, count) if k <= count else 0.0 for k in range(BLOCK + 1)
    ]
    chance = [weight[k] * (1 - DROPOUT) ** k * DROPOUT ** max(count - k, 0) for k in range(BLOCK + 1)]
    return np.asarray(np.array(chance)[size])


def _sums(known: Sequence[tuple[Float, int]]) -> tuple[Float, Float]:
    """Return all sums (n, m) that the known blocks can contribute, and their probabilities (m,)."""
    total, chance = np.zeros((len(known[0][0]), 1)), np.ones(1)
    for block, count in known:
        kept = kept_probabilities(count)
        used = kept > 0
        part = block @ _KEPT[used].T
        total = (total[:, :, None] + part[:, None, :]).reshape(len(block), -1)
        chance = np.outer(chance, kept[used]).ravel()
    return total, chance


def posterior(known: Sequence[tuple[Float, int]], hidden: Sequence[int]) -> Float:
    """Return P(Y = 1 | known blocks), (n,).

    Args:
        known: (latents (n, 5), number of chosen entries) of each block that is seen.
        hidden: number of chosen entries of each block that is not.
    """
    sizes = np.ones(1)
    for count in hidden:
        chances = np.array(
            [math.comb(count, k) * (1 - DROPOUT) ** k * DROPOUT ** (count - k) for k in range(count + 1)]
        )
        sizes = np.convolve(sizes, chances)
    found = np.empty(len(known[0][0]))
    for start in range(0, len(found), _ROWS):
        sums, chance = _sums([(block[start : start + _ROWS], count) for block, count in known])
        above = np.zeros(len(sums))
        for kept, weight in enumerate(sizes):
            scale = np.sqrt(VARIANCE * kept)
            # where nothing is kept at all the score ties, and the sort that makes classes splits ties evenly
            step = ndtr(sums / scale) if kept else np.where(sums == 0, 0.5, sums > 0)
            above += weight * (step @ chance)
        found[start : start + _ROWS] = above
    return found


def truth(ratios: Sequence[float], *, n: int, seed: int) -> dict[str, float]:
    """Return the atoms of a set in bits, from `n` draws of the latents.

    Example:
        >>> atoms = truth((0, 0, 1), n=200, seed=0)       # the label of the shared block: all redundant
        >>> atoms["redundancy"] > 0.4, abs(atoms["unique1"]) < 1e-9, abs(atoms["synergy"]) < 1e-9
        (True, True, True)
    """
    counts = [int(r * BLOCK) for r in ratios]
    generator = stream(seed, "generative truth")
    z1, z2, zc = np.sqrt(VARIANCE) * generator.standard_normal((3, n, BLOCK))
    # both signs of every draw: the label is then balanced exactly, for every source
    z1, z2, zc = (np.concatenate([z, -z]) for z in (z1, z2, zc))
    first = posterior([(z1, counts[0]), (zc, counts[2])], [counts[1]])
    second = posterior([(z2, counts[1]), (zc, counts[2])], [counts[0]])
    both = posterior([(z1, counts[0]), (z2, counts[1]), (zc, counts[2])], [])
    a, b, joint = (np.stack([1 - p, p], axis=1) / len(p) for p in (first, second, both))
    union = union_information(a, b).upper
    information1, information2, total = (mutual_information(t) for t in (a, b, joint))
    return {
        "redundancy": information1 + information2 - union,
        "unique1": union - information2,
        "unique2": union - information1,
        "synergy": total - union,
    }
