"""What follows from bounds, from a modality against all others, from other estimators: a sentence or two each."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Facts, Pair
from mmcore.reporting.figures import synergy_bounds as bounds_figure


def chance(pair: Pair) -> str:
    """Return which parts exceed what chance produces; nothing where no chance level was drawn.

    The parts are named as in the figure; a part counts when its p-value is at most 0.05.
    """
    if not pair.p_values:
        return ""
    beyond = [pair.atom_name(atom) for atom in ATOMS if pair.p_values.get(atom, 1.0) <= 0.05]
    if not beyond:
        return " None of the four exceeds what chance produces."
    return f" Beyond what chance produces: {fmt.listing(beyond)}."


def synergy_bounds(facts: Facts) -> str:
    """Return for how many pairs the range alone settles whether synergy is the largest part."""
    pairs = bounds_figure.rows(facts)
    settled = [pair for pair in pairs if _settles(pair) is not None]
    if not settled:
        return (
            "The ranges are too wide to tell whether synergy is the largest part of any pair: "
            "only labels of both together could."
        )
    words = []
    for pair in settled[:3]:
        verb = "is" if _settles(pair) else "is not"
        words.append(f"{pair.first} with {pair.second} (synergy {verb} the largest part)")
    more = f", and {len(settled) - 3} more" if len(settled) > 3 else ""
    return (
        f"For {len(settled)} of {len(pairs)} pairs labels of both together were not needed: {fmt.listing(words)}{more}."
    )


def _settles(pair: Pair) -> bool | None:
    """Return whether synergy is the largest part over the whole range, or over none of it; None where it depends."""
    known = pair.synergy_bounds or {}
    rest = max(pair.raw[atom] for atom in ATOMS if atom != "synergy")
    if known["lower"] > rest:
        return True
    return False if known["upper"] < rest else None


def against_rest(facts: Facts) -> str:
    """Return which modalities tell what all others together do not."""
    found = [pair for pair in facts.against_rest if pair.estimated]
    if not found:
        return f"No {facts.nouns.modality} could be set against all others."
    own = [pair.first for pair in found if pair.atoms["unique1"].above_zero]
    joint = [pair.first for pair in found if pair.atoms["synergy"].above_zero]
    text = (
        f"Against all others together, {fmt.listing(own)} still {'tells' if len(own) == 1 else 'tell'} something of "
        f"{'its' if len(own) == 1 else 'their'} own."
        if own
        else f"Against all others together, no {facts.nouns.modality} tells anything of its own for sure."
    )
    if joint:
        text += f" Synergy with the others is above zero for {fmt.listing(joint)}."
    return text


def others(facts: Facts) -> str:
    """Return whether other estimators name the same largest part."""
    compared = [
        (pair, name, other)
        for pair in facts.estimated
        for name, other in pair.others.items()
        if other["status"] == "estimated"
    ]
    if not compared:
        return "The other estimators could not be used here; the table says why."
    differ = [(pair, name, other) for pair, name, other in compared if other["largest"] != _largest(pair)]
    if not differ:
        return f"The other estimators name the same largest part for all {len(facts.estimated)} pairs."
    words = [
        f"{name} of {pair.first} with {pair.second} ({pair.atom_name(other['largest'])})"
        for pair, name, other in differ[:3]
    ]
    more = f", and {len(differ) - 3} more" if len(differ) > 3 else ""
    share = f"{len(differ)} of {len(compared)}"
    return f"{share} other estimates name another largest part: {fmt.listing(words)}{more}. Read those pairs with care."


def _largest(pair: Pair) -> str:
    return max(ATOMS, key=lambda atom: pair.atoms[atom].value)
