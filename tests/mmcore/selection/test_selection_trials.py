"""Trials against worlds whose answer is known, and tables of them against interruptions."""

import json

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.data.worlds import draw
from mmcore.errors import InputError
from mmcore.selection.bank.table import ATOMS, TRIAL_COLUMNS
from mmcore.selection.trials import COLUMNS, content_digest, resolve_method, run_trial, trial_key, trial_table

ROWS = {"train": 800, "valid": 200, "test": 800}
QUICK = {"build": {"width": 24}, "fit": {"epochs": 12, "learning_rate": 0.01}}
TINY = {"train": 60, "valid": 30, "test": 40}
ONCE = {"build": {"width": 4}, "fit": {"epochs": 1}}


def world(name, rows=TINY, seed=0):
    return draw(name, rows, seed=seed)


def test_an_exclusive_or_is_learnt_lost_and_decomposed():
    row = run_trial(world("pure_synergy", ROWS), "early_fusion", seed=0, settings=QUICK)
    # Bayes accuracy 0.95 (mmcore.data.worlds); without either modality nothing is left but a coin
    assert row["accuracy_test"] == pytest.approx(0.95, abs=0.04)
    assert row["drop_first"] == pytest.approx(0.45, abs=0.1) and row["drop_second"] == pytest.approx(0.45, abs=0.1)
    assert row["model_synergy"] > 0.6 > 0.1 > max(row[f"model_{atom}"] for atom in ATOMS[:3])
    # nats; a model that knows p has h(0.05) = 0.199
    assert 0.15 < row["log_loss_test"] < 0.4
    assert set(row) == set(COLUMNS) - {"key"} and set(TRIAL_COLUMNS) <= set(COLUMNS)


def test_one_modality_loses_nothing_without_the_other_and_all_without_itself():
    row = run_trial(world("pure_unique1", ROWS), "unimodal:first", seed=0, settings=QUICK, quantify=False)
    assert row["accuracy_test"] == pytest.approx(0.95, abs=0.04)
    assert row["drop_second"] == 0.0 and row["drop_first"] == pytest.approx(0.45, abs=0.06)
    assert row["model_unique1"] is None


def test_the_log_loss_is_that_of_scikit_learn():
    from sklearn.metrics import log_loss

    from mmcore.training.methods import train_method
    from mmcore.training.prediction import predict

    ds = world("balanced")
    row = run_trial(ds, "late_fusion", seed=3, settings=ONCE, quantify=False)
    model = train_method("late_fusion", ds, seed=3, build=ONCE["build"], device="cpu", **ONCE["fit"]).model
    logits = predict(model, ds, ds.rows("test"))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = ds.labels()[ds.rows("test")]
    expected = log_loss(truth, probabilities, labels=range(16))
    assert row["log_loss_test"] == pytest.approx(expected, abs=1e-6)
    assert row["accuracy_test"] == pytest.approx(np.mean(logits.argmax(1) == truth), abs=1e-6)


def test_what_a_method_refuses_is_a_row_and_what_nobody_knows_is_raised():
    ds = world("pure_synergy")
    refused = run_trial(ds, "ctc_alignment", seed=0, settings=ONCE)
    assert refused["status"] == "refused" and "\n" not in refused["reason"] and refused["accuracy_test"] is None
    with pytest.raises(InputError, match="late_fusion"):
        run_trial(ds, "late_fusoin", seed=0, settings=ONCE)
    with pytest.raises(InputError, match="settings"):
        run_trial(ds, "late_fusion", seed=0, settings={"fits": {}})
    with pytest.raises(InputError, match="unimodal:second"):
        run_trial(ds, "unimodal:third", seed=0, settings=ONCE)


def test_a_regression_and_an_empty_split_are_refused():
    values = np.zeros((6, 2))
    parts = ["train", "train", "valid", "valid", "test", "test"]
    numbers = from_arrays({"a": values}, labels=np.linspace(0.0, 1.0, 6), name="r", split=parts, task="regression")
    with pytest.raises(InputError, match="classification"):
        run_trial(numbers, "unimodal:a", seed=0, settings=ONCE)
    untested = from_arrays({"a": values}, labels=[0, 1] * 3, name="u", split=["train", "valid"] * 3)
    with pytest.raises(InputError, match="'test'"):
        run_trial(untested, "unimodal:a", seed=0, settings=ONCE)


def test_a_place_is_a_modality_unless_a_modality_is_called_so():
    assert resolve_method("unimodal:first", ("alpha", "beta")) == "unimodal:alpha"
    assert resolve_method("unimodal:first", ("second", "first")) == "unimodal:first"
    assert resolve_method("unimodal:beta", ("alpha", "beta")) == "unimodal:beta"


def test_keys_and_digests_change_with_what_they_are_of():
    keys = {
        trial_key("w", "m", 0, ONCE),
        trial_key("v", "m", 0, ONCE),
        trial_key("w", "n", 0, ONCE),
        trial_key("w", "m", 1, ONCE),
        trial_key("w", "m", 0, QUICK),
        trial_key("w", "m", 0, ONCE, quantify=False),
    }
    assert len(keys) == 6
    assert content_digest(world("gate")) == content_digest(world("gate"))
    assert content_digest(world("gate")) != content_digest(world("gate", seed=1))
    assert content_digest(world("sequence_synergy")) != content_digest(world("sequence_synergy", seed=1))


def tabled(place, made=None, methods=("late_fusion", "unimodal:first"), **options):
    made = [] if made is None else made

    def maker(name):
        return lambda: made.append(name) or world(name)

    names = ("pure_synergy", "gate")
    options = {"definitions": {name: [name, 0] for name in names}, "quantify": False} | options
    makers = {name: maker(name) for name in names}
    return trial_table(makers, methods, (0, 1), settings=ONCE, place=place, **options)


def test_a_table_goes_on_where_it_was_killed(tmp_path):
    whole = tabled(tmp_path / "whole")
    assert len(whole) == 8 and list(whole.columns) == list(COLUMNS)

    def kill(done, total, row):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tabled(tmp_path / "killed", progress=kill)
    left = sorted((tmp_path / "killed").iterdir())
    assert len(left) == 3 and all(json.loads(path.read_text())["status"] == "trained" for path in left)
    before = {path: path.stat().st_mtime_ns for path in left}
    made = []
    again = tabled(tmp_path / "killed", made)
    same = whole.columns.difference(["cpu_seconds"])
    assert again[same].equals(whole[same])
    assert {path: path.stat().st_mtime_ns for path in left} == before
    made.clear()
    assert tabled(tmp_path / "killed", made).equals(again)
    assert made == []  # nothing missing, so nothing is drawn


def test_without_a_definition_the_content_decides(tmp_path):
    first = tabled(tmp_path, definitions=None, methods=["late_fusion"])
    assert tabled(tmp_path, definitions=None, methods=["late_fusion"]).equals(first)
    assert len(list(tmp_path.iterdir())) == 4


def test_refitting_gives_the_same_bytes(tmp_path):
    columns = [column for column in COLUMNS if column != "cpu_seconds"]
    first = tabled(tmp_path, quantify=True)[columns].to_csv()
    assert tabled(tmp_path, quantify=True, refit=True)[columns].to_csv() == first


def test_a_damaged_file_is_told(tmp_path):
    tabled(tmp_path)
    path = next(tmp_path.iterdir())
    path.write_text("{")
    with pytest.raises(InputError, match="Delete it"):
        tabled(tmp_path)
    path.write_text("{}")
    with pytest.raises(InputError, match="other columns"):
        tabled(tmp_path)
