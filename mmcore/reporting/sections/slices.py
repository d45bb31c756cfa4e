"""Where the recommended model does better or worse: its score on slices of the rows, where any were asked for."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import difference
from mmcore.reporting.measured import Slice, slices_of
from mmcore.reporting.sentences import comparisons
from mmcore.reporting.view import Block, Cell, Column, Folded, Heading, Paragraph, Table, number_head

MOST = 16


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the heading, the sentence and the table; a long table folds."""
    found = slices_of(facts)
    if not found:
        return ()
    name = facts.recommended.words if facts.recommended else "the recommended model"
    table = _table(facts, found)
    body: Block = table if len(found) <= MOST else Folded(f"All {len(found)} slices", table)
    return Heading(f"Where {name} does better and worse"), Paragraph(comparisons.slices(facts, found)), body


def _table(facts: Facts, found: tuple[Slice, ...]) -> Table:
    metric = facts.metric
    compared = [s.difference for s in found if s.difference is not None]
    ends = [v for e in compared for v in (e.value, e.low, e.high) if v is not None]
    extent = min(ends, default=0.0), max(ends, default=0.0)
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = (Column("Slice"), number_head(fmt.capital(fmt.plural(facts.nouns.sample))), number_head(metric.column),
             number_head(f"Difference to the rest{unit}"), Column("Difference to the rest, drawn", hidden=True),
             number_head("p, corrected"))  # fmt: skip
    rows = tuple(_row(facts, s, extent, i) for i, s in enumerate(found))
    return Table("Scores by slice", heads, rows)


def _row(facts: Facts, s: Slice, extent: tuple[float, float], index: int) -> tuple[Cell, ...]:
    metric = facts.metric
    name, n_rows = Cell(f"{s.column}: {s.value}"), Cell(fmt.count(s.n_rows))
    score = Cell("–") if s.score is None else Cell(
        metric.number(s.score.value), quiet="" if s.score.low is None else metric.interval(s.score.low, s.score.high)
    )  # fmt: skip
    if s.difference is None or s.p_adjusted is None:
        return name, n_rows, score, Cell(quiet=s.reason or "not compared", span=3)
    return (
        name, n_rows, score,
        Cell(metric.signed(s.difference.value),
             quiet=metric.interval(s.difference.low, s.difference.high, signed=True)),
        Cell(drawing=difference.draw(s.difference, extent, metric, f"slice-{index}")),
        Cell(fmt.p_value(s.p_adjusted)),
    )  # fmt: skip
