"""Dropout in one pass is dropout: as many as asked, the mean kept, no unit knows another, gradients where kept."""

import pytest
import torch

from mmcore.errors import InputError
from mmcore.models.compiled.threads import in_parts
from mmcore.models.sequences import dropout as module
from mmcore.models.sequences.dropout import add_dropout, dropout, factors, relu_dropout
from mmcore.training import torch_threads

N = 1 << 20


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_units_are_dropped_as_often_as_asked_and_independently(rate):
    deviations, lagged = [], []
    for seed in range(10):
        torch.manual_seed(seed)
        kept = (dropout(torch.ones(N), rate, True) > 0).double()
        spread = (rate * (1 - rate)) ** 0.5
        centred = (kept - (1 - rate)) / spread
        deviations.append(centred.mean().item() * N**0.5)
        # Neighbours, lanes of a vector, and the same place in two chunks.
        lagged += [(centred[lag:] * centred[:-lag]).mean().item() * N**0.5 for lag in (1, 2, 16, 64, 4096)]
    # Standard normal each: of 60 numbers none beyond 4 (probability 0.4 %).
    assert max(map(abs, deviations + lagged)) < 4
    assert abs(sum(lagged)) / len(lagged) ** 0.5 < 4


def test_two_draws_differ_and_one_seed_repeats():
    torch.manual_seed(0)
    first, second = factors(torch.zeros(N), 0.5), factors(torch.zeros(N), 0.5)
    agreement = (first == second).double().mean().item()
    assert abs(agreement - 0.5) * 2 * N**0.5 < 4
    torch.manual_seed(0)
    assert torch.equal(first, factors(torch.zeros(N), 0.5))


def test_kept_units_are_scaled_so_that_the_mean_is_kept():
    x = torch.full((N,), 3.0)
    assert dropout(x, 0.25, True).unique().tolist() == pytest.approx([0.0, 4.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(7, 9), (3, 5000)])
def test_dropout_fused_with_what_surrounds_it_is_the_same_as_apart(dtype, shape):
    x, added = (torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(2))
    found = []
    for run in (
        lambda: (x + added * factors(added, 0.3), torch.relu(x) * factors(x, 0.3), x * factors(x, 0.3)),
        lambda: (add_dropout(x, added, 0.3, True), relu_dropout(x, 0.3, True), dropout(x, 0.3, True)),
    ):
        torch.manual_seed(0)
        parts = run()
        loss = sum(part.sin().sum() for part in parts)
        first = torch.autograd.grad(loss, (x, added), create_graph=True)
        second = torch.autograd.grad(sum(each.square().sum() for each in first), (x, added), retain_graph=True)
        found.append((*parts, *torch.autograd.grad(loss, (x, added)), *first, *second))
    for expected, fused in zip(*found):
        assert torch.allclose(fused, expected, atol=1e-5 if dtype == torch.float32 else 1e-12)


def test_what_lies_otherwise_in_memory_is_read_in_its_own_order():
    x = torch.randn(64, 96).t()
    torch.manual_seed(0)
    expected = x + x * factors(x, 0.5)
    torch.manual_seed(0)
    assert torch.allclose(add_dropout(x, x, 0.5, True), expected)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr(module, "_UNITS_A_THREAD", 1000)
    found = []
    for threads in (1, 3):
        with torch_threads(threads):
            torch.manual_seed(0)
            found.append(dropout(torch.ones(50_001), 0.5, True))
    assert torch.equal(*found)


def test_nothing_changes_outside_training_or_at_rate_zero():
    x = torch.randn(5)
    assert dropout(x, 0.5, False) is x and dropout(x, 0.0, True) is x
    assert torch.equal(add_dropout(x, x, 0.5, False), 2 * x)
    assert torch.equal(relu_dropout(x, 0.0, True), torch.relu(x))


def test_of_empty_tensors_nothing_is_asked():
    assert dropout(torch.empty(0, 3), 0.5, True).shape == (0, 3)


@pytest.mark.parametrize(
    "lie",
    [lambda x: x[:, ::2], lambda x: x[:, 0], lambda x: x[:1, :1].expand(4, 8), lambda x: x.t(), lambda x: x[1:]],
)
def test_every_layout_in_memory_is_read(lie):
    x = lie(torch.randn(6, 8, requires_grad=True))
    for run in (
        lambda x: dropout(x, 0.5, True),
        lambda x: relu_dropout(x, 0.5, True),
        lambda x: add_dropout(x, x, 0.5, True),
    ):
        torch.manual_seed(0)
        found = run(x)
        torch.manual_seed(0)
        assert torch.equal(found, run(x.contiguous()))
        assert torch.isfinite(torch.autograd.grad(found.sum(), x)[0]).all()  # a gradient that is one number, expanded


def test_what_is_not_a_number_is_not_lost():
    x = torch.full((N,), torch.nan)
    for out in (dropout(x, 0.5, True), relu_dropout(x, 0.5, True), add_dropout(torch.zeros(N), x, 0.5, True)):
        assert abs(out.isnan().double().mean().item() - 0.5) < 0.01
    y = torch.ones(N, requires_grad=True)
    (gradient,) = torch.autograd.grad(relu_dropout(y, 0.5, True), y, x)
    assert abs(gradient.isnan().double().mean().item() - 0.5) < 0.01


@pytest.mark.parametrize("rate", [-0.5, 1.0, 2.0])
def test_a_rate_that_is_none_is_refused(rate):
    for run in (dropout, relu_dropout):
        with pytest.raises(InputError, match="rate"):
            run(torch.ones(3), rate, True)


def test_transforms_of_functions_go_through_torch():
    x = torch.ones(5)
    gradient = torch.func.grad(lambda y: dropout(y, 0.5, True).sum())(x)
    assert set(gradient.tolist()) <= {0.0, 2.0}


def test_what_a_thread_raises_reaches_the_caller():
    def loop(first, last):
        if first:
            raise MemoryError("no room")

    with torch_threads(2), pytest.raises(MemoryError, match="no room"):
        in_parts(loop, (), 8, 2)
