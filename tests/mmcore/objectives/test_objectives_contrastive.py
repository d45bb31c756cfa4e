"""Noise-contrastive estimation: where its optimum is, what it costs at chance, and what the memory keeps."""

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
from mmcore.objectives.contrastive import noise_contrastive

N, SIZE = 12, 4


@pytest.fixture
def model():
    ds = from_arrays({"a": np.zeros((6, SIZE)), "b": np.zeros((6, SIZE))}, labels=np.arange(6) % 2, name="two")
    return build_model("early_fusion", ds.spec)


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def trace_of(a, b, presence=(None, None)):
    prepared = [Prepared(each, mask, None) for each, mask in zip((a, b), presence)]
    return Trace(torch.zeros(len(a), 2), [a, b], None, prepared)


def test_the_optimum_is_the_conditional_distribution():
    """Exact expectation over positives ~ p(. | i) and K uniform negatives: its gradient vanishes at log p alone."""
    p = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).double()
    k = 5

    def expected(scores):
        loss = torch.zeros(()).double()
        for anchor in range(2):
            for row in range(3):
                # The negatives are independent of the positive, so each sort may stand alone in its expectation.
                alone = noise_contrastive(
                    scores[anchor, row].repeat(1), torch.full((1, k), -torch.inf).double(), n_rows=3
                )
                drawn = noise_contrastive(
                    torch.tensor([torch.inf]).double(), scores[anchor, row].repeat(1, k), n_rows=3
                )
                loss = loss + p[anchor, row] * alone + drawn / 3
        return loss

    scores = p.log().requires_grad_()
    expected(scores).backward()
    assert scores.grad.abs().max() < 1e-12
    for _ in range(5):
        assert expected(p.log() + 0.3 * normal(2, 3).double()) > expected(p.log()) + 1e-3


def test_at_infinite_temperature_the_loss_is_that_of_guessing(model):
    """All scores 0: Z = N, P = 1/N, h = 1 / (1 + K), and the loss log(1 + K) + K log(1 + 1/K) a direction."""
    k = 7
    term = build_term("contrastive", model, n_rows=N, negatives=k, temperature=1e12)
    loss = term(trace_of(normal(5, SIZE), normal(5, SIZE, seed=1)), None, torch.arange(5))
    assert loss.item() == pytest.approx(2 * (math.log(1 + k) + k * math.log(1 + 1 / k)), rel=1e-5)
    assert term.log_normaliser[0, 1].item() == pytest.approx(math.log(N), abs=1e-5)
    softmax = build_term("contrastive", model, n_rows=N, negatives=k, temperature=1e12, form="softmax")
    loss = softmax(trace_of(normal(5, SIZE), normal(5, SIZE, seed=1)), None, torch.arange(5))
    assert loss.item() == pytest.approx(2 * math.log(1 + k), rel=1e-5)


def test_the_normaliser_estimates_the_sum_over_the_memory(model):
    """Z = N mean over uniform draws is unbiased for sum_n exp(v . m_n / t), averaged over anchors."""
    a, b = normal(6, SIZE), normal(6, SIZE, seed=1)
    found, exact = [], 0.0
    for seed in range(60):
        torch.manual_seed(0)
        term = build_term("contrastive", model, n_rows=N, negatives=50, temperature=1.0, seed=seed)
        anchors = nn.functional.normalize(term.maps[0](a), dim=1)
        exact = (anchors @ term.memory[1].T).exp().sum(1).mean().item()
        term(trace_of(a, b), None, torch.arange(6))
        found.append(term.log_normaliser[0, 1].exp().item())
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.std(found) / 60**0.5)
    assert np.std(found) < 0.2 * exact


def test_the_memory_moves_towards_the_batch_and_stays_on_the_sphere(model):
    term = build_term("contrastive", model, n_rows=N, momentum=0.25)
    before, rows = term.memory.clone(), torch.tensor([7, 2])
    seen = torch.tensor([True, False])
    a, b = normal(2, SIZE), normal(2, SIZE, seed=1)
    term(trace_of(a, b, presence=(None, seen)), None, rows)
    units = nn.functional.normalize(term.maps[0](a), dim=1)
    expected = nn.functional.normalize(0.25 * before[0, rows] + 0.75 * units, dim=1)
    torch.testing.assert_close(term.memory[0, rows], expected)
    torch.testing.assert_close(term.memory.norm(dim=2), torch.ones(2, N))
    unmoved = torch.ones(2, N, dtype=torch.bool)
    unmoved[0, rows] = unmoved[1, 7] = False
    assert torch.equal(term.memory[unmoved], before[unmoved])
    assert not torch.equal(term.memory[1, 7], before[1, 7])


def test_evaluation_mode_remembers_nothing(model):
    term = build_term("contrastive", model, n_rows=N).eval()
    before = {name: tensor.clone() for name, tensor in term.state_dict().items()}
    term(trace_of(normal(3, SIZE), normal(3, SIZE, seed=1)), None, torch.arange(3))
    for name, tensor in term.state_dict().items():
        assert torch.equal(tensor.nan_to_num(), before[name].nan_to_num()), name


def test_a_restored_state_draws_what_the_first_would_have_drawn(model):
    batches = [(normal(4, SIZE, seed=i), normal(4, SIZE, seed=i + 50), torch.arange(4) + i) for i in range(6)]
    term = build_term("contrastive", model, n_rows=N, negatives=5, seed=3)
    for a, b, rows in batches[:3]:
        term(trace_of(a, b), None, rows)
    restored = build_term("contrastive", model, n_rows=N, negatives=5, seed=3)
    restored.load_state_dict(term.state_dict())
    for a, b, rows in batches[3:]:
        assert torch.equal(term(trace_of(a, b), None, rows), restored(trace_of(a, b), None, rows))


def test_matching_rows_are_learned():
    """Two views of the same hidden vector: after training, a row finds its own other view in the memory."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(100, SIZE))
    a, b = torch.from_numpy(hidden).float(), torch.from_numpy(hidden @ rng.normal(size=(SIZE, SIZE))).float()
    ds = from_arrays({"a": np.zeros((6, SIZE)), "b": np.zeros((6, SIZE))}, labels=np.arange(6) % 2, name="two")
    torch.manual_seed(0)
    term = build_term("contrastive", build_model("early_fusion", ds.spec), n_rows=100, negatives=100, dimension=4)
    optimizer = torch.optim.Adam(term.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        term(trace_of(a, b), None, torch.arange(100)).backward()
        optimizer.step()
    anchors = nn.functional.normalize(term.maps[0](a), dim=1)
    hits = (anchors @ term.memory[1].T).argmax(1) == torch.arange(100)
    assert hits.float().mean() > 0.5  # chance is 0.01


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"form": "nec"}, "form"),
        ({"negatives": 0}, "negatives"),
        ({"temperature": 0.0}, "temperature"),
        ({"momentum": 1.0}, "momentum"),
        ({"n_rows": 0}, "n_rows"),
    ],
)
def test_numbers_out_of_range_are_refused(model, options, argument):
    with pytest.raises(InputError) as caught:
        build_term("contrastive", model, **{"n_rows": N, **options})
    assert caught.value.argument == argument
