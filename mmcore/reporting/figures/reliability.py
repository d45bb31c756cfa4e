"""Can the probabilities be trusted: stated probability against the share that is right, counts below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg


def draw(
    bins: Sequence[Mapping[str, Any]], samples: str, width: int, identity: str, css: str = "", *,
    before: Sequence[Mapping[str, Any]] = (),
) -> Markup:  # fmt: skip
    """Return the reliability figure; empty bins are not drawn.

    `before` are the bins before temperature scaling: hollow, joined by a line, without intervals.
    """
    found = [entry for entry in bins if entry["n"]]
    earlier = [entry for entry in before if entry["n"]]
    drawing = svg.Drawing(width, 420)
    across = svg.Scale(0, 100, 36, width - 12)
    up = svg.Scale(0, 100, 310, 22)
    drawing.text(0, 11, "right, %", colour="ink3")
    for value in (0, 25, 50, 75, 100):
        drawing.line(across(0), up(value), across(100), up(value), "line2")
        drawing.text(28, up(value) + 4, str(value), colour="ink3", anchor="end")
        text, anchor = (f"100{fmt.NBSP}%", "end") if value == 100 else (str(value), "middle")
        drawing.text(across(value) + (12 if value == 100 else 0), 396, text, colour="ink3", anchor=anchor)
    drawing.line(across(0), up(0), across(100), up(100), "null", dash="4 3")
    joined = [(across(100 * entry["confidence"]), up(100 * entry["accuracy"])) for entry in earlier]
    if len(joined) > 1:
        drawing.path(joined, "null", 1.2)
    for entry, (x, y) in zip(earlier, joined):
        drawing.dot(x, y, 4.5, "null", hollow=True, title=f"before scaling, {_bin_text(entry)}")
    for entry in found:
        x, title = across(100 * entry["confidence"]), _bin_text(entry)
        if entry.get("low") is not None and entry.get("high") is not None:
            drawing.line(x, up(100 * entry["low"]), x, up(100 * entry["high"]), "ink", 2.5, title=title)
        drawing.dot(x, up(100 * entry["accuracy"]), 5.5, "ink", title=title)
    most = max((entry["n"] for entry in found), default=1)
    drawing.text(across(0) + 4, 336, f"{samples} in each bin", colour="ink3")
    for entry in found:
        height = 32 * entry["n"] / most
        drawing.rect(across(100 * entry["confidence"]) - 5, 378 - height, 10, height, "null", title=_bin_text(entry))
    drawing.line(across(0), 378, across(100), 378, "null")
    drawing.text(width, 414, "stated probability", colour="ink3", anchor="end")
    return drawing.render(identity, label(found, earlier), css)


def _bin_text(entry: Mapping[str, Any]) -> str:
    return (
        f"stated {fmt.number(100 * entry['confidence'], 0)}: right {fmt.number(100 * entry['accuracy'], 0)} "
        f"of 100, from {fmt.count(entry['n'])}"
    )


def label(bins: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the figure in words."""
    text = f"Share that is right against stated probability. {'; '.join(_bin_text(entry) for entry in bins)}."
    return text + f" Before scaling: {'; '.join(_bin_text(entry) for entry in before)}." * bool(before)
