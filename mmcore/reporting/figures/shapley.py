"""What each modality adds: exact Shapley values as bars from zero, a column for each modality, a row for each class.

Ink for all classes together (with its interval), grey for one class: modalities and classes never take a hue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.figures.axis import value_range

MOST_CLASSES = 12
KEPT = 10


@dataclass(frozen=True)
class Row:
    """One row of bars; the first has intervals."""

    name: str
    values: Mapping[str, Estimate]
    overall: bool


def rows(facts: Facts) -> tuple[tuple[Row, ...], int]:
    """Return the rows to draw and how many classes were left out.

    Over 12 classes the 10 to which the modalities add least are kept: the values of a class sum to how far the full
    model is above the empty one on it, so these are the classes it does worst on.
    """
    shapley = (facts.result("explanation") or {})["shapley"]
    overall = {m: e for m, raw in shapley["overall"].items() if (e := Estimate.of(raw)) is not None}
    classes = [
        Row(str(entry["label"]), {m: Estimate(float(v)) for m, v in entry["values"].items()}, False)
        for entry in shapley.get("by_class") or []
    ]
    left_out = 0
    if len(classes) > MOST_CLASSES:
        worst = sorted(range(len(classes)), key=lambda i: (sum(v.value for v in classes[i].values.values()), i))[:KEPT]
        left_out = len(classes) - KEPT
        classes = [classes[i] for i in worst]
    everything = f"all {fmt.plural(facts.nouns.label)}"
    return (Row(everything, overall, True), *classes), left_out


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the bars."""
    found, _ = rows(facts)
    names = [name for name in facts.modalities if name in found[0].values]
    left = 112 if width < 500 else 158
    per_row = 3 if width < 500 else 6
    blocks = [names[i : i + per_row] for i in range(0, len(names), per_row)] or [[]]
    tall = 30 + 24 * len(found) + 12
    drawing = svg.Drawing(width, tall * len(blocks))
    factor = facts.metric.factor
    ends: list[float | None] = []
    for row in found:
        for e in row.values.values():
            ends += [factor * v for v in (e.value, e.low, e.high) if v is not None]
    extent = value_range(ends)
    for i, block in enumerate(blocks):
        column = (width - left) / max(min(len(names), per_row), 1)
        for j, name in enumerate(block):
            scale = svg.Scale(*extent, left + j * column + 4, left + (j + 1) * column - 46)
            _column(drawing, facts, found, name, scale, i * tall)
        for k, row in enumerate(found):
            y = i * tall + 30 + 24 * k + 12
            drawing.name(0, y + 4, row.name, left - 8, size=13 if row.overall else 12,
                         colour="ink" if row.overall else "ink2", bold=row.overall)  # fmt: skip
    return drawing.render(identity, label(facts), css)


def _column(
    drawing: svg.Drawing, facts: Facts, found: tuple[Row, ...], name: str, scale: svg.Scale, top: float
) -> None:
    factor, decimals = facts.metric.factor, facts.metric.decimals
    drawing.name(scale(0), top + 14, name, scale.right + 40 - scale(0), size=13, colour="ink", bold=True)
    drawing.line(scale(0), top + 24, scale(0), top + 30 + 24 * len(found), "null")
    for k, row in enumerate(found):
        estimate, y = row.values.get(name), top + 30 + 24 * k + 12
        if estimate is None:
            drawing.text(scale(0) + 4, y + 4, "–")
            continue
        value = factor * estimate.value
        text = fmt.number(value, decimals)
        end = scale(value)
        drawing.rect(min(end, scale(0)), y - 6, abs(end - scale(0)), 12, "ink" if row.overall else "null",
                     title=f"{name}, {row.name}: {text}")  # fmt: skip
        reach = max(end, scale(0))
        if estimate.low is not None and estimate.high is not None:
            drawing.line(scale(factor * estimate.low), y, scale(factor * estimate.high), y, "null", 2)
            reach = max(reach, scale(factor * estimate.high))
        drawing.text(reach + 5, y + 4, text, colour="ink" if row.overall else "ink2", bold=row.overall)


def label(facts: Facts) -> str:
    """Return the figure in words."""
    found, _ = rows(facts)
    parts = [
        f"{row.name}: "
        + ", ".join(f"{m} {facts.metric.number(row.values[m].value)}" for m in facts.modalities if m in row.values)
        for row in found
    ]
    return f"What each modality {facts.metric.improved} the {facts.metric.words}. {'; '.join(parts)}."
