"""Invented results of the stage learn: models, subsets, noise, temperature, prediction sets and slices, from formulas.

They obey what holds for real ones (intervals hold their estimate, curves start at the clean score, sets cover about
what was asked for), but no data stand behind them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def recommended(modalities: Sequence[str], verdict: str) -> str:
    """Return the model that a verdict names.

    Example:
        >>> recommended(("text", "audio"), "one_modality")
        'unimodal:text'
    """
    return {"fusion": "early_fusion", "late_fusion": "late_fusion"}.get(verdict, f"unimodal:{modalities[0]}")


def scores(value: float, width: float = 0.03) -> dict[str, float]:
    """Return a score with its interval."""
    return {"value": value, "low": value - width, "high": value + width}


def invented_evaluation(
    modalities: Sequence[str], classes: Sequence[str], verdict: str, n: int, *, grouped: bool, more_models: int = 0,
    slices: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return the content of `evaluation.json`.

    Example:
        >>> found = invented_evaluation(("text", "audio"), ("a", "b"), "fusion", 100, grouped=False)
        >>> [entry["model"] for entry in found["models"]][:2], found["robustness"]["status"]
        (['late_fusion', 'early_fusion'], 'measured')
    """
    late, gain = 0.78, {"fusion": 0.04, "late_fusion": 0.005, "one_modality": 0.001}[verdict]
    single = 0.75 if verdict != "one_modality" else 0.779
    value = {"late_fusion": late, "early_fusion": late + gain}
    value |= {f"unimodal:{m}": single - 0.05 * i for i, m in enumerate(modalities)}
    value |= {f"fusion_number_{k}": late + gain - 0.003 * ((7 * k) % 31) for k in range(1, more_models + 1)}
    best, majority = recommended(modalities, verdict), 1.2 / len(classes)
    return {
        "metric": "accuracy", "higher_is_better": True, "majority_rate": majority,
        "protocol": {"kind": "folds" if grouped else "split", "n_folds": 5, "seeds": [0, 1, 2], "n_rows": n,
                     "n_groups": 10 if grouped else None, "interval": "leave one group out"},
        "models": _models(value, modalities, best), "subsets": _subsets(modalities, late, single),
        "calibration": _calibration(best, 0.04), "temperature": _temperature(best),
        "conformal": _conformal(modalities, best, n),
        "robustness": _robustness(modalities, value, best, majority),
        "slices": _slices(value[best]) if slices else [],
    }  # fmt: skip


def _models(value: dict[str, float], modalities: Sequence[str], best: str) -> list[dict[str, Any]]:
    single, late = value[f"unimodal:{modalities[0]}"], value["late_fusion"]
    found = []
    for k, (key, score) in enumerate(value.items()):
        names = [key.partition(":")[2]] if ":" in key else list(modalities)
        more = key.startswith("fusion_number")
        found.append({
            "model": key, "modalities": names, "recommended": key == best,
            "n_parameters": round(6_000 * 1.2 ** (k % 20)) if more else 5_000 + 997 * k,
            "flops": round(24_000 * 1.31 ** (k % 23)) if more else (9_000 if ":" in key else 21_000) + 1_500 * k,
            "metrics": {"accuracy": scores(score), "f1_macro": scores(score - 0.01)},
            "difference": None if key == "late_fusion" else _difference("late_fusion", score - late),
            "difference_unimodal": None if score == single and ":" in key
            else _difference(f"unimodal:{modalities[0]}", score - single),
        })  # fmt: skip
    return found


def _difference(to: str, value: float) -> dict[str, Any]:
    """A paired difference; its p falls with its distance from zero, and Holm multiplies it by a handful of models."""
    p = 0.002 if abs(value) > 0.02 else 0.3
    return {"to": to, **scores(value, 0.02), "p": p, "test": "sign flip, 9999 draws", "p_adjusted": min(1.0, 4 * p)}


def _calibration(best: str, error: float) -> dict[str, Any]:
    bins = [{"confidence": c, "accuracy": c - error, "low": c - error - 0.04, "high": c - error + 0.04,
             "n": round(240 * c)} for c in (0.45, 0.55, 0.65, 0.75, 0.85, 0.95)]  # fmt: skip
    return {"model": best, "ece": error, "brier": 0.24 + error / 4, "log_loss": 0.5 + error / 2, "bins": bins}


def _temperature(best: str) -> dict[str, Any]:
    fits = [{"value": t, "loss_before": 0.52, "loss_after": 0.5, "n_rows": 360, "n_raised": 0} for t in (1.1, 1.2, 1.3)]
    return {"temperatures": fits, "before": _calibration(best, 0.04), "after": _calibration(best, 0.01)}


def _conformal(modalities: Sequence[str], best: str, n: int) -> dict[str, Any]:
    def entry(pattern: str, rows: int, reached: float, size: float, calibrated: int | None) -> dict[str, Any]:
        return {"pattern": pattern, "n_rows": rows, "coverage": scores(reached, 0.02), "size": size,
                "n_calibration": calibrated, "threshold": 0.8, "reason": None}  # fmt: skip

    few = {"pattern": modalities[0], "n_rows": 3, "coverage": {"value": 1.0, "low": None, "high": None}, "size": 4.0,
           "n_calibration": 2, "threshold": None,
           "reason": f"2 calibration rows of pattern {modalities[0]}, 9 needed for alpha 0.1"}  # fmt: skip
    table = [entry("all rows", n, 0.907, 1.42, None), entry("+".join(modalities), n - 3, 0.906, 1.41, n // 2), few]
    return {"status": "measured", "model": best, "method": "lac", "alpha": 0.1, "calibration": "rows", "grouped": True,
            "table": table}  # fmt: skip


def _robustness(modalities: Sequence[str], value: dict[str, float], best: str, majority: float) -> dict[str, Any]:
    models = list(dict.fromkeys((best, "late_fusion", f"unimodal:{modalities[0]}")))
    curves = []
    for i, noise in enumerate((*modalities, "all")):
        for model in models:
            if ":" in model and noise not in ("all", model.partition(":")[2]):
                continue
            steep = {"late_fusion": 0.5, best: 1.0}.get(model, 0.8) * (1.0 if noise == "all" else 0.8 / (i + 1))
            points = []
            for at in LEVELS:
                here = majority + (value[model] - majority) * (1 - steep * at**1.5)
                points.append({"level": at, **scores(here, 0.02)})
            relative = sum((a["value"] + b["value"]) / 8 for a, b in itertools.pairwise(points))
            curves.append({"noise": noise, "model": model, "points": points, "clean": value[model],
                           "relative": relative, "relative_mean": relative,
                           "effective": 0.0 if model == "late_fusion" else -steep / 5,
                           "effective_area": 0.0 if model == "late_fusion" else -steep / 20})  # fmt: skip
    return {"status": "measured", "levels": list(LEVELS), "curves": curves,
            "corruptions": {m: ["gaussian", "drop_entries"] for m in modalities}}  # fmt: skip


def _slices(score: float) -> list[dict[str, Any]]:
    """Scores at three sites: one differs from the rest, one does not, one is too small to tell."""
    found = []
    for value, rows, shift, p in (("north", 900, -0.08, 0.001), ("south", 1400, 0.01, 0.6), ("west", 4, 0.2, None)):
        known = p is not None
        found.append({
            "column": "site", "value": value, "n_rows": rows, "n_units": rows, "score": scores(score + shift / 2),
            "difference": shift if known else None, "low": shift - 0.03 if known else None,
            "high": shift + 0.03 if known else None, "p": p, "p_adjusted": None if p is None else min(1.0, 2 * p),
            "differs": None if p is None else p < 0.02,
            "reason": None if known else "4 samples, 10 are needed to compare",
        })  # fmt: skip
    return found


def _subsets(modalities: Sequence[str], late: float, single: float) -> list[dict[str, Any]]:
    found = []
    for size in range(len(modalities), 0, -1):
        for present in itertools.combinations(modalities, size):
            gone = sum(0.03 + 0.01 * i for i, m in enumerate(modalities) if m not in present)
            own = late if size == len(modalities) else single - 0.05 * modalities.index(present[0])
            known = size in (1, len(modalities))
            found.append({"present": list(present), "absent_at_test": scores(max(late - gone, 0.2)),
                          "trained_on": scores(own) if known else None,
                          "trained_model": ("late_fusion" if size > 1 else f"unimodal:{present[0]}") if known else None,
                          })  # fmt: skip
    return found
