"""GRUs over whole sequences by tiles: torch's in double precision, any number of threads, sequences apart."""

import ctypes
import itertools
import math
import mmap
import os
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

from mmcore.errors import InputError
from mmcore.models.compiled import eligibility
from mmcore.models.compiled.loading import recurrence_loops
from mmcore.models.compiled.recurrence import panels_for
from mmcore.models.encoders import compiled_recurrence
from mmcore.models.encoders.recurrence import GruLayer, LstmLayer

SIZES = [[8], [9, 8, 8, 3], [40, 33, 9, 8, 1], [17] * 4, [30, 1, 1]]


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


WRONG = {
    "a short bias": (3, (119,)),
    "a short recurrent bias": (4, (119,)),
    "a bias with columns": (3, (120, 1)),
    "a recurrent weight of few columns": (2, (120, 39)),
    "a recurrent weight of few rows": (2, (117, 40)),
    "a recurrent weight of many rows": (2, (123, 40)),
    "few gates": (1, (117, 5)),
    "many gates": (1, (123, 5)),
    "few inputs": (1, (120, 4)),
    "rows of tables": (0, (42, 1, 5)),
}


@pytest.mark.parametrize("which", WRONG)
def test_what_the_loops_would_read_beyond_its_end_torch_refuses(which):
    arguments = [each.detach() for each in single(40, [20, 19, 3])]
    place, shape = WRONG[which]
    arguments[place] = torch.ones(shape)
    with pytest.raises(RuntimeError, match=r"shape|size|matri|dimension"):
        GruLayer.apply(*arguments, [20, 19, 3])


@pytest.mark.parametrize("place", [3, 4])
def test_a_bias_that_torch_repeats_is_repeated(place):
    arguments = single(40, [20, 19, 3])
    arguments[place] = torch.full((1,), 0.5)
    repeated = [*arguments]
    repeated[place] = arguments[place].expand(120)
    out = GruLayer.apply(*arguments, [20, 19, 3])
    assert torch.allclose(out, GruLayer.apply(*repeated, [20, 19, 3]), atol=1e-6)


@pytest.mark.parametrize("sizes", [[], [50], [20, 19, 4], [20, 19, 2], [19, 20, 3], [20, 20, 2, 0], [43, -1]])
@pytest.mark.parametrize("layer", [GruLayer, LstmLayer])
def test_sizes_of_other_steps_are_refused(layer, sizes):
    network = (nn.GRU if layer is GruLayer else nn.LSTM)(5, 40)
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(InputError, match="sizes"):
            layer.apply(torch.ones(42, 5, dtype=dtype), *network.to(dtype).parameters(), sizes)


@pytest.mark.parametrize("frozen", [(0,), (1, 2), (3, 4), (0, 2, 4), (1, 2, 3, 4)])
def test_what_is_frozen_has_no_gradient_and_the_rest_the_same(frozen):
    sizes = [20, 19, 3]
    whole = both(single(40, sizes), sizes)[1]
    arguments = [each.requires_grad_(place not in frozen) for place, each in enumerate(single(40, sizes))]
    GruLayer.apply(*arguments, sizes).backward(torch.randn(42, 40, generator=torch.Generator().manual_seed(1)))
    for place, each in enumerate(arguments):
        assert each.grad is None if place in frozen else torch.equal(each.grad, whole[place])


def test_the_way_back_taken_twice_gives_the_same_twice_and_second_derivatives_are_torchs():
    sizes, found = [20, 19, 3], []
    for arguments in (single(40, sizes), [each.detach().double().requires_grad_() for each in single(40, sizes)]):
        out = GruLayer.apply(*arguments, sizes)
        once, again = (torch.autograd.grad(out.sin().sum(), arguments, retain_graph=True) for _ in range(2))
        assert all(map(torch.equal, once, again))
        first = torch.autograd.grad(out.sin().sum(), arguments, create_graph=True)
        found.append([*once, *first, *torch.autograd.grad(sum(each.square().sum() for each in first), arguments)])
    for ours, exact in zip(*found):
        assert torch.allclose(ours.double(), exact, rtol=0, atol=1e-4 * exact.abs().max().item())


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e38])
def test_a_sequence_that_overflows_leaves_the_others_alone_and_has_the_states_of_double_precision(bad):
    sizes = [12, 12, 10]
    arguments = single(40, sizes)
    clean, (clean_slope, *_) = both(arguments, sizes)
    arguments[0].data[3, 2] = bad
    out, (slope, *_) = both(arguments, sizes)
    rest = torch.ones(len(out), dtype=torch.bool)
    rest[[3, 15, 27]] = False
    assert torch.equal(out[rest], clean[rest]) and torch.equal(slope[rest], clean_slope[rest])
    exact = GruLayer.apply(*(each.detach().double() for each in arguments), sizes)
    assert torch.allclose(out.double(), exact, atol=2e-6)


def test_a_gradient_without_bounds_reaches_no_other_sequence():
    sizes = [12, 12, 10]
    arguments = single(40, sizes)
    out, gradient = GruLayer.apply(*arguments, sizes), torch.ones(34, 40)
    (clean,) = torch.autograd.grad(out, arguments[:1], gradient, retain_graph=True)
    gradient[15, 3] = math.inf  # sequence 3, at its second step
    (found,) = torch.autograd.grad(out, arguments[:1], gradient)
    rest = torch.ones(34, dtype=torch.bool)
    rest[[3, 15]] = False
    assert not found[[3, 15]].isfinite().all() and torch.equal(found[rest], clean[rest])


def test_biases_and_data_of_any_layout_are_read():
    sizes = [20, 19, 3]
    arguments = [torch.randn(2, 5).repeat(1, 21).view(42, 5), *single(40, sizes)[1:]]
    arguments[3:] = [torch.full((1,), value).expand(120) for value in (0.3, -0.2)]
    arguments[2] = torch.full((1, 1), 0.02).expand(120, 40)
    plain = [each.detach().contiguous().requires_grad_() for each in arguments]
    apart = [torch.stack([each, each], -1)[..., 0].detach().requires_grad_() for each in plain]
    spread = [each.detach().requires_grad_() for each in arguments]
    expected = both(plain, sizes)
    for other in (apart, spread):
        assert other[3].stride() != (1,)
        out, found = both(other, sizes)
        assert torch.allclose(out, expected[0], atol=1e-6)
        for ours, theirs in zip(found, expected[1]):
            assert torch.allclose(ours, theirs, rtol=0, atol=2e-6 * theirs.abs().max().item())


def test_callers_in_several_threads_do_not_meet(threads):
    threads(2)
    sizes, apart = [24, 17, 9, 2], []
    cases = [single(hidden, sizes) for hidden in (40, 41, 64, 70)]
    expected = [both(case, sizes) for case in cases]

    def work(case, out, slope):
        for _ in range(5):
            found, (found_slope, *_) = both(case, sizes)
            # The last product of the slope is torch's, whose sums may be cut otherwise in another thread.
            apart.append(torch.equal(found, out) and torch.allclose(found_slope, slope, atol=1e-5))

    callers = [threading.Thread(target=work, args=(case, out, found[0])) for case, (out, found) in zip(cases, expected)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert apart == [True] * 20


def _guarded(shape, front, fill=math.nan, dtype=np.float32):
    """An array that ends, or begins, at a page of memory that nobody may touch."""
    count, page = math.prod(shape) * np.dtype(dtype).itemsize, mmap.PAGESIZE
    pages = max(1, -(-count // page))
    memory = mmap.mmap(-1, (pages + 2) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(start, page, 0) or protect(start + (pages + 1) * page, page, 0):
        raise OSError("no page can be guarded")
    array = np.frombuffer(memory, dtype, math.prod(shape), page if front else (pages + 1) * page - count)
    array[:] = np.broadcast_to(fill, shape).reshape(-1)
    return array.reshape(shape)


def _loops_within_guards(hidden, sizes, parts, front):
    """Run all loops, cut in parts of which some have no sequence left later; return whether all is filled."""
    rows, loops, draws = sum(sizes), recurrence_loops(), np.random.default_rng(0)

    def numbers(*shape):
        return _guarded(shape, front, draws.standard_normal(shape))

    gates, weight, states = numbers(rows, 3 * hidden), numbers(3 * hidden, hidden), numbers(rows, hidden)
    bias, recurrent_bias = numbers(3 * hidden), numbers(3 * hidden)
    pushed, out, factors, fresh = (_guarded((rows, columns * hidden), front) for columns in (1, 1, 3, 1))
    steps = [_guarded((len(sizes),), front, each, np.int64) for each in (np.cumsum([0, *sizes[:-1]]), np.array(sizes))]
    panels = [_guarded(panels_for(*each.shape).shape, front) for each in (weight.T, weight)]
    for each, room in zip((weight.T, weight), panels):
        loops["pack"](each, room)
    cuts = [sizes[0] * cut // parts for cut in range(parts + 1)]
    for first, last in itertools.pairwise(cuts):
        loops["gru_forth"](gates, bias, pushed, out, panels[0], recurrent_bias, *steps, first, last)
    for first, last in itertools.pairwise(cuts):
        loops["gru_back"](gates, pushed, out, states, factors, fresh, panels[1], *steps, first, last)
    return all(np.isfinite(each).all() for each in (gates, pushed, out, states, factors, fresh, *panels))


GUARDED = [
    (hidden, sizes, parts)
    for hidden in (32, 33, 47, 64, 65, 70, 96, 100)
    for sizes in ([8], [64, 1, 1], [40, 33, 9, 8, 1])
    for parts in (1, 3, 8)
]


@pytest.mark.skipif(sys.platform != "linux", reason="guards pages by calls of Linux")
@pytest.mark.parametrize("front", [False, True])
def test_nothing_outside_the_arrays_is_touched(front):
    recurrence_loops()
    child = os.fork()  # which a read or write out of bounds kills, and not the tests
    if child == 0:
        ended = 1
        try:
            ended = 0 if all(_loops_within_guards(*case, front) for case in GUARDED) else 2
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
