"""Which modality may fail: the set as a row of dots, its scores on a scale, and both scores as shaded cells.

Never collected (filled): a model trained on just this set. Absent at test (hollow): one fusion model, the rest of the
modalities taken away at test time. A darker cell is a better score. Rows by the size of the set, then in the order of
the modalities.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate, Facts, Subset
from mmcore.reporting.figures.axis import axis, dot_on_interval, value_range
from mmcore.reporting.figures.reach import set_name
from mmcore.reporting.format import capital

MOST = 31
_COLUMN = 22
_DARKEST = 0.32  # text in ink keeps 4.5:1 on it, in both themes


def shown(facts: Facts) -> tuple[Subset, ...]:
    """Return the rows to draw: all of them up to 31, then the 31 best, still in their order."""
    if len(facts.subsets) <= MOST:
        return facts.subsets
    sign = 1 if facts.metric.higher_is_better else -1

    def worth(subset: Subset) -> float:
        found = [sign * e.value for e in (subset.trained, subset.dropped) if e is not None]
        return max(found, default=float("-inf"))

    best = {s.present for s in sorted(facts.subsets, key=lambda s: (-worth(s), s.present))[:MOST]}
    return tuple(subset for subset in facts.subsets if subset.present in best)


def shade(facts: Facts, value: float) -> float:
    """Return how dark a cell is, from 0 at the worst score that is shown to 1 at the best."""
    found = [e.value for s in shown(facts) for e in (s.trained, s.dropped) if e is not None]
    low, high = min(found), max(found)
    share = (value - low) / (high - low) if high > low else 1.0
    return share if facts.metric.higher_is_better else 1.0 - share


@dataclass(frozen=True)
class _Layout:
    """Where the columns stand: the scale, and the two cells at the right."""

    narrow: bool
    head: float
    step: float
    cell: float
    scale: svg.Scale
    cells: tuple[float, float]


def _layout(facts: Facts, width: int, majority: float | None) -> _Layout:
    found, narrow, factor = shown(facts), width < 500, facts.metric.factor
    n = len(facts.modalities)
    # On a phone the names stand above the scale, so the word "majority" needs a line of its own.
    head = max(15 * n + (26 if narrow and majority is not None else 12), 42.0)
    longest = max((_text(facts, e) for subset in found for e in (subset.trained, subset.dropped)), key=len)
    cell = max(46.0, svg.text_width(longest, 13) + 10)
    if not narrow:
        cell = max(cell, 64.0)
    cells = (width - 2 * cell - 3, width - cell)
    ends: list[float | None] = [None if majority is None else factor * majority]
    for subset in found:
        for e in (subset.trained, subset.dropped):
            ends += [] if e is None else [factor * e.value, factor * (e.value if e.low is None else e.low),
                                          factor * (e.value if e.high is None else e.high)]  # fmt: skip
    names = max(svg.text_width(row_name(facts, subset), 13) for subset in found)
    left, right = (8.0, width - 14.0) if narrow else (min(n * _COLUMN + 32 + names, 340.0), cells[0] - 22)
    scale = svg.Scale(*value_range(ends, zero=False), left, right)
    step = 56.0 if narrow else 34.0 if len(found) <= 7 else 28.0
    return _Layout(narrow, head, step, cell, scale, cells)


def row_name(facts: Facts, subset: Subset) -> str:
    """Return the set in words, by what is missing where that is shorter to say."""
    absent = [name for name in facts.modalities if name not in subset.present]
    if len(subset.present) > 2 and 0 < len(absent) < len(subset.present):
        return f"without {', '.join(absent)}"
    return set_name(facts, subset.present)


def _text(facts: Facts, estimate: Estimate | None) -> str:
    return "–" if estimate is None else facts.metric.number(estimate.value)


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure of subsets."""
    found, majority = shown(facts), facts.majority_rate
    at = _layout(facts, width, majority)
    bottom = at.head + at.step * len(found)
    drawing = svg.Drawing(width, bottom + 26)
    axis(drawing, at.scale, at.head - 4, bottom, unit="%" if facts.metric.share else facts.metric.unit, zero=False,
         most=6 if at.narrow or at.scale.right - at.scale.left > 240 else 4)  # fmt: skip
    _heads(drawing, facts, at)
    if majority is not None:
        _majority(drawing, facts, at, bottom, majority)
    for i, subset in enumerate(found):
        _row(drawing, facts, subset, at, at.head + i * at.step)
    return drawing.render(identity, label(facts), css)


def label(facts: Facts) -> str:
    """Return the figure in words."""
    rows = []
    for subset in shown(facts):
        trained, dropped = _text(facts, subset.trained), _text(facts, subset.dropped)
        rows.append(f"{set_name(facts, subset.present)}: absent at test {dropped}, never collected {trained}")
    return f"{capital(facts.metric.words)} where only these are present and the rest is missing. {'; '.join(rows)}."


def _majority(drawing: svg.Drawing, facts: Facts, at: _Layout, bottom: float, rate: float) -> None:
    x = at.scale(facts.metric.factor * rate)
    drawing.line(x, at.head - 4, x, bottom, "null", dash="2 3")
    anchor = "start" if x - at.scale.left < 60 else "middle"
    # Right of the lines that the names hang on.
    clear = len(facts.modalities) * _COLUMN + 4 if at.narrow and anchor == "start" else 0
    drawing.text(max(x, clear), at.head - 10, "majority", colour="ink3", anchor=anchor)


def _heads(drawing: svg.Drawing, facts: Facts, at: _Layout) -> None:
    room = at.cells[0] - 30 if at.narrow else 150
    for i, name in enumerate(facts.modalities):
        x, y = 10 + i * _COLUMN, 11 + 15 * i
        drawing.line(x, y + 4, x, at.head - 4, "line")
        drawing.name(x - 4, y, name, max(40.0, min(150.0, room - i * _COLUMN)))
    for left, words in zip(at.cells, (("absent", "at test"), ("never", "collected"))):
        for line, word in enumerate(words):
            drawing.text(left + at.cell / 2, at.head - 24 + 14 * line, word, size=11.5, colour="ink2", anchor="middle")


def _row(drawing: svg.Drawing, facts: Facts, subset: Subset, at: _Layout, top: float) -> None:
    y = top + (40.0 if at.narrow else at.step / 2)
    line = y - 25 if at.narrow else y
    places = [10 + i * _COLUMN for i, name in enumerate(facts.modalities) if name in subset.present]
    if len(places) > 1:
        drawing.line(places[0], line, places[-1], line, "ink", 1.5)
    for i, name in enumerate(facts.modalities):
        present = name in subset.present
        drawing.dot(10 + i * _COLUMN, line, 5.5, "ink" if present else "null", hollow=not present)
    start = len(facts.modalities) * _COLUMN + 10
    name = row_name(facts, subset)
    room = (at.cells[0] if at.narrow else at.scale.left) - start - 8
    # On a phone the dots alone name a set whose words have no room.
    if not at.narrow or len(subset.present) == 1 or svg.text_width(name, 13) <= room:
        drawing.name(start, line + 4, name, room, size=13, colour="ink", bold=True)
    height = 24 if at.narrow else at.step - 3
    _cell(drawing, facts, subset.dropped, at.cells[0], line - height / 2, at.cell, height, f"Absent at test, {name}")
    _cell(drawing, facts, subset.trained, at.cells[1], line - height / 2, at.cell, height, f"Never collected, {name}")
    factor = facts.metric.factor
    apart = (4.5 if at.narrow else 5.5) if subset.trained and subset.dropped else 0.0
    if subset.trained:
        title = f"Trained on {name}: {_text(facts, subset.trained)}"
        dot_on_interval(drawing, at.scale, y + apart, subset.trained.scaled(factor), "ink", radius=4.5, title=title)
    if subset.dropped:
        title = f"The rest absent at test: {_text(facts, subset.dropped)}"
        scaled = subset.dropped.scaled(factor)
        dot_on_interval(drawing, at.scale, y - apart, scaled, "ink", radius=4.5, hollow=True, title=title)


def _cell(
    drawing: svg.Drawing, facts: Facts, estimate: Estimate | None, x: float, y: float, width: float, height: float,
    words: str,
) -> None:  # fmt: skip
    middle, base = x + width / 2, y + height / 2 + 4.5
    if estimate is None:
        drawing.rect(x, y, width, height, None, stroke="line", title=f"{words}: not measured")
        drawing.text(middle, base, "–", size=13, colour="ink3", anchor="middle")
        return
    ends = f" {facts.metric.interval(estimate.low, estimate.high)}" if estimate.low is not None else ""
    title = f"{words}: {facts.metric.value(estimate.value)}{ends}"
    drawing.rect(x, y, width, height, "bg")  # hides the grid
    opacity = round(0.03 + (_DARKEST - 0.03) * shade(facts, estimate.value), 3)
    drawing.rect(x, y, width, height, "ink", opacity=opacity, title=title)
    drawing.text(middle, base, _text(facts, estimate), size=13, colour="ink", anchor="middle", bold=True)
