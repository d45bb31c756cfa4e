"""The table of models: names, errors, initial weights, cost, storage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError, NotBuiltYetError
from mmcore.models import (
    MODELS,
    available_models,
    build_model,
    count_flops,
    count_parameters,
    load_model,
    save_model,
)


@pytest.fixture
def spec():
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(12, 5)), "b": rng.normal(size=(12, 30, 3)), "c": rng.random((12, 9, 11, 3))}
    kinds = {"a": "tabular", "b": "timeseries", "c": "image"}
    return from_arrays(arrays, labels=np.arange(12) % 3, name="tiny", kinds=kinds, seed=0).spec


def test_every_row_of_the_table_is_complete():
    assert available_models() == tuple(entry.name for entry in MODELS)
    assert len(set(available_models())) == len(MODELS)
    for entry in MODELS:
        assert entry.reference and entry.tags and ":" in entry.builder


def test_listing_models_imports_no_torch():
    code = "import sys, mmcore.models as m, mmcore.objectives, mmcore.training; m.available_models()"
    code += "; sys.exit('torch' in sys.modules or 'lightning_fabric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "arguments", "argument", "remedy"),
    [
        ("late_fussion", {}, "model", "'late_fusion'"),
        ("late_fusion", {"modalities": ["a", "bb"]}, "modality", "b"),
        ("late_fusion", {"modalities": ["a", "a"]}, "modalities", "Correct"),
        ("late_fusion", {"label": "labell"}, "label", "label"),
        ("late_fusion", {"widht": 3}, "argument of late_fusion", "'width'"),
        ("unimodal", {}, "modality", "unimodal:"),
        ("unimodal", {"modalities": ["a", "b"]}, "modalities", "one"),
    ],
)
def test_wrong_names_are_refused_with_the_nearest(spec, name, arguments, argument, remedy):
    with pytest.raises(InputError) as caught:
        build_model(name, spec, **arguments)
    assert caught.value.argument == argument
    assert remedy in caught.value.remedy


def test_a_graph_of_varying_size_is_not_built_yet():
    ds = from_arrays(
        {"a": [np.ones((2, 3)), np.ones((4, 3))], "b": np.eye(2)},
        labels=[0, 1],
        name="tiny",
        kinds={"a": "graph"},
        seed=0,
    )
    with pytest.raises(NotBuiltYetError, match="a: no encoder"):
        build_model("late_fusion", ds.spec)


@pytest.mark.parametrize("name", ["unimodal:b", "early_fusion", "late_fusion"])
def test_initial_weights_follow_the_seed_and_leave_the_global_generator(spec, name):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build_model(name, spec, seed=1).state_dict()
    torch.rand(3)
    second = build_model(name, spec, seed=1).state_dict()
    other = build_model(name, spec, seed=2).state_dict()
    torch.set_rng_state(before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    state = torch.get_rng_state()
    build_model(name, spec, seed=9)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_and_flops_match_counting_by_hand(spec):
    model = build_model("unimodal:a", spec, width=7)
    assert count_parameters(model) == (5 * 7 + 7) + (7 * 7 + 7) + (7 * 3 + 3)
    assert count_flops(model) == 2 * (5 * 7 + 7 * 7 + 7 * 3)
    assert model.training
    sequence = build_model("unimodal:b", spec, width=7)
    # 30 steps -> 8 -> 4 by kernels of 7 and 5, 3 -> 16 -> 32 channels; pooled 64, with 12 statistics -> 7 -> 3
    by_hand = 8 * 7 * 3 * 16 + 4 * 5 * 16 * 32 + (64 + 12) * 7 + 7 * 3
    assert count_flops(sequence) == 2 * by_hand


@pytest.mark.parametrize("name", ["unimodal:c", "early_fusion", "late_fusion"])
def test_a_stored_model_comes_back_with_the_same_bits(spec, name, tmp_path):
    model = build_model(name, spec, seed=3, width=8).eval()
    save_model(model, tmp_path / "one.safetensors", spec, fold=2)
    save_model(model, tmp_path / "two.safetensors", spec, fold=2)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    loaded = load_model(tmp_path / "one.safetensors", spec)
    inputs = {"a": torch.randn(4, 5), "b": torch.randn(4, 30, 3), "c": torch.rand(4, 9, 11, 3)}
    assert torch.equal(model(inputs), loaded(inputs))
    assert not loaded.training


def test_a_stored_model_refuses_other_data_and_damage(spec, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(build_model("unimodal:a", spec), path, spec)
    other = from_arrays({"a": np.zeros((4, 6))}, labels=[0, 1, 2, 0], name="tiny", seed=0).spec
    with pytest.raises(InputError, match="Load a model of this dataset") as caught:
        load_model(path, other)
    assert "[6]" in caught.value.received and "[5]" in caught.value.allowed
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="complete safetensors"):
        load_model(path, spec)
    with pytest.raises(InputError, match="existing"):
        load_model(tmp_path / "absent.safetensors", spec)


def test_flops_of_a_transformer_are_counted_inside_its_layers():
    """Two vectors of 3 numbers, width 8: two layers over 3 tokens, each with products of 4 * 8 * 8 + 2 * 8 * 32."""
    ds = from_arrays({"a": np.zeros((4, 3)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
    found = count_flops(build_model("late_fusion_transformer", ds.spec, width=8))
    encoders, maps, head = 2 * (3 * 8 + 8 * 8), 2 * 8 * 8, 8 * 2
    layer = 3 * (4 * 8 * 8 + 2 * 8 * 32) + 2 * 3 * 3 * 8
    assert found == 2 * (encoders + maps + 2 * layer + head)
