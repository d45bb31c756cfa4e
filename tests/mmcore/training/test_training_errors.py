"""What a fit refuses, and how it says so."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.training import NonFiniteLossError, fit, predict
from mmcore.training.devices import torch_threads
from mmcore.training.loop import dropped_modalities
from mmcore.training.metrics import accuracy, f1_macro

SPLIT = np.repeat(["train", "valid", "test"], 20)


def dataset(a=None, labels=None, split=SPLIT, **arguments):
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(60, 3)) if a is None else a, "b": rng.normal(size=(60, 2))}
    labels = np.arange(60) % 2 if labels is None else labels
    return from_arrays(arrays, labels=labels, name="wrong", split=split, **arguments)


def refused(ds, **options):
    model = build_model("late_fusion", ds.spec)
    with pytest.raises(InputError) as caught:
        fit(model, ds, device="cpu", epochs=2, **options)
    return caught.value


def test_one_class_in_training():
    labels = np.array([1] * 20 + [0, 1] * 20)
    error = refused(dataset(labels=labels))
    assert error.argument == "label 'label'" and "'1'" in error.received and "20" in error.received


def test_no_labelled_training_rows():
    labels = np.array([None] * 20 + ["x", "y"] * 20, dtype=object)
    assert refused(dataset(labels=labels)).argument == "train rows"


def test_no_validation_rows():
    assert refused(dataset(split=np.repeat(["train", "test"], 30))).argument == "valid rows"
    assert refused(dataset(), rows={"train": np.arange(20)}).allowed == "train, valid"


def test_rows_in_both_parts_or_outside_the_data():
    error = refused(dataset(), rows={"train": np.arange(20), "valid": np.arange(15, 30)})
    assert error.argument == "rows" and error.received.startswith("5 rows in both")
    assert refused(dataset(), rows={"train": np.arange(20), "valid": np.array([60])}).argument == "rows['valid']"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_name_modality_and_sample(value):
    a = np.zeros((60, 3))
    a[7, 1] = value
    ids = [f"s{i:03}" for i in range(60)]
    ds = dataset(a=a, sample_ids=ids)
    error = refused(ds)
    assert error.argument == "modality 'a'" and "s007" in error.received
    with pytest.raises(InputError, match="s007"):
        predict(build_model("late_fusion", ds.spec), ds, np.arange(60))
    model = build_model("late_fusion", ds.spec)
    assert np.isfinite(predict(model, ds, np.arange(60), present=("b",))).all()
    assert np.isfinite(predict(model, ds, np.arange(8, 60))).all()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"objective": "cross_entropyy"}, "objective"),
        ({"objective": "regression"}, "objective"),
        ({"label": "labell"}, "label"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"modality_dropout": 1.0}, "modality_dropout"),
        ({"precision": "8-bit"}, "precision"),
    ],
)
def test_options_out_of_range(options, argument):
    assert refused(dataset(), **options).argument == argument


def test_a_device_that_is_not_there():
    model = build_model("late_fusion", dataset().spec)
    with pytest.raises(InputError) as caught:
        fit(model, dataset(), device="gpu")
    assert caught.value.argument == "device" and "cpu" in caught.value.allowed
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="does not have"):
            fit(model, dataset(), device="cuda")


def test_predict_refuses_unknown_modalities():
    ds = dataset()
    with pytest.raises(InputError) as caught:
        predict(build_model("late_fusion", ds.spec), ds, np.arange(3), present=("c",))
    assert caught.value.argument == "present" and caught.value.allowed == "a, b"


def test_divergence_stops_with_the_samples_of_the_batch():
    ds = dataset()
    model = build_model("late_fusion", ds.spec)
    with torch.no_grad():
        model.head.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError) as caught:
        fit(model, ds, batch_size=8, device="cpu")
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.epoch == 1 and len(error.sample_ids) == 8
    assert set(error.sample_ids) <= set(ds.samples["sample_id"].iloc[:20])


def test_absent_garbage_is_not_an_error():
    a = np.zeros((60, 3))
    present = np.arange(60) % 3 != 0
    ds = dataset(a=a, presence={"a": present})
    result = fit(build_model("late_fusion", ds.spec), ds, epochs=2, device="cpu")
    assert np.isfinite(predict(result.model, ds, ds.rows("test"))).all()


def test_unlabelled_rows_are_left_out():
    labels = np.array([None, "x", "y"] * 20, dtype=object)
    ds = dataset(labels=labels)
    rows = np.flatnonzero(ds.labels() >= 0)
    explicit = {part: np.intersect1d(ds.rows(part), rows) for part in ("train", "valid")}
    first = fit(build_model("late_fusion", ds.spec), ds, epochs=2, device="cpu")
    second = fit(build_model("late_fusion", ds.spec), ds, epochs=2, device="cpu", rows=explicit)
    assert first.history == second.history


def test_metrics_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    outputs, codes = torch.randn(50, 4, generator=generator), torch.randint(0, 4, (50,), generator=generator)
    assert accuracy(outputs, codes) == pytest.approx(accuracy_score(codes, outputs.argmax(1)))
    many = torch.randint(0, 2, (50, 4), generator=generator).float()
    many[:, 3], outputs[:, 3] = 0.0, -1.0
    expected = f1_score(many, (outputs > 0).int(), average="macro", zero_division=0)
    assert f1_macro(outputs, many) == pytest.approx(expected)


def test_dropped_modalities_keep_at_least_one_and_never_add():
    presence = np.random.default_rng(0).random((3, 4000)) < 0.8
    kept = dropped_modalities(presence, 0.3, seed=1, epoch=2)
    assert not (kept & ~presence).any()
    assert (kept.any(0) == presence.any(0)).all()
    full = dropped_modalities(np.ones((3, 20000), bool), 0.3, seed=1, epoch=2)
    # P(kept) = P(not dropped) + P(all dropped, so all kept) = 0.7 + 0.3^3
    assert full.mean() == pytest.approx(0.7 + 0.3**3, abs=4 * np.sqrt(0.25 / 60000))


def test_threads_are_restored():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), torch_threads(1):
        raise RuntimeError
    assert torch.get_num_threads() == before
