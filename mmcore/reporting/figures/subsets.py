"""Which modality may fail: a matrix of dots for the set at the left, its scores at the right.

Filled: a model trained on just this set. Hollow: the recommended fusion model, the rest of the modalities dropped at
test time. Rows by the size of the set, then in the order of the modalities.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import svg
from mmcore.reporting.facts import Facts, Subset
from mmcore.reporting.figures.axis import axis, dot_on_interval, value_range
from mmcore.reporting.figures.reach import set_name
from mmcore.reporting.format import capital

MOST = 31
_COLUMN = 22


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


def _texts(facts: Facts, subset: Subset) -> tuple[str, str]:
    number = facts.metric.number
    return (
        number(subset.trained.value) if subset.trained else "–",
        number(subset.dropped.value) if subset.dropped else "–",
    )


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure of subsets."""
    found, narrow, factor = shown(facts), width < 500, facts.metric.factor
    n, step = len(facts.modalities), 44 if narrow else 34
    majority = (facts.result("evaluation") or {}).get("majority_rate") if facts.metric.key == "accuracy" else None
    # On a phone the names stand above the scale, so the word "majority" needs a line of its own.
    head = 15 * n + (26 if narrow and majority is not None else 12)
    left = 8 if narrow else min(n * _COLUMN + 186, 340)
    drawing = svg.Drawing(width, head + step * len(found) + 26)
    ends: list[float | None] = []
    for subset in found:
        for e in (subset.trained, subset.dropped):
            ends += [] if e is None else [factor * e.value, factor * (e.value if e.low is None else e.low),
                                          factor * (e.value if e.high is None else e.high)]  # fmt: skip
    ends.append(None if majority is None else factor * majority)
    scale = svg.Scale(*value_range(ends, zero=False), left, width - (14 if narrow else 110))
    bottom = head + step * len(found)
    axis(drawing, scale, head - 4, bottom, unit="%" if facts.metric.share else facts.metric.unit, zero=False)
    if majority is not None:
        x = scale(factor * majority)
        drawing.line(x, head - 4, x, bottom, "null", dash="2 3")
        anchor = "start" if x - scale.left < 60 else "middle"
        clear = n * _COLUMN + 4 if narrow and anchor == "start" else 0  # right of the lines that the names hang on
        drawing.text(max(x, clear), head - 10, "majority", colour="ink3", anchor=anchor)
    _heads(drawing, facts, head)
    if not narrow:
        drawing.text(width, head - 10, "trained · dropped", anchor="end")
    for i, subset in enumerate(found):
        y = head + i * step + (28 if narrow else 17)
        _row(drawing, facts, subset, scale, y, narrow)
    return drawing.render(identity, label(facts), css)


def label(facts: Facts) -> str:
    """Return the figure in words."""
    rows = []
    for subset in shown(facts):
        trained, dropped = _texts(facts, subset)
        rows.append(f"{set_name(facts, subset.present)}: trained on it {trained}, the rest dropped {dropped}")
    return f"{capital(facts.metric.words)} for each set that is present. {'; '.join(rows)}."


def _heads(drawing: svg.Drawing, facts: Facts, head: float) -> None:
    for i, name in enumerate(facts.modalities):
        x, y = 10 + i * _COLUMN, 11 + 15 * i
        drawing.line(x, y + 4, x, head - 4, "line")
        drawing.name(x - 4, y, name, 150)


def _row(drawing: svg.Drawing, facts: Facts, subset: Subset, scale: svg.Scale, y: float, narrow: bool) -> None:
    at = y - 16 if narrow else y
    places = [10 + i * _COLUMN for i, name in enumerate(facts.modalities) if name in subset.present]
    if len(places) > 1:
        drawing.line(places[0], at, places[-1], at, "ink", 1.5)
    for i, name in enumerate(facts.modalities):
        present = name in subset.present
        drawing.dot(10 + i * _COLUMN, at, 5.5, "ink" if present else "null", hollow=not present)
    trained, dropped = _texts(facts, subset)
    start = len(facts.modalities) * _COLUMN + 10
    name = set_name(facts, subset.present)
    numbers = f"{trained} · {dropped}"
    room = (drawing.width - svg.text_width(numbers, 13) if narrow else scale.left) - start - 6
    drawing.name(start, at + 4, name, room, size=13, colour="ink", bold=True)
    drawing.text(drawing.width, at + 4, numbers, size=13, colour="ink", anchor="end", bold=True)
    factor = facts.metric.factor
    if subset.trained and subset.dropped:
        drawing.line(scale(factor * subset.trained.value), y, scale(factor * subset.dropped.value), y, "null")
    if subset.trained:
        title = f"Trained on {name}: {trained}"
        dot_on_interval(drawing, scale, y, subset.trained.scaled(factor), "ink", radius=5, title=title)
    if subset.dropped:
        title = f"The rest dropped: {dropped}"
        dot_on_interval(drawing, scale, y, subset.dropped.scaled(factor), "ink", radius=5, hollow=True, title=title)
