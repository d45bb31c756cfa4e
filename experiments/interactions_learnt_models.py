"""The ten models of thesis table 3.4, which methods of ours they are, and their rows of the bank.

    the table's names       ours                       printed R, accuracy, U, accuracy, S, accuracy (atoms in nats)

Additive is a sum of logits; the table's Align aligns with a contrastive loss; lower order is a tensor of low rank with
its lower orders; Rec adds reconstruction. MulT attends over steps, and a vector is one step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pandas as pd

from mmcore.data.worlds.generative import SETS
from mmcore.errors import InputError

NUMBERS = ("accuracy_test", "drop_first", "drop_second")


@dataclasses.dataclass(frozen=True)
class ThesisModel:
    """One column of table 3.4.

    Attributes:
        label: as printed.
        method: ours.
        additive: whether it adds up what each modality says; then an exclusive or is out of its reach.
        redundancy, unique, synergy: printed atoms on the sets specialised in each, nats.
        accuracy: printed accuracies on D_R, D_U and D_S.
    """

    label: str
    method: str
    additive: bool
    redundancy: float
    unique: float
    synergy: float
    accuracy: tuple[float, float, float]


THESIS_MODELS = (
    ThesisModel("EF", "early_fusion", False, 0.35, 0.29, 0.13, (0.71, 0.66, 0.56)),
    ThesisModel("Additive", "sum", True, 0.48, 0.31, 0.09, (0.74, 0.55, 0.66)),
    ThesisModel("Agree", "agreement", True, 0.44, 0.19, 0.08, (0.73, 0.60, 0.63)),
    ThesisModel("Align", "contrastive", True, 0.47, 0.44, 0.29, (0.74, 0.73, 0.72)),
    ThesisModel("Elem", "product", False, 0.27, 0.20, 0.14, (0.70, 0.66, 0.66)),
    ThesisModel("Tensor", "tensor_fusion", False, 0.55, 0.52, 0.33, (0.75, 0.73, 0.74)),
    ThesisModel("MI", "multiplicative_matrix", False, 0.20, 0.18, 0.12, (0.67, 0.66, 0.65)),
    ThesisModel("MulT", "mult", False, 0.40, 0.45, 0.29, (0.73, 0.72, 0.72)),
    ThesisModel("Lower", "lower_order_interactions", False, 0.47, 0.55, 0.31, (0.74, 0.73, 0.73)),
    ThesisModel("Rec", "mfm", False, 0.53, 0.55, 0.32, (0.75, 0.73, 0.74)),
)
METHODS = tuple(model.method for model in THESIS_MODELS)


def thesis_worlds(worlds: pd.DataFrame) -> list[str]:
    """Return the ten generative sets among a bank's worlds.

    Raises:
        InputError: where there is none.
    """
    found = [name for name in worlds.index if name.removeprefix("generative_") in SETS]
    if not found:
        raise InputError("bank", "no generative world", "the sets of table 3.2", "Rebuild the bank.")
    return found


def means(
    trials: pd.DataFrame,
    worlds: Sequence[str],
    methods: Sequence[str] | None,
    atoms: Sequence[str],
    *,
    complete: bool = False,
) -> pd.DataFrame:
    """Return a row a world and method, means over seeds of accuracy, drops and `atoms`; refused fits have none.

    Args:
        trials: of a bank.
        worlds, methods: of which; all methods when None.
        atoms: columns of the predictions' atoms.
        complete: whether to use only the seeds whose predictions were decomposed.

    Raises:
        InputError: where no trained model is left.

    Example:
        >>> row = {"world": "w", "method": "sum", "status": "trained", "accuracy_test": 0.9}
        >>> table = pd.DataFrame([{**row, "drop_first": d, "drop_second": 0.0, "s": 1.0} for d in (0.1, 0.3)])
        >>> float(means(table, ["w"], None, ["s"])["drop_first"].iloc[0])
        0.2
    """
    kept = trials[(trials["status"] == "trained") & trials["world"].isin(list(worlds))]
    if complete:
        kept = kept.dropna(subset=list(atoms))
    if methods is not None:
        kept = kept[kept["method"].isin(list(methods))]
    if kept.empty:
        raise InputError("bank", "no trained model of these worlds", "at least one", "Rebuild the bank.")
    return kept.groupby(["world", "method"], as_index=False, sort=True)[[*NUMBERS, *atoms]].mean()
