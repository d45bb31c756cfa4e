"""GRUs over whole sequences by tiles: torch's in double precision, any number of threads, sequences apart."""

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.models.compiled import eligibility
from mmcore.models.compiled.loading import recurrence_loops
from mmcore.models.compiled.recurrence import panels_for
from mmcore.models.encoders import compiled_recurrence
from mmcore.models.encoders.recurrence import GruLayer

SIZES = [[8], [9, 8, 8, 3], [40, 33, 9, 8, 1], [17] * 4]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Let tiles be taken on any processor: the loops are right everywhere, and quick where vectors are wide."""
    monkeypatch.setattr(compiled_recurrence, "wide_vectors", lambda: True)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def single(hidden, sizes, inputs=5):
    torch.manual_seed(0)
    network, data = nn.GRU(inputs, hidden), torch.randn(sum(sizes), inputs)
    return [each.detach().requires_grad_() for each in (data, *network.parameters())]


def both(arguments, sizes):
    """States, and gradients of all arguments for weights of the states that are drawn."""
    out = GruLayer.apply(*arguments, sizes)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    return out, torch.autograd.grad(out, arguments, weight)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("hidden", [32, 40, 64, 70])
def test_states_and_gradients_are_those_of_torch_in_double_precision(sizes, hidden, monkeypatch):
    asked = []
    by_tiles = compiled_recurrence._by_tiles
    monkeypatch.setattr(compiled_recurrence, "_by_tiles", lambda *given: asked.append(by_tiles(*given)) or asked[-1])
    arguments = single(hidden, sizes)
    out, found = both(arguments, sizes)
    assert asked == [True, True]
    exact = [each.detach().double().requires_grad_() for each in arguments]
    network = nn.GRU(5, hidden).double()
    network.load_state_dict(dict(zip(network.state_dict(), [each.detach() for each in exact[1:]])))
    packed = nn.utils.rnn.PackedSequence(exact[0], torch.tensor(sizes))
    expected = network(packed)[0].data
    assert torch.allclose(out.double(), expected, atol=2e-6)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).double()
    theirs = torch.autograd.grad(expected, (exact[0], *network.parameters()), weight)
    for ours, right in zip(found, theirs):
        assert torch.allclose(ours.double(), right, atol=1e-5 * float(right.abs().max()))


def test_few_sequences_narrow_states_and_narrow_vectors_take_products_of_torch(monkeypatch):
    weight = torch.empty(96, 32)
    assert compiled_recurrence._by_tiles(weight, [8])
    assert not compiled_recurrence._by_tiles(weight, [7])
    assert not compiled_recurrence._by_tiles(torch.empty(93, 31), [8])
    monkeypatch.setattr(compiled_recurrence, "wide_vectors", lambda: False)
    assert not compiled_recurrence._by_tiles(weight, [8])


def test_whether_vectors_are_wide_is_what_the_processor_says():
    from llvmlite import binding

    assert eligibility.wide_vectors() == bool(binding.get_host_cpu_features().get("avx512f"))


@pytest.mark.parametrize("sizes", SIZES)
def test_threads_change_no_bit(sizes, threads):
    arguments, results = single(40, sizes), []
    for count in (1, 2, 3):
        threads(count)
        results.append(both(arguments, sizes))
    for out, found in results[1:]:
        assert torch.equal(out, results[0][0])
        assert torch.equal(found[0], results[0][1][0])


def test_a_sequence_that_is_no_number_leaves_the_others_alone():
    sizes = [12, 12, 10]
    arguments = single(40, sizes)
    clean, (clean_slope, *_) = both(arguments, sizes)
    arguments[0].data[3] = torch.nan  # sequence 3, from its first step on
    out, (slope, *others) = both(arguments, sizes)
    rows = torch.tensor([3, 15, 27])
    assert out[rows].isnan().all() and slope[rows].isnan().all()
    rest = torch.ones(len(out), dtype=torch.bool)
    rest[rows] = False
    assert torch.equal(out[rest], clean[rest]) and torch.equal(slope[rest], clean_slope[rest])
    assert all(each.isnan().any() for each in others)


def test_a_sequence_has_the_same_states_in_any_batch():
    together = single(64, [16, 16, 16])
    alone = [together[0].detach().view(3, 16, 5)[:, :8].reshape(-1, 5), *together[1:]]
    out = GruLayer.apply(*together, [16, 16, 16]).view(3, 16, 64)
    # Not to the bit: the product with the input is torch's.
    assert torch.allclose(out[:, :8], GruLayer.apply(*alone, [8, 8, 8]).view(3, 8, 64), atol=1e-6)


@pytest.mark.parametrize("columns", [1, 31, 32, 33, 96])
@pytest.mark.parametrize("turned", [False, True])
def test_panels_hold_the_columns_and_then_zeros(columns, turned):
    weight = np.arange(7.0 * columns, dtype=np.float32).reshape(7, columns) + 1
    given = np.ascontiguousarray(weight.T).T if turned else weight
    panels = panels_for(7, columns)
    panels[:] = np.nan
    recurrence_loops()["pack"](given, panels)
    side_by_side = panels.transpose(1, 0, 2).reshape(7, -1)
    assert np.array_equal(side_by_side[:, :columns], weight)
    assert not side_by_side[:, columns:].any()


def test_a_recurrent_weight_of_any_layout_gives_the_same_bits():
    sizes = [9, 9, 4]
    arguments = single(40, sizes)
    out, found = both(arguments, sizes)
    turned = [*arguments]
    turned[2] = arguments[2].detach().t().contiguous().t().requires_grad_()
    for ours, theirs in zip(found, both(turned, sizes)[1]):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6 * float(ours.abs().max()))
    assert torch.equal(out, both(turned, sizes)[0])
