"""Which model, and why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, model_name, model_words
from mmcore.reporting.sections import advice, cost, interactions, model_table, proposal, slices
from mmcore.reporting.sentences.verdict import ordered_comparisons, synergy_text
from mmcore.reporting.view import Block, Cell, Column, Empty, Folded, Reasons, Table, number_head

STATED_COMPARISONS = 4
"""More than so many stand in the folded table alone."""


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    if not facts.models:
        none = Empty(f"no model: {facts.reasons.get('evaluation') or 'the evaluation holds none.'}")
        return (none, *proposal.blocks(facts), *advice.blocks(facts))
    reasons = _reasons(facts)
    found: list[Block] = [Reasons(reasons)] if reasons else []
    found += model_table.blocks(facts)
    comparisons = ordered_comparisons(facts)
    if comparisons:
        found.append(Folded("The comparisons on validation that decided", _comparisons(facts, comparisons)))
    found += cost.blocks(facts)
    found += slices.blocks(facts)
    found += interactions.blocks(facts)
    return (*found, *proposal.blocks(facts), *advice.blocks(facts))


def _reasons(facts: Facts) -> tuple[tuple[str, str], ...]:
    pair = facts.leading
    compared = [("On validation:", _compared(facts, comparison)) for comparison in _telling(facts)]
    items: list[tuple[str, str]] = []
    if pair is not None:
        there = pair.atoms["synergy"].above_zero
        claim = "Synergy is there:" if there else "Synergy is not sure:"
        items.append((claim, f"{synergy_text(pair)} between {pair.first} and {pair.second}."))
    late = (facts.result("verdict") or {}).get("verdict") == "late_fusion"
    items = [*compared[:1], *items, *compared[1:]] if late else [*items, *compared]
    chosen = facts.recommended
    if chosen is not None and chosen.n_parameters:
        dearer = [m for m in facts.models if m.n_parameters and m.n_parameters > chosen.n_parameters]
        items.append(("Its size:", _size(chosen.n_parameters, len(dearer), len(facts.models) - 1)))
    return tuple(items)


def _telling(facts: Facts) -> tuple[Mapping[str, Any], ...]:
    """The comparisons that the reasons state: all of a few, else those of the models that the verdict is about."""
    found, decided = ordered_comparisons(facts), facts.result("verdict") or {}
    if len(found) <= STATED_COMPARISONS:
        return found
    return tuple(c for c in found if c["model"] in (decided.get("recommended"), "late_fusion"))


def _size(n_parameters: int, n_dearer: int, n_others: int) -> str:
    size = f"{fmt.magnitude(n_parameters)} parameters"
    if not n_others:
        return f"{size}."
    if not n_dearer:
        return f"{size}; no other model has more."
    if n_dearer == n_others:
        return f"{size}; every other model has more."
    verb = "has" if n_dearer == 1 else "have"
    return f"{size}; {fmt.words(n_dearer)} of the other {fmt.words(n_others)} {verb} more."


def _compared(facts: Facts, comparison: Mapping[str, Any]) -> str:
    """One comparison as a sentence: who, against whom, by how much, and whether the interval decides it."""
    metric, low, high = facts.metric, comparison.get("low"), comparison.get("high")
    first, second = model_name(comparison["model"]), model_words(comparison["against"])
    unit = f"{fmt.NBSP}{metric.difference_unit}" if metric.difference_unit else ""
    gain = f"{metric.signed(comparison['difference'])}{unit}"
    if low is None or high is None:
        return f"{first} against {second}: {gain}; there is no interval."
    sure = "the interval excludes zero" if low > 0 or high < 0 else "the interval holds zero"
    return f"{first} against {second}: {gain} {metric.interval(low, high)}; {sure}."


def _comparisons(facts: Facts, comparisons: Sequence[Mapping[str, Any]]) -> Table:
    metric, decided = facts.metric, facts.result("verdict") or {}
    rows = []
    for c in comparisons:
        p = c.get("p")
        rows.append(
            (
                Cell(model_name(c["model"])),
                Cell(model_name(c["against"])),
                Cell(metric.signed(c["difference"])),
                Cell(metric.interval(c.get("low"), c.get("high"), signed=True)),
                Cell("–" if p is None else fmt.p_value(p)),
            )
        )
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = (
        Column("Model"),
        Column("Against"),
        number_head(f"Difference{unit}"),
        number_head("Interval"),
        number_head("p"),
    )
    n_units, noun = decided.get("n_units"), facts.nouns.group if decided.get("unit") == "group" else facts.nouns.sample
    compared = f" {fmt.capital(fmt.counted(n_units, noun))} compared." if n_units else ""
    return Table("Comparisons on validation", heads, tuple(rows), caption=_decided_on(facts) + compared)


def _decided_on(facts: Facts) -> str:
    """What the choice of the model has seen: with folds, each row's label once, as validation of another model."""
    if ((facts.result("evaluation") or {}).get("protocol") or {}).get("kind") != "folds":
        return "On validation rows; no test row was read before this was decided."
    return (
        "On validation rows. With folds each row validates one model and tests another: no model is tested on rows "
        "that it was trained or tuned on, but the choice among the models has seen every label once."
    )
