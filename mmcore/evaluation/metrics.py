"""Scores of predictions, written as functions of sums over rows so that leaving a group out costs a subtraction.

    value = f(sum_i t_i),    t_i = statistics of row i

Accuracy, F1, mean errors and the correlation have this form; the areas under the ROC curve and under precision against
recall (`auprc`, average precision: no interpolation) have not and are recomputed. Definitions follow scikit-learn
(`accuracy_score`, `balanced_accuracy_score`, `f1_score`, `roc_auc_score`, `average_precision_score`), except that
averages over classes take the classes that occur (in truth, or for F1 in truth or prediction): a class that a
resample happens to miss is left out instead of counted as zero. Of two classes `auprc` is that of the second one.

Metrics with a tag are for labels of one field and come only where the tag is asked for: `affect` (`.affect`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation import affect
from mmcore.evaluation.predictions import Predicted

Rows = Callable[[Predicted], np.ndarray]  # -> (S, n, d) statistics of each seed and row
Value = Callable[[np.ndarray], np.ndarray]  # (..., d) sums -> (...) values


@dataclass(frozen=True)
class Metric:
    """A score: `function(rows(predicted).sum(rows))`, or `whole(predicted)` where it is no function of sums.

    Attributes:
        name: in parameters and results.
        function: value from sums of the row statistics.
        rows: row statistics.
        whole: (S,) values from all rows at once, for metrics without row statistics.
        higher_is_better: direction.
        tasks: label tasks that it applies to.
        fraction: whether it lies in [0, 1].
        mean: whether it is a plain mean over rows.
        tags: the fields it belongs to; empty for a metric of every field.
    """

    name: str
    function: Value | None
    rows: Rows | None
    whole: Callable[[Predicted], np.ndarray] | None
    higher_is_better: bool
    tasks: tuple[str, ...]
    fraction: bool
    mean: bool
    tags: tuple[str, ...] = ()


def _with_count(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones_like(values)], axis=-1)


def _hits(predicted: Predicted) -> np.ndarray:
    right = predicted.prediction == predicted.truth[None]
    return _with_count((right.all(axis=-1) if right.ndim == 3 else right).astype(float))


def _class_counts(predicted: Predicted) -> np.ndarray:
    """(S, n, 3C): true positives, truths and predictions of each class."""
    truth, prediction = predicted.truth, predicted.prediction
    if predicted.task == "classification":
        eye = np.eye(len(predicted.classes))
        truth, prediction = eye[truth], eye[prediction]
    truths = np.broadcast_to(truth.astype(float), prediction.shape)
    return np.concatenate([truths * prediction, truths, prediction.astype(float)], axis=-1)


def _absolute_errors(predicted: Predicted) -> np.ndarray:
    return _with_count(np.abs(predicted.prediction - predicted.truth))


def _squared_errors(predicted: Predicted) -> np.ndarray:
    return _with_count((predicted.prediction - predicted.truth) ** 2)


def _moments(predicted: Predicted) -> np.ndarray:
    # centred first: the correlation does not change and the sums of squares keep their digits
    truth = np.broadcast_to(predicted.truth - predicted.truth.mean(), predicted.prediction.shape)
    guess = predicted.prediction - predicted.prediction.mean(axis=1, keepdims=True)
    return np.stack([truth, guess, truth**2, guess**2, truth * guess, np.ones_like(guess)], axis=-1)


def _mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where nothing is below."""
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _share(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., 0], sums[..., 1])


def _mean_where_defined(values: np.ndarray) -> np.ndarray:
    defined = np.isfinite(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(float))


def _recall(sums: np.ndarray) -> np.ndarray:
    hits, truths, _ = np.split(sums, 3, axis=-1)
    return _mean_where_defined(_ratio(hits, truths))


def _f1_micro(sums: np.ndarray) -> np.ndarray:
    hits, truths, guesses = (part.sum(axis=-1) for part in np.split(sums, 3, axis=-1))
    return _ratio(2.0 * hits, truths + guesses)


def _f1_macro(sums: np.ndarray) -> np.ndarray:
    hits, truths, guesses = np.split(sums, 3, axis=-1)
    return _mean_where_defined(_ratio(2.0 * hits, truths + guesses))


def _f1_weighted(sums: np.ndarray) -> np.ndarray:
    hits, truths, guesses = np.split(sums, 3, axis=-1)
    # a class without truths has weight zero, so its undefined F1 may stand as zero
    each = np.nan_to_num(_ratio(2.0 * hits, truths + guesses), nan=0.0)
    return _ratio((each * truths).sum(axis=-1), truths.sum(axis=-1))


def _correlation(sums: np.ndarray) -> np.ndarray:
    x, y, xx, yy, xy, n = np.moveaxis(sums, -1, 0)
    below = np.sqrt(np.maximum(xx - x * x / n, 0.0) * np.maximum(yy - y * y / n, 0.0))
    return _ratio(xy - x * y / n, below)


def _areas_under_curve(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mann-Whitney probability that a positive scores above a negative, ties counted half; NaN without both.

    positive: (n, C) bool; scores: (S, n, C); returns (S, C).
    """
    from scipy.stats import rankdata  # half a second to import, in every stage that only checks metric names

    n_positive = positive.sum(axis=0)
    n_negative = len(positive) - n_positive
    ranks = np.where(positive, rankdata(scores, axis=1), 0.0).sum(axis=1) - n_positive * (n_positive + 1) / 2
    pairs = n_positive * n_negative
    return np.asarray(np.where(pairs > 0, ranks / np.maximum(pairs, 1), np.nan))


def _auroc(predicted: Predicted) -> np.ndarray:
    """(S,) macro average of one class against the rest; for two classes the two areas are equal, so one is computed."""
    truth, scores = predicted.truth, predicted.scores
    if predicted.task == "classification":
        truth = truth[:, None] == np.arange(len(predicted.classes))
        if len(predicted.classes) == 2:
            truth, scores = truth[:, 1:], scores[:, :, 1:]
    return _mean_where_defined(_areas_under_curve(truth, scores))


def _average_precision(positive: np.ndarray, scores: np.ndarray) -> float:
    """Sum of precision times gain of recall from the highest score down, tied rows together; NaN without a positive."""
    n_positive = positive.sum()
    if not n_positive:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return float((hits[last] / (last + 1) * np.diff(hits[last], prepend=0)).sum() / n_positive)


def _auprc(predicted: Predicted) -> np.ndarray:
    """(S,) average precision: macro over classes or labels; for two classes that of the second one."""
    truth, scores = predicted.truth, predicted.scores
    if predicted.task == "classification":
        truth = truth[:, None] == np.arange(len(predicted.classes))
        if len(predicted.classes) == 2:
            truth, scores = truth[:, 1:], scores[:, :, 1:]
    columns = range(truth.shape[1])
    return _mean_where_defined(np.array([[_average_precision(truth[:, c], s[:, c]) for c in columns] for s in scores]))


_LABELS = ("classification", "multilabel")
_NUMBERS = ("regression",)
_AFFECT = ("affect",)
METRICS = (
    Metric("accuracy", _mean, _hits, None, True, _LABELS, True, True),
    Metric("balanced_accuracy", _recall, _class_counts, None, True, ("classification",), True, False),
    Metric("f1_micro", _f1_micro, _class_counts, None, True, _LABELS, True, False),
    Metric("f1_macro", _f1_macro, _class_counts, None, True, _LABELS, True, False),
    Metric("f1_weighted", _f1_weighted, _class_counts, None, True, _LABELS, True, False),
    Metric("auroc", None, None, _auroc, True, _LABELS, True, False),
    Metric("auprc", None, None, _auprc, True, _LABELS, True, False),
    Metric("mae", _mean, _absolute_errors, None, False, _NUMBERS, False, True),
    Metric("mse", _mean, _squared_errors, None, False, _NUMBERS, False, True),
    Metric("pearson", _correlation, _moments, None, True, _NUMBERS, False, False),
    Metric("acc7", _mean, affect.hits_of_seven, None, True, _NUMBERS, True, True, _AFFECT),
    Metric("acc5", _mean, affect.hits_of_five, None, True, _NUMBERS, True, True, _AFFECT),
    Metric("acc2", _share, affect.hits_of_two, None, True, _NUMBERS, True, False, _AFFECT),
    Metric("f1_nonzero", _f1_weighted, affect.sign_counts, None, True, _NUMBERS, True, False, _AFFECT),
)
TAGS = ("affect",)
DEFAULT_METRIC = {"classification": "accuracy", "multilabel": "f1_micro", "regression": "mae"}


def find_metric(name: str, task: str | None = None) -> Metric:
    """Return the metric called `name`, checked against the task where one is given.

    Raises:
        InputError: for an unknown name, or one that does not apply to `task`.

    Example:
        >>> find_metric("mae").higher_is_better
        False
    """
    for metric in METRICS:
        if metric.name == name:
            if task is not None and task not in metric.tasks:
                fitting = [other.name for other in METRICS if task in other.tasks]
                raise InputError("metric", f"{name} for {task}", ", ".join(fitting), "Choose a metric of this task.")
            return metric
    raise unknown_name("metric", name, [metric.name for metric in METRICS])


def metrics_for(task: str, tags: Sequence[str] = ()) -> tuple[Metric, ...]:
    """Return the metrics of a task: those of every field, and those of the fields in `tags`.

    Raises:
        InputError: for an unknown tag.

    Example:
        >>> [m.name for m in metrics_for("regression")], len(metrics_for("regression", ["affect"]))
        (['mae', 'mse', 'pearson'], 7)
    """
    for tag in tags:
        if tag not in TAGS:
            raise unknown_name("tags", tag, TAGS)
    return tuple(m for m in METRICS if task in m.tasks and (not m.tags or set(m.tags) & set(tags)))


def score(predicted: Predicted, name: str) -> np.ndarray:
    """Return the (S,) values of metric `name`, one a seed; NaN where it is undefined.

    `accuracy` of a multilabel task is the share of rows whose whole label set is right. `auroc` over folds pools the
    probabilities of the folds' models, as they are.

    Raises:
        InputError: for an unknown metric or one of another task.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([1.0, 2.0]), np.array([[1.0, 4.0]]), np.zeros((1, 2, 1)),
        ...               np.array(["a", "b"]), np.arange(2), "sample", (0,))
        >>> score(p, "mae").tolist()
        [1.0]
    """
    metric = find_metric(name, predicted.task)
    if metric.whole is not None:
        return metric.whole(predicted)
    rows, function = statistics(metric)
    return function(rows(predicted).sum(axis=1))


def statistics(metric: Metric) -> tuple[Rows, Value]:
    """Return a metric's row statistics and the function of their sums; InputError where it has none.

    Example:
        >>> statistics(find_metric("accuracy"))[1](np.array([3.0, 4.0])).item()
        0.75
    """
    if metric.rows is None or metric.function is None:
        with_rows = ", ".join(other.name for other in METRICS if other.rows is not None)
        raise InputError("metric", metric.name, with_rows, "This metric is no function of sums over rows.")
    return metric.rows, metric.function


def unit_sums(predicted: Predicted, metric: Metric) -> np.ndarray:
    """Return (S, n_units, d): the row statistics summed within each resampling unit.

    Example:
        >>> p = Predicted("m", "regression", (), np.zeros(3), np.ones((1, 3)), np.zeros((1, 3, 1)),
        ...               np.array(["a", "b", "c"]), np.array([0, 0, 1]), "group", (0,))
        >>> unit_sums(p, find_metric("mae"))[0].tolist()
        [[2.0, 2.0], [1.0, 1.0]]
    """
    rows, _ = statistics(metric)
    order = np.argsort(predicted.units, kind="stable")
    starts = np.searchsorted(predicted.units[order], np.arange(predicted.n_units))
    return np.asarray(np.add.reduceat(rows(predicted)[:, order], starts, axis=1))
