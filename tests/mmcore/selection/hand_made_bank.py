"""Banks made by hand, of few worlds whose atoms and accuracies are chosen, so that the right answer is known."""

import pandas as pd

from mmcore.selection.bank import Bank
from mmcore.selection.bank.table import ATOMS, COST_COLUMNS, TRIAL_COLUMNS, WORLD_COLUMNS

# R, U1, U2, S in bits: one world an atom, the unique one of the first modality
CORNERS = {"redundant": (1.0, 0.0, 0.0, 0.0), "unique": (0.0, 1.0, 0.0, 0.0), "synergistic": (0.0, 0.0, 0.0, 1.0)}
# Each world has a method of its own that is best; in the redundant one all are the same.
ACCURACY = {
    "redundant": {"unimodal:first": 0.9, "unimodal:second": 0.9, "late_fusion": 0.9, "sum": 0.9, "tensor_fusion": 0.9},
    "unique": {"unimodal:first": 0.9, "unimodal:second": 0.5, "late_fusion": 0.89, "sum": 0.85, "tensor_fusion": 0.8},
    "synergistic": {"unimodal:first": 0.5, "unimodal:second": 0.5, "late_fusion": 0.55, "sum": 0.5,
                    "tensor_fusion": 0.95},
}  # fmt: skip
SECONDS = {"unimodal:first": 1.0, "unimodal:second": 1.0, "late_fusion": 2.0, "sum": 3.0, "tensor_fusion": 8.0}


def made(worlds=CORNERS, accuracy=ACCURACY, seconds=SECONDS, n_train=1000, modalities="one two", order=1):
    """A Bank; an accuracy may be a list over seeds, or None for a refused method. `order=-1` writes rows backwards."""
    world_rows, trials, costs = [], [], []
    for world, atoms in worlds.items():
        values = {f"{kind}_{atom}": bits for kind in ("true", "estimated") for atom, bits in zip(ATOMS, atoms)}
        row = {**dict.fromkeys(WORLD_COLUMNS, 1.0), "world": world, "kind": "controlled", "tags": "", "layouts": "",
               "key": "", "n_train": n_train, "modalities": modalities, **values}  # fmt: skip
        world_rows.append(row)
        for method, given in accuracy[world].items():
            for seed, value in enumerate(given if isinstance(given, list) else [given]):
                status, reason = ("refused", "no") if value is None else ("trained", "")
                trials.append({**dict.fromkeys(TRIAL_COLUMNS), "world": world, "method": method, "seed": seed,
                               "n_train": n_train, "status": status, "reason": reason, "key": "",
                               "accuracy_valid": value, "accuracy_test": value})  # fmt: skip
                if value is not None and method in seconds:
                    costs.append(dict(zip(COST_COLUMNS, (world, method, seed, seconds[method]))))
    text = ("world", "kind", "tags", "modalities", "layouts", "key", "method", "status", "reason")
    tables = []
    for rows, columns in ((world_rows, WORLD_COLUMNS), (trials, TRIAL_COLUMNS), (costs, COST_COLUMNS)):
        table = pd.DataFrame(rows[::order], columns=list(columns))
        numbers = [column for column in columns if column not in text]
        tables.append(table.astype(dict.fromkeys(numbers, "float64")))
    return Bank(tables[0].set_index("world"), *tables[1:])
