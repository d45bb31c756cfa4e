"""How a method does on the datasets it was proposed on (in-domain) and on others (out-domain).

    gain of a dataset = (best out-domain - r) / |r|,   r = the better of the best in-domain and the best unimodal score
    a method's two sides = mean and variance over datasets of its scaled score, in-domain and out-domain

The definition and table 7.2 of Liang's thesis (CMU 2024, section 7.5; MultiBench, Liang et al. 2021). Which method was
proposed where is a matter of the literature, so it comes as a table and nothing is assumed: the thesis states MFAS on
AV-MNIST and MM-IMDB, MulT and MCTN on the affect datasets, Gradient Blending on video with audio. Errors (lower is
better) are compared by their size, so a gain is a relative reduction. Unimodal models are rivals on every dataset and
belong to no side. Best-of-many is optimistic on either side, more so with more methods; counts are given beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.leaderboard import COLUMNS, scaled_scores
from mmcore.evaluation.verdict import UNIMODAL


@dataclass(frozen=True)
class DatasetDomains:
    """One dataset: best scores of each side in the metric's own unit, and the relative gain of the out-domain ones.

    `improvement` is the gain where it is positive, else None, as the thesis prints it.
    """

    dataset: str
    unimodal: str | None
    unimodal_value: float | None
    in_domain: str | None
    in_domain_value: float | None
    n_in_domain: int
    out_domain: str | None
    out_domain_value: float | None
    n_out_domain: int
    gain: float | None
    improvement: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


@dataclass(frozen=True)
class ModelDomains:
    """One method: mean and variance (n - 1) of its scaled scores over the datasets of each side, None where too few."""

    model: str
    in_domain_mean: float | None
    in_domain_variance: float | None
    n_in_domain: int
    out_domain_mean: float | None
    out_domain_variance: float | None
    n_out_domain: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


def dataset_domains(
    scores: pd.DataFrame, in_domain: Mapping[str, Sequence[str]], higher_is_better: bool | Mapping[str, bool]
) -> list[DatasetDomains]:
    """Return for each dataset the best unimodal, in-domain and out-domain score and the gain.

    Args:
        scores: one row a dataset and model: `dataset model value`, seeds averaged; cells may be missing.
        in_domain: model -> the datasets it was proposed on, an empty list for none; each fusion must be named.
        higher_is_better: of all, or of each dataset.

    Raises:
        InputError: for missing columns, a cell twice, a value that is not finite, a fusion that `in_domain` does not
            name, a dataset there that has no scores, or a dataset without a direction.

    Example:
        >>> s = pd.DataFrame({"dataset": "mustard", "model": ["unimodal:text", "mctn", "mult"],
        ...                   "value": [68.6, 66.3, 71.8]})
        >>> d = dataset_domains(s, {"mctn": ["mustard"], "mult": []}, True)[0]
        >>> d.out_domain, round(d.improvement, 3)
        ('mult', 0.047)
    """
    _check(scores, in_domain)
    found = []
    for dataset, rows in scores.groupby("dataset", sort=False):
        sign = 1.0 if _direction(higher_is_better, str(dataset)) else -1.0
        values = dict(zip(map(str, rows["model"]), rows["value"].astype(float), strict=True))
        alone = {m: v for m, v in values.items() if m.startswith(UNIMODAL)}
        inside = {m: v for m, v in values.items() if m not in alone and dataset in in_domain[m]}
        outside = {m: v for m, v in values.items() if m not in alone and m not in inside}
        best = [_best(part, sign) for part in (alone, inside, outside)]
        gain = _gain(best, sign)
        found.append(DatasetDomains(
            str(dataset), *best[0], *best[1], len(inside), *best[2], len(outside), gain,
            gain if gain is not None and gain > 0 else None,
        ))  # fmt: skip
    return found


def model_domains(
    scores: pd.DataFrame, in_domain: Mapping[str, Sequence[str]], higher_is_better: bool | Mapping[str, bool]
) -> list[ModelDomains]:
    """Return for each fusion the mean and variance of its scaled scores on either side.

    Scores are scaled within each dataset over all models that were scored there, worst 0 and best 1; a dataset that
    tells no two models apart is left out. Arguments and errors are those of `dataset_domains`.

    Example:
        >>> s = pd.DataFrame([("d", "a", 1.0), ("d", "b", 0.0), ("e", "a", 0.0), ("e", "b", 1.0)],
        ...                  columns=["dataset", "model", "value"])
        >>> [(m.model, m.in_domain_mean, m.out_domain_mean) for m in model_domains(s, {"a": ["d"], "b": []}, True)]
        [('a', 1.0, 0.0), ('b', None, 0.5)]
    """
    _check(scores, in_domain)
    table = scores.pivot(index="dataset", columns="model", values="value").astype(float)
    signs = np.array([1.0 if _direction(higher_is_better, str(name)) else -1.0 for name in table.index])
    scaled = scaled_scores(table * signs[:, None])
    found = []
    for model in dict.fromkeys(map(str, scores["model"])):
        if model.startswith(UNIMODAL):
            continue
        own = scaled[model].dropna()
        inside = own.index.isin(list(in_domain[model]))
        found.append(ModelDomains(model, *_moments(own[inside].to_numpy()), *_moments(own[~inside].to_numpy())))
    return found


def _check(scores: pd.DataFrame, in_domain: Mapping[str, Sequence[str]]) -> None:
    absent = [c for c in COLUMNS if c not in scores.columns]
    if absent or scores.empty:
        raise InputError("scores", f"no {', '.join(absent) or 'row'}", ", ".join(COLUMNS), "Give one row a score.")
    if scores.duplicated(["dataset", "model"]).any():
        raise InputError("scores", "a model on a dataset twice", "one value each", "Average the seeds.")
    if not np.isfinite(scores["value"].to_numpy(dtype=float)).all():
        raise InputError("scores", "a value that is not finite", "finite numbers", "Leave out undefined scores.")
    for model in map(str, scores["model"].unique()):
        if not model.startswith(UNIMODAL) and model not in in_domain:
            raise InputError("in_domain", f"no entry for {model}", "one a fusion", "Name its datasets, or give [].")
    known = set(map(str, scores["dataset"]))
    for model, datasets in in_domain.items():
        if isinstance(datasets, str):
            raise InputError(f"in_domain of {model}", datasets, "a list of names", "Put the name in a list.")
        for dataset in datasets:
            if dataset not in known:
                raise unknown_name(f"in_domain of {model}", dataset, known)


def _direction(higher_is_better: bool | Mapping[str, bool], dataset: str) -> bool:
    if not isinstance(higher_is_better, Mapping):
        return higher_is_better
    if dataset not in higher_is_better:
        raise InputError("higher_is_better", f"no entry for {dataset}", "one a dataset", "Give its direction.")
    return higher_is_better[dataset]


def _best(values: Mapping[str, float], sign: float) -> tuple[str | None, float | None]:
    if not values:
        return None, None
    name = min(values, key=lambda m: (-sign * values[m], m))
    return name, values[name]


def _gain(best: list[tuple[str | None, float | None]], sign: float) -> float | None:
    """Relative gain of the out-domain best; None without both sides of the comparison, or over a score of zero."""
    rivals = [value for _, value in best[:2] if value is not None]
    outside = best[2][1]
    if not rivals or outside is None:
        return None
    reference = max(rivals) if sign > 0 else min(rivals)
    return sign * (outside - reference) / abs(reference) if reference != 0.0 else None


def _moments(values: np.ndarray) -> tuple[float | None, float | None, int]:
    mean = float(values.mean()) if len(values) else None
    return mean, float(values.var(ddof=1)) if len(values) > 1 else None, len(values)
