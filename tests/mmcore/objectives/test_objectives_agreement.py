"""Agreement of predictions and RefNet against values computed by hand or by numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.models.standardisation import Prepared
from mmcore.models.trace import Trace
from mmcore.objectives import build_term
from mmcore.objectives.agreement import mean_correlation, symmetric_divergence

N = 30


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def model_for(task="classification", names=("a", "b"), size=3):
    arrays = {name: np.zeros((6, size)) for name in names}
    labels = {
        "classification": np.arange(6) % 3,
        "multilabel": np.eye(3, dtype=int)[np.arange(6) % 3],
        "regression": np.arange(6.0),
    }[task]
    ds = from_arrays(arrays, labels={"y": labels}, task={"y": task}, name="pairs")
    return build_model("early_fusion", ds.spec).double()


def trace_of(*representations, presence=None, fused=None):
    present = presence or [None] * len(representations)
    prepared = [Prepared(each, mask, None) for each, mask in zip(representations, present)]
    return Trace(torch.zeros(len(representations[0]), 3).double(), list(representations), fused, prepared)


def identity(linear):
    with torch.no_grad():
        linear.weight.copy_(torch.eye(*linear.weight.shape))
        linear.bias.zero_()


def agreement(model, **options):
    term = build_term("agreement", model, n_rows=N, **options).double()
    for predictor in term.predictors:
        identity(predictor)
    return term


def test_correlation_is_that_of_numpy():
    a, b = normal(N, 3), normal(N, 3, seed=1)
    by_column = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(3)]
    assert mean_correlation(a, b).item() == pytest.approx(np.mean(by_column), abs=1e-7)


@pytest.mark.parametrize(("measure", "best"), [("correlation", -1.0), ("kl", 0.0), ("mse", 0.0)])
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_equal_predictions_agree_perfectly_and_others_do_not(measure, best, task):
    term, z = agreement(model_for(task), measure=measure, supervision=0.0), normal(N, 3)
    targets = torch.zeros(N, dtype=torch.long) if task == "classification" else torch.zeros(N, 3).double()
    assert term(trace_of(z, z), targets, None).item() == pytest.approx(best, abs=1e-6)
    assert term(trace_of(z, normal(N, 3, seed=1)), targets, None).item() > best + 0.01


def test_divergence_is_the_mean_of_both_directions():
    p, q = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], dtype=torch.float64)
    both = (p * (p / q).log()).sum() + (q * (q / p).log()).sum()
    found = symmetric_divergence(p.log()[None], q.log()[None], "classification")
    assert found.item() == pytest.approx(both.item() / 2, abs=1e-12)
    flags = [(x, y) for a, b in ((0.2, 0.6), (0.9, 0.5)) for x, y in ((a, b), (1 - a, 1 - b))]
    by_hand = sum((x - y) * math.log(x / y) for x, y in flags) / 2 / 2  # both directions, two labels
    logits = torch.tensor([[[0.2, 0.9]], [[0.6, 0.5]]], dtype=torch.float64).logit()
    assert symmetric_divergence(*logits, "multilabel").item() == pytest.approx(by_hand, abs=1e-12)


def test_supervision_is_the_mean_of_the_predictors_losses():
    term = agreement(model_for(), measure="mse", supervision=2.0)
    z, targets = normal(N, 3), torch.arange(N) % 3
    found = term(trace_of(z, z), targets, None)
    assert found.item() == pytest.approx(2 * nn.functional.cross_entropy(z, targets).item(), abs=1e-9)


def test_a_regression_has_no_unit():
    losses = []
    for scale in (1.0, 1000.0):
        model = model_for("regression")
        model.scale.shift.fill_(5.0 * scale)
        model.scale.scale.fill_(2.0 * scale)
        torch.manual_seed(0)
        term = build_term("agreement", model, n_rows=N, measure="mse").double()
        losses.append(term(trace_of(normal(N, 3), normal(N, 3)), scale * normal(N, 1, seed=2), None).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_pairs_and_predictors_count_where_modalities_are_present():
    z, w = normal(N, 3), normal(N, 3, seed=1)
    seen, targets = torch.arange(N) % 2 == 0, torch.arange(N) % 3
    term = agreement(model_for(), measure="kl", supervision=1.0)
    found = term(trace_of(z, w, presence=[None, seen]), targets, None)
    losses = nn.functional.cross_entropy(z, targets) + nn.functional.cross_entropy(w[seen], targets[seen])
    expected = symmetric_divergence(z[seen], w[seen], "classification") + losses / 2
    assert found.item() == pytest.approx(expected.item(), abs=1e-10)


@pytest.mark.parametrize(
    ("task", "options", "argument"),
    [
        ("regression", {"measure": "kl"}, "measure"),
        ("classification", {"measure": "correlatoin"}, "measure"),
        ("classification", {"supervision": -1.0}, "supervision"),
        ("classification", {"mesure": "kl"}, "objective.terms.agreement"),
    ],
)
def test_wrong_options_are_refused(task, options, argument):
    with pytest.raises(InputError) as caught:
        build_term("agreement", model_for(task), n_rows=N, **options)
    assert caught.value.argument == argument


def refnet(model, target, width):
    term = build_term("refnet", model, n_rows=N, target=target).double()
    if target == "inputs":
        term.refiner = nn.Identity()
    else:
        term.maps = nn.ModuleList([nn.Linear(width, width).double() for _ in term.maps])
        for linear in term.maps:
            identity(linear)
    return term


@pytest.mark.parametrize(("factor", "loss"), [(3.0, 0.0), (-0.5, 2.0)])
def test_refnet_of_parallel_and_opposite_vectors(factor, loss):
    z = normal(N, 3)
    term = refnet(model_for(), "representations", 3)
    found = term(trace_of(z, factor * z, fused=z), None, None).item()
    assert found == pytest.approx(loss, abs=1e-12)


def test_refnet_of_orthogonal_vectors_is_one_each():
    z = torch.tensor([[1.0, 0.0, 0.0]]).double()
    other = torch.tensor([[0.0, 2.0, 0.0]]).double()
    assert refnet(model_for(), "representations", 3)(trace_of(other, other, fused=z), None, None).item() == 2.0


def test_refnet_of_inputs_compares_each_slice_with_its_input():
    a, b = normal(N, 3), normal(N, 3, seed=1)
    term = refnet(model_for(), "inputs", 6)
    assert term(trace_of(a, b, fused=torch.cat([2 * a, 0.1 * b], 1)), None, None).item() == pytest.approx(0, abs=1e-12)
    swapped = term(trace_of(a, b, fused=torch.cat([b, a], 1)), None, None).item()
    assert swapped == pytest.approx(2 * (1 - nn.functional.cosine_similarity(a, b).mean().item()), abs=1e-12)


def test_refnet_leaves_out_absent_rows():
    z, seen = normal(N, 3), torch.arange(N) % 2 == 0
    term = refnet(model_for(), "representations", 3)
    mixed = torch.where(seen[:, None], z, -z)
    assert term(trace_of(z, mixed, presence=[None, seen], fused=z), None, None).item() == pytest.approx(0, abs=1e-12)
    assert term(trace_of(z, mixed, fused=z), None, None).item() == pytest.approx(1.0, abs=1e-12)
