"""The table of held-out predictions, written from model outputs and read back as aligned arrays.

One row per model x seed x held-out row: `model seed fold part sample_id group truth prediction p_0 ... p_{C-1}`. For
classification `p_c` are probabilities of the classes in their declared order, for multilabel one probability a label
(`truth` and `prediction` are names joined by `|`), for regression `p_0` is the value.

Assumes that every seed predicted the same rows; says so when not. Units of resampling are groups where the table has
at least two, else rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmcore.errors import InputError, unknown_name

TASKS = ("classification", "multilabel", "regression")
COLUMNS = ("model", "seed", "fold", "part", "sample_id", "group", "truth", "prediction")
PARTS = ("valid", "test")


@dataclass(frozen=True, eq=False)
class Predicted:
    """One model's predictions for n rows under S seeds, rows sorted by `sample_id`.

    Attributes:
        model: its name in the table.
        task: "classification", "multilabel" or "regression".
        classes: the C class or label names; empty for regression.
        truth: (n,) int codes, (n, C) bool, or (n,) float.
        prediction: (S, n) int codes, (S, n, C) bool, or (S, n) float.
        scores: (S, n, C) probabilities, or (S, n, 1) values for regression.
        sample_ids: (n,) str.
        units: (n,) int, which resampling unit (group, else row) a row belongs to, 0 .. n_units-1.
        unit: "group" or "sample".
        seeds: the S seeds, ascending.
    """

    model: str
    task: str
    classes: tuple[str, ...]
    truth: np.ndarray
    prediction: np.ndarray
    scores: np.ndarray
    sample_ids: np.ndarray
    units: np.ndarray
    unit: str
    seeds: tuple[int, ...]

    @property
    def n_units(self) -> int:
        """Number of resampling units."""
        return int(self.units.max()) + 1

    def __repr__(self) -> str:
        return f"Predicted({self.model}, {len(self.truth)} rows, {self.n_units} {self.unit}s, {len(self.seeds)} seeds)"

    def keep(self, rows: np.ndarray) -> Predicted:
        """Return the predictions of some rows only; units are renumbered. `rows`: (n,) bool, at least one True."""
        units = np.unique(self.units[rows], return_inverse=True)[1]
        return Predicted(
            self.model, self.task, self.classes, self.truth[rows], self.prediction[:, rows], self.scores[:, rows],
            self.sample_ids[rows], units, self.unit, self.seeds,
        )  # fmt: skip

    def of_seed(self, place: int) -> Predicted:
        """Return the predictions under the seed at `place` alone."""
        one = slice(place, place + 1)
        return Predicted(
            self.model, self.task, self.classes, self.truth, self.prediction[one], self.scores[one], self.sample_ids,
            self.units, self.unit, self.seeds[one],
        )  # fmt: skip


def probabilities(outputs: np.ndarray, task: str) -> np.ndarray:
    """Return (n, C) probabilities from a model's (n, C) logits; regression values pass unchanged.

    Example:
        >>> probabilities(np.array([[0.0, 0.0]]), "classification").tolist()
        [[0.5, 0.5]]
    """
    _check_task(task)
    values = np.asarray(outputs, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InputError("outputs", f"shape {values.shape}", "finite numbers (n, C)", "Check the model for divergence.")
    if task == "classification":
        shifted = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
    # tanh never overflows, unlike exp of a large negative logit
    return 0.5 * (1.0 + np.tanh(0.5 * values)) if task == "multilabel" else values


def prediction_frame(
    outputs: np.ndarray, truth: np.ndarray, sample_ids: Sequence[str] | np.ndarray, *, model: str, seed: int, fold: int,
    part: str, task: str, classes: Sequence[str] = (), groups: np.ndarray | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the table rows of one model's outputs on some held-out rows.

    Args:
        outputs: (n, C) logits (classification, multilabel) or (n, 1) values (regression).
        truth: as `Dataset.labels()` gives it: (n,) int codes, (n, C) 0/1, or (n,) float; no unlabelled rows.
        sample_ids: (n,) names of the rows.
        model, seed, fold, part: copied into each row; `part` is "valid" or "test".
        task, classes: of the label; `classes` in the order of the output columns.
        groups: (n,) leakage units, or None.

    Raises:
        InputError: for shapes that disagree, unlabelled rows, an unknown task or part.

    Example:
        >>> f = prediction_frame([[2.0, 0.0]], np.array([0]), ["r1"], model="late_fusion", seed=0, fold=0, part="test",
        ...                      task="classification", classes=["no", "yes"])
        >>> f[["truth", "prediction"]].values.tolist()
        [['no', 'no']]
    """
    if part not in PARTS:
        raise unknown_name("part", part, PARTS)
    scores = probabilities(np.asarray(outputs), task)
    actual = np.asarray(truth)
    width = 1 if task == "regression" else len(classes)
    expected = (len(actual), width)
    if scores.shape != expected or len(sample_ids) != len(actual):
        raise InputError("outputs", f"shape {scores.shape}, {len(sample_ids)} ids", expected, "Pass one row a sample.")
    if task == "multilabel" and any("|" in str(name) for name in classes):
        raise InputError("classes", "a name with '|'", "names without '|'", "Rename it: '|' joins names in the table.")
    if (actual < 0).any() if task == "classification" else not np.isfinite(actual.astype(float)).all():
        raise InputError("truth", "unlabelled rows", "labelled rows only", "Leave unlabelled rows out of evaluation.")
    names = np.asarray(classes, dtype=object)
    columns: dict[str, Any] = {
        "model": model, "seed": int(seed), "fold": int(fold), "part": part,
        "sample_id": [str(name) for name in sample_ids],
        "group": [None] * len(actual) if groups is None else [str(group) for group in groups],
    }  # fmt: skip
    if task == "classification":
        columns |= {"truth": names[actual.astype(int)], "prediction": names[scores.argmax(axis=1)]}
    elif task == "multilabel":
        columns |= {
            "truth": ["|".join(names[row.astype(bool)]) for row in actual],
            "prediction": ["|".join(names[row > 0.5]) for row in scores],
        }
    else:
        columns |= {"truth": actual.astype(float), "prediction": scores[:, 0]}
    frame = pd.DataFrame(columns, index=range(len(actual)))
    return frame.assign(**{f"p_{c}": scores[:, c] for c in range(width)})


def read_predictions(
    frame: pd.DataFrame, model: str, *, task: str, classes: Sequence[str] = (), part: str
) -> Predicted:
    """Return one model's rows of the table as aligned arrays.

    Args:
        frame: the predictions table; other models and parts in it are ignored.
        model: name in its `model` column.
        task, classes: of the label; `classes` in the order of the `p_` columns.
        part: "valid" or "test".

    Raises:
        InputError: for missing columns, an unknown model, duplicated rows, or seeds that predicted different rows.

    Example:
        >>> f = prediction_frame([[2.0, 0.0]], np.array([1]), ["r1"], model="early_fusion", seed=3, fold=0, part="test",
        ...                      task="classification", classes=["no", "yes"])
        >>> read_predictions(f, "early_fusion", task="classification", classes=["no", "yes"], part="test")
        Predicted(early_fusion, 1 rows, 1 samples, 1 seeds)
    """
    _check_task(task)
    if part not in PARTS:
        raise unknown_name("part", part, PARTS)
    width = 1 if task == "regression" else len(classes)
    scored = [f"p_{c}" for c in range(width)]
    missing = [name for name in (*COLUMNS, *scored) if name not in frame.columns]
    if missing or not scored:
        raise InputError("predictions", f"no column {', '.join(missing) or 'p_0'}", ", ".join(COLUMNS) + ", p_0 ...",
                         "Write the table with prediction_frame and declare the classes.")  # fmt: skip
    held_out = frame[frame["part"] == part]
    known = sorted(map(str, held_out["model"].unique()))
    if model not in known:
        raise unknown_name("model", model, known)
    table = held_out[held_out["model"] == model].sort_values(["seed", "sample_id"], kind="stable")
    seeds = tuple(int(seed) for seed in sorted(table["seed"].unique()))
    by_seed = [table[table["seed"] == seed] for seed in seeds]
    first = by_seed[0]
    ids = first["sample_id"].to_numpy(dtype=str)
    _check_same_rows(model, seeds, by_seed, ids)
    units, unit = _units(first["group"])
    decode = {"classification": _codes, "multilabel": _indicators, "regression": _values}[task]
    names = tuple(str(name) for name in classes)
    return Predicted(
        model=model, task=task, classes=names, truth=decode("truth", first["truth"], names),
        prediction=np.stack([decode("prediction", block["prediction"], names) for block in by_seed]),
        scores=np.stack([block[scored].to_numpy(dtype=float) for block in by_seed]),
        sample_ids=ids, units=units, unit=unit, seeds=seeds,
    )  # fmt: skip


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)


def _check_same_rows(model: str, seeds: tuple[int, ...], blocks: list[pd.DataFrame], ids: np.ndarray) -> None:
    for seed, block in zip(seeds, blocks):
        names = block["sample_id"].to_numpy(dtype=str)
        if len(np.unique(names)) != len(names):
            raise InputError("predictions", f"{model}, seed {seed}: a row predicted twice", "each row once per seed",
                             "Let each fold test its own rows only.")  # fmt: skip
        if not np.array_equal(names, ids):
            raise InputError("predictions", f"{model}: other rows under seed {seed} than {seeds[0]}",
                             "the same rows under every seed", "Finish the runs before evaluating.")  # fmt: skip


def _units(groups: pd.Series) -> tuple[np.ndarray, str]:
    if groups.notna().all() and groups.nunique() > 1:
        return np.unique(groups.to_numpy(dtype=str), return_inverse=True)[1], "group"
    return np.arange(len(groups)), "sample"


def _codes(column: str, values: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    codes = pd.Index(classes).get_indexer(pd.Index([str(value) for value in values.to_numpy(dtype=object)]))
    if (codes < 0).any():
        stranger = values.to_numpy()[int(np.argmax(codes < 0))]
        raise InputError(f"predictions.{column}", stranger, ", ".join(classes), "Declare this class in the label.")
    return np.asarray(codes)


def _indicators(column: str, values: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    place = {name: index for index, name in enumerate(classes)}
    table = np.zeros((len(values), len(classes)), dtype=bool)
    for row, value in enumerate(values):
        for name in filter(None, str(value).split("|")):
            if name not in place:
                raise InputError(f"predictions.{column}", name, ", ".join(classes), "Declare this label.")
            table[row, place[name]] = True
    return table


def _values(column: str, values: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        raise InputError(f"predictions.{column}", "a value that is no finite number", "numbers", "Drop those rows.")
    return numbers
