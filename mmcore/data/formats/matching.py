"""Pairs of two things that belong together or not: a binary label that neither of them tells alone.

Within a cell (a part of the split, and a fold) the units (images, sounds) are put into a random order, their texts
behind one another, and mismatch k of a row takes the text k m places further on, m the largest number of texts of a
unit in the cell:

    positive: (i, i)        mismatch k: (i, (i + k m) mod n)

So every row's unit and every row's text occur once among the matches and once in each round of mismatches: each alone
carries exactly no information on the label, no mismatch takes a text of its own unit, and no text crosses a cell.
Departs on purpose from drawing each mismatch independently, which leaves both margins unequal by chance and lets a
model learn which texts occur more often as mismatches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmcore.data.formats.options import Option
from mmcore.data.formats.rows import Rows
from mmcore.errors import InputError
from mmcore.seeds import stream

CLASSES = ("mismatch", "match")
CAPTIONS = Option("captions", "count", "how many captions of each image or sound, the first ones (default all)")
MISMATCHES = Option("mismatches", "count", "mismatched captions for each caption that matches (default 1)")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows: the row whose unit is shown, the row whose text is shown, and whether they match; (M,) each."""

    unit_rows: np.ndarray
    text_rows: np.ndarray
    match: np.ndarray


def first_of_each(units: Sequence[str] | np.ndarray, limit: int | None) -> np.ndarray:
    """Return the positions of the first `limit` rows of each unit, in order; all where None.

    Example:
        >>> first_of_each(["a", "a", "b", "a"], 2).tolist()
        [0, 1, 2]
    """
    seen = pd.Series(np.asarray(units, dtype=str)).groupby(np.asarray(units, dtype=str), sort=False).cumcount()
    return np.flatnonzero(np.ones(len(seen), dtype=bool) if limit is None else seen.to_numpy() < limit)


def match_pairs(units: np.ndarray, cells: np.ndarray, *, n_mismatches: int, seed: int) -> Pairs:
    """Return each row matched with its own text, followed by its mismatches.

    Args:
        units: (N,) the image or sound of each row.
        cells: (N,) what no pair may cross, e.g. the part of the split.
        n_mismatches: for each row.
        seed: of the order of the units.

    Raises:
        InputError: where a cell holds too few units for so many mismatches.

    Example:
        >>> pairs = match_pairs(np.array(["a", "b"]), np.array(["train", "train"]), n_mismatches=1, seed=0)
        >>> pairs.unit_rows.tolist(), pairs.text_rows.tolist(), pairs.match.tolist()
        ([0, 0, 1, 1], [0, 1, 1, 0], [True, False, True, False])
    """
    text = np.empty((len(units), 1 + n_mismatches), dtype=np.int64)
    text[:, 0] = np.arange(len(units))
    for cell in sorted(set(cells.tolist())):
        rows = np.flatnonzero(cells == cell)
        names, unit = np.unique(units[rows], return_inverse=True)
        largest = int(np.bincount(unit).max())
        if len(rows) < largest * (1 + n_mismatches):
            received = f"{len(rows)} captions of {len(names)} images or sounds in {cell}"
            allowed = f"at least {largest * (1 + n_mismatches)} captions for {n_mismatches} mismatches"
            raise InputError("mismatches", received, allowed, "Ask for fewer mismatches or captions, or larger parts.")
        place = stream(seed, "data", "matching", cell).permutation(len(names))
        order = rows[np.argsort(place[unit], kind="stable")]
        for k in range(1, n_mismatches + 1):
            text[order, k] = np.roll(order, -k * largest)
    match = np.zeros(text.shape, dtype=bool)
    match[:, 0] = True
    return Pairs(np.repeat(np.arange(len(units)), text.shape[1]), text.ravel(), match.ravel())


def cells_of(rows: Rows) -> np.ndarray:
    """Return the cell of each row, (N,) str: its part of the split, and its fold where there are folds."""
    if rows.folds is None:
        return rows.split
    return np.array([f"{part}, fold {fold}" for part, fold in zip(rows.split, rows.folds, strict=True)], dtype=str)


def matched_rows(rows: Rows, pairs: Pairs, ids: Sequence[str]) -> Rows:
    """Return the samples of `pairs`: label `match`, and the split, fold and group of the row whose unit is shown.

    Args:
        rows: one a caption, without labels.
        pairs: of them.
        ids: (N,) the unique name of each row; a sample is called `<id>/match` or `<id>/mismatch<k>`.
    """
    n_each = len(pairs.match) // len(ids)
    endings = ["match", *(f"mismatch{k}" for k in range(1, n_each))]
    label = pd.Series(np.where(pairs.match, CLASSES[1], CLASSES[0]).tolist(), dtype=object)
    return dataclasses.replace(
        at_positions(rows, pairs.unit_rows),
        labels={"match": label},
        tasks={"match": "classification"},
        classes={"match": CLASSES},
        sample_ids=np.array([f"{name}/{ending}" for name in ids for ending in endings], dtype=object),
    )


def at_positions(rows: Rows, positions: np.ndarray) -> Rows:
    """Return the given rows, in that order and as often as named.

    Example:
        >>> rows = Rows(np.arange(2), {}, {}, {}, None, np.array(["train", "test"]), None, None)
        >>> at_positions(rows, np.array([1, 1])).split.tolist()
        ['test', 'test']
    """
    return dataclasses.replace(
        rows,
        kept=rows.kept[positions],
        labels={name: values.iloc[positions].reset_index(drop=True) for name, values in rows.labels.items()},
        groups=None if rows.groups is None else rows.groups[positions],
        split=rows.split[positions],
        folds=None if rows.folds is None else rows.folds[positions],
        sample_ids=None if rows.sample_ids is None else rows.sample_ids[positions],
    )
