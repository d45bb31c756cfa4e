"""From atoms to regret with a bank and accuracies made by hand: the right world is found, the right places are read."""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd
import pytest

from experiments.regret import RECOMMENDED, judged_ways
from experiments.regret_choice import over_datasets, summary
from experiments.regret_sets import RegretSet
from mmcore.data.worlds import draw
from mmcore.information.atoms import ATOMS
from mmcore.selection.bank.table import COST_COLUMNS, TRIAL_COLUMNS, WORLD_COLUMNS, Bank

TEXT = ("world", "kind", "tags", "modalities", "layouts", "key", "method", "status", "reason")
CORNERS = {"redundant": (1.0, 0.0, 0.0, 0.0), "unique": (0.0, 1.0, 0.0, 0.0), "synergistic": (0.0, 0.0, 0.0, 1.0)}
METHODS = ("unimodal:first", "unimodal:second", "late_fusion", "tensor_fusion")
BANKED = {"redundant": (0.7, 0.7, 0.9, 0.7), "unique": (0.9, 0.5, 0.6, 0.6), "synergistic": (0.5, 0.5, 0.5, 0.9)}
# what was measured: of unique2 the second modality alone is the best, so the bank's `unique` must be mirrored
REACHED = {"pure_synergy": (0.5, 0.5, 0.52, 0.95), "pure_unique2": (0.5, 0.95, 0.85, 0.9)}


def _typed(rows: list[dict[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype({column: "float64" for column in columns if column not in TEXT})


def _bank() -> Bank:
    texts = {"kind": "controlled", "tags": "", "layouts": "", "key": "", "modalities": "one two"}
    worlds = [
        {**dict.fromkeys(WORLD_COLUMNS, 1.0), "world": world, **texts}
        | {f"{kind}_{atom}": bits for kind in ("true", "estimated") for atom, bits in zip(ATOMS, atoms, strict=True)}
        for world, atoms in CORNERS.items()
    ]
    trials = [
        {**dict.fromkeys(TRIAL_COLUMNS), "world": world, "method": method, "seed": 0, "n_train": 100,
         "status": "trained", "reason": "", "key": "", "accuracy_valid": value, "accuracy_test": value}
        for world, reached in BANKED.items() for method, value in zip(METHODS, reached, strict=True)
    ]  # fmt: skip
    costs = [{"world": one["world"], "method": one["method"], "seed": 0, "cpu_seconds": 1.0} for one in trials]
    return Bank(
        _typed(worlds, WORLD_COLUMNS).set_index("world"), _typed(trials, TRIAL_COLUMNS), _typed(costs, COST_COLUMNS)
    )


def _judged(place: Path, top: int) -> tuple[pd.DataFrame, dict[str, dict[str, object]]]:
    sizes = {"train": 800, "valid": 200, "test": 50}
    sets = {name: RegretSet(name, {"world": name}, functools.partial(draw, name, sizes, seed=0)) for name in REACHED}
    accuracies = pd.DataFrame(
        [
            {"dataset": name, "method": method, "seed": 0, "status": "trained", "accuracy_valid": value,
             "accuracy_test": value}
            for name, reached in REACHED.items() for method, value in zip(METHODS, reached, strict=True)
        ]
    )  # fmt: skip
    settings = {"place": str(place), "estimate": {"n_boot": 20, "n_null": 20}, "seed": 0, "top": top}
    return judged_ways(sets, accuracies, _bank(), settings)


def test_the_model_of_the_nearest_interactions_is_chosen(tmp_path: Path) -> None:
    table, evidence = _judged(tmp_path, top=1)
    chosen = table[table["way"] == RECOMMENDED].set_index("entry")
    assert chosen["chosen"].to_dict() == {"pure_synergy": "tensor_fusion", "pure_unique2": "unimodal:second"}
    assert chosen["regret"].tolist() == pytest.approx([0.0, 0.0])
    assert evidence["pure_unique2"]["unique2"] > 0.6 and evidence["pure_synergy"]["verdict"] == "fusion"
    late = table[table["way"] == "late_fusion"].set_index("entry")["regret"]
    assert late.to_dict() == pytest.approx({"pure_synergy": 0.43, "pure_unique2": 0.1})
    # mean regrets over the bank: late fusion 0.233, tensor fusion 0.167, both modalities alone more
    average = table[table["way"] == "best_on_average"].set_index("entry")
    assert average["models"].tolist() == ["tensor_fusion", "tensor_fusion"]
    nearest = table[table["way"] == "nearest_world"].set_index("entry")["chosen"]
    assert nearest.to_dict() == {"pure_synergy": "tensor_fusion", "pure_unique2": "unimodal:second"}


def test_an_estimate_is_kept_and_taken_again(tmp_path: Path) -> None:
    first, _ = _judged(tmp_path, top=2)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again, _ = _judged(tmp_path, top=2)
    assert len(files) == 2 and {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    pd.testing.assert_frame_equal(first, again)
    found = summary(over_datasets(first), against=RECOMMENDED)
    assert found["late_fusion"]["regret_of_recommended_less"]["value"] == pytest.approx(-0.265)
