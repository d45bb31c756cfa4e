"""How a modality shows its symbols: as a vector, a sequence or an image, from which an exact decoder reads them back.

    word(s) = e_s - (1 - e_s) / (k-1)         one prototype a symbol: means differ, a linear rule reads it
    word(s) = +e_s or -e_s, a fair coin       two prototypes: all class means are zero, no linear rule reads it
    shown   = word + noise,  |noise| <= spread < 1/2 in every entry

The largest entry of a word (in size, with two prototypes) is 1 and beats every other by 1 or more, so noise below one
half never hides a symbol: the embedding keeps every bit, and the information and the Bayes accuracy of what is shown
are those of the symbols. Everything is mixed with zero mean; entries that carry no symbol hold distractors.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

LAYOUTS = ("vector", "sequence", "image")
MOST_SPREAD = 0.49  # below one half by more than float32 and the 256 grey levels of an image round
PATTERNS = 15  # orthogonal patterns of 4 x 4 pixels besides the constant one
TILE = 4


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Sizes and difficulty of what is shown.

    Args:
        width: entries of a vector and of a step of a sequence.
        spread: largest noise of an entry, 0 to 0.49; a word's largest entry is 1.
        prototypes: 1 (each symbol has its own mean) or 2 (a symbol is a direction with a random sign).
        warp: how much of a vector is a bent (tanh) image of the rest, 0 for a linear mixing.
        distractor: standard deviation of the entries without a symbol; above 0, free tiles of an image hold patterns
            that mean nothing.
        shared_distractors: so many of a vector's free entries are the same in all vectors of a row.
        steps: shortest and longest sequence.
        size: pixels of an image's side, a multiple of 4.

    Raises:
        InputError: for a number out of range.

    Example:
        >>> Embedding(width=8).check((2, 2), "vector")
        >>> Embedding(spread=0.6)
        Traceback (most recent call last):
        mmcore.errors.InputError: spread: received 0.6; allowed: 0 to 0.49. Larger noise would hide symbols: use blur.
    """

    width: int = 16
    spread: float = 0.3
    prototypes: int = 1
    warp: float = 0.0
    distractor: float = 1.0
    shared_distractors: int = 0
    steps: tuple[int, int] = (10, 20)
    size: int = 16

    def __post_init__(self) -> None:
        if not 0.0 <= self.spread <= MOST_SPREAD:
            raise InputError("spread", self.spread, f"0 to {MOST_SPREAD}", "Larger noise would hide symbols: use blur.")
        if self.prototypes not in (1, 2):
            raise InputError("prototypes", self.prototypes, "1 or 2", "Choose one of them.")
        for argument in ("warp", "distractor"):
            if not (np.isfinite(getattr(self, argument)) and getattr(self, argument) >= 0.0):
                raise InputError(argument, getattr(self, argument), "a finite number >= 0", "Pass for example 1.0.")
        if self.width < 2 or self.shared_distractors < 0:
            received = f"{self.width}, {self.shared_distractors}"
            raise InputError("width, shared_distractors", received, "at least 2 and 0", "Pass larger ones.")
        if self.size < TILE or self.size % TILE:
            raise InputError("size", self.size, f"a multiple of {TILE}", "Pass for example 16.")
        if not 1 <= self.steps[0] <= self.steps[1]:
            raise InputError("steps", self.steps, "1 <= shortest <= longest", "Pass for example (10, 20).")

    def check(self, levels: tuple[int, ...], layout: str) -> None:
        """Raise where symbols of so many levels do not fit into `layout`.

        Raises:
            InputError: naming what is too small.
        """
        if layout not in LAYOUTS:
            raise unknown_name("layout", layout, LAYOUTS)
        needed = sum(levels)
        if layout != "image" and needed > self.width:
            raise InputError("width", self.width, f"at least {needed}, one a level", "Pass a larger width.")
        if layout == "vector" and needed + self.shared_distractors > self.width:
            allowed = f"at most {self.width - needed}"
            raise InputError("shared_distractors", self.shared_distractors, allowed, "Pass a larger width.")
        if layout == "sequence" and len(levels) > self.steps[0]:
            raise InputError("steps", self.steps, f"at least {len(levels)}, one a part", "Pass longer sequences.")
        if layout == "image" and (needed > PATTERNS or len(levels) > (self.size // TILE) ** 2):
            received = f"{needed} levels of {len(levels)} parts"
            allowed = f"at most {PATTERNS} levels and a tile a part"
            raise InputError("parts", received, allowed, "Take fewer parts or levels, or a larger size.")


def words(codes: Codes, levels: tuple[int, ...], signs: NDArray[np.bool_] | None) -> Float:
    """Return the words of the symbols side by side, with zeros elsewhere: (n, parts, sum of levels).

    Args:
        codes: (n, parts).
        levels: of each part.
        signs: (n, parts), True for the negative prototype; None for one prototype a symbol.

    Example:
        >>> words(np.array([[1, 2]]), (2, 3), None)[0].tolist()
        [[-1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -0.5, -0.5, 1.0]]
    """
    found = np.zeros((len(codes), len(levels), sum(levels)))
    start = 0
    for part, k in enumerate(levels):
        chosen = np.eye(k)[codes[:, part]]
        if signs is None:
            chosen = chosen - (1.0 - chosen) / (k - 1)
        else:
            chosen = np.where(signs[:, part, None], -chosen, chosen)
        found[:, part, start : start + k] = chosen
        start += k
    return found


def read_words(strength: Float, levels: tuple[int, ...], prototypes: int) -> Codes:
    """Return the symbols (n, parts) of entries (n, places, sum of levels), each part read where it is strongest.

    Example:
        >>> read_words(np.array([[[0.2, -0.1], [-0.8, 1.2]]]), (2,), 1).tolist()
        [[1]]
    """
    strength = np.abs(strength) if prototypes == 2 else strength
    strongest = strength.max(axis=1)  # (n, sum of levels)
    ends = np.cumsum((0, *levels))
    columns = [strongest[:, a:b].argmax(axis=1) for a, b in pairwise(ends)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(strength), 0), dtype=np.int64)


def draw_signs(
    n: int, levels: tuple[int, ...], prototypes: int, *, seed: int, names: tuple[object, ...]
) -> NDArray[np.bool_] | None:
    """Return fair coins (n, parts), or None with one prototype a symbol."""
    if prototypes == 1:
        return None
    return stream(seed, "controlled", *names, "sign").random((n, len(levels))) < 0.5


def rotation(width: int, *, seed: int, names: tuple[object, ...]) -> Float:
    """Return a random orthogonal matrix (width, width), uniform over all of them.

    Reference: Mezzadri 2007, How to generate random matrices from the classical compact groups.

    Example:
        >>> q = rotation(5, seed=0, names=("doctest",))
        >>> bool(np.allclose(q @ q.T, np.eye(5)))
        True
    """
    q, r = np.linalg.qr(stream(seed, "controlled", *names, "rotation").standard_normal((width, width)))
    return np.asarray(q * np.sign(np.diag(r)))
