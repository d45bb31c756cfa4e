"""The neighbourhood of a dataset: the nearest worlds of each of its pairs, the pairs weighted by their information.

    weight(pair, world) = share of the pair in the total information of the pairs * weight of the world for that pair

for each draw of the atoms, floored at zero. With two modalities that is `nearest` alone. With more it is an assumption
of ours, the thesis has pairs only: a model of all of them is expected to do in comparison what it does on the pairs,
and one modality alone what it does in the pairs that hold it, which flatters it where a third one adds to both.
Unimodal models of a world are called after the modalities of the pair, in the orientation that is nearer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.selection.bank_scores import FIRST, SECOND, BankScores
from mmcore.selection.dataset_atoms import AtomDraws
from mmcore.selection.nearest import MIRROR, distances, neighbour_weights, shares
from mmcore.selection.ranking import Neighbourhood
from mmcore.selection.rule import ATOMS, UNIMODAL

Float = NDArray[np.float64]

SHOWN = 10
BEST = 3


def neighbourhood(
    scores: BankScores, draws: Mapping[tuple[str, str], AtomDraws], models: Sequence[str], *, n_neighbours: int = 6
) -> Neighbourhood:
    """Return the worlds near to the pairs, with what the models reached in them.

    Args:
        scores: the bank.
        draws: of each pair that holds information that counts.
        models: of the dataset, `unimodal:<modality>` among them.
        n_neighbours: of each pair and draw.
    """
    n_draws = max(len(found.values) for found in draws.values())
    parts = [_pair(scores, pair, found, n_draws, models, n_neighbours) for pair, found in draws.items()]
    weights = np.concatenate([part.weights for part in parts], axis=1)
    accuracy = np.concatenate([part.accuracy for part in parts])
    # a world where none of these models was trained says nothing of them
    weights = weights * ~np.isnan(accuracy).all(axis=1)
    used = weights.sum(axis=0) > 0.0
    mass = weights.sum(axis=1, keepdims=True)
    return Neighbourhood(
        worlds=tuple(name for name, kept in zip(scores.worlds * (2 * len(parts)), used) if kept),
        shares=np.concatenate([part.shares for part in parts])[used],
        distance=np.concatenate([part.distance for part in parts])[used],
        weights=np.divide(weights, mass, out=np.zeros_like(weights), where=mass > 0.0)[:, used],
        models=tuple(models),
        accuracy=accuracy[used],
        noise=np.concatenate([part.noise for part in parts])[used],
        applies=np.concatenate([part.applies for part in parts])[used],
    )


def everywhere(scores: BankScores, modalities: Sequence[str], models: Sequence[str]) -> Neighbourhood:
    """Return all worlds as they are and mirrored, equally weighted: for a dataset whose interactions nobody can see.

    Args:
        scores: the bank.
        modalities: that unimodal models are called after; each stands for the first and the second of every world.
        models: of the dataset.
    """
    called = {f"{UNIMODAL}{name}": (FIRST, SECOND)[place % 2] for place, name in enumerate(modalities)}
    columns = [scores.methods.index(called.get(name, name)) for name in models]
    n = len(scores.worlds)
    accuracy, noise = (
        np.concatenate([table, scores.mirrored(table)])[:, columns] for table in (scores.accuracy, scores.noise)
    )
    kept: NDArray[np.bool_] = np.asarray(~np.isnan(accuracy).all(axis=1))
    return Neighbourhood(
        worlds=tuple(name for name, here in zip(scores.worlds * 2, kept.tolist()) if here),
        shares=np.concatenate([scores.shares, scores.shares[:, MIRROR]])[kept],
        distance=np.full(2 * n, np.nan)[kept],
        weights=np.full((1, int(kept.sum())), 1.0 / max(int(kept.sum()), 1)),
        models=tuple(models),
        accuracy=accuracy[kept],
        noise=noise[kept],
        applies=np.ones(accuracy.shape, dtype=bool)[kept],
    )


def _pair(
    scores: BankScores, pair: tuple[str, str], found: AtomDraws, n_draws: int, models: Sequence[str], n_neighbours: int
) -> Neighbourhood:
    """The neighbourhood of one pair, its weights times the pair's information in each draw, not normalised."""
    values = np.broadcast_to(found.values, (n_draws, len(ATOMS)))
    weights = neighbour_weights(shares(values), scores.shares, n_neighbours=n_neighbours)
    weights = weights * np.maximum(values, 0.0).sum(axis=1)[:, None, None]
    columns, stands = _columns(scores, pair, models)

    def both(table: Float) -> Float:
        chosen = np.concatenate([table, scores.mirrored(table)])[:, columns]
        return np.where(stands, chosen, np.nan)

    accuracy = both(scores.accuracy)
    return Neighbourhood(
        worlds=scores.worlds * 2,
        shares=np.concatenate([scores.shares, scores.shares[:, MIRROR]]),
        distance=distances(shares(found.centre[None]), scores.shares)[0].T.ravel(),
        weights=np.concatenate([weights[:, :, 0], weights[:, :, 1]], axis=1),
        models=tuple(models),
        accuracy=accuracy,
        noise=both(scores.noise),
        applies=np.broadcast_to(stands, accuracy.shape),
    )


def _columns(scores: BankScores, pair: tuple[str, str], models: Sequence[str]) -> tuple[list[int], NDArray[np.bool_]]:
    called = {f"{UNIMODAL}{pair[0]}": FIRST, f"{UNIMODAL}{pair[1]}": SECOND}
    stands = np.array([not name.startswith(UNIMODAL) or name in called for name in models], dtype=bool)
    return [scores.methods.index(called.get(name, name)) if here else 0 for name, here in zip(models, stands)], stands


def shown_neighbours(found: Neighbourhood) -> tuple[dict[str, Any], ...]:
    """Return the ten worlds of most weight as plain values: weight, distance, shares and the best methods of each.

    A world that counts in several orientations or pairs is shown in the one of most weight.
    """
    pooled = found.pooled
    total: dict[str, float] = {}
    heaviest: dict[str, int] = {}
    for unit, name in enumerate(found.worlds):
        total[name] = total.get(name, 0.0) + float(pooled[unit])
        if name not in heaviest or pooled[unit] > pooled[heaviest[name]]:
            heaviest[name] = unit
    order = sorted(total, key=lambda name: (-total[name], name))[:SHOWN]
    return tuple({"world": name, "weight": total[name], **_shown(found, heaviest[name])} for name in order)


def _shown(found: Neighbourhood, unit: int) -> dict[str, Any]:
    accuracy, distance = found.accuracy[unit], float(found.distance[unit])
    known = [m for m in range(len(found.models)) if not np.isnan(accuracy[m])]
    best = sorted(known, key=lambda m: (-accuracy[m], found.models[m]))[:BEST]
    return {
        "distance": None if np.isnan(distance) else distance,
        "atoms": dict(zip(ATOMS, found.shares[unit].tolist())),
        "best": [found.models[m] for m in best],
    }
