"""What trained models can and cannot do, on data whose Bayes rates are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data import from_arrays
from mmcore.models import build_model
from mmcore.training import fit, predict, torch_threads

N = 900


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def two_bits(label, name, seed=0):
    """Two bits, each embedded in 4 numbers with a little noise; the label is a function of the bits."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, size=(N, 2))
    labels = label(bits, rng)  # may change the bits
    codes = rng.normal(size=(2, 2, 4))
    arrays = {m: codes[k][bits[:, k]] + 0.05 * rng.normal(size=(N, 4)) for k, m in enumerate(("first", "second"))}
    split = np.repeat(["train", "valid", "test"], N // 3)
    return from_arrays(arrays, labels=labels, name=name, split=split)


def test_accuracy(name, ds, **arguments):
    result = fit(build_model(name, ds.spec, width=32), ds, device="cpu", **arguments)
    rows = ds.rows("test")
    return float((predict(result.model, ds, rows).argmax(1) == ds.labels()[rows]).mean())


test_accuracy.__test__ = False


def test_xor_needs_early_fusion():
    ds = two_bits(lambda bits, rng: bits[:, 0] ^ bits[:, 1], "xor")
    assert test_accuracy("early_fusion", ds, epochs=40) > 0.95
    # Logits that add over the modalities get at most three of the four cells right; on average over symmetric
    # fits, and by cross-entropy, half: sqrt(0.25 / 300) = 0.029, and a fit may tilt towards three cells.
    assert test_accuracy("late_fusion", ds, epochs=40) < 0.8
    for modality in ds.modalities:
        assert abs(test_accuracy(f"unimodal:{modality}", ds, epochs=10) - 0.5) < 0.1


def test_the_best_additive_logit_of_xor_is_constant():
    """Cross-entropy of additive logits on balanced XOR is smallest, log 2, at the constant; training must go there."""
    ds = two_bits(lambda bits, rng: bits[:, 0] ^ bits[:, 1], "xor")
    result = fit(build_model("late_fusion", ds.spec, width=32, dropout=0.0), ds, epochs=30, patience=30, device="cpu")
    assert min(entry["loss"] for entry in result.history) > np.log(2) - 0.03


@pytest.mark.parametrize("name", ["unimodal:first", "unimodal:second", "early_fusion", "late_fusion"])
def test_copy_reaches_the_bayes_rate(name):
    """Both modalities hold the same bit; the label is the bit flipped in 10 % of rows: the Bayes rate is 0.9."""

    def copied(bits, rng):
        bits[:, 1] = bits[:, 0]
        return bits[:, 0] ^ (rng.random(N) < 0.1)

    ds = two_bits(copied, "copied")
    rows = ds.rows("test")
    clean = fit(build_model(name, ds.spec, width=32), ds, epochs=20, device="cpu")
    found = float((predict(clean.model, ds, rows).argmax(1) == ds.labels()[rows]).mean())
    assert abs(found - 0.9) < 3 * np.sqrt(0.9 * 0.1 / len(rows))


def test_regression_finds_a_linear_law_in_any_unit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3))
    law = x @ np.array([1.0, -2.0, 0.5])
    split = np.repeat(["train", "valid", "test"], N // 3)
    scores = []
    for unit in (1.0, 1e4):
        y = unit * (law + 7.0)
        ds = from_arrays({"x": x}, labels=y, name="linear", split=split, task="regression")
        result = fit(build_model("unimodal:x", ds.spec, dropout=0.0), ds, epochs=60, device="cpu")
        predicted = predict(result.model, ds, ds.rows("test"))[:, 0]
        error = np.mean((predicted - y[ds.rows("test")]) ** 2)
        scores.append(1.0 - error / y.var())
        valid = predict(result.model, ds, ds.rows("valid"))[:, 0]
        assert result.best_metric == pytest.approx(-np.mean((valid - y[ds.rows("valid")]) ** 2), rel=1e-5)
    assert min(scores) > 0.97
    assert scores[0] == pytest.approx(scores[1], abs=5e-3)


def test_a_sequence_model_finds_a_bump_wherever_it_is():
    rng = np.random.default_rng(0)
    sequences, labels = [], rng.integers(0, 2, size=600)
    for label in labels:
        sequence = rng.normal(0.0, 0.3, size=(int(rng.integers(20, 60)), 2))
        at = int(rng.integers(0, len(sequence) - 6))
        sequence[at : at + 6, 0] += 3.0 if label else -3.0
        sequences.append(sequence)
    split = np.repeat(["train", "valid", "test"], 200)
    ds = from_arrays({"s": sequences}, labels=labels, name="bump", split=split)
    assert test_accuracy("unimodal:s", ds, epochs=25) > 0.97


def test_an_image_model_finds_a_bright_side():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=450)
    images = rng.integers(0, 60, size=(450, 12, 12, 1), dtype=np.uint8)
    images[labels == 1, :, :6] += 60
    images[labels == 0, :, 6:] += 60
    ds = from_arrays(
        {"i": images},
        labels=labels,
        name="side",
        split=np.repeat(["train", "valid", "test"], 150),
        kinds={"i": "image"},
    )
    assert test_accuracy("unimodal:i", ds, epochs=15) > 0.97


def test_modality_dropout_makes_the_absence_of_one_copy_harmless():
    """The same bit in both modalities: with either one gone, the other says it all."""

    def copied(bits, rng):
        bits[:, 1] = bits[:, 0]
        return bits[:, 0]

    ds = two_bits(copied, "robust")
    result = fit(build_model("early_fusion", ds.spec), ds, epochs=20, modality_dropout=0.4, device="cpu")
    rows, truth = ds.rows("test"), ds.labels()[ds.rows("test")]
    for kept in ds.modalities:
        assert (predict(result.model, ds, rows, present=(kept,)).argmax(1) == truth).mean() > 0.99
    nothing = predict(result.model, ds, rows, present=())
    assert (nothing == nothing[0]).all()


def test_masking_at_test_equals_data_that_never_had_the_modality():
    ds = two_bits(lambda bits, rng: bits[:, 0], "masked")
    model = fit(build_model("late_fusion", ds.spec), ds, epochs=3, device="cpu").model
    rows = ds.rows("test")
    gone = ds.replace({"second": np.zeros_like(ds["second"])}, presence={"second": np.zeros(N, bool)})
    np.testing.assert_array_equal(predict(model, ds, rows, present=("first",)), predict(model, gone, rows))


def test_predictions_do_not_depend_on_the_batch_size_or_the_order():
    ds = two_bits(lambda bits, rng: bits[:, 0], "batches")
    model = build_model("early_fusion", ds.spec)
    rows = ds.rows("test")
    whole = predict(model, ds, rows)
    np.testing.assert_allclose(predict(model, ds, rows, batch_size=7), whole, atol=1e-6)
    np.testing.assert_allclose(predict(model, ds, rows[::-1]), whole[::-1], atol=1e-6)
    assert predict(model, ds, rows[:0]).shape == (0, 2)
    assert whole.dtype == np.float64 and torch.is_grad_enabled()


@pytest.mark.parametrize("objective", ["auto", "regression_l1"])
def test_a_regression_is_learnt_the_same_in_every_unit(objective):
    """The loss is divided by the label's spread to its power, so metres and millimetres take the same steps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    y = x[:, 0] + 0.1 * rng.normal(size=300)
    split = np.repeat(["train", "valid", "test"], 100)
    found = []
    for unit in (1.0, 1000.0):
        ds = from_arrays({"a": x}, labels=y * unit, name="units", split=split, task="regression")
        result = fit(
            build_model("unimodal:a", ds.spec, width=8), ds, objective=objective, epochs=4, device="cpu",
            precision="64-true",
        )  # fmt: skip
        found.append(predict(result.model, ds, np.arange(200, 300)) / unit)
    assert np.allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


def test_class_weights_reach_the_loss():
    """Weights 1 and 9 on balanced noise move every prediction to the heavier class."""
    rng = np.random.default_rng(1)
    ds = from_arrays({"a": rng.normal(size=(300, 2))}, labels=rng.integers(0, 2, 300), name="noise")
    objective = {"options": {"class_weights": [1.0, 9.0]}}
    result = fit(build_model("unimodal:a", ds.spec, width=8), ds, objective=objective, epochs=3, device="cpu")
    assert (predict(result.model, ds, np.arange(300)).argmax(1) == 1).all()
