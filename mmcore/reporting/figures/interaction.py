"""How much of each model's behaviour is interaction, beside how much of the data's information is synergy.

All marks are shares on one scale. A row is a model: a filled dot on its interval for the share of interactions in its
behaviour (InterSHAP, Wenderoth et al. 2025), below it a hollow dot for the share of synergy in the atoms of its
predictions (thesis section 3.3.3). A line on a grey band is the share of synergy in the atoms of the data; the band is
the interval of the synergy in bits over the estimated sum of the atoms, so it leaves out what is uncertain of that sum.

Assumes little of the three being comparable: behaviour is weighed by size of output, atoms by information, and a model
may have the interaction of the data in logits and another in probabilities. Estimated shares may lie outside 0 to 1;
they are drawn there, and what lies further out than a quarter is an arrow at the edge with its number in words.
The content is that of `mmcore.selection.interaction_masked.beside_synergy`, known here by its attributes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from markupsafe import Markup

from mmcore.errors import InputError
from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate
from mmcore.reporting.figures.axis import axis, dot_on_interval
from mmcore.reporting.tokens import NARROW

_NUMBERS, _NAMES, _KEY, _BEYOND = 142, 190, 66, 0.25


class Share(Protocol):
    """A share with its interval: `Interval` of `mmcore.evaluation`."""

    @property
    def value(self) -> float | None:
        """The share; None with a reason."""

    @property
    def low(self) -> float | None:
        """Low end of its interval."""

    @property
    def high(self) -> float | None:
        """High end."""

    @property
    def level(self) -> float:
        """Of the interval."""

    @property
    def reason(self) -> str | None:
        """Why there is no share."""


class Point(Protocol):
    """One model: `InteractionPoint` of `mmcore.selection`."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def share(self) -> Share:
        """Share of interactions in its behaviour."""

    @property
    def prediction_synergy(self) -> float | None:
        """Synergy of its predictions, bits."""

    @property
    def prediction_share(self) -> float | None:
        """That over the sum of their atoms."""

    @property
    def prediction_reason(self) -> str | None:
        """Why there is no such share."""


class Content(Protocol):
    """What is drawn: `InteractionFigure` of `mmcore.selection`."""

    @property
    def points(self) -> Sequence[Point]:
        """One a model, in the order of the rows."""

    @property
    def synergy(self) -> float:
        """Of the data, bits."""

    @property
    def synergy_share(self) -> float | None:
        """That over the sum of the data's atoms."""

    @property
    def share_interval(self) -> tuple[float, float] | None:
        """Interval of that share."""


def draw(content: Content, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure; below 500 pixels names stand above their marks.

    Raises:
        InputError: for no model, a share that is not finite, or a width below the narrow one.
    """
    if not content.points:
        raise InputError("figure", "no model", "at least one", "Pass the interactions of a model to `beside_synergy`.")
    if width < NARROW:
        raise InputError("width", width, f"at least {NARROW}", "Give the pixels across, such as 720.")
    narrow = width < 500
    step = 64 if narrow else 50
    top, bottom = _KEY + 8, _KEY + 14 + step * len(content.points)
    drawing = svg.Drawing(width, bottom + 24)
    scale = svg.Scale(*_extent(content), 9 if narrow else _NAMES + 9, width - _NUMBERS - 9)
    _key(drawing, content)
    _data(drawing, content, scale, top, bottom)
    axis(drawing, scale, top, bottom, most=4 if narrow else 6)
    drawing.text(width - _NUMBERS + 8, bottom + 16, _unit(content), colour="ink3")
    if content.synergy_share is not None:
        _line(drawing, content, scale, top, bottom)
    for i, point in enumerate(content.points):
        _row(drawing, point, scale, top + 3 + i * step, narrow)
    return drawing.render(identity, label(content), css)


def _extent(content: Content) -> tuple[float, float]:
    """Return 0 to 1, or more where a share or the band lies outside, by a quarter at most."""
    found = [content.synergy_share, *(content.share_interval or ()), *(p.prediction_share for p in content.points)]
    values = [value for value in found if value is not None]
    return max(min([0.0, *values]), -_BEYOND), min(max([1.0, *values]), 1 + _BEYOND)


def _unit(content: Content) -> str:
    """Return what the numbers are, with the level of the intervals where all have the same."""
    levels = {point.share.level for point in content.points if point.share.low is not None}
    return f"share [{100 * levels.pop():g}{fmt.NBSP}%]" if len(levels) == 1 else "share"


def _data_words(content: Content) -> str:
    if content.synergy_share is None:
        return "no share"
    ends = content.share_interval
    return fmt.number(content.synergy_share, 2) + ("" if ends is None else f" {fmt.interval(*ends, 2)}")


def _key(drawing: svg.Drawing, content: Content) -> None:
    drawing.line(0, 11, 20, 11, "ink", 3.5)
    drawing.dot(10, 11, 5.5, "ink")
    drawing.text(28, 15, "interaction in the model's behaviour")
    drawing.dot(10, 31, 5, "s", hollow=True)
    drawing.text(28, 35, "synergy in its predictions")
    drawing.rect(0, 44, 20, 14, "band")
    drawing.line(10, 44, 10, 58, "s", 2)
    drawing.text(28, 55, f"synergy in the data: {_data_words(content)}")


def _data(drawing: svg.Drawing, content: Content, scale: svg.Scale, top: float, bottom: float) -> None:
    """Add the band, as far as the scale goes."""
    if content.share_interval is not None:
        low, high = (scale(min(max(end, scale.low), scale.high)) for end in content.share_interval)
        drawing.rect(low, top, high - low, bottom - top, "band", title=f"Synergy in the data: {_data_words(content)}")


def _line(drawing: svg.Drawing, content: Content, scale: svg.Scale, top: float, bottom: float) -> None:
    value, title = content.synergy_share, f"Synergy in the data: {_data_words(content)}"
    if value is None:
        return
    if scale.low <= value <= scale.high:
        drawing.line(scale(value), top, scale(value), bottom, "s", 2, title=title)
    else:
        _arrow(drawing, scale, value, bottom - 6, title)


def _arrow(drawing: svg.Drawing, scale: svg.Scale, value: float, y: float, title: str) -> None:
    """Add an arrowhead at the edge behind which the value lies."""
    edge, way = (scale.right, 1) if value > scale.high else (scale.left, -1)
    drawing.path([(edge, y - 5), (edge + 8 * way, y), (edge, y + 5)], None, fill="s", closed=True, title=title)


def _row(drawing: svg.Drawing, point: Point, scale: svg.Scale, top: float, narrow: bool) -> None:
    first = top + (28 if narrow else 16)
    second = first + 20
    if narrow:
        # the name stands on the page's ground: neither line nor band runs through it
        drawing.rect(0, top - 4, drawing.width, 21, "bg")
        drawing.name(0, top + 13, point.model, drawing.width, size=13, colour="ink", bold=True)
    else:
        drawing.name(0, top + 30, point.model, _NAMES - 8, size=13, colour="ink", bold=True)
    x, share = drawing.width - _NUMBERS + 8, point.share
    if share.value is None:
        drawing.text(x, first + 4, "– no share", full=share.reason or "no share")
    else:
        text = _share_words(share)
        title = f"{point.model}: interaction in its behaviour {text}"
        dot_on_interval(drawing, scale, first, Estimate(share.value, share.low, share.high), "ink", title=title)
        drawing.text(x, first + 4, text, colour="ink")
    value = point.prediction_share
    if value is None:
        words = "– no share" if point.prediction_reason != "not quantified" else "– not quantified"
        drawing.text(x, second + 4, words, full=point.prediction_reason or "no share")
        return
    title = f"{point.model}: {_prediction_words(point)}"
    if scale.low <= value <= scale.high:
        drawing.dot(scale(value), second, 5, "s", hollow=True, title=title)
    else:
        _arrow(drawing, scale, value, second, title)
    drawing.text(x, second + 4, fmt.number(value, 2))


def _share_words(share: Share) -> str:
    if share.value is None:
        return f"no share ({share.reason})"
    ends = "" if share.low is None or share.high is None else f" {fmt.interval(share.low, share.high, 2)}"
    return fmt.number(share.value, 2) + ends


def _prediction_words(point: Point) -> str:
    if point.prediction_share is None:
        return f"synergy in its predictions: no share ({point.prediction_reason})"
    amount = "" if point.prediction_synergy is None else f" ({fmt.bits(point.prediction_synergy)})"
    return f"synergy in its predictions {fmt.number(point.prediction_share, 2)}{amount}"


def label(content: Content) -> str:
    """Return the figure in words."""
    rows = [f"{p.model}: interaction {_share_words(p.share)}, {_prediction_words(p)}" for p in content.points]
    data = f"Synergy in the data {_data_words(content)} ({fmt.bits(content.synergy)})"
    return f"Interaction in the models beside synergy in the data, as shares. {data}. {'; '.join(rows)}."
