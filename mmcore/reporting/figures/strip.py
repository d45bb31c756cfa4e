"""The strip: what there is to know about the label, cut into U1, R, U2, S and what is in neither, to scale.

The order keeps I(X1;Y) = U1 + R and I(X2;Y) = R + U2 in one piece each. A part that is estimated below zero has no
width; its value and interval stand in words beside the strip, never clipped to zero in a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import ATOMS, Pair
from mmcore.reporting.tokens import ATOM_TOKENS

_GAP = 0.75  # half the page-coloured gap between two parts, in pixels


@dataclass(frozen=True)
class Segment:
    """A piece of the strip in bits; `part` is an atom or `neither`."""

    part: str
    start: float
    width: float

    @property
    def end(self) -> float:
        """Where the piece ends, in bits."""
        return self.start + self.width


def segments(atoms: Mapping[str, float], entropy: float) -> tuple[Segment, ...]:
    """Return the five pieces in drawing order; together they span H(Y), or the parts' sum where that is larger.

    Example:
        >>> parts = {"unique1": 0.5, "redundancy": 1.0, "unique2": 0.25, "synergy": 0.25}
        >>> [(piece.part, piece.start, piece.width) for piece in segments(parts, 2.5)][-2:]
        [('synergy', 1.75, 0.25), ('neither', 2.0, 0.5)]
    """
    pieces, at = [], 0.0
    for atom in ATOMS:
        width = max(atoms[atom], 0.0)
        pieces.append(Segment(atom, at, width))
        at += width
    return (*pieces, Segment("neither", at, max(entropy - at, 0.0)))


def boundaries(atoms: Mapping[str, float]) -> tuple[float, ...]:
    """Return where each part ends, in bits: the places of the truth's ticks.

    Example:
        >>> boundaries({"unique1": 0.5, "redundancy": 1.0, "unique2": 0.0, "synergy": 0.25})
        (0.5, 1.5, 1.5, 1.75)
    """
    at, ends = 0.0, []
    for atom in ATOMS:
        at += atoms[atom]
        ends.append(at)
    return tuple(ends)


def values_of(pair: Pair) -> dict[str, float]:
    """Return the four corrected values of a pair."""
    return {atom: pair.atoms[atom].value for atom in ATOMS}


def part_title(pair: Pair, part: str, entropy: float) -> str:
    """Return the tooltip of a piece."""
    if part == "neither":
        left = segments(values_of(pair), entropy)[-1].width
        return f"In neither: {fmt.number(left, 2)} of {fmt.bits(entropy)}"
    estimate = pair.atoms[part]
    ends = "" if estimate.low is None or estimate.high is None else f" {fmt.interval(estimate.low, estimate.high, 2)}"
    return f"{fmt.capital(pair.atom_name(part))}: {fmt.bits(estimate.value)}{ends}"


def lane(
    drawing: svg.Drawing, pair: Pair, entropy: float, scale: svg.Scale, y: float, height: float,
    parts: tuple[str, ...] = (*ATOMS, "neither"), unit: float = 1.0,
) -> None:  # fmt: skip
    """Add the named pieces at their places on `scale`; `unit` divides bits (H(Y) for strips as shares)."""
    for piece in segments(values_of(pair), entropy):
        if piece.part not in parts or piece.width <= 0:
            continue
        left, right = scale(piece.start / unit), scale(piece.end / unit)
        if right - left < 0.05:
            continue
        gap = min(_GAP, (right - left) / 4)
        title = part_title(pair, piece.part, entropy)
        if piece.part == "neither":
            drawing.rect(left + gap, y, right - left - gap, height, None, stroke="null", title=title)
        else:
            drawing.rect(left + gap, y, right - left - 2 * gap, height, ATOM_TOKENS[piece.part], title=title)


def truth_ticks(
    drawing: svg.Drawing, pair: Pair, scale: svg.Scale, top: float, bottom: float, unit: float = 1.0
) -> None:
    """Add an upright ink tick at each true boundary, where the truth was planted."""
    if pair.truth is not None:
        for end in boundaries(pair.truth):
            drawing.line(scale(end / unit), top, scale(end / unit), bottom, "ink", 2)


def strip_label(pair: Pair, entropy: float) -> str:
    """Return the strip in words."""
    parts = ", ".join(f"{pair.atom_name(a)} {fmt.number(pair.atoms[a].value, 2)}" for a in ATOMS)
    left = segments(values_of(pair), entropy)[-1].width
    text = f"Of {fmt.bits(entropy)}: {parts}, in neither {fmt.number(left, 2)}."
    if pair.truth is not None:
        truth = ", ".join(f"{pair.atom_name(a)} {fmt.number(pair.truth[a], 2)}" for a in ATOMS)
        text += f" Planted truth: {truth}."
    return text


def extent(pair: Pair, entropy: float) -> float:
    """Return what the strip spans, in bits: H(Y), or more where the parts or the truth are larger."""
    truth = boundaries(pair.truth)[-1] if pair.truth is not None else 0.0
    return max(segments(values_of(pair), entropy)[-1].end, truth)


def draw(pair: Pair, entropy: float, width: int, identity: str, css: str = "") -> Markup:
    """Return the hero strip of a pair."""
    over = 5 if pair.truth is not None else 0
    drawing = svg.Drawing(width, 26 + 2 * over)
    scale = svg.Scale(0, extent(pair, entropy), 0, width - 1)
    lane(drawing, pair, entropy, scale, over, 26)
    truth_ticks(drawing, pair, scale, 0, 26 + 2 * over)
    return drawing.render(identity, f"Shares of the label's entropy. {strip_label(pair, entropy)}", css)


def draw_small(pair: Pair, entropy: float, identity: str) -> Markup:
    """Return the strip of the index: to its own H(Y), two thin lines above for the modalities alone."""
    drawing = svg.Drawing(380, 34)
    pieces = {piece.part: piece for piece in segments(values_of(pair), entropy)}
    scale = svg.Scale(0, extent(pair, entropy), 0, 379)
    for y, start, end in ((2, "unique1", "redundancy"), (7, "redundancy", "unique2")):
        left, right = scale(pieces[start].start), scale(pieces[end].end)
        drawing.rect(left, y, right - left, 2, "ink2")
    lane(drawing, pair, entropy, scale, 12, 18)
    truth_ticks(drawing, pair, scale, 9, 34)
    return drawing.render(identity, f"{pair.first} with {pair.second}. {strip_label(pair, entropy)}")
