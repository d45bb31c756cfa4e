"""Table 1: every model with its score and its paired differences; the tests and further scores fold away below it."""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, Model, Tested, model_name, model_words
from mmcore.reporting.figures import difference
from mmcore.reporting.metrics import Metric, metric_named
from mmcore.reporting.sentences import comparisons
from mmcore.reporting.view import FAILED, Block, Cell, Column, Folded, Paragraph, Source, Table, Wide, number_head

MOST = 12
_FURTHER = (
    "accuracy", "balanced_accuracy", "f1_macro", "f1_micro", "f1_weighted", "auroc", "auprc", "average_precision",
    "mae", "mse", "pearson", "acc7", "acc5", "acc2", "f1_nonzero",
)  # fmt: skip


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the table, what its tests say, and what folds: the other models, the tests, further scores."""
    first, rest = split(facts)
    title = (
        "All models" if not rest else f"{len(first)} of {len(facts.models)} models: those that decide, then the best"
    )
    found: list[Block] = [Wide("t-models", f"Table 1. {title}", _table(facts, first), source(facts))]
    said = comparisons.tests(facts)
    if said:
        found.append(Paragraph(said))
    found.append(
        Paragraph(
            "Differences are paired: same rows, same folds, same seeds. "
            "A filled dot means that the interval excludes zero, before any correction for their number.",
            quiet=True,
        )
    )
    if rest:
        failed = sum(model.score is None for model in rest)
        summary = f"{len(rest)} more {fmt.plural('model', len(rest))}"
        summary += f", {fmt.words(failed)} of them failed" if failed else ""
        found.append(Folded(summary, _table(facts, rest)))
    tested = _tests(facts)
    if tested.rows:
        found.append(Folded("The tests behind table 1", tested))
    further = _further(facts)
    if further is not None:
        found.append(Folded("Further scores of every model", further))
    return tuple(found)


def split(facts: Facts) -> tuple[tuple[Model, ...], tuple[Model, ...]]:
    """Return (the models to show, the models to fold), both by score: those that decide are always shown."""
    if len(facts.models) <= MOST:
        return facts.models, ()
    deciding = {m.key for m in facts.models if m.recommended or m.key in ("late_fusion", best_single(facts))}
    kept = deciding | {m.key for m in [m for m in facts.models if m.key not in deciding][: MOST - len(deciding)]}
    return tuple(m for m in facts.models if m.key in kept), tuple(m for m in facts.models if m.key not in kept)


def best_single(facts: Facts) -> str:
    """Return the best model of one modality on validation, to which the others are compared; else an empty name."""
    named = (facts.result("verdict") or {}).get("best_unimodal")
    return str(named or next((m.to_single.to for m in facts.models if m.to_single is not None), ""))


def source(facts: Facts) -> Source:
    """Return where the scores come from."""
    protocol = (facts.result("evaluation") or {}).get("protocol") or {}
    parts = []
    if protocol.get("seeds"):
        parts.append(f"mean of {fmt.counted(len(protocol['seeds']), 'seed')}")
    if protocol.get("kind") == "folds" and protocol.get("n_folds"):
        parts.append(fmt.counted(protocol["n_folds"], "fold"))
    if protocol.get("interval"):
        parts.append(str(protocol["interval"]))
    return Source("learn", "flows/evaluate.py", "mmcore/evaluation", ", ".join(parts))


def _table(facts: Facts, models: Sequence[Model]) -> Table:
    metric, single = facts.metric, best_single(facts)
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = [Column("Model"), number_head(metric.column), number_head(f"Difference to late fusion{unit}"),
             Column("Difference to late fusion, drawn", sortable=False, hidden=True)]  # fmt: skip
    if single:
        heads += [number_head(f"Difference to {fmt.middle_cut(model_words(single))}{unit}"),
                  Column("Difference to the best single one, drawn", sortable=False, hidden=True)]  # fmt: skip
    heads += [number_head("Parameters"), number_head("Operations")]
    extent = _extent(facts)
    rows = tuple(_row(facts, model, extent, single) for model in models)
    marked = next((i for i, model in enumerate(models) if model.recommended), None)
    return Table("Models compared", tuple(heads), rows, sortable=True, marked=marked)


def _extent(facts: Facts) -> tuple[float, float]:
    """The least and the largest end over both columns and all models, so that every drawing has one scale."""
    tested = [t for m in facts.models for t in (m.to_late, m.to_single) if t is not None]
    ends = [v for t in tested for v in (t.difference.low, t.difference.high, t.difference.value) if v is not None]
    return min(ends, default=0.0), max(ends, default=0.0)


def _row(facts: Facts, model: Model, extent: tuple[float, float], single: str) -> tuple[Cell, ...]:
    metric = facts.metric
    name = Cell(model.name, tag=_tag(model, single))
    size = Cell(
        "–" if model.n_parameters is None else fmt.magnitude(model.n_parameters), value=_sort(model.n_parameters)
    )
    work = Cell("–" if model.flops is None else fmt.magnitude(model.flops), value=_sort(model.flops))
    if model.score is None:
        span = 4 if single else 2
        return name, Cell(status=FAILED, value="x"), Cell(quiet=model.reason or "", span=span), size, work
    score = Cell(
        metric.number(model.score.value),
        quiet=metric.interval(model.score.low, model.score.high),
        value=_sort(model.score.value),
    )
    order = facts.models.index(model)
    late = _compared(facts, model.to_late, model.key == "late_fusion", extent, f"difference-{order}")
    alone = _compared(facts, model.to_single, model.key == single, extent, f"difference-single-{order}")
    return (name, score, *late, *(alone if single else ()), size, work)


def _tag(model: Model, single: str) -> str:
    if model.recommended:
        return "recommended"
    return "best alone" if model.key == single else ""


def _compared(
    facts: Facts, tested: Tested | None, reference: bool, extent: tuple[float, float], identity: str
) -> tuple[Cell, Cell]:
    if tested is None:
        return Cell(quiet="reference" if reference else "not compared", value="0" if reference else "x"), Cell()
    metric, found = facts.metric, tested.difference
    return (
        Cell(metric.signed(found.value), value=_sort(found.value),
             quiet=metric.interval(found.low, found.high, signed=True)),
        Cell(drawing=difference.draw(found, extent, metric, identity)),
    )  # fmt: skip


def _sort(value: float | None) -> str:
    return "x" if value is None else repr(float(value))


def _tests(facts: Facts) -> Table:
    metric, rows, names = facts.metric, [], []
    for model in facts.models:
        for tested in (model.to_late, model.to_single):
            if tested is None or (tested.p is None and tested.p_adjusted is None):
                continue
            names.append(tested.test)
            rows.append((
                Cell(model.name), Cell(model_name(tested.to)), Cell(metric.signed(tested.difference.value)),
                Cell(metric.interval(tested.difference.low, tested.difference.high, signed=True)),
                _p_cell(tested.p), _p_cell(tested.p_adjusted),
            ))  # fmt: skip
    unit = f", {metric.difference_unit}" if metric.difference_unit else ""
    heads = (Column("Model"), Column("Against"), number_head(f"Difference{unit}"), number_head("Interval"),
             number_head("p"), number_head("p, corrected"))  # fmt: skip
    how = "; ".join(sorted({name for name in names if name}))
    caption = f"Paired tests on test rows{f' ({how})' if how else ''}. p is corrected by Holm over all models."
    return Table("Tests on test rows", heads, tuple(rows), caption=caption)


def _p_cell(p: float | None) -> Cell:
    return Cell("–") if p is None else Cell(fmt.p_value(p))


def _further(facts: Facts) -> Table | None:
    keys = [k for k in _FURTHER if k != facts.metric.key and any(k in m.metrics for m in facts.models)]
    if not keys:
        return None
    unit = (facts.spec.get("labels") or [{}])[0].get("unit")
    metrics = [metric_named(key, unit=unit) for key in keys]
    rows = tuple(
        (Cell(model.name), *(_score_cell(model, metric) for metric in metrics))
        for model in facts.models
        if model.score is not None
    )
    heads = (Column("Model"), *(number_head(metric.column) for metric in metrics))
    return Table("Further scores", heads, rows)


def _score_cell(model: Model, metric: Metric) -> Cell:
    found = model.metrics.get(metric.key)
    if found is None:
        return Cell("–")
    ends = "" if found.low is None else metric.interval(found.low, found.high)
    return Cell(metric.number(found.value), quiet=ends)
