"""One number that cools or heats a classifier's probabilities, fitted on validation rows.

    p_T(y | x) = softmax(z(x) / T),    T = argmin mean -log p_T(y_i | x_i)

(Guo et al. 2017, ICML, section 4.2.) The loss is convex in 1 / T, hence has one minimum in log T; it is where the mean
logit of the true class equals its mean expectation under p_T, and that root is bracketed and found by Brent's method.
The decision (the largest logit) never changes, so accuracy stays; only confidence moves. Each seed is a model of its
own and has its own T.

No finite T exists where every validation row is right (T -> 0) or the logits are no better than chance on average
(T -> infinity or below): both are refused. A probability stored as 0 has no logarithm and enters as the smallest one a
float32 holds; their number is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from mmcore.errors import InputError
from mmcore.evaluation.calibration import SMALLEST_PROBABILITY, calibration
from mmcore.evaluation.predictions import Predicted


@dataclass(frozen=True)
class Temperature:
    """The fitted temperature with the mean loss (nats) on the rows it was fitted on, before and after.

    `n_raised` counts probabilities of zero, of any class, that entered as 1.2e-38.
    """

    value: float
    loss_before: float
    loss_after: float
    n_rows: int
    n_raised: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> Temperature:
    """Return the temperature of (n, C) logits for (n,) class codes.

    Raises:
        InputError: for shapes or codes that do not fit, numbers that are not finite, or rows that define no T.

    Example:
        >>> logits = np.log([[0.75, 0.25]] * 4)  # says 3 in 4, and is right 3 times in 4
        >>> round(fit_temperature(10 * logits, np.array([0, 0, 0, 1])).value, 9)
        10.0
    """
    z, y = np.asarray(logits, dtype=float), np.asarray(truth)
    if z.ndim != 2 or y.shape != z.shape[:1] or not len(y) or z.shape[1] < 2:
        raise InputError("logits", f"shape {z.shape} for {y.shape} truths", "(n, C) and (n,), n > 0, C > 1",
                         "Pass one row of logits a label.")  # fmt: skip
    if not np.isfinite(z).all():
        raise InputError("logits", "a number that is not finite", "finite numbers", "Check the model for divergence.")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= z.shape[1]:
        raise InputError("truth", "codes outside the classes", f"0 .. {z.shape[1] - 1}", "Leave unlabelled rows out.")
    z = z - z.max(axis=1, keepdims=True)
    size = float(np.abs(z).max())
    if size == 0.0:
        raise InputError("logits", "the same for every class", "logits that differ", "There is nothing to scale.")
    value = size / np.exp(_log_inverse(z / size, y))
    return Temperature(float(value), _loss(z, y), _loss(z / value, y), len(y))


def _loss(z: np.ndarray, y: np.ndarray) -> float:
    return float((logsumexp(z, axis=1) - z[np.arange(len(y)), y]).mean())


def _log_inverse(z: np.ndarray, y: np.ndarray) -> float:
    """log(1 / T) for logits of largest size 1, where the slope of the loss in 1 / T is zero."""
    from scipy.optimize import brentq

    of_truth = z[np.arange(len(y)), y].mean()

    def slope(log_inverse: float) -> float:
        return float((softmax(z * np.exp(log_inverse), axis=1) * z).sum(axis=1).mean() - of_truth)

    if z.mean() >= of_truth:
        raise InputError("logits", "true classes that have no larger logit than the average class",
                         "logits better than chance", "Fit the model, or check the order of its classes.")  # fmt: skip
    if of_truth == 0.0:  # the largest logit of each row is 0 by now
        raise InputError("logits", "every row right", "at least one row that is not",
                         "Fit on more validation rows; no finite temperature is best here.")  # fmt: skip
    low, high = 0.0, 0.0
    while slope(low) >= 0.0:
        low -= 2.0
    while slope(high) <= 0.0:
        high += 2.0
    return float(brentq(slope, low, high, xtol=1e-14, rtol=1e-14))


def temperatures(valid: Predicted) -> tuple[Temperature, ...]:
    """Return the temperature of each seed of a classifier, from its validation predictions.

    Raises:
        InputError: for another task than classification, or as `fit_temperature`.

    Example:
        >>> p = Predicted("m", "classification", ("x", "y"), np.array([0, 0, 0, 1]), np.zeros((1, 4), int),
        ...               np.array([[[0.75, 0.25]] * 4]), np.array(list("abcd")), np.arange(4), "sample", (0,))
        >>> round(temperatures(p)[0].value, 9)
        1.0
    """
    if valid.task != "classification":
        raise InputError("valid.task", valid.task, "classification", "Leave temperature out for other tasks.")
    found = []
    for scores in valid.scores:
        fitted = fit_temperature(_logits(scores), valid.truth)
        found.append(replace(fitted, n_raised=int((scores < SMALLEST_PROBABILITY).sum())))
    return tuple(found)


def _logits(scores: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(scores, SMALLEST_PROBABILITY))


def at_temperature(predicted: Predicted, values: Sequence[float]) -> Predicted:
    """Return the predictions with the probabilities of each seed at its temperature; decisions stay.

    Raises:
        InputError: for another task, another number of temperatures than seeds, or one that is not positive.

    Example:
        >>> p = Predicted("m", "classification", ("x", "y"), np.array([0]), np.array([[0]]),
        ...               np.array([[[0.9, 0.1]]]), np.array(["a"]), np.arange(1), "sample", (0,))
        >>> at_temperature(p, [2.0]).scores.round(3).tolist()  # odds 9 become odds 3
        [[[0.75, 0.25]]]
    """
    if predicted.task != "classification":
        raise InputError("predicted.task", predicted.task, "classification", "Leave temperature out for other tasks.")
    given = np.asarray(values, dtype=float)
    if given.shape != (len(predicted.seeds),) or not (np.isfinite(given) & (given > 0)).all():
        raise InputError("values", list(values), f"{len(predicted.seeds)} positive numbers", "Give one a seed.")
    scores = np.exp(log_softmax(_logits(predicted.scores) / given[:, None, None], axis=2))
    return replace(predicted, scores=scores)


def calibrate(valid: Predicted, test: Predicted, *, n_bins: int = 10, level: float = 0.95) -> dict[str, Any]:
    """Return the temperatures fitted on `valid` and the calibration of `test` before and after.

    Returns:
        `{temperatures: [{value, loss_before, loss_after, n_rows, n_raised}], before: calibration, after: calibration}`

    Raises:
        InputError: where the two are not the same model and seeds, or as `temperatures` and `calibration`.

    Example:
        >>> p = Predicted("m", "classification", ("x", "y"), np.array([0, 0, 0, 1]), np.zeros((1, 4), int),
        ...               np.array([[[0.9, 0.1]] * 4]), np.array(list("abcd")), np.arange(4), "sample", (0,))
        >>> found = calibrate(p, p)
        >>> round(found["before"]["ece"], 3), round(found["after"]["ece"], 3)
        (0.15, 0.0)
        >>> round(found["temperatures"][0]["value"], 3)  # odds 9 become odds 3
        2.0
    """
    for what in ("model", "seeds", "classes"):
        if getattr(valid, what) != getattr(test, what):
            raise InputError(f"test.{what}", getattr(test, what), getattr(valid, what), "Pass one model's two parts.")
    fitted = temperatures(valid)
    after = at_temperature(test, [one.value for one in fitted])
    return {
        "temperatures": [one.to_dict() for one in fitted],
        "before": calibration(test, n_bins=n_bins, level=level),
        "after": calibration(after, n_bins=n_bins, level=level),
    }
