"""The overlap strip, the report's signature: a lane for each modality and one for both, to scale up to H(Y).

Where the two upper lanes overlap both tell the same (redundancy); where one runs alone it is unique; what the lowest
lane has and no lane above reaches is synergy.
"""

from __future__ import annotations

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import ATOMS, Estimate, Pair
from mmcore.reporting.figures import strip
from mmcore.reporting.tokens import ATOM_TOKENS


def _information(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no estimate"
    ends = "" if estimate.low is None or estimate.high is None else f" {fmt.interval(estimate.low, estimate.high, 2)}"
    return fmt.bits(estimate.value) + ends


def draw(pair: Pair, entropy: float, width: int, identity: str, css: str = "") -> Markup:
    """Return the overlap strip of a pair."""
    narrow = width < 500
    left = 0 if narrow else 168
    scale = svg.Scale(0, strip.extent(pair, entropy), left, width - 1)
    tops = (20, 74, 128) if narrow else (6, 48, 94)
    heights = (26, 26, 46) if narrow else (30, 30, 56)
    labels = tops[2] + heights[2]
    drawing = svg.Drawing(width, labels + (88 if narrow else 84))
    pieces = {piece.part: piece for piece in strip.segments(strip.values_of(pair), entropy)}
    _connect(drawing, pieces, scale, tops, heights)
    lanes = (("unique1", "redundancy"), ("redundancy", "unique2"), (*ATOMS, "neither"))
    for parts, y, height in zip(lanes, tops, heights):
        strip.lane(drawing, pair, entropy, scale, y, height, parts)
    _lane_names(drawing, pair, tops, heights, left)
    _neither(drawing, pieces["neither"], scale, tops[2] + heights[2] / 2)
    strip.truth_ticks(drawing, pair, scale, tops[2] - 6, labels + 6)
    _part_labels(drawing, pair, pieces, scale, labels, left)
    bottom = drawing.height - 22
    drawing.line(left, bottom, width - 1, bottom, "null")
    _bits_axis(drawing, scale, bottom, entropy)
    return drawing.render(identity, _label(pair, entropy), css)


def _label(pair: Pair, entropy: float) -> str:
    first, second = _information(pair.information.get("first")), _information(pair.information.get("second"))
    both = _information(pair.information.get("both"))
    return f"{pair.first} alone {first}, {pair.second} alone {second}, both {both}. {strip.strip_label(pair, entropy)}"


def _connect(
    drawing: svg.Drawing, pieces: dict[str, strip.Segment], scale: svg.Scale, tops: tuple[int, ...],
    heights: tuple[int, ...],
) -> None:  # fmt: skip
    """Shade what both lanes share and what none of them reaches, down to the lowest lane."""
    for part, opacity in (("redundancy", 0.08), ("synergy", 0.12)):
        piece = pieces[part]
        drawing.rect(scale(piece.start), tops[0], scale(piece.end) - scale(piece.start), tops[2] - tops[0],
                     ATOM_TOKENS[part], opacity=opacity)  # fmt: skip
    ends = dict.fromkeys(round(scale(pieces[part].end), 1) for part in ATOMS)
    for x in ends:
        drawing.line(x, tops[0] - 4, x, tops[2], "null", dash="2 3")


def _lane_names(drawing: svg.Drawing, pair: Pair, tops: tuple[int, ...], heights: tuple[int, ...], left: float) -> None:
    names = (f"{pair.first} alone", f"{pair.second} alone", "both together")
    for name, key, y, height in zip(names, ("first", "second", "both"), tops, heights):
        text = _information(pair.information.get(key))
        if left:
            middle = y + height / 2
            drawing.name(0, middle - 2, fmt.capital(name), left - 8, size=13, colour="ink", bold=True)
            drawing.text(0, middle + 13, text)
        else:
            room = drawing.width - svg.text_width(text) - 8
            drawing.name(0, y - 6, fmt.capital(name), room, size=13, colour="ink", bold=True)
            drawing.text(drawing.width, y - 6, text, anchor="end")


def _neither(drawing: svg.Drawing, piece: strip.Segment, scale: svg.Scale, middle: float) -> None:
    room, x = scale(piece.end) - scale(piece.start), (scale(piece.start) + scale(piece.end)) / 2
    amount = fmt.number(piece.width, 2)
    if room > svg.text_width("in neither"):
        drawing.text(x, middle - 3, "in neither", anchor="middle")
        drawing.text(x, middle + 13, amount, anchor="middle")
    elif room > svg.text_width(amount):
        drawing.text(x, middle + 4, amount, anchor="middle")


def _part_labels(
    drawing: svg.Drawing, pair: Pair, pieces: dict[str, strip.Segment], scale: svg.Scale, top: float, left: float
) -> None:
    narrow = not left
    words = {a: pair.atom_name(a) for a in ATOMS} | ({"synergy": "together"} if narrow else {})
    names = {a: svg.fit(words[a], 112 if narrow else 150) for a in ATOMS}
    values = {a: fmt.number(pair.atoms[a].value, 2) for a in ATOMS}
    widths = [max(svg.text_width(names[a], 12) / 1.08, svg.text_width(values[a], 14)) for a in ATOMS]
    centres = [(scale(pieces[a].start) + scale(pieces[a].end)) / 2 for a in ATOMS]
    places = svg.spread(centres, widths, left, drawing.width, gap=4)
    for atom, centre, place in zip(ATOMS, centres, places):
        steps = [(centre, top + 1), (centre, top + 7), (place, top + 13), (place, top + 17)]
        drawing.path(steps, ATOM_TOKENS[atom], 1.2)
        drawing.text(place, top + 31, values[atom], size=14, colour="ink", anchor="middle", bold=True)
        full = pair.atom_name(atom) if names[atom] != pair.atom_name(atom) else None
        drawing.text(place, top + 46, names[atom], anchor="middle", full=full)


def _bits_axis(drawing: svg.Drawing, scale: svg.Scale, bottom: float, entropy: float) -> None:
    last = f"{fmt.number(entropy, 2)}{fmt.NBSP}bits"
    if scale.right - scale.left > 400:
        last += " = certain"
    end = scale(entropy)
    values = [v for v in svg.ticks(0, entropy) if scale(v) < end - svg.text_width(last) - 24]
    for value in values:
        drawing.line(scale(value), bottom, scale(value), bottom + 4, "null")
        text = fmt.number(value, svg.tick_decimals(values))
        drawing.text(scale(value), bottom + 16, text, colour="ink3", anchor="middle" if value else "start")
    drawing.line(end, bottom, end, bottom + 4, "null")
    drawing.text(end, bottom + 16, last, colour="ink3", anchor="end")
