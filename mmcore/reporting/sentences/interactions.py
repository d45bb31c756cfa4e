"""What the interactions of the models mean beside those of the data: templates whose branches are all tested."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.interactions import Interactions, Using

NONE = 0.005
"""A share below it is printed as 0.00 and called none."""


def meaning(facts: Facts, found: Interactions) -> str:
    """Return what the data hold, what the deciding model makes of it, and how late fusion compares."""
    parts = [_data(facts, found), _deciding(facts, found), _agreement(facts, found), _additive(facts, found)]
    return " ".join(part for part in parts if part)


def told(facts: Facts, found: Interactions) -> Using | None:
    """Return the model that the sentence is about: the recommended one, else the best that reads both."""
    both = [one for one in found.models if not one.key.startswith("unimodal:")]
    chosen = facts.recommended
    return next((one for one in both if chosen is not None and one.key == chosen.key), both[0] if both else None)


def bits(estimate: Estimate) -> str:
    """Return bits with their interval.

    Example:
        >>> bits(Estimate(0.5, 0.25, 0.75))
        '0.50\\xa0bits [0.25,\\xa00.75]'
    """
    if estimate.low is None or estimate.high is None:
        return fmt.bits(estimate.value)
    return f"{fmt.bits(estimate.value)} {fmt.interval(estimate.low, estimate.high, 2)}"


def _data(facts: Facts, found: Interactions) -> str:
    first, second = found.pair
    where, synergy = f"On test {fmt.plural(facts.nouns.sample)}", found.data["synergy"]
    if synergy.above_zero or synergy.low is None:
        return f"{where} {first} and {second} hold {bits(synergy)} of synergy about the {facts.nouns.label}."
    return f"{where} no synergy of {first} and {second} about the {facts.nouns.label} is sure: {bits(synergy)}."


def _deciding(facts: Facts, found: Interactions) -> str:
    """One sentence on behaviour and one on predictions; the comparison is of intervals."""
    one = told(facts, found)
    if one is None:
        return "No model that reads both was quantified."
    behaviour = _behaviour(one)
    if not one.atoms:
        return f"{behaviour} What its predictions tell could not be estimated."
    own, data = one.atoms["synergy"], found.data["synergy"]
    said = f"{behaviour} Its predictions hold {bits(own)} of synergy"
    if own.high is None or own.low is None or data.low is None or data.high is None:
        return f"{said}."
    if own.high < data.low:
        return f"{said}, less than there is: some interaction is left unused."
    if own.low > data.high:
        return f"{said}, more than the {fmt.plural(facts.nouns.label)} do: it decides where they leave doubt."
    return f"{said}; the intervals do not tell the two apart."


def _behaviour(one: Using) -> str:
    value = one.share.value
    if value is None:
        return f"{one.model} does not react to the two."
    ends = one.share
    interval = "" if ends.low is None or ends.high is None else f" {fmt.interval(ends.low, ends.high, 2)}"
    if value < NONE:
        return f"{one.model} adds up what each of them tells: nothing of its behaviour is interaction."
    return f"Of what moves {one.words}, {fmt.number(value, 2)}{interval} is interaction."


def _additive(facts: Facts, found: Interactions) -> str:
    """Late fusion where it is not the model that the rest is about."""
    one = told(facts, found)
    late = next((model for model in found.models if model.key == "late_fusion"), None)
    if late is None or late.share.value is None or (one is not None and one.key == late.key):
        return ""
    if late.share.value < NONE:
        return "Late fusion, which adds up, has no interaction in its behaviour."
    return f"Of what moves late fusion, {fmt.number(late.share.value, 2)} is interaction."


def _agreement(facts: Facts, found: Interactions) -> str:
    """How alike the parts of the deciding model are to the data's, and the range of the others; it has no interval."""
    known = [(one.key, one.agreement["normalised"]) for one in found.models if one.agreement is not None]
    measured = {key: value for key, value in known if value is not None}
    one = told(facts, found)
    if one is None or one.key not in measured:
        return ""
    text = f"The parts of its predictions agree with the data's to {fmt.number(measured[one.key], 2)} of 1"
    if len(measured) < 2:
        return f"{text}."
    low, high = min(measured.values()), max(measured.values())
    return f"{text}; over all models {fmt.number(low, 2)} to {fmt.number(high, 2)}."
