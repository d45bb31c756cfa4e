"""Fill the bank: compute the rows that are asked for and not there, keep the others byte for byte, drop the rest.

The committed table is its own checkpoint, and within a build every finished trial is a file of its own
(`mmcore.selection.trials`): a build that was interrupted, in whatever place, goes on from there. Where nothing is
missing no row is drawn and nothing is written. Reference: thesis section 3.3.4.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mmcore.atomic import atomic_file, write_json
from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.seeds import stream_seed
from mmcore.selection.bank.table import COST_COLUMNS, TRIAL, TRIAL_COLUMNS, WORLD_COLUMNS, read_table
from mmcore.selection.bank.worlds import AskedTrial, BankSettings, BankWorld, asked_trials, bank_worlds
from mmcore.selection.trials import trial_table

if TYPE_CHECKING:
    from mmcore.data import Dataset

Progress = Callable[[int, int, str], None]

_DIGITS = 6
_WHOLE = ("n_train", "n_valid", "n_test", "n_classes", "seed", "epochs", "n_parameters")


@dataclasses.dataclass(frozen=True)
class Filled:
    """What filling the bank came to: rows kept as they were, computed, and dropped; tables that were written."""

    kept: int
    computed: int
    dropped: int
    written: tuple[str, ...]


def fill_bank(
    settings: BankSettings, folder: str | Path, place: str | Path, *, progress: Progress | None = None
) -> Filled:
    """Write the tables that `settings` ask for into `folder`.

    Args:
        settings: what the bank is to hold.
        folder: of the tables; rows with a key that is asked for are taken as they stand.
        place: folder of finished trials, for a build that is interrupted.
        progress: called with (done, total, what) after each row that was missing.

    Raises:
        InputError: for a table or a finished trial that is damaged, or a setting that a fit refuses.
    """
    folder, place = Path(folder), Path(place)
    worlds = bank_worlds(settings)
    asked = [trial for world in worlds for trial in asked_trials(world, settings)]
    old_trials, old_worlds = (_known(folder / f"{name}.csv") for name in ("trials", "worlds"))
    old_costs = _costs(folder / "costs.csv")
    missing = [trial for trial in asked if not _complete(trial, old_trials, old_costs)]
    computed = fill_trials(settings, worlds, missing, place, progress=progress)
    rows, costs = [], []
    for trial in asked:
        found = computed.get(trial.key)
        rows.append(old_trials[trial.key] if found is None else found)
        cost = old_costs.get((trial.world, trial.method, trial.seed)) if found is None else found["cpu_seconds"]
        if cost is not None:
            costs.append({**{name: getattr(trial, name) for name in TRIAL}, "cpu_seconds": cost})
    described = [old_worlds.get(one.key(settings)) or _finished_world(one, settings, place) for one in worlds]
    tables = {
        "worlds": pd.DataFrame(described, columns=list(WORLD_COLUMNS)),
        "trials": pd.DataFrame(rows, columns=list(TRIAL_COLUMNS)),
        "costs": pd.DataFrame(costs, columns=list(COST_COLUMNS)),
    }
    written = tuple(name for name, table in tables.items() if _written(folder / f"{name}.csv", table))
    keys = {trial.key for trial in asked}
    return Filled(len(asked) - len(missing), len(missing), len(set(old_trials) - keys), written)


def fill_trials(
    settings: BankSettings,
    worlds: Sequence[BankWorld],
    missing: Sequence[AskedTrial],
    place: Path,
    *,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the rows of the missing trials by key, world after world, from `place` where they are finished there."""
    found: dict[str, dict[str, Any]] = {}

    def report(done: int, total: int, row: Any) -> None:
        found[row["key"]] = dict(row)
        if progress is not None:
            progress(len(found), len(missing), f"{row['world']} {row['method']} {row['seed']}")

    for world in worlds:
        own = [trial for trial in missing if trial.world == world.name]
        drawn = functools.cache(functools.partial(world.draw, settings))
        for seed, quantify in dict.fromkeys((trial.seed, trial.quantify) for trial in own):
            methods = [trial.method for trial in own if (trial.seed, trial.quantify) == (seed, quantify)]
            trial_table(
                {world.name: drawn}, methods, [seed], settings=settings.settings, place=place, quantify=quantify,
                definitions={world.name: world.definition(settings)}, progress=report,
            )  # fmt: skip
        if own:
            _finished_world(world, settings, place, drawn)
    return found


def _finished_world(
    world: BankWorld, settings: BankSettings, place: Path, drawn: Callable[[], Dataset] | None = None
) -> dict[str, Any]:
    path = place / f"world-{world.key(settings)}.json"
    if path.is_file():
        return _read_world(path)
    row = describe_world(world, settings, (drawn or functools.partial(world.draw, settings))())
    write_json(path, row)
    return row


def _read_world(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("place", f"{path}: {error}", "a file that was written whole", "Delete it.") from error
    if not isinstance(row, dict) or set(row) != set(WORLD_COLUMNS):
        raise InputError("place", f"{path} with other columns", ", ".join(WORLD_COLUMNS), "Delete it.")
    return row


def describe_world(world: BankWorld, settings: BankSettings, ds: Dataset) -> dict[str, Any]:
    """Return the row of a world: what it holds by construction, and as the pipeline's estimator sees it."""
    import numpy as np

    from mmcore.information.entropy import entropy
    from mmcore.information.pairs import estimate_dataset
    from mmcore.information.worlds import truth

    known = truth(world.world)
    counts = np.bincount(ds.labels()[ds.labels() >= 0])
    row: dict[str, Any] = dict.fromkeys(WORLD_COLUMNS) | {
        "world": world.name,
        "kind": world.kind,
        "tags": " ".join(world.tags),
        "modalities": " ".join(ds.modalities),
        "layouts": " ".join(world.layouts),
        "n_classes": world.world.n_classes,
        "label_entropy": round(float(entropy(counts / counts.sum())), _DIGITS),
        "bayes_accuracy": round(known.bayes_accuracy, _DIGITS),
        "key": world.key(settings),
    }
    row |= {f"n_{part}": len(ds.rows(part)) for part in ("train", "valid", "test")}
    if len(ds.modalities) == 2:
        found = estimate_dataset(ds, options=settings.estimate, seed=stream_seed(settings.seed, "bank", "estimate"))
        corrected = found["pairs"][0]["corrected"]
        for atom in ATOMS:
            row[f"true_{atom}"] = round(known.atoms[atom], _DIGITS)
            row[f"estimated_{atom}"] = round(float(corrected[atom]), _DIGITS)
    return row


def _known(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a table by key, none where there is no table."""
    if not path.is_file():
        return {}
    table = read_table(path)
    return {str(row["key"]): row for row in table.to_dict("records")}


def _costs(path: Path) -> dict[tuple[str, str, int], float]:
    """Return the cost of each trial that was timed, none where there is no table."""
    if not path.is_file():
        return {}
    timed = read_table(path).dropna(subset=["cpu_seconds"])
    return {(r["world"], r["method"], int(r["seed"])): r["cpu_seconds"] for r in timed.to_dict("records")}


def _complete(trial: AskedTrial, trials: dict[str, dict[str, Any]], costs: dict[tuple[str, str, int], float]) -> bool:
    """Return whether the tables hold a trial, and what it cost: nobody can tell that without training again."""
    row = trials.get(trial.key)
    if row is None:
        return False
    return row["status"] == "refused" or (trial.world, trial.method, trial.seed) in costs


def _written(path: Path, table: pd.DataFrame) -> bool:
    """Write a table where its text differs from what is there; return whether it was."""
    for column in table.columns.intersection(_WHOLE):
        table[column] = pd.to_numeric(table[column]).astype("Int64")  # whole numbers, or nothing
    for column in table.select_dtypes("float64").columns:
        table[column] += 0.0  # no "-0.0"
    text = table.to_csv(index=False, lineterminator="\n")
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    with atomic_file(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return True
