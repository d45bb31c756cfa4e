"""Symbols as vectors: words, noise and distractors side by side, turned and bent by a map that can be undone.

    z = [words + noise, distractors],     (a, b) = z Q1 cut in halves,     x = [a, b + warp tanh(2 a W)] Q2

Q1 and Q2 are random rotations, the step between is an additive coupling: any of it is undone exactly. So x tells about
the label what the symbols tell.

Reference: Dinh, Krueger and Bengio 2015, NICE: non-linear independent components estimation, for the coupling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.data.worlds.embedding import Codes, Embedding, Float, draw_signs, read_words, rotation, words
from mmcore.errors import InputError
from mmcore.seeds import stream


def encode(
    codes: Codes, levels: tuple[int, ...], options: Embedding, *, seed: int, modality: str, part: str = "all"
) -> NDArray[np.float32]:
    """Return the vectors (n, width) of symbols (n, parts), float32.

    Args:
        codes: symbols of each part.
        levels: of each part.
        options: sizes and difficulty.
        seed: of the maps and of the noise; the maps of a modality are the same for all parts (splits).
        modality: name, for the streams.
        part: name of the stream of rows.

    Example:
        >>> encode(np.array([[0], [1]]), (2,), Embedding(width=4), seed=0, modality="alpha").shape
        (2, 4)
    """
    options.check(levels, "vector")
    n, used, free = len(codes), sum(levels), options.width - sum(levels)
    names = (part, modality)
    signs = draw_signs(n, levels, options.prototypes, seed=seed, names=names)
    z = np.empty((n, options.width))
    noise = stream(seed, "controlled", *names, "noise").uniform(-options.spread, options.spread, (n, used))
    z[:, :used] = words(codes, levels, signs).sum(axis=1) + noise
    z[:, used:] = options.distractor * stream(seed, "controlled", *names, "distractor").standard_normal((n, free))
    if options.shared_distractors:
        same = stream(seed, "controlled", part, "shared distractor").standard_normal((n, options.shared_distractors))
        z[:, used : used + options.shared_distractors] = options.distractor * same
    first, second, bend = _maps(options, seed, modality)
    turned = z @ first
    half = options.width // 2
    turned[:, half:] += options.warp * np.tanh(2.0 * turned[:, :half] @ bend)
    return np.asarray((turned @ second).astype(np.float32))


def decode(x: NDArray, levels: tuple[int, ...], options: Embedding, *, seed: int, modality: str) -> Codes:
    """Return the symbols (n, parts) of vectors (n, width), exactly those that `encode` was given.

    Raises:
        InputError: for vectors of another width.

    Example:
        >>> options = Embedding(width=6, warp=1.0, prototypes=2, spread=0.49)
        >>> codes = np.array([[0, 2], [1, 1], [0, 0]])
        >>> x = encode(codes, (2, 3), options, seed=0, modality="alpha")
        >>> decode(x, (2, 3), options, seed=0, modality="alpha").tolist()
        [[0, 2], [1, 1], [0, 0]]
    """
    if x.ndim != 2 or x.shape[1] != options.width:
        raise InputError("x", f"shape {x.shape}", f"(n, {options.width})", "Pass the options it was made with.")
    first, second, bend = _maps(options, seed, modality)
    turned = np.asarray(x, dtype=np.float64) @ second.T
    half = options.width // 2
    turned[:, half:] -= options.warp * np.tanh(2.0 * turned[:, :half] @ bend)
    z = turned @ first.T
    return read_words(z[:, None, : sum(levels)], levels, options.prototypes)


def _maps(options: Embedding, seed: int, modality: str) -> tuple[Float, Float, Float]:
    """Return both rotations and the coupling's weights, whose columns have length one."""
    first, second = (rotation(options.width, seed=seed, names=(modality, "vector", k)) for k in (1, 2))
    half = options.width // 2
    shape = (half, options.width - half)
    weights = stream(seed, "controlled", modality, "bend").standard_normal(shape)
    return first, second, weights / np.linalg.norm(weights, axis=0)
