"""Who has which label, and who tests whom: counts by label and by group, fold or split.

Darker cells hold more, an outlined cell holds none. Over 12 labels the matrix becomes bars of the ten smallest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg

MOST_LABELS = 12
KEPT = 10


def draw(description: Mapping[str, Any], samples: str, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure: cells up to 12 labels, bars of the smallest beyond."""
    labels: dict[str, int] = dict(description["labels"])
    if len(labels) > MOST_LABELS:
        smallest = sorted(labels, key=lambda name: (labels[name], name))[:KEPT]
        return _bars({name: labels[name] for name in smallest}, samples, width, identity, css)
    columns: Sequence[Mapping[str, Any]] = description.get("columns") or []
    if not labels or not columns:
        return _bars(labels or dict(description.get("splits") or {}), samples, width, identity, css)
    return _cells(labels, columns, samples, width, identity, css)


def _label(counts: Mapping[str, int], samples: str) -> str:
    return f"{fmt.capital(samples)} by label. " + "; ".join(f"{n}: {fmt.count(c)}" for n, c in counts.items()) + "."


def _bars(counts: Mapping[str, int], samples: str, width: int, identity: str, css: str) -> Markup:
    left, drawing = 150 if width > 500 else 120, svg.Drawing(width, 22 * max(len(counts), 1) + 4)
    scale = svg.Scale(0, max(counts.values(), default=1) or 1, left, width - 70)
    for i, (name, n) in enumerate(counts.items()):
        y = 22 * i
        drawing.name(left - 10, y + 15, name, left - 14, anchor="end")
        drawing.rect(left, y + 4, scale(n) - left, 14, "null", title=f"{name}: {fmt.count(n)}")
        drawing.text(scale(n) + 6, y + 15, fmt.count(n), colour="ink")
    return drawing.render(identity, _label(counts, samples), css)


def _cells(
    labels: Mapping[str, int], columns: Sequence[Mapping[str, Any]], samples: str, width: int, identity: str, css: str
) -> Markup:
    narrow = width < 500
    left, right = (92, 48) if narrow else (130, 120)
    parents = list(dict.fromkeys(c["parent"] for c in columns if c.get("parent") is not None))
    space = (3 if narrow else 10) if parents else 0
    cell = (width - left - right - space * max(len(parents) - 1, 0)) / len(columns)
    places = [left + i * cell + space * (parents.index(c["parent"]) if parents else 0) for i, c in enumerate(columns)]
    top, row = 46 if parents else 24, 26
    drawing = svg.Drawing(width, top + row * len(labels) + 56)
    _heads(drawing, columns, parents, places, cell, top)
    most = max((n for c in columns for n in c["counts"].values()), default=1) or 1
    for i, (name, total) in enumerate(labels.items()):
        y = top + i * row
        drawing.name(left - 8, y + 16, name, left - 12, colour="ink", anchor="end")
        for column, x in zip(columns, places):
            _cell(drawing, column, name, x, y, cell, row, most)
        _total(drawing, total, max(labels.values()), y + row / 2, width, narrow)
    _column_totals(drawing, columns, places, cell, top + row * len(labels) + 4, left, samples)
    drawing.text(width, drawing.height - 8, fmt.count(sum(labels.values())), anchor="end", colour="ink", bold=True)
    return drawing.render(identity, _label(labels, samples), css)


def _heads(
    drawing: svg.Drawing,
    columns: Sequence[Mapping[str, Any]],
    parents: list,
    places: list[float],
    cell: float,
    top: float,
) -> None:
    for parent in parents:
        own = [x for c, x in zip(columns, places) if c["parent"] == parent]
        drawing.line(own[0], top - 24, own[-1] + cell - 1, top - 24, "null")
        room = own[-1] + cell - own[0]
        text = str(parent) if svg.text_width(str(parent)) < room else str(parent).split()[-1]
        drawing.text(own[0] + room / 2, top - 30, text, colour="ink3", anchor="middle")
    for column, x in zip(columns, places):
        shown = str(column["name"])
        if svg.text_width(shown) > cell * 1.1:
            shown = shown[-2:] if cell < 24 else svg.fit(shown, cell)
        full = str(column["name"]) if shown != str(column["name"]) else None
        drawing.text(x + cell / 2, top - 8, shown, anchor="middle", full=full)


def _cell(
    drawing: svg.Drawing, column: Mapping[str, Any], name: str, x: float, y: float, cell: float, row: float, most: int
) -> None:
    n = column["counts"].get(name, 0)
    title = f"{column['name']}, {name}: {fmt.count(n)}"
    if n:
        drawing.rect(x, y + 1, cell - 2, row - 2, "ink", opacity=round(0.06 + 0.28 * n / most, 3), title=title)
    else:
        drawing.rect(x, y + 1, cell - 2, row - 2, None, stroke="null", title=title)
    text = fmt.count(n)
    if svg.text_width(text, 12) < cell + 4:
        drawing.text(x + cell / 2 - 1, y + row / 2 + 4, text, colour="ink", anchor="middle")


def _total(drawing: svg.Drawing, total: int, most: int, y: float, width: int, narrow: bool) -> None:
    if not narrow:
        drawing.rect(width - 108, y - 6, 58 * total / most, 12, "null")
    drawing.text(width, y + 4, fmt.count(total), colour="ink", anchor="end", bold=True)


def _column_totals(
    drawing: svg.Drawing, columns: Sequence[Mapping[str, Any]], places: list[float], cell: float, top: float,
    left: float, samples: str,
) -> None:  # fmt: skip
    totals = [sum(column["counts"].values()) for column in columns]
    most = max(totals, default=1) or 1
    wide = min(cell - 8, 24)
    for x, total in zip(places, totals):
        drawing.rect(x + cell / 2 - wide / 2 - 1, top, wide, 26 * total / most, "null", title=fmt.count(total))
        if svg.text_width(fmt.count(total)) < cell + 4:
            drawing.text(x + cell / 2 - 1, drawing.height - 8, fmt.count(total), anchor="middle")
    drawing.name(left - 8, drawing.height - 8, samples, left - 10, colour="ink3", anchor="end")
