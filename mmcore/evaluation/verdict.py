"""Which kind of model the validation rows call for: one modality, late fusion, or fusion that learns interactions.

    fusion         the best fusion beats late fusion and the best unimodal model
    late_fusion    else, late fusion or the best multimodal model beats the best unimodal one
    one_modality   else

"Beats" means: the paired interval of the difference lies beyond `min_gain`. Having to beat both rivals needs no
correction (an intersection-union test, Berger 1982); choosing the best of k fusions does, and their intervals are
widened to level 1 - (1 - level) / k (Bonferroni). The unimodal rival is the best on the same rows, which favours it:
errors fall on the side of the simpler model. p-values are given beside, adjusted by Holm, and decide nothing.

A gain that few rows do not show is not thereby absent. So the simpler verdicts come with the largest gain that their
intervals leave open, and where no model is certainly better than always answering the most frequent class (of the same
rows, which favours that answer; level 1 - (1 - level) / models), it is said that nothing was learnt.

Validation rows only; rows of part "test" in the table are an error, since test rows are read once, afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.interval import check_level, metric_interval
from mmcore.evaluation.metrics import Metric, find_metric, score
from mmcore.evaluation.paired import Comparison, compare, holm
from mmcore.evaluation.predictions import Predicted, read_predictions

LATE_FUSION = "late_fusion"
UNIMODAL = "unimodal:"


def decide(
    predictions_valid: pd.DataFrame, *, candidates: Sequence[str] | None = None, level: float = 0.95,
    metric: str = "accuracy", selection: Mapping[str, Any] | None = None, min_gain: float = 0.0,
    task: str = "classification", classes: Sequence[str] | None = None, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return the content of `verdict.json`.

    Args:
        predictions_valid: the predictions table, rows of part "valid" only.
        candidates: model names that take part; all in the table when None. `unimodal:<modality>` are the simple
            rivals, `late_fusion` the middle one, every other name is a fusion.
        level: of the paired intervals, before the correction for several fusions.
        metric: decides; a metric of `METRICS` that fits the task.
        selection: content of `selection.json`; its proposal is quoted in the reasons and changes nothing.
        min_gain: a gain counts when its whole interval is above this, in the metric's unit.
        task, classes: of the label; for classification, classes default to the names in the table
            (not for auroc and auprc, which need the order of the `p_` columns).
        seed: of the drawn sign vectors.

    Raises:
        InputError: for test rows, an unknown candidate or metric, no unimodal model, fusions without late fusion, a
            negative gain, or models that predicted different rows.

    Example:
        >>> f = pd.DataFrame({"model": "unimodal:a", "seed": 0, "fold": 0, "part": "valid", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "y"],
        ...                   "p_0": [1.0, 0.0], "p_1": [0.0, 1.0]})
        >>> decide(f)["verdict"]
        'one_modality'
    """
    names = _candidates(predictions_valid, candidates)
    if min_gain < 0.0 or not np.isfinite(min_gain):
        raise InputError("min_gain", min_gain, "a number from 0", "Use 0.0 to count every certain gain.")
    chosen, labels = find_metric(metric, task), _classes(predictions_valid, task, classes, metric)
    models = {
        name: read_predictions(predictions_valid, name, task=task, classes=labels, part="valid") for name in names
    }
    values = {name: float(score(predicted, metric).mean()) for name, predicted in models.items()}
    unimodal = _best([name for name in names if name.startswith(UNIMODAL)], values, chosen)
    fusions = [name for name in names if not name.startswith(UNIMODAL) and name != LATE_FUSION]
    contest = _Contest(models, chosen, check_level(level), max(1, len(fusions)), min_gain, seed)
    comparisons, verdict, shown = _judge(contest, unimodal, fusions, values)
    best_fusion = _best(fusions, values, chosen) if fusions else ""
    recommended = {"fusion": best_fusion, "late_fusion": LATE_FUSION, "one_modality": unimodal}[verdict]
    first = models[unimodal]
    left_open = _largest_open(contest, recommended)
    beyond_constant = _beats_constant(contest, _best(names, values, chosen), len(names))
    reasons = [_scores_sentence(metric, values, names, first), *shown]
    reasons += _doubts(left_open, recommended, beyond_constant)
    if selection is not None:
        reasons.append(_selection_sentence(selection, verdict))
    adjusted = holm([c.p if c.p is not None else 1.0 for c in comparisons])
    return {
        "verdict": verdict, "recommended": recommended, "best_unimodal": unimodal, "decided_on": "validation",
        "unit": first.unit, "n_units": first.n_units, "level": level, "metric": metric, "min_gain": min_gain,
        "gain_left_open": left_open, "beats_constant": beyond_constant,
        "scores": [
            {"model": name, **metric_interval(models[name], metric, level=level, seed=seed).to_dict()} for name in names
        ],
        "comparisons": [
            {**c.to_dict(), "p_adjusted": p if c.p is not None else None} for c, p in zip(comparisons, adjusted)
        ],
        "reasons": reasons,
    }  # fmt: skip


def _doubts(left_open: float | None, recommended: str, beyond_constant: bool | None) -> list[str]:
    """Return what the rows leave open, and that nothing was learnt where nothing was."""
    said = []
    if left_open is not None:
        said.append(f"These rows leave open a gain of up to {left_open:.4g} over {recommended}.")
    if beyond_constant is False:
        said.append("No model is certainly better than always answering the most frequent class: nothing was learnt "
                    "that could tell how many modalities are needed.")  # fmt: skip
    return said


class _Contest:
    """Paired comparisons under one metric, each computed once and remembered in order."""

    def __init__(
        self, models: dict[str, Predicted], metric: Metric, level: float, n_fusions: int, min_gain: float, seed: int
    ) -> None:
        self.models, self.metric, self.min_gain, self.seed = models, metric, min_gain, seed
        self.level, self.fusion_level = level, 1.0 - (1.0 - level) / n_fusions
        self.done: list[Comparison] = []

    def run(self, model: str, against: str, *, widened: bool) -> Comparison:
        """Return the comparison of two models; `widened` for the correction of several fusions."""
        for old in self.done:
            if (old.model, old.against) == (model, against):
                return old
        level = self.fusion_level if widened else self.level
        new = compare(
            self.models[model], self.models[against], metric=self.metric.name, level=level, seed=self.seed
        )  # fmt: skip
        self.done.append(new)
        return new

    def won(self, comparison: Comparison) -> bool:
        """Return whether the whole interval of the gain is above `min_gain`."""
        if comparison.low is None or comparison.high is None:
            return False
        gained = comparison.low if self.metric.higher_is_better else -comparison.high
        return gained > self.min_gain


def _judge(
    contest: _Contest, unimodal: str, fusions: list[str], values: dict[str, float]
) -> tuple[list[Comparison], str, list[str]]:
    """The comparisons made, the verdict, and the sentences that lead to it."""
    if LATE_FUSION not in contest.models:
        return [], "one_modality", ["Only one modality was modelled, so there is nothing to compare it with."]
    late = contest.run(LATE_FUSION, unimodal, widened=False)
    shown = [_comparison_sentence(late, contest)]
    if not fusions:
        return contest.done, "late_fusion" if contest.won(late) else "one_modality", shown
    for name in fusions:
        contest.run(name, LATE_FUSION, widened=True)
        contest.run(name, unimodal, widened=True)
    best = _best(fusions, values, contest.metric)
    over_late = contest.run(best, LATE_FUSION, widened=True)
    over_one = contest.run(best, unimodal, widened=True)
    shown = [_comparison_sentence(over_late, contest), *shown, _comparison_sentence(over_one, contest)]
    if len(fusions) > 1:
        shown.append(f"{len(fusions)} fusions compete, so their intervals are at level {contest.fusion_level:.4g}.")
    if contest.won(over_late) and contest.won(over_one):
        return contest.done, "fusion", shown
    if contest.won(late) or contest.won(over_one):
        if not contest.won(late):
            shown.append(f"{best} beats one modality but not late fusion, so the simpler late fusion is recommended.")
        return contest.done, "late_fusion", shown
    return contest.done, "one_modality", shown


def _largest_open(contest: _Contest, recommended: str) -> float | None:
    """The largest gain over the recommended model that an interval holds; None where nothing was compared with it."""
    ends = [
        end
        for comparison in contest.done
        if comparison.against == recommended
        and (end := comparison.high if contest.metric.higher_is_better else comparison.low) is not None
    ]
    if not ends:
        return None
    return max(0.0, *ends) if contest.metric.higher_is_better else max(0.0, *(-end for end in ends))


def _beats_constant(contest: _Contest, best: str, n_models: int) -> bool | None:
    """Whether the best model is certainly better than one answer for all rows; None where the metric is another."""
    model = contest.models[best]
    if contest.metric.name != "accuracy" or model.task != "classification":
        return None
    code = int(np.bincount(model.truth, minlength=len(model.classes)).argmax())
    answers = np.full((1, len(model.truth)), code)
    scores = np.eye(len(model.classes))[answers]
    constant = Predicted("constant", model.task, model.classes, model.truth, answers, scores, model.sample_ids,
                         model.units, model.unit, (0,))  # fmt: skip
    level = 1.0 - (1.0 - contest.level) / n_models
    found = compare(model, constant, metric="accuracy", level=level, seed=contest.seed)
    return None if found.low is None else found.low > 0.0


def _candidates(frame: pd.DataFrame, candidates: Sequence[str] | None) -> list[str]:
    for column in ("model", "part"):
        if column not in frame.columns:
            raise InputError("predictions_valid", f"no column {column}", "the predictions table", "Pass that table.")
    if (frame["part"] != "valid").any():
        strangers = ", ".join(sorted(map(str, frame.loc[frame["part"] != "valid", "part"].unique())))
        raise InputError("predictions_valid", f"rows of part {strangers}", "rows of part valid only",
                         "Select part == 'valid': test rows are read once, after the verdict.")  # fmt: skip
    known = sorted(map(str, frame["model"].unique()))
    if not known:
        raise InputError("predictions_valid", "no rows", "held-out validation rows", "Declare a validation part.")
    names = list(dict.fromkeys(known if candidates is None else candidates))
    for name in names:
        if name not in known:
            raise unknown_name("candidates", name, known)
    if not any(name.startswith(UNIMODAL) for name in names):
        raise InputError("candidates", ", ".join(names), "at least one unimodal:<modality>",
                         "Train the unimodal baselines; a fusion is judged against the best of them.")  # fmt: skip
    if LATE_FUSION not in names and not all(name.startswith(UNIMODAL) for name in names):
        raise InputError("candidates", ", ".join(names), "late_fusion beside every other fusion",
                         "Train late fusion; it is the mandatory rival.")  # fmt: skip
    return names


def _classes(frame: pd.DataFrame, task: str, classes: Sequence[str] | None, metric: str) -> list[str]:
    if classes is not None or task == "regression":
        return list(classes or ())
    if task == "multilabel" or metric in ("auroc", "auprc"):
        raise InputError(
            "classes", "none", "the label names in the order of p_0, p_1, ...", "Pass the label's classes."
        )
    # every class has a probability column, so classes that no row shows keep a place at the end
    seen = sorted({str(name) for column in ("truth", "prediction") for name in frame[column].unique()})
    width = sum(str(column).startswith("p_") for column in frame.columns)
    return seen + [f"unseen {index}" for index in range(len(seen), width)]


def _best(names: list[str], values: dict[str, float], metric: Metric) -> str:
    sign = -1.0 if metric.higher_is_better else 1.0
    return min(names, key=lambda name: (sign * values[name], name))


def _scores_sentence(metric: str, values: dict[str, float], names: list[str], first: Predicted) -> str:
    listed = ", ".join(f"{name} {values[name]:.4g}" for name in names)
    return f"On {len(first.truth)} validation rows ({first.n_units} {first.unit}s) {metric} is: {listed}."


def _comparison_sentence(comparison: Comparison, contest: _Contest) -> str:
    start = f"{comparison.model} minus {comparison.against}: {comparison.difference:+.4g}"
    if comparison.low is None or comparison.high is None:
        return f"{start}, no interval from {comparison.n_units} {comparison.unit}s, so no gain is shown."
    limit = f"{contest.min_gain:g}" if contest.metric.higher_is_better else f"{-contest.min_gain:g}"
    side = "above" if contest.metric.higher_is_better else "below"
    state = "lies" if contest.won(comparison) else "does not lie"
    return f"{start} [{comparison.low:+.4g}, {comparison.high:+.4g}]; the interval {state} {side} {limit}."


def _selection_sentence(selection: Mapping[str, Any], verdict: str) -> str:
    proposed = selection.get("verdict")
    if proposed is None:
        return "The estimate proposed nothing before training."
    agreement = "agrees with" if proposed == verdict else "differs from"
    first = next((entry["model"] for entry in selection.get("candidates") or ()), None)
    named = f", first {first}" if first else ""
    return f"Before training the estimate proposed {proposed}{named}; that {agreement} what the models show."
