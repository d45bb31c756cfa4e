"""Functional Fisher information of models whose gradients are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.models.standardisation import OutputScale, Prepared
from mmcore.models.trace import Trace
from mmcore.objectives.functional_entropy import FunctionalEntropy, divergence_of_samples
from mmcore.training import fit


class Linear(nn.Module):
    """outputs = sum_m W_m flat(x_m), whose derivative is known."""

    def __init__(self, *weights, regression=False, normalise=False):
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.as_tensor(w, dtype=torch.float64)) for w in weights])
        self.modalities = tuple("abc"[: len(weights)])
        self.scale = OutputScale() if regression else nn.Identity()
        self.norm = nn.BatchNorm1d(len(weights[0])).double() if normalise else nn.Identity()
        self.dropout = nn.Dropout(0.5)

    def trace_prepared(self, prepared):
        parts = [each.values.flatten(1) @ weight.T for weight, each in zip(self.weights, prepared)]
        parts = [part if each.present is None else part * each.present[:, None] for part, each in zip(parts, prepared)]
        return Trace(self.scale(self.dropout(self.norm(torch.stack(parts).sum(0)))), prepared=list(prepared))


def prepared(*shapes, seed=0, presence=None):
    rng = np.random.default_rng(seed)
    present = presence or [None] * len(shapes)
    return [Prepared(torch.from_numpy(rng.normal(size=shape)), mask, None) for shape, mask in zip(shapes, present)]


def test_a_linear_regression_has_four_times_its_squared_weights():
    """f = (sum_m w_m . noise e_m)^2, so ||df/dx_m||^2 / f = 4 ||w_m||^2 in every sample; I_m has noise^2 before it."""
    w = [[0.5, -1.0, 2.0]], [[0.1, 0.2]], [[3.0]]
    model = Linear(*w, regression=True)
    model.scale.shift.fill_(7.0)
    model.scale.scale.fill_(100.0)  # the label's unit must not matter
    inputs = prepared((5, 3), (5, 2), (5, 1))
    term = FunctionalEntropy(model, samples=4, noise=0.3)
    found = term.information(inputs, "regression")
    expected = [4 * 0.09 * np.square(each).sum() for each in w]
    assert [each.item() for each in found] == pytest.approx(expected, rel=1e-6)
    loss = term(Trace(torch.zeros(5, 1), prepared=inputs), torch.zeros(5, 1), torch.arange(5))
    assert loss.item() == pytest.approx(np.linalg.norm(1 / (np.array(expected) + 0.01)), rel=1e-6)


def test_the_norm_runs_over_every_axis_of_an_input():
    weight = np.random.default_rng(1).normal(size=(1, 24))
    term = FunctionalEntropy(Linear(weight, regression=True), samples=2)
    found = term.information(prepared((3, 4, 2, 3)), "regression")
    assert found[0].item() == pytest.approx(4 * np.square(weight).sum(), rel=1e-6)


def expectation(function):
    """E function(e), e ~ N(0, 1), by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return float((weights * function(nodes)).sum() / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_two_classes_match_quadrature_and_bound_the_functional_entropy(task):
    """f(e) = H(p, q(e)) with q(e) = s(w (x + e)); df/dx = w (q - p). Ent(f) <= I / 2 (log-Sobolev)."""
    w, x = 1.5, 0.4
    p = 1 / (1 + math.exp(-w * x))

    def q(e):
        return 1 / (1 + np.exp(-w * (x + e)))

    def f(e):
        return -p * np.log(q(e)) - (1 - p) * np.log(1 - q(e))

    exact = expectation(lambda e: (w * (q(e) - p)) ** 2 / f(e))
    weight = [[0.0], [w]] if task == "classification" else [[w]]
    inputs = [Prepared(torch.full((20_000, 1), x, dtype=torch.float64), None, None)]
    found = FunctionalEntropy(Linear(weight), samples=5, seed=1).information(inputs, task)[0].item()
    assert found == pytest.approx(exact, rel=0.02)
    entropy = expectation(lambda e: f(e) * np.log(f(e))) - expectation(f) * math.log(expectation(f))
    assert 0 < entropy <= exact / 2


def test_each_sample_has_its_own_denominator():
    """A mean of ratios: rows whose losses differ by orders of magnitude would change it if f were a batch mean."""
    weight = np.array([[0.0, 0.0], [2.0, 1.0]])
    inputs = [Prepared(torch.tensor([[0.0, 0.0], [6.0, 1.0]], dtype=torch.float64), None, None)]
    term = FunctionalEntropy(Linear(weight), samples=200)
    noisy = term._perturbed(inputs[0], 0).values.detach()
    logits, clean = noisy @ torch.from_numpy(weight.T), inputs[0].values @ torch.from_numpy(weight.T)
    p, q = clean.softmax(1).repeat(200, 1), logits.softmax(1)
    slopes = (q - p) @ torch.from_numpy(weight)
    losses = -(p * q.log()).sum(1)
    found = term.information(inputs, "classification")[0].item()
    assert found == pytest.approx((slopes.square().sum(1) / losses).mean().item(), rel=1e-9)
    assert found != pytest.approx((slopes.square().sum(1) / losses.mean()).mean().item(), rel=0.1)


def test_the_gradient_of_the_regulariser_is_that_of_finite_differences():
    model = Linear([[0.3, -0.2], [0.1, 0.5], [0.0, 0.4]], [[0.7], [-0.1], [0.2]])
    inputs = prepared((4, 2), (4, 1))
    term = FunctionalEntropy(model, samples=2, seed=0).eval()

    def loss(*weights):
        with torch.no_grad():
            before = [weight.clone() for weight in model.weights]
        for own, weight in zip(model.weights, weights):
            own.data = weight.data
        value = term(Trace(torch.zeros(4, 3), prepared=inputs), torch.zeros(4, dtype=torch.long), torch.arange(4))
        slopes = torch.autograd.grad(value, list(model.weights))
        for own, weight in zip(model.weights, before):
            own.data = weight
        return value.detach(), slopes

    start = [weight.detach().clone() for weight in model.weights]
    _, slopes = loss(*start)
    step = 1e-6
    for which, weight in enumerate(start):
        for index in np.ndindex(*weight.shape):
            shifted = [[each.clone() for each in start] for _ in range(2)]
            shifted[0][which][index] += step
            shifted[1][which][index] -= step
            numeric = (loss(*shifted[0])[0] - loss(*shifted[1])[0]) / (2 * step)
            assert numeric.item() == pytest.approx(slopes[which][index].item(), rel=1e-5, abs=1e-6)


def test_modes_and_batch_statistics_stay_as_they_were():
    model = Linear([[1.0, 2.0], [0.5, -1.0]], normalise=True).train()
    model.dropout.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    FunctionalEntropy(model).information(prepared((6, 2)), "classification")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training and model.norm.training and not model.dropout.training


def test_only_rows_that_have_a_modality_count():
    half, nowhere = torch.arange(6) % 2 == 0, torch.zeros(6, dtype=torch.bool)
    weights = [[1.0, -2.0]], [[3.0]], [[0.5]]
    term = FunctionalEntropy(Linear(*weights, regression=True), samples=2)
    inputs = prepared((6, 2), (6, 1), (6, 1), presence=[None, half, nowhere])
    found = term.information(inputs, "regression")
    assert found[0].item() == pytest.approx(20.0, rel=1e-6)
    assert found[1].item() == pytest.approx(36.0, rel=1e-6)
    assert found[2].item() == 0.0
    loss = term(Trace(torch.zeros(6, 1), prepared=inputs), torch.zeros(6, 1), torch.arange(6))
    assert loss.item() == pytest.approx(np.linalg.norm([1 / 20.01, 1 / 36.01]), rel=1e-6)


def test_noise_stays_within_lengths_and_presence():
    term = FunctionalEntropy(Linear([[1.0]]), samples=2)
    lengths, present = torch.tensor([3, 1, 2]), torch.tensor([True, True, False])
    each = Prepared(torch.zeros(3, 4, 2), present, lengths)
    moved = (term._perturbed(each, 0).values != 0).all(2)
    expected = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
    assert torch.equal(moved, expected.repeat(2, 1))


def test_draws_change_from_batch_to_batch_and_not_in_evaluation():
    inputs = prepared((4, 2))
    trace = Trace(torch.zeros(4, 2), prepared=inputs)
    term = FunctionalEntropy(Linear([[1.0, 2.0], [0.5, -1.0]]), seed=5)
    targets = torch.zeros(4, dtype=torch.long)
    first, second = (term(trace, targets, None).item() for _ in range(2))
    assert first != second and int(term.batches) == 2
    again = FunctionalEntropy(Linear([[1.0, 2.0], [0.5, -1.0]]), seed=5).eval()
    assert [again(trace, targets, None).item() for _ in range(2)] == [first, first]


def test_a_model_that_is_blind_to_a_modality_is_refused():
    model = Linear([[1.0], [2.0]])
    model.modalities = ("a", "b")
    with pytest.raises(InputError) as caught:
        FunctionalEntropy(model).information(prepared((4, 1), (4, 1)), "classification")
    assert caught.value.argument == "terms" and "'b'" in caught.value.received


@pytest.mark.parametrize(
    ("options", "argument"), [({"samples": 0}, "samples"), ({"noise": 0.0}, "noise"), ({"floor": -1.0}, "floor")]
)
def test_numbers_out_of_range_are_refused(options, argument):
    with pytest.raises(InputError) as caught:
        FunctionalEntropy(Linear([[1.0]]), **options)
    assert caught.value.argument == argument


def test_saturated_predictions_give_no_information_and_no_infinite_gradient():
    model = Linear([[0.0], [1.0]])
    term = FunctionalEntropy(model, samples=2)
    inputs = [Prepared(torch.full((3, 1), 5000.0, dtype=torch.float64), None, None)]
    (found,) = term.information(inputs, "classification")
    found.backward()
    assert found.item() == 0.0 and torch.isfinite(model.weights[0].grad).all()


def test_losses_of_samples_by_hand():
    outputs, clean = torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([[0.0, 0.0]])
    expected = -(math.log(1 / 4) + math.log(3 / 4)) / 2
    assert divergence_of_samples(outputs, clean, "classification").item() == pytest.approx(expected, abs=1e-6)
    assert divergence_of_samples(outputs, clean, "multilabel").item() == pytest.approx(math.log(2) + expected, abs=1e-6)


@pytest.mark.parametrize("name", ["late_fusion", "attention_pooling", "late_fusion_transformer", "mctn"])
def test_models_of_the_table_are_twice_differentiable(name):
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(8, 5, 2)), "b": rng.normal(size=(8, 3))}
    ds = from_arrays(arrays, labels=np.arange(8) % 2, name="two", kinds={"a": "timeseries", "b": "tabular"})
    model = build_model(name, ds.spec, width=8)
    inputs = {key: torch.from_numpy(values).float() for key, values in arrays.items()}
    trace = model.trace(inputs)
    term, targets = FunctionalEntropy(model), torch.arange(8) % 2
    if name == "mctn":
        with pytest.raises(InputError, match="functional_entropy"):
            term(trace, targets, None)
        return
    loss = term(trace, targets, None)
    loss.backward()
    assert torch.isfinite(loss) and loss > 0
    assert sum(p.grad.abs().sum() for p in model.parameters() if p.grad is not None) > 0


def test_a_fit_with_the_term_leans_more_on_the_weaker_modality():
    """Both modalities carry the label, one with a quarter of the signal: without the term it is nearly left out."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    arrays = {
        name: size * (2 * labels - 1)[:, None] + rng.normal(size=(300, 3)) for name, size in (("a", 2), ("b", 0.5))
    }
    ds = from_arrays(arrays, labels=labels, name="unequal", split=["train"] * 200 + ["valid"] * 100)
    weaker = []
    for objective in ("auto", {"terms": {"functional_entropy": {"weight": 0.01}}}):
        model = build_model("late_fusion", ds.spec, width=8, seed=2)
        result = fit(model, ds, objective=objective, epochs=15, patience=15, device="cpu", learning_rate=0.01)
        assert result.best_metric > 0.95
        inputs = {name: torch.from_numpy(values) for name, values in arrays.items()}
        found = FunctionalEntropy(model, samples=5, seed=0).information(model.inputs(inputs), "classification")
        weaker.append(found[1].item())
    assert weaker[1] > 2 * weaker[0]
