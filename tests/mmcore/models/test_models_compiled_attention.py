"""Compiled attention is torch's attention, in value and gradients, however rows fall into blocks and threads."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.sequences import compiled_attention as module
from mmcore.models.sequences.attention import attend
from mmcore.models.sequences.compiled_attention import compiled_attention, equations, fits
from mmcore.training import torch_threads

TARGETS, SOURCES, CHANNELS = 4, 6, 3


def _inputs(batch=5, heads=2, dtype=torch.float32):
    torch.manual_seed(0)
    sizes = ((batch, heads, time, CHANNELS) for time in (TARGETS, SOURCES, SOURCES))
    return [torch.randn(size, dtype=dtype, requires_grad=True) for size in sizes]


def _mask(kind, batch=5):
    if kind == "none":
        return None
    causal = torch.arange(SOURCES) <= torch.arange(TARGETS)[:, None] + 2
    lengths = torch.tensor([6, 1, 3, 6, 2]).repeat(batch // 5 + 1)[:batch]
    within = torch.arange(SOURCES) < lengths[:, None]
    masks = {"causal": causal[None, None], "lengths": within[:, None, None], "both": within[:, None, None] & causal}
    return masks[kind]


@pytest.mark.parametrize(("batch", "heads"), [(1, 1), (5, 2), (32, 2), (13, 5), (64, 1), (70, 3)])
@pytest.mark.parametrize("kind", ["none", "causal", "lengths", "both"])
def test_values_and_gradients_are_those_of_torch(kind, batch, heads):
    inputs, mask = _inputs(batch, heads), _mask(kind, batch)
    exact = [each.detach().double().requires_grad_() for each in inputs]
    expected = functional.scaled_dot_product_attention(*exact, attn_mask=mask)
    out = compiled_attention(*inputs, mask)
    for ours, theirs in zip(
        (out, *torch.autograd.grad(out.sin().sum(), inputs)),
        (expected, *torch.autograd.grad(expected.sin().sum(), exact)),
    ):
        assert torch.allclose(ours.double(), theirs, atol=2e-6)


def test_a_hidden_source_weighs_exactly_nothing():
    queries, keys, values = (each.detach() for each in _inputs())
    mask = _mask("lengths")
    values[1, :, 1:] = 1e30
    keys[1, :, 1:] = 1e15
    out = compiled_attention(queries, keys, values, mask)
    assert torch.equal(out[1], values[1, :, :1].expand(-1, TARGETS, -1))


@pytest.mark.parametrize("size", [1.0, 30.0, 300.0])
def test_large_scores_neither_overflow_nor_vanish(size):
    queries, keys, values = (each.detach() * factor for each, factor in zip(_inputs(), (size, 1.0, 1.0)))
    expected = functional.scaled_dot_product_attention(*(each.double() for each in (queries, keys, values)))
    assert torch.allclose(compiled_attention(queries, keys, values).double(), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["none", "both"])
def test_gradients_with_dropout_are_those_of_the_equations_with_the_same_weights_dropped(kind):
    rate, batch, heads = 0.4, 13, 5
    inputs, mask = _inputs(batch, heads), _mask(kind, batch)
    torch.manual_seed(3)
    out = compiled_attention(*inputs, mask, rate)
    torch.manual_seed(3)
    rule = module._rule(mask, inputs[0], inputs[1], rate)
    factors = module._factors(rule, -(-batch * heads // 64), inputs[0], inputs[1])
    assert factors.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    exact = [each.detach().double().requires_grad_() for each in inputs]
    expected = equations(*exact, mask, factors=factors.double())
    for ours, theirs in zip(
        (out, *torch.autograd.grad(out.sin().sum(), inputs)),
        (expected, *torch.autograd.grad(expected.sin().sum(), exact)),
    ):
        assert torch.allclose(ours.double(), theirs, atol=2e-6)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_second_derivatives_are_those_of_the_equations(rate):
    inputs, mask = _inputs(), _mask("both")
    torch.manual_seed(3)
    out = compiled_attention(*inputs, mask, rate)
    first = torch.autograd.grad(out.sin().sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(each.square().sum() for each in first), inputs)
    torch.manual_seed(3)
    factors = module._factors(module._rule(mask, *inputs[:2], rate), 1, *inputs[:2]).double() if rate else None
    exact = [each.detach().double().requires_grad_() for each in inputs]
    expected = torch.autograd.grad(equations(*exact, mask, factors=factors).sin().sum(), exact, create_graph=True)
    twice = torch.autograd.grad(sum(each.square().sum() for each in expected), exact)
    for ours, theirs in zip((*first, *second), (*expected, *twice)):
        assert torch.allclose(ours.double(), theirs, atol=1e-4)


def test_dropped_weights_are_as_many_as_asked_and_the_rest_is_scaled():
    torch.manual_seed(0)
    batch, sources, rate = 50, 400, 0.3
    scores, values = torch.zeros(batch, 1, 1, 1), torch.eye(sources).expand(batch, 1, -1, -1)
    out = compiled_attention(scores, torch.zeros(batch, 1, sources, 1), values, None, rate)
    kept = out > 0
    # Even weights 1 / sources, of which each is dropped with probability 0.3, else divided by 0.7.
    assert torch.allclose(out[kept] * sources, torch.tensor(1 / (1 - rate)), rtol=1e-6)
    deviation = (rate * (1 - rate) / kept.numel()) ** 0.5
    assert abs(1 - kept.float().mean().item() - rate) < 4 * deviation


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr(module, "_SCORES_A_THREAD", 1)
    found = []
    for threads in (1, 3):
        with torch_threads(threads):
            torch.manual_seed(0)
            inputs = _inputs(70, 3)
            out = compiled_attention(*inputs, None, 0.2)
            found.append((out, *torch.autograd.grad(out.sin().sum(), inputs)))
    assert all(torch.equal(one, three) for one, three in zip(*found))


def test_inputs_are_left_as_they_were_and_may_be_views():
    parts = torch.randn(3, 1, 6, 1, requires_grad=True).expand(3, 2, 6, 1)
    before = parts.detach().clone()
    out = compiled_attention(parts, parts, parts)
    assert torch.equal(parts, before)
    assert torch.allclose(out, functional.scaled_dot_product_attention(parts, parts, parts), atol=1e-6)


def test_low_precision_is_computed_in_full_and_comes_back_low():
    inputs = [each.detach().bfloat16().requires_grad_() for each in _inputs()]
    expected = functional.scaled_dot_product_attention(*(each.double() for each in inputs))
    out = compiled_attention(*inputs)
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.double(), expected, atol=0.02)
    assert all(torch.isfinite(each.float()).all() for each in torch.autograd.grad(out.sum(), inputs))


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_in_double_precision_attention_has_the_derivatives_of_finite_differences(rate):
    inputs, mask = _inputs(dtype=torch.float64), _mask("both")
    assert not fits(*inputs)

    def run(*inputs):
        torch.manual_seed(1)  # the same units are dropped each time
        return attend(*inputs, mask, rate)

    assert torch.autograd.gradcheck(run, inputs)


def _bad(which):
    one = torch.ones(64, 1, 3, 2)
    ones = {
        "channels of keys": ((one, torch.ones(64, 1, 3, 400), one), None),
        "batch": ((one, one[:5], one), None),
        "heads": ((one, one.expand(-1, 2, -1, -1), one), None),
        "number of values": ((one, one, torch.ones(64, 1, 4, 2)), None),
        "no source": ((one, one[:, :, :0], one[:, :, :0]), None),
        "sources of the mask": ((one, one, one), torch.ones(1, 1, 3, 1, dtype=torch.bool)),
        "targets of the mask": ((one, one, one), torch.ones(1, 1, 2, 3, dtype=torch.bool)),
        "a mask a head": ((one.expand(-1, 2, -1, -1),) * 3, torch.ones(1, 2, 3, 3, dtype=torch.bool)),
        "numbers to add": ((one, one, one), torch.zeros(1, 1, 3, 3)),
        "axes of the mask": ((one, one, one), torch.ones(3, 3, dtype=torch.bool)),
    }
    return ones[which]


@pytest.mark.parametrize(
    "which",
    [
        *("channels of keys", "batch", "heads", "number of values", "no source", "sources of the mask"),
        *("targets of the mask", "a mask a head", "numbers to add", "axes of the mask"),
    ],
)
def test_what_the_loops_would_read_beyond_its_end_is_refused(which):
    inputs, mask = _bad(which)
    with pytest.raises(InputError, match="mask" if "mask" in which or which == "numbers to add" else "queries"):
        compiled_attention(*inputs, mask)


def test_a_rate_that_is_none_is_refused():
    inputs = _inputs()
    for rate in (-0.5, 1.0, float("nan")):
        with pytest.raises(InputError, match="rate"):
            compiled_attention(*inputs, None, rate)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_a_number_is_not_lost(which):
    inputs = [each.detach() for each in _inputs(64, 1)]
    inputs[which][5, 0, 0, 0] = torch.nan
    found, expected = compiled_attention(*inputs), equations(*inputs, None)
    assert torch.equal(found.isnan(), expected.isnan())
    assert expected.isnan().any()
    inputs = [each.requires_grad_() for each in inputs]
    ways = [torch.autograd.grad(out.sum(), inputs) for out in (compiled_attention(*inputs), equations(*inputs, None))]
    for ours, theirs in zip(*ways):
        assert (ours.isnan() | ~theirs.isnan()).all()


def test_a_row_that_sees_nothing_gathers_nothing_that_looks_like_a_number():
    inputs, mask = _inputs(), _mask("lengths").clone()
    mask[2] = False
    found, expected = compiled_attention(*inputs, mask), equations(*inputs, mask)
    assert torch.equal(found.isnan(), expected.isnan()) and found[2].isnan().all()


def test_a_hidden_score_weighs_nothing_however_low_the_others_are():
    queries, keys = torch.full((64, 1, 1, 1), 1e16), torch.tensor([-1e16, 1.0]).view(1, 1, 2, 1).repeat(64, 1, 1, 1)
    values = torch.tensor([1.0, 7.0]).view(1, 1, 2, 1).repeat(64, 1, 1, 1)
    mask = torch.tensor([True, False]).expand(64, 1, 1, 2)
    assert torch.equal(compiled_attention(queries, keys, values, mask), torch.ones(64, 1, 1, 1))


def test_one_tensor_in_several_places_has_its_gradient_once():
    x = torch.randn(64, 1, 4, 3, requires_grad=True)
    exact = x.detach().double().requires_grad_()
    (found,) = torch.autograd.grad(compiled_attention(x, x * 1, 2 * x).sin().sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad(equations(exact, exact, 2 * exact, None).sin().sum(), exact, create_graph=True)
    assert torch.allclose(found.double(), expected, atol=1e-5)
    twice = [torch.autograd.grad(g.square().sum(), y)[0] for g, y in ((found, x), (expected, exact))]
    assert torch.allclose(twice[0].double(), twice[1], atol=1e-3)


def test_transforms_of_functions_go_by_the_equations():
    queries, keys, values = (each.detach() for each in _inputs(64, 1))
    plain = torch.func.grad(lambda q: attend(q, keys, values).sum())(queries)
    x = queries.clone().requires_grad_()
    assert torch.allclose(plain, torch.autograd.grad(attend(x, keys, values).sum(), x)[0], atol=1e-6)


def test_scores_are_not_kept_for_the_way_back():
    queries, keys, values = (torch.randn(16, 1, 300, 2, requires_grad=True) for _ in range(3))
    out = compiled_attention(queries, keys, values, None, 0.1)
    blocks = out.grad_fn.state[2]
    assert sum(each.nbytes for each in blocks) < 4 * 64 * 300 * 11 * 4  # four arrays of 2 channels, two of one number
    assert isinstance(blocks.q, np.ndarray)
