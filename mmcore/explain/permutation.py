"""Permutation importance of a modality: how much the score drops when its rows are shuffled among the tested rows.

    drop_m = mean_i score_i(x) - mean_r mean_i score_i(x with modality m taken from row pi_r(i))

Reference: Breiman 2001, section 10; Fisher, Rudin & Dominici 2019. A modality moves whole, with its presence, so that
its own distribution stays; what breaks is its link to the label and to the other modalities. Unlike the Shapley value
it asks what the model relies on with everything else in place: a redundant modality drops little, and a synergistic
pair drops fully for each member, so drops do not add up. Shuffling makes pairs that never occur (Hooker et al. 2021).
The interval goes over groups (else rows) of the drop averaged over repeats; it treats the shuffles as given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.evaluation.interval import Interval, mean_interval
from mmcore.seeds import stream


class Rows(Protocol):
    """What is needed of `mmcore.data.Dataset`."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities."""

    def __getitem__(self, name: str) -> Any:
        """One modality's rows."""

    def presence(self, name: str) -> np.ndarray:
        """Presence of one modality, (N,) bool."""

    def select(self, rows: np.ndarray) -> Any:
        """Return the dataset of these rows."""


@dataclass(frozen=True, eq=False)
class PermutedScores:
    """Row scores of one model on n tested rows: as they are, and with each modality shuffled (mean over repeats)."""

    rows: np.ndarray  # (n,) int, rows of the dataset
    intact: np.ndarray  # (n,)
    shuffled: dict[str, np.ndarray]  # modality -> (n,)


def permuted_scores(
    predict: Callable[[Any], np.ndarray], ds: Rows, rows: np.ndarray, *, n_repeats: int = 5, seed: int = 0,
    modalities: Sequence[str] | None = None,
) -> PermutedScores:  # fmt: skip
    """Return the row scores of a model with each modality shuffled among `rows` in turn.

    Args:
        predict: takes a dataset of the n tested rows, returns (n,) scores, higher is better (right or wrong for a
            classifier; minus the error for a regression).
        ds: the dataset.
        rows: (n,) rows that the model did not train on, n of at least two.
        n_repeats: shuffles of each modality.
        seed: of the shuffles; each modality has its own stream, so adding one does not change another's.
        modalities: to shuffle; all when None.

    Raises:
        InputError: for an unknown modality, fewer than two rows, no repeats, or scores of another length.
    """
    names = ds.modalities if modalities is None else tuple(modalities)
    for name in names:
        if name not in ds.modalities:
            raise unknown_name("modalities", name, ds.modalities)
    chosen = np.asarray(rows)
    if chosen.ndim != 1 or len(chosen) < 2:
        raise InputError("rows", f"shape {chosen.shape}", "(n,) with n of 2 or more", "Give rows to shuffle among.")
    if n_repeats < 1:
        raise InputError("n_repeats", n_repeats, "1 or more", "Use 5.")
    intact_rows = ds.select(chosen)
    intact = _scores(predict, intact_rows, len(chosen))
    shuffled = {}
    for name in names:
        generator = stream(seed, "permutation", name)
        total = np.zeros(len(chosen))
        for _ in range(n_repeats):
            source = ds.select(chosen[generator.permutation(len(chosen))])
            mixed = intact_rows.replace({name: source[name]}, presence={name: source.presence(name)})
            total += _scores(predict, mixed, len(chosen))
        shuffled[name] = total / n_repeats
    return PermutedScores(chosen, intact, shuffled)


def permutation_importance(
    scores: PermutedScores | Sequence[PermutedScores], groups: np.ndarray | None = None, *, level: float = 0.95
) -> dict[str, Interval]:
    """Return the drop in mean score of each modality with its interval.

    Args:
        scores: from `permuted_scores`, one for each run (folds test different rows, seeds the same ones again).
        groups: (N,) the group of every row of the dataset; rows are the units when None.
        level: of the intervals.

    Raises:
        InputError: for no scores, or runs with different modalities.

    Example:
        >>> run = PermutedScores(np.arange(3), np.ones(3), {"a": np.array([0.0, 0.5, 1.0])})
        >>> permutation_importance(run)["a"].value
        0.5
    """
    runs = [scores] if isinstance(scores, PermutedScores) else list(scores)
    if not runs or any(set(run.shuffled) != set(runs[0].shuffled) for run in runs):
        raise InputError(
            "scores", f"{len(runs)} runs", "one or more with the same modalities", "Shuffle the same ones."
        )
    rows = np.concatenate([run.rows for run in runs])
    units = rows if groups is None else np.asarray(groups)[rows]
    unit = "sample" if groups is None else "group"
    drops = {name: np.concatenate([run.intact - run.shuffled[name] for run in runs]) for name in runs[0].shuffled}
    return {name: mean_interval(drop, units, level=level, unit=unit) for name, drop in drops.items()}


def importance_dict(importance: Mapping[str, Interval]) -> dict[str, Any]:
    """Return the `permutation` of `explanation.json`.

    Example:
        >>> importance_dict({"a": Interval(0.5, 0.25, 0.75, 0.95, "group", 10)})
        {'a': {'drop': 0.5, 'low': 0.25, 'high': 0.75}}
    """
    content = {}
    for name, interval in importance.items():
        entry = interval.to_dict()
        content[name] = {"drop": entry.pop("value"), **entry}
    return content


def _scores(predict: Callable[[Any], np.ndarray], ds: Any, n: int) -> np.ndarray:
    values = np.asarray(predict(ds), dtype=float)
    if values.shape != (n,):
        raise InputError("predict", f"shape {values.shape}", f"({n},)", "Return one score a row.")
    return values
