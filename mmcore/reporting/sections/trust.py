"""Can the probabilities be trusted?"""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, model_name
from mmcore.reporting.figures import reliability
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW
from mmcore.reporting.view import Block, Cell, Column, Empty, Figure, Source, Table, number_head


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    calibration = (facts.result("evaluation") or {}).get("calibration")
    if not calibration:
        return (
            Empty(
                f"no calibration: {facts.reasons.get('evaluation') or 'the recommended model states no probabilities.'}"
            ),
        )
    samples = fmt.plural(facts.nouns.sample)
    rows = [(Cell("Calibration error"), Cell(fmt.number(calibration["ece"], 3)))]
    for key, name in (("log_loss", "Log loss, nats"), ("brier", "Brier score")):
        if calibration.get(key) is not None:
            rows.append((Cell(name), Cell(fmt.number(calibration[key], 3))))
    return (
        Figure(
            name="reliability",
            title="Stated probability against share that is right",
            unit=f"{model_name(calibration['model'])}, held-out rows; percent",
            wide=reliability.draw(calibration["bins"], samples, NARROW, "reliability-w"),
            key=(("o", "share that is right, with its interval"), ("l", "as stated")),
            means=meanings.reliability(calibration, facts),
            table=Table("Calibration measures", (Column("Measure"), number_head("Value")), tuple(rows)),
            source=Source("learn", "flows/evaluate.py", "mmcore/evaluation"),
            note="A dot on the dashed line means that the model is right as often as it says. "
            "Below the line it is too sure.",
            beside=True,
        ),
    )  # fmt: skip
