"""Outputs of a model with some modalities masked by those of other rows; its interactions beside the data's synergy.

    v(A)(row i) = mean over background rows b of f( modalities of A from row i, all others from row b )

Reference: Wenderoth et al. 2025, after Lundberg and Lee 2017 (marginal expectation). What is masked comes from one
background row, so that masked modalities fit each other; they need not fit the kept ones (Hooker, Mentch and Zhou
2021). The model never sees an absent modality, so it need not have been trained for that. Departure on purpose:
background rows are drawn without replacement, each used equally often, and v(nothing) is the mean over a row's
own draws: with as many draws as background rows the expectation is exact (and v(nothing) the paper's mean output), and
an additive model has no interaction at any number of draws but for rounding. Of more than two modalities some may be
the players alone (`among`): then the others stay as they are in every row, and the interaction is that of the players
given the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError, counted, unknown_name
from mmcore.evaluation.interval import Interval
from mmcore.explain.shapley import MOST_MODALITIES, Subset
from mmcore.seeds import stream
from mmcore.selection.arguments import (
    check_dataset,
    check_kind,
    check_names,
    check_rows,
    check_seed,
    check_whole,
    numbers,
)
from mmcore.selection.interaction import ModelInteraction
from mmcore.selection.quantify import QuantifiedAtoms

Float = NDArray[np.float64]

ROWS_AT_ONCE = 2048
"""Masked rows in one call of `predict`."""


def masked_outputs(
    predict: Callable[[Dataset], Any],
    ds: Dataset,
    rows: Any,
    *,
    background: Any = None,
    among: Sequence[str] | None = None,
    reads: Sequence[str] | None = None,
    n_draws: int = 20,
    seed: int = 0,
) -> dict[Subset, Float]:
    """Return every subset of the modalities -> outputs of `rows` with the others masked, for `model_interaction`.

    Args:
        predict: a dataset -> (n, C) or (n,) outputs of its rows: probabilities (the paper), or logits.
        ds: the dataset.
        rows: (n,) rows to explain.
        background: (b,) rows that masked modalities come from; `rows` themselves when None.
        among: the modalities that are masked, two or more; all when None. Subsets are of these.
        reads: what the model reads, where that is known: what it does not read need not be masked for it, which saves
            calls and changes nothing; all when None.
        n_draws: background rows for each row; at least b of them make the expectation exact. Costs
            n_draws (2^M - 2) rows for each row, one more where `among` leaves a modality that is read.
        seed: of the order of the background.

    Raises:
        InputError: for one modality or more than ten, an unknown one, no row, no draw, or outputs of another length.

    Example:
        >>> from mmcore.data import from_arrays
        >>> bits = np.array([[0.0], [0.0], [1.0], [1.0]])
        >>> ds = from_arrays({"a": bits, "b": bits[[0, 2, 1, 3]]}, labels=[0, 1, 1, 0], name="xor")
        >>> found = masked_outputs(lambda d: np.abs(d["a"] - d["b"])[:, 0], ds, np.arange(4), n_draws=4)
        >>> found[frozenset("a")].tolist(), found[frozenset()].tolist()
        ([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5])
    """
    names = _players(check_dataset(ds), among)
    seen = frozenset(ds.modalities if reads is None else check_names("reads", reads))
    if not callable(predict):
        raise InputError("predict", type(predict).__name__, "a function of a dataset", "Pass what predicts its rows.")
    chosen = check_rows("rows", rows, len(ds))
    pool = chosen if background is None else check_rows("background", background, len(ds))
    check_whole("n_draws", n_draws, 1, "Pass for example n_draws=20.")
    check_seed(seed)
    full = _checked(predict(ds.select(chosen)), len(chosen))
    everything = full if background is None else _checked(predict(ds.select(pool)), len(pool))
    whole = seen <= frozenset(names)  # then a row with every player masked is a background row
    parts = {frozenset(s) & seen for size in range(len(names)) for s in combinations(names, size)}
    todo = sorted(parts - {frozenset(names) & seen} - ({frozenset()} if whole else set()), key=sorted)
    generator = stream(seed, "masked outputs")
    order, shifts = generator.permutation(len(pool)), generator.permutation(len(pool))[:n_draws]
    drawn = order[(np.arange(len(chosen)) + shifts[:, None]) % len(pool)]
    means = _means(predict, ds, chosen, pool[drawn], todo, seen & set(names), full.shape)
    if whole:
        # of the same draws as the other subsets: the mean over all rows would leave an additive model a difference
        means[frozenset()] = sum(everything[some].sum(axis=0) for some in _at_once(drawn)) / len(drawn)
    means[frozenset(names) & seen] = full
    subsets = [frozenset(s) for size in range(len(names) + 1) for s in combinations(names, size)]
    return {subset: means[subset & seen] for subset in subsets}


def _at_once(drawn: NDArray[Any]) -> list[NDArray[Any]]:
    """Return (n_draws, n) rows in pieces of draws that one call of `predict` takes."""
    size = max(1, ROWS_AT_ONCE // drawn.shape[1])
    return [drawn[start : start + size] for start in range(0, len(drawn), size)]


def _means(
    predict: Callable[[Dataset], Any],
    ds: Dataset,
    chosen: NDArray[Any],
    drawn: NDArray[Any],
    parts: Sequence[Subset],
    masked: Subset,
    shape: tuple[int, ...],
) -> dict[Subset, Any]:
    """Return for each part of `masked` that is kept the mean outputs, of that shape, over (n_draws, n) drawn rows."""
    totals: dict[Subset, Any] = {part: np.zeros(shape) for part in parts}
    for some in _at_once(drawn) if parts else []:
        kept, partner = ds.select(np.tile(chosen, len(some))), ds.select(some.ravel())
        for part in parts:
            names = sorted(masked - part)
            mixed = kept.replace(
                {name: partner[name] for name in names}, presence={name: partner.presence(name) for name in names}
            )
            totals[part] += _checked(predict(mixed), some.size).reshape(len(some), *shape).sum(axis=0)
    return {part: total / len(drawn) for part, total in totals.items()}


def _players(ds: Dataset, among: Sequence[str] | None) -> tuple[str, ...]:
    names = tuple(ds.modalities if among is None else dict.fromkeys(check_names("among", among)))
    for name in names:
        if name not in ds.modalities:
            raise unknown_name("among", name, ds.modalities)
    if not 2 <= len(names) <= MOST_MODALITIES:
        argument, remedy = "ds" if among is None else "among", "All 2^M subsets are needed; merge or leave out."
        raise InputError(argument, counted(len(names), "modality"), f"2 to {MOST_MODALITIES}", remedy)
    return names


def _checked(values: Any, n: int) -> Float:
    found = numbers("predict", values, f"({n}, C) or ({n},) numbers", "Return one row of outputs a row.")
    if found.ndim not in (1, 2) or len(found) != n:
        raise InputError("predict", f"shape {found.shape}", f"({n}, C) or ({n},)", "Return one row of outputs a row.")
    return found


@dataclasses.dataclass(frozen=True)
class InteractionPoint:
    """One model in the figure: its share of interactions, and the synergy of its predictions where quantified.

    Attributes:
        model, share: name; share of interactions in its behaviour, with its interval.
        prediction_synergy: of its predictions, bits; None where they were not quantified.
        prediction_share: that over the sum of their four atoms, None where that is not positive.
        prediction_reason: why there is no share, None where there is one.
    """

    model: str
    share: Interval
    prediction_synergy: float | None = None
    prediction_share: float | None = None
    prediction_reason: str | None = "not quantified"


@dataclasses.dataclass(frozen=True)
class InteractionFigure:
    """Interaction in the models beside synergy in the data.

    Attributes:
        points: one a model, in the order given.
        synergy, interval: of the data, bits; the interval None where none was drawn.
        synergy_share: synergy over the sum of the four atoms, None where that is not positive.
        share_interval: `interval` over the same sum, which is taken as known: the draws of the sum are not kept.
    """

    points: tuple[InteractionPoint, ...]
    synergy: float
    interval: tuple[float, float] | None
    synergy_share: float | None
    share_interval: tuple[float, float] | None = None


def beside_synergy(
    interactions: Sequence[ModelInteraction],
    data: QuantifiedAtoms,
    predictions: Sequence[QuantifiedAtoms] | None = None,
) -> InteractionFigure:
    """Return the content of the figure "synergy in the data, interaction in the model".

    Args:
        interactions: of each model (of two modalities, or of all: the share knows no pair).
        data: atoms of the labels, from `quantify`.
        predictions: atoms of each model's predictions, in the order of `interactions`.

    Raises:
        InputError: for data that were refused, or as many predictions as there are not models.
    """
    of_data, of_models = "Pass `data` of what quantify_model returns.", "Pass one a model, in a list."
    check_kind("data", data, QuantifiedAtoms, "QuantifiedAtoms", of_data)
    for entry in check_kind("interactions", interactions, list | tuple, "a list of ModelInteraction", of_models):
        check_kind("interactions", entry, ModelInteraction, "a list of ModelInteraction", of_models)
    for entry in check_kind("predictions", predictions or (), list | tuple, "a list of QuantifiedAtoms", of_models):
        check_kind("predictions", entry, QuantifiedAtoms, "a list of QuantifiedAtoms", of_models)
    if data.status == "refused":
        raise InputError("data", f"a refused estimate: {data.reason}", "an estimate", "Estimate on more rows.")
    if predictions is not None and len(predictions) != len(interactions):
        received = f"{len(predictions)} for {len(interactions)} models"
        raise InputError("predictions", received, "one a model", "Pass the same models in the same order.")
    known = [None] * len(interactions) if predictions is None else list(predictions)
    interval = None if data.interval is None else data.interval["synergy"]
    total = data.total
    return InteractionFigure(
        tuple(_point(one, atoms) for one, atoms in zip(interactions, known, strict=True)),
        data.values["synergy"],
        interval,
        data.values["synergy"] / total if total > 0 else None,
        (interval[0] / total, interval[1] / total) if interval is not None and total > 0 else None,
    )


def _point(model: ModelInteraction, atoms: QuantifiedAtoms | None) -> InteractionPoint:
    if atoms is None:
        return InteractionPoint(model.model, model.share)
    if atoms.status == "refused":
        return InteractionPoint(model.model, model.share, prediction_reason=atoms.reason)
    synergy, total = atoms.values["synergy"], atoms.total
    if total > 0:
        return InteractionPoint(model.model, model.share, synergy, synergy / total, None)
    reason = atoms.reason or "the atoms of its predictions add to nothing"
    return InteractionPoint(model.model, model.share, synergy, None, reason)
