"""Methods by name: each trains, and procedures do what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import MODELS, build_model
from mmcore.seeds import stream_seed
from mmcore.training import available_methods, find_method, fit, method_names, train_method
from mmcore.training.methods import PROCEDURES, fits_number

OPTIONS = {"epochs": 2, "batch_size": 32, "device": "cpu"}


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(240, 3)), rng.normal(size=(240, 4))
    split = np.repeat(["train", "valid", "test"], 80)
    return from_arrays({"a": a, "b": b}, labels=(a[:, 0] + b[:, 0] > 0).astype(int), name="methods", split=split)


def test_every_model_is_a_method_and_names_are_unique():
    names = method_names()
    assert len(set(names)) == len(names)
    assert {entry.name for entry in MODELS} <= set(names)
    assert {method.procedure for method in available_methods()} <= {name for name, _ in PROCEDURES}


def test_a_model_by_its_name_is_one_plain_fit(ds):
    by_method = train_method("late_fusion", ds, seed=3, build={"width": 8}, **OPTIONS)
    by_hand = fit(build_model("late_fusion", ds.spec, width=8, seed=3), ds, seed=3, **OPTIONS)
    assert by_method.history == by_hand.history
    for key, weights in by_hand.model.state_dict().items():
        assert torch.equal(weights, by_method.model.state_dict()[key])


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(InputError, match="late_fusion"):
        find_method("late_fuson")


def test_a_method_may_not_fit_the_number_of_modalities():
    assert fits_number("unimodal:a", 1) and not fits_number("unimodal", 2) and fits_number("late_fusion", 9)


def test_pretraining_starts_the_joint_fit_from_the_encoders_that_were_trained_alone(ds):
    by_method = train_method("pretrained_late_fusion", ds, seed=1, build={"width": 8}, **OPTIONS)
    joint = build_model("late_fusion", ds.spec, width=8, seed=1)
    for name, encoder in zip(ds.modalities, joint.encoders):
        seed = stream_seed(1, "pretraining", name)
        alone = fit(build_model(f"unimodal:{name}", ds.spec, width=8, seed=seed), ds, seed=seed, **OPTIONS)
        assert by_method.details["pretrained"][name] == alone.best_metric
        encoder.load_state_dict(alone.model.encoders[0].state_dict())
    by_hand = fit(joint, ds, seed=1, **OPTIONS)
    assert by_method.history == by_hand.history
