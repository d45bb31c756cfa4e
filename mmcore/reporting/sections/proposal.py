"""What was expected before training, beside what was measured after it: the nearest synthetic datasets, the ranking."""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Estimate, Facts, model_name
from mmcore.reporting.figures import neighbours, regret
from mmcore.reporting.proposal import Proposal, Ranked, own_shares, proposal_of
from mmcore.reporting.sentences import proposal as sentences
from mmcore.reporting.sentences.verdict import ended
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import (
    Block,
    Cell,
    Column,
    Empty,
    Figure,
    Folded,
    Heading,
    Paragraph,
    Source,
    Table,
    Wide,
    empty_figure,
    number_head,
)

MOST = 10
"""Ranked models shown; those that were trained are always among them, the rest folds away."""


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the sentence, the figure of neighbours, the ranking beside the scores, and what folds away."""
    head = Heading("What was expected before training")
    proposal = proposal_of(facts)
    if proposal is None:
        return head, Empty(f"no proposal: {facts.reasons['selection']}")
    said = [sentences.expected(facts, proposal), sentences.outcome(facts, proposal)]
    found: list[Block] = [head, Paragraph(" ".join(filter(None, said)))]
    if proposal.fallback is None:
        found.append(_figure(facts, proposal))
    if proposal.fallback is None or proposal.ranking:
        found += _ranking(facts, proposal)
    if proposal.left_out:
        n = len(proposal.left_out)
        verb = "was" if n == 1 else "were"
        rows = tuple((Cell(model_name(model)), Cell(ended(reason))) for model, reason in proposal.left_out)
        table = Table("Models not ranked", (Column("Model"), Column("Why not")), rows)
        found.append(Folded(f"{fmt.capital(fmt.words(n))} {fmt.plural('model', n)} {verb} not ranked", table))
    if proposal.evidence:
        rows = tuple((Cell(ended(statement)), Cell(source)) for source, statement in proposal.evidence)
        table = Table("Evidence of the proposal", (Column("Statement"), Column("From")), rows)
        found.append(Folded("What the proposal rests on", table))
    found.append(Folded("What was proposed", _proposed(proposal)))
    return tuple(found)


def _source(proposal: Proposal) -> Source:
    kind, number = proposal.draws
    words = {"bootstrap": "resamples of the estimate", "interval": "draws within the intervals"}
    extra = f"{fmt.count(number)} {words[kind]}" if kind in words else "the parts taken as true"
    if proposal.budget is not None:
        extra += f", at most {fmt.magnitude(proposal.budget)} CPU seconds a fit"
    return Source("select", "flows/select.py", "mmcore/selection", extra)


def _figure(facts: Facts, proposal: Proposal) -> Figure:
    title, unit = "This dataset and the synthetic ones nearest to it", "Share of the information that lies in each part"
    if not proposal.neighbours:
        return empty_figure("neighbours", title, unit, "no synthetic dataset has a weight")
    return Figure(
        name="neighbours",
        title=title,
        unit=unit,
        wide=neighbours.draw(facts, proposal, WIDE, "neighbours-w", "wide"),
        narrow=neighbours.draw(facts, proposal, NARROW, "neighbours-n", "narrow"),
        key=neighbours.key(facts, proposal),
        means=sentences.nearest(proposal),
        table=_neighbour_table(facts, proposal),
        source=_source(proposal),
        note="The more alike a bar is to one of this dataset's, in bold, the more the models' scores there count here. "
        "Parts that the estimate puts below zero count as zero.",
    )


def _neighbour_table(facts: Facts, proposal: Proposal) -> Table:
    heads = (Column("Dataset"), number_head("Weight, %"), number_head("Distance"),
             *(number_head(symbol) for symbol in ("U1", "R", "U2", "S")), Column("Best models"))  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for pair, own in own_shares(facts, proposal):
        shares = (Cell(fmt.number(own[atom], 2)) for atom in ATOMS)
        rows.append((Cell(f"Here: {neighbours.name(pair)}"), Cell("–"), Cell("–"), *shares, Cell("–")))
    for one in proposal.neighbours:
        shares = (Cell(fmt.number(one.shares[atom], 2)) for atom in ATOMS)
        weight = Cell(fmt.number(100 * one.weight, 1))
        distance = Cell("–" if one.distance is None else fmt.number(one.distance, 2))
        rows.append((Cell(sentences.world_words(one)), weight, distance, *shares, Cell(sentences.best_words(one))))
    caption = (
        "Parts are shares of their sum. Distance: the sum of their absolute differences, from 0 to 2, to the nearest "
        "pair of this dataset."
    )
    return Table("Nearest synthetic datasets", heads, tuple(rows), caption=caption)


def _ranking(facts: Facts, proposal: Proposal) -> list[Block]:
    trained = {model.key for model in facts.models}
    keys = [entry.key for entry in proposal.ranking]
    kept = set(keys[:MOST]) | (trained & set(keys))
    shown = [entry for entry in proposal.ranking if entry.key in kept]
    rest = [entry for entry in proposal.ranking if entry.key not in kept]
    strangers = [model.key for model in facts.models if model.key not in keys]
    found: list[Block] = [
        Wide("t-expected", "Table 2. Expected before training, measured after it",
             _table(facts, proposal, shown, strangers), _source(proposal)),
        Paragraph(
            "Regret is how far a model stays behind the best one there; its interval says what to expect of one more "
            "such dataset. The simplest model that cannot be told from the best comes first.",
            quiet=True,
        ),
    ]  # fmt: skip
    if rest:
        n = len(rest)
        found.append(Folded(f"{fmt.capital(fmt.words(n))} more ranked {fmt.plural('model', n)}, none of them trained",
                            _table(facts, proposal, rest, [])))  # fmt: skip
    reasons = tuple(
        (Cell(model_name(entry.key)), Cell(" ".join(ended(reason) for reason in entry.reasons)))
        for entry in shown
        if entry.reasons
    )
    if reasons:
        table = Table("Reasons for each place", (Column("Model"), Column("Why")), reasons)
        found.append(Folded("Why each model stands where it stands", table))
    return found


def _table(facts: Facts, proposal: Proposal, entries: Sequence[Ranked], strangers: Sequence[str]) -> Table:
    metric = facts.metric
    heads = (
        Column("Model"), number_head(_expected_head(proposal)), number_head("Expected regret, points"),
        Column("Expected regret, drawn", sortable=False, hidden=True), number_head("CPU seconds a fit"),
        number_head(f"Validation: {metric.column}"), number_head(f"Test: {metric.column}"),
    )  # fmt: skip
    largest = max((entry.regret.high or entry.regret.value for entry in proposal.ranking), default=0.0)
    rows = [_row(facts, proposal, entry, largest) for entry in entries]
    for key in strangers:
        reason = proposal.reason_left_out(key) or "Not in the bank, so nothing was expected."
        rows.append((Cell(model_name(key)), Cell(quiet=ended(reason), span=4), *_measured(facts, key)))
    keys = [*(entry.key for entry in entries), *strangers]
    marked = next((i for i, key in enumerate(keys) if facts.recommended and facts.recommended.key == key), None)
    return Table("Expected and measured", heads, tuple(rows), sortable=True, marked=marked)


def _expected_head(proposal: Proposal) -> str:
    known = any(entry.expected is not None for entry in proposal.ranking)
    return "Expected accuracy, %" if known else "Expected, % of the best"


def _row(facts: Facts, proposal: Proposal, entry: Ranked, largest: float) -> tuple[Cell, ...]:
    place = proposal.place(entry.key) or 0
    chosen = facts.recommended is not None and facts.recommended.key == entry.key
    known = any(other.expected is not None for other in proposal.ranking)
    seconds = (
        Cell("–", value="x") if entry.seconds is None else Cell(_seconds(entry.seconds), value=repr(entry.seconds))
    )
    return (
        Cell(model_name(entry.key), tag="recommended" if chosen else ""),
        _percent_cell(entry.expected if known else entry.relative),
        _percent_cell(entry.regret),
        Cell(drawing=regret.draw(entry.regret, largest, f"regret-{place}")),
        seconds,
        *_measured(facts, entry.key),
    )


def _seconds(value: float) -> str:
    """Return seconds at two digits.

    Example:
        >>> _seconds(0.034), _seconds(3.14), _seconds(123.0)
        ('0.03', '3.1', '123')
    """
    return fmt.number(value, 2 if value < 1 else 1 if value < 10 else 0)


def _percent_cell(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell("–", value="x")
    ends = "" if estimate.low is None or estimate.high is None else fmt.interval(
        100 * estimate.low, 100 * estimate.high, 1)  # fmt: skip
    return Cell(fmt.number(100 * estimate.value, 1), quiet=ends, value=repr(float(estimate.value)))


def _measured(facts: Facts, key: str) -> tuple[Cell, Cell]:
    """Return the validation and the test score of a model, or that it was not trained."""
    model, metric = facts.model(key), facts.metric
    if model is None:
        return Cell(quiet="not trained", value="x"), Cell(quiet="–", value="x")
    found = (facts.result("verdict") or {}).get("scores") or []
    valid = next((Estimate.of(entry) for entry in found if entry["model"] == key), None)
    cells = []
    for score in (valid, model.score):
        if score is None:
            cells.append(Cell(quiet="–", value="x"))
        else:
            ends = "" if score.low is None else metric.interval(score.low, score.high)
            cells.append(Cell(metric.number(score.value), quiet=ends, value=repr(float(score.value))))
    return cells[0], cells[1]


def _proposed(proposal: Proposal) -> Table:
    rows = tuple(
        (Cell(model_name(key)), Cell(kind), Cell(" ".join(ended(reason) for reason in reasons)))
        for kind, models in (("candidate", proposal.candidates), ("always trained", proposal.mandatory))
        for key, reasons in models
    )
    return Table("Models proposed before training", (Column("Model"), Column("Role"), Column("Why")), rows)
