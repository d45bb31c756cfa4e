"""Paired differences drawn on one linear scale, one small drawing for each row of the model table."""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate
from mmcore.reporting.figures.axis import dot_on_interval
from mmcore.reporting.metrics import Metric

_WIDTH, _HEIGHT = 104, 18


def draw(difference: Estimate, extent: tuple[float, float], metric: Metric, identity: str) -> Markup:
    """Return one difference; filled where its interval excludes zero, hollow where it does not.

    `extent` holds the least and the largest end over all rows, so that rows can be compared.
    """
    drawing = svg.Drawing(_WIDTH, _HEIGHT)
    low, high = min(extent[0], 0.0), max(extent[1], 0.0)
    scale = svg.Scale(low, high if high > low else low + 1, 6, _WIDTH - 6)
    drawing.line(scale(0), 1, scale(0), _HEIGHT - 1, "null")
    clear = difference.above_zero or difference.below_zero
    dot_on_interval(drawing, scale, _HEIGHT / 2, difference, "ink", radius=4.5, hollow=not clear)
    unit = f" {metric.difference_unit}" if metric.difference_unit else ""
    text = f"{metric.signed(difference.value)}{unit} {metric.interval(difference.low, difference.high, signed=True)}"
    return drawing.render(identity, f"Difference {text}", "inl")
