"""Calibrated posteriors: one temperature and one shift a label, fitted on rows that the classifier has not seen.

    log p(y|x) = t z_y(x) + c_y - log sum_y' exp(t z_y'(x) + c_y'),      (t, c) = argmin of the mean held-out log loss

Reference: Guo, Pleiss, Sun and Weinberger (2017), section 4 (temperature and vector scaling); Platt (1999) for two
labels. Two identities hold at the minimum and are why this is done. The score of c says mean p(y|x) = share of label y,
so all classifiers of the same rows agree on the label masses, which is what makes the couplings feasible. The score of
t says mean log loss = mean entropy of p(.|x), so the information of the table of posteriors is exactly H(Y) less the
held-out log loss: a confident classifier that is wrong cannot report information it does not have.

A small ridge keeps t finite where the classes separate; t < 0 (a classifier worse than none) is refused: then t = 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_RIDGE = 1e-2  # in log-loss units of a single row: nothing against a sample, enough against separable classes
_ITERATIONS = 50


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """Log posteriors (N, L) in nats, the temperature factor t, and the mean log loss (nats)."""

    log_posterior: Float
    temperature: float
    log_loss: float


def _log_softmax(z: Float) -> Float:
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def calibrate(logits: Float, labels: Codes, weights: Float | None = None) -> Calibrated:
    """Return posteriors calibrated on the labels of the rows.

    Args:
        logits: (N, L), each row by a classifier that was not trained on it.
        labels: codes (N,) in 0..L-1.
        weights: how often each row counts (N,); None counts each once.

    Example:
        >>> overconfident = np.array([[9.0, 0.0]] * 4 + [[0.0, 9.0]] * 4)
        >>> labels = np.array([0, 0, 0, 1, 1, 1, 1, 0])
        >>> np.exp(calibrate(overconfident, labels).log_posterior)[:, 0].round(2).tolist()
        [0.75, 0.75, 0.75, 0.75, 0.25, 0.25, 0.25, 0.25]
    """
    n_rows, n_classes = logits.shape
    weights = np.ones(n_rows) if weights is None else weights
    logits = logits - logits.mean(axis=1, keepdims=True)
    truth = np.eye(n_classes)[labels]
    share = weights @ truth / weights.sum()
    known = np.log(np.maximum(share, 0.5 / weights.sum()))  # a label absent from a resample keeps half a row
    start = np.concatenate([[1.0], np.zeros(n_classes)])

    def penalised(point: Float) -> tuple[float, Float]:
        log_p = _log_softmax(point[0] * logits + point[1:])
        loss = -float(weights @ log_p[np.arange(n_rows), labels])
        return loss + 0.5 * _RIDGE * float(((point - start) ** 2).sum()), log_p

    point = _newton(penalised, start, logits, truth, weights)
    if point[0] < 0:
        point = np.concatenate([[0.0], known])
    log_p = _log_softmax(point[0] * logits + point[1:])
    loss = -float(weights @ log_p[np.arange(n_rows), labels] / weights.sum())
    return Calibrated(log_p, float(point[0]), loss)


def _newton(
    penalised: Callable[[Float], tuple[float, Float]], start: Float, logits: Float, truth: Float, weights: Float
) -> Float:
    """Return the minimiser of the convex loss by Newton steps, halved until the loss falls."""
    point = start
    value, log_p = penalised(point)
    size = len(start)
    for _ in range(_ITERATIONS):
        p = np.exp(log_p)
        rest = weights[:, None] * (p - truth)
        mean = (p * logits).sum(axis=1)
        gradient = np.concatenate([[(rest * logits).sum()], rest.sum(axis=0)]) + _RIDGE * (point - start)
        hessian = np.zeros((size, size))
        hessian[0, 0] = weights @ ((p * logits**2).sum(axis=1) - mean**2)
        hessian[0, 1:] = hessian[1:, 0] = weights @ (p * (logits - mean[:, None]))
        weighted = weights[:, None] * p
        hessian[1:, 1:] = np.diag(weighted.sum(axis=0)) - weighted.T @ p
        step = np.linalg.solve(hessian + _RIDGE * np.eye(size), gradient)
        decrease = float(gradient @ step)
        if decrease < 1e-10 * (1.0 + abs(value)):
            break
        length = 1.0
        while True:
            trial, trial_log_p = penalised(point - length * step)
            if trial <= value - 1e-4 * length * decrease or length < 1e-8:
                break
            length *= 0.5
        point, value, log_p = point - length * step, trial, trial_log_p
    return point
