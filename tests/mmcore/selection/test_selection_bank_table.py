"""The bank's tables: what is written is read, and what is broken is told."""

import pandas as pd
import pytest

from mmcore.errors import InputError
from mmcore.selection.bank import read_bank
from mmcore.selection.bank.table import COST_COLUMNS, TRIAL_COLUMNS, WORLD_COLUMNS

WORLD = dict.fromkeys(WORLD_COLUMNS, 0.5) | {
    "world": "none", "kind": "controlled", "tags": "mixed vector", "modalities": "alpha beta", "layouts": "vector",
    "key": "1e5",
}  # fmt: skip
TRIAL = dict.fromkeys(TRIAL_COLUMNS, 0.25) | {
    "world": "none", "method": "late_fusion", "seed": 0, "status": "trained", "reason": "", "key": "0123",
}  # fmt: skip
REFUSED = {**TRIAL, "method": "mult", "status": "refused", "reason": "no, sequences only", "accuracy_test": None}
COST = dict(zip(COST_COLUMNS, ("none", "late_fusion", 0, 0.1), strict=True))


def written(folder, worlds=(WORLD,), trials=(TRIAL, REFUSED), costs=(COST,)):
    for name, rows in (("worlds", worlds), ("trials", trials), ("costs", costs)):
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_what_is_written_is_read(tmp_path):
    bank = read_bank(written(tmp_path))
    assert bank.worlds.loc["none", "true_synergy"] == 0.5
    assert bank.trials["key"].tolist() == ["0123", "0123"]  # no number
    assert bank.worlds.loc["none", "key"] == "1e5"
    assert bank.trials["reason"].tolist() == ["", "no, sequences only"]
    assert bank.trials["accuracy_test"].isna().tolist() == [False, True]
    assert bank.methods == ("late_fusion", "mult")
    assert bank.costs["cpu_seconds"].tolist() == [0.1]


def test_a_world_of_three_is_no_pair(tmp_path):
    three = {**WORLD, "world": "three", "modalities": "alpha beta gamma", "true_synergy": None}
    bank = read_bank(written(tmp_path, worlds=(WORLD, three)))
    assert list(bank.pairs.index) == ["none"] and len(bank.worlds) == 2


@pytest.mark.parametrize(
    ("changed", "argument"),
    [
        ({"trials": ({**TRIAL, "world": "elsewhere"},)}, "trials.world"),
        ({"trials": (TRIAL, TRIAL)}, "trials"),
        ({"trials": ({**TRIAL, "status": "lost"},)}, "trials.status"),
        ({"trials": ({**TRIAL, "accuracy_test": 1.5},)}, "trials.accuracy_test"),
        ({"trials": ({**TRIAL, "accuracy_test": None},)}, "trials.accuracy_test"),
        ({"trials": ({**TRIAL, "epochs": "many"},)}, "trials.epochs"),
        ({"trials": ({name: value for name, value in TRIAL.items() if name != "epochs"},)}, "trials.columns"),
        ({"worlds": (WORLD, WORLD)}, "worlds"),
        ({"worlds": ({**WORLD, "bayes_accuracy": -0.1},)}, "worlds.bayes_accuracy"),
        ({"costs": ({**COST, "world": "elsewhere"},)}, "costs.world"),
    ],
)
def test_a_broken_table_is_told(tmp_path, changed, argument):
    with pytest.raises(InputError) as told:
        read_bank(written(tmp_path, **changed))
    assert told.value.argument == argument


def test_a_missing_or_empty_table_is_told(tmp_path):
    with pytest.raises(InputError, match="dvc repro bank"):
        read_bank(tmp_path)
    written(tmp_path)
    (tmp_path / "trials.csv").write_text("")
    with pytest.raises(InputError, match=r"trials\.csv"):
        read_bank(tmp_path)


def test_a_table_without_rows_is_one(tmp_path):
    written(tmp_path, trials=(REFUSED,))
    (tmp_path / "costs.csv").write_text(",".join(COST_COLUMNS) + "\n")
    bank = read_bank(tmp_path)
    assert len(bank.costs) == 0 and bank.methods == ("mult",)
