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
rows in the order drawn instead of sorted by label.
"""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True, eq=False)
class GenerativeSamples:
    """Rows of one set: sources x1, x2 (n, 64), classes y (n,) and the latents (n, 5) they came from."""

    x1: Float
    x2: Float
    y: NDArray[np.int64]
    private1: Float
    private2: Float
    shared: Float


def generate(
    name: str, n: int = 20_000, *, n_classes: int = 2, dropout: float = DROPOUT, seed: int
) -> GenerativeSamples:
    """Return `n` rows of the set `name` of table 3.2.

    Args:
        name: a key of `SETS`.
        n: rows, a multiple of `n_classes` for classes of exactly equal size.
        n_classes: classes that the ranks are cut into.
        dropout: chance that an entry is zeroed before the mean, in [0, 1).
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
    return generate_ratios(SETS[name].ratios, n, n_classes=n_classes, dropout=dropout, seed=seed)


def generate_ratios(
    ratios: Sequence[float], n: int, *, n_classes: int = 2, dropout: float = DROPOUT, seed: int
) -> GenerativeSamples:
    """Return `n` rows whose label mixes z1, z2 and zc by `ratios`, each the share of a block's entries in [0, 1].

    Raises:
        InputError: as `generate`; also where no entry at all enters the label.

    Example:
        >>> generate_ratios((0.5, 0.5, 1.0), 10, seed=0).shared.shape
        (10, 5)
    """
    counts = _checked(ratios, n, n_classes, dropout)
    scale = np.sqrt(VARIANCE)
    names = ("private1", "private2", "shared")
    blocks = {key: scale * stream(seed, "generative", key).standard_normal((n, BLOCK)) for key in names}
    maps = {key: stream(seed, "generative", "map", key).random((BLOCK, MAPPED)) for key in names}
    mapped = {key: blocks[key] @ maps[key] for key in names}
    score = _scores(list(blocks.values()), counts, dropout, seed)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(score, kind="stable")] = np.arange(n)
    return GenerativeSamples(
        x1=np.concatenate([mapped["private1"], mapped["shared"]], axis=1),
        x2=np.concatenate([mapped["private2"], mapped["shared"]], axis=1),
        y=rank * n_classes // n,
        **blocks,
    )


def _checked(ratios: Sequence[float], n: int, n_classes: int, dropout: float) -> list[int]:
    given = [float(r) for r in ratios]
    if len(given) != 3 or not all(0.0 <= r <= 1.0 for r in given):
        raise InputError("ratios", ratios, "three numbers in [0, 1]", "Give the shares of z1, z2 and zc.")
    counts = [int(r * BLOCK) for r in given]
    if sum(counts) == 0:
        raise InputError("ratios", ratios, f"at least one of them >= {1 / BLOCK}", "No entry would enter the label.")
    if n_classes < 2 or n < n_classes:
        raise InputError("n, n_classes", f"{n}, {n_classes}", "n >= n_classes >= 2", "Ask for more rows.")
    if not 0.0 <= dropout < 1.0:
        raise InputError("dropout", dropout, "a number in [0, 1)", "The thesis uses 0.2.")
    return counts


def _scores(blocks: list[Float], counts: list[int], dropout: float, seed: int) -> Float:
    """Return the logistic of the mean of the entries that enter each row's label, noise included."""
    total = np.zeros(len(blocks[0]))
    for index, (block, count) in enumerate(zip(blocks, counts)):
        chosen = np.ones(block.shape, dtype=bool)
        if count < BLOCK:
            order = stream(seed, "generative", "chosen", index).random(block.shape).argsort(axis=1)
            chosen = order.argsort(axis=1) < count
        kept = stream(seed, "generative", "dropout", index).random(block.shape) >= dropout
        total += (block * (chosen & kept)).sum(axis=1) / (1.0 - dropout)
    return np.asarray(1.0 / (1.0 + np.exp(-total / sum(counts))))
