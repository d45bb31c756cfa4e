"""Symbols as images: each is a pattern of 4 x 4 pixels on a random tile, among noise and patterns that mean nothing.

    grey = 128 + 80 (pattern + noise),      patterns: rows of the 16 x 16 Walsh-Hadamard matrix but the constant one

Patterns are orthogonal, so the mean product of a tile with a pattern is 1 on its own, 0 on another, and is moved by at
most `spread` < 1/2 by noise. Tiles, and the order of the parts on them, are drawn anew for every row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.data.worlds.embedding import PATTERNS, TILE, Codes, Embedding, Float, draw_signs, read_words
from mmcore.errors import InputError
from mmcore.seeds import stream

GREY, CONTRAST = 128.0, 80.0


def patterns(*, seed: int, modality: str) -> Float:
    """Return the patterns (15, 16) of -1 and 1 in the order in which symbols take them.

    Example:
        >>> p = patterns(seed=0, modality="alpha")
        >>> bool((p @ p.T == 16 * np.eye(15)).all()), bool((p.sum(axis=1) == 0).all())
        (True, True)
    """
    walsh = np.ones((1, 1))
    for _ in range(4):
        walsh = np.kron(walsh, np.array([[1.0, 1.0], [1.0, -1.0]]))
    return np.asarray(walsh[1 + stream(seed, "controlled", modality, "patterns").permutation(PATTERNS)])


def encode(
    codes: Codes, levels: tuple[int, ...], options: Embedding, *, seed: int, modality: str, part: str = "all"
) -> NDArray[np.uint8]:
    """Return grey images (n, size, size, 1) of symbols (n, parts), uint8.

    With one prototype a symbol is its pattern; with two it is its pattern in either sign. With distractors, half of the
    free tiles hold a pattern that no symbol has, in either sign.

    Args:
        codes: symbols of each part.
        levels: of each part.
        options: sizes and difficulty.
        seed: of the patterns, the tiles and the noise.
        modality: name, for the streams.
        part: name of the stream of rows.

    Example:
        >>> encode(np.array([[0], [1]]), (2,), Embedding(size=8), seed=0, modality="alpha").shape
        (2, 8, 8, 1)
    """
    options.check(levels, "image")
    n, side, used = len(codes), options.size // TILE, sum(levels)
    names = (part, modality)

    def uniform(purpose: str, *shape: int) -> Float:
        return stream(seed, "controlled", *names, purpose).random((n, *shape))

    signs = draw_signs(n, levels, options.prototypes, seed=seed, names=names)
    shapes = patterns(seed=seed, modality=modality)
    tiles = np.zeros((n, side * side, TILE * TILE))
    if options.distractor > 0.0 and used < PATTERNS:
        empty = used + (uniform("pattern", side * side) * (PATTERNS - used)).astype(np.int64)
        # -1, 0, 0 or 1: nothing on half of the tiles, and no sign preferred
        sign = np.array([-1.0, 0.0, 0.0, 1.0])[(uniform("presence", side * side) * 4).astype(np.int64)]
        tiles = sign[..., None] * shapes[empty]
    where = uniform("tile", side * side).argsort(axis=1)[:, : len(levels)]  # (n, parts)
    symbol = codes + np.cumsum((0, *levels))[: len(levels)]
    shown = shapes[symbol]
    tiles[np.arange(n)[:, None], where] = shown if signs is None else np.where(signs[..., None], -shown, shown)
    tiles += options.spread * (2.0 * uniform("noise", side * side, TILE * TILE) - 1.0)
    image = tiles.reshape(n, side, side, TILE, TILE).transpose(0, 1, 3, 2, 4).reshape(n, options.size, options.size, 1)
    return np.asarray(np.rint(GREY + CONTRAST * image).astype(np.uint8))


def decode(x: NDArray, levels: tuple[int, ...], options: Embedding, *, seed: int, modality: str) -> Codes:
    """Return the symbols (n, parts) of images (n, size, size, 1), exactly those that `encode` was given.

    Raises:
        InputError: for images of another size.

    Example:
        >>> options = Embedding(prototypes=2, spread=0.49)
        >>> x = encode(np.array([[0, 2], [1, 1]]), (2, 3), options, seed=0, modality="alpha")
        >>> decode(x, (2, 3), options, seed=0, modality="alpha").tolist()
        [[0, 2], [1, 1]]
    """
    size, side = options.size, options.size // TILE
    if x.shape[1:] != (size, size, 1):
        raise InputError("x", f"shape {x.shape}", f"(n, {size}, {size}, 1)", "Pass the options it was made with.")
    values = (np.asarray(x, dtype=np.float64) - GREY) / CONTRAST
    tiles = values.reshape(len(x), side, TILE, side, TILE).transpose(0, 1, 3, 2, 4).reshape(len(x), side * side, -1)
    shapes = patterns(seed=seed, modality=modality)[: sum(levels)]
    return read_words(tiles @ shapes.T / TILE**2, levels, options.prototypes)
