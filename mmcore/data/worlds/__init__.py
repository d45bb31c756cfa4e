"""Synthetic worlds whose information decomposition is known by construction.

`planted` is the dataset of the pipeline; `draw` and `WORLDS` are all the others, `random_world` makes new ones. What
they hold, `mmcore.information.worlds.truth` tells, which needs a solver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmcore.data.worlds.planted import planted, planted_truth

if TYPE_CHECKING:
    from mmcore.data.worlds.catalogue import WORLDS, find_world, world_names
    from mmcore.data.worlds.controlled import ControlledWorld
    from mmcore.data.worlds.drawing import decode, draw, oracle
    from mmcore.data.worlds.embedding import Embedding
    from mmcore.data.worlds.parts import Part
    from mmcore.data.worlds.prior import random_world

__all__ = [
    "WORLDS",
    "ControlledWorld",
    "Embedding",
    "Part",
    "decode",
    "draw",
    "find_world",
    "oracle",
    "planted",
    "planted_truth",
    "random_world",
    "world_names",
]

_HOMES = {
    "WORLDS": "catalogue",
    "ControlledWorld": "controlled",
    "Embedding": "embedding",
    "Part": "parts",
    "decode": "drawing",
    "draw": "drawing",
    "find_world": "catalogue",
    "oracle": "drawing",
    "random_world": "prior",
    "world_names": "catalogue",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for by name."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mmcore.data.worlds' has no attribute '{name}'")
    return getattr(import_module(f"mmcore.data.worlds.{_HOMES[name]}"), name)
