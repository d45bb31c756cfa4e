"""Low-rank fusion by tiles is the sum over ranks of products over modalities, in value and gradients, of any shape."""

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
from torch.nn import functional

from mmcore.models.compiled.loading import low_rank_loops
from mmcore.models.compiled.low_rank import stretches_of
from mmcore.models.fusions import rank_products as module
from mmcore.models.fusions.rank_products import by_torch
from mmcore.models.fusions.tensor import tensor_product
from mmcore.training import torch_threads

SIZES, RANK, OUTPUTS, BATCH = (5, 33, 40), 7, 11, 57


def draw(batch=BATCH, sizes=SIZES, rank=RANK, outputs=OUTPUTS, *, whole=False, seed=0):
    """w, a, z_1, .., W_1, .., c_1, ..; `whole` numbers have exact sums of products, in whatever order."""
    generator, rows = torch.Generator().manual_seed(seed), rank * outputs
    shapes = [(rank,), (outputs,), *((batch, d) for d in sizes), *((rows, d) for d in sizes), *((rows,) for _ in sizes)]
    if whole:
        return [torch.randint(-2, 3, shape, generator=generator).float().requires_grad_() for shape in shapes]
    scales = [1.0] * (2 + len(sizes)) + [max(d, 1) ** -0.5 for d in sizes] + [1.0] * len(sizes)
    return [(torch.randn(s, generator=generator) * x).requires_grad_() for s, x in zip(shapes, scales)]


def groups(arguments):
    count = (len(arguments) - 2) // 3
    return *arguments[:2], *(arguments[2 + m * count : 2 + (m + 1) * count] for m in range(3))


def by_tiles(*arguments):
    return module._RankProducts.apply((len(arguments) - 2) // 3, *arguments)


def torchs(*arguments):
    return by_torch(*groups(arguments))


def truth(*arguments):
    """The formula of the paper, section 3.2, by sums over named axes: no tiles, no order of rows."""
    w, a, zs, weights, biases = groups(arguments)
    out = 1.0
    for z, weight, c in zip(zs, weights, biases):
        rows = weight.reshape(len(a), len(w), -1)
        out = out * (torch.einsum("oid,bd->boi", rows, z) + c.view(len(a), len(w)))
    return torch.einsum("boi,i->bo", out, w) + a


def weighing(out):
    """Another number for each entry, to weigh it by."""
    return torch.arange(out.numel()).view(out.shape).mul(0.7).sin().to(out.dtype)


def gradients(run, arguments, gradient=None):
    """The value and the gradient of each argument that is to have one."""
    out = run(*arguments)
    wanted = [each for each in arguments if each.requires_grad]
    return [out.detach(), *torch.autograd.grad(out, wanted, weighing(out) if gradient is None else gradient)]


def whole_gradients(arguments):
    """The same, with whole numbers to weigh by."""
    return gradients(by_tiles, arguments, torch.arange(BATCH * OUTPUTS).view(BATCH, OUTPUTS).remainder(5).sub(2.0))


def exact(arguments):
    return [each.detach().double().requires_grad_(each.requires_grad) for each in arguments]


def close(found, expected, tolerance=2e-5):
    for place, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours.shape == theirs.shape, place
        scale = theirs.abs().max().item() if theirs.numel() else 0.0
        assert torch.allclose(ours.double(), theirs.double(), rtol=0.0, atol=tolerance * max(scale, 1e-6)), place


def same(found, expected):
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


CASES = [
    (1, (1,), 1, 1),
    (1, (33, 31), 3, 5),
    (24, (32, 65), 1, 513),
    (25, (31, 1, 64), 3, 43),
    (31, (63, 129), 7, 19),
    (32, (32, 32, 128), 16, 8),
    (33, (65,), 600, 3),
    (48, (8, 16), 2001, 1),
    (56, (1, 33, 2), 2001, 2),
    (57, (129, 3), 513, 2),
    (63, (2, 3, 4, 5), 64, 2),
    (64, (0, 33), 8, 16),
    (65, (3, 1, 31, 8, 33), 5, 26),
    (96, (64, 63), 128, 4),
    (250, (3, 4, 1, 2, 7, 5), 2, 9),
    (256, (40, 20), 130, 1),
]


@pytest.mark.parametrize(("batch", "sizes", "rank", "outputs"), CASES)
def test_values_and_gradients_are_those_of_the_formula(batch, sizes, rank, outputs):
    arguments = draw(batch, sizes, rank, outputs)
    close(gradients(by_tiles, arguments), gradients(truth, exact(arguments)))


def test_of_one_modality_and_rank_one_it_is_an_affine_map():
    w, a, z, weight, c = draw(BATCH, (33,), 1, 21, whole=True)
    found = by_tiles(w, a, z, weight, c)
    assert torch.equal(found, w * functional.linear(z, weight, c) + a)
    gradient = torch.randint(-2, 3, found.shape).float()
    d_w, d_a, d_z, d_weight, d_c = torch.autograd.grad(found, (w, a, z, weight, c), gradient)
    assert torch.equal(d_z, w * gradient @ weight) and torch.equal(d_weight, w * gradient.t() @ z)
    assert torch.equal(d_a, gradient.sum(0)) and torch.equal(d_c, w * gradient.sum(0))
    assert torch.equal(d_w, (gradient * functional.linear(z, weight, c)).sum()[None])


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_equal_factors_of_equal_vectors_make_powers(modalities):
    w, a, z, weight, c = draw(BATCH, (4,), RANK, OUTPUTS, whole=True)
    found = by_tiles(w, a, *[z] * modalities, *[weight] * modalities, *[c] * modalities)
    powers = functional.linear(z, weight, c).view(BATCH, OUTPUTS, RANK) ** modalities
    assert torch.equal(found, powers @ w + a)
    ours, theirs = (torch.autograd.grad(each.sum(), (w, a, z, weight, c)) for each in (found, powers @ w + a))
    same(ours, theirs)


def test_the_order_of_modalities_is_none():
    w, a, *others = draw(sizes=(3, 4, 5), whole=True)
    order = [2, 0, 1]
    turned = [others[start + m] for start in (0, 3, 6) for m in order]
    first, other = whole_gradients([w, a, *others]), whole_gradients([w, a, *turned])
    same(other, [*first[:3], *(first[3 + start + m] for start in (0, 3, 6) for m in order)])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_modality_that_is_always_one_changes_nothing(place):
    w, a, *others = draw(sizes=(3, 40), whole=True)
    constant = [torch.ones(BATCH, 9), torch.zeros(RANK * OUTPUTS, 9), torch.ones(RANK * OUTPUTS)]
    more = [list(others[start : start + 2]) for start in (0, 2, 4)]
    for group, each in zip(more, constant):
        group.insert(place, each)
    same(whole_gradients([w, a, *itertools.chain(*more)]), whole_gradients([w, a, *others]))


def test_with_full_rank_it_is_a_linear_map_of_the_tensor_product():
    """Facts, section 23: factors that pick one entry of [1, z_1] each leave the weight of the tensor product."""
    first, second, a, weight = (torch.randn(s) for s in ((BATCH, 6), (BATCH, 35), (OUTPUTS,), (OUTPUTS, 7, 36)))
    picks = torch.eye(7).expand(OUTPUTS, 7, 7).reshape(-1, 7)  # of output o, rank i: entry i of [1, z_1]
    rows = weight.reshape(-1, 36)
    found = by_tiles(torch.ones(7), a, first, second, picks[:, 1:], rows[:, 1:], picks[:, 0], rows[:, 0])
    close(
        [found], [functional.linear(tensor_product([first, second]).double(), weight.flatten(1).double(), a.double())]
    )


def test_a_row_has_the_same_bits_in_whatever_batch_it_lies():
    w, a, *others = draw(256)
    zs, rest, gradient = others[:3], others[3:], torch.randn(256, OUTPUTS)
    found = by_tiles(w, a, *zs, *rest)
    whole = found, *torch.autograd.grad(found, zs, gradient)
    for first, last in ((0, 1), (3, 35), (31, 33), (100, 157), (7, 256)):
        part = by_tiles(w, a, *(z[first:last] for z in zs), *rest)
        slices = torch.autograd.grad(part, zs, gradient[first:last])
        same([part, *(each[first:last] for each in slices)], [each[first:last] for each in whole])


def test_threads_and_runs_change_no_bit(monkeypatch):
    monkeypatch.setattr(module, "_MANY_A_THREAD", 1)
    found = []
    for threads in (1, 2, 3, 1):
        with torch_threads(threads):
            found.append(gradients(by_tiles, draw(BATCH, SIZES, 64, 37)))
    for other in found[1:]:
        same(found[0], other)


def test_callers_in_several_threads_do_not_meet():
    expected, apart = [gradients(by_tiles, draw(seed=seed)) for seed in range(4)], []

    def work(seed):
        runs = [gradients(by_tiles, draw(seed=seed)) for _ in range(5)]
        apart.extend(all(map(torch.equal, run, expected[seed])) for run in runs)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert apart == [True] * 20


PLACES = {"z": (2, (3, 2)), "row of z": (2, 3), "w": (0, 2), "a": (1, 2), "W": (None, (4, 0)), "c": (-1, 9)}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_what_is_not_finite_is_so_where_torch_has_it(modalities, number):
    for name, (argument, index) in PLACES.items():
        for gradient in (torch.ones(()).expand(BATCH, OUTPUTS), weighing(torch.empty(BATCH, OUTPUTS))):
            arguments = [each.detach() for each in draw(sizes=SIZES[:modalities])]
            arguments[2 + modalities if argument is None else argument][index] = number
            arguments = [each.requires_grad_() for each in arguments]
            ways = (gradients(run, arguments, gradient) for run in (by_tiles, torchs))
            for place, (ours, theirs) in enumerate(zip(*ways)):
                finite = theirs.isfinite()
                assert torch.equal(ours.isfinite(), finite), (name, place)
                assert torch.equal(ours[~finite].nan_to_num(0.5), theirs[~finite].nan_to_num(0.5)), (name, place)
                size = theirs[finite].abs().max() if finite.any() else 0.0
                assert torch.all((ours - theirs)[finite].abs() <= 2e-5 * size), (name, place)


def test_a_row_that_is_no_number_leaves_the_other_rows_their_bits():
    arguments = draw()
    before = gradients(by_tiles, arguments)
    for row in (0, 31, 32, 56):
        lost = [each.detach().clone().requires_grad_() for each in arguments]
        with torch.no_grad():
            lost[3][row] = math.nan
        after, others = gradients(by_tiles, lost), torch.arange(BATCH) != row
        same([after[n][others] for n in (0, 3, 4, 5)], [before[n][others] for n in (0, 3, 4, 5)])
        assert after[0][row].isnan().all() and after[3][row].isnan().all() and after[4][row].isfinite().all()


def test_gradients_of_any_layout_are_read():
    arguments = draw()
    for gradient in (
        torch.ones(1, 1).expand(BATCH, OUTPUTS),
        torch.randn(OUTPUTS, BATCH).t(),
        torch.randn(BATCH, 2 * OUTPUTS)[:, ::2],
        torch.randn(2 * BATCH, OUTPUTS + 3)[::2, 1:-2],
        torch._neg_view(torch.randn(BATCH, OUTPUTS)),  # in memory the opposite
    ):
        expected = gradients(truth, exact(arguments), gradient.double())
        close(gradients(by_tiles, arguments, gradient), expected)


def test_arguments_of_any_layout_are_read_and_left_as_they_were(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 1)
    monkeypatch.setattr(module, "wide_vectors", lambda: True)
    rows = RANK * OUTPUTS
    arguments = [
        *(torch.randn(2 * RANK)[::2], torch.randn(1).expand(OUTPUTS)),
        *(torch.randn(5, BATCH).t(), torch.randn(1, 33).expand(BATCH, 33), torch._neg_view(torch.randn(BATCH, 40))),
        *(torch.randn(5, rows).t(), torch.randn(2 * rows, 33)[::2], torch.randn(rows, 80)[:, 40:]),
        *(torch.randn(rows, 2)[:, 1], torch.randn(1).expand(rows), torch.randn(rows + 9)[9:]),
    ]
    before = [each.clone() for each in arguments]
    arguments = [each.requires_grad_() for each in arguments]
    found = gradients(lambda *each: module.sum_of_rank_products(*groups(each)), arguments)
    close(found, gradients(truth, exact(arguments)))
    same([each.detach() for each in arguments], before)


def _guarded(shape, front, fill=math.nan, dtype=np.float32):
    """An array that ends, or begins, at a page of memory that nobody may touch."""
    count, page = int(np.prod(shape)) * np.dtype(dtype).itemsize, mmap.PAGESIZE
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


def _loops_within_guards(batch, sizes, rank, outputs, front):
    """Run all loops; return whether all that they should fill is filled."""
    rows, loops, draws = rank * outputs, low_rank_loops(), np.random.default_rng(0)
    stretches, blocks = stretches_of(rows, rank), -(-batch // 32)

    def numbers(*shape):
        return _guarded(shape, front, draws.standard_normal(shape))

    shapes = [(batch, d) for d in sizes], [(rows, d) for d in sizes], [(rows,)] * len(sizes)
    given = [[numbers(*shape) for shape in group] for group in shapes]
    found = [[_guarded(shape, front) for shape in group] for group in shapes]
    at, of_at = (
        _guarded((len(sizes), 4), front, [(*(x.ctypes.data for x in xs), d) for *xs, d in zip(*each, sizes)], np.int64)
        for each in (given, found)
    )
    ranks, bias, gradient = numbers(rank), numbers(outputs), numbers(batch, outputs)
    parts, out = _guarded((len(sizes), blocks, rows, 32), front), _guarded((batch, outputs), front)
    of_rows, lanes = _guarded((rows,), front), _guarded((stretches, blocks, sum(sizes), 32), front)
    of_ranks, of_bias = _guarded((rank,), front), _guarded((outputs,), front)
    loops["forth"](at, ranks, bias, parts, out, 0, stretches)
    loops["back"](at, of_at, ranks, parts, gradient, of_rows, lanes, 0, stretches)
    loops["sums"](of_at, gradient, of_rows, lanes, of_ranks, of_bias)
    return all(np.isfinite(each).all() for each in (out, of_rows, of_ranks, of_bias, *itertools.chain(*found)))


@pytest.mark.skipif(sys.platform != "linux", reason="guards pages by calls of Linux")
@pytest.mark.parametrize("front", [False, True])
def test_nothing_outside_the_arrays_is_touched(front):
    low_rank_loops()
    child = os.fork()  # which a read or write out of bounds kills, and not the tests
    if child == 0:
        ended = 1
        try:
            ended = 0 if all(_loops_within_guards(*case, front) for case in CASES) else 2
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
