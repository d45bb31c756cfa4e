"""The learn stage: methods by name, models retrained on subsets, noise, slices, and one tidy table of all scores."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest
from valid_parameters import PARAMETERS

from flows.evaluate import evaluate
from flows.train import train
from mmcore.data import from_arrays, save_dataset
from mmcore.errors import InputError
from mmcore.training import fitting_methods, method_names
from tasks.learn import check_learning, named_models, open_learning, retrained_models
from tasks.places import Places

NAMES = ("sound", "sight", "touch")


def project(root, **settings):
    """A project with one prepared dataset of three modalities, whose label is in the first."""
    content = copy.deepcopy(PARAMETERS)
    for key, value in settings.items():
        group, _, name = key.partition("__")
        content[group][name] = value
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    draws = np.random.default_rng(1)
    labels = draws.integers(0, 2, 240)
    arrays = {name: draws.normal(size=(240, 2)) for name in NAMES}
    arrays["sound"][:, 0] += 3.0 * labels
    presence = {"touch": draws.random(240) < 0.7}
    split = np.repeat(["train", "valid", "test"], 80)
    groups = np.repeat([f"site{i}" for i in range(12)], 20)
    ds = from_arrays(arrays, labels=labels, split=split, name="films", presence=presence, groups=groups)
    found = Places("films", root)
    save_dataset(ds, found.prepared)
    found.results.mkdir(parents=True)
    mandatory = [{"model": f"unimodal:{name}", "modalities": [name]} for name in NAMES]
    mandatory.append({"model": "late_fusion", "modalities": list(NAMES)})
    found.selection.write_text(json.dumps({"candidates": [], "mandatory": mandatory}), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    root = project(
        tmp_path_factory.mktemp("learn"), train__models=["tensor_fusion"], train__retrain_subsets="late_fusion",
        train__epochs=6, evaluate__noise_models="all", evaluate__noise_seeds=2, evaluate__slices=["present"],
    )  # fmt: skip
    train("films", root)
    evaluate("films", root)
    learning = open_learning("films", root)
    read = lambda name: json.loads((learning.workspace / name).read_text(encoding="utf-8"))  # noqa: E731
    return {"verdict": read("verdict.json"), "evaluation": read("evaluation.json"), "training": read("training.json"),
            "scores": pd.read_parquet(learning.workspace / "scores.parquet")}  # fmt: skip


def test_named_methods_and_retrained_ones_are_trained_and_only_contestants_compared(learnt):
    trained = {run["model"] for run in learnt["training"]["runs"]}
    pairs = {"late_fusion@sound+sight", "late_fusion@sound+touch", "late_fusion@sight+touch"}
    assert trained == {*(f"unimodal:{name}" for name in NAMES), "late_fusion", "tensor_fusion", *pairs}
    assert {entry["model"] for entry in learnt["evaluation"]["models"]} == trained - pairs
    compared = {name for c in learnt["verdict"]["comparisons"] for name in (c["model"], c["against"])}
    assert not compared & pairs


def test_every_subset_has_both_kinds_of_absence(learnt):
    subsets = {tuple(entry["present"]): entry for entry in learnt["evaluation"]["subsets"]}
    assert len(subsets) == 2**3 - 1
    assert all(entry["absent_at_test"] and entry["trained_on"] for entry in subsets.values())
    assert subsets["sight", "touch"]["trained_model"] == "late_fusion@sight+touch"
    assert subsets["sound",]["trained_model"] == "unimodal:sound"
    assert subsets[NAMES]["trained_model"] == "late_fusion"


def test_noise_on_the_modality_that_carries_the_label_hurts_and_on_another_does_not(learnt):
    found = learnt["evaluation"]["robustness"]
    assert found["levels"] == [0.0, 0.5, 1.0]
    late = {c["noise"]: [p["value"] for p in c["points"]] for c in found["curves"] if c["model"] == "late_fusion"}
    assert set(late) == {*NAMES, "all"}
    assert late["sound"][0] > 0.9 and late["sound"][-1] < 0.75
    assert abs(late["sight"][-1] - late["sight"][0]) < 0.1
    alone = {c["noise"] for c in found["curves"] if c["model"] == "unimodal:sound"}
    assert alone == {"sound", "all"}
    effective = [c["effective"] for c in found["curves"] if c["model"] == "late_fusion"]
    assert effective == [0.0] * 4


def test_the_table_of_scores_holds_every_part_and_agrees_with_the_evaluation(learnt):
    table, evaluation = learnt["scores"], learnt["evaluation"]
    plain = table[table["noise"].isna() & table["seed"].isna() & (table["training"] == "collected")]
    for entry in evaluation["models"]:
        own = plain[(plain["model"] == entry["model"]) & (plain["split"] == "test")
                    & (plain["subset"] == "+".join(entry["modalities"]))]  # fmt: skip
        for metric, score in entry["metrics"].items():
            value = own.loc[own["metric"] == metric, "value"].iloc[0]
            assert value == pytest.approx(score["value"], nan_ok=True)
    assert set(table.loc[table["training"] == "never_collected", "subset"]) == {
        "sound+sight", "sound+touch", "sight+touch",
    }  # fmt: skip
    assert set(table.loc[table["noise"].notna(), "noise_level"]) == {0.5, 1.0}
    each = table[table["seed"].notna() & (table["model"] == "late_fusion") & (table["split"] == "test")]
    mean = plain[(plain["model"] == "late_fusion") & (plain["split"] == "test") & (plain["metric"] == "accuracy")]
    assert each["value"].mean() == pytest.approx(mean["value"].iloc[0])


def test_slices_and_prediction_sets_are_there(learnt):
    assert {entry["column"] for entry in learnt["evaluation"]["slices"]} == {"present"}
    assert {entry["value"] for entry in learnt["evaluation"]["slices"]} == {"sound+sight+touch", "sound+sight"}
    assert learnt["evaluation"]["conformal"]["status"] == "measured"


def test_all_is_every_method_that_so_many_modalities_fit():
    """Vectors have no steps, so methods that need a sequence are left out, with their reason."""
    spec = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny").spec
    names, refused = fitting_methods(spec)
    assert set(names) | set(refused) == set(method_names()) and not set(names) & set(refused)
    assert "sequence" in refused["early_fusion_steps"] and {"late_fusion", "mult"} <= set(names)
    found = named_models(["all"], ("a", "b"), names)
    assert set(found) == set(names) and set(found.values()) == {("a", "b")}


def test_a_name_that_does_not_fit_the_data_is_refused():
    with pytest.raises(InputError, match="sound"):
        named_models(["unimodal:sond"], NAMES)
    assert retrained_models("late_fusion", NAMES[:2]) == {}


@pytest.mark.parametrize(
    ("settings", "own", "argument", "received"),
    [({"evaluate__slices": ["site"]}, {}, "evaluate.slices", "'site'"),
     ({"evaluate__slices": ["sample_id"]}, {}, "evaluate.slices", "80 values"),
     ({"evaluate__metric": "mae"}, {}, "evaluate.metric", "mae for a classification"),
     ({}, {"encoders": {"smell": "mlp"}}, "train.encoders", "'smell'"),
     ({"train__encoders": {"sound": {"name": "mlp", "dephts": 3}}}, {}, "encoders.sound", "'dephts'"),
     ({"train__models": ["early_fusion_steps"]}, {}, "train.models, early_fusion_steps", "")],
)  # fmt: skip
def test_what_would_stop_after_the_last_fit_stops_before_the_first(tmp_path, settings, own, argument, received):
    root = project(tmp_path, **settings)
    content = json.loads((root / "params.yaml").read_text(encoding="utf-8"))
    if own:  # the symbols of a stock dataset are its modalities, known only once it is prepared
        stocks = {"reader": "stocks", "path": "data/raw/prices", "target": "MCD"}
        content["datasets"]["films"] |= {"source": stocks, "train": own}
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    learning = open_learning("films", root)
    with pytest.raises(InputError) as caught:
        check_learning("films", learning)
    assert argument in caught.value.argument and received in caught.value.received
    with pytest.raises(InputError):
        train("films", root)
    assert not (learning.workspace / "models").exists()


def test_tuning_is_asked_for_by_params(tmp_path):
    root = project(tmp_path, train__tune_trials=2, train__seeds=[0])
    train("films", root)
    learning = open_learning("films", root)
    runs = json.loads((learning.workspace / "training.json").read_text(encoding="utf-8"))["runs"]
    assert all(set(run["tuned"]) == {"learning_rate", "weight_decay", "width", "dropout"} for run in runs)
