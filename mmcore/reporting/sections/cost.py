"""Score against cost, and where the measured time lies, which no page may hold because it differs from run to run."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import pareto
from mmcore.reporting.figures.pareto import Costs
from mmcore.reporting.sentences import comparisons
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Figure, Measured, Source, Table, number_head


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the figure and the panel of measured time."""
    costs = pareto.costs_of(facts)
    title, panel = f"{fmt.capital(facts.metric.words)} against cost", Measured(f"results/{facts.name}/cost.json")
    if costs is None:
        reason = "fewer than two models have a score and a cost"
        return Figure(name="pareto", title=title, unit="", empty=f"not drawn: {reason}"), panel
    return _figure(facts, costs, title), panel


def _figure(facts: Facts, costs: Costs, title: str) -> Figure:
    left_out = sum(m.score is not None for m in facts.models) - len(costs.points)
    unit = f"Test rows, intervals as lines; cost is {costs.words}"
    unit += f"; {fmt.counted(left_out, 'model')} without a known cost left out" if left_out else ""
    return Figure(
        name="pareto",
        title=title,
        unit=unit,
        wide=pareto.draw(facts, costs, WIDE, "pareto-w", "wide"),
        narrow=pareto.draw(facts, costs, NARROW, "pareto-n", "narrow"),
        key=(("o", "no model is both cheaper and better"), ("h", "another model is"), ("l", "front")),
        means=comparisons.cost(facts, costs),
        table=_table(facts, costs),
        source=Source("learn", "flows/evaluate.py", "mmcore/evaluation", "counted, not timed"),
        note=f"{'Up' if facts.metric.higher_is_better else 'Down'} is better and left is cheaper. "
        "The model was chosen on validation rows, before this figure.",
    )


def _table(facts: Facts, costs: Costs) -> Table:
    rows = tuple(
        (
            Cell(model.name),
            Cell(fmt.magnitude(cost)),
            Cell(facts.metric.number(score.value), quiet=facts.metric.interval(score.low, score.high)),
            Cell("yes" if model.key in costs.front else "no"),
        )
        for model, cost, score in costs.points
    )
    heads = (Column("Model"), number_head(fmt.capital(costs.kind)), number_head(facts.metric.column), Column("Front"))
    return Table("Score and cost of every model", heads, rows)
