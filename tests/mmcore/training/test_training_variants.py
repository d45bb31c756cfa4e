"""Fits in other precisions, of other tasks, and on data that lie on disk."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays, load_dataset, save_dataset
from mmcore.errors import InputError
from mmcore.models import build_model, load_model, save_model
from mmcore.models.encoders.convolution import Convolution
from mmcore.models.encoders.temporal_convolution import TemporalConvolution, _convolved
from mmcore.training import fit, predict, torch_threads
from mmcore.training.metrics import f1_macro

SPLIT = np.repeat(["train", "valid", "test"], 150)


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture
def ds():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(450, 4)), [rng.normal(size=(int(t), 2)) for t in rng.integers(1, 9, size=450)]
    labels = (a[:, 0] > 0).astype(int)
    presence = {"b": rng.random(450) < 0.6}
    return from_arrays({"a": a, "b": b}, labels=labels, name="variants", split=SPLIT, presence=presence)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_other_precisions_learn_the_same_thing(ds, precision, tmp_path):
    model = build_model("early_fusion", ds.spec)
    options = {"epochs": 25, "batch_size": 16, "device": "cpu"}
    result = fit(model, ds, precision=precision, **options)
    single = fit(build_model("early_fusion", ds.spec), ds, **options)
    assert single.best_metric > 0.85
    assert result.best_metric == pytest.approx(single.best_metric, abs=0.03)
    dtype = torch.float64 if precision == "64-true" else torch.float32
    assert next(model.parameters()).dtype == dtype
    save_model(model, tmp_path / "m.safetensors", ds.spec)
    rows = ds.rows("test")
    expected = predict(model, ds, rows)
    assert np.array_equal(predict(load_model(tmp_path / "m.safetensors", ds.spec), ds, rows), expected)


def test_bfloat16_gradients_of_one_step_or_column_are_those_of_single_precision():
    """A convolution over one step or column has garbage for a weight gradient in bfloat16 on a CPU with torch 2.13."""
    generator = torch.Generator().manual_seed(0)
    sequences = [torch.randn(16, time, 2, generator=generator) for time in (1, 3, 9)]
    images = [torch.randn(16, 7, columns, 3, generator=generator) for columns in (1, 2, 9)]
    for values in sequences + images:
        kind = TemporalConvolution if values.dim() == 3 else Convolution
        encoder = kind(values.shape[-1], width=8, dropout=0.0)
        gradients = []
        for enabled in (False, True, True, True):
            garbage = [torch.full((n,), float("nan")) for n in (100, 1000, 10000)]
            del garbage
            encoder.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                encoder(values).float().square().sum().backward()
            gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
        for found in gradients[1:]:
            assert (found - gradients[0]).norm() < 0.05 * gradients[0].norm()


def test_one_step_is_convolved_as_by_the_convolution():
    convolution = torch.nn.Conv1d(3, 4, 7, stride=4, padding=3)
    step = torch.randn(5, 3, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_convolved(convolution, step), convolution(step))


def test_what_lies_on_disk_gives_the_same_bits_as_what_is_in_memory(ds, tmp_path, monkeypatch):
    save_dataset(ds, tmp_path / "stored")
    stored = load_dataset(tmp_path / "stored")
    options = {"epochs": 3, "device": "cpu", "modality_dropout": 0.1}
    first = fit(build_model("late_fusion", ds.spec), ds, **options)
    second = fit(build_model("late_fusion", stored.spec), stored, **options)
    assert first.history == second.history
    monkeypatch.setattr("mmcore.training.inputs.IN_MEMORY_BYTES", 0)
    third = fit(build_model("late_fusion", stored.spec), stored, **options)
    assert first.history == third.history
    rows = ds.rows("test")
    assert np.array_equal(predict(first.model, ds, rows), predict(third.model, stored, rows))


def test_multilabel_learns_each_class_and_reports_macro_f1():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(450, 3))
    labels = (x > 0.3).astype(int)
    ds = from_arrays({"x": x}, labels=labels, name="many", split=SPLIT, task="multilabel", classes=["u", "v", "w"])
    result = fit(build_model("unimodal:x", ds.spec), ds, epochs=30, device="cpu")
    assert result.metric == "f1_macro" and result.best_metric > 0.9
    rows = ds.rows("valid")
    outputs = torch.from_numpy(predict(result.model, ds, rows))
    assert f1_macro(outputs, torch.from_numpy(ds.labels()[rows])) == pytest.approx(result.best_metric)


def test_a_second_label_column_needs_a_model_of_its_own(ds):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(450, 2))
    both = from_arrays(
        {"x": x}, labels={"sign": (x[:, 0] > 0).astype(int), "size": x[:, 1] * 3.0}, name="two", split=SPLIT
    )
    model = build_model("unimodal:x", both.spec, label="size")
    assert fit(model, both, epochs=20, device="cpu").metric == "negative_mse"
    with pytest.raises(InputError) as caught:
        fit(model, both, label="sign", device="cpu")
    assert caught.value.argument == "label" and "'size'" in caught.value.allowed


def test_results_cross_process_borders(ds):
    result = fit(build_model("late_fusion", ds.spec), ds, epochs=2, device="cpu")
    copied = pickle.loads(pickle.dumps(result))
    rows = ds.rows("test")
    assert np.array_equal(predict(copied.model, ds, rows), predict(result.model, ds, rows))
    assert copied.to_dict() == result.to_dict()
    assert "accuracy" in repr(result)


@pytest.mark.gpu
def test_a_gpu_learns_the_same_thing(ds, tmp_path):
    result = fit(
        build_model("early_fusion", ds.spec),
        ds,
        epochs=25,
        device="cuda",
        precision="bf16-mixed",
        checkpoint_dir=tmp_path,
    )
    assert result.best_metric > 0.85
    assert next(result.model.parameters()).device.type == "cuda"
