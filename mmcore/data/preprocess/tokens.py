"""Text to countable pieces: words, whole names of a list, or characters, and n-grams of them.

Everything is compared after Unicode NFKC and case folding, so that two spellings of one name are one name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

TOKENS = ("words", "names", "characters")
NGRAMS = {"words": (1, 1), "names": (1, 1), "characters": (3, 4)}
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def normalise(text: str) -> str:
    """Return the text in Unicode NFKC, case folded, with single spaces.

    Example:
        >>> normalise("  Ａ  Straße ")
        'a strasse'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def tokenise(text: str, tokens: str, separator: str = ",") -> list[str]:
    """Return the tokens of one text, normalised and in order.

    Args:
        text: any text.
        tokens: `words` (runs of letters, digits and apostrophes), `names` (the entries between separators, each kept
            whole) or `characters`.
        separator: what stands between two names.

    Example:
        >>> tokenise("Agnès Varda, JR", "names"), tokenise("Don't look  up", "words")
        (['agnès varda', 'jr'], ["don't", 'look', 'up'])
    """
    if tokens == "names":
        return [name for name in (normalise(part) for part in text.split(separator)) if name]
    clean = normalise(text)
    return _WORD.findall(clean) if tokens == "words" else list(clean)


def ngrams(pieces: list[str], low: int, high: int, joiner: str = " ") -> list[str]:
    """Return all runs of `low` to `high` tokens, shorter runs first.

    Example:
        >>> ngrams(["a", "b", "c"], 1, 2)
        ['a', 'b', 'c', 'a b', 'b c']
    """
    return [joiner.join(pieces[i : i + n]) for n in range(low, high + 1) for i in range(len(pieces) - n + 1)]


def terms_of(texts: Iterable[str], tokens: str, span: tuple[int, int], separator: str) -> list[list[str]]:
    """Return the terms (n-grams of tokens) of every text."""
    joiner = "" if tokens == "characters" else " | " if tokens == "names" else " "
    return [ngrams(tokenise(text, tokens, separator), *span, joiner) for text in texts]
