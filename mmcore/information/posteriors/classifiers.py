"""The classifiers that give p(y|x): a line, boosted trees, and a forest of random trees.

Which one suits depends on the data: a line needs the fewest rows and sees no interaction of features (of an exclusive
or nothing at all); trees see interactions of few features, boosted ones more of them. `auto` takes the one with the
least log loss on rows held out inside the training rows. All run on one thread: how many threads share a sum decides
its last bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier: its name, what builds it from a seed, where it comes from, and what it suits."""

    name: str
    build: Callable[[int], Any]
    reference: str
    suits: str


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1, max_iter=300)  # columns are standardised; the strong prior costs little


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=50,
        learning_rate=0.12,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def _forest(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(100, min_samples_leaf=5, random_state=seed)


CLASSIFIERS = (
    Classifier("logistic", _logistic, "Cox 1958", "few rows, many columns, classes that a plane separates"),
    Classifier("boosting", _boosting, "Ke et al. 2017, in scikit-learn", "thousands of rows, interactions of features"),
    Classifier("forest", _forest, "Geurts, Ernst and Wehenkel 2006", "some hundred rows, few columns, curved borders"),
)


def available_classifiers() -> list[str]:
    """Return the names that the option `classifier` takes besides "auto".

    Example:
        >>> available_classifiers()
        ['logistic', 'boosting', 'forest']
    """
    return [entry.name for entry in CLASSIFIERS]


def fit_classifier(name: str, x: Float, labels: Codes, n_classes: int, *, seed: int) -> Callable[[Float], Float]:
    """Return the fitted x (n, d) -> posteriors (n, |Y|), with one pseudo-row of the training prior mixed in.

    Mixing keeps every posterior of a label that was seen above zero: q = (n p + prior) / (n + 1). A label that the
    training rows lack has a prior of half a row.

    Args:
        name: a name of `CLASSIFIERS`; x: (n, d) training rows; labels: (n,) codes below n_classes; seed: of the trees.

    Example:
        >>> x = np.array([[0.0], [0.1], [1.0], [1.1]])
        >>> p = fit_classifier("logistic", x, np.array([0, 0, 1, 1]), 3, seed=0)(x)
        >>> p.shape, bool((p > 0).all()), p.argmax(axis=1).tolist()
        ((4, 3), True, [0, 0, 1, 1])
    """
    counts = np.maximum(np.bincount(labels, minlength=n_classes).astype(np.float64), 0.5)
    prior, n_rows = counts / counts.sum(), len(labels)
    seen = np.unique(labels)
    if len(seen) == 1 or x.shape[1] == 0:  # nothing to tell apart, or nothing to tell it by
        return lambda new: np.tile(prior, (len(new), 1))
    model = next(entry for entry in CLASSIFIERS if entry.name == name).build(seed)
    with threadpool_limits(1):
        model.fit(x, labels)

    def posteriors(new: Float) -> Float:
        found = np.zeros((len(new), n_classes))
        with threadpool_limits(1):
            found[:, seen] = model.predict_proba(new)
        return (n_rows * found + prior) / (n_rows + 1.0)

    return posteriors
