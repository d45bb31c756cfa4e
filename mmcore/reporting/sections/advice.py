"""Before labels: what another modality would bring, where params declare which rows are labelled."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.advice import Advice, Bounds, Further, advice_of
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import advice as figure
from mmcore.reporting.sentences import advice as sentences
from mmcore.reporting.sentences.verdict import ended
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import (
    NO_ESTIMATE,
    Block,
    Cell,
    Column,
    Figure,
    Heading,
    Paragraph,
    Source,
    Table,
    number_head,
)  # fmt: skip


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the advice; nothing where params ask for none."""
    advice = advice_of(facts)
    if advice is None:
        return ()
    head = Heading(f"Before labels: is another {facts.nouns.modality} worth collecting?")
    found: list[Block] = [head, Paragraph(sentences.advised(facts, advice))]
    found.append(_figure(facts, advice) if advice.judged else _table(advice))
    return tuple(found)


def _figure(facts: Facts, advice: Advice) -> Figure:
    return Figure(
        name="advice",
        title=f"What another {facts.nouns.modality} could bring beside {fmt.listing(advice.held)}",
        unit="Accuracy of the best classifier of the symbols, %; tick: without it",
        wide=figure.draw(advice, WIDE, "advice-w", "wide"),
        narrow=figure.draw(advice, NARROW, "advice-n", "narrow"),
        means=sentences.read(facts, advice),
        table=_table(advice),
        source=Source("select", "flows/select.py", "mmcore/selection/advice.py", "params select.advice"),
        note="The dark range is what tables of two at a time allow with the addition; the pale one adds the error of "
        "the sample. Where all of it lies right of the tick by enough, it is worth collecting.",
    )


def _table(advice: Advice) -> Table:
    heads = (
        Column("Added"), number_head("Without, %"), number_head("With, %"), number_head("Gain, points"),
        Column("Collect?"), Column("Fusion"),
    )  # fmt: skip
    rows = tuple(_row(entry) for entry in advice.candidates)
    caption = (
        f"Best first. Brackets: what the tables leave open, then with the error of the sample "
        f"({fmt.percent(advice.level, 0)}). A gain counts from {fmt.number(100 * advice.least_gain, 1)} points."
    )
    return Table("Advice before labels", heads, rows, caption=caption)


def _row(entry: Further) -> tuple[Cell, ...]:
    if entry.without is None or entry.together is None or entry.gain is None:
        refusal = Cell(status=NO_ESTIMATE, quiet=ended(entry.reason or ""), quiet_below=True, span=5)
        return Cell(entry.modality), refusal
    return (
        Cell(entry.modality),
        Cell(fmt.number(100 * entry.without.low, 1), quiet=_ends(entry.without.least, entry.without.most)),
        _range(entry.together),
        _range(entry.gain, signed=True),
        Cell(sentences.COLLECT[entry.collect]),
        Cell(sentences.FUSION[entry.fusion]),
    )


def _range(bounds: Bounds, *, signed: bool = False) -> Cell:
    return Cell(_ends(bounds.low, bounds.high, signed=signed), quiet=_ends(bounds.least, bounds.most, signed=signed))


def _ends(low: float, high: float, *, signed: bool = False) -> str:
    return fmt.interval(100 * low, 100 * high, 1, signed=signed)
