"""What the tests of the model table, the costs and the slices say, also where nothing excludes zero."""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts, Model, Tested, model_words
from mmcore.reporting.figures.pareto import Costs
from mmcore.reporting.measured import Slice

_NAMED = 4


def tests(facts: Facts) -> str:
    """Return which models are better or worse than late fusion and than the best single modality."""
    sides = (
        ("late fusion", [(m, m.to_late) for m in facts.models if m.to_late is not None]),
        (_single_words(facts), [(m, m.to_single) for m in facts.models if m.to_single is not None]),
    )
    said = [_side(facts, words, found) for words, found in sides if found]
    return " ".join(said)


def _single_words(facts: Facts) -> str:
    to = next((m.to_single.to for m in facts.models if m.to_single is not None), "")
    return model_words(to)


def _side(facts: Facts, words: str, found: Sequence[tuple[Model, Tested | None]]) -> str:
    sign = 1 if facts.metric.higher_is_better else -1
    decided = [(m, sign * t.difference.value) for m, t in found if t is not None and _holds(facts, t)]
    better, worse = [m.words for m, d in decided if d > 0], [m.words for m, d in decided if d < 0]
    n = len(found)
    total = "the one other model" if n == 1 else f"the {fmt.words(n)} other models"
    corrected = any(t is not None and t.p_adjusted is not None for _, t in found)
    how = f" after correction for {fmt.counted(n, 'comparison')}" if corrected and n > 1 else ""
    if not decided:
        return f"Against {words}, no difference of {total} can be told from zero{how}."
    parts = []
    if better:
        parts.append(f"{_names(better)} {'is' if len(better) == 1 else 'are'} better")
    if worse:
        parts.append(f"{_names(worse)} {'is' if len(worse) == 1 else 'are'} worse")
    left = n - len(decided)
    rest = "" if not left else f"; {fmt.words(left)} cannot be told from it{how}"
    return f"Against {words}, {'; '.join(parts)}{rest}."


def _holds(facts: Facts, tested: Tested) -> bool:
    """Whether a difference is told from zero: by its corrected p, else by its interval."""
    level = float((facts.result("evaluation") or {}).get("level") or 0.95)
    return tested.decided if tested.p_adjusted is None else tested.p_adjusted <= 1.0 - level + 1e-12


def _names(names: list[str]) -> str:
    return fmt.listing(names) if len(names) <= _NAMED else f"{fmt.words(len(names))} models"


def cost(facts: Facts, costs: Costs) -> str:
    """Return the cheapest model whose score lies within the interval of the best one."""
    sign = 1 if facts.metric.higher_is_better else -1
    best, price, score = max(costs.points, key=lambda point: (sign * point[2].value, -point[1]))
    unit = "operations" if costs.kind == "operations" else "parameters"
    reached = f"{best.words}, the best at {_with_ends(facts, score)}"
    if score.low is None or score.high is None:
        return f"The score of {best.words}, the best, has no interval: nothing says which cheaper model is as good."
    enough = [p for p in costs.points if sign * p[2].value >= sign * (score.low if sign > 0 else score.high)]
    cheapest, least, value = min(enough, key=lambda point: (point[1], -sign * point[2].value))
    if cheapest.key == best.key:
        cheaper = [p for p in costs.points if p[1] < price]
        if not cheaper:
            return f"No model costs less than {reached}: {fmt.magnitude(price)} {unit}."
        return f"No cheaper model comes within the interval of {reached}: its {fmt.magnitude(price)} {unit} are needed."
    text = f"The cheapest model within the interval of {reached}, is {cheapest.words}: "
    saved = f"{fmt.magnitude(least)} {unit} against {fmt.magnitude(price)}"
    return f"{text}{facts.metric.value(value.value)} with {saved}."


def _with_ends(facts: Facts, score: Estimate) -> str:
    ends = "" if score.low is None else f" {facts.metric.interval(score.low, score.high)}"
    return f"{facts.metric.value(score.value)}{ends}"


def slices(facts: Facts, found: Sequence[Slice]) -> str:
    """Return on which slices the score differs from that of all other rows."""
    sign = 1 if facts.metric.higher_is_better else -1
    tested = [s for s in found if s.p_adjusted is not None]
    differing = [(s, s.difference) for s in tested if s.differs and s.difference is not None]
    left = len(found) - len(tested)
    few = "" if not left else f" {fmt.capital(fmt.words(left))} {'has' if left == 1 else 'have'} too few rows to tell."
    n = fmt.words(len(tested))
    if not tested:
        return f"No slice has rows enough to be compared with the rest.{'' if not left else few}".strip()
    if not differing and len(tested) == 1:
        return f"The one slice that can be compared does not differ from the rest.{few}"
    if not differing:
        return f"None of the {n} slices that can be compared differs from the rest after correction.{few}"
    low = [s for s, d in differing if sign * d.value < 0]
    high = [s for s, d in differing if sign * d.value > 0]
    parts = [f"{word} for {fmt.listing([f'{s.column} {s.value}' for s in part[:_NAMED]])}"
             + (f" and {len(part) - _NAMED} more" if len(part) > _NAMED else "")
             for word, part in (("worse", low), ("better", high)) if part]  # fmt: skip
    total = f"{n} {fmt.plural('slice', len(tested))}"
    return f"The score is {', '.join(parts)} than for the rest, after correction for {total}.{few}"
