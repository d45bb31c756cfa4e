"""Random controlled worlds: shares of redundancy, uniqueness and synergy drawn from a prior, then met exactly.

    shares ~ Dirichlet(concentration),     bits of a part = strength share / largest share,    strength ~ U(0.75, 0.97)

Each kind of interaction is one part with two levels, whose noise e solves 1 - h(e) = bits, so the atoms of the world
are what was drawn. Shares below 0.05 and all but the four largest are left out (a label of at most 16 classes). With a
concentration below one most worlds are led by one or two kinds, as real data are.

Reference: ours, in place of the five random sets of the thesis (section 3.3.4), whose atoms nobody knows beforehand.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mmcore.data.worlds.controlled import ControlledWorld
from mmcore.data.worlds.embedding import Embedding
from mmcore.data.worlds.parts import Part, error_for
from mmcore.errors import InputError
from mmcore.seeds import stream

SMALLEST_SHARE, MOST_PARTS = 0.05, 4
STRENGTH = (0.75, 0.97)


def kinds_of(n_modalities: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return the (kind, places) among which shares are drawn: unique to each, shared by and synergy of each pair, all.

    Example:
        >>> [kind for kind, places in kinds_of(2)]
        ['unique', 'unique', 'shared', 'synergy']
    """
    everyone = tuple(range(n_modalities))
    groups = list(combinations(everyone, 2)) + ([everyone] if n_modalities > 2 else [])
    both = [(kind, group) for group in groups for kind in ("shared", "synergy")]
    return [("unique", (place,)) for place in everyone] + both


def random_world(
    seed: int,
    *,
    modalities: tuple[str, ...] = ("alpha", "beta"),
    layouts: tuple[str, ...] = ("vector",),
    n_classes: int | None = None,
    concentration: float = 0.7,
    embedding: Embedding | None = None,
) -> ControlledWorld:
    """Return the random world of `seed`.

    Args:
        seed: of the shares, the strength and the merging.
        modalities: names, two or more.
        layouts: one, or one a modality.
        n_classes: None: the label is the tuple of all parts, and the atoms are as drawn. Else its tuples are dealt at
            random to so many classes of nearly equal number of tuples (all classes differ if there are fewer tuples);
            the label is then no sum of parts, and the atoms are what the solver finds.
        concentration: of the Dirichlet distribution, > 0.
        embedding: sizes and difficulty.

    Raises:
        InputError: for a number out of range.

    Example:
        >>> world = random_world(3)
        >>> world == random_world(3), len(world.parts) <= 6
        (True, True)
    """
    count = len(modalities)
    if count < 2:
        raise InputError("modalities", modalities, "two or more", "Name another modality.")
    if not (np.isfinite(concentration) and concentration > 0.0):
        raise InputError("concentration", concentration, "a finite number > 0", "Pass for example 0.7.")
    if n_classes is not None and n_classes < 2:
        raise InputError("n_classes", n_classes, "None, or 2 and more", "Ask for more classes.")
    generator = stream(seed, "random world")
    kinds = kinds_of(count)
    shares = generator.dirichlet(np.full(len(kinds), concentration))
    strength = generator.uniform(*STRENGTH)
    kept = [k for k in np.argsort(-shares, kind="stable")[:MOST_PARTS] if shares[k] >= SMALLEST_SHARE]
    parts = []
    for index in sorted(kept):
        kind, places = kinds[index]
        parts.append(Part(kind, places, noise=error_for(2, float(strength * shares[index] / shares.max()))))
    shown = {place for part in parts for place in part.modalities}
    # every modality shows something, even if it says nothing of the label
    parts += [Part("nuisance", (place,)) for place in range(count) if place not in shown]
    merge = None
    if n_classes is not None:
        codes = generator.permutation(2 ** len(kept))
        merge = tuple(int(code) % min(n_classes, len(codes)) for code in codes)
    return ControlledWorld(f"random_world_{seed}", tuple(parts), modalities, layouts, merge, embedding or Embedding())
