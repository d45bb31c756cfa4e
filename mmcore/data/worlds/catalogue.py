"""The worlds by name: a literal table of what is drawn, where it comes from, and what kind of world it is.

Tags: `specialised` (one interaction alone), `mixed`, `random`; `controlled` (exact truth) or `generative` (thesis);
the layouts `vector`, `sequence`, `image`; `one_modality` where one modality alone tells all that all tell;
`nonlinear` where no linear rule reads a symbol or the label is no tuple of parts; `three` modalities.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from mmcore.data.worlds.controlled import ControlledWorld
from mmcore.data.worlds.embedding import Embedding
from mmcore.data.worlds.generative import SETS, GenerativeWorld, entry_counts, random_ratios
from mmcore.data.worlds.parts import Part
from mmcore.data.worlds.prior import random_world
from mmcore.errors import unknown_name

World: TypeAlias = ControlledWorld | GenerativeWorld

THESIS = "Liang 2024 (thesis), section 3.3.1 and table 3.2"
THESIS_RANDOM = "Liang 2024 (thesis), section 3.3.4 and table 3.5, with a seed"
EXAMPLES = "Bertschinger et al. 2014, section 3 (RDN, UNQ, XOR, AND)"
OURS = "ours: mmcore/data/worlds/controlled.py"

_BOTH = (0, 1)
# What a small network still learns from 4,000 rows: harder worlds are a matter of these numbers.
_HARD = Embedding(prototypes=2, warp=0.5, distractor=0.5, shared_distractors=4)
_STEPS = Embedding(width=8, distractor=0.3)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One world of the table."""

    name: str
    world: World
    reference: str
    tags: tuple[str, ...]


def _single(world: World) -> tuple[str, ...]:
    """Return the tag `one_modality` where one modality shows every part of the label, undisturbed."""
    if isinstance(world, GenerativeWorld):
        enough = min(entry_counts(world.ratios, world.block)[:2]) == 0
    else:
        needed = [part for part in world.parts if part.n_values > 1]
        enough = any(
            all(place in part.modalities and part.kind in ("shared", "unique") and part.blur == 0 for part in needed)
            for place in range(len(world.modalities))
        )
    return ("one_modality",) if enough else ()


def _thesis(name: str, kind: str) -> Entry:
    world = GenerativeWorld(f"generative_{name}", SETS[name].ratios)
    return Entry(world.name, world, THESIS, (kind, *_single(world), "generative", "vector"))


def _thesis_random(index: int) -> Entry:
    world = GenerativeWorld(f"generative_random{index}", random_ratios(index))
    return Entry(world.name, world, THESIS_RANDOM, ("random", *_single(world), "generative", "vector"))


def _random(index: int) -> Entry:
    world = dataclasses.replace(random_world(index), name=f"random{index}")
    return Entry(world.name, world, OURS, ("random", *_single(world), "controlled", "vector"))


def _entry(name: str, tags: str, *parts: Part, reference: str = OURS, layout: str = "vector",
           merge: tuple[int, ...] | None = None, embedding: Embedding | None = None,
           modalities: tuple[str, ...] = ("alpha", "beta")) -> Entry:  # fmt: skip
    layouts = tuple(layout.split())
    world = ControlledWorld(name, parts, modalities, layouts, merge, embedding or Embedding())
    return Entry(name, world, reference, (*tags.split(), "controlled", *dict.fromkeys(layouts)))


# One interaction of each kind, 1 - h(e) bits each: a world with four of them has 16 classes.
_SHARED, _FIRST, _SECOND, _XOR = (
    Part("shared", _BOTH, noise=0.05),
    Part("unique", (0,), noise=0.05),
    Part("unique", (1,), noise=0.05),
    Part("synergy", _BOTH, noise=0.05),
)
_NOTHING = (Part("nuisance", (0,)), Part("nuisance", (1,)))
_THREE = ("alpha", "beta", "gamma")

# fmt: off
WORLDS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        _thesis("redundancy", "specialised"),
        _thesis("unique1", "specialised"),
        _thesis("unique2", "specialised"),
        _thesis("synergy", "specialised"),
        _thesis("mixed_half1_half2_halfc", "mixed"),
        _thesis("mixed_all1_half2_halfc", "mixed"),
        _thesis("mixed_all1_all2_halfc", "mixed"),
        _thesis("mixed_half1_half2_allc", "mixed"),
        _thesis("mixed_half2_halfc", "mixed"),
        _thesis("mixed_half2_allc", "mixed"),
        *(_thesis_random(index) for index in range(1, 6)),
        _entry("pure_redundancy", "specialised one_modality", _SHARED, reference=EXAMPLES),
        _entry("pure_unique1", "specialised one_modality", _FIRST, *_NOTHING, reference=EXAMPLES),
        _entry("pure_unique2", "specialised one_modality", _SECOND, *_NOTHING, reference=EXAMPLES),
        _entry("pure_synergy", "specialised", _XOR, reference=EXAMPLES),
        _entry("one_sufficient", "mixed one_modality", _SHARED, _FIRST, *_NOTHING),
        _entry("one_sufficient_hard", "mixed one_modality nonlinear", _SHARED, _FIRST, *_NOTHING, embedding=_HARD),
        _entry("redundancy_synergy", "mixed", _SHARED, _XOR),
        _entry("unique_both", "mixed", _FIRST, _SECOND, reference=EXAMPLES),
        _entry("unique_synergy", "mixed", _FIRST, _XOR),
        _entry("balanced", "mixed", _SHARED, _FIRST, _SECOND, _XOR),
        _entry("balanced_hard", "mixed nonlinear", _SHARED, _FIRST, _SECOND, _XOR, embedding=_HARD),
        _entry("synergy_hard", "specialised nonlinear", _XOR, *_NOTHING, embedding=_HARD),
        _entry("gate", "mixed", Part("gate", _BOTH, noise=0.02), reference=EXAMPLES),
        _entry("views", "mixed", Part("shared", _BOTH, levels=4, blur=0.2)),
        _entry("sum_modulo_three", "specialised", Part("synergy", _BOTH, levels=3, noise=0.05)),
        # two classes: y = (shared and unique1) or (unique2 and exclusive or)
        _entry(
            "merged",
            "mixed nonlinear",
            _SHARED,
            _FIRST,
            _SECOND,
            _XOR,
            merge=(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1),
        ),
        _entry(
            "sequence_redundancy",
            "specialised one_modality",
            _SHARED,
            *_NOTHING,
            layout="sequence",
            embedding=_STEPS,
        ),
        _entry("sequence_synergy", "specialised", _XOR, *_NOTHING, layout="sequence", embedding=_STEPS),
        _entry("sequence_balanced", "mixed", _SHARED, _FIRST, _SECOND, _XOR, layout="sequence", embedding=_STEPS),
        _entry("image_redundancy", "specialised one_modality", _SHARED, *_NOTHING, layout="image"),
        _entry("image_synergy", "specialised", _XOR, *_NOTHING, layout="image"),
        _entry("image_balanced", "mixed", _SHARED, _FIRST, _SECOND, _XOR, layout="image"),
        _entry("image_sequence", "mixed", _SHARED, _FIRST, _XOR, layout="image sequence",
               embedding=_STEPS),
        _entry("three_parity", "specialised three", Part("synergy", (0, 1, 2), noise=0.05), modalities=_THREE),
        _entry(
            "three_pairs",
            "mixed three",
            Part("shared", (0, 1), noise=0.05),
            Part("unique", (1,), noise=0.1),
            Part("synergy", (1, 2), noise=0.05),
            modalities=_THREE,
        ),
        _entry(
            "three_layouts",
            "mixed three",
            Part("shared", (0, 1, 2), noise=0.05),
            Part("unique", (1,), noise=0.1),
            Part("synergy", (0, 2), noise=0.05),
            modalities=_THREE,
            layout="vector sequence image",
        ),
        *(_random(index) for index in range(1, 6)),
    )
}
# fmt: on


def find_world(name: str) -> World:
    """Return the world called `name`.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Example:
        >>> find_world("pure_synergy").n_classes
        2
    """
    if name not in WORLDS:
        raise unknown_name("world", name, WORLDS)
    return WORLDS[name].world


def world_names(*tags: str) -> tuple[str, ...]:
    """Return the names of the worlds that have all of `tags`, in the order of the table.

    Raises:
        InputError: for a tag that no world has.

    Example:
        >>> world_names("controlled", "specialised", "image")
        ('image_redundancy', 'image_synergy')
    """
    known = {tag for entry in WORLDS.values() for tag in entry.tags}
    for tag in tags:
        if tag not in known:
            raise unknown_name("tags", tag, known)
    return tuple(entry.name for entry in WORLDS.values() if set(tags) <= set(entry.tags))
