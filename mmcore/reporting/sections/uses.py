"""What does the model's score rest on?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts, model_words
from mmcore.reporting.figures import shapley
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Empty, Figure, Folded, Source, Table, number_head


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    result = facts.result("explanation")
    if not result or not (result.get("shapley") or {}).get("overall"):
        return (Empty(f"no attribution: {facts.reasons.get('explanation') or 'the explanation holds none.'}"),)
    _, left_out = shapley.rows(facts)
    unit = f"Exact Shapley values of {model_words(result['model'])}"
    if facts.metric.share:
        unit += ", in points above the majority rate"
    unit += f"; the {shapley.KEPT} to which the modalities add least" if left_out else ""
    found: list[Block] = [
        Figure(
            name="shapley",
            title=f"What each {facts.nouns.modality} {facts.metric.improved} the {facts.metric.words}",
            unit=unit,
            wide=shapley.draw(facts, WIDE, "shapley-w", "wide"),
            narrow=shapley.draw(facts, NARROW, "shapley-n", "narrow"),
            means=meanings.shapley(facts),
            table=_table(facts, result["shapley"].get("by_class") or []),
            source=Source("learn", "flows/explain.py", "mmcore/explain", "exact, over all sets"),
            note=f"A value is the mean gain when a {facts.nouns.modality} joins the others, over all orders of it.",
        )
    ]
    if result.get("permutation"):
        found.append(
            Folded("What is lost when one is shuffled between rows", _permutation(facts, result["permutation"]))
        )
    return tuple(found)


def _table(facts: Facts, by_class: list) -> Table:
    rows, _ = shapley.rows(facts)
    names = [m for m in facts.modalities if m in rows[0].values]
    heads = (Column(fmt.capital(facts.nouns.label)), *(number_head(m) for m in names))
    overall = tuple(
        Cell(facts.metric.number(e.value), quiet="" if e.low is None else facts.metric.interval(e.low, e.high))
        for e in (rows[0].values[m] for m in names)
    )
    body = [(Cell(rows[0].name), *overall)]
    for entry in by_class:
        values = entry["values"]
        body.append(
            (
                Cell(str(entry["label"])),
                *(Cell("–" if values.get(m) is None else facts.metric.number(values[m])) for m in names),
            )
        )
    return Table("Shapley values by class", heads, tuple(body))


def _permutation(facts: Facts, permutation: dict) -> Table:
    metric = facts.metric
    rows = []
    for name in facts.modalities:
        if name in permutation:
            drop = permutation[name]
            change = Estimate(drop["drop"], drop.get("low"), drop.get("high")).reversed()
            ends = metric.interval(change.low, change.high, signed=True)
            rows.append((Cell(name), Cell(metric.signed(change.value)), Cell(ends)))
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = (
        Column(fmt.capital(facts.nouns.modality)),
        number_head(f"Change of {metric.words}{unit}"),
        number_head("Interval"),
    )
    return Table("Permutation importance", heads, tuple(rows))
