"""The select stage: what leaves nothing to select is told at once; rules name rows; advice reads no paired label."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
from valid_parameters import PARAMETERS

from mmcore.data import from_arrays, save_dataset
from mmcore.errors import InputError
from mmcore.information.pairs import estimate_dataset
from mmcore.reporting.proposal import KEYS
from mmcore.training import fitting_methods
from tasks.advice import advice_rows, modality_advice, rows_of
from tasks.gates import GateError
from tasks.learn import open_learning
from tasks.parameters import ParametersError, check_parameters
from tasks.parameters.model import Advice, Select
from tasks.places import Places
from tasks.select import propose_models, selection_problems, training_rows

SELECT = Select(top=1, budget=None, bank=True, advice=None)


def dataset(n=40, *, labels=None, presence=None, modalities=("sound", "sight"), **columns):
    draws = np.random.default_rng(3)
    arrays = {name: draws.normal(size=(n, 2)) for name in modalities}
    labels = draws.integers(0, 2, n) if labels is None else labels
    ds = from_arrays(arrays, labels=labels, name="films", presence=presence, split=["train"] * n)
    for name, values in columns.items():
        ds.samples[name] = values
    return ds


def arguments(ds, advice=None):
    return [problem.argument for problem in selection_problems(ds, Select(**{**SELECT.model_dump(), "advice": advice}))]


def test_a_usable_dataset_has_no_problem():
    assert arguments(dataset()) == []


def test_each_reason_why_there_is_nothing_to_select():
    unlabelled = dataset()
    unlabelled.samples["label"] = None
    assert arguments(dataset(modalities=["sound"])) == ["films.modalities"]
    assert arguments(dataset(labels=["good"] * 40)) == ["films.label"]
    assert arguments(unlabelled) == ["films.label"]


def test_all_problems_are_told_together():
    ds = dataset(labels=["good"] * 40)
    advice = {"labelled": "splat=train", "held": "sond"}
    found = arguments(ds, advice)
    assert found == ["films.label", "select.advice.held", "select.advice.labelled"]


def test_the_stage_stops_with_all_of_them_and_leaves_no_result(tmp_path):
    content = copy.deepcopy(PARAMETERS)
    content["select"]["advice"] = {"labelled": "nobody"}
    (tmp_path / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    places = Places("films", tmp_path)
    save_dataset(dataset(labels=["good"] * 40), places.prepared)
    with pytest.raises(GateError, match=r"2 problems; nothing was proposed") as caught:
        propose_models("films", tmp_path)
    assert "one class" in str(caught.value) and "'nobody'" in str(caught.value)
    assert not places.selection.exists()


def estimated(root, **select):
    """A project whose dataset is prepared and estimated: all of the information is synergy."""
    content = copy.deepcopy(PARAMETERS)
    content["select"] |= select
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    places = Places("films", root)
    ds = dataset()
    ds.samples["split"] = np.repeat(["train", "valid", "test", "train"], 10)

    save_dataset(ds, places.prepared)
    places.results.mkdir(parents=True)
    atoms = {"redundancy": 0.0, "unique1": 0.0, "unique2": 0.0, "synergy": 0.5}
    pair = {"first": "sound", "second": "sight", "status": "estimated", "raw": atoms,
            "interval": {name: [value - 0.01, value + 0.01] for name, value in atoms.items()}}  # fmt: skip
    estimate = {"dataset": "films", "pairs": [pair], "label": {"entropy": 1.0, "classes": ["0", "1"]}}
    places.estimate.write_text(json.dumps(estimate), encoding="utf-8")
    return places


def test_the_stage_writes_every_key_that_the_page_reads_and_learn_trains(tmp_path):
    places = estimated(tmp_path, bank=False)
    propose_models("films", tmp_path)
    found = json.loads(places.selection.read_text(encoding="utf-8"))
    assert set(KEYS) <= set(found) and found["verdict"] == "fusion" and found["advice"] is None
    learning = open_learning("films", tmp_path)
    assert {"early_fusion", "late_fusion", "unimodal:sound", "unimodal:sight"} == set(learning.models)


def test_without_a_labelled_pair_nothing_is_proposed_for_a_stated_reason_but_the_advice_is_given(tmp_path):
    ds = copied()
    paired = np.arange(len(ds)) >= len(ds) // 2
    for number, name in enumerate(ds.modalities):  # labelled rows have one modality each, paired ones no label
        ds.samples[f"has_{name}"] = paired | (np.arange(len(ds)) % 2 == number)
    ds.samples.loc[paired, "label"] = None
    ds.samples["split"] = np.array(["train", "valid", "test"])[np.arange(len(ds)) % 3]
    ds = dataclasses.replace(ds, samples=ds.samples.drop(columns="done"))
    content = copy.deepcopy(PARAMETERS)
    content["select"]["advice"] = {"labelled": "known", "held": "a", "n_boot": 20}
    places = Places("copied", tmp_path)
    content["datasets"]["copied"] = content["datasets"].pop("films")
    content["datasets"]["copied"]["source"]["modalities"] = {"a": {"kind": "tabular"}, "b": {"kind": "tabular"}}
    (tmp_path / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    save_dataset(ds, places.prepared)
    places.results.mkdir(parents=True)
    options = {"n_boot": 0, "n_null": 0, "clusters": 2}
    places.estimate.write_text(json.dumps(estimate_dataset(ds, label=None, options=options, seed=1)), encoding="utf-8")
    propose_models("copied", tmp_path)
    found = json.loads(places.selection.read_text(encoding="utf-8"))
    assert found["status"] == "absent" and "labelled and present" in found["reason"]
    assert {entry["model"] for entry in found["mandatory"]} >= {"unimodal:a", "unimodal:b", "late_fusion"}
    assert found["advice"]["next"] == "b" and found["advice"]["candidates"][0]["advice"]["collect"] == "yes"


def test_training_rows_are_those_of_one_fit():
    ds = dataset()
    ds.samples["split"] = np.repeat(["train", "valid", "test", "train"], 10)
    assert training_rows(ds) == 20
    ds.samples["fold"] = np.arange(40) % 4
    assert training_rows(ds) == 20  # of four folds, one validates and one tests


def test_a_budget_that_no_model_keeps_is_refused_before_a_result_is_written(tmp_path):
    places = estimated(tmp_path, budget=1e-9)
    with pytest.raises(InputError) as caught:
        propose_models("films", tmp_path)
    assert caught.value.argument == "select.budget" and caught.value.remedy
    assert not places.selection.exists()


def test_a_method_that_an_encoder_rules_out_is_not_proposed():
    draws = np.random.default_rng(0)
    steps = {name: draws.normal(size=(12, 5, 2)) for name in ("sound", "sight")}
    ds = from_arrays(steps, labels=np.arange(12) % 2, name="films", kinds=dict.fromkeys(steps, "timeseries"))
    every, _ = fitting_methods(ds.spec)
    fewer, refused = fitting_methods(ds.spec, build={"encoders": {"sound": "deep_sets"}})
    # deep sets give one vector, and crossmodal attention needs steps
    assert "mult" in every and "mult" not in fewer and "mult" in refused and "late_fusion" in fewer


def test_rules_name_rows():
    ds = dataset(4, labels=[0, 1, 0, 1], done=[True, False, True, False], site=["x", "y", "y", "x"])
    ds.samples.loc[1, "label"] = None
    named = {
        "known": [True, False, True, True], "all": [True] * 4, "done": [True, False, True, False],
        "site=y": [False, True, True, False],
    }  # fmt: skip
    for rule, expected in named.items():
        assert rows_of(rule, ds, "select.advice.labelled").tolist() == expected, rule
    labelled, paired = advice_rows(Advice(labelled="done"), ds)
    assert not (labelled & paired).any() and (labelled | paired).all()


@pytest.mark.parametrize(
    ("rule", "words"),
    [("dnoe", "Did you mean 'done'"), ("site", "site=VALUE"), ("site=z", "a value of site: x, y"), ("rest", "known")],
)
def test_a_rule_that_names_nothing_says_what_it_may_name(rule, words):
    ds = dataset(4, labels=[0, 1, 0, 1], done=[True, False, True, False], site=["x", "y", "y", "x"])
    with pytest.raises(InputError, match=words):
        rows_of(rule, ds, "select.advice.labelled")


@pytest.mark.parametrize("rules", [{"labelled": "known"}, {"labelled": "split=train"}])
def test_no_unlabelled_pair_is_refused(rules):
    with pytest.raises(InputError, match=r"select\.advice\.paired"):
        advice_rows(Advice(**rules), dataset())


def copied(n=1200, *, spoil=False):
    """The label is the second modality; the first is noise. Labels of paired rows are wrong where spoilt."""
    draws = np.random.default_rng(5)
    first, second = draws.integers(0, 2, (2, n))
    part = np.arange(n) < n // 2
    labels = np.where(part | ~np.array(spoil), second, 1 - second)
    ds = from_arrays({"a": first[:, None], "b": second[:, None]}, labels=labels, name="copied", split=["train"] * n)
    ds.samples["done"] = part
    return ds


def test_advice_collects_the_modality_that_is_the_label_and_reads_no_label_of_a_paired_row():
    advice = Advice(labelled="done", held="a", n_boot=20)
    found, spoilt = (modality_advice(advice, copied(spoil=spoil), seed=7) for spoil in (False, True))
    assert found["next"] == "b" and found["candidates"][0]["advice"]["collect"] == "yes"
    assert found["n_rows"] == {"labelled": 600, "paired": 600}
    assert found == spoilt
    json.dumps(found)


def test_the_other_way_round_it_is_not_worth_collecting():
    found = modality_advice(Advice(labelled="done", held="b", n_boot=20), copied(), seed=7)
    assert found["next"] is None and found["candidates"][0]["advice"]["collect"] == "no"


@pytest.mark.parametrize(
    ("key", "value", "argument"),
    [
        ("top", 0, "select.top"), ("budget", 0.0, "select.budget"), ("bank", "yes", "select.bank"),
        ("advice", {}, "select.advice.labelled"), ("advice", {"labelled": "known", "heldd": 1}, "select.advice.heldd"),
        ("advice", {"labelled": "known", "n_boot": 3}, "select.advice.n_boot"),
        ("advice", {"labelled": "known", "held": ["sound", "sound"]}, "select.advice.held"),
        ("advice", {"labelled": "known", "held": "sound", "candidates": ["sound"]}, "select.advice.candidates"),
    ],
)  # fmt: skip
def test_wrong_select_settings_are_named(key, value, argument):
    content = copy.deepcopy(PARAMETERS)
    content["select"][key] = value
    with pytest.raises(ParametersError) as caught:
        check_parameters(content)
    assert [problem.argument for problem in caught.value.problems] == [argument]


def test_a_budget_without_the_bank_is_a_contradiction():
    content = copy.deepcopy(PARAMETERS)
    content["select"] |= {"bank": False, "budget": 5.0}
    with pytest.raises(ParametersError, match="bank: false") as caught:
        check_parameters(content)
    assert [problem.argument for problem in caught.value.problems] == ["select.budget"]


def test_a_dataset_states_its_own_and_names_its_own_modalities():
    content = copy.deepcopy(PARAMETERS)
    films = content["datasets"]["films"]
    films["select"] = {"top": 3, "advice": {"labelled": "known", "held": "sound"}}
    own = check_parameters(content).select.of(check_parameters(content).datasets["films"])
    assert (own.top, own.bank, own.advice.held) == (3, True, "sound")
    films["select"]["advice"]["held"] = "sond"
    films["source"]["modalities"] = {"sound": {"kind": "tabular"}}
    with pytest.raises(ParametersError) as caught:
        check_parameters(content)
    told = [problem.argument for problem in caught.value.problems]
    assert told == ["datasets.films.source.modalities", "datasets.films.select.advice.held"]
