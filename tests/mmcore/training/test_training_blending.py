"""Gradient Blending: the weights by their formula, and the procedure against plain fits, kills and leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model, load_model, save_model
from mmcore.training import find_method, fit, predict, torch_threads, train_method
from mmcore.training.methods import Training
from mmcore.training.procedures import gradient_blending
from mmcore.training.procedures.blending import blend_weights
from mmcore.training.procedures.gradient_blending import held_out_rows, train
from mmcore.training.targets import training_parts

OPTIONS = {"epochs": 6, "batch_size": 32, "patience": 6, "device": "cpu"}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def dataset(test_value=0.0, groups=None, task="classification", absent=False):
    """`a` carries the label; `b` is wide noise, which a network learns by heart."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 2)), rng.normal(size=(300, 60))
    score = a[:, 0] + 0.3 * rng.normal(size=300)
    labels = (score > 0).astype(int) if task == "classification" else 50.0 + 10.0 * score
    a[240:], b[240:] = test_value, test_value
    presence = {"b": rng.random(300) < 0.7} if absent else None
    split = np.repeat(["train", "valid", "test"], [160, 80, 60])
    return from_arrays(
        {"a": a, "b": b},
        labels=labels,
        name="blending",
        split=split,
        groups=groups,
        presence=presence,
        task={"label": task},
    )


def training(ds, seed=1, build=None, **options):
    build = {"width": 16} if build is None else build
    return Training(
        find_method("gradient_blending"), ds, None, ds.modalities, None, seed, build, {**OPTIONS, **options}
    )


def same_bits(first, second):
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def curves(gain, overfitting, epochs=20, start=(1.2, 1.0)):
    """Losses of a stream that falls by `gain` on held-out rows while its gap grows by `overfitting`, epoch by epoch."""
    share = 1.0 - np.exp(-np.arange(epochs + 1) / 5.0)
    share /= share[-1]
    valid = start[0] - gain * share
    return start[1] - (gain + overfitting) * share, valid


def test_weights_of_synthetic_curves_are_gain_over_squared_overfitting():
    gain, overfitting = np.array([0.5, 0.2, 0.4]), np.array([0.1, 0.4, 0.2])
    trains, valids = zip(*[curves(g, o, start=(1.0 + g, 0.7 + o)) for g, o in zip(gain, overfitting)])
    trains, valids = np.array(trains), np.array(valids)
    found = blend_weights(trains[:, 0], valids[:, 0], trains[:, -1], valids[:, -1])
    # G / O^2 is 50, 1.25 and 10: in shares of 61.25.
    np.testing.assert_allclose(found, np.array([50.0, 1.25, 10.0]) / 61.25, rtol=1e-12)
    for policy in ("absolute", "refuse"):
        np.testing.assert_allclose(
            blend_weights(trains[:, 0], valids[:, 0], trains[:, -1], valids[:, -1], policy), found, rtol=1e-12
        )


def test_weights_minimise_overfitting_for_a_given_gain():
    """Wang, Tran, Feiszli 2020, proposition 1: the least sum (w O)^2 of all w with sum w G = 1, up to scale."""
    rng = np.random.default_rng(3)
    gain, overfitting = rng.uniform(0.2, 1.0, 4), rng.uniform(0.2, 1.0, 4)
    best = minimize(
        lambda w: np.sum((w * overfitting) ** 2),
        np.full(4, 0.5),
        constraints={"type": "eq", "fun": lambda w: w @ gain - 1.0},
        options={"ftol": 1e-15},
    ).x
    start = np.full(4, 2.0)
    found = blend_weights(start, start, start - gain - overfitting, start - gain, "refuse")
    np.testing.assert_allclose(found, best / best.sum(), rtol=1e-5)


def test_weights_see_changes_only_and_no_unit():
    rng = np.random.default_rng(4)
    four = rng.uniform(0.5, 1.5, size=(4, 5))
    expected = blend_weights(*four)
    np.testing.assert_allclose(blend_weights(*(7.0 * four)), expected, rtol=1e-9)
    level = rng.normal(size=5)  # a stream whose losses are all higher by a constant
    np.testing.assert_allclose(blend_weights(*(four + level)), expected, rtol=1e-9)
    order = rng.permutation(5)
    np.testing.assert_allclose(blend_weights(*four[:, order]), expected[order], rtol=1e-12)
    assert expected.sum() == pytest.approx(1.0) and (expected > 0).all()


PUBLISHED = {  # audio, visual, both: the tutorial of the official code (facebookresearch/VMZ, G-Blend)
    "Kinetics R3D-50": (0.014, 0.630, 0.356),
    "Kinetics ip-CSN-152": (0.009, 0.485, 0.506),
    "AudioSet R(2+1)D-101": (0.239, 0.384, 0.377),
    "EPIC noun": (0.175, 0.460, 0.364),
    "EPIC verb": (0.524, 0.247, 0.229),
}


@pytest.mark.parametrize("weights", PUBLISHED.values(), ids=PUBLISHED)
def test_published_weights_are_what_the_formula_can_give(weights):
    """They sum to 1, and G = w, O = 1 give them back."""
    weights = np.array(weights)
    assert weights.sum() == pytest.approx(1.0, abs=1.01e-3)
    start = np.full(3, 2.0)
    found = blend_weights(start, start, start - weights - 1.0, start - weights, "refuse")
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-9)


def test_a_stream_that_does_not_overfit_does_not_take_everything():
    """G = 0.5 each, O = -0.02, 0.2, 0.1: floored at a tenth of the largest, 0.02, so that w ~ 2500, 25, 100."""
    valid, train = np.full(3, 0.5), np.array([0.52, 0.3, 0.4])
    found = blend_weights(np.ones(3), np.ones(3), train, valid)
    np.testing.assert_allclose(found, np.array([2500.0, 25.0, 100.0]) / 2625.0, rtol=1e-9)
    absolute = blend_weights(np.ones(3), np.ones(3), train, valid, "absolute")
    np.testing.assert_allclose(absolute, np.array([1e8, 25.0, 100.0]) / (1e8 + 125.0), rtol=1e-9)
    with pytest.raises(InputError, match="above 0"):
        blend_weights(np.ones(3), np.ones(3), train, valid, "refuse")


def test_a_stream_that_does_not_gain_keeps_a_small_weight():
    found = blend_weights([1.0, 1.0], [1.0, 1.0], [0.3, 0.8], [0.5, 1.0])  # G 0.5 and 0, O 0.2 and 0.2
    np.testing.assert_allclose(found, [10 / 11, 1 / 11], rtol=1e-9)
    assert blend_weights([1.0] * 3, [1.0] * 3, [1.0] * 3, [1.0] * 3).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    "four", [([1.0], [1.0], [1.0], [1.0, 2.0]), ([], [], [], []), ([1.0], [1.0], [np.nan], [1.0]), (1.0, 1.0, 1.0, 1.0)]
)
def test_losses_that_make_no_sense_are_refused(four):
    with pytest.raises(InputError, match="losses"):
        blend_weights(*four)


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_all_weight_on_the_joint_stream_is_a_plain_fit(monkeypatch, mode):
    """With w = (0, 0, 1) the loss is that of late fusion, so history and weights must be its own, bit for bit."""
    monkeypatch.setattr(gradient_blending, "blend_weights", lambda *_, **__: np.array([0.0, 0.0, 1.0]))
    ds = dataset(absent=True)
    found = train(training(ds), mode=mode)
    rows = None
    if mode == "online":
        part, _ = training_parts(ds, ds.spec.label(), None)
        rows = {"train": held_out_rows(training(ds), part, 0.2)[0], "valid": ds.rows("valid")}
    model = build_model("late_fusion", ds.spec, width=16, seed=1)
    plain = fit(model, ds, rows=rows, seed=1, **OPTIONS)
    assert found.history == plain.history and found.best_epoch == plain.best_epoch
    assert same_bits(found.model, plain.model)


@pytest.mark.parametrize("mode", ["offline", "online"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_stream_that_learns_outweighs_the_one_that_memorises(mode, task):
    result = train(training(dataset(task=task), epochs=12), mode=mode)
    blending = result.details["blending"]
    assert blending["streams"] == ["a", "b", "all"]
    assert len(blending["windows"]) == (1 if mode == "offline" else 3)
    for window in blending["windows"]:
        four = [window[name] for name in ("start_train", "start_valid", "end_train", "end_valid")]
        np.testing.assert_allclose(window["weights"], blend_weights(*four), rtol=1e-12)
        assert window["weights"][0] > 5 * window["weights"][1]


def test_held_out_rows_are_of_training_and_keep_groups_together():
    groups = np.repeat([f"g{i}" for i in range(60)], 5)
    ds = dataset(groups=groups)
    part, _ = training_parts(ds, ds.spec.label(), None)
    fitted, judged = held_out_rows(training(ds), part, 0.25)
    assert np.array_equal(np.sort(np.concatenate([fitted, judged])), ds.rows("train"))
    assert len(judged) == 40 and not set(groups[fitted]) & set(groups[judged])
    again, _ = held_out_rows(training(ds), part, 0.25)
    other, _ = held_out_rows(training(ds, seed=2), part, 0.25)
    assert np.array_equal(again, fitted) and not np.array_equal(other, fitted)


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_validation_rows_decide_nothing_but_the_epoch_and_test_rows_nothing(mode):
    """Other validation values change no weight of a stream; test values that are NaN do not matter."""
    first = train(training(dataset(test_value=np.nan)), mode=mode)
    ds = dataset(test_value=3.0)
    again = train(training(ds), mode=mode)
    assert first.history == again.history and same_bits(first.model, again.model)
    changed = np.array(ds["a"])
    changed[ds.rows("valid")] *= -1.0
    other = train(training(ds.replace(a=changed)), mode=mode)
    assert other.details == first.details
    assert [entry["loss"] for entry in other.history] == [entry["loss"] for entry in first.history]
    assert other.history != first.history


class StoppedError(Exception):
    pass


def stop_at(call):
    calls = []

    def progress(epoch, epochs, metric):
        calls.append(epoch)
        if len(calls) == call:
            raise StoppedError

    return progress


@pytest.mark.parametrize(
    ("mode", "calls"),
    [("offline", (2, 3, 4, 7, 8)), ("online", (1, 3, 4, 6, 11, 14))],
)
def test_a_killed_training_ends_with_the_same_bits(tmp_path, mode, calls):
    """Offline three windows are told of, then six epochs; online the windows come again after every second epoch."""
    whole = train(training(dataset()), mode=mode)
    for call in calls:
        place = {"checkpoint_dir": tmp_path / str(call), "checkpoint_seconds": 0}
        with pytest.raises(StoppedError):
            train(training(dataset(), progress=stop_at(call), **place), mode=mode)
        resumed = train(training(dataset(), **place), mode=mode)
        assert resumed.history == whole.history and resumed.details == whole.details
        assert same_bits(resumed.model, whole.model)


def test_states_that_are_rarely_written_are_enough(tmp_path):
    place = {"checkpoint_dir": tmp_path, "checkpoint_seconds": 1e9}
    with pytest.raises(StoppedError):
        train(training(dataset(), progress=stop_at(11), **place), mode="online")
    resumed = train(training(dataset(), **place), mode="online")
    whole = train(training(dataset()), mode="online")
    assert resumed.details == whole.details and same_bits(resumed.model, whole.model)
    at_once = train(training(dataset(), progress=None, **place), mode="online")
    assert at_once.history == whole.history and same_bits(at_once.model, whole.model)


def test_the_model_is_an_ordinary_late_fusion(tmp_path):
    ds = dataset(absent=True)
    result = train_method("gradient_blending", ds, seed=1, build={"width": 16}, **OPTIONS)
    assert result.model.state_dict().keys() == build_model("late_fusion", ds.spec, width=16).state_dict().keys()
    save_model(result.model, tmp_path / "model.safetensors", ds.spec)
    loaded = load_model(tmp_path / "model.safetensors", ds.spec)
    rows = ds.rows("valid")
    assert np.array_equal(predict(loaded, ds, rows), predict(result.model, ds, rows))
    accuracy = (predict(loaded, ds, rows).argmax(1) == ds.labels()[rows]).mean()
    assert accuracy == pytest.approx(result.best_metric) and accuracy > 0.8


@pytest.mark.parametrize(
    ("procedure", "options", "argument"),
    [
        ({"mode": "sideways"}, {}, "mode"),
        ({"policy": "hope"}, {}, "policy"),
        ({"window": 0}, {}, "window"),
        ({"held_out": 1.0}, {}, "held_out"),
        ({}, {"devices": 2}, "devices"),
        ({}, {"epoch": 2}, "fit_options"),
        ({}, {"learning_rate": -1.0}, "learning_rate"),
    ],
)
def test_what_cannot_be_done_is_refused(procedure, options, argument):
    with pytest.raises(InputError) as caught:
        train(training(dataset(), **options), **procedure)
    assert caught.value.argument == argument


def test_one_modality_has_nothing_to_blend():
    with pytest.raises(InputError, match="2 or more"):
        train_method("gradient_blending", dataset(), modalities=("a",), **OPTIONS)


@pytest.mark.parametrize("method", ["gradient_blending", "mfas"])
def test_the_deterministic_option_holds_in_loops_of_their_own(method):
    seen = []
    train_method(
        method,
        dataset(),
        build={"width": 8},
        deterministic=True,
        progress=lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()),
        **{**OPTIONS, "epochs": 1},
    )
    assert seen and all(seen)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_validation_loss_that_is_not_finite_ends_blending():
    ds = dataset(task="regression")
    values = np.array(ds["a"])
    values[160:240] = 1e30  # finite itself, its square is not in single precision
    with pytest.raises(InputError, match="validation loss"):
        train(training(ds.replace({"a": values})))
