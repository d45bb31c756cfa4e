"""Symbols as sequences: each is a step of its own at a random time, among steps that say nothing.

    step t = [word of the part that happens at t, or 0, + noise; distractors] Q

Lengths, times and the order of the parts are drawn anew for every row and every modality, so two modalities of a row
are not aligned, and where something happens says nothing about the label. Q is one random rotation a modality.
"""

from __future__ import annotations

import numpy as np

from mmcore.data.ragged import Ragged
from mmcore.data.worlds.embedding import Codes, Embedding, draw_signs, read_words, rotation, words
from mmcore.errors import InputError
from mmcore.seeds import stream


def encode(
    codes: Codes,
    levels: tuple[int, ...],
    options: Embedding,
    *,
    seed: int,
    modality: str,
    part: str = "all",
    rate: float = 10.0,
) -> Ragged:
    """Return ragged sequences of steps of `width` entries, float32, with the start and the end of each step.

    Args:
        codes: symbols (n, parts).
        levels: of each part.
        options: sizes and difficulty.
        seed: of the rotation and of the noise.
        modality: name, for the streams.
        part: name of the stream of rows.
        rate: steps a second.

    Example:
        >>> encode(np.array([[0], [1]]), (2,), Embedding(width=4, steps=(3, 3)), seed=0, modality="alpha")
        Ragged(2 sequences, (6, 4) float32, timed)
    """
    options.check(levels, "sequence")
    n, used, longest = len(codes), sum(levels), options.steps[1]
    names = (part, modality)

    def uniform(purpose: str, *shape: int) -> np.ndarray:
        return stream(seed, "controlled", *names, purpose).random((n, *shape))

    signs = draw_signs(n, levels, options.prototypes, seed=seed, names=names)
    lengths = options.steps[0] + (uniform("length") * (longest - options.steps[0] + 1)).astype(np.int64)
    inside = np.arange(longest) < lengths[:, None]
    times = np.where(inside, uniform("time", longest), np.inf).argsort(axis=1)[:, : len(levels)]  # (n, parts)
    steps = np.empty((n, longest, options.width))
    steps[..., :used] = options.spread * (2.0 * uniform("noise", longest, used) - 1.0)
    distractors = stream(seed, "controlled", *names, "distractor").standard_normal((n, longest, options.width - used))
    steps[..., used:] = options.distractor * distractors
    steps[np.arange(n)[:, None], times, :used] += words(codes, levels, signs)
    values = steps[inside] @ rotation(options.width, seed=seed, names=(modality, "sequence"))
    starts = np.nonzero(inside)[1] / rate
    offsets = np.concatenate([[0], lengths.cumsum()])
    return Ragged(values.astype(np.float32), offsets, np.stack([starts, starts + 1.0 / rate], axis=1))


def decode(x: Ragged, levels: tuple[int, ...], options: Embedding, *, seed: int, modality: str) -> Codes:
    """Return the symbols (n, parts) of sequences, exactly those that `encode` was given.

    Raises:
        InputError: for steps of another width.

    Example:
        >>> options = Embedding(width=5, prototypes=2, spread=0.49)
        >>> x = encode(np.array([[0, 2], [1, 1]]), (2, 3), options, seed=0, modality="alpha")
        >>> decode(x, (2, 3), options, seed=0, modality="alpha").tolist()
        [[0, 2], [1, 1]]
    """
    if x.values.ndim != 2 or x.values.shape[1] != options.width:
        raise InputError("x", f"steps {x.values.shape}", f"(.., {options.width})", "Pass the options it was made with.")
    turned = np.asarray(x.values, dtype=np.float64) @ rotation(options.width, seed=seed, names=(modality, "sequence")).T
    used = turned[:, : sum(levels)]
    # the strongest over the steps of a row, of both signs where a symbol has two prototypes
    highest = np.maximum.reduceat(np.abs(used) if options.prototypes == 2 else used, x.offsets[:-1], axis=0)
    return read_words(highest[:, None], levels, options.prototypes)
