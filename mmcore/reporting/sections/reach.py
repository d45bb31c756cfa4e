"""What could a model reach?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import reach
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Empty, Figure, Source, Table, number_head

DOT = " The dot is a trained model."
NOTE = (
    "The grey range is where the best possible classifier must lie. Its right edge is a ceiling for every model that "
    "sees no more than the estimate did; its left edge is a floor for the ideal one only." + DOT
)


def finer(facts: Facts) -> str:
    """Return why a modality alone tells another amount here than in its pair; nothing where the two agree in print.

    Alone it is cut into more clusters than beside another one, whose clusters multiply the cells to be filled.
    """
    pair = facts.leading
    if pair is None:
        return ""
    for place, name in enumerate((pair.first, pair.second)):
        alone, beside = facts.alone.get(name), pair.information.get(("first", "second")[place])
        if alone is None or beside is None or fmt.number(alone.value, 2) == fmt.number(beside.value, 2):
            continue
        single, paired = facts.clusters_alone(name), pair.clusters[place] if pair.clusters else None
        if single is not None and paired is not None and single != paired:
            why = f"it is cut into {single} clusters here and into {paired} in the pair, where clusters multiply"
        else:
            why = f"the pair counts only the {fmt.plural(facts.nouns.sample)} that have both"
        amounts = f"{fmt.bits(alone.value)} here and {fmt.bits(beside.value)} in the strip of its pair"
        return f" {fmt.capital(name)} alone tells {amounts}: {why}."
    return ""


def fewer(facts: Facts) -> str:
    """Return which sets are estimated on fewer rows than the models are judged on; nothing where there are none."""
    few = [row for row in reach.rows(facts) if not row.comparable and row.upper is not None]
    if not few:
        return ""
    worst = min(few, key=lambda row: row.share)
    others = f", as for {fmt.counted(len(few) - 1, 'other row')}" if len(few) > 1 else ""
    return (
        f" The range of {worst.inputs} rests on the {fmt.percent(worst.share, 0)} of the "
        f"{fmt.plural(facts.nouns.sample)} that have it{others}"
        + ("." if facts.bins else "; a dot counts all of them, so it may lie outside.")
    )


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    rows = reach.rows(facts)
    if not rows:
        return (Empty(f"no bounds: {facts.reasons.get('estimate') or 'the estimate holds none.'}"),)
    if facts.task == "multilabel" and all(row.upper is None for row in rows):
        return (Empty(f"no bounds: {rows[0].reason}"),)
    cut = f"in naming which of {facts.bins} equally full bins the label is in" if facts.bins else "on held-out rows"
    return (
        Figure(
            name="reach",
            title="Accuracy that the information allows" + (", and accuracy that was reached" * (not facts.bins)),
            unit=f"Accuracy {cut}; grey range: bounds from information alone, before training",
            wide=reach.draw(facts, WIDE, "reach-w", "wide"),
            narrow=reach.draw(facts, NARROW, "reach-n", "narrow"),
            means=meanings.reach(facts),
            table=_table(rows, facts.bins),
            source=Source(
                "estimate",
                "flows/estimate.py",
                "mmcore/information/bounds.py",
                "Fano’s inequality above, half the remaining doubt below",
            ),
            note=(NOTE.removesuffix(DOT) if facts.bins else NOTE) + finer(facts) + fewer(facts),
        ),
    )  # fmt: skip


def _table(rows: tuple[reach.Row, ...], bins: int | None) -> Table:
    numbers = ("Information, bits", "Lowest, %", "Highest, %", "Reached, %", "Interval")
    heads = (Column("Input"), *(number_head(head) for head in numbers), Column("Model"))
    body = []
    for row in rows:
        e = row.reached
        ends = "–" if e is None or e.low is None or e.high is None else fmt.interval(100 * e.low, 100 * e.high, 1)
        body.append(
            (
                Cell(fmt.capital(row.name)), Cell("–" if row.information is None else fmt.number(row.information, 2)),
                Cell("–" if row.lower is None else fmt.number(100 * row.lower, 1)),
                Cell("–" if row.upper is None else fmt.number(100 * row.upper, 1)),
                Cell("–" if e is None else fmt.number(100 * e.value, 1)), Cell(ends),
                Cell(row.model or ("–" if bins else "not trained"), quiet=row.reason or "", quiet_below=True),
            )
        )  # fmt: skip
    return Table("Bounds and accuracies", heads, tuple(body))
