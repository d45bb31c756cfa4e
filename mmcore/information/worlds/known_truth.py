"""What a world holds: the atoms of every pair, and the information and Bayes accuracy of every subset of modalities.

    Bayes accuracy of a subset A = sum over x_A of max over y of p(x_A, y)

For a controlled world all of it is exact: atoms by the certified solver from the latent table (the sum over parts where
the label is the tuple of all components, Bertschinger et al. 2014), accuracies by the sum above, because its embedding
loses nothing. For a generative set both are means of exact posteriors over draws of the latents (`generative_truth`).

Reference: Bertschinger et al. 2014 for the atoms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain, combinations
from typing import Any

from mmcore.data.dataset import Dataset
from mmcore.data.worlds.catalogue import World, find_world
from mmcore.data.worlds.controlled import ControlledWorld, pair_table, subset_table
from mmcore.data.worlds.drawing import draw
from mmcore.data.worlds.generative import GenerativeWorld
from mmcore.errors import InputError
from mmcore.information.entropy import mutual_information
from mmcore.information.pid import ATOMS, decompose
from mmcore.information.worlds.generative_truth import MOST_BLOCK, generative_truth

TRUTH_DRAWS = 4000


@dataclasses.dataclass(frozen=True)
class Truth:
    """What is known of a world.

    Attributes:
        world: its name.
        modalities: names.
        pairs: (first, second) -> redundancy, unique1, unique2 and synergy, bits.
        information: modalities, in order -> bits about the label; () -> 0.
        accuracy: modalities, in order -> Bayes accuracy; () -> share of the largest class.
        error: standard error of the informations, bits; 0 where they are exact.
    """

    world: str
    modalities: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Mapping[str, float]]
    information: Mapping[tuple[str, ...], float]
    accuracy: Mapping[tuple[str, ...], float]
    error: float = 0.0

    @property
    def atoms(self) -> dict[str, float]:
        """Return the atoms of the only pair, bits.

        Raises:
            InputError: where there are more pairs.
        """
        if len(self.pairs) != 1:
            raise InputError("world", f"{self.world} with {len(self.pairs)} pairs", "two modalities", "Use .pairs.")
        return dict(next(iter(self.pairs.values())))

    @property
    def bayes_accuracy(self) -> float:
        """The largest accuracy that any model of all modalities can have."""
        return self.accuracy[self.modalities]

    @property
    def best_single(self) -> str:
        """The modality with the largest Bayes accuracy alone; the first of equals."""
        return max(self.modalities, key=lambda name: self.accuracy[(name,)])

    def annotations(self) -> dict[str, Any]:
        """Return plain JSON for the annotations of a dataset: `truth` as of planted data, `bayes_accuracy`, error."""
        return {
            "truth": [{"first": a, "second": b, **atoms} for (a, b), atoms in self.pairs.items()],
            "bayes_accuracy": [{"modalities": list(of), "accuracy": value} for of, value in self.accuracy.items()],
            "truth_error": self.error,
        }


def truth(world: World | str) -> Truth:
    """Return what `world` holds.

    Args:
        world: a name of `WORLDS`, or a world.

    Raises:
        InputError: for an unknown name; for a generative set of more than two classes or of large blocks, for which it
            is not known.
        NotCertified: where the solver fails on a merged label.

    Example:
        >>> known = truth("pure_synergy")
        >>> {atom: round(bits, 3) for atom, bits in known.atoms.items()}
        {'redundancy': 0.0, 'unique1': 0.0, 'unique2': 0.0, 'synergy': 0.714}
        >>> round(known.bayes_accuracy, 3), known.accuracy[("alpha",)]
        (0.95, 0.5)
    """
    return _truth(find_world(world) if isinstance(world, str) else world)


def draw_with_truth(world: World | str, n: int | Mapping[str, int], *, seed: int, name: str | None = None) -> Dataset:
    """Return what `mmcore.data.worlds.draw` returns, with the truth in the annotations where it is known.

    Args:
        world: a name of `WORLDS`, or a world.
        n: rows, or rows of each split.
        seed: of the rows and maps.
        name: of the dataset; None: the world's.

    Returns:
        A dataset whose `annotations` further hold `truth` (a row a pair, bits), `bayes_accuracy` (a row a subset of the
        modalities) and `truth_error` (bits).

    Raises:
        InputError: as `draw`.

    Example:
        >>> ds = draw_with_truth("pure_unique1", 40, seed=0)
        >>> round(ds.spec.annotations["truth"][0]["unique1"], 3)
        0.714
    """
    spec = find_world(world) if isinstance(world, str) else world
    known = truth(spec).annotations() if is_known(spec) else {}
    return draw(spec, n, seed=seed, name=name, annotations=known)


def is_known(world: World) -> bool:
    """Return whether `truth` can tell.

    Example:
        >>> is_known(GenerativeWorld("many", (0, 0, 1), n_classes=32))
        False
    """
    return isinstance(world, ControlledWorld) or (world.n_classes == 2 and world.block <= MOST_BLOCK)


@lru_cache(maxsize=512)
def _truth(world: World) -> Truth:
    if isinstance(world, ControlledWorld):
        return _controlled(world)
    if not is_known(world):
        received = f"{world.n_classes} classes, blocks of {world.block}"
        raise InputError("world", received, f"2 classes, blocks of at most {MOST_BLOCK}", "Estimate it from rows.")
    return _generative(world)


def _subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)))


def _controlled(world: ControlledWorld) -> Truth:
    tables = {subset: subset_table(world, subset) for subset in _subsets(world.modalities)}
    return Truth(
        world.name,
        world.modalities,
        {pair: _pair(world, *pair) for pair in combinations(world.modalities, 2)},
        {subset: mutual_information(table) for subset, table in tables.items()},
        {subset: float(table.max(axis=1).sum()) for subset, table in tables.items()},
    )


def _pair(world: ControlledWorld, first: str, second: str) -> dict[str, float]:
    if world.merge is not None:
        return decompose(pair_table(world, first, second)).atoms
    places = world.places((first, second))
    found = [decompose(part.marginal(places)) for part in world.parts if part.n_values > 1]
    return {atom: float(sum(getattr(one, atom) for one in found)) for atom in ATOMS}


def _generative(world: GenerativeWorld) -> Truth:
    options = {"block": world.block, "dropout": world.dropout, "variance": world.variance}
    found = generative_truth(world.ratios, n=TRUTH_DRAWS, seed=0, **options)  # type: ignore[arg-type]
    keys = {("x1",): "x1", ("x2",): "x2", ("x1", "x2"): "both"}
    return Truth(
        world.name,
        world.modalities,
        {("x1", "x2"): found.atoms},
        {(): 0.0, **{subset: found.information[key] for subset, key in keys.items()}},
        {(): 0.5, **{subset: found.accuracy[key] for subset, key in keys.items()}},
        found.error,
    )
