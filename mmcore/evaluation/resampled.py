"""Is one learning procedure better than another, over seeds and folds: tests that count the overlap of training sets.

    d_j = score_A - score_B in run j of J,   t = mean(d) / sqrt((1 / J + n_test / n_train) var(d)),  J - 1 degrees

The plain t-test takes runs for independent; they share training rows, so it finds differences where there are none.
Nadeau & Bengio 2003 (Machine Learning 52(3)) derive the added n_test / n_train for repeated random splits; Bouckaert &
Frank 2004 (PAKDD) use it for r times k-fold cross-validation, where n_test / n_train = 1 / (k - 1). With one fold and
several seeds only the noise of training is in d, and the answer is about these rows only.

    5 x 2 cv F:  f = sum_ij d_ij^2 / (2 sum_i s_i^2),  F(10, 5) degrees        (Alpaydin 1999, Neural Computation 11(8))

Assumes normal differences (means of many rows are near it). What is compared here is the procedure retrained;
`mmcore.evaluation.paired` compares two fitted models on new rows or groups. Several comparisons: `paired.holm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f, t

from mmcore.errors import InputError
from mmcore.evaluation.interval import check_level
from mmcore.evaluation.metrics import find_metric, score
from mmcore.evaluation.predictions import read_predictions

_ROUNDING = 1e-12


@dataclass(frozen=True)
class ResampledTest:
    """Mean difference over runs with interval and two-sided p; `low`, `high` are None for a test without an interval.

    `statistic` is t (or F) with `degrees` of freedom; `n_runs` the number of differences.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    statistic: float
    degrees: tuple[int, ...]
    n_runs: int
    level: float
    test: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "degrees": list(self.degrees)}


def corrected_t_test(
    differences: Sequence[float] | np.ndarray, *, n_train: float, n_test: float, level: float = 0.95
) -> ResampledTest:
    """Return the corrected resampled t-test of J differences.

    Args:
        differences: (J,) score of A less score of B, each pair trained and tested on the same rows.
        n_train, n_test: rows (groups, where splits are by group) of a training and a test part, on average.
        level: of the interval.

    Raises:
        InputError: for fewer than two differences, one that is not finite, no spread at all but a difference, or
            sizes that are not positive.

    Example:
        >>> found = corrected_t_test([1.0, 2.0, 3.0], n_train=90, n_test=30)  # variance (1/3 + 1/3) * 1
        >>> round(found.statistic, 3), found.degrees
        (2.449, (2,))
    """
    d = np.asarray(differences, dtype=float).ravel()
    if len(d) < 2 or not np.isfinite(d).all():
        raise InputError("differences", f"{len(d)} differences", "two or more finite ones", "Run more seeds or folds.")
    if not (n_train > 0 and n_test >= 0 and np.isfinite([n_train, n_test]).all()):
        raise InputError(
            "n_train, n_test", f"{n_train}, {n_test}", "positive sizes", "Give the sizes of a run's parts."
        )
    mean, spread = float(d.mean()), float(d.std(ddof=1))
    if spread <= _ROUNDING * float(np.abs(d).max()):
        spread = 0.0  # of equal differences rounding leaves a spread, by which any of them would be certain
    error = spread * float(np.sqrt(1.0 / len(d) + n_test / n_train))
    degrees = len(d) - 1
    if error == 0.0 and mean != 0.0:
        raise InputError("differences", f"{mean:g} in every run", "differences that vary",
                         "No spread means no scale: check that the runs differ in seed or fold.")  # fmt: skip
    statistic = 0.0 if error == 0.0 else mean / error
    reach = float(t.ppf(0.5 + check_level(level) / 2, degrees)) * error
    p = 2.0 * float(t.sf(abs(statistic), degrees))
    return ResampledTest(mean, mean - reach, mean + reach, p, statistic, (degrees,), len(d), level,
                         "corrected resampled t-test")  # fmt: skip


def five_by_two_test(differences: np.ndarray, *, level: float = 0.95) -> ResampledTest:
    """Return the combined F-test of five repetitions of two-fold cross-validation.

    Args:
        differences: (5, 2) score of A less score of B, by repetition and fold.
        level: for the record; the test has no interval.

    Raises:
        InputError: for another shape, numbers that are not finite, or repetitions without any spread.

    Example:
        >>> round(five_by_two_test(np.array([[1.0, 3.0]] * 5)).statistic, 3)  # 5 * 10 / (2 * 5 * 2)
        2.5
    """
    d = np.asarray(differences, dtype=float)
    if d.shape != (5, 2) or not np.isfinite(d).all():
        raise InputError("differences", f"shape {d.shape}", "finite numbers (5, 2)", "Repeat two folds five times.")
    spread = float(((d - d.mean(axis=1, keepdims=True)) ** 2).sum())
    if spread == 0.0:
        raise InputError("differences", "no spread within repetitions", "folds that differ", "Use other splits.")
    statistic = float((d**2).sum()) / (2.0 * spread)
    return ResampledTest(float(d.mean()), None, None, float(f.sf(statistic, 10, 5)), statistic, (10, 5), 10,
                         check_level(level), "5 x 2 cv F-test")  # fmt: skip


def scores_by_run(
    predictions: pd.DataFrame, model: str, *, metric: str, task: str, classes: Sequence[str] = (), part: str = "test"
) -> pd.DataFrame:
    """Return one row a run of a model: `seed fold value n_rows n_units`, sorted by seed and fold.

    Args:
        predictions: the predictions table.
        model: a name in its column `model`.
        metric: a metric of `METRICS` that fits the task.
        task, classes: of the label.
        part: "valid" or "test".

    Raises:
        InputError: for a model without rows, or as `read_predictions`.

    Example:
        >>> table = pd.DataFrame({"model": "late_fusion", "seed": [0, 0, 0, 0], "fold": [0, 0, 1, 1], "part": "test",
        ...                       "sample_id": list("abcd"), "group": None, "truth": [0.0] * 4,
        ...                       "prediction": [1.0, 1.0, 2.0, 4.0], "p_0": [1.0, 1.0, 2.0, 4.0]})
        >>> scores_by_run(table, "late_fusion", metric="mae", task="regression")[["fold", "value"]].values.tolist()
        [[0.0, 1.0], [1.0, 3.0]]
    """
    find_metric(metric, task)
    chosen = predictions[(predictions["model"] == model) & (predictions["part"] == part)]
    if chosen.empty:
        known = ", ".join(sorted(map(str, predictions["model"].unique())))
        raise InputError("model", f"{model}, without rows of part {part}", known, "Train it, or name another.")
    found = []
    for (seed, fold), rows in chosen.groupby(["seed", "fold"], sort=True):
        read = read_predictions(rows, model, task=task, classes=classes, part=part)
        found.append({"seed": int(seed), "fold": int(fold), "value": float(score(read, metric)[0]),
                      "n_rows": len(rows), "n_units": read.n_units})  # fmt: skip
    return pd.DataFrame(found)


def compare_runs(
    predictions: pd.DataFrame, model: str, against: str, *, metric: str, task: str, n_train: float,
    classes: Sequence[str] = (), part: str = "test", level: float = 0.95,
) -> ResampledTest:  # fmt: skip
    """Return the corrected test of two models over all seeds and folds that both were run for.

    Args:
        predictions: the predictions table.
        model, against: names of the two.
        metric, task, classes, part, level: as in `scores_by_run`.
        n_train: rows of a training part, on average; the test parts are counted in the table.

    Raises:
        InputError: where the two have different runs, a run's metric is undefined, or as `corrected_t_test`.

    Example:
        >>> rows = [(m, s, f"{s}{i}", e) for m, k in (("a", 1), ("b", 2)) for s in range(3)
        ...         for i, e in enumerate((k, k + s))]
        >>> table = pd.DataFrame(rows, columns=["model", "seed", "sample_id", "prediction"])
        >>> table = table.assign(fold=0, part="test", group=None, truth=0.0, p_0=table["prediction"])
        >>> compare_runs(table, "a", "b", metric="mse", task="regression", n_train=8).n_runs
        3
    """
    options: dict[str, Any] = {"metric": metric, "task": task, "classes": classes, "part": part}
    first, second = (scores_by_run(predictions, name, **options) for name in (model, against))
    if not first[["seed", "fold"]].equals(second[["seed", "fold"]]):
        raise InputError("runs", f"{len(first)} of {model}, {len(second)} of {against}", "the same seeds and folds",
                         "Finish the runs of both models.")  # fmt: skip
    own, other = first["value"].to_numpy(), second["value"].to_numpy()
    rounding = _ROUNDING * max(float(np.abs(own).max()), float(np.abs(other).max()))
    difference = own - other
    if np.ptp(difference) <= rounding:  # equal in every run but for the rounding of two scores
        difference = np.full(len(own), 0.0 if abs(difference[0]) <= rounding else difference[0])
    return corrected_t_test(difference, n_train=n_train, n_test=float(first["n_rows"].mean()), level=level)
