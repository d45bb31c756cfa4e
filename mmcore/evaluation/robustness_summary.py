"""The `robustness` of `evaluation.json`: curves of models under noise on each modality in turn, and on all at once.

    curve(level) = metric on test rows whose modality was corrupted at that level,   level 0 = the rows as they are

Definitions of the scores are those of `mmcore.evaluation.robustness`; the noise is that of `mmcore.data.corruption`.
Every model meets the same corrupted rows, so that two curves differ by their models alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.predictions import read_predictions
from mmcore.evaluation.robustness import PerformanceCurve, performance_curve, robustness
from mmcore.evaluation.verdict import LATE_FUSION


def robustness_summary(
    clean: pd.DataFrame, noisy: pd.DataFrame, *, metric: str, task: str, classes: Sequence[str], level: float,
    corruptions: Mapping[str, Sequence[str]],
) -> dict[str, Any]:  # fmt: skip
    """Return the `robustness` of `evaluation.json`.

    Args:
        clean: predictions table of the test rows as they are, with the seeds of `noisy`.
        noisy: predictions tables of corrupted test rows with columns `noise` (modality or "all") and `noise_level`.
        metric, task, classes, level: as in `performance_curve` and `read_predictions`.
        corruptions: modality -> names of the corruptions that were applied.

    Returns:
        `{status: "measured", levels, corruptions, curves: [{noise, model, points: [{level, value, low, high}], clean,
        relative, relative_mean, effective, effective_area}]}`; effective values are null without late fusion.

    Raises:
        InputError: for a noisy model without clean predictions.

    Example:
        >>> f = pd.DataFrame({"model": "late_fusion", "seed": 0, "fold": 0, "part": "test", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "y"],
        ...                   "p_0": [0.9, 0.4], "p_1": [0.1, 0.6]})
        >>> noisy = f.assign(noise="a", noise_level=1.0, prediction=["x", "x"])
        >>> found = robustness_summary(f, noisy, metric="accuracy", task="classification", classes=["x", "y"],
        ...                            level=0.95, corruptions={"a": ["gaussian"]})
        >>> [point["value"] for point in found["curves"][0]["points"]], found["curves"][0]["relative"]
        ([1.0, 0.5], 0.75)
    """
    curves: dict[tuple[str, str], PerformanceCurve] = {}
    for (noise, model), frame in noisy.groupby(["noise", "model"], sort=False):
        own = clean[clean["model"] == model]
        if own.empty:
            raise InputError("clean", f"no rows of {model}", "every model of the noisy rows", "Predict them too.")
        parts = {0.0: own} | {float(at): part for at, part in frame.groupby("noise_level")}
        predicted = {
            at: read_predictions(part, str(model), task=task, classes=classes, part="test")
            for at, part in parts.items()
        }
        curves[str(noise), str(model)] = performance_curve(predicted, metric, level=level, noise=str(noise))
    return {
        "status": "measured",
        "levels": sorted({at for curve in curves.values() for at in curve.levels}),
        "corruptions": {name: list(found) for name, found in corruptions.items()},
        "curves": [_entry(noise, curve, curves.get((noise, LATE_FUSION))) for (noise, _), curve in curves.items()],
    }


def _entry(noise: str, curve: PerformanceCurve, late: PerformanceCurve | None) -> dict[str, Any]:
    found = robustness(curve, late if late is not None else curve).to_dict()
    if late is None:
        found |= {"effective": None, "effective_area": None}
    points = [
        {"level": at, "value": interval.value, "low": interval.low, "high": interval.high}
        for at, interval in zip(curve.levels, curve.intervals or ())
    ]
    scores = ("clean", "relative", "relative_mean", "effective", "effective_area")
    return {"noise": noise, "model": curve.model, "points": points, **{name: found[name] for name in scores}}
