"""How a score falls as the input gets worse: one small panel a noise, one line a model, all on the same axes.

The recommended model is the thick line with dots and a band, late fusion is dashed, others are thin and grey; the
dotted line is what a constant answer reaches. A model that does not read what is corrupted has no line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures.axis import value_range
from mmcore.reporting.measured import ALL, Curve, Noise

_LEFT, _GAP, _HEAD, _PLOT, _FOOT = 30, 22, 24, 128, 34
_MOST = 4


def columns(n_panels: int, narrow: bool) -> int:
    """Return how many panels stand side by side: rows of nearly equal length, four at most, two on a phone.

    Example:
        >>> [columns(n, False) for n in (2, 3, 4, 5, 7)], columns(5, True)
        ([2, 3, 4, 3, 4], 2)
    """
    if narrow:
        return min(2, n_panels)
    return math.ceil(n_panels / math.ceil(n_panels / _MOST))


def noise_words(facts: Facts, noise: str) -> str:
    """Return what is corrupted, in words."""
    if noise != ALL:
        return noise
    return "both" if len(facts.modalities) == 2 else f"all {len(facts.modalities)}"


def draw(facts: Facts, noise: Noise, width: int, identity: str, css: str = "") -> Markup:
    """Return the panels."""
    wide = columns(len(noise.noises), width < 500)
    n_rows, factor = math.ceil(len(noise.noises) / wide), facts.metric.factor
    step = _HEAD + _PLOT + _FOOT
    drawing = svg.Drawing(width, n_rows * step + 14)
    ends = [factor * v for c in noise.curves for _, e in c.points for v in (e.value, e.low, e.high) if v is not None]
    low, high = value_range([*ends, None if facts.majority_rate is None else factor * facts.majority_rate], zero=False)
    room = (width - _LEFT - (wide - 1) * _GAP - 6) / wide
    for i, name in enumerate(noise.noises):
        left = _LEFT + (i % wide) * (room + _GAP)
        top = (i // wide) * step + _HEAD
        across = svg.Scale(noise.levels[0], noise.levels[-1], left, left + room)
        up = svg.Scale(low, high, top + _PLOT, top)
        _frame(drawing, facts, noise, name, across, up, first=i % wide == 0, floor=i == 0)
        # The recommended model is drawn last, on top of the others.
        for model in reversed(noise.models):
            curve = noise.curve(name, model)
            if curve is not None:
                _line(drawing, facts, curve, across, up)
    drawing.text(0, n_rows * step + 10, f"{facts.metric.words}{', %' if facts.metric.share else ''}", colour="ink3")
    drawing.text(width, n_rows * step + 10, "level of the noise", colour="ink3", anchor="end")
    return drawing.render(identity, label(facts, noise), css)


def _frame(
    drawing: svg.Drawing, facts: Facts, noise: Noise, name: str, across: svg.Scale, up: svg.Scale, *, first: bool,
    floor: bool,
) -> None:  # fmt: skip
    title, room = f"Noise on {noise_words(facts, name)}", across.right - across.left
    # Where both do not fit, the name alone: the caption says that it is noise.
    title = title if svg.text_width(title, 13) <= room else noise_words(facts, name)
    drawing.name(across.left, up.right - 10, title, room, size=13, colour="ink", bold=True)
    values = svg.ticks(up.low, up.high, 5)
    decimals = svg.tick_decimals(values)
    for value in values:
        drawing.line(across.left, up(value), across.right, up(value), "line2")
        if first:
            drawing.text(across.left - 6, up(value) + 4, fmt.number(value, decimals), colour="ink3", anchor="end")
    _levels(drawing, noise.levels, across, up.left)
    rate = facts.majority_rate
    if rate is not None:
        y = up(facts.metric.factor * rate)
        drawing.line(across.left, y, across.right, y, "null", dash="2 3")
        if floor:
            drawing.text(across.left + 3, y - 5, "majority", colour="ink3")


def _levels(drawing: svg.Drawing, levels: Sequence[float], across: svg.Scale, bottom: float) -> None:
    """Label the ends, and each level between them whose label has room."""
    texts = [f"{level:g}" for level in levels]
    taken = across.right - svg.text_width(texts[-1]) - 4
    edge = across.left
    for i, (level, text) in enumerate(zip(levels, texts)):
        x, half = across(level), svg.text_width(text) / 2
        last = i == len(levels) - 1
        if not last and i and (x - half < edge or x + half > taken):
            continue
        anchor = "start" if i == 0 else "end" if last else "middle"
        drawing.text(x, bottom + 16, text, colour="ink3", anchor=anchor)
        edge = x + (2 * half if i == 0 else half) + 2


def _line(drawing: svg.Drawing, facts: Facts, curve: Curve, across: svg.Scale, up: svg.Scale) -> None:
    factor = facts.metric.factor
    chosen = facts.recommended is not None and curve.model == facts.recommended.key
    colour = "ink" if chosen else "ink2" if curve.model == "late_fusion" else "null"
    points = [(across(level), up(factor * e.value)) for level, e in curve.points]
    ends = [(across(level), up(factor * e.low), up(factor * e.high)) for level, e in curve.points
            if e.low is not None and e.high is not None]  # fmt: skip
    if len(ends) > 1:
        outline = [(x, high) for x, _, high in ends] + [(x, low) for x, low, _ in reversed(ends)]
        drawing.path(outline, None, fill=colour, closed=True, opacity=0.14 if chosen else 0.1)
    dash = "5 4" if curve.model == "late_fusion" else ""
    drawing.path(points, colour, 2.5 if chosen else 1.8, dash=dash, title=_words(facts, curve))
    for (x, y), (level, e) in zip(points, curve.points):
        if chosen:
            value = facts.metric.value(e.value)
            drawing.dot(x, y, 4, "ink", title=f"{curve.words} at level {level:g}: {value}")


def _words(facts: Facts, curve: Curve) -> str:
    values = ", ".join(facts.metric.number(e.value) for _, e in curve.points)
    return f"{curve.words}: {values}{' %' if facts.metric.share else ''}"


def label(facts: Facts, noise: Noise) -> str:
    """Return the figure in words."""
    levels = fmt.listing([f"{level:g}" for level in noise.levels])
    panels = []
    for name in noise.noises:
        found = [c for m in noise.models if (c := noise.curve(name, m)) is not None]
        panels.append(f"Noise on {noise_words(facts, name)}: {'; '.join(_words(facts, c) for c in found)}")
    return f"{fmt.capital(facts.metric.words)} at noise levels {levels}. {'. '.join(panels)}."
