"""Scores of every subset of the modalities: absent at test (one model, masked) and trained on (a model of its own).

For M modalities there are 2^M - 1 subsets. Above eight modalities only the single ones, all but one, and all are
listed: they answer "what does it carry alone, what is lost without it", and 2^9 would not be read.
Assumes that the model accepts absent modalities; a model that was never trained without them may fail on them, which is
what "absent at test" is there to show, next to "trained on".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.predictions import read_predictions

ALL_SUBSETS_UP_TO = 8
Subset = tuple[str, ...]


def modality_subsets(modalities: Sequence[str], *, limit: int = ALL_SUBSETS_UP_TO) -> list[Subset]:
    """Return the non-empty subsets, by size, then in the order of the modalities.

    Args:
        modalities: M distinct names.
        limit: largest M for which all 2^M - 1 are listed; above it the single ones, all but one, and all.

    Raises:
        InputError: for no modality or a repeated one.

    Example:
        >>> modality_subsets(["a", "b"])
        [('a',), ('b',), ('a', 'b')]
        >>> len(modality_subsets(list("abcdefghi")))
        19
    """
    names = tuple(modalities)
    if not names or len(set(names)) != len(names):
        raise InputError("modalities", ", ".join(names) or "none", "one or more distinct names", "Name each once.")
    m = len(names)
    sizes = range(1, m + 1) if m <= limit else (1, m - 1, m)
    return [subset for size in sizes for subset in combinations(names, size)]


def subset_table(
    masked: Mapping[Subset, pd.DataFrame], *, predictions: pd.DataFrame, model: str, modalities: Sequence[str],
    metric: str = "accuracy", task: str = "classification", classes: Sequence[str] = (), level: float = 0.95,
    retrained: str | None = None, limit: int = ALL_SUBSETS_UP_TO,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the `subsets` of `evaluation.json`: one entry a subset, a value null where nothing was computed.

    Args:
        masked: subset (names in any order) -> predictions table of `model` with only these present, part "test".
        predictions: the full predictions table; `unimodal:<m>` in it is "trained on" m, and `model` on all.
        model: name of the masked model.
        modalities: all M names, in their declared order.
        metric, task, classes, level: as in `metric_interval` and `read_predictions`.
        retrained: the method whose models `<retrained>@a+b` were trained on each subset alone; on all it is itself.
        limit: as in `modality_subsets`.

    Returns:
        entries `{present, absent_at_test, trained_on, trained_model}`; `trained_on` is the "never collected" score of
        the model named beside it.

    Raises:
        InputError: for a subset with an unknown modality, or tables that `read_predictions` refuses.

    Example:
        >>> f = pd.DataFrame({"model": "late_fusion", "seed": 0, "fold": 0, "part": "test", "sample_id": ["1", "2"],
        ...                   "group": None, "truth": ["x", "y"], "prediction": ["x", "x"],
        ...                   "p_0": [0.9, 0.6], "p_1": [0.1, 0.4]})
        >>> rows = subset_table({("b", "a"): f}, predictions=f, model="late_fusion", modalities=["a", "b"],
        ...                     classes=["x", "y"])
        >>> [(r["present"], r["absent_at_test"] and r["absent_at_test"]["value"]) for r in rows]
        [(['a'], None), (['b'], None), (['a', 'b'], 0.5)]
    """
    by_set = {frozenset(subset): frame for subset, frame in masked.items()}
    strangers = sorted(set().union(*by_set) - set(modalities)) if by_set else []
    if strangers:
        raise InputError("masked", ", ".join(strangers), ", ".join(modalities), "Use the dataset's modality names.")

    def value(frame: pd.DataFrame, name: str) -> dict[str, Any]:
        predicted = read_predictions(frame, name, task=task, classes=classes, part="test")
        return metric_interval(predicted, metric, level=level).to_dict()

    tested = set(predictions.loc[predictions["part"] == "test", "model"])
    table = []
    for subset in modality_subsets(modalities, limit=limit):
        own = _trained_on(subset, modalities, model, retrained)
        frame = by_set.get(frozenset(subset))
        there = own in tested and own is not None
        table.append({
            "present": list(subset),
            "absent_at_test": None if frame is None else value(frame, model),
            "trained_on": value(predictions, own) if there and own is not None else None,
            "trained_model": own if there else None,
        })  # fmt: skip
    return table


def _trained_on(subset: Subset, modalities: Sequence[str], model: str, retrained: str | None) -> str | None:
    """The name of the model that was trained on exactly this subset, None where there is none."""
    if len(subset) == 1:
        return f"unimodal:{subset[0]}"
    if len(subset) == len(modalities):
        return retrained or model
    return f"{retrained}@{'+'.join(subset)}" if retrained else None
