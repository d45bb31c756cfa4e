"""The parts that figures share: a grid with its ticks, and an estimate as a dot on its interval."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate


def axis(
    drawing: svg.Drawing, scale: svg.Scale, top: float, bottom: float, *, unit: str = "", most: int = 6,
    zero: bool = True, labels_at: float | None = None,
) -> None:  # fmt: skip
    """Add grid lines, tick labels with the unit on the last, and a stronger line at zero."""
    values = svg.ticks(scale.low, scale.high, most)
    decimals = svg.tick_decimals(values)
    for i, value in enumerate(values):
        x = scale(value)
        drawing.line(x, top, x, bottom, "null" if zero and value == 0 else "line2")
        text = fmt.number(value, decimals) + (f"{fmt.NBSP}{unit}" if unit and i == len(values) - 1 else "")
        room = svg.text_width(text) / 2
        anchor = "end" if x + room > drawing.width else "start" if x - room < 0 else "middle"
        drawing.text(x, (labels_at or bottom) + 16, text, colour="ink3", anchor=anchor)


def dot_on_interval(
    drawing: svg.Drawing, scale: svg.Scale, y: float, estimate: Estimate, colour: str, *, radius: float = 5.5,
    hollow: bool = False, title: str | None = None,
) -> None:  # fmt: skip
    """Add a thick line from the low to the high end and a dot at the estimate; no caps."""
    if estimate.low is not None and estimate.high is not None:
        drawing.line(scale(estimate.low), y, scale(estimate.high), y, colour, 3.5, title=title)
    drawing.dot(scale(estimate.value), y, radius, colour, hollow=hollow, title=title)


def value_range(values: list[float | None], *, zero: bool = True) -> tuple[float, float]:
    """Return a range that holds the values, with zero where bars or parts start there, and a little air.

    Example:
        >>> value_range([0.1, 0.5, None])
        (0.0, 0.52)
    """
    found = [value for value in values if value is not None]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    air = 0.04 * ((high - low) or 1.0)
    return (low if zero and low == 0 else low - air), high + air
