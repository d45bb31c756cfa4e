"""Methods by name: each trains, and procedures do what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import MODELS, build_model
from mmcore.objectives import available_terms
from mmcore.seeds import stream_seed
from mmcore.training import available_methods, find_method, fit, method_names, torch_threads, train_method
from mmcore.training.methods import PROCEDURES, fits_number

OPTIONS = {"epochs": 2, "batch_size": 32, "device": "cpu"}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


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


TERM_METHODS = {
    "cca": "cca",
    "agreement": "agreement",
    "refnet": "refnet",
    "refnet_inputs": {"terms": {"refnet": {"target": "inputs"}}},
    "reconstruction": "reconstruction",
    "contrastive": "contrastive",
    "functional_entropy": "functional_entropy",
}


@pytest.mark.parametrize(("name", "objective"), TERM_METHODS.items())
def test_a_method_with_a_term_is_late_fusion_fitted_with_it(ds, name, objective):
    by_method = train_method(name, ds, seed=3, build={"width": 8}, **OPTIONS)
    plain, by_hand = (
        fit(build_model("late_fusion", ds.spec, width=8, seed=3), ds, objective=each, seed=3, **OPTIONS)
        for each in ("auto", objective)
    )
    assert by_method.history == by_hand.history != plain.history


def test_every_term_is_a_method():
    terms = {term for method in available_methods() if isinstance(method.objective, dict) for term in
             method.objective["terms"]}  # fmt: skip
    assert terms == set(available_terms())


def test_what_a_method_says_of_its_fit_wins_over_the_caller(ds):
    by_method = train_method("modality_dropout", ds, seed=3, modality_dropout=0.0, build={"width": 8}, **OPTIONS)
    model = build_model("late_fusion", ds.spec, width=8, seed=3)
    by_hand = fit(model, ds, seed=3, modality_dropout=0.3, **OPTIONS)
    assert by_method.history == by_hand.history


@pytest.mark.parametrize("name", ["cca", "agreement", "contrastive", "modality_dropout", "gradient_blending", "mfas"])
def test_methods_between_modalities_need_two(ds, name):
    assert fits_number(name, 2) and not fits_number(name, 1)
    with pytest.raises(InputError, match="2 or more"):
        train_method(name, ds, modalities=("a",), **OPTIONS)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_killed_pretraining_ends_with_the_same_bits(ds, tmp_path, at):
    """Two epochs of a, two of b, two of both."""
    calls = []

    def progress(epoch, epochs, metric):
        calls.append(epoch)
        if len(calls) == at:
            raise StoppedError

    options = {"seed": 1, "build": {"width": 8}, **OPTIONS}
    place = {"checkpoint_dir": tmp_path, "checkpoint_seconds": 0}
    whole = train_method("pretrained_late_fusion", ds, **options)
    with pytest.raises(StoppedError):
        train_method("pretrained_late_fusion", ds, progress=progress, **place, **options)
    told = []
    resumed = train_method("pretrained_late_fusion", ds, progress=lambda *each: told.append(each), **place, **options)
    assert len(told) == 6 - at
    assert resumed.history == whole.history and resumed.details == whole.details
    for key, weights in whole.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[key])
