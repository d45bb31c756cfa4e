"""The content of `explanation.json`: what one model takes from each modality, from its masked and shuffled predictions.

The score of a row is: right or wrong (classification), the share of labels that are right (multilabel), minus the
absolute error (regression). The score without any modality is that of the best constant guess on the same rows: the
most frequent class, the more frequent state of each label, the median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.interval import Interval
from mmcore.evaluation.predictions import Predicted, read_predictions
from mmcore.evaluation.summary import majority_rate
from mmcore.explain.permutation import importance_dict
from mmcore.explain.shapley import modality_shapley


def row_scores(predicted: Predicted) -> np.ndarray:
    """Return the (n,) score of each row, averaged over seeds; higher is better.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([1.0, 2.0]), np.array([[1.0, 4.0]]), np.zeros((1, 2, 1)),
        ...               np.array(["a", "b"]), np.arange(2), "sample", (0,))
        >>> row_scores(p).tolist()
        [-0.0, -2.0]
    """
    if predicted.task == "regression":
        return np.asarray(-np.abs(predicted.prediction - predicted.truth).mean(axis=0))
    right = (predicted.prediction == predicted.truth).astype(float)
    return np.asarray(right.mean(axis=(0, 2)) if predicted.task == "multilabel" else right.mean(axis=0))


def constant_score(predicted: Predicted) -> float:
    """Return the mean row score of the best constant guess.

    Example:
        >>> p = Predicted("m", "regression", (), np.array([1.0, 2.0, 6.0]), np.zeros((1, 3)), np.zeros((1, 3, 1)),
        ...               np.array(list("abc")), np.arange(3), "sample", (0,))
        >>> round(constant_score(p), 3)
        -1.667
    """
    truth = predicted.truth
    if predicted.task == "regression":
        return float(-np.abs(truth - np.median(truth)).mean())
    if predicted.task == "multilabel":
        share = truth.mean(axis=0)
        return float(np.maximum(share, 1 - share).mean())
    return float(np.bincount(truth).max() / len(truth))


def explain(
    masked: Mapping[tuple[str, ...], pd.DataFrame], permutation: Mapping[str, Interval], *, model: str,
    modalities: Sequence[str], task: str, classes: Sequence[str] = (), level: float = 0.95,
) -> dict[str, Any]:  # fmt: skip
    """Return the content of `explanation.json`.

    Args:
        masked: every non-empty subset (names in any order) -> predictions table of `model` with only these present.
        permutation: from `mmcore.explain.permutation.permutation_importance`.
        model: name in those tables.
        modalities: names in their declared order.
        task, classes: of the label.
        level: of the intervals.

    Raises:
        InputError: for missing subsets, modalities that do not match, or tables with different rows.

    Example:
        >>> f = pd.DataFrame({"model": "late_fusion", "seed": 0, "fold": 0, "part": "test", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "y"],
        ...                   "p_0": [0.9, 0.4], "p_1": [0.1, 0.6]})
        >>> e = explain({("a",): f}, {}, model="late_fusion", modalities=["a"], task="classification",
        ...             classes=["x", "y"])
        >>> e["shapley"]["overall"]["a"]["value"]
        0.5
    """
    read = {
        frozenset(subset): read_predictions(frame, model, task=task, classes=classes, part="test")
        for subset, frame in masked.items()
    }
    full = read.get(frozenset(modalities))
    if full is None or set().union(*read) != set(modalities):
        raise InputError("masked", sorted("+".join(sorted(subset)) for subset in read), "all subsets of the modalities",
                         "Predict every subset, also with all modalities present.")  # fmt: skip
    for subset, predicted in read.items():
        if not np.array_equal(predicted.sample_ids, full.sample_ids):
            raise InputError("masked", f"other rows for {sorted(subset)}", "the same rows for every subset",
                             "Mask modalities, not rows.")  # fmt: skip
    labels = np.asarray(full.classes, dtype=object)[full.truth] if task == "classification" else None
    shapley = modality_shapley(
        {subset: row_scores(predicted) for subset, predicted in read.items()},
        full.units if full.unit == "group" else None,
        empty=constant_score(full), labels=labels, classes=full.classes or None, level=level,
    )  # fmt: skip
    content = shapley.to_dict()
    return {
        "model": model,
        "modalities": list(modalities),
        "majority_rate": majority_rate(full),
        "full": shapley.full,
        "empty": shapley.empty,
        "shapley": {
            "overall": {name: content["overall"][name] for name in modalities},
            "by_class": content["by_class"],
        },
        "permutation": importance_dict({name: permutation[name] for name in modalities if name in permutation}),
    }
