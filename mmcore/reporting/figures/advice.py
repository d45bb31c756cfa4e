"""What a further modality could bring: a grey range of accuracies with it, a tick at the accuracy without it.

The pale range ends where the error of the sample takes its ends; the darker one is what the tables themselves allow.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.advice import Advice, Further
from mmcore.reporting.figures.axis import axis, value_range
from mmcore.reporting.sentences.advice import COLLECT, between


def draw(advice: Advice, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure of the candidates that could be judged."""
    found, narrow = advice.judged, width < 500
    step = 48 if narrow else 36
    drawing = svg.Drawing(width, 8 + step * len(found) + 26)
    values = [100 * v for entry in found for v in _values(entry)]
    scale = svg.Scale(*value_range([*values], zero=False), 8 if narrow else 190, width - (14 if narrow else 130))
    axis(drawing, scale, 4, 8 + step * len(found), unit="%", zero=False)
    for i, entry in enumerate(found):
        _row(drawing, entry, scale, 8 + i * step + (34 if narrow else 18), narrow)
    return drawing.render(identity, label(advice), css)


def _values(entry: Further) -> tuple[float, ...]:
    if entry.without is None or entry.together is None:
        return ()
    return entry.without.low, entry.together.least, entry.together.most, entry.together.low, entry.together.high


def _row(drawing: svg.Drawing, entry: Further, scale: svg.Scale, y: float, narrow: bool) -> None:
    text = COLLECT[entry.collect]
    place = y - 19 if narrow else y + 4
    drawing.text(drawing.width, place, text, anchor="end")
    room = drawing.width - svg.text_width(text) - 8 if narrow else 176
    drawing.name(0, place, f"+ {entry.modality}", room, size=13, colour="ink", bold=True)
    if entry.without is None or entry.together is None:
        return
    low, high = (scale(100 * end) for end in (entry.together.least, entry.together.most))
    title = f"With {entry.modality}: {between(entry.together)}"
    drawing.rect(low, y - 7, max(high - low, 1.0), 14, "band", title=title)
    low, high = (scale(100 * end) for end in (entry.together.low, entry.together.high))
    drawing.rect(low, y - 3, max(high - low, 1.5), 6, "null", title=title)
    x = scale(100 * entry.without.low)
    drawing.line(x, y - 10, x, y + 10, "ink", 2, title=f"Without it: {between(entry.without)}")


def label(advice: Advice) -> str:
    """Return the figure in words."""
    rows = [
        f"{entry.modality}: without it {between(entry.without)}, with it {between(entry.together)}, "
        f"{COLLECT[entry.collect]}"
        for entry in advice.judged
        if entry.without is not None and entry.together is not None
    ]
    return f"Accuracy that another modality could bring beside {fmt.listing(advice.held)}. {'; '.join(rows)}."
