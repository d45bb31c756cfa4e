"""A planted dataset: independent noisy COPY, UNQ and XOR bits, whose R, U1, U2 and S are known by formula.

    alpha = (c, a)   beta = (c, b)   gamma = (u, w)        c, a, b, u, w: independent fair bits
    label = (c + e1, u + e2, a xor b + e3)                 e_k: independent, 1 with probability noise_k, sums modulo 2

With h the binary entropy and I_k = 1 - h(noise_k), in bits:

    pair (alpha, beta):    R = I_copy    U1 = U2 = 0                    S = I_xor
    pair (alpha, gamma):   R = 0         U1 = I_copy, U2 = I_unique     S = 0
    pair (beta, gamma):    the same as (alpha, gamma)

Reference: Bertschinger et al. 2014, Quantifying unique information, for the definition and for its additivity over
independent systems, which makes the parts of a pair the sums of those of its bits. Each source has four symbols, each
shown as a vector of its own (lossless); w tells nothing, so that gamma too has four symbols.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import numpy as np

from mmcore.data.arrays import from_arrays
from mmcore.data.dataset import Dataset
from mmcore.data.split import fold_rows
from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

DEFAULT_NOISE = {"copy": 0.05, "unique": 0.10, "xor": 0.05}
CLASSES = tuple(f"c{c}u{u}x{x}" for c, u, x in product((0, 1), repeat=3))
WIDTH = 6


def binary_entropy(p: float) -> float:
    """Return the entropy of a bit that is 1 with probability `p`, in bits.

    Example:
        >>> binary_entropy(0.5), binary_entropy(0.0)
        (1.0, 0.0)
    """
    return 0.0 if p in (0.0, 1.0) else -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def _checked_noise(noise: Mapping[str, float] | None) -> dict[str, float]:
    given = {**DEFAULT_NOISE, **(noise or {})}
    for key, value in given.items():
        if key not in DEFAULT_NOISE:
            raise unknown_name("noise", key, DEFAULT_NOISE)
        if not 0.0 <= value <= 0.5:
            raise InputError(f"noise.{key}", value, "0 to 0.5", "Give the chance that the bit is flipped.")
    return given


def planted_truth(noise: Mapping[str, float] | None = None) -> list[dict[str, str | float]]:
    """Return the four atoms of each pair in bits, by the formulas above.

    Example:
        >>> [round(planted_truth()[0][atom], 3) for atom in ("redundancy", "synergy")]
        [0.714, 0.714]
    """
    information = {key: 1.0 - binary_entropy(value) for key, value in _checked_noise(noise).items()}
    together = {"redundancy": information["copy"], "unique1": 0.0, "unique2": 0.0, "synergy": information["xor"]}
    apart = {"redundancy": 0.0, "unique1": information["copy"], "unique2": information["unique"], "synergy": 0.0}
    return [
        {"first": "alpha", "second": "beta", **together},
        {"first": "alpha", "second": "gamma", **apart},
        {"first": "beta", "second": "gamma", **apart},
    ]


def codebook(seed: int, name: str) -> np.ndarray:
    """Return the vectors of a source's four symbols, (4, 6) of -1 and 1, any two apart in at least three entries.

    Two rows of an 8 x 8 Hadamard matrix differ in half of their entries; the first column is the same in all, and one
    more is left out. The seed decides which one, the rows, the order and the signs.

    Example:
        >>> codebook(0, "alpha").shape
        (4, 6)
    """
    hadamard = np.array([[1, 1], [1, -1]])
    for _ in range(2):
        hadamard = np.kron(hadamard, np.array([[1, 1], [1, -1]]))
    generator = stream(seed, "planted", "codebook", name)
    columns = generator.permutation(np.arange(1, 8))[:WIDTH]
    signs = generator.choice([-1.0, 1.0], size=WIDTH)
    rows = generator.permutation(8)[:4]
    return np.asarray(hadamard[np.ix_(rows, columns)] * signs)


def planted(
    *,
    n_samples: int,
    noise: Mapping[str, float] | None = None,
    seed: int,
    name: str = "planted",
    n_folds: int | None = None,
) -> Dataset:
    """Return the planted dataset of `n_samples` rows, its truth in `annotations["truth"]`.

    Args:
        n_samples: rows.
        noise: chance of a flip for `copy`, `unique` and `xor`, each 0 to 0.5.
        seed: of the bits, the vectors and the split.
        name: of the dataset.
        n_folds: stratified folds to add to the 70/15/15 split, or None.

    Returns:
        Modalities `alpha`, `beta` and `gamma` of kind embedding, (n_samples, 6) float32, and a label of 8 classes.

    Raises:
        InputError: for fewer than 50 rows, a noise out of range, or fewer than two folds.

    Example:
        >>> planted(n_samples=200, seed=0).modalities
        ('alpha', 'beta', 'gamma')
    """
    if n_samples < 50:
        raise InputError("n_samples", n_samples, "50 or more", "Ask for more rows.")
    chances = _checked_noise(noise)
    bits = {key: stream(seed, "planted", key).integers(0, 2, n_samples) for key in "cabuw"}
    flips = {
        key: (stream(seed, "planted", "flip", key).random(n_samples) < chance).astype(int)
        for key, chance in chances.items()
    }
    symbols = {
        "alpha": 2 * bits["c"] + bits["a"],
        "beta": 2 * bits["c"] + bits["b"],
        "gamma": 2 * bits["u"] + bits["w"],
    }
    copied, unique = bits["c"] ^ flips["copy"], bits["u"] ^ flips["unique"]
    label = 4 * copied + 2 * unique + (bits["a"] ^ bits["b"] ^ flips["xor"])
    return from_arrays(
        {key: codebook(seed, key)[value].astype(np.float32) for key, value in symbols.items()},
        labels=[CLASSES[code] for code in label],
        name=name,
        kinds=dict.fromkeys(symbols, "embedding"),
        classes=CLASSES,
        annotations={
            "question": "Which of 8 planted classes is this?",
            "sample_noun": "sample",
            "label_noun": "class",
            "truth": planted_truth(chances),
        },
        licence="Apache-2.0",
        source="mmcore/data/worlds/planted.py",
        folds=None if n_folds is None else fold_rows(label, n_folds=n_folds, seed=seed),
        seed=seed,
    )
