"""Which interactions the models use, beside those of the data: a figure, a table of the parts by model, or why not."""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import forest, interaction
from mmcore.reporting.interactions import Atoms, Interactions, Using, interactions_of
from mmcore.reporting.sections import model_table
from mmcore.reporting.sentences import interactions as sentences
from mmcore.reporting.sentences.verdict import ended
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import (
    NO_ESTIMATE,
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
    number_head,
)

HEAD = Heading("Which interactions the models use")


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the figure and the table; of many models those that table 1 shows, the others fold away."""
    found = interactions_of(facts)
    if found is None:
        return HEAD, Empty(f"no interactions: {ended(facts.reasons['interactions'])}")
    if not found.models or not found.data:
        return HEAD, Empty("no interactions: no model was quantified.")
    kept = {model.key for model in model_table.split(facts)[0]}
    shown = [one for one in found.models if one.key in kept] or list(found.models)
    rest = [one for one in found.models if one not in shown]
    blocks_: list[Block] = [HEAD, _figure(facts, found, shown), _table(facts, found, shown), _caption(facts, found)]
    if rest:
        blocks_.append(Folded(f"{len(rest)} more {fmt.plural('model', len(rest))}", _table(facts, found, rest)))
    return tuple(blocks_)


def _figure(facts: Facts, found: Interactions, shown: Sequence[Using]) -> Figure:
    drawn, (first, second) = found.drawn(shown), found.pair
    return Figure(
        name="interactions",
        title="Interaction in the models beside synergy in the data",
        unit=f"Shares, {first} with {second}, test {fmt.plural(facts.nouns.sample)}, models of seed {found.seed}",
        wide=interaction.draw(drawn, WIDE, "interactions-w", "wide"),
        narrow=interaction.draw(drawn, NARROW, "interactions-n", "narrow"),
        means=sentences.meaning(facts, found),
        source=_source(found),
        note=_note(facts, found),
    )


def _note(facts: Facts, found: Interactions) -> str:
    others = [name for name in facts.modalities if name not in found.pair]
    stay = "stays" if len(others) == 1 else "stay"
    kept = f" {fmt.capital(fmt.listing(others))} {stay} as in the row." if others else ""
    return (
        f"Filled dot: which part of what moves a model's outputs shows only when both change together, when "
        f"{fmt.plural(facts.nouns.modality)} are exchanged between rows; 0 for a sum.{kept} Hollow dot: synergy "
        "as a share of the four parts of its predictions. Band: the same of the labels. Behaviour and information are "
        "different measures: compare like with like."
    )  # fmt: skip


def _source(found: Interactions) -> Source:
    parts = [f"{fmt.count(found.n_masked)} rows, {fmt.count(found.n_draws)} draws each"]
    if found.n_boot:
        parts.append(f"{fmt.count(found.n_boot)} resamples")
    return Source("learn", "flows/explain.py", "mmcore/selection/learnt.py", ", ".join(parts))


def _table(facts: Facts, found: Interactions, shown: Sequence[Using]) -> Table:
    heads = (Column("Model"), *(number_head(symbol) for symbol in ("R", "U1", "U2", "S")), number_head("Interaction"),
             number_head("Agreement"), number_head("Eq. 3.6, bits"))  # fmt: skip
    rows = [(Cell("The data"), *_atom_cells(found.data), Cell("–"), Cell("–"), Cell("–"))]
    rows += [_row(one) for one in shown]
    keys = [None, *(one.key for one in shown)]
    marked = next((i for i, key in enumerate(keys) if facts.recommended and key == facts.recommended.key), None)
    return Table("Parts by model", heads, tuple(rows), marked=marked)


def _row(one: Using) -> tuple[Cell, ...]:
    atoms = _atom_cells(one.atoms) if one.atoms else [
        Cell(status=NO_ESTIMATE, quiet=ended(one.reason or "refused"), quiet_below=True, span=4)
    ]  # fmt: skip
    share = Cell("–")
    if one.share.value is not None:
        ends = one.share
        quiet = "" if ends.low is None or ends.high is None else fmt.interval(ends.low, ends.high, 2)
        share = Cell(fmt.number(one.share.value, 2), quiet=quiet, quiet_below=True)
    agreed = [Cell("–"), Cell("–")]
    if one.agreement is not None:
        values = [one.agreement[name] for name in ("normalised", "as_defined")]
        agreed = [Cell("–" if value is None else fmt.number(value, 2)) for value in values]
    return (Cell(one.model), *atoms, share, *agreed)


def _atom_cells(atoms: Atoms) -> list[Cell]:
    cells = []
    for atom in forest.ROWS:
        e = atoms[atom]
        ends = "" if e.low is None or e.high is None else fmt.interval(e.low, e.high, 2)
        cells.append(Cell(fmt.number(e.value, 2), quiet=ends, quiet_below=True))
    return cells


def _caption(facts: Facts, found: Interactions) -> Paragraph:
    """What the columns are, and on how many rows they stand."""
    first, second = found.pair
    rows = fmt.counted(found.n_rows, f"test {facts.nouns.sample}")
    if found.n_groups and facts.counts_groups:
        rows += f" of {fmt.counted(found.n_groups, facts.nouns.group)}"
    level = f", with {fmt.percent(found.level, 0)} intervals" if found.n_boot else ""
    left = ""
    if found.n_left_out:
        left = f" ({fmt.counted(found.n_left_out, 'other')} without one of the two or without a label)"
    return Paragraph(
        f"Parts of {rows}{left}, in bits, corrected for bias{level}: R shared, U1 only {first}, U2 only {second}, S "
        "only together; of the models, about what they predict. Interaction: share of behaviour. Agreement: 1 where "
        "the parts split as the data's do, whatever the model knows; equation 3.6 grows with what it knows. Parts are "
        "those of symbols, which keep less than a model reads: a model may show some of "
        f"{fmt.with_article(facts.nouns.modality)} that it does not read.",
        quiet=True,
    )
