"""Whether predicted probabilities are what they say: calibration error, Brier score, log loss, reliability bins.

    ECE = sum_b n_b / n |accuracy_b - confidence_b|,   Brier = mean sum_c (p_c - [y = c])^2,   log loss = -mean log p_y

The confidence is the largest probability (Guo et al. 2017). ECE in bins of equal width is what is usually reported;
in bins of equal count it is steadier, and both are biased upward when bins hold few rows (Kumar et al. 2019), so
neither is zero for a perfect model on finite rows. Brier 1950 (the sum over classes, 0 to 2); log loss in nats.
Rows of all seeds are pooled; intervals keep a unit's rows together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.evaluation.interval import mean_interval
from mmcore.evaluation.predictions import Predicted

# the smallest positive probability a float32 softmax can return; a smaller one is stored as 0 and its log is infinite
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


def calibration(predicted: Predicted, *, n_bins: int = 10, level: float = 0.95) -> dict[str, Any]:
    """Return the `calibration` of `evaluation.json` for a classifier, with the equal-count error added.

    Args:
        predicted: a classifier's predictions; `scores` (S, n, C) are probabilities.
        n_bins: number of bins over the confidence; empty ones are left out.
        level: of the intervals of each bin's accuracy.

    Returns:
        `{model, ece, ece_equal_count, brier, log_loss, n_probabilities_raised, bins: [{confidence, accuracy, low,
        high, n}]}`; `n` counts predictions (rows times seeds); `n_probabilities_raised` counts true-class
        probabilities of zero that entered the log loss as 1.2e-38.

    Raises:
        InputError: for another task, probabilities that do not sum to one, or fewer than two bins.

    Example:
        >>> p = Predicted("m", "classification", ("x", "y"), np.array([0, 1]), np.array([[0, 0]]),
        ...               np.array([[[0.8, 0.2], [0.6, 0.4]]]), np.array(["1", "2"]), np.arange(2), "sample", (0,))
        >>> c = calibration(p)
        >>> round(c["brier"], 3), round(c["ece"], 3)
        (0.4, 0.4)
    """
    if predicted.task != "classification":
        raise InputError("predicted.task", predicted.task, "classification", "Leave calibration out for other tasks.")
    if n_bins < 2:
        raise InputError("n_bins", n_bins, "2 or more", "Use 10.")
    scores = predicted.scores.reshape(-1, predicted.scores.shape[-1])  # (S n, C)
    if (scores < 0).any() or np.abs(scores.sum(axis=1) - 1.0).max() > 1e-4:
        raise InputError("predicted.scores", "rows that are no distribution", "probabilities that sum to one",
                         "Store softmax outputs, not logits.")  # fmt: skip
    truth = np.tile(predicted.truth, len(predicted.seeds))
    units = np.tile(predicted.units, len(predicted.seeds))
    confidence = scores.max(axis=1)
    hit = (scores.argmax(axis=1) == truth).astype(float)
    of_truth = scores[np.arange(len(truth)), truth]
    target = np.eye(scores.shape[1])[truth]
    wide = equal_width_bins(confidence, n_bins)
    return {
        "model": predicted.model,
        "ece": calibration_error(confidence, hit, wide),
        "ece_equal_count": calibration_error(confidence, hit, equal_count_bins(confidence, n_bins)),
        "brier": float(((scores - target) ** 2).sum(axis=1).mean()),
        "log_loss": float(-np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).mean()),
        "n_probabilities_raised": int((of_truth < SMALLEST_PROBABILITY).sum()),
        "bins": _reliability(confidence, hit, wide, units, level=level, unit=predicted.unit),
    }


def equal_width_bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Return (n,) the bin of each confidence, bins (k / n_bins, (k + 1) / n_bins].

    Example:
        >>> equal_width_bins(np.array([0.1, 0.11, 1.0]), 10).tolist()
        [0, 1, 9]
    """
    return np.searchsorted(np.arange(1, n_bins) / n_bins, confidence, side="left")


def equal_count_bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Return (n,) the bin of each confidence, bins with as equal counts as ties allow.

    Example:
        >>> equal_count_bins(np.array([0.9, 0.6, 0.7, 0.8]), 2).tolist()
        [1, 0, 0, 1]
    """
    edges = np.quantile(confidence, np.arange(1, n_bins) / n_bins)
    return np.searchsorted(edges, confidence, side="left")


def calibration_error(confidence: np.ndarray, hit: np.ndarray, bins: np.ndarray) -> float:
    """Return the expected calibration error of (n,) confidences and hits under a binning.

    Example:
        >>> round(calibration_error(np.array([0.8, 0.6]), np.array([1.0, 0.0]), np.array([0, 0])), 3)
        0.2
    """
    return float(np.abs(np.bincount(bins, weights=hit - confidence)).sum() / len(hit))


def wilson(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share (Wilson 1927), for independent rows.

    Example:
        >>> [round(end, 4) for end in wilson(8, 10)]
        [0.4902, 0.9433]
    """
    from scipy.stats import norm

    z, share = float(norm.ppf(0.5 + level / 2)), successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    reach = z / (1 + z**2 / trials) * float(np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)))
    # the ends are 0 and 1 by algebra where no or every trial succeeds; rounding must not step outside
    return 0.0 if successes == 0 else centre - reach, 1.0 if successes == trials else centre + reach


def _reliability(
    confidence: np.ndarray, hit: np.ndarray, bins: np.ndarray, units: np.ndarray, *, level: float, unit: str
) -> list[dict[str, Any]]:
    """Wilson's interval where every prediction is its own unit, else the interval over units."""
    independent = len(np.unique(units)) == len(units)
    table = []
    for index in np.unique(bins):
        inside = bins == index
        if independent:
            low, high = wilson(int(hit[inside].sum()), int(inside.sum()), level=level)
            ends: dict[str, Any] = {"low": low, "high": high}
        else:
            interval = mean_interval(hit[inside], units[inside], level=level, unit=unit, fraction=True)
            ends = {key: value for key, value in interval.to_dict().items() if key != "value"}
        table.append({
            "confidence": float(confidence[inside].mean()), "accuracy": float(hit[inside].mean()), **ends,
            "n": int(inside.sum()),
        })  # fmt: skip
    return table
