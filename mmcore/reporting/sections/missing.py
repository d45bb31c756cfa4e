"""What if a modality is missing or noisy?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.figures import subsets
from mmcore.reporting.figures.reach import set_name
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Empty, Figure, Folded, Paragraph, Source, Table, number_head

NOISE = "Noise is not tested yet: this version only drops whole modalities."


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section; noise, which is not measured yet, is named in one line."""
    noise = Paragraph(NOISE, quiet=True)
    if not facts.subsets:
        return Empty(f"no subsets: {facts.reasons.get('evaluation') or 'the evaluation holds none.'}"), noise
    unit = f"{fmt.capital(facts.metric.words)} on held-out rows, intervals as lines"
    folded = len(subsets.shown(facts)) < len(facts.subsets)
    unit += f"; the {subsets.MOST} best of {len(facts.subsets)} sets" if folded else ""
    table = _table(facts)
    figure = Figure(
        name="subsets",
        title=f"{fmt.capital(facts.metric.words)} for each set of {facts.nouns.modalities} that is present",
        unit=unit,
        wide=subsets.draw(facts, WIDE, "subsets-w", "wide"),
        narrow=subsets.draw(facts, NARROW, "subsets-n", "narrow"),
        key=(
            ("o", f"model trained on just these {facts.nouns.modalities}"),
            ("h", "fusion model, the rest dropped at test time"),
        ),
        means=meanings.subsets(facts),
        table=None if folded else table,
        source=Source("learn", "flows/evaluate.py", "mmcore/evaluation"),
        note=f"Filled circles at the left mark the {facts.nouns.modalities} that are present. "
        "Rows are sorted by the size of the set.",
    )
    return (figure, Folded(f"All {len(facts.subsets)} sets", table), noise) if folded else (figure, noise)


def _table(facts: Facts) -> Table:
    metric = facts.metric

    def cell(estimate: Estimate | None) -> Cell:
        if estimate is None:
            return Cell("–")
        return Cell(metric.number(estimate.value), quiet=metric.interval(estimate.low, estimate.high))

    rows = tuple((Cell(set_name(facts, s.present)), cell(s.trained), cell(s.dropped)) for s in facts.subsets)
    heads = (
        Column("Present"),
        number_head(f"Trained on it: {metric.column}"),
        number_head(f"Rest dropped: {metric.column}"),
    )
    return Table("Scores for each set of modalities", heads, rows)
