"""Curves on a grid, drawn as the report draws: one panel a setting, one scale for all, the same bytes each time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.tokens import ATOM_TOKENS

WIDTH, HEIGHT = 340, 220
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 30, 16, 40


@dataclasses.dataclass(frozen=True)
class Panel:
    """Curves over one axis: `curves` maps a name to its heights at `at`."""

    title: str
    at: Sequence[float]
    curves: Mapping[str, Sequence[float]]


def panels(identity: str, label: str, parts: Sequence[Panel], *, x: str, y: str, columns: int = 2) -> str:
    """Return an svg of the panels, `columns` side by side; curves named as atoms have the atoms' colours.

    Args:
        identity: id of the drawing.
        label: what it shows, in words, for who cannot see it.
        x, y: names and units of the axes.

    Example:
        >>> drawn = panels("p", "a line", [Panel("one", [0, 1], {"synergy": [0, 1]})], x="angle", y="bits")
        >>> "<title>synergy</title>" in drawn
        True
    """
    rows = -(-len(parts) // columns)
    drawing = svg.Drawing(columns * WIDTH, rows * HEIGHT + 24)
    values = [value for part in parts for curve in part.curves.values() for value in curve]
    low, high = min(0.0, *values), max(values)
    for k, part in enumerate(parts):
        _panel(drawing, part, (k % columns) * WIDTH, (k // columns) * HEIGHT, (low, high), x, y)
    _key(drawing, list(parts[0].curves), rows * HEIGHT + 14)
    # a file of its own says what it is; inside a page that is known
    element = str(drawing.render(identity, label))
    return element.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _colour(name: str, position: int) -> str:
    return ATOM_TOKENS.get(name, ("ink", "null", "ink3", "line")[position % 4])


def _panel(
    drawing: svg.Drawing, part: Panel, left: float, top: float, limits: tuple[float, float], x: str, y: str
) -> None:
    across = svg.Scale(min(part.at), max(part.at), left + _LEFT, left + WIDTH - _RIGHT)
    up = svg.Scale(*limits, top + HEIGHT - _BOTTOM, top + _TOP)
    drawing.text(left + _LEFT, top + 16, part.title, size=13, colour="ink", bold=True)
    for values, scale, horizontal in (
        (svg.ticks(*limits), up, True),
        (svg.ticks(across.low, across.high), across, False),
    ):
        decimals = svg.tick_decimals(values)
        for value in values:
            place = scale(value)
            if horizontal:
                drawing.line(across.left, place, across.right, place, "line2")
                drawing.text(across.left - 6, place + 4, fmt.number(value, decimals), colour="ink3", anchor="end")
            else:
                drawing.text(place, up.left + 16, fmt.number(value, decimals), colour="ink3", anchor="middle")
    drawing.text(across.right, up.left + 32, x, colour="ink2", anchor="end")
    drawing.text(left + 4, top + _TOP - 2, y, colour="ink2", size=11.5)
    for position, (name, curve) in enumerate(part.curves.items()):
        points = [(across(a), up(b)) for a, b in zip(part.at, curve)]
        drawing.path(points, _colour(name, position), 2, title=name)


def _key(drawing: svg.Drawing, names: Sequence[str], y: float) -> None:
    left = float(_LEFT)
    for position, name in enumerate(names):
        drawing.line(left, y, left + 18, y, _colour(name, position), 3)
        drawing.text(left + 24, y + 4, name, colour="ink2")
        left += 44 + svg.text_width(name, 12)
