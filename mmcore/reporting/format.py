"""Numbers and words as the report prints them: rounded once, at print, and the same on every machine.

Minus is U+2212, thousands are separated by a comma, a no-break space stands before a unit, and a value that rounds to
zero never carries a sign. No locale takes part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmcore.errors import InputError

MINUS = "\u2212"
NBSP = "\u00a0"
_IRREGULAR = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "mouse": "mice", "series": "series",
    "axis": "axes", "index": "indices", "analysis": "analyses", "data": "data",
}  # fmt: skip
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


_LEAST_P = 1e-4


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Return `value` at a fixed number of decimals.

    Raises:
        InputError: the value is not finite; a page never prints nan.

    Example:
        >>> number(-1234.56, 1), number(-0.001, 2), number(2.5, 1, signed=True)
        ('\u22121,234.6', '0.00', '+2.5')
    """
    if value is None or not math.isfinite(value):
        raise InputError("value", value, "a finite number", "Print the reason for the missing number instead.")
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in "123456789" for digit in text):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def interval(low: float, high: float, decimals: int, *, signed: bool = False) -> str:
    """Return `[low, high]` at the decimals of its estimate.

    Example:
        >>> interval(-0.5, 0.9, 1, signed=True)
        '[\u22120.5,\xa0+0.9]'
    """
    return f"[{number(low, decimals, signed=signed)},{NBSP}{number(high, decimals, signed=signed)}]"


def bits(value: float) -> str:
    """Return an amount of information.

    Example:
        >>> bits(0.2345)
        '0.23\\xa0bits'
    """
    return f"{number(value, 2)}{NBSP}bits"


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a share in [0, 1] as percent.

    Example:
        >>> percent(0.924)
        '92.4\\xa0%'
    """
    return f"{number(100 * fraction, decimals)}{NBSP}%"


def count(value: int) -> str:
    """Return a whole number with separated thousands.

    Example:
        >>> count(2369)
        '2,369'
    """
    return number(value, 0)


def p_value(p: float, smallest: float | None = None) -> str:
    """Return p at one significant digit, or `< 1/shuffles` where none of the shuffles was as large.

    Exact tests of many rows give p of dozens of zeros: below 0.0001 it is said to be below.

    Example:
        >>> p_value(0.0384), p_value(0.0, smallest=1 / 500), p_value(1e-35)
        ('0.04', '<\\xa00.002', '<\\xa00.0001')
    """
    if smallest is not None and p < smallest:
        return f"<{NBSP}{_one_digit(smallest)}"
    if p <= 0:
        return f"<{NBSP}0.001" if smallest is None else f"<{NBSP}{_one_digit(smallest)}"
    return f"<{NBSP}{_one_digit(_LEAST_P)}" if p < _LEAST_P else _one_digit(p)


def _one_digit(value: float) -> str:
    decimals = max(0, -math.floor(math.log10(value)))
    text = f"{value:.{decimals}f}"
    return text if decimals < 2 or not text.endswith("0") else text[:-1]


def magnitude(value: float) -> str:
    """Return a count at two or three digits: parameters, operations.

    Example:
        >>> magnitude(380), magnitude(61234), magnitude(4_120_000)
        ('380', '61\\xa0k', '4.1\\xa0M')
    """
    for limit, factor, unit in ((1e3, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M"), (math.inf, 1e9, "G")):
        scaled = value / factor
        # 999,950 would print as 1,000 k: leave it to the next unit.
        if value < limit and (not unit or round(scaled) < 1000):
            digits = 1 if unit and scaled < 9.95 else 0
            return number(scaled, digits) + (f"{NBSP}{unit}" if unit else "")
    return number(value / 1e9, 0) + f"{NBSP}G"


def size(n_bytes: int) -> str:
    """Return the size of a file.

    Example:
        >>> size(812), size(14_200)
        ('812\\xa0B', '14\\xa0kB')
    """
    text = magnitude(n_bytes)
    return f"{text}B" if NBSP in text else f"{text}{NBSP}B"


def plural(noun: str, n: float | None = None) -> str:
    """Return the noun as it stands after `n` (without `n`: the plural).

    Example:
        >>> plural("person"), plural("class"), plural("activity"), plural("window", 1)
        ('people', 'classes', 'activities', 'window')
        >>> plural("verdict of the critics")
        'verdicts of the critics'
    """
    if n == 1:
        return noun
    for word in (" of ", " in ", " per ", " from ", " with "):
        if word in noun:
            thing, _, rest = noun.partition(word)
            return f"{plural(thing)}{word}{rest}"
    head, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}" if head else last


def counted(n: int, noun: str) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(10, "person")
        '10\\xa0people'
    """
    return f"{count(n)}{NBSP}{plural(noun, n)}"


def with_article(noun: str) -> str:
    """Return a noun after `a` or `an`, by its first letter.

    Example:
        >>> with_article("sensor"), with_article("image")
        ('a sensor', 'an image')
    """
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def words(n: int) -> str:
    """Return small whole numbers in words.

    Example:
        >>> words(3), words(12)
        ('three', '12')
    """
    return _WORDS[n] if 0 <= n < len(_WORDS) else count(n)


def middle_cut(text: str, limit: int = 22) -> str:
    """Return `text`, its middle replaced by an ellipsis where it is longer than `limit` characters.

    Example:
        >>> middle_cut("a_very_long_name_of_a_modality", 15)
        'a_very_…odality'
    """
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def listing(items: Sequence[str], last: str = "and") -> str:
    """Return the items as a phrase.

    Example:
        >>> listing(["text", "audio", "video"])
        'text, audio and video'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def capital(text: str) -> str:
    """Return `text` with its first letter as a capital, the rest untouched.

    Example:
        >>> capital("gyroscope, 50 Hz")
        'Gyroscope, 50 Hz'
    """
    return text[:1].upper() + text[1:]
