"""What if a modality is noisy: the curves, or the reason why there are none."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, model_name
from mmcore.reporting.figures import robustness
from mmcore.reporting.measured import Noise, noise_of
from mmcore.reporting.sentences import noise as said
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import Block, Cell, Column, Figure, Source, Table, number_head


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the figure."""
    found, reason = noise_of(facts)
    title = f"{fmt.capital(facts.metric.words)} as the input gets worse"
    if found is None:
        return (Figure(name="robustness", title=title, unit="", empty=f"not measured: {reason}"),)
    return (
        Figure(
            name="robustness",
            title=title,
            unit=f"Corrupted test rows ({said.corruption_words(found.corruptions)}); bands are intervals",
            wide=robustness.draw(facts, found, WIDE, "robustness-w", "wide"),
            narrow=robustness.draw(facts, found, NARROW, "robustness-n", "narrow"),
            key=_key(facts, found),
            means=said.meaning(facts, found),
            table=_table(facts, found),
            source=Source("learn", "flows/evaluate.py", "mmcore/evaluation", "the same corrupted rows for every model"),
            note="Level 0 is the test rows as they are, 1 the strongest noise. A model that does not read what is "
            "corrupted has no line.",
        ),
    )


def _key(facts: Facts, found: Noise) -> tuple[tuple[str, str], ...]:
    chosen = facts.recommended.key if facts.recommended else ""
    entries = []
    for model in found.models:
        kind = ("k" if model == chosen else "g") + ("d" if model == "late_fusion" else "")
        name = next(c.words for c in found.curves if c.model == model)
        if kind != "g":
            entries.append((kind, f"{name}, recommended" if model == chosen else name))
    others = [next(c.words for c in found.curves if c.model == m) for m in found.models
              if m not in (chosen, "late_fusion")]  # fmt: skip
    if others:
        entries.append(("g", fmt.listing(others) if len(others) <= 3 else f"{len(others)} other models"))
    return tuple(entries)


def _table(facts: Facts, found: Noise) -> Table:
    """One row a noise and model: its score at each level, and both robustness values."""
    metric, rows = facts.metric, []
    for noise in found.noises:
        for model in found.models:
            curve = found.curve(noise, model)
            if curve is None:
                continue
            at = dict(curve.points)
            scores = (
                Cell(metric.number(at[level].value)) if level in at else Cell("–", value="x") for level in found.levels
            )
            rows.append((
                Cell(fmt.capital(robustness.noise_words(facts, noise))), Cell(model_name(model)), *scores,
                Cell("–" if curve.relative is None else fmt.number(curve.relative, 3)),
                Cell("–" if curve.effective is None else fmt.number(curve.effective, 3, signed=True)),
            ))  # fmt: skip
    heads = (Column("Noise on"), Column("Model"), *(number_head(f"Level {level:g}") for level in found.levels),
             number_head("Relative"), number_head("Effective"))  # fmt: skip
    caption = (
        f"{metric.column} by level. Relative: area under the curve. "
        "Effective: what the model keeps over late fusion from the same start, summed over the levels."
    )
    return Table("Scores under noise", heads, tuple(rows), caption=caption)
