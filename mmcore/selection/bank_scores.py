"""The bank's tables as arrays: what every method reached in every world of two modalities, and what it costs.

    accuracy    test accuracy, the mean over seeds; empty where a method was refused or never tried in a world
    noise       squared standard error of that mean over seeds, zero for one seed
    seconds     CPU seconds of one fit a training row: the median over worlds of (mean over seeds / rows of the world)

Only worlds of two modalities with estimated atoms, of more than 0.01 bit together, can be near to a pair (`nearest`).
A refused trial is no accuracy of zero: the world is left out of what is said of that method (`ranking` tells how much
of the neighbourhood that may be). Costs assume that a fit takes time in proportion to its training rows, with the
bank's encoders, epochs and machine; the median over all worlds, because time depends on layouts and not on atoms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.selection.bank.table import ESTIMATED, Bank, default_folder, read_bank
from mmcore.selection.nearest import shares
from mmcore.selection.rule import RELEVANT_BITS, UNIMODAL

Float = NDArray[np.float64]

FIRST, SECOND = f"{UNIMODAL}first", f"{UNIMODAL}second"
COST_ASSUMPTION = (
    "Costs are CPU seconds of one fit on the machine that built the bank, in proportion to the training rows, with its "
    "encoders and epochs and two modalities: larger inputs, more epochs, tuning and further seeds cost more."
)


@dataclass(frozen=True)
class BankScores:
    """The bank as arrays, W worlds and M methods.

    Attributes:
        worlds: names, sorted.
        shares: (W, 4) normalised estimated atoms.
        methods: names, sorted, `unimodal:first` and `unimodal:second` among them.
        accuracy, noise: (W, M) fractions, see the module; NaN where not trained.
        seconds: (M,) CPU seconds a training row; NaN where never timed.
        rows: median number of training rows of a world.
        silent: worlds that hold too little information to be near to anything.
    """

    worlds: tuple[str, ...]
    shares: Float
    methods: tuple[str, ...]
    accuracy: Float
    noise: Float
    seconds: Float
    rows: float
    silent: tuple[str, ...]

    def mirrored(self, values: Float) -> Float:
        """Return `values` (..., M) with the two unimodal methods exchanged."""
        order = list(range(len(self.methods)))
        one, two = self.methods.index(FIRST), self.methods.index(SECOND)
        order[one], order[two] = two, one
        return np.asarray(values[..., order])


def find_bank(bank: Bank | str | Path | bool | None) -> Bank | None:
    """Return the bank itself, the one in a folder, or (None, True) the one that comes with Interplay; False is none.

    None comes back also where the one that comes with Interplay was not built.

    Raises:
        InputError: for a folder without the tables, and for broken ones.

    Example:
        >>> find_bank("nowhere")
        Traceback (most recent call last):
        mmcore.errors.InputError: bank: received no nowhere/worlds.csv; allowed: a folder with ...
    """
    if isinstance(bank, Bank):
        return bank
    if bank is False or ((bank is None or bank is True) and not default_folder().is_dir()):
        return None
    if bank is None or bank is True:
        return read_bank()
    if not isinstance(bank, str | Path):
        allowed = "a Bank, a folder with its tables, True, False or None"
        raise InputError("bank", type(bank).__name__, allowed, "Read it with mmcore.selection.bank.read_bank.")
    return read_bank(bank)


def read_scores(bank: Bank) -> BankScores:
    """Return the bank's worlds of two modalities as arrays.

    Raises:
        InputError: where no world of two modalities has estimated atoms and a trained model.
    """
    worlds = bank.pairs
    atoms = worlds[list(ESTIMATED)].astype("float64")
    trained = bank.trials[bank.trials["status"] == "trained"]
    total = atoms.clip(lower=0.0).sum(axis=1, skipna=False)
    usable = worlds.index[atoms.notna().all(axis=1) & worlds.index.isin(trained["world"])]
    near = sorted(usable[total[usable] > RELEVANT_BITS])
    if not near:
        raise InputError("bank", "no world of two modalities with estimated atoms and trained models", "one or more",
                         "Build the bank with 'dvc repro bank'.")  # fmt: skip
    methods = sorted({*trained.loc[trained["world"].isin(near), "method"], FIRST, SECOND})
    accuracy, noise = _over_seeds(trained, near, methods)
    return BankScores(
        worlds=tuple(near),
        shares=shares(atoms.loc[near].to_numpy()),
        methods=tuple(methods),
        accuracy=accuracy,
        noise=noise,
        seconds=_seconds_a_row(bank, near, methods),
        rows=float(worlds.loc[near, "n_train"].median()),
        silent=tuple(sorted(set(usable) - set(near))),
    )


def _over_seeds(trained: pd.DataFrame, worlds: Sequence[str], methods: Sequence[str]) -> tuple[Float, Float]:
    groups = trained.groupby(["world", "method"])["accuracy_test"]
    every = pd.MultiIndex.from_product([worlds, methods])
    mean = groups.mean().reindex(every).to_numpy(dtype=np.float64)
    squared = (groups.var() / groups.count()).fillna(0.0).reindex(every).to_numpy(dtype=np.float64)
    shape = (len(worlds), len(methods))
    return mean.reshape(shape).copy(), squared.reshape(shape).copy()


def _seconds_a_row(bank: Bank, worlds: Sequence[str], methods: Sequence[str]) -> Float:
    timed = bank.costs[bank.costs["world"].isin(worlds)]
    a_fit = timed.groupby(["world", "method"])["cpu_seconds"].mean()
    rows = bank.worlds["n_train"].astype("float64").reindex(a_fit.index.get_level_values("world")).to_numpy()
    return (a_fit / rows).groupby(level="method").median().reindex(methods).to_numpy(dtype=np.float64).copy()
