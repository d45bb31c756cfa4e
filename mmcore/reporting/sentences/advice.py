"""Advice before labels in words: which modality to add next, whether to collect it, how simple the fusion may be."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.advice import Advice, Bounds, Further
from mmcore.reporting.facts import Facts
from mmcore.reporting.sentences.verdict import ended

COLLECT = {"yes": "collect it", "no": "not worth it", "undecided": "undecided"}
FUSION = {
    "one_modality": "one alone is enough", "late_fusion": "late fusion is enough", "fusion": "one model of both",
    "undecided": "undecided",
}  # fmt: skip


def between(bounds: Bounds) -> str:
    """Return accuracies in percent: `between 81.0 and 93.5 %`, or `82.0 %` where both ends are one."""
    low, high = fmt.number(100 * bounds.low, 1), fmt.number(100 * bounds.high, 1)
    return f"{high}{fmt.NBSP}%" if low == high else f"between {low} and {high}{fmt.NBSP}%"


def advised(facts: Facts, advice: Advice) -> str:
    """Return the advice in two or three sentences."""
    if not advice.judged:
        return f"No advice: {ended(advice.reason or 'no further modality could be judged')}"
    held, least = fmt.listing(advice.held), f"{fmt.number(100 * advice.least_gain, 1)}{fmt.NBSP}points"
    if advice.next is None:
        names = fmt.listing([entry.modality for entry in advice.judged], "or")
        text = f"Collect nothing more: beside {held}, {names} cannot add {least} of accuracy."
        return f"{text} {_unjudged(advice)}".strip()
    first = next(entry for entry in advice.candidates if entry.modality == advice.next)
    return f"{_first(first, held, least)} {_fusion(first, held)} {_unjudged(advice)}".strip()


def _first(first: Further, held: str, least: str) -> str:
    if first.without is None or first.together is None:
        return f"Collect {first.modality} next."
    alone = f"{held} alone allows {between(first.without)}"
    both = f"both together allow {between(first.together)}"
    if first.collect == "yes":
        return f"Collect {first.modality} next: {alone}, {both}."
    return (
        f"Undecided whether {first.modality} is worth collecting: {alone}, {both}, and that leaves open whether it"
        f" adds {least}. A few labelled pairs would tell."
    )


def _fusion(first: Further, held: str) -> str:
    sentences = {
        "one_modality": f"One of the two, {held} or {first.modality}, is then enough.",
        "late_fusion": "Late fusion is then enough.",
        "fusion": "Only one model of both can then use all of it: late fusion is not enough.",
        "undecided": "Whether late fusion is then enough cannot be told without labelled pairs.",
    }
    return sentences[first.fusion]


def _unjudged(advice: Advice) -> str:
    names = [entry.modality for entry in advice.candidates if entry.reason is not None]
    return f"Nothing can be said of {fmt.listing(names)}." if names and advice.judged else ""


def read(facts: Facts, advice: Advice) -> str:
    """Return what was read for the advice, and what was not."""
    noun = facts.nouns.sample
    labelled, paired = (fmt.counted(advice.n_rows[part], noun) for part in ("labelled", "paired"))
    return (
        f"From {labelled} labelled one {facts.nouns.modality} at a time ({advice.rules['labelled']}) and {paired}"
        f" paired without their labels ({advice.rules['paired']}). No label was read together with two"
        f" {facts.nouns.modalities}."
    )
