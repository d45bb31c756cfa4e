"""The classifiers that give p(y|x): a line, boosted trees, and a forest of random trees.

Which one suits depends on the data: a line needs the fewest rows and sees no interaction of features (of an exclusive
or nothing at all); trees see interactions of few features, boosted ones more of them. `auto` takes the one with the
least log loss on rows held out inside the training rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        max_iter=40,
        learning_rate=0.15,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def _forest(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(40, min_samples_leaf=5, random_state=seed)


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


def mix_prior(posteriors: Float, labels: Codes) -> Float:
    """Return (n p + prior) / (n + 1): the label frequencies of the n training rows as one more row.

    Every posterior stays above zero. A label that the training rows lack counts as half a row in the prior.

    Example:
        >>> mix_prior(np.array([[1.0, 0.0]]), np.array([0, 1, 1])).round(4).tolist()
        [[0.8333, 0.1667]]
    """
    counts = np.maximum(np.bincount(labels, minlength=posteriors.shape[1]).astype(np.float64), 0.5)
    return np.asarray((len(labels) * posteriors + counts / counts.sum()) / (len(labels) + 1.0))


def fit_classifier(name: str, x: Float, labels: Codes, n_classes: int, *, seed: int) -> Callable[[Float], Float]:
    """Return the fitted x (n, d) -> posteriors (n, |Y|), with the training prior mixed in as one more row.

    Args:
        name: a name of `CLASSIFIERS`; x: (n, d) training rows; labels: (n,) codes below n_classes; seed: of the trees.

    Example:
        >>> x = np.array([[0.0], [0.1], [1.0], [1.1]])
        >>> p = fit_classifier("logistic", x, np.array([0, 0, 1, 1]), 3, seed=0)(x)
        >>> p.shape, bool((p > 0).all()), p.argmax(axis=1).tolist()
        ((4, 3), True, [0, 0, 1, 1])
    """
    seen = np.unique(labels)
    if len(seen) == 1 or x.shape[1] == 0:  # nothing to tell apart, or nothing to tell it by
        prior = np.bincount(labels, minlength=n_classes) / len(labels)
        return lambda new: mix_prior(np.tile(prior, (len(new), 1)), labels)
    model = next(entry for entry in CLASSIFIERS if entry.name == name).build(seed)
    model.fit(x, labels)

    def posteriors(new: Float) -> Float:
        found = np.zeros((len(new), n_classes))
        found[:, seen] = model.predict_proba(new)
        return mix_prior(found, labels)

    return posteriors
