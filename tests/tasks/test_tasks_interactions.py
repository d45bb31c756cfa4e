"""`interactions.json` of trained models: an exclusive or that adding cannot learn, folds, every reason for nothing."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from valid_parameters import PARAMETERS

from flows.evaluate import evaluate
from flows.explain import explain
from flows.train import train
from mmcore.data import from_arrays, save_dataset
from tasks import interactions
from tasks.interactions import SYMBOLS, quantified_models, quantify_interactions
from tasks.learn import PUBLISHED, open_learning
from tasks.parameters.model import Estimate
from tasks.places import Places

NAMES = ("left", "right", "aside")
N = 480


def make(root, labels, arrays, *, task=None, presence=None, folds=None, models=(), **settings):
    """A project with a prepared dataset and a proposal, trained, decided and explained."""
    content = copy.deepcopy(PARAMETERS)
    content["train"] |= {"seeds": [3], "models": list(models), **settings}
    content["evaluate"]["noise_levels"] = []
    content["explain"] |= {"n_repeats": 1, "masked_rows": 60, "masked_draws": 20, "n_boot": 20}
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    split = None if folds is not None else np.resize(["train", "train", "valid", "test"], len(labels))
    groups = None if folds is None else np.arange(len(labels)) // 6
    ds = from_arrays(arrays, labels=labels, split=split, folds=folds, groups=groups, presence=presence, name="films",
                     task=task)  # fmt: skip
    places = Places("films", root)
    save_dataset(ds, places.prepared)
    places.results.mkdir(parents=True)
    names = list(arrays)
    mandatory = [{"model": f"unimodal:{name}", "modalities": [name]} for name in names]
    mandatory.append({"model": "late_fusion", "modalities": names})
    candidates = [{"model": "early_fusion", "modalities": names}]
    selection = {"candidates": candidates, "mandatory": mandatory, "leading_pair": names[:2]}
    places.selection.write_text(json.dumps(selection), encoding="utf-8")
    train("films", root)
    evaluate("films", root)
    explain("films", root)
    return open_learning("films", root)


def read(learning):
    return json.loads((learning.workspace / "interactions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def learning(tmp_path_factory):
    """Label: an exclusive or of the first two of three; each of three folds tests models that saw the others."""
    draws = np.random.default_rng(5)
    left, right = draws.integers(0, 2, (2, N))
    bits = zip(NAMES, (left, right, draws.integers(0, 2, N)), strict=True)
    arrays = {name: 2.0 * values[:, None] - 1 for name, values in bits}
    folds = np.arange(N) // 6 % 3
    presence = {"right": draws.random(N) < 0.9}
    return make(tmp_path_factory.mktemp("xor"), left ^ right, arrays, folds=folds, presence=presence,
                models=["sum"], epochs=10, patience=10, batch_size=32, width=16)  # fmt: skip


@pytest.fixture(scope="module")
def content(learning):
    return read(learning)


def entry(content, model):
    return next(one for one in content["models"] if one["model"] == model)


def test_proposed_models_and_baselines_are_there_and_all_where_asked(learning, content):
    proposed = ["early_fusion", *(f"unimodal:{name}" for name in NAMES), "late_fusion"]
    assert [one["model"] for one in content["models"]] == proposed
    assert content["status"] == "measured" and content["pair"] == ["left", "right"] and content["seed"] == 3
    asked = dataclasses.replace(learning, explain=learning.explain.model_copy(update={"interactions": "all"}))
    assert quantified_models(asked) == [*proposed, "sum"]


def test_a_sum_has_no_interaction_and_what_learnt_an_exclusive_or_has(content):
    late, early = entry(content, "late_fusion"), entry(content, "early_fusion")
    assert late["interaction"]["share"]["value"] == pytest.approx(0.0, abs=1e-5)  # single precision
    assert early["accuracy"] > 0.9 and early["interaction"]["share"]["value"] > 0.5
    assert early["atoms"]["corrected"]["synergy"] > 0.6 > 0.4 > late["atoms"]["corrected"]["synergy"]
    assert early["agreement"]["normalised"] > 0.8


def test_one_modality_alone_has_none_of_the_other_s_information(content):
    low, high = entry(content, "unimodal:left")["atoms"]["interval"]["unique2"]
    assert low <= 0.0 <= high
    assert entry(content, "unimodal:left")["interaction"]["share"]["value"] == 0.0
    aside = entry(content, "unimodal:aside")["interaction"]["share"]
    assert aside["value"] is None and aside["reason"]


def test_rows_of_every_fold_that_have_both_count_once(learning, content):
    both = int((learning.ds.presence("left") & learning.ds.presence("right")).sum())
    assert content["rows"] == {"n_rows": both, "n_groups": 80, "n_left_out": N - both}
    assert entry(content, "early_fusion")["interaction"]["n_rows"] == 60


def test_accuracy_is_that_of_the_predictions_table(learning, content):
    import pandas as pd

    table = pd.read_parquet(learning.workspace / "predictions.parquet")
    both = learning.ds.presence("left") & learning.ds.presence("right")
    kept = set(learning.ds.samples["sample_id"][both].astype(str))
    rows = table[(table["part"] == "test") & (table["model"] == "early_fusion") & table["sample_id"].isin(kept)]
    assert entry(content, "early_fusion")["accuracy"] == pytest.approx((rows["truth"] == rows["prediction"]).mean())


def with_open(monkeypatch, learning, **changes):
    monkeypatch.setattr(interactions, "open_learning", lambda dataset, root: dataclasses.replace(learning, **changes))
    quantify_interactions("films", learning.workspace)
    return (learning.workspace / "interactions.json").read_bytes()


def test_again_it_is_the_same_bytes_and_few_rows_are_drawn(monkeypatch, learning, content):
    before = (learning.workspace / "interactions.json").read_bytes()
    few = learning.explain.model_copy(update={"atom_rows": 200, "interactions": "all", "masked_rows": 2})
    some = json.loads(with_open(monkeypatch, learning, explain=few))
    assert some["rows"]["n_rows"] + some["rows"]["n_left_out"] == 200
    assert entry(some, "sum")["interaction"]["n_rows"] == 6  # two a fold
    assert with_open(monkeypatch, learning) == before


@pytest.mark.parametrize(
    ("selection", "chosen", "reason"),
    [({}, "none", "explain.interactions is none"),
     ({"leading_pair": None, "reason": "none of 3 pairs could be estimated"}, "proposed", "none of 3 pairs")],
)  # fmt: skip
def test_nothing_to_quantify_says_why(monkeypatch, learning, selection, chosen, reason):
    explained = learning.explain.model_copy(update={"interactions": chosen})
    found = json.loads(with_open(monkeypatch, learning, selection={**learning.selection, **selection},
                                 explain=explained))  # fmt: skip
    assert found["status"] == "absent" and reason in found["reason"]


def test_several_labels_a_row_are_absent(tmp_path):
    draws = np.random.default_rng(1)
    arrays = {name: draws.normal(size=(120, 2)) for name in NAMES[:2]}
    found = read(make(tmp_path, draws.integers(0, 2, (120, 3)), arrays, epochs=1))
    assert found["status"] == "absent" and "several labels" in found["reason"]


def test_a_regression_is_cut_at_the_label_s_bins(tmp_path):
    draws = np.random.default_rng(2)
    arrays = {name: draws.normal(size=(400, 1)) for name in NAMES[:2]}
    labels = arrays["left"][:, 0] + arrays["right"][:, 0]
    found = read(make(tmp_path, labels, arrays, task="regression", epochs=10))
    late = entry(found, "late_fusion")
    assert found["status"] == "measured" and late["interaction"]["share"]["value"] == pytest.approx(0.0, abs=1e-5)
    assert late["accuracy"] > 0.5  # of four bins


def test_it_is_published_and_depends_on_the_settings_that_it_shares():
    assert "interactions.json" in PUBLISHED
    text = (Path(interactions.__file__).parents[1] / "dvc.yaml").read_text(encoding="utf-8")
    params = yaml.safe_load(text)["stages"]["learn"]["do"]["params"]
    assert {f"estimate.{name}" for name in SYMBOLS} == {key for key in params if key.startswith("estimate.")}
    assert set(SYMBOLS) <= set(Estimate.model_fields)
