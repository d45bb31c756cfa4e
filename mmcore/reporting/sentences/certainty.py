"""What temperature scaling changes and what prediction sets reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.measured import Coverage

_FAR = 0.0005  # a calibration error is printed at three decimals


def temperature(scaling: Mapping[str, Any]) -> float:
    """Return the mean temperature over the fits.

    Example:
        >>> temperature({"temperatures": [{"value": 1.0}, {"value": 1.5}]})
        1.25
    """
    values = [float(entry["value"]) for entry in scaling["temperatures"]]
    return sum(values) / len(values)


def scaling(found: Mapping[str, Any]) -> str:
    """Return what one temperature, fitted on validation rows, does to the calibration error."""
    before, after, value = found["before"]["ece"], found["after"]["ece"], temperature(found)
    change = f"from {fmt.number(before, 3)} to {fmt.number(after, 3)}"
    how = f"Dividing the logits by {fmt.number(value, 2)}, fitted on validation rows,"
    if after < before - _FAR:
        return f"{how} lowers the calibration error {change}."
    if after > before + _FAR:
        return f"{how} does not help: the calibration error goes {change}."
    return f"{how} changes nothing: the calibration error stays at {fmt.number(before, 3)}."


def sets(facts: Facts, table: Sequence[Coverage], wanted: float) -> str:
    """Return the coverage that was reached, against the one that was asked for, and the mean size."""
    whole = table[0]
    if whole.reached is None:
        return "The coverage of the prediction sets was not measured."
    regression = facts.task == "regression"
    noun = "intervals" if regression else fmt.plural(f"set of {fmt.plural(facts.nouns.label)}")
    text = f"Asked to hold the truth {fmt.percent(wanted, 0)} of the time, {noun} hold it {_ends(whole.reached)}"
    if whole.size is not None:
        unit = facts.metric.unit if regression else ""
        size = f"{fmt.number(whole.size, 3 if regression else 2)}{fmt.NBSP + unit if unit else ''}"
        of = f" of {len(facts.classes)}" * bool(facts.classes)
        text += f" and are {size} wide on average" if regression else f", with {size}{of} on average"
    text += f". {_judged(whole.reached, wanted)}"
    short = [c.pattern for c in table[1:] if c.reached and c.reached.high is not None and c.reached.high < wanted]
    if short:
        text += f" Less than asked for rows with {fmt.listing([pattern.replace('+', ', ') for pattern in short[:3]])}."
    return text


def _ends(reached: Estimate) -> str:
    ends = ""
    if reached.low is not None and reached.high is not None:
        ends = f" {fmt.interval(100 * reached.low, 100 * reached.high, 1)}"
    return f"{fmt.percent(reached.value)}{ends}"


def _judged(reached: Estimate, wanted: float) -> str:
    if reached.low is None or reached.high is None:
        return "There is no interval, so nothing says whether that is what was asked for."
    if reached.low > wanted:
        return "That is more than asked: the sets are larger than they need be."
    if reached.high < wanted:
        return "That is less than asked: rely on them only with a margin."
    return "That is what was asked for, within its interval."
