"""How a score falls as noise grows: the performance curve, relative and effective robustness.

    A_0 .. A_k at noise levels s_0 < .. < s_k, higher is better (an error is negated first)
    tau_rel = sum_i (A_i + A_{i+1}) / 2 (s_{i+1} - s_i)                         area under the curve
    tau_eff = sum_i [A_i - b_i],   b_i = F_i + (A_0 - F_0),  F late fusion       gain over late fusion shifted to A_0

Taori et al. 2020 (NeurIPS) name the two ideas, MultiBench (Liang et al. 2021, section on robustness) these formulas. A
perfect model (A = 1) has tau_rel = s_k - s_0; a constant one has tau_eff = sum_i [F_0 - F_i], whatever its height: a
model that never learned anything is "effectively robust", so read tau_eff beside the clean score.

Departs on purpose: the direction is an argument, never guessed from a dataset's name (the reference code negates only
names that start with "finance", so that for other errors the worst method scores 1). The sum over levels is meant for
equal spacing and is refused elsewhere; `area` weights it by the trapezoid and takes any spacing. The scaled value is
relative to a table that the caller names, instead of one that changes with the model at hand; it may leave [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.interval import Interval, metric_interval
from mmcore.evaluation.metrics import find_metric
from mmcore.evaluation.predictions import Predicted

WEIGHTINGS = ("sum", "area")


@dataclass(frozen=True)
class PerformanceCurve:
    """One model's metric at each noise level.

    Attributes:
        model: its name.
        metric: the metric's name, values in its own unit and direction.
        higher_is_better: its direction.
        levels: noise levels, rising, from 0 (clean).
        values: the metric at each level.
        intervals: at each level, or None where only values are known.
        noise: what was corrupted and how, e.g. "audio, white_noise, seed 0".
    """

    model: str
    metric: str
    higher_is_better: bool
    levels: tuple[float, ...]
    values: tuple[float, ...]
    intervals: tuple[Interval, ...] | None = None
    noise: str | None = None

    def __post_init__(self) -> None:
        levels, values = np.asarray(self.levels, dtype=float), np.asarray(self.values, dtype=float)
        if levels.ndim != 1 or len(levels) < 2 or levels.shape != values.shape:
            received = f"{len(self.levels)} levels and {len(self.values)} values"
            raise InputError("levels", received, "two or more of each",
                             "Score the model at each level.")  # fmt: skip
        if levels[0] != 0.0 or not (np.diff(levels) > 0).all():
            raise InputError("levels", list(self.levels), "rising levels from 0", "Include the clean data, level 0.")
        if not np.isfinite(values).all():
            raise InputError("values", list(self.values), "finite numbers", "Choose a metric that is defined here.")

    @property
    def oriented(self) -> np.ndarray:
        """(k + 1,) values with higher better: negated where lower is better."""
        return np.asarray(self.values, dtype=float) * (1.0 if self.higher_is_better else -1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON: one point a level."""
        ends = [{}] * len(self.levels) if self.intervals is None else [i.to_dict() for i in self.intervals]
        points = [{"level": s, **end, "value": v} for s, v, end in zip(self.levels, self.values, ends, strict=True)]
        return {"model": self.model, "metric": self.metric, "higher_is_better": self.higher_is_better,
                "noise": self.noise, "points": points}  # fmt: skip


def performance_curve(
    predicted: Mapping[float, Predicted], metric: str, *, level: float = 0.95, noise: str | None = None
) -> PerformanceCurve:
    """Return the curve of one model's predictions under rising noise, with intervals over units.

    Args:
        predicted: noise level -> predictions of the same rows; 0 must be there.
        metric: a metric of `METRICS` that fits the task.
        level: of the intervals.
        noise: what was corrupted and how, for the record.

    Raises:
        InputError: for fewer than two levels, no level 0, other rows or another model at some level, or a metric that
            is undefined there.

    Example:
        >>> def p(guess):
        ...     return Predicted("m", "regression", (), np.zeros(2), np.array([guess]), np.zeros((1, 2, 1)),
        ...                      np.array(["a", "b"]), np.arange(2), "sample", (0,))
        >>> performance_curve({0.0: p([0.0, 1.0]), 0.5: p([1.0, 2.0])}, "mae").values
        (0.5, 1.5)
    """
    if not predicted:
        raise InputError("predicted", "no level", "two or more noise levels from 0", "Predict the clean rows too.")
    levels = sorted(predicted)
    first = predicted[levels[0]]
    for one in levels[1:]:
        other = predicted[one]
        if other.model != first.model or not np.array_equal(other.sample_ids, first.sample_ids):
            raise InputError("predicted", f"other rows or another model at level {one:g}", "one model, the same rows",
                             "Corrupt the same test rows at every level.")  # fmt: skip
    intervals = tuple(metric_interval(predicted[one], metric, level=level) for one in levels)
    values = tuple(float("nan") if i.value is None else i.value for i in intervals)
    chosen = find_metric(metric, first.task)
    return PerformanceCurve(first.model, metric, chosen.higher_is_better, tuple(map(float, levels)), values, intervals,
                            noise)  # fmt: skip


def relative_robustness(curve: PerformanceCurve) -> float:
    """Return the area under the oriented curve (trapezoid); higher is better, also for errors (then negative).

    Example:
        >>> relative_robustness(PerformanceCurve("perfect", "accuracy", True, (0.0, 0.25, 0.75), (1.0, 1.0, 1.0)))
        0.75
    """
    return float(np.trapezoid(curve.oriented, curve.levels))


def effective_robustness(curve: PerformanceCurve, late_fusion: PerformanceCurve, *, weighting: str = "sum") -> float:
    """Return the summed gain over late fusion's curve shifted to the same clean score; higher is better.

    Args:
        curve: of the model.
        late_fusion: of late fusion, at the same levels, metric and noise.
        weighting: `sum` over equally spaced levels, as published, or `area` (trapezoid) for any spacing.

    Raises:
        InputError: for curves of other levels, metrics, directions or noise, or `sum` at unequal spacing.

    Example:
        >>> late = PerformanceCurve("late_fusion", "accuracy", True, (0.0, 0.5, 1.0), (0.8, 0.6, 0.5))
        >>> flat = PerformanceCurve("majority", "accuracy", True, (0.0, 0.5, 1.0), (0.4, 0.4, 0.4))
        >>> round(effective_robustness(flat, late), 12)
        0.5
    """
    if weighting not in WEIGHTINGS:
        raise unknown_name("weighting", weighting, WEIGHTINGS)
    for what in ("levels", "metric", "higher_is_better", "noise"):
        mine, theirs = getattr(curve, what), getattr(late_fusion, what)
        if mine != theirs:
            raise InputError(f"late_fusion.{what}", theirs, mine, "Score both models under the same noise.")
    own, late = curve.oriented, late_fusion.oriented
    gain = own - (late + (own[0] - late[0]))
    if weighting == "area":
        return float(np.trapezoid(gain, curve.levels))
    if not equally_spaced(curve.levels):
        raise InputError("levels", list(curve.levels), "equal spacing for weighting='sum'", "Use weighting='area'.")
    return float(gain.sum())


def equally_spaced(levels: Sequence[float]) -> bool:
    """Return whether all steps between levels are the same to rounding.

    Example:
        >>> equally_spaced((0.0, 0.1, 0.2, 0.3)), equally_spaced((0.0, 0.1, 0.5))
        (True, False)
    """
    steps = np.diff(levels)
    return bool(np.allclose(steps, steps[0], rtol=1e-9, atol=1e-12))


def scaled(value: float, reference: Mapping[str, float]) -> float:
    """Return `value` in units of a reference table, (value - lowest) / (highest - lowest); outside it leaves [0, 1].

    Args:
        value: a robustness value, higher is better.
        reference: model -> its value, at least two distinct ones.

    Raises:
        InputError: where the table holds fewer than two distinct values, or one that is no finite number.

    Example:
        >>> scaled(0.6, {"late_fusion": 0.5, "mult": 0.7})
        0.5
    """
    table = np.array(list(reference.values()), dtype=float)
    if not np.isfinite(table).all() or not np.isfinite(value):
        raise InputError("reference", dict(reference), "finite numbers", "Leave out models without a value.")
    if len(np.unique(table)) < 2:
        raise InputError("reference", dict(reference), "two distinct values or more",
                         "One value has no scale: report the unscaled robustness, or add models.")  # fmt: skip
    return float((value - table.min()) / (table.max() - table.min()))


@dataclass(frozen=True)
class Robustness:
    """A model's robustness under one noise; higher is better everywhere.

    Attributes:
        model, metric, noise: as of its curve.
        clean: the metric at level 0, in its own direction.
        relative: area under the oriented curve.
        relative_mean: the same divided by the range of levels, a mean score.
        effective: summed gain over shifted late fusion; None where levels are unequally spaced.
        effective_area: the trapezoid of that gain.
    """

    model: str
    metric: str
    noise: str | None
    clean: float
    relative: float
    relative_mean: float
    effective: float | None
    effective_area: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


def robustness(curve: PerformanceCurve, late_fusion: PerformanceCurve) -> Robustness:
    """Return both robustness values of a model beside late fusion's curve.

    Raises:
        InputError: as `effective_robustness`.

    Example:
        >>> late = PerformanceCurve("late_fusion", "accuracy", True, (0.0, 0.5, 1.0), (0.8, 0.6, 0.5))
        >>> r = robustness(late, late)
        >>> r.effective, round(r.relative, 3)
        (0.0, 0.625)
    """
    area = relative_robustness(curve)
    summed = effective_robustness(curve, late_fusion) if equally_spaced(curve.levels) else None
    return Robustness(
        curve.model, curve.metric, curve.noise, curve.values[0], area, area / (curve.levels[-1] - curve.levels[0]),
        summed, effective_robustness(curve, late_fusion, weighting="area"),
    )  # fmt: skip
