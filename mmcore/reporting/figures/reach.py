"""What the information allows and what was reached: a grey range of bounds, a tick at the ceiling, a dot.

The bounds hold for accuracy only (Fano's inequality above, half the remaining doubt below), so the dots are accuracies
whatever the page's metric is.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.figures.axis import axis, dot_on_interval


@dataclass(frozen=True)
class Row:
    """One set of modalities: its information, its bounds (None where refused) and the accuracy reached.

    `share` is the part of the labelled rows that the estimate could use, because they have every modality of the set.
    """

    name: str
    modalities: tuple[str, ...]
    information: float | None
    lower: float | None
    upper: float | None
    reached: Estimate | None
    model: str | None
    reason: str | None
    share: float = 1.0

    @property
    def inputs(self) -> str:
        """The set inside a sentence: `text`, `text and audio`, `both`, `all 4`."""
        return self.name.removesuffix(" alone").replace(", ", " and ") if len(self.modalities) < 3 else self.name

    @property
    def comparable(self) -> bool:
        """Whether bounds and accuracy speak of the same rows: the estimate leaves out rows that lack a modality."""
        return self.share >= 0.95


def rows(facts: Facts) -> tuple[Row, ...]:
    """Return the rows: sets by size, then in the order of the modalities."""
    entries = (facts.result("estimate") or {}).get("reach") or []
    ordered = sorted(
        entries, key=lambda e: (len(e["modalities"]), sorted(facts.modalities.index(m) for m in e["modalities"]))
    )
    return tuple(_row(facts, entry) for entry in ordered)


def _row(facts: Facts, entry: dict) -> Row:
    names = tuple(sorted(entry["modalities"], key=facts.modalities.index))
    bounded = entry.get("upper") is not None and entry.get("status") != "refused"
    same = [m for m in facts.models if set(m.modalities) == set(names) and "accuracy" in m.metrics]
    chosen = next((m for m in same if m.recommended), same[0] if same else None)
    return Row(
        name=set_name(facts, names),
        modalities=names,
        information=entry.get("information"),
        lower=entry["lower"] if bounded else None,
        upper=entry["upper"] if bounded else None,
        reached=chosen.metrics["accuracy"] if chosen else None,
        model=chosen.name if chosen else None,
        reason=None if bounded else str(entry.get("reason") or "no reason given"),
        share=facts.share_estimated(names),
    )


def set_name(facts: Facts, names: tuple[str, ...]) -> str:
    """Return a set of modalities in words: `text alone`, `text, audio`, `both`, `all 4`."""
    if len(names) == 1:
        return f"{names[0]} alone"
    if len(names) == len(facts.modalities):
        return "both" if len(names) == 2 else f"all {len(names)}"
    return ", ".join(names)


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure of bounds and accuracies."""
    found, narrow = rows(facts), width < 500
    step = 50 if narrow else 46
    drawing = svg.Drawing(width, 8 + step * len(found) + 26)
    values = [v for r in found for v in (r.lower, r.reached.low if r.reached else None) if v is not None]
    low = 100 * max(0.0, (min(values) if values else 0.0) - 0.05)
    scale = svg.Scale(low, 100, 8 if narrow else 180, width - (14 if narrow else 130))
    axis(drawing, scale, 4, 8 + step * len(found), unit="%", zero=False)
    for i, row in enumerate(found):
        _draw_row(
            drawing, row, scale, 8 + i * step + (34 if narrow else 22), narrow, "" if facts.bins else "not trained"
        )
    return drawing.render(identity, label(facts), css)


def label(facts: Facts) -> str:
    """Return the figure in words."""
    parts = []
    for row in rows(facts):
        allowed = (
            f"allowed {fmt.number(100 * row.lower, 1)} to {fmt.percent(row.upper)}"
            if row.lower is not None and row.upper is not None
            else "no bounds"
        )
        parts.append(f"{row.name}: {allowed}" + (f", reached {fmt.percent(row.reached.value)}" if row.reached else ""))
    reached = "" if facts.bins else ", and accuracy that was reached"
    return f"Accuracy that the information allows{reached}. {'; '.join(parts)}."


def _draw_row(drawing: svg.Drawing, row: Row, scale: svg.Scale, y: float, narrow: bool, untrained: str) -> None:
    amount = "" if row.information is None else fmt.bits(row.information)
    if row.lower is not None and row.upper is not None:
        title = f"{row.name}: {fmt.number(100 * row.lower, 1)} to {fmt.percent(row.upper)}"
        left, right = scale(100 * row.lower), scale(100 * row.upper)
        drawing.rect(left, y - 10, right - left, 20, "band", title=title)
        drawing.line(right, y - 13, right, y + 13, "ink2", 2)
    else:
        drawing.rect(
            scale.left, y - 10, scale.right - scale.left, 20, None, stroke="null", dash="3 3", title=row.reason
        )
        if row.reached is None:
            drawing.text(scale.left + 8, y + 4, "no bounds")
        else:  # beside the name, or it would lie below the dot
            amount = f"{amount}, no bounds".removeprefix(", ")
    text = untrained if row.reached is None else fmt.percent(row.reached.value)
    ends = ""
    if row.reached is not None:
        scaled = row.reached.scaled(100)
        dot_on_interval(drawing, scale, y, scaled, "ink", title=f"{row.model}: {text}")
        if scaled.low is not None and scaled.high is not None:
            ends = fmt.interval(scaled.low, scaled.high, 1)
    name = fmt.capital(row.name)
    if narrow:
        right_text = f"{text} {ends}".strip()
        drawing.name(0, y - 18, name, drawing.width - svg.text_width(right_text) - 4, size=13, colour="ink", bold=True)
        drawing.text(drawing.width, y - 18, right_text, anchor="end")
        return
    drawing.name(0, y - 1, name, 172, size=13, colour="ink", bold=True)
    drawing.text(0, y + 14, amount)
    drawing.text(
        drawing.width,
        y - 1,
        text,
        size=13,
        colour="ink" if row.reached else "ink2",
        anchor="end",
        bold=bool(row.reached),
    )
    drawing.text(drawing.width, y + 14, ends, anchor="end")
