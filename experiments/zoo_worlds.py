"""Planted worlds of pure redundancy, uniqueness and synergy, whose best possible accuracy is known by formula.

    u, w: independent fair bits,    e: 1 with probability noise,    sums modulo 2
    redundancy   first shows u, second shows u,   y = u + e       R  = 1 - h(noise), all other atoms 0
    unique1      first shows u, second shows w,   y = u + e       U1 = 1 - h(noise)
    unique2      first shows w, second shows u,   y = u + e       U2 = 1 - h(noise)
    synergy      first shows u, second shows w,   y = u + w + e   S  = 1 - h(noise)
    Bayes accuracy = 1 - noise in each

Reference: Bertschinger et al. 2014, Quantifying unique information, for the atoms. A bit is shown in one of two ways:
`vectors`, as one of two code words (drawn by a fair coin) under Gaussian jitter; or `sequences`, as a pulse along a
fixed direction, up or down, at a step that is drawn for each modality by itself, under Gaussian noise at every step.

How far additive models get with synergy, f(x1) + g(x2) > 0 for y = 1. Let E[u'] = E[w'] = 0 for u' = (-1)^u,
w' = (-1)^w. A rule of that form thresholds the second source at a level that depends on the first, so its correlation
with u'w' is 2 E[u'(x1) V(x1)] up to sign, with V = E[w' 1(x2 below the level)]. As the level passes through x2, V is 0
before and after and moves by at most the mass that it passes: its least value -p and its largest q have p + q <= 1/2.
The correlation is at most p + q, the accuracy without noise at most 3/4 (which "and" reaches), with noise at most
noise + (1 - 2 noise) 3/4. The log loss of any additive model is at least log 2: the loss is convex in f and g, and its
gradient at f = g = 0 vanishes, because neither source alone tells anything of y.
Jitter and noise confuse two symbols with a probability below 1e-4, which is neglected.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset, from_arrays
from mmcore.data.worlds.planted import codebook
from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

WORLDS = ("redundancy", "unique1", "unique2", "synergy")
FORMS = ("vectors", "sequences")
JITTER = 0.3
STEPS, CHANNELS, PULSE = 8, 4, 3.0
PARTS = ("train", "valid", "test")

Bits = NDArray[np.int64]


def bayes_accuracy(noise: float) -> float:
    """Return the accuracy of the best rule in every world.

    Example:
        >>> bayes_accuracy(0.1)
        0.9
    """
    return 1.0 - noise


def additive_ceiling(noise: float) -> float:
    """Return the largest accuracy of an additive model in the synergy world, see above.

    Example:
        >>> round(additive_ceiling(0.1), 3), additive_ceiling(0.5)
        (0.7, 0.5)
    """
    return noise + (1.0 - 2.0 * noise) * 0.75


def shown_bits(name: str, u: Bits, w: Bits) -> tuple[Bits, Bits, Bits]:
    """Return what the first and the second modality show, and the label before noise.

    Raises:
        InputError: for an unknown world.

    Example:
        >>> first, second, label = shown_bits("synergy", np.array([0, 1, 1]), np.array([1, 1, 0]))
        >>> label.tolist()
        [1, 0, 1]
    """
    if name not in WORLDS:
        raise unknown_name("world", name, WORLDS)
    first, second = {"redundancy": (u, u), "unique1": (u, w), "unique2": (w, u), "synergy": (u, w)}[name]
    return first, second, u ^ w if name == "synergy" else u


def _vectors(bits: Bits, modality: str, seed: int) -> NDArray[np.float32]:
    generator = stream(seed, "zoo worlds", "vectors", modality)
    words: NDArray[np.float64] = codebook(seed, modality)[2 * bits + generator.integers(0, 2, len(bits))]
    return np.asarray(words + JITTER * generator.standard_normal(words.shape), np.float32)


def _sequences(bits: Bits, modality: str, seed: int) -> NDArray[np.float32]:
    generator = stream(seed, "zoo worlds", "sequences", modality)
    direction = generator.choice([-1.0, 1.0], CHANNELS) / np.sqrt(CHANNELS)
    values = JITTER * generator.standard_normal((len(bits), STEPS, CHANNELS))
    rows = np.arange(len(bits))
    values[rows, generator.integers(0, STEPS, len(bits))] += PULSE * (2.0 * bits[:, None] - 1.0) * direction
    return np.asarray(values, np.float32)


def world(name: str, form: str, *, rows: dict[str, int], noise: float, seed: int) -> Dataset:
    """Return a world as a dataset of the modalities `first` and `second` with labels "0" and "1".

    Args:
        name: of `WORLDS`.
        form: of `FORMS`: (n, 6) vectors or (n, 8, 4) sequences.
        rows: how many of each part: `train`, `valid`, `test`.
        noise: chance that the label is flipped, 0 to 0.5.
        seed: of everything.

    Raises:
        InputError: for an unknown name, form or part, or a noise out of range.

    Example:
        >>> ds = world("unique1", "sequences", rows={"train": 6, "valid": 4, "test": 4}, noise=0.1, seed=0)
        >>> ds["first"].shape, len(ds.rows("train"))
        ((14, 8, 4), 6)
    """
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    if not 0.0 <= noise <= 0.5:
        raise InputError("noise", noise, "0 to 0.5", "Give the chance that a label is flipped.")
    for part in rows:
        if part not in PARTS:
            raise unknown_name("rows", part, PARTS)
    n = sum(rows.values())
    u, w = (stream(seed, "zoo worlds", bit).integers(0, 2, n) for bit in "uw")
    first, second, label = shown_bits(name, u, w)
    flipped = stream(seed, "zoo worlds", "flips").random(n) < noise
    show = _vectors if form == "vectors" else _sequences
    return from_arrays(
        {"first": show(first, "first", seed), "second": show(second, "second", seed)},
        labels=[str(code) for code in label ^ flipped],
        name=f"{name}-{form}",
        kinds=dict.fromkeys(("first", "second"), "embedding" if form == "vectors" else "timeseries"),
        classes=("0", "1"),
        split=[part for part, count in rows.items() for _ in range(count)],
    )
