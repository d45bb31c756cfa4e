"""Make a planted dataset, whose interactions are known by formula, through the same door as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcore.data import Dataset
from mmcore.data.formats.options import Option
from mmcore.data.formats.rows import NOUNS

NAMES = ("alpha", "beta", "gamma")
OPTIONS = (
    Option("n_samples", "count", "how many samples to draw", required=True),
    Option("noise", "shares", "chance of a flip of the copy, unique and xor bits", required=True),
    Option("seed", "seed", "seed of the draws, the split and the folds"),
    Option("folds", "whole folds", "how many folds to make"),
    Option("path", "text", "the module that makes the data, so that a change of it reruns the pipeline"),
)


def read_planted(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the planted dataset of `n_samples` and `noise`, drawn with `seed` (default 0); see its world for both.

    Raises:
        InputError: where the world refuses the numbers.

    Example:
        >>> noise = {"copy": 0.1, "unique": 0.1, "xor": 0.1}
        >>> made = read_planted({"n_samples": 100, "noise": noise, "sample_noun": "draw"}, Path("."), name="made")
        >>> made.modalities == NAMES
        True
    """
    from mmcore.data.worlds.planted import planted

    dataset: Dataset = planted(
        n_samples=source["n_samples"],
        noise=source["noise"],
        seed=source.get("seed", 0),
        name=name,
        n_folds=source.get("folds"),
    )
    return dataset.annotate(**{noun: source[noun] for noun in NOUNS if noun in source})
