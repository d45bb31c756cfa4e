"""The bank as three tables of text: its worlds, what every method reached in them, and what that cost.

    worlds.csv  a row a world: what it holds, by construction and as the pipeline's estimator sees it, bits
    trials.csv  a row a world, method and seed: accuracies, losses without a modality, atoms of the predictions
    costs.csv   CPU seconds of each trial, apart from the rest because no two builds measure the same

Reference: thesis section 3.3.4 (a bank of synthetic datasets with the models that do best on each). The tables stand
with the code in `mmcore/bank` and are committed; `dvc repro bank` fills what is missing of them. In every table the
modalities of a world are called first, second (and third), in the world's order: `unimodal:first` sees its first one.
Nothing here imports what trains models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS

TRUE = tuple(f"true_{atom}" for atom in ATOMS)
ESTIMATED = tuple(f"estimated_{atom}" for atom in ATOMS)
MODEL = tuple(f"model_{atom}" for atom in ATOMS)
PLACES = ("first", "second", "third")
STATUSES = ("trained", "refused")

WORLD_COLUMNS = (
    "world", "kind", "tags", "modalities", "layouts", "n_train", "n_valid", "n_test", "n_classes",
    "label_entropy", "bayes_accuracy", *TRUE, *ESTIMATED, "key",
)  # fmt: skip
RESULT_COLUMNS = (
    "status", "reason", "accuracy_valid", "accuracy_test", "log_loss_test", "drop_first", "drop_second",
    *MODEL, "epochs", "n_parameters",
)  # fmt: skip
TRIAL_COLUMNS = ("world", "method", "seed", "n_train", *RESULT_COLUMNS, "key")
COST_COLUMNS = ("world", "method", "seed", "cpu_seconds")
TRIAL = ["world", "method", "seed"]
_COLUMNS = {"worlds": WORLD_COLUMNS, "trials": TRIAL_COLUMNS, "costs": COST_COLUMNS}

_TEXT = ("world", "kind", "tags", "modalities", "layouts", "key", "method", "status", "reason")
_SHARES = ("bayes_accuracy", "accuracy_valid", "accuracy_test")
_REMEDY = "Run 'dvc repro bank', or take the tables of the last commit back."


def default_folder() -> Path:
    """Return where the tables that come with Interplay are."""
    return Path(__file__).parents[2] / "bank"


@dataclass(frozen=True)
class Bank:
    """The bank's tables; do not write into them.

    Attributes:
        worlds: indexed by world. `kind` is controlled or generative; `tags`, `modalities` and `layouts` are words with
            blanks between. `true_*` are the atoms by construction, `estimated_*` those of the pipeline's clusters on
            all the world's rows, corrected, bits; both are empty for worlds of three modalities, which are no
            neighbours of a pair.
        trials: a row a world, method and seed. `status` is trained or refused (with the reason, and no numbers);
            accuracies are fractions; `log_loss_test` is in nats; `drop_first` is the test accuracy less the one with
            the first modality absent, zero where the model does not see it; `model_*` are
            corrected atoms of (x1, x2, predicted class) on test rows, bits, empty where they could not be estimated.
        costs: CPU seconds of a trial.
    """

    worlds: pd.DataFrame
    trials: pd.DataFrame
    costs: pd.DataFrame

    def __post_init__(self) -> None:
        _check_columns("worlds", self.worlds.reset_index(), WORLD_COLUMNS)
        _check_columns("trials", self.trials, TRIAL_COLUMNS)
        _check_columns("costs", self.costs, COST_COLUMNS)
        _check_unique("worlds", self.worlds.reset_index(), ["world"])
        _check_unique("trials", self.trials, TRIAL)
        _check_unique("costs", self.costs, TRIAL)
        for name, table in (("trials", self.trials), ("costs", self.costs)):
            _check_members(f"{name}.world", table["world"], self.worlds.index)
        _check_members("trials.status", self.trials["status"], STATUSES)
        _check_shares("worlds", self.worlds.reset_index())
        _check_shares("trials", self.trials)
        trained = self.trials[self.trials["status"] == "trained"]
        empty = trained["accuracy_test"].isna() | trained["accuracy_valid"].isna()
        if empty.any():
            where = " ".join(map(str, trained.loc[empty, TRIAL].iloc[0]))
            raise InputError("trials.accuracy_test", f"none for {where}", "one for every trained model", _REMEDY)

    @property
    def pairs(self) -> pd.DataFrame:
        """The worlds of two modalities: those that a pair can be near to."""
        return self.worlds[self.worlds["modalities"].str.split().str.len() == 2]

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that was tried, by name."""
        return tuple(sorted(self.trials["method"].unique()))


def read_bank(folder: str | Path | None = None) -> Bank:
    """Return the bank in `folder`.

    Args:
        folder: where the three tables are; None: those that come with Interplay.

    Raises:
        InputError: for a table that is missing, that cannot be read, or that is broken.
    """
    if folder is not None and not isinstance(folder, str | Path):
        raise InputError("bank", type(folder).__name__, "a folder, or None", "Name the folder of the three tables.")
    place = default_folder() if folder is None else Path(folder)
    worlds = read_table(place / "worlds.csv").set_index("world", drop=True)
    return Bank(worlds, read_table(place / "trials.csv"), read_table(place / "costs.csv"))


def read_table(path: Path) -> pd.DataFrame:
    """Return one table, every number as it was written.

    Raises:
        InputError: where it is missing, not a table, or one of other columns.
    """
    if not path.is_file():
        raise InputError("bank", f"no {path}", "a folder with worlds.csv, trials.csv and costs.csv", _REMEDY)
    try:
        # text is text: neither "none" nor a key of digits may turn into something else
        table = pd.read_csv(
            path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values=_empty(path), encoding="utf-8"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError("bank", f"{path}: {error}", "a table of comma-separated values", _REMEDY) from error
    _check_columns(path.stem, table, _COLUMNS[path.stem])
    return table


def _empty(path: Path) -> dict[str, list[str]]:
    return {column: [""] for column in _COLUMNS[path.stem] if column not in _TEXT}


def _check_columns(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"{name}.columns", f"no {', '.join(missing)}", ", ".join(columns), _REMEDY)
    for column in columns:
        if column not in _TEXT and len(table) and not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{name}.{column}", "text among the numbers", "numbers only", _REMEDY)


def _check_unique(name: str, table: pd.DataFrame, key: list[str]) -> None:
    twice = table.duplicated(key)
    if twice.any():
        where = " ".join(map(str, table.loc[twice, key].iloc[0]))
        raise InputError(name, f"{where} twice", "every row once", _REMEDY)


def _check_members(name: str, values: pd.Series, allowed: object) -> None:
    known = list(allowed)  # type: ignore[call-overload]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(name, unknown[0], ", ".join(map(str, known)), _REMEDY)


def _check_shares(name: str, table: pd.DataFrame) -> None:
    for column in table.columns.intersection(_SHARES):
        values = table[column].dropna()
        if len(values) and not values.between(0.0, 1.0).all():
            raise InputError(f"{name}.{column}", f"{values.min()} to {values.max()}", "fractions in [0, 1]", _REMEDY)
