"""An expected regret as a dot on its interval, one small drawing for each row of the ranking, all on one scale."""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate
from mmcore.reporting.figures.axis import dot_on_interval

_WIDTH, _HEIGHT = 104, 18


def draw(regret: Estimate, largest: float, identity: str) -> Markup:
    """Return one regret, a fraction; `largest` is the largest high end over all rows, so that they can be compared."""
    drawing = svg.Drawing(_WIDTH, _HEIGHT)
    scale = svg.Scale(0.0, largest or 1.0, 6, _WIDTH - 6)
    drawing.line(scale(0), 1, scale(0), _HEIGHT - 1, "null")
    dot_on_interval(drawing, scale, _HEIGHT / 2, regret, "ink", radius=4.5)
    text = f"{fmt.number(100 * regret.value, 1)} points"
    if regret.low is not None and regret.high is not None:
        text += f" {fmt.interval(100 * regret.low, 100 * regret.high, 1)}"
    return drawing.render(identity, f"Expected regret {text}", "inl")
