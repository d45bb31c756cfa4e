"""Advice before labels, as typed facts: what each further modality would bring, as far as the tables of two tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.reporting.facts import Facts


@dataclass(frozen=True)
class Bounds:
    """What the tables leave open, fractions: [low, high], and its ends with the error of the sample."""

    low: float
    high: float
    least: float
    most: float

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Bounds:
        """Return the bounds in `{low, high, interval}`; without an interval the ends are their own."""
        least, most = raw.get("interval") or (raw["low"], raw["high"])
        return cls(float(raw["low"]), float(raw["high"]), float(least), float(most))


@dataclass(frozen=True)
class Further:
    """One modality that could be added: accuracies and gain as fractions, or the `reason` why it cannot be judged."""

    modality: str
    reason: str | None
    without: Bounds | None = None
    together: Bounds | None = None
    gain: Bounds | None = None
    collect: str = ""
    fusion: str = ""
    rows: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Advice:
    """What to add to the modalities `held`: `candidates` best first, `next` the one to add, None for none."""

    held: tuple[str, ...]
    candidates: tuple[Further, ...]
    next: str | None
    reason: str | None
    least_gain: float
    level: float
    rules: Mapping[str, str]
    n_rows: Mapping[str, int]

    @property
    def judged(self) -> tuple[Further, ...]:
        """The candidates that could be judged."""
        return tuple(entry for entry in self.candidates if entry.reason is None)


def advice_of(facts: Facts) -> Advice | None:
    """Return the advice in `selection.json`, also where nothing was proposed; None where params ask for none."""
    content = (facts.results.get("selection") or {}).get("advice")
    if content is None:
        return None
    return Advice(
        held=tuple(content["held"]),
        candidates=tuple(_further(entry) for entry in content["candidates"]),
        next=content["next"],
        reason=content["reason"],
        least_gain=float(content["least_gain"]),
        level=float(content["level"]),
        rules=dict(content["rules"]),
        n_rows=dict(content["n_rows"]),
    )


def _further(entry: Mapping[str, Any]) -> Further:
    advice = entry["advice"]
    if advice is None:
        return Further(str(entry["modality"]), str(entry["reason"] or "It was refused without a reason."))
    return Further(
        modality=str(entry["modality"]),
        reason=None,
        without=Bounds.of(advice["accuracy_without"]),
        together=Bounds.of(advice["accuracy_with"]),
        gain=Bounds.of(advice["gain"]),
        collect=str(advice["collect"]),
        fusion=str(advice["fusion"]),
        rows=tuple(advice["rows"]),
    )
