"""Curves on a grid, and clouds of points, drawn as the report draws: the same bytes each time.

`panels` has one panel a setting and one scale for all; `scatter` has a scale of its own for each cloud.
"""

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


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Points of one panel: `points` maps a kind, which has a colour, to (x, y, what the point is) of each point."""

    title: str
    x: str
    y: str
    points: Mapping[str, Sequence[tuple[float, float, str]]]


def scatter(identity: str, label: str, clouds: Sequence[Cloud], *, columns: int = 2) -> str:
    """Return an svg of the clouds, `columns` side by side; kinds named as atoms have the atoms' colours.

    Args:
        identity: id of the drawing.
        label: what it shows, in words, for who cannot see it.

    Example:
        >>> cloud = Cloud("one", "bits", "drop", {"unique1": [(0.0, 0.1, "late fusion"), (1.0, 0.4, "mfm")]})
        >>> scatter("s", "two points", [cloud]).count("<circle")
        2
    """
    rows = -(-len(clouds) // columns)
    drawing = svg.Drawing(columns * WIDTH, rows * HEIGHT + 24)
    kinds = list(dict.fromkeys(kind for cloud in clouds for kind in cloud.points))
    for k, cloud in enumerate(clouds):
        left, top = (k % columns) * WIDTH, (k // columns) * HEIGHT
        values = [point for of_kind in cloud.points.values() for point in of_kind] or [(0.0, 0.0, "")]
        wide, high = _room([x for x, _, _ in values]), _room([y for _, y, _ in values])
        across, up = _axes(drawing, cloud.title, left, top, wide, high, cloud.x, cloud.y)
        for kind, of_kind in cloud.points.items():
            for at, height, title in of_kind:
                drawing.dot(across(at), up(height), 3, _colour(kind, kinds.index(kind)), title=title)
    _key(drawing, kinds, rows * HEIGHT + 14)
    element = str(drawing.render(identity, label))
    return element.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _room(values: Sequence[float]) -> tuple[float, float]:
    """Return limits with a little room on both sides, of one value too."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _colour(name: str, position: int) -> str:
    return ATOM_TOKENS.get(name, ("ink", "null", "ink3", "line")[position % 4])


def _panel(
    drawing: svg.Drawing, part: Panel, left: float, top: float, limits: tuple[float, float], x: str, y: str
) -> None:
    across, up = _axes(drawing, part.title, left, top, (min(part.at), max(part.at)), limits, x, y)
    for position, (name, curve) in enumerate(part.curves.items()):
        points = [(across(a), up(b)) for a, b in zip(part.at, curve)]
        drawing.path(points, _colour(name, position), 2, title=name)


def _axes(
    drawing: svg.Drawing,
    title: str,
    left: float,
    top: float,
    horizontally: tuple[float, float],
    vertically: tuple[float, float],
    x: str,
    y: str,
) -> tuple[svg.Scale, svg.Scale]:
    across = svg.Scale(*horizontally, left + _LEFT, left + WIDTH - _RIGHT)
    up = svg.Scale(*vertically, top + HEIGHT - _BOTTOM, top + _TOP)
    drawing.text(left + _LEFT, top + 16, title, size=13, colour="ink", bold=True)
    for values, scale, horizontal in (
        (svg.ticks(*vertically), up, True),
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
    return across, up


def _key(drawing: svg.Drawing, names: Sequence[str], y: float) -> None:
    left = float(_LEFT)
    for position, name in enumerate(names):
        drawing.line(left, y, left + 18, y, _colour(name, position), 3)
        drawing.text(left + 24, y + 4, name, colour="ink2")
        left += 44 + svg.text_width(name, 12)
