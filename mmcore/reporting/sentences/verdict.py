"""The verdict: what to do, then by how much; and the interaction that explains it, where one does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts, Model, Pair
from mmcore.reporting.proposal import proposal_of

NEAR = "synthetic datasets with the most similar interactions"
KINDS = ("gain", "unclear", "worse", "late_fusion", "late_fusion_contradicted", "one_modality",
         "one_modality_contradicted", "no_answer", "stopped")  # fmt: skip
_NOTHING_LEARNT = "no model is certainly better than always giving the most frequent answer, so nothing can be told"
_EXPLAINED = ("gain", "unclear", "late_fusion", "one_modality")
"""Kinds whose model test rows do not contradict: what the bank says of it is evidence for it."""


@dataclass(frozen=True)
class Verdict:
    """The kind of the verdict (one of `KINDS`), its sentence, its short form for the index and its reason."""

    kind: str
    sentence: str
    short: str
    because: str


def ended(text: str) -> str:
    """Return `text` with a full stop.

    Example:
        >>> ended("too few rows"), ended("Too few rows. ")
        ('too few rows.', 'Too few rows.')
    """
    text = text.strip()
    return text if text.endswith((".", "?", "…")) else f"{text}."


def improvement(facts: Facts, model: Model | None) -> Estimate | None:
    """Return how much better than late fusion a model is on test rows: positive is better for every metric."""
    if model is None or model.difference is None or model.against != "late_fusion":
        return None
    return model.difference if facts.metric.higher_is_better else model.difference.reversed()


def stopping_check(facts: Facts) -> Mapping[str, Any] | None:
    """Return the failed check that stopped the run: one failed, and nothing was estimated or trained."""
    checks = (facts.result("checks") or {}).get("checks") or []
    if "estimate" not in facts.reasons or "evaluation" not in facts.reasons:
        return None
    return next((check for check in checks if check["status"] == "failed"), None)


def everything(facts: Facts) -> str:
    """Return all modalities in words: `both sensors`, `all 4 modalities`."""
    n = len(facts.modalities)
    return f"both {facts.nouns.modalities}" if n == 2 else f"all {n} {facts.nouns.modalities}"


def amounts(facts: Facts, estimate: Estimate) -> str:
    """Return the ends of an interval that excludes zero as amounts: `1.2 to 3.4 points`."""
    metric = facts.metric
    low, high = sorted(abs(v) for v in (estimate.low or 0.0, estimate.high or 0.0))
    return f"{fmt.number(metric.factor * low, metric.decimals)} to {metric.amount(high)}"


def change(facts: Facts, estimate: Estimate) -> str:
    """Return a difference with its interval: `+0.5 points [−0.6, 1.6]`."""
    unit = facts.metric.difference_unit
    return (
        f"{facts.metric.signed(estimate.value)}{fmt.NBSP + unit if unit else ''} "
        f"{facts.metric.interval(estimate.low, estimate.high)}"
    )


def rival(facts: Facts) -> Model | None:
    """Return the model on all modalities, not late fusion, that validation rows prefer.

    The best on test rows would be the luckiest of them: with many models one would contradict a good verdict by chance.
    """
    every = set(facts.modalities)
    found = [m for m in facts.models if set(m.modalities) == every and m.key != "late_fusion" and m.score]
    sign = 1 if facts.metric.higher_is_better else -1
    scores = (facts.result("verdict") or {}).get("scores") or ()
    valid = {entry["model"]: sign * entry["value"] for entry in scores if entry["value"] is not None}
    return max(found, key=lambda model: valid.get(model.key, float("-inf")), default=None)


def verdict_of(facts: Facts) -> Verdict:
    """Return the verdict of a page."""
    check = stopping_check(facts)
    if check is not None:
        short = f"Stopped: “{check['title']}” failed"
        sentence = f"{short}; found {check['found']}, allowed {check['allowed']}."
        return Verdict(
            "stopped", sentence, short, ended(str(check.get("detail") or "Nothing was estimated or trained."))
        )
    missing = [facts.reasons[s] for s in ("estimate", "verdict", "evaluation") if s in facts.reasons]
    decided = facts.result("verdict")
    if decided is None or "evaluation" in facts.reasons or facts.recommended is None:
        reason = missing[0] if missing else "The evaluation names no recommended model."
        return Verdict(
            "no_answer", f"No answer: {ended(reason[:1].lower() + reason[1:])}", "No answer", _no_answer(facts)
        )
    branch = {"fusion": _fusion, "late_fusion": _late_fusion, "one_modality": _one_modality}[decided["verdict"]]
    found = branch(facts, facts.recommended)
    if decided.get("beats_constant") is False:
        return Verdict("no_answer", f"No answer: {_NOTHING_LEARNT}.", "No answer: nothing was learnt", found.because)
    if found.kind not in _EXPLAINED:
        return found
    simple = found.kind in ("late_fusion", "one_modality")
    said = (found.because, left_open(facts) if simple else "", in_the_bank(facts, facts.recommended.key))
    return dataclasses.replace(found, because=" ".join(filter(None, said)))


def left_open(facts: Facts) -> str:
    """Return the largest gain over the simple model that validation rows leave open; nothing without a comparison."""
    largest = (facts.result("verdict") or {}).get("gain_left_open")
    if largest is None:
        return ""
    return f"Validation rows leave open a gain of up to {facts.metric.amount(largest)} by another model."


def in_the_bank(facts: Facts, key: str) -> str:
    """Return what the bank says of a model, beside what it says of the one it puts first; nothing without a rank."""
    proposal = proposal_of(facts)
    entry = None if proposal is None else proposal.ranked(key)
    if proposal is None or entry is None:
        return ""
    text = f"In the {NEAR}, {entry.words} reaches {fmt.percent(entry.relative.value)} of the best model's accuracy"
    first = proposal.ranking[0]
    if first.key == key:
        return f"{text}."
    return f"{text}, and {first.words}, expected to come first, {fmt.percent(first.relative.value)}."


def _no_answer(facts: Facts) -> str:
    if facts.leading is None:
        return "Neither the interactions nor a model can be judged."
    return "The interactions are estimated, but no model has been judged."


def _fusion(facts: Facts, model: Model) -> Verdict:
    gain, words, name = improvement(facts, model), facts.metric.words, model.words
    short, use = f"Fuse: {name}", f"Use {everything(facts)} in one model"
    if gain is None:
        sentence = f"{use}: {name}; its difference to late fusion was not measured."
        return Verdict("unclear", sentence, short, explanation(facts, False))
    if gain.above_zero:
        verb = "gains" if facts.metric.higher_is_better else "saves"
        sentence = f"{use}: {name} {verb} {amounts(facts, gain)} of {words} over late fusion."
        return Verdict("gain", sentence, short, explanation(facts, True))
    if gain.below_zero:
        sentence = (
            f"Unclear: {name} won on validation, yet on test it is {amounts(facts, gain)} worse than late fusion."
        )
        return Verdict("worse", sentence, f"Unclear: {name}", explanation(facts, False))
    sentence = (
        f"{use}, but expect little: {name} changes {words} by {change(facts, _raw(facts, gain))} over late fusion."
    )
    return Verdict("unclear", sentence, f"{short}, gain unclear", explanation(facts, False))


def _raw(facts: Facts, gain: Estimate) -> Estimate:
    return gain if facts.metric.higher_is_better else gain.reversed()


def ordered_comparisons(facts: Facts) -> tuple[Mapping[str, Any], ...]:
    """Return the comparisons on validation; after late fusion won, late fusion against one modality comes first."""
    decided = facts.result("verdict") or {}
    found = tuple(decided.get("comparisons") or ())
    if decided.get("verdict") != "late_fusion":
        return found
    return tuple(sorted(found, key=lambda c: c["model"] != "late_fusion" or not c["against"].startswith("unimodal:")))


def over_one_modality(facts: Facts) -> str:
    """Return by how much late fusion is above the best single modality, on validation and on test."""
    best = (facts.result("verdict") or {}).get("best_unimodal")
    single = facts.model(best) if best else None
    comparison = next(
        (c for c in ordered_comparisons(facts) if (c["model"], c["against"]) == ("late_fusion", best)), None
    )
    if single is None or comparison is None:
        return ""
    sign = 1 if facts.metric.higher_is_better else -1
    ends = [sign * v for v in (comparison.get("low"), comparison.get("high")) if v is not None]
    if not ends:
        opening = f"It was compared with {single.words} on validation"
    elif min(ends) > 0:
        opening = f"It beats {single.words} on validation"
    else:
        opening = f"It is not clearly better than {single.words} on validation"
    loss = improvement(facts, single)
    if loss is None:
        return f"{opening}."
    return f"{opening}; on test the difference is {change(facts, _raw(facts, loss.reversed()))}."


def _late_fusion(facts: Facts, model: Model) -> Verdict:
    other, words, short = rival(facts), facts.metric.words, "Late fusion is enough"
    gain, because = improvement(facts, other), f"{over_one_modality(facts)} {explanation(facts, False)}".strip()
    if other is None or gain is None:
        return Verdict("late_fusion", f"{short}: no other fusion model was compared.", short, because)
    name = other.words
    if gain.above_zero:
        sentence = f"Late fusion won on validation, yet on test {name} is {amounts(facts, gain)} better."
        return Verdict("late_fusion_contradicted", sentence, "Late fusion, contradicted", because)
    if gain.below_zero:
        return Verdict("late_fusion", f"{short}: {name} is {amounts(facts, gain)} of {words} worse.", short, because)
    sentence = f"{short}: {name} changes {words} by {change(facts, _raw(facts, gain))}."
    return Verdict("late_fusion", sentence, short, because)


def _one_modality(facts: Facts, model: Model) -> Verdict:
    own = model.modalities[0] if model.modalities else model.key.partition(":")[2]
    others = [name for name in facts.modalities if name != own]
    short = f"One {facts.nouns.modality} is enough: {own}"
    loss = improvement(facts, model)
    because = _alone(facts, own)
    if loss is None:
        return Verdict("one_modality", f"{short}.", short, because)
    adding = loss.reversed()
    added = others[0] if len(others) == 1 else f"the other {fmt.words(len(others))}"
    if adding.above_zero:
        better = f"yet on test adding {added} is {amounts(facts, adding)} better"
        sentence = f"{fmt.capital(own)} alone won on validation, {better}."
        return Verdict("one_modality_contradicted", sentence, f"{fmt.capital(own)}, contradicted", because)
    sentence = f"{short}. Adding {added} changes {facts.metric.words} by {change(facts, _raw(facts, adding))}."
    return Verdict("one_modality", sentence, short, because)


def _alone(facts: Facts, own: str) -> str:
    pairs = [pair for pair in facts.estimated if own in (pair.first, pair.second) and "both" in pair.information]
    if not pairs:
        return explanation(facts, False)
    pair = max(pairs, key=lambda p: p.information["both"].value)
    mine = pair.information.get("first" if pair.first == own else "second")
    if mine is None:
        return explanation(facts, False)
    both = pair.information["both"].value
    return (
        f"{fmt.capital(own)} alone tells {fmt.bits(mine.value)} about the {facts.nouns.label}, "
        f"{pair.first} and {pair.second} together tell {fmt.bits(both)}."
    )


def explanation(facts: Facts, gains: bool) -> str:
    """Return what the interactions say about the verdict; `gains` is whether the model is above late fusion."""
    pair = facts.leading
    if pair is None:
        return "There is no estimate of the interactions, so nothing here explains the verdict."
    synergy = pair.atoms["synergy"]
    amount, names = fmt.bits(synergy.value), f"{pair.first} and {pair.second}"
    if synergy.above_zero and gains:
        return (
            f"It gains because {amount} appear only when {names} are read together; late fusion cannot use all of them."
        )
    if synergy.above_zero:
        unused = "the trained models do not turn them into a clear gain"
        return f"{amount} appear only when {names} are read together; {unused}."
    if gains:
        return f"The estimate does not explain the gain: synergy of {names} is {synergy_text(pair)}, not above zero."
    return f"Synergy of {names} is {synergy_text(pair)}: it cannot be told from zero."


def synergy_text(pair: Pair) -> str:
    """Return a pair's synergy with its interval."""
    synergy = pair.atoms["synergy"]
    if synergy.low is None or synergy.high is None:
        return f"{fmt.bits(synergy.value)} (no interval)"
    return f"{fmt.bits(synergy.value)} {fmt.interval(synergy.low, synergy.high, 2)}"
