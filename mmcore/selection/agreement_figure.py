"""Figure 3.5 over a bank: agreement of each model with its data against accuracy, and the correlation of the two.

Reference: thesis figure 3.5 (rho = 0.81 over 10 worlds and 10 models). A bank is a table with a row for each world and
model (and seed): `world`, `model`, `accuracy`, the atoms of the data `data_redundancy` ... `data_synergy` and those of
the predictions `model_redundancy` ... `model_synergy`, bits. A row whose atoms or accuracy are missing, or whose atoms
are too small for a measure (`agreement.no_shares`), has no point and is counted; nothing else is left out (the
notebooks drop accuracies below 0.5).
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.selection.agreement import find_agreement
from mmcore.selection.agreement_correlation import RankCorrelation, rank_correlation
from mmcore.selection.arguments import check_kind

DATA_COLUMNS = tuple(f"data_{name}" for name in ATOMS)
MODEL_COLUMNS = tuple(f"model_{name}" for name in ATOMS)
COLUMNS = ("world", "model", "accuracy", *DATA_COLUMNS, *MODEL_COLUMNS)


@dataclasses.dataclass(frozen=True)
class AgreementPoint:
    """One model on one world; accuracy as a fraction."""

    world: str
    model: str
    agreement: float
    accuracy: float


@dataclasses.dataclass(frozen=True)
class AgreementFigure:
    """The points of the figure, their correlation, and how many rows of the bank had none."""

    agreement: str
    points: tuple[AgreementPoint, ...]
    correlation: RankCorrelation
    n_without: int


def agreement_figure(
    table: pd.DataFrame,
    *,
    agreement: str = "as_defined",
    method: str = "spearman",
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> AgreementFigure:
    """Return the points of figure 3.5 and their correlation with its interval over worlds.

    Args:
        table: a bank, see above.
        agreement: a name of `agreement.AGREEMENTS`.
        method, level, n_boot, seed: as in `rank_correlation`.

    Raises:
        InputError: for a missing column, an unknown name, a world whose data hold no information.

    Example:
        >>> zeros = dict.fromkeys(DATA_COLUMNS + MODEL_COLUMNS, 0.0)
        >>> rows = [{**zeros, "world": world, "model": str(s), "accuracy": s, "data_synergy": 1.0, "model_synergy": s}
        ...         for world in "ab" for s in (0.2, 0.5, 1.0)]
        >>> agreement_figure(pd.DataFrame(rows), n_boot=20).correlation.value
        1.0
    """
    chosen = find_agreement(agreement)
    check_kind("table", table, pd.DataFrame, "a DataFrame with " + ", ".join(COLUMNS), "Pass the table of a bank.")
    missing = [name for name in COLUMNS if name not in table.columns]
    text = [name for name in COLUMNS[2:] if name in table and not pd.api.types.is_numeric_dtype(table[name])]
    if text and len(table) and not missing:
        raise InputError("table", f"text in {', '.join(text)}", "numbers", "Read the table with its numbers as such.")
    if missing:
        raise InputError("table", f"no column {', '.join(missing)}", ", ".join(COLUMNS), "Pass the table of a bank.")
    known = table.dropna(subset=list(COLUMNS))
    points = []
    for row in known[list(COLUMNS)].to_dict("records"):
        data = {name: float(row[column]) for name, column in zip(ATOMS, DATA_COLUMNS, strict=True)}
        model = {name: float(row[column]) for name, column in zip(ATOMS, MODEL_COLUMNS, strict=True)}
        value = chosen.measure(data, model)
        if value is None:
            continue
        points.append(AgreementPoint(str(row["world"]), str(row["model"]), value, float(row["accuracy"])))
    correlation = rank_correlation(
        [point.agreement for point in points],
        [point.accuracy for point in points],
        [point.world for point in points],
        method=method,
        level=level,
        n_boot=n_boot,
        seed=seed,
    )
    return AgreementFigure(chosen.name, tuple(points), correlation, len(table) - len(points))
