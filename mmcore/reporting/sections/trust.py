"""Can the probabilities be trusted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, model_name
from mmcore.reporting.figures import reliability
from mmcore.reporting.measured import Coverage, scaling_of, sets_of
from mmcore.reporting.sentences import certainty, meanings
from mmcore.reporting.tokens import NARROW
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
    number_head,
)

MOST = 8
_MEASURES = (
    ("ece", "Calibration error"),
    ("log_loss", "Log loss, nats"),
    ("brier", "Brier score"),
)


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section: reliability, then prediction sets."""
    calibration = (facts.result("evaluation") or {}).get("calibration")
    if not calibration:
        reason = facts.reasons.get("evaluation") or "the recommended model states no probabilities."
        return Empty(f"no calibration: {reason}"), *_sets(facts)
    return _reliability(facts, calibration), *_sets(facts)


def _reliability(facts: Facts, calibration: Mapping[str, Any]) -> Figure:
    samples, scaling = fmt.plural(facts.nouns.sample), scaling_of(facts)
    shown = calibration if scaling is None else scaling["after"]
    before = () if scaling is None else scaling["before"]["bins"]
    means = meanings.reliability(shown, facts)
    if scaling is not None:
        means = f"{certainty.scaling(scaling)} After it, {means[:1].lower()}{means[1:]}"
    dots = "share that is right, with its interval"
    key = (("o", dots), ("l", "as stated")) if scaling is None else (
        ("o", f"after temperature scaling: {dots}"), ("hn", "before"), ("l", "as stated"))  # fmt: skip
    fits = ""
    if scaling is not None:
        fits = f"temperature {fmt.number(certainty.temperature(scaling), 2)}, fitted on validation rows"
    return Figure(
        name="reliability",
        title="Stated probability against share that is right",
        unit=f"{model_name(calibration['model'])}, held-out rows; percent",
        wide=reliability.draw(shown["bins"], samples, NARROW, "reliability-w", before=before),
        key=key,
        means=means,
        table=_measures(calibration, scaling),
        source=Source("learn", "flows/evaluate.py", "mmcore/evaluation", fits),
        note="A dot on the dashed line means that the model is right as often as it says. "
        "Below the line it is too sure.",
        beside=True,
    )


def _measures(calibration: Mapping[str, Any], scaling: Mapping[str, Any] | None) -> Table:
    found = [(key, name) for key, name in _MEASURES if calibration.get(key) is not None]
    if scaling is None:
        rows = [(Cell(name), Cell(fmt.number(calibration[key], 3))) for key, name in found]
        return Table("Calibration measures", (Column("Measure"), number_head("Value")), tuple(rows))
    both = [
        (Cell(name), *(Cell(fmt.number(scaling[when][key], 3)) for when in ("before", "after"))) for key, name in found
    ]
    heads = (Column("Measure"), number_head("Before"), number_head("After"))
    return Table("Calibration measures before and after temperature scaling", heads, tuple(both))


def _sets(facts: Facts) -> tuple[Block, ...]:
    """Return the prediction sets; nothing where there is no evaluation at all, whose section says so already."""
    if "evaluation" in facts.reasons:
        return ()
    table, wanted, reason = sets_of(facts)
    if not table:
        return Heading("Prediction sets"), Empty(f"not measured: {reason}")
    shown = _coverage(facts, table)
    body: Block = shown if len(table) <= MOST else Folded(f"All {len(table) - 1} patterns of presence", shown)
    return Heading("Prediction sets"), Paragraph(certainty.sets(facts, table, wanted)), body


def _coverage(facts: Facts, table: tuple[Coverage, ...]) -> Table:
    calibrated = any(entry.n_calibration is not None for entry in table)
    heads = (
        Column("Present"),
        number_head(fmt.capital(fmt.plural(facts.nouns.sample))),
        number_head("Hold the truth, %"),
        number_head("Mean size"),
        *((number_head("Calibrated on"),) if calibrated else ()),
    )
    return Table("Prediction sets by what is present", heads, tuple(_coverage_row(facts, e, calibrated) for e in table))


def _coverage_row(facts: Facts, entry: Coverage, calibrated: bool) -> tuple[Cell, ...]:
    name = entry.pattern.replace("+", ", ")
    if entry.pattern == "+".join(facts.modalities) and len(facts.modalities) > 1:
        name = "both" if len(facts.modalities) == 2 else f"all {len(facts.modalities)}"
    reached, ends = entry.reached, ""
    if reached is not None and reached.low is not None and reached.high is not None:
        ends = fmt.interval(100 * reached.low, 100 * reached.high, 1)
    cells = (
        Cell(name, quiet=entry.reason or "", quiet_below=True),
        Cell(fmt.count(entry.n_rows)),
        Cell("–") if reached is None else Cell(fmt.number(100 * reached.value, 1), quiet=ends),
        Cell("–" if entry.size is None else fmt.number(entry.size, 2)),
    )
    if not calibrated:
        return cells
    return (*cells, Cell("–" if entry.n_calibration is None else fmt.count(entry.n_calibration)))
