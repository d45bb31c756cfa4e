"""Marks on a scale: an SVG drawing as a string, with every name escaped and every coordinate at one decimal.

Drawings carry light colours and sizes as attributes, because the PDF renderer applies no page style inside `svg`;
classes re-colour them on screen. Attributes stand in a fixed order, so the same figures give the same bytes.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mmcore.reporting.tokens import LIGHT

_CHARACTER = 0.56  # mean width of a character, in em
_SPARE = 1.15


def coordinate(value: float) -> str:
    """Return a coordinate at one decimal, without `-0` and without a trailing `.0`.

    Example:
        >>> coordinate(12.0), coordinate(-0.04), coordinate(3.25)
        ('12', '0', '3.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def escape(text: object) -> str:
    """Return `text` safe inside an attribute or an element.

    Example:
        >>> escape('<b a="1">')
        '&lt;b a=&quot;1&quot;&gt;'
    """
    return html.escape(str(text), quote=True)


def text_width(text: str, font_size: float = 12) -> float:
    """Return the estimated width of `text` in pixels, with 15 % to spare.

    Example:
        >>> round(text_width("gyroscope", 12))
        70
    """
    return len(text) * font_size * _CHARACTER * _SPARE


def fit(text: str, width: float, font_size: float = 12) -> str:
    """Return `text` cut in the middle so that it fits into `width` pixels.

    Example:
        >>> fit("a name far too long for its place", 90)
        'a nam…place'
    """
    from mmcore.reporting.format import middle_cut

    return middle_cut(text, max(5, int(width / (font_size * _CHARACTER * _SPARE))))


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`."""
        return self.left + (value - self.low) / ((self.high - self.low) or 1.0) * (self.right - self.left)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values within [low, high], at most `most` of them.

    Example:
        >>> ticks(0, 1.6)
        [0.0, 0.5, 1.0, 1.5]
    """
    span = high - low
    if span <= 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 5, 10, 20):
        if span / (step * factor) - 1e-9 <= most - 1:
            step *= factor
            break
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


@dataclass(frozen=True)
class LogScale:
    """A map from positive values to pixels in which equal factors take equal room."""

    low: float
    high: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`."""
        low, high = math.log10(self.low), math.log10(self.high)
        return self.left + (math.log10(value) - low) / ((high - low) or 1.0) * (self.right - self.left)


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return values 1, 2, 5 times a power of ten (or powers alone) within [low, high], at most `most` of them.

    Example:
        >>> log_ticks(900, 25_000), log_ticks(1, 1e6, most=4)
        ([1000.0, 2000.0, 5000.0, 10000.0, 20000.0], [1.0, 100.0, 10000.0, 1000000.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = [(m, k) for k in range(first, last + 1) for m in (1.0, 2.0, 5.0)]
    found = [m * 10.0**k for m, k in steps if low * (1 - 1e-9) <= m * 10.0**k <= high * (1 + 1e-9)]
    if len(found) <= most:
        return found
    powers = [10.0**k for k in range(first, last + 1) if low * (1 - 1e-9) <= 10.0**k <= high * (1 + 1e-9)]
    return powers[:: math.ceil(len(powers) / most)]


def tick_decimals(values: Sequence[float]) -> int:
    """Return how many decimals tell these ticks apart.

    Example:
        >>> tick_decimals([0.0, 0.5, 1.0]), tick_decimals([0.0, 20.0])
        (1, 0)
    """
    for decimals in range(4):
        if all(abs(v - round(v, decimals)) < 1e-9 for v in values):
            return decimals
    return 4


def spread(centres: Sequence[float], widths: Sequence[float], low: float, high: float, gap: float = 8) -> list[float]:
    """Return label centres that keep their order and do not touch, moved as little as possible (least squares).

    Neighbours that collide form a pool and move together: isotonic regression on the centres less the room that the
    labels before them need. Labels that do not fit between `low` and `high` at all are left to overrun `high`.

    Example:
        >>> spread([10, 12, 90], [20, 20, 20], 0, 200, gap=0)
        [10.0, 30.0, 90.0]
    """
    needed = [0.0]
    for i in range(1, len(centres)):
        needed.append(needed[-1] + (widths[i - 1] + widths[i]) / 2 + gap)
    pools: list[list[float]] = []
    for centre, room in zip(centres, needed):
        pools.append([centre - room, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight = pools.pop()
            pools[-1] = [
                (pools[-1][0] * pools[-1][1] + mean * weight) / (pools[-1][1] + weight),
                pools[-1][1] + weight,
            ]
    flat = [mean for mean, weight in pools for _ in range(int(weight))]
    if not flat:
        return []
    least = low + widths[0] / 2
    most = high - widths[-1] / 2 - needed[-1]
    return [max(least, min(value, max(most, least))) + room for value, room in zip(flat, needed)]


class Drawing:
    """A drawing under construction; its methods add marks in the order they are called."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._marks: list[str] = []

    def _add(
        self, tag: str, geometry: str, *, fill: str | None, stroke: str | None, width: float = 1, dash: str = "",
        opacity: float | None = None, title: str | None = None, extra: str = "",
    ) -> None:  # fmt: skip
        classes = ([f"f-{fill}"] if fill else []) + ([f"k-{stroke}"] if stroke else []) + (["m"] if title else [])
        parts = [f'<{tag} class="{" ".join(classes)}" {geometry} fill="{LIGHT[fill] if fill else "none"}"']
        if stroke:
            parts.append(f'stroke="{LIGHT[stroke]}" stroke-width="{coordinate(width)}"')
        if dash:
            parts.append(f'stroke-dasharray="{dash}"')
        if opacity is not None:
            parts.append(f'opacity="{opacity}"')
        if extra:
            parts.append(extra)
        body = f"><title>{escape(title)}</title></{tag}>" if title else "/>"
        self._marks.append(" ".join(parts) + body)

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str | None, *, stroke: str | None = None,
        dash: str = "", opacity: float | None = None, title: str | None = None,
    ) -> None:  # fmt: skip
        """Add a rectangle; a stroked one is drawn inside its bounds."""
        inset = 0.5 if stroke else 0.0
        w, h = max(width - 2 * inset, 0), max(height - 2 * inset, 0)
        box = (
            f'x="{coordinate(x + inset)}" y="{coordinate(y + inset)}" width="{coordinate(w)}" height="{coordinate(h)}"'
        )
        self._add("rect", box, fill=fill, stroke=stroke, dash=dash, opacity=opacity, title=title)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, *, dash: str = "",
        title: str | None = None,
    ) -> None:  # fmt: skip
        """Add a straight line."""
        self.path([(x1, y1), (x2, y2)], stroke, width, dash=dash, title=title)

    def path(
        self, points: Sequence[tuple[float, float]], stroke: str | None, width: float = 1, *, dash: str = "",
        fill: str | None = None, title: str | None = None, closed: bool = False, opacity: float | None = None,
    ) -> None:  # fmt: skip
        """Add a line through the points."""
        steps = "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)
        self._add("path", f'd="M{steps}{"Z" if closed else ""}"', fill=fill, stroke=stroke, width=width, dash=dash,
                  opacity=opacity, title=title, extra='stroke-linejoin="round"')  # fmt: skip

    def dot(
        self, x: float, y: float, radius: float, colour: str, *, hollow: bool = False, title: str | None = None
    ) -> None:
        """Add a dot: filled with a rim in the page colour, or hollow."""
        place = f'cx="{coordinate(x)}" cy="{coordinate(y)}" r="{coordinate(radius)}"'
        self._add("circle", place, fill="bg" if hollow else colour, stroke=colour if hollow else "bg",
                  width=1.5, title=title)  # fmt: skip

    def diamond(self, x: float, y: float, radius: float, title: str | None = None) -> None:
        """Add a hollow diamond: a truth."""
        corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        self.path(corners, "ink", 1.5, closed=True, title=title)

    def text(
        self, x: float, y: float, text: str, *, size: float = 12, colour: str = "ink2", anchor: str = "start",
        bold: bool = False, full: str | None = None,
    ) -> None:  # fmt: skip
        """Add text; `full` is the uncut name, shown as a tooltip."""
        parts = [f'<text class="f-{colour}{" m" if full else ""}" x="{coordinate(x)}" y="{coordinate(y)}"']
        parts.append(f'fill="{LIGHT[colour]}" font-size="{coordinate(size)}"')
        if anchor != "start":
            parts.append(f'text-anchor="{anchor}"')
        if bold:
            parts.append('font-weight="700"')
        tooltip = f"<title>{escape(full)}</title>" if full else ""
        self._marks.append(f"{' '.join(parts)}>{tooltip}{escape(text)}</text>")

    def name(
        self, x: float, y: float, name: str, room: float, *, size: float = 12, colour: str = "ink2",
        anchor: str = "start", bold: bool = False,
    ) -> None:  # fmt: skip
        """Add a name, cut in the middle where it needs more than `room` pixels, then with a tooltip."""
        shown = fit(name, room, size)
        self.text(x, y, shown, size=size, colour=colour, anchor=anchor, bold=bold, full=name if shown != name else None)

    def render(self, identity: str, label: str, css: str = "") -> Markup:
        """Return the drawing as an `svg` element with an id, a class and a label that states its numbers."""
        w, h = coordinate(self.width), coordinate(self.height)
        style = f'class="{css}" ' if css else ""
        head = (
            f'<svg {style}id="{escape(identity)}" role="img" aria-label="{escape(label)}" viewBox="0 0 {w} {h}" '
            f'width="{w}" height="{h}" font-family="Liberation Sans, Arial, sans-serif">'
        )
        return Markup(head + "".join(self._marks) + "</svg>")
