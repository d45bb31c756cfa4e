"""Ways to choose a model, what each loses, and the interval of the difference between two ways over datasets.

    chosen = the model of a set with the best validation accuracy,     regret = max_m test(m) - test(chosen)
    relative accuracy = test(chosen) / max_m test(m),                  m over every model that was trained

A set holds what a way proposes: three models by the bank, late fusion alone, three drawn at random, ... Accuracies are
means over seeds. Of three models drawn at random among N the expected value is exact: all sets are enumerated, and
models of equal validation accuracy share the choice. Elsewhere the model that is proposed first wins a tie.

The best test accuracy of many models is above what any of them expects on other rows, so even the best choice has
regret; `from_validation` is the difference to the model that validation rows choose among all, which has no such excess
and may be negative, and `of_validation` the ratio to it.

Datasets of one source (pairs of one set of rows, label versions of the same images) are not independent, so an
interval leaves out one source at a time (delete-one-cluster jackknife, CV3, Student with G - 1 degrees of freedom),
around the plain mean over datasets. Few datasets with large differences make that interval wide on both sides, so the
share of sign changes of whole sources whose mean is at least as far from zero stands beside it (an exact test of
differences symmetric about zero; Fisher 1935, The design of experiments, section 21), and the interval of the shifts
that this test does not reject. Parts of one dataset are averaged
first. Reference: thesis section 3.3.4 and table 3.5, which gives the best of three on the same rows that are reported
(`best_of_set` here) and no alternatives.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from mmcore.errors import InputError
from mmcore.evaluation.interval import standard_error

Float = NDArray[np.float64]

MOST_SOURCES = 20
VALUES = ("accuracy", "relative", "regret", "from_validation", "of_validation", "best_of_set")


@dataclasses.dataclass(frozen=True)
class Measured:
    """The models that were trained on one dataset, best validation accuracy nowhere sorted: (m,) means over seeds."""

    models: tuple[str, ...]
    valid: Float
    test: Float

    def places(self, wanted: Sequence[str]) -> list[int]:
        """Return where the models of a set stand, in the order of the set; those not trained are left out."""
        return [self.models.index(name) for name in wanted if name in self.models]


def measured_models(table: pd.DataFrame) -> Measured:
    """Return the models of one dataset from its rows of the table of accuracies.

    Raises:
        InputError: where no model was trained.
    """
    trained = table[table["status"] == "trained"]
    if trained.empty:
        raise InputError("table", "no trained model", "one or more", "Measure the dataset first.")
    means = trained.groupby("method", sort=False)[["accuracy_valid", "accuracy_test"]].mean()
    return Measured(
        tuple(map(str, means.index)), means["accuracy_valid"].to_numpy(float), means["accuracy_test"].to_numpy(float)
    )


def outcome(found: Measured, wanted: Sequence[str]) -> dict[str, Any]:
    """Return what the choice among a set comes to: the model chosen and `VALUES`.

    Raises:
        InputError: where no model of the set was trained.

    Example:
        >>> found = Measured(("a", "b", "c"), np.array([0.8, 0.9, 0.7]), np.array([0.8, 0.7, 0.9]))
        >>> chosen = outcome(found, ["a", "b"])
        >>> chosen["chosen"], round(chosen["regret"], 3), round(chosen["best_of_set"], 3)
        ('b', 0.2, 0.889)
    """
    places = found.places(wanted)
    if not places:
        raise InputError("wanted", ", ".join(wanted) or "none", ", ".join(found.models), "Measure one of them.")
    at = max(places, key=lambda place: found.valid[place])  # the first of equals
    best, judge = float(found.test.max()), int(np.argmax(found.valid))
    test = float(found.test[at])
    return {
        "chosen": found.models[at],
        "accuracy": test,
        "relative": test / best,
        "regret": best - test,
        "from_validation": float(found.test[judge]) - test,
        "of_validation": test / float(found.test[judge]),
        "best_of_set": float(found.test[places].max()) / best,
    }


def random_outcome(found: Measured, size: int) -> dict[str, Any]:
    """Return the expected outcome of `size` models drawn at random, over all sets of that size.

    Example:
        >>> found = Measured(("a", "b"), np.array([0.8, 0.8]), np.array([0.8, 0.6]))
        >>> round(random_outcome(found, 1)["regret"], 3), round(random_outcome(found, 2)["regret"], 3)
        (0.1, 0.1)
    """
    if not 1 <= size <= len(found.models):
        raise InputError("size", size, f"1 to {len(found.models)}", "Draw no more models than were trained.")
    sets = np.array(list(itertools.combinations(range(len(found.models)), size)))
    valid, test = found.valid[sets], found.test[sets]
    chosen = valid == valid.max(axis=1, keepdims=True)
    accuracy = float(((test * chosen).sum(axis=1) / chosen.sum(axis=1)).mean())
    best, judge = float(found.test.max()), int(np.argmax(found.valid))
    return {
        "chosen": f"{size} of {len(found.models)} at random",
        "accuracy": accuracy,
        "relative": accuracy / best,
        "regret": best - accuracy,
        "from_validation": float(found.test[judge]) - accuracy,
        "of_validation": accuracy / float(found.test[judge]),
        "best_of_set": float(test.max(axis=1).mean()) / best,
    }


def over_datasets(table: pd.DataFrame) -> pd.DataFrame:
    """Return `VALUES` of each way and dataset, parts averaged.

    Args:
        table: columns way, entry (`dataset` or `dataset@part`), source, family and `VALUES`.
    """
    named = table.assign(dataset=table["entry"].str.partition("@")[0])
    kept = named.groupby(["way", "dataset", "source", "family"], sort=False)[list(VALUES)].mean()
    return kept.reset_index()


def clustered_mean(values: Float, sources: Sequence[str], *, level: float = 0.95) -> dict[str, Any]:
    """Return the mean over datasets with its leave-one-source-out interval.

    Args:
        values: (n,) of each dataset.
        sources: (n,) its source.
        level: of the interval.

    Returns:
        `value`, `low`, `high` (None where there is one source), `n_datasets`, `n_sources`.

    Raises:
        InputError: for no value.

    Example:
        >>> found = clustered_mean(np.array([1.0, 1.0, 3.0]), ["a", "a", "b"])
        >>> round(found["value"], 3), found["n_sources"]
        (1.667, 2)
    """
    names = np.asarray(sources)
    if not len(values):
        raise InputError("values", "none", "one dataset or more", "Measure the datasets first.")
    value, groups = float(values.mean()), np.unique(names)
    found: dict[str, Any] = {"value": value, "low": None, "high": None}
    if len(groups) > 1:
        without = np.array([values[names != group].mean() for group in groups])
        reach = float(t.ppf(0.5 + level / 2.0, len(groups) - 1)) * standard_error(value, without)
        found |= {"low": value - reach, "high": value + reach}
    return found | {"n_datasets": len(values), "n_sources": len(groups)}


def sign_flip(values: Float, sources: Sequence[str]) -> float:
    """Return the two-sided p of a mean difference: the share of all sign changes of sources that are as far from zero.

    Args:
        values: (n,) differences of each dataset.
        sources: (n,) its source; at most 20 different ones.

    Example:
        >>> sign_flip(np.array([1.0, 2.0, 3.0]), ["a", "b", "c"])
        0.25
    """
    totals = pd.Series(values).groupby(np.asarray(sources)).sum().to_numpy()
    if len(totals) > MOST_SOURCES:
        raise InputError("sources", len(totals), f"at most {MOST_SOURCES}", "All sign changes are enumerated.")
    sums = np.zeros(1)
    for total in totals:
        sums = np.concatenate([sums + total, sums - total])
    return float(np.mean(np.abs(sums) >= abs(totals.sum()) - 1e-12))


def sign_flip_interval(values: Float, sources: Sequence[str], *, level: float = 0.95) -> list[float | None]:
    """Return the interval of a mean difference that holds every shift which `sign_flip` does not reject.

    With so few sources that no sign change is rare enough, both ends are None. Assumes differences symmetric about
    their mean; found by bisection, to a thousandth of the largest difference.

    Example:
        >>> low, high = sign_flip_interval(np.array([1.0, 1.1, 0.9, 1.2, 1.0, 1.1, 0.9, 1.0]), list("abcdefgh"))
        >>> bool(0.9 < low < 1.0 < high < 1.15)
        True
    """
    mean, reach = float(values.mean()), 2.0 * float(np.abs(values).max()) + 1e-9
    if sign_flip(values - mean - reach, sources) > 1.0 - level:
        return [None, None]
    ends: list[float | None] = []
    for side in (-1.0, 1.0):
        inside, outside = 0.0, reach
        while outside - inside > 1e-3 * reach:
            middle = (inside + outside) / 2.0
            rejected = sign_flip(values - mean - side * middle, sources) <= 1.0 - level
            inside, outside = (inside, middle) if rejected else (middle, outside)
        ends.append(mean + side * outside)
    return ends


def summary(table: pd.DataFrame, *, against: str) -> dict[str, Any]:
    """Return of each way the means of `VALUES` over datasets, and the paired difference of its regret to `against`.

    Args:
        table: of `over_datasets`.
        against: a way; the difference is the regret of `against` less that of the other, so that below zero means that
            `against` loses less.
    """
    wide = table.pivot(index="dataset", columns="way", values="regret")
    sources = table.drop_duplicates("dataset").set_index("dataset")["source"].reindex(wide.index).tolist()
    found: dict[str, Any] = {}
    for way, rows in table.groupby("way", sort=False):
        told: Mapping[str, Any] = {
            value: clustered_mean(rows[value].to_numpy(float), rows["source"].tolist()) for value in VALUES
        }
        difference = (wide[against] - wide[way]).to_numpy(float)
        exact = sign_flip_interval(difference, sources)
        apart = clustered_mean(difference, sources) | {"p": sign_flip(difference, sources), "exact": exact}
        found[str(way)] = dict(told) | {f"regret_of_{against}_less": apart}
    return found
