"""Score against cost: a dot a model with its interval, cost on a log scale, and the front that nothing beats.

A model is on the front when no other is both at most as costly and at least as good (and better in one of the two).
Names are written where they touch neither marks nor other names; a name that has no room is left to its tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import Estimate, Facts, Model
from mmcore.reporting.figures.axis import value_range

_AIR = 1.6  # the factor left free at both ends of the cost axis
_HEIGHT, _HEAD, _FOOT = 300, 22, 40
_DENSE = 12  # above so many models only those that matter are named

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Costs:
    """The models that have a score and a cost, cheapest first, and what the cost counts."""

    kind: str  # `operations` or `parameters`
    points: tuple[tuple[Model, float, Estimate], ...]
    front: tuple[str, ...]

    @property
    def words(self) -> str:
        """What is counted, as an axis says it."""
        return "operations for one prediction" if self.kind == "operations" else "parameters"


def costs_of(facts: Facts) -> Costs | None:
    """Return scores and costs: operations where every scored model has them, else parameters; None below two models."""
    scored = [m for m in facts.models if m.score is not None]
    for kind in ("operations", "parameters"):
        found = [(m, float(c), m.score) for m in scored if m.score and (c := _cost(m, kind)) is not None and c > 0]
        if len(found) >= 2 and (len(found) == len(scored) or kind == "parameters"):
            points = tuple(sorted(found, key=lambda point: (point[1], point[0].key)))
            return Costs(kind, points, _front(points, facts.metric.higher_is_better))
    return None


def _cost(model: Model, kind: str) -> float | None:
    return model.flops if kind == "operations" else model.n_parameters


def _front(points: tuple[tuple[Model, float, Estimate], ...], higher: bool) -> tuple[str, ...]:
    sign = 1.0 if higher else -1.0

    def beaten(cost: float, value: float) -> bool:
        return any(
            c <= cost and sign * e.value >= sign * value and (c < cost or e.value != value) for _, c, e in points
        )

    return tuple(m.key for m, cost, e in points if not beaten(cost, e.value))


def draw(facts: Facts, costs: Costs, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure."""
    factor = facts.metric.factor
    drawing = svg.Drawing(width, _HEIGHT + _FOOT)
    ends = [factor * v for _, _, e in costs.points for v in (e.value, e.low, e.high) if v is not None]
    low, high = value_range([*ends], zero=False)
    across = svg.LogScale(costs.points[0][1] / _AIR, costs.points[-1][1] * _AIR, 40, width - 8)
    up = svg.Scale(low, high, _HEIGHT - 6, _HEAD)
    _frame(drawing, facts, costs, across, up)
    places = {m.key: (across(cost), up(factor * e.value)) for m, cost, e in costs.points}
    stairs = _stairs([places[key] for key in costs.front])
    if len(stairs) > 1:
        drawing.path(stairs, "null", 1.2, dash="4 3")
    named = _named(facts, costs)
    taken: list[Box] = [
        (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])) for a, b in pairwise(stairs)
    ]
    for model, cost, e in costs.points:
        x, y = places[model.key]
        title = _words(facts, model, cost, e)
        if e.low is not None and e.high is not None:
            bottom, top = up(factor * e.low), up(factor * e.high)
            # A name may cross the quiet line of a model that has none itself.
            colour = "ink" if model.recommended else "null" if model in named else "line"
            drawing.line(x, bottom, x, top, colour, 2.5 if model.recommended else 1.5, title=title)
            taken += [(x - 3, top, x + 3, bottom)] if model in named else []
        taken.append((x - 6, y - 6, x + 6, y + 6))
    for model, cost, e in costs.points:
        x, y = places[model.key]
        hollow = model.key not in costs.front
        drawing.dot(x, y, 6 if model.recommended else 4.5, "ink", hollow=hollow, title=_words(facts, model, cost, e))
    for model in named:
        _name(drawing, model, places[model.key], taken, (across.left, _HEAD - 16.0, float(width), _HEIGHT - 8.0))
    return drawing.render(identity, label(facts, costs), css)


def _frame(drawing: svg.Drawing, facts: Facts, costs: Costs, across: svg.LogScale, up: svg.Scale) -> None:
    values = svg.ticks(up.low, up.high, 6)
    decimals = svg.tick_decimals(values)
    drawing.text(0, 11, f"{facts.metric.words}{', %' if facts.metric.share else ''}", colour="ink3")
    for value in values:
        drawing.line(across.left, up(value), across.right, up(value), "line2")
        drawing.text(across.left - 8, up(value) + 4, fmt.number(value, decimals), colour="ink3", anchor="end")
    drawing.line(across.left, _HEIGHT - 6, across.right, _HEIGHT - 6, "null")
    for value in svg.log_ticks(across.low, across.high, 6):
        x, text = across(value), fmt.magnitude(value)
        half = svg.text_width(text) / 2
        drawing.line(x, _HEIGHT - 6, x, _HEIGHT - 1, "null")
        anchor = "end" if x + half > drawing.width else "middle"
        drawing.text(x, _HEIGHT + 14, text, colour="ink3", anchor=anchor)
    drawing.text(drawing.width, _HEIGHT + 33, f"{costs.words}, log scale", colour="ink3", anchor="end")


def _stairs(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the front as steps: a better score is had only from the cost of the model that reaches it."""
    found = places[:1]
    for before, here in pairwise(places):
        found += [(here[0], before[1]), here]
    return found


def _named(facts: Facts, costs: Costs) -> list[Model]:
    """Return the models to name, those that matter first; of many models only these."""
    best = next((m.key for m in facts.models if m.score is not None), None)
    keys = [m.key for m, _, _ in costs.points if m.recommended] + ["late_fusion", *([best] if best else [])]
    keys += [*costs.front]
    if len(costs.points) <= _DENSE:
        keys += [m.key for m, _, _ in costs.points]
    by_key = {m.key: m for m, _, _ in costs.points}
    return [by_key[key] for key in dict.fromkeys(keys) if key in by_key]


def _name(drawing: svg.Drawing, model: Model, place: tuple[float, float], taken: list[Box], frame: Box) -> None:
    """Write a name at the first free place beside its dot; none is free: leave it to the tooltip."""
    (x, y), text = place, fmt.middle_cut(model.words)
    room = svg.text_width(text)
    beside = [(x + 10, y + 4, "start"), (x - 10, y + 4, "end"), (x + 8, y - 8, "start"), (x - 8, y - 8, "end"),
              (x + 8, y + 17, "start"), (x - 8, y + 17, "end")]  # fmt: skip
    far = [(x + dx, y + dy, a) for dy in (-22, 31, -36, 45, -50, 59, 73) for dx, a in ((12, "start"), (-12, "end"))]
    beside += far
    for at, line, anchor in beside:
        left = at if anchor == "start" else at - room
        box = (left - 2, line - 11, left + room + 2, line + 4)
        inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
        if inside and not any(_touch(box, other) for other in taken):
            full = model.words if text != model.words else None
            colour = "ink" if model.recommended else "ink2"
            if (at, line, anchor) in far:
                drawing.line(x, y + (6 if line > y else -6), at - (2 if at > x else -2), line - (9 if line > y else -1),
                             "null")  # fmt: skip
            drawing.text(at, line, text, colour=colour, anchor=anchor, bold=model.recommended, full=full)
            taken.append(box)
            return


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _words(facts: Facts, model: Model, cost: float, score: Estimate) -> str:
    ends = f" {facts.metric.interval(score.low, score.high)}" if score.low is not None else ""
    return f"{model.words}: {fmt.magnitude(cost)}, {facts.metric.value(score.value)}{ends}"


def label(facts: Facts, costs: Costs) -> str:
    """Return the figure in words."""
    rows = "; ".join(_words(facts, *point) for point in costs.points)
    names = fmt.listing([m.words for m, _, _ in costs.points if m.key in costs.front])
    return (
        f"{fmt.capital(facts.metric.words)} against {costs.words}. {rows}. No model is cheaper and better than {names}."
    )
