"""How far synergy is known before any label of both together: a grey range, and a dot for the estimate.

The range is what p(x1,y), p(x2,y) and p(x1,x2) allow; the dot, the raw synergy of the joint table, lies in it.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Facts, Pair
from mmcore.reporting.figures.axis import axis, value_range


def rows(facts: Facts) -> tuple[Pair, ...]:
    """Return the pairs whose synergy is bounded, in order."""
    return tuple(pair for pair in facts.estimated if pair.synergy_bounds is not None and "synergy" in pair.raw)


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure."""
    found, narrow = rows(facts), width < 500
    step = 46 if narrow else 34
    drawing = svg.Drawing(width, 8 + step * len(found) + 26)
    values = [value for pair in found for value in (*_ends(pair), pair.raw["synergy"])]
    scale = svg.Scale(*value_range([*values]), 8 if narrow else 226, width - (14 if narrow else 150))
    axis(drawing, scale, 4, 8 + step * len(found), unit="bits")
    for i, pair in enumerate(found):
        _row(drawing, pair, scale, 8 + i * step + (32 if narrow else 17), narrow)
    return drawing.render(identity, label(facts), css)


def _ends(pair: Pair) -> tuple[float, float]:
    bounds = pair.synergy_bounds or {}
    return float(bounds["lower"]), float(bounds["upper"])


def label(facts: Facts) -> str:
    """Return the figure in words."""
    parts = []
    for pair in rows(facts):
        low, high = _ends(pair)
        allowed = f"between {fmt.number(low, 2)} and {fmt.bits(high)}"
        parts.append(f"{pair.first} with {pair.second}: {allowed}, raw estimate {fmt.number(pair.raw['synergy'], 2)}")
    return f"Synergy that the tables of two at a time allow. {'; '.join(parts)}."


def _row(drawing: svg.Drawing, pair: Pair, scale: svg.Scale, y: float, narrow: bool) -> None:
    low, high = _ends(pair)
    drawing.rect(scale(low), y - 8, max(scale(high) - scale(low), 1.0), 16, "band")
    for end in (low, high):
        drawing.line(scale(end), y - 10, scale(end), y + 10, "null", 2)
    drawing.dot(scale(pair.raw["synergy"]), y, 5.5, "s", title=f"Raw synergy: {fmt.bits(pair.raw['synergy'])}")
    text = f"{fmt.number(pair.raw['synergy'], 2)} in {fmt.interval(low, high, 2)}"
    name = f"{pair.first} · {pair.second}"
    if narrow:
        drawing.name(0, y - 17, name, drawing.width - svg.text_width(text) - 8, size=13, colour="ink", bold=True)
        drawing.text(drawing.width, y - 17, text, anchor="end")
        return
    drawing.name(0, y + 4, name, 216, size=13, colour="ink", bold=True)
    drawing.text(drawing.width, y + 4, text, anchor="end")
