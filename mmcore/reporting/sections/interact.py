"""How do the modalities interact?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Facts, Pair
from mmcore.reporting.figures import forest, matrix, overlap
from mmcore.reporting.sections import pair_evidence
from mmcore.reporting.sentences import evidence, meanings
from mmcore.reporting.tokens import ATOM_TOKENS, NARROW, WIDE
from mmcore.reporting.view import (
    NO_ESTIMATE,
    Block,
    Cell,
    Column,
    Empty,
    Figure,
    Folded,
    Paragraph,
    Source,
    Table,
    number_head,
)  # fmt: skip

MATRIX = "How each pair interacts"


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    pair = facts.leading
    if pair is None or facts.entropy is None:
        reason = facts.reasons.get("estimate") or next((p.reason for p in facts.pairs if p.reason), None)
        found: list[Block] = [Empty(f"no estimate: {reason or 'the label has no entropy in bits'}")]
        return (*found, *((Folded("The pairs", pair_table(facts)),) if facts.pairs else ()))
    found = [_strip(facts, pair), _forest(facts, pair)]
    if len(facts.modalities) > 2:
        found.append(_matrix(facts))
    refused = [p for p in facts.pairs if not p.estimated]
    if refused:
        found.append(
            Paragraph(" ".join(f"No estimate for {p.first} with {p.second}: {p.reason}" for p in refused), quiet=True)
        )
    return (*found, *pair_evidence.blocks(facts))


def _source(facts: Facts, module: str, *, interval: bool = False) -> Source:
    estimator = (facts.result("estimate") or {}).get("estimator") or {}
    parts = [f"method {estimator['method']}"] if estimator.get("method") else []
    if estimator.get("discretiser"):
        parts.append(str(estimator["discretiser"]))
    if interval and estimator.get("n_boot"):
        what = fmt.plural(facts.nouns.group) if estimator.get("grouped") else fmt.plural(facts.nouns.sample)
        parts.append(f"{fmt.count(estimator['n_boot'])} resamples of {what}")
    return Source("estimate", "flows/estimate.py", module, ", ".join(parts))


def _level(facts: Facts) -> str:
    level = ((facts.result("estimate") or {}).get("estimator") or {}).get("level")
    return f"{fmt.percent(level, 0)} " if level else ""


def _strip(facts: Facts, pair: Pair) -> Figure:
    entropy = facts.entropy or 1.0
    negative = [a for a in ATOMS if pair.atoms[a].value < 0]
    note = (
        f"Each lane is one {facts.nouns.modality}, drawn to scale. Where the lanes overlap, both tell the same thing: "
        "that is redundancy. Where only one lane runs, it is unique. The part of the lowest lane that no lane above "
        "reaches is synergy."
    )
    if negative:
        note += f" Estimated below zero, so drawn without width: {fmt.listing([pair.atom_name(a) for a in negative])}."
    if pair.truth is not None:
        note += " The upright ticks are the planted truth: where each part should end."
    of_pair = (
        "" if len(facts.modalities) == 2 else f": {pair.first} with {pair.second}, the pair with the surest synergy"
    )
    return Figure(
        name="strip",
        title=f"What each {facts.nouns.modality} tells about the {facts.nouns.label}, and where they overlap",
        unit="Bits of mutual information with the label, corrected for bias, "
        f"{_level(facts)}intervals in brackets{of_pair}",
        wide=overlap.draw(pair, entropy, WIDE, "strip-w", "wide"),
        narrow=overlap.draw(pair, entropy, NARROW, "strip-n", "narrow"),
        key=(("t", "planted truth"),) if pair.truth is not None else (),
        means=meanings.strip(facts, pair),
        source=_source(facts, "mmcore/information/pid.py"),
        note=note,
    )


def _forest(facts: Facts, pair: Pair) -> Figure:
    note = (
        f"Dot: estimate after bias correction. Thick line: {_level(facts)}interval. Thin grey tick: the raw estimate; "
        "synergy is the part that finite samples inflate most."
    )
    if pair.null:
        note += " Grey bar: what chance stays under 95 times in 100, corrected like the estimate."
    if pair.truth is not None:
        note += " Diamond: the planted truth, which the estimator never saw."
    return Figure(
        name="forest",
        title="How sure each part is",
        unit=f"Bits, {pair.first} with {pair.second}",
        wide=forest.draw(pair, WIDE, "forest-w", "wide"),
        narrow=forest.draw(pair, NARROW, "forest-n", "narrow"),
        key=(("d", "planted truth"), ("o", "estimate and interval")) if pair.truth is not None else (),
        means=meanings.forest(facts, pair) + evidence.chance(pair),
        table=atom_table(pair),
        source=_source(facts, "mmcore/information/pairs.py", interval=True),
        note=note,
    )


def atom_table(pair: Pair) -> Table:
    """Return the numbers behind the forest."""
    heads = [Column("Part"), number_head("Estimate"), number_head("Interval"), number_head("Raw")]
    heads += [number_head("Chance"), number_head("p")] if pair.null else []
    heads += [number_head("Truth")] if pair.truth is not None else []
    rows = []
    for atom in forest.ROWS:
        e, raw = pair.atoms[atom], pair.raw.get(atom)
        ends = "no interval" if e.low is None or e.high is None else fmt.interval(e.low, e.high, 2)
        row = [
            Cell(f"{forest.SYMBOLS[atom]} · {pair.atom_name(atom)}", swatch=ATOM_TOKENS[atom]),
            Cell(fmt.number(e.value, 2)), Cell(ends), Cell("–" if raw is None else fmt.number(raw, 2)),
        ]  # fmt: skip
        if pair.null:
            p = pair.p_values.get(atom)
            row += [Cell(fmt.number(pair.null[atom], 2)), Cell("–" if p is None else fmt.p_value(p))]
        rows.append((*row, Cell(fmt.number(pair.truth[atom], 2))) if pair.truth is not None else tuple(row))
    total = sum(pair.atoms[a].value for a in ATOMS)
    raw_total = fmt.number(sum(pair.raw[a] for a in ATOMS), 2) if set(ATOMS) <= set(pair.raw) else "–"
    both = pair.information.get("both")
    ends = (
        "no interval" if both is None or both.low is None or both.high is None else fmt.interval(both.low, both.high, 2)
    )
    last = [Cell("Sum · I(X1,X2;Y)"), Cell(fmt.number(total, 2)), Cell(ends), Cell(raw_total)]
    last += [Cell("–"), Cell("–")] if pair.null else []
    rows.append(
        (*last, Cell(fmt.number(sum(pair.truth[a] for a in ATOMS), 2))) if pair.truth is not None else tuple(last)
    )
    caption = "Bits. Estimates are corrected for bias; raw values are not. Sums are of unrounded values."
    return Table("Parts, estimates and intervals", tuple(heads), tuple(rows), caption=caption)


def _matrix(facts: Facts) -> Figure:
    every = len(facts.modalities) > 6
    return Figure(
        name="matrix",
        title=MATRIX,
        unit="Bits of synergy, bars to one scale"
        if every
        else "Bits; strips to one scale, each modality alone on the diagonal",
        wide=matrix.draw(facts, WIDE, "matrix-w", "wide"),
        narrow=matrix.draw(facts, NARROW, "matrix-n", "narrow"),
        key=(
            ("u1", "only the first"),
            ("r", "shared"),
            ("u2", "only the second"),
            ("s", "only together"),
            ("x", "in neither"),
        ),
        means=meanings.matrix(facts),
        table=pair_table(facts),
        source=_source(facts, "mmcore/information/pairs.py"),
        note="Row: the first of a pair, column: the second. Bold numbers belong to the pair with the surest synergy.",
    )


def pair_table(facts: Facts) -> Table:
    """Return the four parts of every pair, with the truth where it was planted."""
    heads = (Column("Pair"), *(number_head(s) for s in ("R", "U1", "U2", "S")), number_head("Rows"))
    rows: list[tuple[Cell, ...]] = []
    for pair in facts.pairs:
        name, n = Cell(f"{pair.first} · {pair.second}"), Cell("–" if pair.n_rows is None else fmt.count(pair.n_rows))
        if not pair.estimated:
            rows.append((name, Cell(status=NO_ESTIMATE, quiet=pair.reason or "", quiet_below=True, span=4), n))
            continue
        cells = []
        for atom in forest.ROWS:
            e = pair.atoms[atom]
            ends = "" if e.low is None or e.high is None else fmt.interval(e.low, e.high, 2)
            truth = f" truth {fmt.number(pair.truth[atom], 2)}" if pair.truth is not None else ""
            cells.append(Cell(fmt.number(e.value, 2), quiet=f"{ends}{truth}".strip(), quiet_below=True))
        rows.append((name, *cells, n))
    caption = "Bits, corrected for bias, with intervals."
    return Table("The four parts of every pair", heads, tuple(rows), caption=caption)
