"""Typing errors in raw words, and replaced or dropped token ids.

Every word of five letters or more takes, with probability `level`, one of five errors: two inner neighbours exchanged
(`adjacent_swap`), the inside shuffled, a key beside the right one (`qwerty`), a letter twice (`repeat`), a letter left
out (`omit`). After MultiBench (Liang et al. 2021; the errors are those of Belinkov & Bisk 2018, ICLR), where it departs
on purpose: nothing else of the text changes (no lower case, no stripping of links or digits), so that level 0 is the
text itself; first and last letter stay, as in Belinkov & Bisk. An error never returns the word itself where another
result exists. Token id 0 is taken for padding and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from mmcore.data.corruption.statistics import FeatureStatistics
from mmcore.errors import InputError

WORD = re.compile(r"[^\W\d_]{5,}")
QWERTY = {
    "q": "wa", "w": "qeas", "e": "wrsd", "r": "etdf", "t": "ryfg", "y": "tugh", "u": "yihj", "i": "uojk", "o": "ipkl",
    "p": "ol", "a": "qwsz", "s": "awedxz", "d": "serfcx", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb", "j": "huikmn",
    "k": "jiolm", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
Typo = Callable[[str, np.random.Generator], str]


def adjacent_swap(word: str, draw: np.random.Generator) -> str:
    """Return the word with two inner neighbours that differ exchanged.

    Example:
        >>> sorted(adjacent_swap("noise", np.random.default_rng(0))) == sorted("noise")
        True
    """
    places = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
    if not places:
        return word
    i = places[int(draw.integers(len(places)))]
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def shuffle_inside(word: str, draw: np.random.Generator) -> str:
    """Return the word with its inner letters in another order.

    Example:
        >>> shuffle_inside("aabba", np.random.default_rng(0)) != "aabba"
        True
    """
    inner = list(word[1:-1])
    if len(set(inner)) < 2:
        return word
    while True:  # at least half of all orders differ from the first, so this ends after two rounds on average
        order = draw.permutation(len(inner))
        shuffled = "".join(inner[i] for i in order)
        if shuffled != word[1:-1]:
            return word[0] + shuffled + word[-1]


def qwerty(word: str, draw: np.random.Generator) -> str:
    """Return the word with one inner letter replaced by a key beside it; letters that are not a to z stay.

    Example:
        >>> qwerty("aqqqa", np.random.default_rng(0)).count("q")
        2
    """
    places = [i for i in range(1, len(word) - 1) if word[i].lower() in QWERTY]
    if not places:
        return word
    i = places[int(draw.integers(len(places)))]
    keys = QWERTY[word[i].lower()]
    key = keys[int(draw.integers(len(keys)))]
    return word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]


def repeat(word: str, draw: np.random.Generator) -> str:
    """Return the word with one inner letter twice.

    Example:
        >>> len(repeat("noise", np.random.default_rng(0)))
        6
    """
    i = int(draw.integers(1, len(word) - 1))
    return word[: i + 1] + word[i:]


def omit(word: str, draw: np.random.Generator) -> str:
    """Return the word without one inner letter.

    Example:
        >>> len(omit("noise", np.random.default_rng(0)))
        4
    """
    i = int(draw.integers(1, len(word) - 1))
    return word[:i] + word[i + 1 :]


TYPOS: dict[str, Typo] = {
    "adjacent_swap": adjacent_swap, "shuffle_inside": shuffle_inside, "qwerty": qwerty, "repeat": repeat, "omit": omit,
}  # fmt: skip


def mistype(text: str, level: float, draw: np.random.Generator, kinds: tuple[str, ...]) -> str:
    """Return the text with each word of five letters or more mistyped with probability `level`.

    Args:
        text: raw text; everything but the chosen words stays as it is.
        level: probability of an error in a word.
        draw: the sample's generator; draws do not depend on `level`.
        kinds: names of `TYPOS`, one drawn a word.

    Example:
        >>> mistype("to be or not", 1.0, np.random.default_rng(0), ("omit",))
        'to be or not'
    """
    pieces, end = [], 0
    for found in WORD.finditer(text):
        word = found.group()
        chosen = kinds[int(draw.integers(len(kinds)))]
        hit = draw.random() < level
        # an error takes a varying number of draws: a generator of its own keeps the next words' draws in place
        own = np.random.default_rng(int(draw.integers(2**63)))
        pieces += [text[end : found.start()], TYPOS[chosen](word, own) if hit else word]
        end = found.end()
    return "".join([*pieces, text[end:]])


def replace_tokens(
    values: np.ndarray, level: float, draw: np.random.Generator, statistics: FeatureStatistics, fill: np.ndarray
) -> np.ndarray:
    """Return token ids with each one replaced by a token of the training rows' frequencies with probability `level`.

    Raises:
        InputError: where training held padding only.

    Example:
        >>> none = np.zeros(0)
        >>> s = FeatureStatistics("a", none, none, none, none, none, np.array([9]), np.array([1.0]), 1)
        >>> replace_tokens(np.array([3.0, 0.0]), 1.0, np.random.default_rng(0), s, none).tolist()
        [9.0, 0.0]
    """
    if not len(statistics.tokens):
        raise InputError("statistics", "no token but 0", "tokens", "Fit the statistics on rows that hold text.")
    chosen = draw.random(values.shape) < level
    others = draw.choice(statistics.tokens, size=values.shape, p=statistics.frequencies)
    return np.where(chosen & (values != 0), others, values)
