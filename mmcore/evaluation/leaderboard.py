"""Many models over many datasets: ranks, scaled scores, wins, and which differences are more than chance.

    R_m = mean over N datasets of the rank of model m (1 is best, ties share)
    Friedman  chi2 of the ranks (corrected for ties),   F = (N - 1) chi2 / (N (k - 1) - chi2), k - 1, (k - 1)(N - 1)
    Nemenyi   two models differ where |R_a - R_b| >= q_{a,k} sqrt(k (k + 1) / (6 N)),  q: studentised range / sqrt 2
    Wilcoxon  exact, signed ranks of the N differences of two models, p adjusted over all pairs (Holm)

Demsar 2006 (JMLR 7) for all of it; F is Iman & Davenport 1980. Datasets are the units: one number a model and dataset,
its noise not modelled. Nemenyi's verdict on two models depends on who else is listed, Wilcoxon's does not (Benavoli et
al. 2016, JMLR 17), so pairs are decided by Wilcoxon. With N datasets no Wilcoxon p is below 2 / 2^N: six datasets at
least for one pair at 5 %, more for many. `scaled_mean` is the mean of (value - worst) / (best - worst) within each
dataset over the models listed, so it changes with the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f, friedmanchisquare, rankdata, studentized_range

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.interval import check_level
from mmcore.evaluation.paired import holm

COLUMNS = ("dataset", "model", "value")
DIFFERENCES = ("raw", "scaled")
MISSING = ("refuse", "drop_datasets")


@dataclass(frozen=True)
class Entry:
    """One model: mean rank, mean scaled score (None where no dataset tells models apart), wins (ties shared)."""

    model: str
    mean_rank: float
    scaled_mean: float | None
    wins: float


@dataclass(frozen=True)
class Pair:
    """Two models over the datasets: medians of `first` less `second` (higher is better), Wilcoxon's p, Holm's."""

    first: str
    second: str
    median_difference: float
    p: float
    p_adjusted: float
    differ: bool


@dataclass(frozen=True)
class Leaderboard:
    """Models by mean rank, best first, with the tests; `friedman_*` and the distance are None for two models."""

    entries: tuple[Entry, ...]
    datasets: tuple[str, ...]
    dropped: tuple[str, ...]
    friedman_chi2: float | None
    friedman_f: float | None
    friedman_p: float | None
    critical_distance: float | None
    pairs: tuple[Pair, ...]
    differences: str
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; a statistic that is infinite (every dataset ranks alike) becomes None."""
        content = {**vars(self), "entries": [vars(e) for e in self.entries], "pairs": [vars(p) for p in self.pairs]}
        if self.friedman_f is not None and not np.isfinite(self.friedman_f):
            content["friedman_f"] = None
        return {**content, "datasets": list(self.datasets), "dropped": list(self.dropped)}


def oriented_scores(
    scores: pd.DataFrame, higher_is_better: bool | Mapping[str, bool], *, missing: str = "refuse"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the (dataset x model) table with higher better everywhere, and the datasets dropped for a missing cell.

    Args:
        scores: one row a dataset and model: `dataset model value`, seeds averaged.
        higher_is_better: of all, or of each dataset.
        missing: `refuse`, or `drop_datasets` that lack a model.

    Raises:
        InputError: for missing columns, a cell given twice or not at all, a value that is not finite, or a dataset
            without a direction.

    Example:
        >>> s = pd.DataFrame({"dataset": ["d", "d"], "model": ["a", "b"], "value": [0.4, 0.3]})
        >>> oriented_scores(s, {"d": False})[0].loc["d"].tolist()
        [-0.4, -0.3]
    """
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)
    absent = [c for c in COLUMNS if c not in scores.columns]
    if absent or scores.empty:
        raise InputError("scores", f"no {', '.join(absent) or 'row'}", ", ".join(COLUMNS), "Give one row a score.")
    twice = scores.duplicated(["dataset", "model"])
    if twice.any():
        row = scores[twice].iloc[0]
        raise InputError("scores", f"{row['model']} on {row['dataset']} twice", "one value each", "Average the seeds.")
    table = scores.pivot(index="dataset", columns="model", values="value").astype(float)
    whole = np.isfinite(table.to_numpy()).all(axis=1)
    dropped = tuple(str(name) for name in table.index[~whole])
    if dropped and missing == "refuse":
        name = dropped[0]
        lacking = ", ".join(map(str, table.columns[~np.isfinite(table.loc[name].to_numpy())]))
        raise InputError("scores", f"no finite value of {lacking} on {name}", "every model on every dataset",
                         "Score it, leave out the model, or pass missing='drop_datasets'.")  # fmt: skip
    table = table[whole]
    if isinstance(higher_is_better, Mapping):
        for name in table.index:
            if name not in higher_is_better:
                raise InputError("higher_is_better", f"no entry for {name}", "one a dataset", "Give its direction.")
        signs = np.array([1.0 if higher_is_better[name] else -1.0 for name in table.index])
    else:
        signs = np.full(len(table), 1.0 if higher_is_better else -1.0)
    return table * signs[:, None], dropped


def scaled_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return an oriented table scaled within each dataset, worst 0 and best 1; NaN where all models are equal.

    Example:
        >>> scaled_scores(pd.DataFrame([[1.0, 3.0, 2.0]])).values.tolist()
        [[0.0, 1.0, 0.5]]
    """
    low, high = table.min(axis=1), table.max(axis=1)
    return table.sub(low, axis=0).div((high - low).where(high > low), axis=0)


def leaderboard(
    scores: pd.DataFrame, higher_is_better: bool | Mapping[str, bool], *, level: float = 0.95,
    differences: str = "raw", missing: str = "refuse",
) -> Leaderboard:  # fmt: skip
    """Return the models ranked over datasets, with the tests of their differences.

    Args:
        scores: one row a dataset and model: `dataset model value`, seeds averaged.
        higher_is_better: of all, or of each dataset.
        level: two models differ where Holm's p is below 1 - level; also of Nemenyi's distance.
        differences: what Wilcoxon ranks: `raw` scores, for one metric everywhere, or `scaled` ones.
        missing: `refuse`, or `drop_datasets` that lack a model (they are listed).

    Raises:
        InputError: for fewer than two models or datasets, raw differences of metrics of both directions, or as
            `oriented_scores`.

    Example:
        >>> s = pd.DataFrame([(d, m, v + i) for i, d in enumerate("pqrstu") for m, v in (("a", 0.5), ("b", 0.2))],
        ...                  columns=["dataset", "model", "value"])
        >>> board = leaderboard(s, True)
        >>> board.entries[0].model, board.entries[0].wins, board.pairs[0].p
        ('a', 6.0, 0.03125)
    """
    if differences not in DIFFERENCES:
        raise unknown_name("differences", differences, DIFFERENCES)
    table, dropped = oriented_scores(scores, higher_is_better, missing=missing)
    if min(table.shape) < 2:
        raise InputError("scores", f"{table.shape[1]} models on {table.shape[0]} datasets", "two or more of both",
                         "A leaderboard compares models over datasets; add some.")  # fmt: skip
    directions = {higher_is_better[n] if isinstance(higher_is_better, Mapping) else True for n in table.index}
    if differences == "raw" and len(directions) > 1:
        raise InputError("differences", "raw, over metrics of both directions", "scaled",
                         "Differences of an accuracy and of an error have no common rank.")  # fmt: skip
    values, models = table.to_numpy(), [str(name) for name in table.columns]
    ranks = rankdata(-values, axis=1)
    scaled = scaled_scores(table)
    # a column of NaN only has no mean: no dataset told the models apart
    means = scaled.mean(axis=0).to_numpy()
    best = values == values.max(axis=1, keepdims=True)
    wins = (best / best.sum(axis=1, keepdims=True)).sum(axis=0)
    entries = [
        Entry(name, float(ranks[:, j].mean()), float(means[j]) if np.isfinite(means[j]) else None, float(wins[j]))
        for j, name in enumerate(models)
    ]
    chi2, statistic, p = _friedman(values)
    compared = values if differences == "raw" else scaled.fillna(0.0).to_numpy()
    return Leaderboard(
        tuple(sorted(entries, key=lambda e: (e.mean_rank, e.model))), tuple(map(str, table.index)), dropped,
        chi2, statistic, p, nemenyi_distance(len(models), len(table), level=level) if len(models) > 2 else None,
        _pairs(compared, models, check_level(level)), differences, level,
    )  # fmt: skip


def nemenyi_distance(n_models: int, n_datasets: int, *, level: float = 0.95) -> float:
    """Return how far apart two mean ranks must be (Nemenyi 1963; Demsar 2006, equation after table 5).

    Example:
        >>> round(nemenyi_distance(4, 14), 2)
        1.25
    """
    if n_models < 2 or n_datasets < 1:
        raise InputError("n_models, n_datasets", f"{n_models}, {n_datasets}", "2 and 1 or more", "Add models.")
    q = _critical_value(n_models, check_level(level))
    return float(q * np.sqrt(n_models * (n_models + 1) / (6.0 * n_datasets)))


@lru_cache(maxsize=64)
def _critical_value(n_models: int, level: float) -> float:
    # the quantile is an integral solved for its bound: 25 ms a call
    return float(studentized_range.ppf(level, n_models, np.inf) / np.sqrt(2.0))


def signed_rank_p(differences: np.ndarray) -> float:
    """Return Wilcoxon's exact two-sided p of (N,) differences; zeros are left out, ties share their rank.

    The law of the rank sum under random signs is convolved rank by rank, so it is exact with ties too, where scipy
    resorts to an approximation or to drawn permutations.

    Example:
        >>> signed_rank_p(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.0]))  # 2 / 2^5
        0.0625
    """
    moved = np.asarray(differences, dtype=float)
    moved = moved[moved != 0.0]
    if not len(moved):
        return 1.0
    doubled = np.rint(2.0 * rankdata(np.abs(moved))).astype(np.int64)  # shared ranks are halves
    law = np.ones(1)
    for rank in doubled.tolist():
        law = 0.5 * (np.pad(law, (0, rank)) + np.pad(law, (rank, 0)))
    centre = doubled.sum() / 2.0
    reached = abs(float(doubled[moved > 0].sum()) - centre)
    return min(1.0, float(law[np.abs(np.arange(len(law)) - centre) >= reached - 1e-9].sum()))


def _friedman(values: np.ndarray) -> tuple[float | None, float | None, float | None]:
    n, k = values.shape
    if k < 3:
        return None, None, None
    if (values == values[:, :1]).all():
        return 0.0, 0.0, 1.0
    chi2 = float(friedmanchisquare(*values.T).statistic)
    room = n * (k - 1) - chi2
    if room <= 1e-9:  # every dataset ranks the models alike
        return chi2, float("inf"), 0.0
    statistic = (n - 1) * chi2 / room
    return chi2, statistic, float(f.sf(statistic, k - 1, (k - 1) * (n - 1)))


def _pairs(values: np.ndarray, models: list[str], level: float) -> tuple[Pair, ...]:
    found = []
    for a, b in combinations(range(len(models)), 2):
        # rounding must not turn a tie into a difference
        difference = np.round(values[:, a] - values[:, b], 12)
        found.append((models[a], models[b], float(np.median(difference)), signed_rank_p(difference)))
    adjusted = holm([p for *_, p in found])
    return tuple(Pair(*entry, q, q < 1.0 - level) for entry, q in zip(found, adjusted, strict=True))
