"""What the evaluation measured beside the scores, as typed facts: noise, temperature, prediction sets, slices.

Each function reads one part of `evaluation.json` and returns its facts, or the reason why there are none. A part may be
missing (an evaluation made before it existed), absent or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.reporting.facts import Estimate, Facts, model_words

ALL = "all"


@dataclass(frozen=True)
class Curve:
    """One model's score at each level of one noise; `noise` is a modality, or `all`."""

    noise: str
    model: str
    points: tuple[tuple[float, Estimate], ...]
    relative: float | None
    effective: float | None

    @property
    def words(self) -> str:
        """The model's name inside a sentence."""
        return model_words(self.model)

    @property
    def clean(self) -> Estimate:
        """The score at the lowest level."""
        return self.points[0][1]

    @property
    def worst(self) -> Estimate:
        """The score at the highest level."""
        return self.points[-1][1]


@dataclass(frozen=True)
class Noise:
    """The curves under noise: `noises` in the order of the modalities, `models` the recommended one first."""

    noises: tuple[str, ...]
    models: tuple[str, ...]
    levels: tuple[float, ...]
    corruptions: Mapping[str, tuple[str, ...]]
    curves: tuple[Curve, ...]

    def curve(self, noise: str, model: str) -> Curve | None:
        """Return the curve of a model under one noise; None where the model does not read what is corrupted."""
        return next((c for c in self.curves if (c.noise, c.model) == (noise, model)), None)


@dataclass(frozen=True)
class Coverage:
    """How often prediction sets hold the truth, for one pattern of presence, and how large they are."""

    pattern: str
    n_rows: int
    reached: Estimate | None
    size: float | None
    n_calibration: int | None
    reason: str | None


@dataclass(frozen=True)
class Slice:
    """The recommended model's score on the rows that share a value, and its difference to all other rows."""

    column: str
    value: str
    n_rows: int
    score: Estimate | None
    difference: Estimate | None
    p_adjusted: float | None
    differs: bool
    reason: str | None


def _part(facts: Facts, key: str, what: str) -> tuple[Any, str]:
    """Return (part of the evaluation, why there is none)."""
    evaluation = facts.result("evaluation")
    if evaluation is None:
        return None, facts.reasons["evaluation"]
    if key not in evaluation:
        return None, f"This evaluation was made before {what}: run the stage learn again."
    part = evaluation[key]
    if isinstance(part, Mapping) and part.get("status") in ("absent", "refused"):
        return None, str(part.get("reason") or "No reason was given.")
    return part, ""


def noise_of(facts: Facts) -> tuple[Noise | None, str]:
    """Return the curves under noise, or None and why there are none."""
    part, reason = _part(facts, "robustness", "noise was measured")
    if part is None:
        return None, reason or "No noise was measured."
    curves = tuple(curve for raw in part["curves"] if (curve := _curve(raw)) is not None)
    if not curves:
        return None, "No model has a curve."
    found = {curve.noise for curve in curves}
    noises = tuple(name for name in (*facts.modalities, ALL) if name in found)
    first = facts.recommended.key if facts.recommended else ""
    order = {model: i for i, model in enumerate((first, "late_fusion"))}
    models = sorted({curve.model for curve in curves}, key=lambda model: (order.get(model, 2), model))
    corruptions = {name: tuple(part["corruptions"].get(name) or ()) for name in facts.modalities}
    return Noise(noises, tuple(models), tuple(part["levels"]), corruptions, curves), ""


def _curve(raw: Mapping[str, Any]) -> Curve | None:
    points = tuple((float(p["level"]), e) for p in raw["points"] if (e := Estimate.of(p)) is not None)
    if len(points) < 2:
        return None
    effective = raw.get("effective") if raw.get("effective") is not None else raw.get("effective_area")
    return Curve(raw["noise"], raw["model"], points, raw.get("relative"), effective)


def scaling_of(facts: Facts) -> Mapping[str, Any] | None:
    """Return temperature scaling: `temperatures`, calibration `before` and `after`; None where it was not done."""
    part, _ = _part(facts, "temperature", "temperature scaling")
    if not part or not part.get("after") or not part.get("before") or not part.get("temperatures"):
        return None
    found: Mapping[str, Any] = part
    return found


def sets_of(facts: Facts) -> tuple[tuple[Coverage, ...], float, str]:
    """Return (coverage of all rows, then of each pattern of presence; the wanted coverage; why there is none)."""
    part, reason = _part(facts, "conformal", "prediction sets")
    if part is None:
        return (), 0.0, reason or "No prediction sets were made."
    table = tuple(
        Coverage(
            pattern=entry["pattern"],
            n_rows=entry["n_rows"],
            reached=Estimate.of(entry.get("coverage")),
            size=entry.get("size"),
            n_calibration=entry.get("n_calibration"),
            reason=entry.get("reason"),
        )
        for entry in part["table"]
    )
    return table, 1.0 - float(part["alpha"]), ""


def slices_of(facts: Facts) -> tuple[Slice, ...]:
    """Return the slices in the order of the evaluation; none where none was asked for."""
    part, _ = _part(facts, "slices", "slices")
    return tuple(
        Slice(
            column=entry["column"],
            value=str(entry["value"]),
            n_rows=entry["n_rows"],
            score=Estimate.of(entry.get("score")),
            difference=None
            if entry.get("difference") is None
            else Estimate(entry["difference"], entry.get("low"), entry.get("high")),
            p_adjusted=entry.get("p_adjusted"),
            differs=bool(entry.get("differs")),
            reason=entry.get("reason") or None,
        )
        for entry in part or ()
    )
