"""What a generative set truly holds: exact posteriors of the label given latents, then the closed form for two labels.

    T = sum of kept entries of [z1, z2, zc],   Y = 1 if T > 0;   an entry is kept when it is chosen and not dropped
    p(y | x1) = P(T > 0 | z1, zc),   because x1 is an injective linear map of (z1, zc); likewise x2 and both

Given the latents that a source shows, T is a sum over kept sets (2^block a block, each with its probability) plus a
Gaussian for the block it does not show, whose variance depends on how many of its entries are kept. All of that is
summed exactly; only the latents themselves are drawn, so the error is that of a mean over `n` rows. The union
information then follows from the posteriors by the closed form for two labels, which needs no coupling and no cluster.

Reference: Liang 2024 (thesis), section 3.3.1, for the sets; Bertschinger et al. 2014 for the atoms. For two classes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mmcore.data.worlds.generative import BLOCK, DROPOUT, VARIANCE, entry_counts
from mmcore.errors import InputError
from mmcore.information.entropy import mutual_information
from mmcore.information.solvers.two_labels import union_information
from mmcore.seeds import stream

Float = NDArray[np.float64]

MOST_BLOCK = 6  # sums over 4^block kept sets, or fewer
_CELLS = 8_000_000


@dataclasses.dataclass(frozen=True)
class GenerativeTruth:
    """Atoms (bits), informations (bits) and Bayes accuracies of a generative set, each a mean over draws.

    Attributes:
        atoms: redundancy, unique1, unique2 and synergy.
        information: of "x1", "x2" and "both".
        accuracy: of the best classifier of each.
        error: largest standard error of an information.
    """

    atoms: dict[str, float]
    information: dict[str, float]
    accuracy: dict[str, float]
    error: float


def kept_probabilities(count: int, *, block: int = BLOCK, dropout: float = DROPOUT) -> Float:
    """Return the probability (2^block,) of each kept set when `count` entries are chosen, each dropped at `dropout`.

    Example:
        >>> float(kept_probabilities(2).sum().round(12))
        1.0
    """
    size = _kept(block).sum(axis=1).astype(int)
    weight = [
        math.comb(block - k, count - k) / math.comb(block, count) if k <= count else 0.0 for k in range(block + 1)
    ]
    chance = [weight[k] * (1 - dropout) ** k * dropout ** max(count - k, 0) for k in range(block + 1)]
    return np.asarray(np.array(chance)[size])


def _kept(block: int) -> Float:
    return np.array(list(itertools.product((0.0, 1.0), repeat=block)))


def _sums(known: Sequence[tuple[Float, int]], dropout: float) -> tuple[Float, Float]:
    """Return all sums (n, m) that the known blocks can contribute, and their probabilities (m,)."""
    total, chance = np.zeros((len(known[0][0]), 1)), np.ones(1)
    for latents, count in known:
        kept = kept_probabilities(count, block=latents.shape[1], dropout=dropout)
        used = kept > 0
        part = latents @ _kept(latents.shape[1])[used].T
        total = (total[:, :, None] + part[:, None, :]).reshape(len(latents), -1)
        chance = np.outer(chance, kept[used]).ravel()
    return total, chance


def posterior(
    known: Sequence[tuple[Float, int]], hidden: Sequence[int], *, dropout: float = DROPOUT, variance: float = VARIANCE
) -> Float:
    """Return P(Y = 1 | known blocks), (n,).

    Args:
        known: (latents (n, block), number of chosen entries) of each block that is seen.
        hidden: number of chosen entries of each block that is not.
        dropout: chance that a chosen entry is dropped.
        variance: of a latent entry.

    Example:
        >>> posterior([(np.zeros((1, 5)), 0)], [5]).round(6).tolist()        # nothing seen enters the label
        [0.5]
    """
    sizes = np.ones(1)
    for count in hidden:
        chances = np.array(
            [math.comb(count, k) * (1 - dropout) ** k * dropout ** (count - k) for k in range(count + 1)]
        )
        sizes = np.convolve(sizes, chances)
    found = np.empty(len(known[0][0]))
    rows = max(1, _CELLS // 2 ** sum(latents.shape[1] for latents, count in known if count))
    rows = min(rows, 500)
    for start in range(0, len(found), rows):
        sums, chance = _sums([(latents[start : start + rows], count) for latents, count in known], dropout)
        above = np.zeros(len(sums))
        for kept, weight in enumerate(sizes):
            scale = np.sqrt(variance * kept)
            # where nothing is kept at all the score ties, and the sort that makes classes splits ties evenly
            step = ndtr(sums / scale) if kept else np.where(sums == 0, 0.5, sums > 0)
            above += weight * (step @ chance)
        found[start : start + rows] = above
    return found


def generative_truth(
    ratios: Sequence[float],
    *,
    n: int,
    block: int = BLOCK,
    dropout: float = DROPOUT,
    variance: float = VARIANCE,
    seed: int,
) -> GenerativeTruth:
    """Return what a set of two classes holds, from `n` draws of the latents.

    Args:
        ratios: of z1, z2 and zc in the label.
        n: draws; each counts with both signs.
        block: latent entries of each block, at most 6 here, where kept sets are enumerated.
        dropout: chance that an entry is dropped.
        variance: of a latent entry.
        seed: of the draws.

    Raises:
        InputError: as `generate_ratios`; for larger blocks.

    Example:
        >>> found = generative_truth((0, 0, 1), n=200, seed=0)       # the label of the shared block: all redundant
        >>> found.atoms["redundancy"] > 0.4, abs(found.atoms["unique1"]) < 1e-9, abs(found.atoms["synergy"]) < 1e-9
        (True, True, True)
    """
    if not 1 <= block <= MOST_BLOCK:
        raise InputError("block", block, f"1 to {MOST_BLOCK}", "Estimate larger blocks from drawn rows.")
    if n < 2:
        raise InputError("n", n, "2 or more", "Ask for more draws.")
    counts = entry_counts(ratios, block)
    generator = stream(seed, "generative truth")
    z1, z2, zc = np.sqrt(variance) * generator.standard_normal((3, n, block))
    # both signs of every draw: the label is then balanced exactly, for every source
    z1, z2, zc = (np.concatenate([z, -z]) for z in (z1, z2, zc))
    of = {"dropout": dropout, "variance": variance}
    known = {
        "x1": posterior([(z1, counts[0]), (zc, counts[2])], [counts[1]], **of),
        "x2": posterior([(z2, counts[1]), (zc, counts[2])], [counts[0]], **of),
        "both": posterior([(z1, counts[0]), (z2, counts[1]), (zc, counts[2])], [], **of),
    }
    tables = {name: np.stack([1 - p, p], axis=1) / len(p) for name, p in known.items()}
    union = union_information(tables["x1"], tables["x2"]).upper
    information = {name: mutual_information(table) for name, table in tables.items()}
    atoms = {
        "redundancy": information["x1"] + information["x2"] - union,
        "unique1": union - information["x2"],
        "unique2": union - information["x1"],
        "synergy": information["both"] - union,
    }
    accuracy = {name: float(np.maximum(p, 1 - p).mean()) for name, p in known.items()}
    return GenerativeTruth(atoms, information, accuracy, max(_error(p[:n]) for p in known.values()))


def _error(p: Float) -> float:
    """Return the standard error of the mean of 1 - h(p), bits."""
    held = np.clip(p, np.finfo(float).tiny, 1.0)
    other = np.clip(1.0 - p, np.finfo(float).tiny, 1.0)
    pointwise = 1.0 + p * np.log2(held) + (1.0 - p) * np.log2(other)
    return float(pointwise.std(ddof=1) / np.sqrt(len(p)))
