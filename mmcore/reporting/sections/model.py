"""Which model, and why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, Model, model_name, model_words
from mmcore.reporting.figures import difference
from mmcore.reporting.sentences.verdict import ended, ordered_comparisons, synergy_text
from mmcore.reporting.view import (
    FAILED,
    Block,
    Cell,
    Column,
    Empty,
    Folded,
    Paragraph,
    Reasons,
    Source,
    Table,
    Wide,
    number_head,
)


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    if not facts.models:
        return (Empty(f"no model: {facts.reasons.get('evaluation') or 'the evaluation holds none.'}"),)
    reasons = _reasons(facts)
    found: list[Block] = [Reasons(reasons)] if reasons else []
    found.append(Wide("t-models", "Table 1. All models", _table(facts), _source(facts)))
    found.append(
        Paragraph(
            "Differences are paired: same rows, same folds, same seeds. "
            "A filled dot means that the interval excludes zero.",
            quiet=True,
        )
    )
    comparisons = ordered_comparisons(facts)
    if comparisons:
        found.append(Folded("The comparisons on validation that decided", _comparisons(facts, comparisons)))
    proposed = facts.result("selection")
    if proposed is not None:
        found.append(Folded("What was proposed before training", _candidates(proposed)))
    return tuple(found)


def _reasons(facts: Facts) -> tuple[tuple[str, str], ...]:
    pair = facts.leading
    compared = [("On validation:", _compared(facts, comparison)) for comparison in ordered_comparisons(facts)]
    items: list[tuple[str, str]] = []
    if pair is not None:
        there = pair.atoms["synergy"].above_zero
        claim = "Synergy is there:" if there else "Synergy is not sure:"
        items.append((claim, f"{synergy_text(pair)} between {pair.first} and {pair.second}."))
    late = (facts.result("verdict") or {}).get("verdict") == "late_fusion"
    items = [*compared[:1], *items, *compared[1:]] if late else [*items, *compared]
    chosen = facts.recommended
    if chosen is not None and chosen.n_parameters:
        dearer = [m for m in facts.models if m.n_parameters and m.n_parameters > chosen.n_parameters]
        items.append(("Its size:", _size(chosen.n_parameters, len(dearer), len(facts.models) - 1)))
    return tuple(items)


def _size(n_parameters: int, n_dearer: int, n_others: int) -> str:
    size = f"{fmt.magnitude(n_parameters)} parameters"
    if not n_others:
        return f"{size}."
    if not n_dearer:
        return f"{size}; no other model has more."
    if n_dearer == n_others:
        return f"{size}; every other model has more."
    verb = "has" if n_dearer == 1 else "have"
    return f"{size}; {fmt.words(n_dearer)} of the other {fmt.words(n_others)} {verb} more."


def _compared(facts: Facts, comparison: Mapping[str, Any]) -> str:
    """One comparison as a sentence: who, against whom, by how much, and whether the interval decides it."""
    metric, low, high = facts.metric, comparison.get("low"), comparison.get("high")
    first, second = model_name(comparison["model"]), model_words(comparison["against"])
    unit = f"{fmt.NBSP}{metric.difference_unit}" if metric.difference_unit else ""
    gain = f"{metric.signed(comparison['difference'])}{unit}"
    if low is None or high is None:
        return f"{first} against {second}: {gain}; there is no interval."
    sure = "the interval excludes zero" if low > 0 or high < 0 else "the interval holds zero"
    return f"{first} against {second}: {gain} {metric.interval(low, high)}; {sure}."


def _source(facts: Facts) -> Source:
    protocol = (facts.result("evaluation") or {}).get("protocol") or {}
    parts = []
    if protocol.get("seeds"):
        parts.append(f"mean of {fmt.counted(len(protocol['seeds']), 'seed')}")
    if protocol.get("kind") == "folds" and protocol.get("n_folds"):
        parts.append(fmt.counted(protocol["n_folds"], "fold"))
    if protocol.get("interval"):
        parts.append(str(protocol["interval"]))
    return Source("learn", "flows/evaluate.py", "mmcore/evaluation", ", ".join(parts))


def _table(facts: Facts) -> Table:
    metric = facts.metric
    ends = [
        v
        for m in facts.models
        if m.difference
        for v in (m.difference.low, m.difference.high, m.difference.value)
        if v is not None
    ]
    extent = (min(ends, default=0.0), max(ends, default=0.0))
    extra = [
        key
        for key in ("balanced_accuracy", "f1_macro")
        if key != metric.key and any(key in m.metrics for m in facts.models)
    ]
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = [Column("Model"), number_head(metric.column), number_head(f"Difference to late fusion{unit}"),
             Column("Difference drawn", sortable=False, hidden=True)]  # fmt: skip
    heads += [
        number_head({"f1_macro": "Macro F1, %", "balanced_accuracy": "Balanced accuracy, %"}[key]) for key in extra
    ]
    heads += [number_head("Parameters"), number_head("Operations")]
    rows = tuple(_row(facts, model, extent, extra, i) for i, model in enumerate(facts.models))
    marked = next((i for i, model in enumerate(facts.models) if model.recommended), None)
    return Table("Models compared", tuple(heads), rows, sortable=True, marked=marked)


def _row(facts: Facts, model: Model, extent: tuple[float, float], extra: list[str], index: int) -> tuple[Cell, ...]:
    metric = facts.metric
    name = Cell(model.name, tag="recommended" if model.recommended else "")
    size = Cell(
        "–" if model.n_parameters is None else fmt.magnitude(model.n_parameters), value=_sort(model.n_parameters)
    )
    work = Cell("–" if model.flops is None else fmt.magnitude(model.flops), value=_sort(model.flops))
    if model.score is None:
        return name, Cell(status=FAILED, value="x"), Cell(quiet=model.reason or "", span=2 + len(extra)), size, work
    score = Cell(
        metric.number(model.score.value),
        quiet=metric.interval(model.score.low, model.score.high),
        value=_sort(model.score.value),
    )
    if model.difference is None:
        reference = model.key == "late_fusion"
        middle = (Cell(quiet="reference" if reference else "not compared", value="0" if reference else "x"), Cell())
    else:
        middle = (
            Cell(metric.signed(model.difference.value), value=_sort(model.difference.value),
                 quiet=metric.interval(model.difference.low, model.difference.high, signed=True)),
            Cell(drawing=difference.draw(model.difference, extent, metric, f"difference-{index}")),
        )  # fmt: skip
    others = tuple(
        Cell(fmt.number(100 * model.metrics[key].value, 1), value=_sort(model.metrics[key].value))
        if key in model.metrics
        else Cell("–", value="x")
        for key in extra
    )
    return (name, score, *middle, *others, size, work)


def _sort(value: float | None) -> str:
    return "x" if value is None else repr(float(value))


def _comparisons(facts: Facts, comparisons: Sequence[Mapping[str, Any]]) -> Table:
    metric, decided = facts.metric, facts.result("verdict") or {}
    rows = []
    for c in comparisons:
        p = c.get("p")
        rows.append(
            (
                Cell(model_name(c["model"])),
                Cell(model_name(c["against"])),
                Cell(metric.signed(c["difference"])),
                Cell(metric.interval(c.get("low"), c.get("high"), signed=True)),
                Cell("–" if p is None else fmt.p_value(p)),
            )
        )
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = (
        Column("Model"),
        Column("Against"),
        number_head(f"Difference{unit}"),
        number_head("Interval"),
        number_head("p"),
    )
    n_units, noun = decided.get("n_units"), facts.nouns.group if decided.get("unit") == "group" else facts.nouns.sample
    compared = f" {fmt.capital(fmt.counted(n_units, noun))} compared." if n_units else ""
    return Table("Comparisons on validation", heads, tuple(rows), caption=_decided_on(facts) + compared)


def _decided_on(facts: Facts) -> str:
    """What the choice of the model has seen: with folds, each row's label once, as validation of another model."""
    if ((facts.result("evaluation") or {}).get("protocol") or {}).get("kind") != "folds":
        return "On validation rows; no test row was read before this was decided."
    return (
        "On validation rows. With folds each row validates one model and tests another: no model is tested on rows "
        "that it was trained or tuned on, but the choice among the models has seen every label once."
    )


def _candidates(proposed: Mapping[str, Any]) -> Table:
    rows = [
        (
            Cell(model_name(entry["model"])),
            Cell(kind),
            Cell(" ".join(ended(str(r)) for r in entry.get("reasons") or [])),
        )
        for kind, key in (("candidate", "candidates"), ("always trained", "mandatory"))
        for entry in proposed.get(key) or []
    ]
    return Table("Models proposed before training", (Column("Model"), Column("Role"), Column("Why")), tuple(rows))
