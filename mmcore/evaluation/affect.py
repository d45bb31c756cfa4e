"""Row statistics of the affect literature's scores, for sentiment labels in [-3, 3].

    Acc-7 = mean [round(clip(y', -3, 3)) = round(clip(y, -3, 3))],   Acc-5 likewise with 2
    Acc-2 = mean over y != 0 of [(y' > 0) = (y > 0)],   F1 over the same rows, weighted by the support in truth

As Zadeh et al. 2018 (ACL, CMU-MOSEI), Tsai et al. 2019 (ACL, MulT) and MultiBench's code compute them: rounding is to
the nearest even number at one half (`numpy.round`). Departs on purpose in F1: the published code passes prediction and
truth in swapped order, which weights the classes by their share among predictions. Accuracy "with zeros" (y' >= 0
against y >= 0 over all rows), which some tables print, is not computed.
"""

from __future__ import annotations

import numpy as np

from mmcore.errors import InputError
from mmcore.evaluation.predictions import Predicted

LIMIT = 3.0


def checked_sentiment(predicted: Predicted) -> np.ndarray:
    """Return the (n,) truths; InputError where one lies outside [-3, 3].

    Example:
        >>> p = Predicted("m", "regression", (), np.array([-3.0, 1.2]), np.zeros((1, 2)), np.zeros((1, 2, 1)),
        ...               np.array(["a", "b"]), np.arange(2), "sample", (0,))
        >>> checked_sentiment(p).tolist()
        [-3.0, 1.2]
    """
    truth = predicted.truth
    outside = np.abs(truth) > LIMIT
    if outside.any():
        row = int(np.argmax(outside))
        raise InputError("truth", f"{truth[row]:g} in {predicted.sample_ids[row]}", "labels from -3 to 3",
                         "Leave out the tag affect: these scores are defined for that scale.")  # fmt: skip
    return truth


def hits_of_seven(predicted: Predicted) -> np.ndarray:
    """Return (S, n, 2): whether the rounded value in -3..3 is right, and 1.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([2.6]), np.array([[7.0]]), np.zeros((1, 1, 1)),
        ...               np.array(["a"]), np.arange(1), "sample", (0,))
        >>> hits_of_seven(p).tolist()
        [[[1.0, 1.0]]]
    """
    return _rounded_hits(predicted, 3.0)


def hits_of_five(predicted: Predicted) -> np.ndarray:
    """Return (S, n, 2): whether the rounded value in -2..2 is right, and 1.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([2.6]), np.array([[1.6]]), np.zeros((1, 1, 1)),
        ...               np.array(["a"]), np.arange(1), "sample", (0,))
        >>> hits_of_five(p).tolist()
        [[[1.0, 1.0]]]
    """
    return _rounded_hits(predicted, 2.0)


def hits_of_two(predicted: Predicted) -> np.ndarray:
    """Return (S, n, 2): whether the sign of a row with y != 0 is right, and whether y != 0.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([0.0, 1.0]), np.array([[1.0, 0.2]]), np.zeros((1, 2, 1)),
        ...               np.array(["a", "b"]), np.arange(2), "sample", (0,))
        >>> hits_of_two(p).tolist()
        [[[0.0, 0.0], [1.0, 1.0]]]
    """
    counts = sign_counts(predicted)
    return np.stack([counts[..., :2].sum(axis=-1), counts[..., 2:4].sum(axis=-1)], axis=-1)


def sign_counts(predicted: Predicted) -> np.ndarray:
    """Return (S, n, 6): true positives, truths and predictions of (not positive, positive), zeros where y = 0.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([1.0]), np.array([[-0.5]]), np.zeros((1, 1, 1)),
        ...               np.array(["a"]), np.arange(1), "sample", (0,))
        >>> sign_counts(p).ravel().tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    """
    truth, eye = checked_sentiment(predicted), np.eye(2)
    truths = np.broadcast_to(eye[(truth > 0).astype(int)], (*predicted.prediction.shape, 2))
    guesses = eye[(predicted.prediction > 0).astype(int)]
    counted = (truth != 0).astype(float)[None, :, None]
    return np.concatenate([truths * guesses, truths, guesses], axis=-1) * counted


def _rounded_hits(predicted: Predicted, limit: float) -> np.ndarray:
    truth = np.round(np.clip(checked_sentiment(predicted), -limit, limit))
    guess = np.round(np.clip(predicted.prediction, -limit, limit))
    hits = (guess == truth).astype(float)
    return np.stack([hits, np.ones_like(hits)], axis=-1)
