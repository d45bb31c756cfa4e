"""What if a modality is missing or noisy?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts, model_words
from mmcore.reporting.figures import subsets
from mmcore.reporting.figures.reach import set_name
from mmcore.reporting.sections import noise
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Empty, Figure, Folded, Source, Table, number_head


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section: sets of modalities, then noise."""
    return *_subsets(facts), *noise.blocks(facts)


def _subsets(facts: Facts) -> tuple[Block, ...]:
    if not facts.subsets:
        return (Empty(f"no subsets: {facts.reasons.get('evaluation') or 'the evaluation holds none.'}"),)
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
            ("h", f"absent at test: {_masked(facts)}, the rest taken away"),
            ("o", f"never collected: a model trained on just these {facts.nouns.modalities}"),
        ),
        means=meanings.subsets(facts),
        table=None if folded else table,
        source=Source("learn", "flows/evaluate.py", "mmcore/evaluation"),
        note=f"Filled circles at the left mark the {facts.nouns.modalities} that are present. "
        "Rows are sorted by the size of the set. A darker cell is a better score.",
    )
    return (figure, Folded(f"All {len(facts.subsets)} sets", table)) if folded else (figure,)


def _masked(facts: Facts) -> str:
    """The one model that is tested with modalities taken away."""
    key = (facts.result("evaluation") or {}).get("masked_model")
    return model_words(key) if key else "the fusion model"


def _table(facts: Facts) -> Table:
    metric = facts.metric

    def cell(estimate: Estimate | None) -> Cell:
        if estimate is None:
            return Cell("–")
        return Cell(metric.number(estimate.value), quiet=metric.interval(estimate.low, estimate.high))

    rows = tuple(
        (
            Cell(set_name(facts, s.present)),
            cell(s.dropped),
            cell(s.trained),
            Cell(model_words(s.trained_model) if s.trained and s.trained_model else "–"),
        )
        for s in facts.subsets
    )
    heads = (
        Column("Present"),
        number_head(f"Absent at test: {metric.column}"),
        number_head(f"Never collected: {metric.column}"),
        Column("Trained on just these"),
    )
    return Table("Scores for each set of modalities", heads, rows)
