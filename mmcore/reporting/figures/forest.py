"""How sure each part is: rows of dot and interval in the order R, U1, U2, S; truth as a hollow diamond.

A thin grey tick is the raw estimate before correction; a grey bar from zero, where there is one, is the null.
Estimates below zero stand left of zero.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate, Pair
from mmcore.reporting.figures.axis import axis, dot_on_interval, value_range
from mmcore.reporting.tokens import ATOM_TOKENS

ROWS = ("redundancy", "unique1", "unique2", "synergy")
SYMBOLS = {"redundancy": "R", "unique1": "U1", "unique2": "U2", "synergy": "S"}


def estimate_text(estimate: Estimate) -> str:
    """Return value and interval at two decimals.

    Example:
        >>> estimate_text(Estimate(0.228, 0.16, 0.3))
        '0.23 [0.16,\\xa00.30]'
    """
    value = fmt.number(estimate.value, 2)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} {fmt.interval(estimate.low, estimate.high, 2)}"


def _range(pair: Pair) -> tuple[float, float]:
    values: list[float | None] = []
    for atom in ROWS:
        estimate = pair.atoms[atom]
        values += [estimate.value, estimate.low, estimate.high, pair.raw.get(atom), pair.null.get(atom)]
        values.append(pair.truth[atom] if pair.truth is not None else None)
    return value_range(values)


def draw(pair: Pair, width: int, identity: str, css: str = "") -> Markup:
    """Return the forest of a pair."""
    narrow = width < 500
    step = 46 if narrow else 42
    top = 24 if pair.truth is not None and not narrow else 8
    drawing = svg.Drawing(width, top + 4 * step + 28)
    scale = svg.Scale(*_range(pair), 8 if narrow else 226, width - (8 if narrow else 208))
    axis(drawing, scale, top, top + 4 * step, unit="bits")
    for i, atom in enumerate(ROWS):
        y = top + i * step + (32 if narrow else 20)
        _names(drawing, pair, atom, y, narrow)
        _row(drawing, pair, atom, scale, y)
        _numbers(drawing, pair, atom, y, narrow)
    if pair.truth is not None and not narrow:
        drawing.text(width, 12, "truth", anchor="end")
        drawing.text(width - 190, 12, "estimate, interval")
    return drawing.render(identity, label(pair), css)


def label(pair: Pair) -> str:
    """Return the figure in words."""
    rows = []
    for atom in ROWS:
        text = f"{pair.atom_name(atom)} {estimate_text(pair.atoms[atom])}"
        rows.append(text + (f", truth {fmt.number(pair.truth[atom], 2)}" if pair.truth is not None else ""))
    return f"Each part in bits with its interval. {'; '.join(rows)}."


def _names(drawing: svg.Drawing, pair: Pair, atom: str, y: float, narrow: bool) -> None:
    name, at = f"{SYMBOLS[atom]} · {pair.atom_name(atom)}", y - 15 if narrow else y - 1
    drawing.rect(0, at - 9, 11, 11, ATOM_TOKENS[atom])
    drawing.name(18, at, name, drawing.width - 140 if narrow else 200, size=13, colour="ink", bold=True)
    if not narrow:
        lacking = {"unique1": pair.second, "unique2": pair.first}.get(atom)
        hint = (
            f"{lacking} lacks it"
            if lacking
            else "either tells it"
            if atom == "redundancy"
            else "neither tells it alone"
        )
        drawing.name(18, y + 14, hint, 200)


def _row(drawing: svg.Drawing, pair: Pair, atom: str, scale: svg.Scale, y: float) -> None:
    estimate, null, raw = pair.atoms[atom], pair.null.get(atom), pair.raw.get(atom)
    if null is not None:
        drawing.rect(scale(0), y - 7, scale(null) - scale(0), 14, "band")
        drawing.line(scale(null), y - 7, scale(null), y + 7, "null", 2)
    if raw is not None:
        drawing.line(scale(raw), y - 8, scale(raw), y + 8, "null", 1.2, title=f"Raw: {fmt.bits(raw)}")
    title = f"{fmt.capital(pair.atom_name(atom))}: {estimate_text(estimate)} bits"
    dot_on_interval(drawing, scale, y, estimate, ATOM_TOKENS[atom], title=title)
    if pair.truth is not None:
        drawing.diamond(scale(pair.truth[atom]), y, 7.5, f"Planted truth: {fmt.bits(pair.truth[atom])}")


def _numbers(drawing: svg.Drawing, pair: Pair, atom: str, y: float, narrow: bool) -> None:
    estimate = pair.atoms[atom]
    if narrow:
        drawing.text(drawing.width, y - 15, estimate_text(estimate), anchor="end")
        return
    value, _, ends = estimate_text(estimate).partition(" ")
    drawing.text(drawing.width - 152, y + 4, value, size=13, colour="ink", anchor="end", bold=True)
    drawing.text(drawing.width - 144, y + 4, ends)
    if pair.truth is not None:
        drawing.text(drawing.width, y + 4, fmt.number(pair.truth[atom], 2), anchor="end")
