"""The first screen: verdict, the interaction that explains it, four numbers and the strip."""

from __future__ import annotations

import dataclasses

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Facts, Pair
from mmcore.reporting.figures import reach, strip
from mmcore.reporting.figures.forest import SYMBOLS
from mmcore.reporting.sentences.verdict import verdict_of
from mmcore.reporting.tokens import ATOM_TOKENS, NARROW, WIDE
from mmcore.reporting.view import Headline, Hero


def view(facts: Facts) -> Hero:
    """Return the view of the first screen."""
    verdict, pair = verdict_of(facts), facts.leading
    headlines = (_together(facts, pair), _synergy(facts, pair), _allowed(facts), _reached(facts))
    base = Hero(facts.name, subtitle(facts), verdict.sentence, verdict.because, headlines)
    if pair is None or facts.entropy is None:
        reason = facts.reasons.get("estimate") or "No pair of modalities was estimated."
        return dataclasses.replace(base, empty=f"no estimate: {reason[:1].lower()}{reason[1:]}")
    named = "" if len(facts.modalities) == 2 else f"; the pair with the surest synergy, {pair.first} with {pair.second}"
    return dataclasses.replace(
        base,
        strip_title=f"What there is to know about the {facts.nouns.label}, {fmt.bits(facts.entropy)}{named}",
        strip_wide=strip.draw(pair, facts.entropy, WIDE, "hero-w", "wide"),
        strip_narrow=strip.draw(pair, facts.entropy, NARROW, "hero-n", "narrow"),
        key=strip_key(pair, facts.entropy),
    )


def strip_key(pair: Pair, entropy: float) -> tuple[tuple[str, str], ...]:
    """Return (swatch, words) for each part of a strip."""
    key = [(ATOM_TOKENS[a], f"{pair.atom_name(a)} ({SYMBOLS[a]}) {fmt.number(pair.atoms[a].value, 2)}") for a in ATOMS]
    left = strip.segments(strip.values_of(pair), entropy)[-1].width
    key.append(("x", f"in neither {fmt.number(left, 2)}"))
    return (*key, ("t", "planted truth")) if pair.truth is not None else tuple(key)


def subtitle(facts: Facts) -> str:
    """Return the question, the modalities and the counts."""
    nouns, n = facts.nouns, facts.description.get("n") or facts.spec.get("n_samples")
    shown = (
        facts.modalities if len(facts.modalities) <= 6 else (*facts.modalities[:5], f"{len(facts.modalities) - 5} more")
    )
    things = [fmt.counted(int(n), nouns.sample)] if n else []
    if facts.counts_groups:
        things.append(fmt.counted(int(facts.description["groups"]), nouns.group))
    question = str(facts.annotations.get("question") or "").strip()
    listed = fmt.capital(fmt.listing(shown)) + (f"; {', '.join(things)}." if things else ".")
    return f"{question} {listed}".strip()


def _names(facts: Facts, pair: Pair) -> str:
    return (
        f"Both {facts.nouns.modalities}"
        if len(facts.modalities) == 2
        else f"{fmt.capital(pair.first)} and {pair.second}"
    )


def _ends(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else fmt.interval(low, high, 2)


def _together(facts: Facts, pair: Pair | None) -> Headline:
    both = pair.information.get("both") if pair else None
    if pair is None or both is None or facts.entropy is None:
        return Headline(f"All {facts.nouns.modalities} tell", "–", "", "no estimate")
    share = f", that is {fmt.percent(both.value / facts.entropy, 0)}" if facts.entropy > 0 else ""
    return Headline(f"{_names(facts, pair)} tell, of {fmt.bits(facts.entropy)}", fmt.number(both.value, 2), "bits",
                    _ends(both.low, both.high) + share)  # fmt: skip


def _synergy(facts: Facts, pair: Pair | None) -> Headline:
    term = "Visible only together: synergy"
    if pair is None:
        return Headline(term, "–", "", "no estimate")
    synergy = pair.atoms["synergy"]
    context = _ends(synergy.low, synergy.high)
    if pair.truth is not None:
        context += f"; planted {fmt.number(pair.truth['synergy'], 2)}"
    elif synergy.low is not None:
        context += "; above zero" if synergy.above_zero else "; zero is possible"
    return Headline(term, fmt.number(synergy.value, 2), "bits", context)


def _allowed(facts: Facts) -> Headline:
    term = f"Accuracy {f'on {facts.bins} bins of the label ' if facts.bins else ''}that this information allows"
    rows = [row for row in reach.rows(facts) if row.lower is not None and row.upper is not None]
    if not rows:
        return Headline(term, "–", "", "no bounds")
    row = max(rows, key=lambda r: (len(r.modalities), r.upper or 0.0))
    low, high = fmt.number(100 * (row.lower or 0.0), 0), fmt.number(100 * (row.upper or 0.0), 0)
    context = f"with {row.inputs}, before any training"
    if not row.comparable:
        context += f"; for the {fmt.percent(row.share, 0)} of {fmt.plural(facts.nouns.sample)} that have it"
    return Headline(term, f"{low}–{high}", "%", context)


def _reached(facts: Facts) -> Headline:
    unseen = fmt.plural(facts.nouns.group if facts.counts_groups else facts.nouns.sample)
    term = f"{fmt.capital(facts.metric.words)} on {unseen} never seen"
    model = facts.recommended
    if model is None or model.score is None:
        return Headline(term, "–", "", "no model was judged")
    seeds = ((facts.result("evaluation") or {}).get("protocol") or {}).get("seeds") or []
    context = facts.metric.interval(model.score.low, model.score.high)
    context += f", {fmt.counted(len(seeds), 'seed')}" if seeds else ""
    late = facts.model("late_fusion")
    if late is not None and late.score is not None and late is not model:
        context += f"; late fusion {facts.metric.value(late.score.value)}"
    unit = "%" if facts.metric.share else facts.metric.unit
    return Headline(term, facts.metric.number(model.score.value), unit, context)
