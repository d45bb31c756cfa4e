"""Make a planted dataset, whose interactions are known by formula, through the same door as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcore.data import Dataset
from mmcore.data.formats.options import Option

OPTIONS = (
    Option("n_samples", "count", "how many samples to draw", required=True),
    Option("noise", "share", "share of planted bits that are flipped", required=True),
    Option("seed", "seed", "seed of the draws"),
    Option("path", "text", "the module that makes the data, so that a change of it reruns the pipeline"),
)


def read_planted(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the planted dataset of `n_samples` and `noise`, drawn with `seed` (default 0); see its world for both.

    Raises:
        InputError: where the world refuses the numbers.
    """
    from mmcore.data.worlds.planted import planted

    dataset: Dataset = planted(
        n_samples=source["n_samples"], noise=source["noise"], seed=source.get("seed", 0), name=name
    )
    return dataset
