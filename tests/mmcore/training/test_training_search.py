"""The fusion search: its formulas in closed form, its surrogate on a toy, and the whole of it on XOR, killed or not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model, load_model, save_model
from mmcore.models.standardisation import Prepared
from mmcore.training import find_method, fit, predict, torch_threads, train_method
from mmcore.training.methods import Training
from mmcore.training.procedures import architecture_search
from mmcore.training.procedures.architecture_search import train
from mmcore.training.procedures.architectures import (
    extensions,
    layer_choices,
    sampled,
    sampling_distribution,
    temperature,
)
from mmcore.training.procedures.surrogate import Surrogate

OPTIONS = {"epochs": 4, "batch_size": 32, "patience": 4, "device": "cpu"}
SMALL = {"iterations": 2, "levels": 2, "samples": 3, "depth": 2, "candidate_epochs": 1, "first": 6}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def xor(n=1000, test_value=None, task="classification"):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    score = np.sign(a[:, 0] * b[:, 0])
    labels = (score > 0).astype(int) if task == "classification" else 100.0 * score + 7.0
    split = np.repeat(["train", "valid", "test"], [n * 6 // 10, n * 2 // 10, n - n * 6 // 10 - n * 2 // 10])
    if test_value is not None:
        a[split == "test"], b[split == "test"] = test_value, test_value
    return from_arrays({"a": a, "b": b}, labels=labels, name="parity", split=split, task={"label": task})


def training(ds, seed=1, modalities=None, **options):
    chosen = tuple(modalities or ds.modalities)
    return Training(find_method("mfas"), ds, None, chosen, None, seed, {"width": 16}, {**OPTIONS, **options})


def same_bits(first, second):
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_temperatures_follow_the_formula_and_never_come_twice():
    """T_0 = 10, T_f = 0.2, s = 4: at t + 1 = s the way down is 1 / e of T_0 - T_f above T_f."""
    assert temperature(3) == pytest.approx(0.2 + 9.8 / np.e)
    assert temperature(7) == pytest.approx(0.2 + 9.8 * np.exp(-4.0))
    steps = [temperature(iteration * 4 + level) for iteration in range(3) for level in range(4)]
    assert all(before > after for before, after in itertools.pairwise(steps))
    assert steps[0] < 10.0 and temperature(1000) == pytest.approx(0.2)


def test_the_sampling_distribution_in_closed_form():
    scores = np.array([0.2, 0.4, 0.8])
    np.testing.assert_allclose(sampling_distribution(scores, 1.0), scores / scores.sum(), rtol=1e-12)
    np.testing.assert_allclose(sampling_distribution(scores, 0.5), scores**2 / (scores**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(sampling_distribution(scores, 0.2), scores**5 / (scores**5).sum(), rtol=1e-12)
    np.testing.assert_allclose(sampling_distribution(scores, 1e9), [1 / 3] * 3, rtol=1e-6)
    assert sampling_distribution(scores, 1e-3).tolist() == pytest.approx([0.0, 0.0, 1.0])
    assert sampling_distribution([0.0, 0.0], 1.0).tolist() == [0.5, 0.5]
    for bad in ([-0.1, 1.0], [np.nan, 1.0], []):
        with pytest.raises(InputError, match="scores"):
            sampling_distribution(bad, 1.0)


def test_drawing_follows_the_distribution_without_replacement():
    """First draws by their probabilities; second draws by p_j sum_{i != j} p_i / (1 - p_i)."""
    architectures = [((0, 0, 0),), ((0, 1, 0),), ((1, 0, 0),)]
    chances = np.array([0.2, 0.3, 0.5])
    generator, n = np.random.default_rng(0), 4000
    pairs = [sampled(architectures, chances, 1.0, 2, generator) for _ in range(n)]
    assert all(len(set(pair)) == 2 for pair in pairs)
    included = np.array([sum(each in pair for pair in pairs) for each in architectures]) / n
    second = [sum(chances[i] / (1 - chances[i]) for i in range(3) if i != j) * chances[j] for j in range(3)]
    expected = chances + np.array(second)
    assert expected.sum() == pytest.approx(2.0)
    np.testing.assert_allclose(included, expected, atol=4 * np.sqrt(0.25 / n))
    assert sampled(architectures, [0.0, 0.5, 0.0], 1.0, 3, generator) == [architectures[1]]


def test_the_space_has_as_many_layers_as_published():
    """Facts of the published runs: AV-MNIST 3 x 5 features and 2 activations give 30, MIMIC 3 x 3 and 2 give 18."""
    generator = np.random.default_rng(0)
    assert len(layer_choices(2, 3, 2, at_most=100, generator=generator)) == 18
    drawn = layer_choices(5, 3, 2, at_most=50, generator=generator)
    assert len(set(drawn)) == 50 and all(len(layer) == 6 and max(layer[:5]) < 3 and layer[5] < 2 for layer in drawn)


def test_extensions_replace_or_append_one_layer():
    choices = layer_choices(2, 2, 1, at_most=10, generator=np.random.default_rng(0))
    first = extensions([()], 0, choices)
    assert first == [(layer,) for layer in choices]
    second = extensions(first, 1, choices)
    assert len(second) == 16 and {each[0] for each in second} == set(choices)
    replaced = extensions(second, 0, choices)
    assert sorted(replaced) == sorted(second)


def test_the_surrogate_learns_a_monotone_toy():
    """A score that rises with the depth of what is joined; half of the architectures are never shown."""
    layers = list(itertools.product(range(4), range(4), range(2)))
    toy = {(layer,): 0.2 + 0.1 * (layer[0] + layer[1]) for layer in layers}
    order = np.random.default_rng(0).permutation(len(toy))
    names = [list(toy)[index] for index in order]
    shown, hidden = names[:16], names[16:]
    surrogate = Surrogate(3, seed=0)
    for _ in range(12):
        surrogate.learn({name: toy[name] for name in shown})
    guessed = surrogate.scores(hidden)
    assert spearmanr(guessed, [toy[name] for name in hidden]).statistic > 0.9
    assert np.abs(guessed - [toy[name] for name in hidden]).mean() < 0.07


def test_the_surrogate_reads_layers_in_order():
    """Score high exactly if the first of two layers is the deep one: a sum over layers cannot tell."""
    low, high = (0, 0, 0), (3, 3, 0)
    known = {(low, high): 0.2, (high, low): 0.8, (low, low): 0.2, (high, high): 0.8}
    surrogate = Surrogate(3, seed=1)
    surrogate.learn(known, passes=600)
    np.testing.assert_allclose(surrogate.scores(list(known)), list(known.values()), atol=0.1)


def test_an_architecture_is_the_formula_it_stands_for():
    """Two layers by hand: sigmoid of layer 2 of a and layer 1 of b, then ReLU of 1 and 3 with what came before."""
    ds = xor(40)
    model = build_model("searched_fusion", ds.spec, width=5, hidden=4, architecture=[[1, 0, 1], [0, 2, 0]]).eval()
    a, b = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.ones(6, 3)
    f, g = ([*encoder.layers(values)] for encoder, values in zip(model.encoders, (a, b)))
    assert [len(f), len(g)] == [2, 3]
    first, second = model.fusion.linear
    h = torch.sigmoid(torch.cat([f[1], g[0]], 1) @ first.weight.T + first.bias)
    h = torch.relu(torch.cat([f[0], g[2], h], 1) @ second.weight.T + second.bias)
    expected = h @ model.head.weight.T + model.head.bias
    found = model.trace_prepared([Prepared(a, None, None), Prepared(b, None, None)])
    torch.testing.assert_close(found.outputs, expected)


@pytest.mark.parametrize(
    "architecture", [[], [[0, 0]], [[0, 3, 0]], [[0, 0, 3]], [[0, 0, -1]], [[0, 0, True]], "relu", [[0.0, 0, 0]]]
)
def test_an_architecture_that_does_not_fit_is_refused(architecture):
    with pytest.raises(InputError) as caught:
        build_model("searched_fusion", xor(40).spec, architecture=architecture)
    assert caught.value.argument == "architecture"


def accuracy_on_test(model, ds):
    rows = ds.rows("test")
    return (predict(model, ds, rows).argmax(1) == ds.labels()[rows]).mean()


@pytest.mark.slow
def test_the_default_search_solves_parity():
    ds = xor()
    result = train_method("mfas", ds, device="cpu")
    assert accuracy_on_test(result.model, ds) > 0.9
    assert accuracy_on_test(train_method("late_fusion", ds, device="cpu").model, ds) < 0.65
    steps = result.details["search"]["steps"]
    assert len(steps) == 6 and len(steps[0]["trained"]) == 18


def test_the_found_architecture_solves_parity_and_is_stored_with_its_wiring(tmp_path):
    ds = xor(800)
    result = train(training(ds, epochs=30, patience=30), **{**SMALL, "iterations": 1, "first": 8})
    assert accuracy_on_test(result.model, ds) > 0.9
    search, rows = result.details["search"], ds.rows("test")
    scores = [score for step in search["steps"] for _, score in step["trained"]]
    assert search["score"] == max(scores) and len(search["steps"]) == 2
    assert len(search["steps"][0]["trained"]) == 8
    assert result.model.configuration["arguments"]["architecture"] == search["architecture"]
    save_model(result.model, tmp_path / "model.safetensors", ds.spec)
    loaded = load_model(tmp_path / "model.safetensors", ds.spec)
    assert np.array_equal(predict(loaded, ds, rows), predict(result.model, ds, rows))


def test_encoders_are_frozen_in_the_search_and_trained_after_it(monkeypatch):
    """Step 3 starts from the encoders of step 1, unchanged by the search, and trains them with everything else."""
    started = []

    def recorded(model, ds, **options):
        if len(model.modalities) == 2:
            started.append({name: value.clone() for name, value in model.state_dict().items()})
        result = fit(model, ds, **options)
        if len(model.modalities) == 1:
            alone[model.modalities[0]] = {name: value.clone() for name, value in model.state_dict().items()}
        return result

    alone: dict = {}
    monkeypatch.setattr(architecture_search, "fit", recorded)
    result = train(training(xor(200)), **SMALL)
    after = result.model.state_dict()
    for position, name in enumerate(("a", "b")):
        for key, value in started[0].items():
            if key.startswith(f"encoders.{position}."):
                assert torch.equal(value, alone[name][key.replace(f"encoders.{position}.", "encoders.0.")])
                assert not torch.equal(value, after[key]), key


class StoppedError(Exception):
    pass


def stop_at(call):
    calls = []

    def progress(epoch, epochs, metric):
        calls.append(epoch)
        if len(calls) == call:
            raise StoppedError

    return progress


def test_a_killed_search_ends_with_the_same_bits(tmp_path, monkeypatch):
    """4 epochs of a, 4 of b, 4 steps of the search, 4 epochs of the network."""
    ds = xor(200)
    whole = train(training(ds), **SMALL)
    trained = []
    train_candidate = architecture_search.train_candidate
    monkeypatch.setattr(
        architecture_search,
        "train_candidate",
        lambda architecture, *rest, **options: (
            trained.append(architecture) or train_candidate(architecture, *rest, **options)
        ),
    )
    for call in (6, 10, 14):
        place = {"checkpoint_dir": tmp_path / str(call), "checkpoint_seconds": 0}
        trained.clear()
        with pytest.raises(StoppedError):
            train(training(ds, progress=stop_at(call), **place), **SMALL)
        resumed = train(training(ds, **place), **SMALL)
        assert len(trained) == len(set(trained)) == whole.details["search"]["evaluated"]
        assert resumed.details == whole.details and resumed.history == whole.history
        assert same_bits(resumed.model, whole.model)


def test_test_rows_are_never_read():
    first = train(training(xor(200, test_value=np.nan)), **SMALL)
    second = train(training(xor(200, test_value=9.0)), **SMALL)
    assert first.details == second.details and same_bits(first.model, second.model)


def test_three_modalities_a_regression_and_absent_rows():
    rng = np.random.default_rng(2)
    arrays = {"a": rng.normal(size=(120, 2)), "b": rng.normal(size=(120, 8, 2)), "c": rng.normal(size=(120, 3))}
    presence = {"b": rng.random(120) < 0.7}
    kinds = {"a": "tabular", "b": "timeseries", "c": "tabular"}
    labels = 50.0 + 10.0 * arrays["a"][:, 0]
    split = np.repeat(["train", "valid", "test"], 40)
    ds = from_arrays(arrays, labels=labels, name="three", kinds=kinds, presence=presence, split=split)
    result = train(training(ds), **SMALL)
    scores = [score for step in result.details["search"]["steps"] for _, score in step["trained"]]
    assert all(0.0 < score <= 1.0 for score in scores)
    assert all(len(layer) == 4 for layer in result.details["search"]["architecture"])
    assert len(result.details["search"]["steps"][0]["trained"]) == 6  # of 16


@pytest.mark.parametrize(("budget", "argument"), [({"levels": 0}, "levels"), ({"activations": 4}, "activations")])
def test_a_budget_out_of_range_is_refused(budget, argument):
    with pytest.raises(InputError) as caught:
        train(training(xor(200)), **budget)
    assert caught.value.argument == argument


def test_one_modality_has_nothing_to_search():
    with pytest.raises(InputError, match="2 or more"):
        train_method("mfas", xor(200), modalities=("a",), **OPTIONS)
