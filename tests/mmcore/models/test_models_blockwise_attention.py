"""Attention in blocks is torch's attention, in value and gradient, however the batch is cut."""

import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcore.models.sequences import blockwise_attention
from mmcore.models.sequences.blockwise_attention import attend_in_blocks
from mmcore.models.sequences.dropout import add_dropout, dropout, relu_dropout

SHAPE = (5, 2, 4, 3)  # batch, heads, targets, channels


def _inputs(sources=6):
    torch.manual_seed(0)
    sizes = ((*SHAPE[:2], time, SHAPE[3]) for time in (SHAPE[2], sources, sources))
    return [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]


def _mask(kind):
    if kind == "none":
        return None
    causal = torch.arange(6) <= torch.arange(4)[:, None] + 2
    within = torch.arange(6) < torch.tensor([6, 1, 3, 6, 2])[:, None]
    return {"causal": causal[None, None], "lengths": within[:, None, None], "both": within[:, None, None] & causal}[
        kind
    ]


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("kind", ["none", "causal", "lengths", "both"])
def test_values_and_gradients_are_those_of_torch(monkeypatch, kind, rows):
    monkeypatch.setattr(blockwise_attention, "_BLOCK", rows * 2 * 4 * 6)
    inputs, mask = _inputs(), _mask(kind)
    found = []
    for attention in (
        lambda *x: functional.scaled_dot_product_attention(*x, attn_mask=mask),
        lambda *x: attend_in_blocks(*x, mask),
    ):
        out = attention(*inputs)
        found.append((out, *torch.autograd.grad(out.sin().sum(), inputs)))
    for expected, ours in zip(*found):
        assert torch.allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_first_and_second_derivatives_are_those_of_finite_differences(monkeypatch, rate):
    monkeypatch.setattr(blockwise_attention, "_BLOCK", 3 * 2 * 4 * 6)
    mask = _mask("both")

    def run(*inputs):
        torch.manual_seed(1)  # the same units are dropped each time
        return attend_in_blocks(*inputs, mask, rate)

    assert torch.autograd.gradcheck(run, _inputs())
    assert torch.autograd.gradgradcheck(run, _inputs())


@pytest.mark.parametrize("targets", [13, 16, 40, 70])
@pytest.mark.parametrize("extra", [-3, 0, 9])
def test_spans_of_targets_are_the_whole_in_value_and_gradients(targets, extra):
    torch.manual_seed(0)
    sources = targets + extra
    sizes = ((3, 2, time, 4) for time in (targets, sources, sources))
    inputs = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]
    causal = torch.arange(sources) <= torch.arange(targets)[:, None] + abs(extra)
    mask = causal & (torch.arange(sources) < torch.tensor([sources, 1, 7])[:, None, None])[:, None]
    found = []
    for attention in (
        lambda *x: functional.scaled_dot_product_attention(*x, attn_mask=mask),
        lambda *x: attend_in_blocks(*x, mask),
    ):
        with sdpa_kernel(SDPBackend.MATH):  # the one that has a second derivative
            out = attention(*inputs)
        first = torch.autograd.grad(out.sin().sum(), inputs, create_graph=True)
        found.append((out, *first, *torch.autograd.grad(sum(each.square().sum() for each in first), inputs)))
    for expected, ours in zip(*found):
        assert torch.allclose(ours, expected, atol=1e-10)


def test_dropout_in_spans_has_the_gradients_of_finite_differences():
    torch.manual_seed(0)
    inputs = [torch.randn(1, 1, 33, 1, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    mask = torch.ones(33, 33, dtype=torch.bool).tril()[None, None]
    assert len(blockwise_attention._spans(mask, 33, 33)) > 1

    def run(*inputs):
        torch.manual_seed(1)  # the same units are dropped each time
        return attend_in_blocks(*inputs, mask, 0.4)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_dropped_weights_are_as_many_as_asked_and_the_rest_is_scaled():
    torch.manual_seed(0)
    batch, sources, rate = 50, 400, 0.3
    scores, values = torch.zeros(batch, 1, 1, 1), torch.eye(sources).expand(batch, 1, -1, -1)
    out = attend_in_blocks(scores, torch.zeros(batch, 1, sources, 1), values, None, rate)
    kept = out > 0
    # Even weights 1 / sources, of which each is dropped with probability 0.3, else divided by 0.7.
    assert torch.allclose(out[kept] * sources, torch.tensor(1 / (1 - rate)), rtol=1e-4)
    deviation = (rate * (1 - rate) / kept.numel()) ** 0.5
    assert abs(1 - kept.float().mean().item() - rate) < 4 * deviation


def test_inputs_are_left_as_they_were_and_may_be_views():
    parts = torch.randn(3, 1, 6, 1, requires_grad=True).expand(3, 2, 6, 1)
    before = parts.detach().clone()
    out = attend_in_blocks(parts, parts, parts)
    assert torch.equal(parts, before)
    assert torch.allclose(out, functional.scaled_dot_product_attention(parts, parts, parts), atol=1e-6)


def test_low_precision_is_computed_in_full_and_comes_back_low():
    inputs = [each.detach().bfloat16() for each in _inputs()]
    expected = functional.scaled_dot_product_attention(*(each.double() for each in inputs))
    out = attend_in_blocks(*inputs)
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.double(), expected, atol=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_dropout_fused_with_what_surrounds_it_is_the_same_as_apart(rate):
    x, added = (torch.randn(7, 9, dtype=torch.float64, requires_grad=True) for _ in range(2))
    found = []
    for run in (
        lambda: (x + dropout(added, rate, True), dropout(torch.relu(x), rate, True)),
        lambda: (add_dropout(x, added, rate, True), relu_dropout(x, rate, True)),
    ):
        torch.manual_seed(0)
        parts = run()
        found.append((*parts, *torch.autograd.grad(sum(part.sin().sum() for part in parts), (x, added))))
    for expected, fused in zip(*found):
        assert torch.allclose(fused, expected, atol=1e-15)
