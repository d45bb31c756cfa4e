"""Evidence that cannot be had is refused with its reason, and never ends the stage after hours of training."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from valid_parameters import PARAMETERS

from flows.evaluate import evaluate
from flows.train import train
from mmcore.data import from_arrays, save_dataset
from tasks.learn import open_learning
from tasks.noise import corruption_names
from tasks.places import Places


def project(root, arrays, labels):
    content = copy.deepcopy(PARAMETERS)
    content["train"] |= {"models": ["sum"], "epochs": 8, "seeds": [0, 1]}
    (root / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    split = np.repeat(["train", "valid", "test"], len(labels) // 3)
    ds = from_arrays(arrays, labels=labels, split=split, name="films")
    places = Places("films", root)
    save_dataset(ds, places.prepared)
    places.results.mkdir(parents=True)
    mandatory = [{"model": f"unimodal:{name}", "modalities": [name]} for name in arrays]
    mandatory.append({"model": "late_fusion", "modalities": list(arrays)})
    places.selection.write_text(json.dumps({"candidates": [], "mandatory": mandatory}), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def easy(tmp_path_factory):
    """A label that every model but one gets right on every row, and truth values, which have no noise."""
    draws = np.random.default_rng(1)
    labels = draws.integers(0, 2, 180)
    sound = draws.normal(size=(180, 2)) + 40.0 * labels[:, None]
    root = project(tmp_path_factory.mktemp("easy"), {"sound": sound, "flags": draws.random((180, 3)) < 0.5}, labels)
    train("films", root)
    evaluate("films", root)
    return json.loads((open_learning("films", root).workspace / "evaluation.json").read_text(encoding="utf-8"))


def test_no_temperature_is_best_where_every_validation_row_is_right(easy):
    assert easy["temperature"]["status"] == "refused" and "every row right" in easy["temperature"]["reason"]


def test_noise_is_refused_for_a_modality_that_has_none(easy):
    assert easy["robustness"]["status"] == "refused" and "flags" in easy["robustness"]["reason"]


def test_models_that_never_differ_have_p_one_and_adjusted_values_are_not_smaller(easy):
    found = {(entry["model"], entry["against"]): entry for entry in easy["across_runs"]}
    rivals = {"late_fusion", "unimodal:sound"}
    assert set(found) == {
        (m, r) for m in ("late_fusion", "sum", "unimodal:sound", "unimodal:flags") for r in rivals if m != r
    }
    assert found["sum", "late_fusion"]["p"] == 1.0
    for entry in found.values():
        assert (entry["p"] is None) == (entry["reason"] is not None) == (entry["p_adjusted"] is None)
        assert entry["p"] is None or entry["p_adjusted"] >= entry["p"]


def test_the_corruptions_of_a_colour_image_are_named_with_its_colours(tmp_path):
    draws = np.random.default_rng(2)
    images = draws.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    root = project(tmp_path, {"photo": images, "sound": draws.normal(size=(30, 2))}, np.tile([0, 1], 15))
    names = corruption_names(open_learning("films", root))["photo"]
    assert names[:3] == ["grayscale", "white_balance", "tint"] and "rotate" in names
