"""The ten synthetic sets of the thesis (section 3.3.1, table 3.2): two sources with private and shared latents.

    z1, z2, zc ~ N(0, 1.5 I_5),     x1 = [z1 A1, zc Ac],   x2 = [z2 A2, zc Ac],     A: 5 x 32, Uniform(0, 1) entries
    v = dropout_0.2( chosen entries of [z1, z2, zc] ),     y = class of the rank of logistic(mean v), equal sizes

Reference: Liang 2024 (thesis), section 3.3.1, as the authors' released generator does it. A set is three ratios: the
share of the entries of z1, z2 and zc that enter the label, int(5 ratio) of them, drawn anew for each row where the
ratio is below one. The dropout stays on while labels are made (an entry is zeroed with probability 0.2, the others grow
by 1/0.8), so the labels are noisy.

What goes wrong: the set called "synergy" labels by a mean over both private blocks. That is a sum of two independent
sources, which has redundancy as well as synergy in the definition of Bertschinger et al. 2014; the printed truth row
is the authors' intention, not a computed decomposition. The text says latents of 50 entries; the code has 5, kept here.
Departures on purpose: two classes (the released default is 32, the published accuracies are those of two), a seed, and
rows in the order drawn instead of sorted by label. Sizes are parameters. The ratios of the five random sets, which the
authors draw from Uniform(0, 1) without a seed, have one here (`random_ratios`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

Float = NDArray[np.float64]

BLOCK, MAPPED, VARIANCE = 5, 32, 1.5
DROPOUT = 0.2

# Table 3.2 is of mixed units: the released code has no division by log 2 for CVX, and bits for the other two rows.
PUBLISHED_UNITS = {"cvx": "nats", "batch": "bits", "truth": "bits"}


@dataclasses.dataclass(frozen=True)
class GenerativeSet:
    """One column of table 3.2: the ratios of (z1, z2, zc) in the label, and the printed (R, U1, U2, S) of each row."""

    name: str
    label: str
    ratios: tuple[float, float, float]
    cvx: tuple[float, float, float, float]
    batch: tuple[float, float, float, float]
    truth: tuple[float, float, float, float]


SETS: dict[str, GenerativeSet] = {
    row.name: row
    for row in (
        GenerativeSet("redundancy", "D_R", (0, 0, 1), (0.16, 0, 0, 0.05), (0.29, 0.02, 0.02, 0), (0.58, 0, 0, 0)),
        GenerativeSet("unique1", "D_U1", (1, 0, 0), (0, 0.16, 0, 0.05), (0, 0.30, 0, 0), (0, 0.56, 0, 0)),
        GenerativeSet("unique2", "D_U2", (0, 1, 0), (0, 0, 0.17, 0.05), (0, 0, 0.30, 0), (0, 0, 0.54, 0)),
        GenerativeSet("synergy", "D_S", (1, 1, 0), (0.07, 0, 0.01, 0.14), (0.11, 0.02, 0.02, 0.15), (0, 0, 0, 0.56)),
        GenerativeSet(
            "mixed_half1_half2_halfc",
            "f(z1*, z2*, zc*)",
            (0.5, 0.5, 0.5),
            (0.04, 0.01, 0, 0.07),
            (0.06, 0.01, 0.01, 0.06),
            (0.13, 0, 0, 0.27),
        ),
        GenerativeSet(
            "mixed_all1_half2_halfc",
            "f(z1, z2*, zc*)",
            (1, 0.5, 0.5),
            (0.04, 0.06, 0, 0.07),
            (0.04, 0.09, 0, 0.06),
            (0, 0.25, 0, 0.25),
        ),
        GenerativeSet(
            "mixed_all1_all2_halfc",
            "f(z1, z2, zc*)",
            (1, 1, 0.5),
            (0.07, 0, 0, 0.12),
            (0.11, 0.02, 0.02, 0.10),
            (0.18, 0, 0, 0.36),
        ),
        GenerativeSet(
            "mixed_half1_half2_allc",
            "f(z1*, z2*, zc)",
            (0.5, 0.5, 1),
            (0.1, 0, 0.01, 0.07),
            (0.11, 0.02, 0.02, 0.05),
            (0.22, 0, 0, 0.22),
        ),
        GenerativeSet(
            "mixed_half2_halfc",
            "f(z2*, zc*)",
            (0, 0.5, 0.5),
            (0.03, 0, 0.04, 0.05),
            (0.07, 0, 0.06, 0),
            (0.21, 0, 0.21, 0),
        ),
        GenerativeSet(
            "mixed_half2_allc", "f(z2*, zc)", (0, 0.5, 1), (0.10, 0, 0.04, 0.05), (0.19, 0, 0.06, 0), (0.34, 0, 0.17, 0)
        ),
    )
}


@dataclasses.dataclass(frozen=True)
class GenerativeWorld:
    """All that a set depends on but for the seed and the number of rows; sizes as in `generate_ratios`.

    Example:
        >>> GenerativeWorld("redundancy", (0, 0, 1)).n_classes
        2
    """

    name: str
    ratios: tuple[float, float, float]
    n_classes: int = 2
    dropout: float = DROPOUT
    block: int = BLOCK
    mapped: int = MAPPED
    variance: float = VARIANCE

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the names of the sources."""
        return ("x1", "x2")


@dataclasses.dataclass(frozen=True, eq=False)
class GenerativeSamples:
    """Rows of one set: sources x1, x2 (n, 2 mapped), classes y (n,) and the latents (n, block) they came from."""

    x1: Float
    x2: Float
    y: NDArray[np.int64]
    private1: Float
    private2: Float
    shared: Float


def generate(
    name: str,
    n: int = 20_000,
    *,
    n_classes: int = 2,
    dropout: float = DROPOUT,
    block: int = BLOCK,
    mapped: int = MAPPED,
    variance: float = VARIANCE,
    seed: int,
) -> GenerativeSamples:
    """Return `n` rows of the set `name` of table 3.2.

    Args:
        name: a key of `SETS`.
        n: rows, a multiple of `n_classes` for classes of exactly equal size.
        n_classes: classes that the ranks are cut into.
        dropout: chance that an entry is zeroed before the mean, in [0, 1).
        block: latent entries of each block.
        mapped: entries that each block is mapped to, at least `block` for a map without loss.
        variance: of a latent entry.
        seed: of everything; sources are the same for all sets of one seed.

    Raises:
        InputError: for an unknown name or a number out of range.

    Example:
        >>> rows = generate("redundancy", 100, seed=0)
        >>> rows.x1.shape, rows.x2.shape, np.bincount(rows.y).tolist()
        ((100, 64), (100, 64), [50, 50])
    """
    if name not in SETS:
        raise unknown_name("name", name, SETS)
    return generate_ratios(
        SETS[name].ratios,
        n,
        n_classes=n_classes,
        dropout=dropout,
        block=block,
        mapped=mapped,
        variance=variance,
        seed=seed,
    )


def entry_counts(ratios: Sequence[float], block: int = BLOCK) -> tuple[int, int, int]:
    """Return how many entries of z1, z2 and zc enter the label.

    Raises:
        InputError: for a share out of range, or where no entry at all would enter.

    Example:
        >>> entry_counts((0.5, 0.5, 1.0))
        (2, 2, 5)
    """
    given = [float(r) for r in ratios]
    if len(given) != 3 or not all(0.0 <= r <= 1.0 for r in given):
        raise InputError("ratios", ratios, "three numbers in [0, 1]", "Give the shares of z1, z2 and zc.")
    counts = (int(given[0] * block), int(given[1] * block), int(given[2] * block))
    if sum(counts) == 0:
        raise InputError("ratios", ratios, f"at least one of them >= {1 / block}", "No entry would enter the label.")
    return counts


def intended(ratios: Sequence[float]) -> dict[str, float]:
    """Return the shares (R, U1, U2, S) that a set is meant to have: what z1 and z2 have in common counts as synergy.

    R = rc / sum,   U1 = max(r1 - r2, 0) / sum,   U2 = max(r2 - r1, 0) / sum,   S = 2 min(r1, r2) / sum.   This is a
    reading of the "truth" row of table 3.2, right for eight of the ten sets; the printed rows of f(z1, z2*, zc*) (no
    redundancy) and f(z1, z2, zc*) (blocks counted as wholes) follow other rules. `generative_truth`: what a set holds.

    Raises:
        InputError: as `entry_counts`.

    Example:
        >>> intended((0.5, 0.5, 1.0))
        {'redundancy': 0.5, 'unique1': 0.0, 'unique2': 0.0, 'synergy': 0.5}
    """
    entry_counts(ratios)
    r1, r2, rc = (float(r) for r in ratios)
    parts = {"redundancy": rc, "unique1": max(r1 - r2, 0.0), "unique2": max(r2 - r1, 0.0), "synergy": 2 * min(r1, r2)}
    return {name: part / (r1 + r2 + rc) for name, part in parts.items()}


def random_ratios(seed: int, *, block: int = BLOCK) -> tuple[float, float, float]:
    """Return the ratios of a random set: Uniform(0, 1), the first draw by which an entry enters the label at all.

    Example:
        >>> all(0 <= r <= 1 for r in random_ratios(1))
        True
    """
    if block < 2:  # of a single entry no share below one takes any
        raise InputError("block", block, "2 or more", "The released code has 5.")
    generator = stream(seed, "generative", "ratios")
    while True:
        r1, r2, rc = generator.random(3)
        if int(r1 * block) + int(r2 * block) + int(rc * block):
            return float(r1), float(r2), float(rc)


def generate_ratios(
    ratios: Sequence[float],
    n: int,
    *,
    n_classes: int = 2,
    dropout: float = DROPOUT,
    block: int = BLOCK,
    mapped: int = MAPPED,
    variance: float = VARIANCE,
    seed: int,
) -> GenerativeSamples:
    """Return `n` rows whose label mixes z1, z2 and zc by `ratios`, each the share of a block's entries in [0, 1].

    Raises:
        InputError: as `generate`; also where no entry at all enters the label.

    Example:
        >>> generate_ratios((0.5, 0.5, 1.0), 10, seed=0).shared.shape
        (10, 5)
    """
    counts = _checked(ratios, n, n_classes, dropout, block, mapped, variance)
    scale = np.sqrt(variance)
    names = ("private1", "private2", "shared")
    blocks = {key: scale * stream(seed, "generative", key).standard_normal((n, block)) for key in names}
    maps = {key: stream(seed, "generative", "map", key).random((block, mapped)) for key in names}
    images = {key: blocks[key] @ maps[key] for key in names}
    score = _scores(list(blocks.values()), counts, dropout, seed)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(score, kind="stable")] = np.arange(n)
    return GenerativeSamples(
        x1=np.concatenate([images["private1"], images["shared"]], axis=1),
        x2=np.concatenate([images["private2"], images["shared"]], axis=1),
        y=rank * n_classes // n,
        **blocks,
    )


def _checked(
    ratios: Sequence[float], n: int, n_classes: int, dropout: float, block: int, mapped: int, variance: float
) -> tuple[int, int, int]:
    if block < 1 or mapped < block:
        raise InputError(
            "block, mapped", f"{block}, {mapped}", "1 <= block <= mapped", "The released code has 5 and 32."
        )
    if not (math.isfinite(variance) and variance > 0.0):
        raise InputError("variance", variance, "a finite number > 0", "The released code has 1.5.")
    if n_classes < 2 or n < n_classes:
        raise InputError("n, n_classes", f"{n}, {n_classes}", "n >= n_classes >= 2", "Ask for more rows.")
    if not 0.0 <= dropout < 1.0:
        raise InputError("dropout", dropout, "a number in [0, 1)", "The thesis uses 0.2.")
    return entry_counts(ratios, block)


def _scores(blocks: list[Float], counts: Sequence[int], dropout: float, seed: int) -> Float:
    """Return the logistic of the mean of the entries that enter each row's label, noise included."""
    total = np.zeros(len(blocks[0]))
    for index, (block, count) in enumerate(zip(blocks, counts)):
        chosen = np.ones(block.shape, dtype=bool)
        if count < block.shape[1]:
            order = stream(seed, "generative", "chosen", index).random(block.shape).argsort(axis=1)
            chosen = order.argsort(axis=1) < count
        kept = stream(seed, "generative", "dropout", index).random(block.shape) >= dropout
        total += (block * (chosen & kept)).sum(axis=1) / (1.0 - dropout)
    return np.asarray(1.0 / (1.0 + np.exp(-total / sum(counts))))
