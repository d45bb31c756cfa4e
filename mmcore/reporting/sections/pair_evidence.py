"""What else is known of the pairs: bounds without joint labels, each modality against all others, other estimators."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, Pair
from mmcore.reporting.figures import forest, synergy_bounds
from mmcore.reporting.sentences import evidence
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import (
    NO_ESTIMATE,
    Block,
    Cell,
    Column,
    Figure,
    Folded,
    Paragraph,
    Source,
    Table,
    number_head,
)  # fmt: skip


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks; nothing where nothing of it was estimated."""
    found: list[Block] = []
    if synergy_bounds.rows(facts):
        found.append(_bounds(facts))
    if facts.against_rest:
        found.append(Paragraph(evidence.against_rest(facts)))
        found.append(Folded(f"Each {facts.nouns.modality} against all others", _rest_table(facts)))
    if any(pair.others for pair in facts.estimated):
        found.append(Paragraph(evidence.others(facts)))
        found.append(Folded("The same pairs by other estimators", _other_table(facts)))
    return tuple(found)


def _bounds(facts: Facts) -> Figure:
    return Figure(
        name="synergy-bounds",
        title="What could have been known about synergy without joint labels",
        unit="Bits, raw; grey range: what the tables of two at a time allow; dot: synergy of the joint table",
        wide=synergy_bounds.draw(facts, WIDE, "synergy-bounds-w", "wide"),
        narrow=synergy_bounds.draw(facts, NARROW, "synergy-bounds-n", "narrow"),
        means=evidence.synergy_bounds(facts),
        table=_bounds_table(facts),
        source=Source(
            "estimate", "flows/estimate.py", "mmcore/information/bounds.py", "pairwise maximum entropy below"
        ),
        note=f"The range needs each {facts.nouns.modality} with labels, and both together without any. It answers "
        "whether labelling them together was worth it.",
    )


def _bounds_table(facts: Facts) -> Table:
    heads = (
        Column("Pair"),
        *(number_head(h) for h in ("Lowest", "By redundancy", "By disagreement", "Raw", "Highest")),
    )
    rows = []
    for pair in synergy_bounds.rows(facts):
        known = pair.synergy_bounds or {}
        keys = ("lower", "lower_redundancy", "lower_uniqueness")
        cells = [Cell(fmt.number(known[key], 2)) for key in keys]
        raw = Cell(fmt.number(pair.raw["synergy"], 2))
        rows.append((Cell(f"{pair.first} · {pair.second}"), *cells, raw, Cell(fmt.number(known["upper"], 2))))
    return Table("Bounds of synergy", heads, tuple(rows), caption="Bits. Each lower bound holds by itself.")


def _atom_cells(pair: Pair) -> list[Cell]:
    cells = []
    for atom in forest.ROWS:
        e = pair.atoms[atom]
        ends = "" if e.low is None or e.high is None else fmt.interval(e.low, e.high, 2)
        cells.append(Cell(fmt.number(e.value, 2), quiet=ends, quiet_below=True))
    return cells


def _rest_table(facts: Facts) -> Table:
    names = ("R", "U1: only this one", "U2: only the others", "S")
    heads = (Column(fmt.capital(facts.nouns.modality)), *(number_head(h) for h in names), number_head("Rows"))
    rows: list[tuple[Cell, ...]] = []
    for pair in facts.against_rest:
        n = Cell("–" if pair.n_rows is None else fmt.count(pair.n_rows))
        if not pair.estimated:
            rows.append(
                (Cell(pair.first), Cell(status=NO_ESTIMATE, quiet=pair.reason or "", quiet_below=True, span=4), n)
            )
        else:
            rows.append((Cell(pair.first), *_atom_cells(pair), n))
    caption = "Bits, corrected for bias, with intervals. Clustered together, the others lose some of what they tell."
    return Table("Each against all others", heads, tuple(rows), caption=caption)


def _other_table(facts: Facts) -> Table:
    heads = (Column("Pair"), Column("Estimator"), *(number_head(s) for s in ("R", "U1", "U2", "S")))
    rows: list[tuple[Cell, ...]] = []
    method = ((facts.result("estimate") or {}).get("estimator") or {}).get("method", "clusters")
    for pair in facts.estimated:
        rows.append((Cell(f"{pair.first} · {pair.second}"), Cell(str(method)), *_atom_cells(pair)))
        for name, other in pair.others.items():
            if other["status"] != "estimated":
                refusal = Cell(status=NO_ESTIMATE, quiet=str(other["reason"]), quiet_below=True, span=4)
                rows.append((Cell(""), Cell(name), refusal))
                continue
            values, ends = other.get("corrected") or other["raw"], other.get("interval") or {}
            cells = [
                Cell(
                    fmt.number(values[a], 2),
                    quiet=fmt.interval(ends[a][0], ends[a][1], 2) if ends.get(a) else "",
                    quiet_below=True,
                )
                for a in forest.ROWS
            ]
            rows.append((Cell(""), Cell(name), *cells))
    return Table("Estimators side by side", heads, tuple(rows), caption="Bits, corrected for bias where that is known.")
