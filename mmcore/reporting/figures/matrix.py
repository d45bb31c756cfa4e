"""More than two modalities: the upper triangle of mini strips to one scale, own information on the diagonal.

Over six modalities the cells hold synergy only. The narrow drawing lists the pairs one below the other.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import ATOMS, Facts, Pair
from mmcore.reporting.figures import strip


def draw(facts: Facts, width: int, identity: str, css: str = "") -> Markup:
    """Return the matrix of all pairs."""
    if width < 500:
        return _list(facts, width, identity, css)
    return _grid(facts, width, identity, css, synergy_only=len(facts.modalities) > 6)


def _entropy(facts: Facts) -> float:
    return facts.entropy or 1.0


def label(facts: Facts) -> str:
    """Return the figure in words: the parts of each pair."""
    rows = []
    for pair in facts.pairs:
        parts = (
            ", ".join(f"{pair.atom_name(a)} {fmt.number(pair.atoms[a].value, 2)}" for a in ATOMS) if pair.atoms else ""
        )
        rows.append(f"{pair.first} with {pair.second}: {parts or 'no estimate'}")
    return f"Each pair as a small strip, in bits. {'; '.join(rows)}."


def _caption(pair: Pair, room: float) -> str:
    both, synergy = pair.information.get("both"), fmt.number(pair.atoms["synergy"].value, 2)
    total = both.value if both else sum(e.value for e in pair.atoms.values())
    for text in (f"{fmt.bits(total)}, S {synergy}", f"{fmt.number(total, 2)}, S {synergy}"):
        if svg.text_width(text) / 1.08 < room:
            return text
    return f"S {synergy}"


def _grid(facts: Facts, width: int, identity: str, css: str, *, synergy_only: bool) -> Markup:
    n, left, top, row = len(facts.modalities), 92, 26, 64
    cell = (width - left) / n
    drawing = svg.Drawing(width, top + n * row)
    for i, name in enumerate(facts.modalities):
        drawing.name(left + i * cell + 6, 14, name, cell - 10, size=13, colour="ink", bold=True)
        drawing.name(0, top + i * row + 24, name, left - 10, size=13, colour="ink", bold=True)
        drawing.rect(left + i * cell, top + i * row, cell - 4, row - 4, None, stroke="line2")
        _own(drawing, facts, name, left + i * cell + 6, top + i * row, cell - 16)
    for pair in facts.pairs:
        i, j = sorted((facts.modalities.index(pair.first), facts.modalities.index(pair.second)))
        x, y = left + j * cell, top + i * row
        drawing.rect(x, y, cell - 4, row - 4, None, stroke="line2" if pair.estimated else "null",
                     dash="" if pair.estimated else "3 3")  # fmt: skip
        if pair.estimated:
            _strip_cell(drawing, facts, pair, x + 6, y, cell - 16, synergy_only)
        else:
            drawing.text(x + 6, y + 34, svg.fit("no estimate", cell - 12))
    return drawing.render(identity, label(facts), css)


def _own(drawing: svg.Drawing, facts: Facts, name: str, x: float, y: float, room: float) -> None:
    estimate = facts.alone.get(name)
    if estimate is None:
        drawing.text(x, y + 34, svg.fit("no estimate", room))
        return
    scale = svg.Scale(0, _entropy(facts), x, x + room)
    end = scale(max(0.0, min(estimate.value, _entropy(facts))))
    drawing.rect(x, y + 12, end - x, 16, "null", title=f"{name} alone: {fmt.bits(estimate.value)}")
    drawing.rect(end, y + 12, x + room - end, 16, None, stroke="null")
    drawing.text(x, y + 46, f"alone {fmt.number(estimate.value, 2)}")


def _strip_cell(
    drawing: svg.Drawing, facts: Facts, pair: Pair, x: float, y: float, room: float, synergy_only: bool
) -> None:
    entropy = _entropy(facts)
    if synergy_only:
        synergy = pair.atoms["synergy"].value
        scale = svg.Scale(0, max(0.05, *(p.atoms["synergy"].value for p in facts.estimated)), x, x + room)
        drawing.rect(x, y + 12, max(scale(synergy) - x, 0), 16, "s", title=strip.part_title(pair, "synergy", entropy))
        drawing.text(x, y + 46, fmt.number(synergy, 2))
        return
    top = max(strip.extent(other, entropy) for other in facts.estimated)
    scale = svg.Scale(0, top, x, x + room)
    strip.lane(drawing, pair, entropy, scale, y + 12, 16)
    strip.truth_ticks(drawing, pair, scale, y + 8, y + 32)
    leading = pair is facts.leading
    drawing.text(x, y + 46, _caption(pair, room), bold=leading, colour="ink" if leading else "ink2")


def _list(facts: Facts, width: int, identity: str, css: str) -> Markup:
    row, entropy = 44, _entropy(facts)
    drawing = svg.Drawing(width, row * len(facts.pairs))
    top = max((strip.extent(pair, entropy) for pair in facts.estimated), default=entropy)
    for i, pair in enumerate(facts.pairs):
        y = i * row
        caption = _caption(pair, 140) if pair.estimated else "no estimate"
        name = f"{pair.first} · {pair.second}"
        drawing.name(
            0, y + 13, name, width - svg.text_width(caption) - 6, size=13, colour="ink", bold=pair is facts.leading
        )
        drawing.text(width, y + 13, caption, anchor="end")
        if pair.estimated:
            scale = svg.Scale(0, top, 0, width - 1)
            strip.lane(drawing, pair, entropy, scale, y + 20, 14)
            strip.truth_ticks(drawing, pair, scale, y + 17, y + 37)
        else:
            drawing.rect(0, y + 20, width, 14, None, stroke="null", dash="3 3")
    return drawing.render(identity, label(facts), css)
