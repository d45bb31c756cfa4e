"""The dataset and the synthetic datasets nearest to it: normalised parts as bars of length one, in the strip's order.

The bars in bold are the dataset's own pairs, the leading one first; the others carry their weight in the ranking and
their best model. Bars are normalised because the distance is: how much can be known in total plays no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import svg
from mmcore.reporting.facts import ATOMS, Facts, Pair
from mmcore.reporting.proposal import Proposal, own_shares
from mmcore.reporting.sentences.proposal import best_words, world_words
from mmcore.reporting.tokens import ATOM_TOKENS

_BAR = 16


def draw(facts: Facts, proposal: Proposal, width: int, identity: str, css: str = "") -> Markup:
    """Return the figure."""
    narrow = width < 500
    step = 44 if narrow else 30
    own = own_shares(facts, proposal)
    n = len(proposal.neighbours) + len(own)
    top, gap = (0 if narrow else 20), (10 if own else 0)
    drawing = svg.Drawing(width, top + step * n + gap + 24)
    scale = svg.Scale(0.0, 1.0, 0 if narrow else 240, width if narrow else 470)
    if not narrow:
        drawing.text(width - 238, 12, "weight")
        drawing.text(width - 176, 12, "best model there")
    y = float(top)
    for pair, shares in own:
        _row(drawing, scale, y, step, name(pair), shares, "", "", bold=True)
        y += step
    if own:
        y += gap
        drawing.line(0, y - gap / 2, width, y - gap / 2, "line")
    for neighbour in proposal.neighbours:
        weight = fmt.percent(neighbour.weight, 0)
        best = best_words(neighbour, 1)
        _row(drawing, scale, y, step, world_words(neighbour), neighbour.shares, weight, best, bold=False)
        y += step
    for value, text in ((0.0, "0"), (0.5, "50"), (1.0, f"100{fmt.NBSP}%")):
        anchor = "start" if value == 0 else "end" if value == 1 else "middle"
        drawing.text(scale(value), y + 14, text, colour="ink3", anchor=anchor)
    return drawing.render(identity, label(facts, proposal), css)


def name(pair: Pair) -> str:
    """Return the words for one of the dataset's own bars."""
    return f"{pair.first} · {pair.second}"


def _row(
    drawing: svg.Drawing, scale: svg.Scale, y: float, step: int, words: str, shares: Mapping[str, float], weight: str,
    best: str, *, bold: bool,
) -> None:  # fmt: skip
    narrow = drawing.width < 500
    base = y + 13 if narrow else y + step / 2 + 4
    if narrow:
        text = ", ".join(part for part in (weight, best) if part)
        shown = svg.fit(text, 190)
        drawing.text(drawing.width, base, shown, anchor="end", full=text if shown != text else None)
        drawing.name(0, base, words, drawing.width - svg.text_width(shown) - 10, size=13, colour="ink", bold=bold)
    else:
        drawing.name(0, base, words, scale.left - 14, size=13, colour="ink", bold=bold)
        drawing.text(drawing.width - 192, base, weight, anchor="end")
        drawing.name(drawing.width - 176, base, best, 176)
    top, at = (y + 20 if narrow else y + (step - _BAR) / 2), 0.0
    for atom in ATOMS:
        share = shares[atom]
        if share > 0:
            title = f"{words}: {_NAMES[atom]} {fmt.percent(share, 0)}"
            drawing.rect(scale(at), top, scale(at + share) - scale(at), _BAR, ATOM_TOKENS[atom], title=title)
        at += share


_NAMES = {"unique1": "only the first", "redundancy": "shared", "unique2": "only the second", "synergy": "only together"}


def key(facts: Facts, proposal: Proposal) -> tuple[tuple[str, str], ...]:
    """Return (swatch, words) for each part; the modalities by name where all own bars are of one pair."""
    own = own_shares(facts, proposal)
    words = {atom: own[0][0].atom_name(atom) for atom in ATOMS} if len(own) == 1 else _NAMES
    return tuple((ATOM_TOKENS[atom], words[atom]) for atom in ATOMS)


def label(facts: Facts, proposal: Proposal) -> str:
    """Return the figure in words."""
    rows = [f"{name(pair)}: {_parts(shares)}" for pair, shares in own_shares(facts, proposal)]
    for neighbour in proposal.neighbours:
        weight = fmt.percent(neighbour.weight, 0)
        rows.append(f"{world_words(neighbour)}, weight {weight}: {_parts(neighbour.shares)}")
    return f"Parts of the information, as shares of it. {'; '.join(rows)}."


def _parts(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{_NAMES[atom]} {fmt.percent(shares[atom], 0)}" for atom in ATOMS)
