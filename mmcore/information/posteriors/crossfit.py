"""Posteriors for every row from classifiers that have not seen it: of each source, and of both together.

    t_k(row) = calibrated p(y | x_k),     fitted on the rows of the other folds only            (k = 1, 2, 12)

Folds never split a group and are stratified by label. Inside the training rows of a fold: columns are standardised and
wide sources projected to their first principal components, the classifier with the least held-out log loss is chosen,
a calibration map is fitted on the same held-out predictions, and the chosen classifier is fitted again on all of them
(as scikit-learn's CalibratedClassifierCV with ensemble=False). Nothing about a row's label reaches its posterior.

All fits run on one thread: how many threads share a sum decides its last bits.

Reference: Chernozhukov et al. (2018) for cross-fitting; pid.md section 6 for its use here. The posteriors of one fold
differ a little from those of another: pooled, they are a slight garbling of each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mmcore.data.split import fold_rows
from mmcore.errors import InputError
from mmcore.information.posteriors.calibration import (
    CALIBRATIONS,
    expected_calibration_error,
    fit_temperature,
    log_loss,
)
from mmcore.information.posteriors.classifiers import available_classifiers, fit_classifier, mix_prior
from mmcore.seeds import stream, stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

INNER_FOLDS = 3
_ENOUGH_ROWS = 500  # held-out rows that settle which classifier has the least log loss, and its calibration


@dataclasses.dataclass(frozen=True)
class Plan:
    """How posteriors are fitted; see `estimate.Options` for each field."""

    classifier: str = "auto"
    calibration: str = "temperature"
    components: int = 64
    max_fit_rows: int = 20_000


@dataclasses.dataclass(frozen=True)
class CrossFitted:
    """Out-of-fold posteriors (N, |Y|) of a view, the classifier of each fold, log loss (nats), calibration error."""

    posteriors: Float
    classifiers: tuple[str, ...]
    log_loss: float
    calibration_error: float


def outer_folds(labels: Codes, groups: Codes | None, n_folds: int, *, seed: int) -> Codes:
    """Return the fold of each row; as many folds as asked for, or as there are groups.

    Raises:
        InputError: for fewer than two groups or rows.

    Example:
        >>> outer_folds(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 5, seed=0).max()
        np.int64(1)
    """
    units = len(labels) if groups is None else len(np.unique(groups))
    if units < 2:
        raise InputError("groups", f"{units} group", "at least two groups", "Cross-fit over rows: leave groups out.")
    return fold_rows(labels, groups=groups, n_folds=min(n_folds, units), seed=seed)


def fit_projection(x: Float, components: int, *, seed: int) -> Callable[[Float], Float]:
    """Return the map from features to standardised columns or, where there are more than `components`, to their axes.

    Constant columns are left out. Axes are scaled as a whole, not each: late axes hold noise and stay small.

    Example:
        >>> fit_projection(np.array([[0.0, 7.0], [2.0, 7.0]]), 5, seed=0)(np.array([[4.0, 7.0]])).tolist()
        [[3.0]]
    """
    columns = np.flatnonzero(np.ptp(x, axis=0) > 0)
    mean, scale = x.mean(axis=0)[columns], x.std(axis=0)[columns]
    if len(columns) <= components:
        return lambda new: (new[:, columns] - mean) / scale
    from sklearn.decomposition import PCA

    z = (x[:, columns] - mean) / scale
    model = PCA(min(components, len(z)), random_state=stream_seed(seed, "posterior axes"))
    model.fit(z)
    axes = model.components_.T / np.sqrt(model.explained_variance_[0])

    return lambda new: np.asarray(((new[:, columns] - mean) / scale) @ axes)


def _held_out(name: str, z: Float, labels: Codes, n_classes: int, folds: Codes, seed: int) -> tuple[Float, Codes]:
    """Return held-out posteriors of classifier `name` and the rows they belong to, `_ENOUGH_ROWS` or all."""
    rows, found = [], []
    for fold in range(int(folds.max()) + 1):
        held = np.flatnonzero(folds == fold)
        model = fit_classifier(name, z[folds != fold], labels[folds != fold], n_classes, seed=seed)
        rows.append(held)
        found.append(model(z[held]))
        if sum(map(len, rows)) >= _ENOUGH_ROWS:
            break
    return np.concatenate(found), np.concatenate(rows)


def fit_posteriors(
    z: Float, labels: Codes, n_classes: int, groups: Codes | None, plan: Plan, *, seed: int
) -> tuple[Callable[[Float], Float], str]:
    """Return z (n, d) -> calibrated posteriors (n, |Y|) fitted on these rows, and the name of the classifier.

    Args:
        z: (N, d) standardised training rows; labels: (N,) codes; groups: (N,) codes or None; seed: of folds and trees.

    Example:
        >>> z = np.r_[np.zeros(20), np.ones(20)][:, None]
        >>> model, name = fit_posteriors(z, (z[:, 0] > 0).astype(np.int64), 2, None, Plan("logistic"), seed=0)
        >>> name, bool(model(z)[-1, 1] > 0.8)
        ('logistic', True)
    """
    names = available_classifiers() if plan.classifier == "auto" else [plan.classifier]
    model_seed = stream_seed(seed, "classifier")
    if len(names) == 1 and plan.calibration == "none":
        return fit_classifier(names[0], z, labels, n_classes, seed=model_seed), names[0]
    splittable = groups if groups is not None and len(np.unique(groups)) >= INNER_FOLDS else None
    folds = fold_rows(labels, groups=splittable, n_folds=min(INNER_FOLDS, len(labels)), seed=stream_seed(seed, "inner"))
    best, best_loss, held_out = names[0], np.inf, None
    for name in names:
        posteriors, rows = _held_out(name, z, labels, n_classes, folds, model_seed)
        loss = log_loss(fit_temperature(posteriors, labels[rows])(posteriors), labels[rows])
        if held_out is None or loss < best_loss:
            best, best_loss, held_out = name, loss, (posteriors, rows)
    if held_out is None:
        raise InputError("classifier", plan.classifier, "a name", "Name a classifier.")
    calibration = next(entry for entry in CALIBRATIONS if entry.name == plan.calibration)
    calibrate = calibration.fit(held_out[0], labels[held_out[1]])
    model = fit_classifier(best, z, labels, n_classes, seed=model_seed)
    # mixed in once more: isotonic steps reach zero, and one such row would make the log loss infinite
    return lambda new: mix_prior(calibrate(model(new)), labels), best


def _projected(
    sources: tuple[Float, ...],
    views: tuple[tuple[int, ...], ...],
    train: Codes,
    held: Codes,
    components: int,
    seed: int,
) -> tuple[dict[int, Float], dict[int, Float]]:
    """Return the training and the held-out rows of each source that a view needs, projected as the former say."""
    inside, outside = {}, {}
    for k in sorted({k for view in views for k in view}):
        project = fit_projection(sources[k][train], components, seed=seed)
        inside[k], outside[k] = project(sources[k][train]), project(sources[k][held])
    return inside, outside


def cross_fit(
    sources: tuple[Float, ...],
    views: tuple[tuple[int, ...], ...],
    labels: Codes,
    n_classes: int,
    groups: Codes | None,
    folds: Codes,
    plan: Plan,
    *,
    seed: int,
) -> list[CrossFitted]:
    """Return for each view, a tuple of indices into `sources`, the posteriors of all rows from the other folds.

    Args:
        sources: features (N, d_k).
        views: for example ((0,), (1,), (0, 1)).
        labels, groups, folds: (N,) codes.

    Example:
        >>> x = np.repeat([0.0, 1.0], 30)[:, None]
        >>> fitted, = cross_fit((x,), ((0,),), np.repeat([0, 1], 30), 2, None, np.arange(60) % 3, Plan(), seed=0)
        >>> bool((fitted.posteriors.argmax(axis=1) == x[:, 0]).all()), len(fitted.classifiers)
        (True, 3)
    """
    import sklearn.decomposition  # before the threads are limited, so that the libraries it loads are limited too
    import sklearn.ensemble  # noqa: F401

    found = [np.empty((len(labels), n_classes)) for _ in views]
    names: list[list[str]] = [[] for _ in views]
    with threadpool_limits(1):
        for fold in range(int(folds.max()) + 1):
            held, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            if len(train) > plan.max_fit_rows:
                train = np.sort(stream(seed, "fit rows", fold).choice(train, plan.max_fit_rows, replace=False))
            unit = None if groups is None else groups[train]
            inside, outside = _projected(sources, views, train, held, plan.components, seed)
            for place, view in enumerate(views):
                z = np.concatenate([inside[k] for k in view], axis=1)
                view_seed = stream_seed(seed, "posteriors", fold, view)
                model, name = fit_posteriors(z, labels[train], n_classes, unit, plan, seed=view_seed)
                found[place][held] = model(np.concatenate([outside[k] for k in view], axis=1))
                names[place].append(name)
    return [
        CrossFitted(p, tuple(chosen), log_loss(p, labels), expected_calibration_error(p, labels))
        for p, chosen in zip(found, names)
    ]
