"""Low-rank fusion by tiles stands where torch's operations stood: to autograd, transforms, errors and counting."""

import copy
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch.func import functional_call

from mmcore.data import from_arrays
from mmcore.models import build_model
from mmcore.models.cost import count_flops
from mmcore.models.fusions import rank_products as module
from mmcore.models.fusions.low_rank_tensor import LowRankTensorFusion
from mmcore.models.fusions.rank_products import by_torch, sum_of_rank_products

SIZES, RANK, OUTPUTS, BATCH = (5, 33, 40), 7, 11, 57


def draw(batch=BATCH, sizes=SIZES, *, dtype=torch.float32):
    """w, a, z_1, .., W_1, .., c_1, .."""
    generator, rows = torch.Generator().manual_seed(0), RANK * OUTPUTS
    shapes = [(RANK,), (OUTPUTS,), *((batch, d) for d in sizes), *((rows, d) for d in sizes), *((rows,) for _ in sizes)]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


def groups(arguments):
    count = (len(arguments) - 2) // 3
    return *arguments[:2], *(list(arguments[2 + m * count : 2 + (m + 1) * count]) for m in range(3))


def fused(*arguments):
    return sum_of_rank_products(*groups(arguments))


def torchs(*arguments):
    return by_torch(*groups(arguments))


@pytest.fixture
def tiled(monkeypatch):
    """How often tiles were taken, for any amount of work and on any processor."""
    taken, apply = [], module._RankProducts.apply
    monkeypatch.setattr(module, "_MANY", 1)
    monkeypatch.setattr(module, "wide_vectors", lambda: True)
    monkeypatch.setattr(module._RankProducts, "apply", lambda *each: (taken.append(1), apply(*each))[1])
    return taken


def close(found, expected, tolerance=5e-5):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and torch.all(torch.isfinite(theirs))
        assert (ours.double() - theirs.double()).abs().max() <= tolerance * theirs.abs().max()


def exact(arguments):
    return [each.detach().double().requires_grad_(each.requires_grad) for each in arguments]


def test_they_are_taken_for_what_fills_them(tiled, monkeypatch):
    expected = {24: 1, 32: 1, 48: 1, 57: 1, 250: 1, 1: 0, 23: 0, 33: 0, 47: 0, 0: 0}
    for batch, times in expected.items():
        tiled.clear()
        assert fused(*draw(batch)).shape == (batch, OUTPUTS)
        assert len(tiled) == times, batch
    monkeypatch.setattr(module, "wide_vectors", lambda: False)
    tiled.clear()
    fused(*draw())
    assert not tiled


def test_backward_twice_gives_the_same_twice_and_adds_it_up(tiled):
    arguments = draw()
    out = fused(*arguments)
    first = torch.autograd.grad(out.sin().sum(), arguments, retain_graph=True)
    for _ in range(2):
        out.sin().sum().backward(retain_graph=True)
    assert all(torch.equal(2 * g, each.grad) for g, each in zip(first, arguments))
    assert tiled == [1]


@pytest.mark.parametrize("frozen", [(0,), (1,), (2, 3, 4), (5, 8), (0, 1, 8, 9, 10), tuple(range(1, 11))])
def test_what_is_frozen_gets_no_gradient_and_the_rest_the_same(tiled, frozen):
    arguments = draw()
    whole = torch.autograd.grad(fused(*arguments).sum(), arguments)
    for place in frozen:
        arguments[place].requires_grad_(False)
    fused(*arguments).sum().backward()
    for place, each in enumerate(arguments):
        assert each.grad is None if place in frozen else torch.equal(each.grad, whole[place])


@pytest.mark.parametrize("frozen", [(), (3,), (0, 5)])
def test_second_derivatives_are_those_of_double_precision(tiled, frozen):
    found = []
    single = draw()
    for place in frozen:
        single[place].requires_grad_(False)
    for run, arguments in ((fused, single), (torchs, exact(single))):
        wanted = [each for each in arguments if each.requires_grad]
        first = torch.autograd.grad(run(*arguments).square().sum(), wanted, create_graph=True)
        found.append([*first, *torch.autograd.grad(sum(each.square().sum() for each in first), wanted)])
    close(*found)
    assert tiled == [1]


def test_one_tensor_in_several_places_has_its_gradients_summed(tiled):
    w, a, z, weight, c = draw(sizes=(5,))
    found = []
    for run, leaves in ((fused, (w, a, z, weight, c)), (torchs, exact((w, a, z, weight, c)))):
        w, a, z, weight, c = leaves
        out = run(w, a, z, z, weight, weight, c, c)
        first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True)
        found.append([out, *first, *torch.autograd.grad(sum(each.square().sum() for each in first), leaves)])
    close(*found)


def test_without_gradients_the_value_is_the_same(tiled):
    arguments = draw()
    expected = fused(*arguments)
    with torch.no_grad():
        assert torch.equal(fused(*arguments), expected) and not fused(*arguments).requires_grad
    with torch.inference_mode():
        assert torch.equal(fused(*(each + 0 for each in arguments)), expected)


def test_batches_of_gradients_go_by_torch(tiled):
    arguments, several = draw(), torch.randn(3, BATCH, OUTPUTS)
    close(
        torch.autograd.grad(fused(*arguments), arguments, several, is_grads_batched=True),
        torch.autograd.grad(torchs(*arguments), arguments, several, is_grads_batched=True),
    )
    out, w = fused(*arguments), arguments[0]
    one_by_one = torch.func.vmap(lambda g: torch.autograd.grad(out, w, g, retain_graph=True)[0])(several)
    close([one_by_one], [torch.stack([torch.autograd.grad(out, w, g, retain_graph=True)[0] for g in several])])
    assert len(tiled) == 2


def test_transforms_of_functions_go_by_torch(tiled):
    w, *rest = (each.detach() for each in draw())
    expected = torchs(w, *rest)
    both = torch.func.vmap(lambda v: fused(v, *rest))(torch.stack([w, 2 * w]))
    close([both[0], both[1] - both[0]], [expected, expected - rest[0]])
    slope = torch.func.grad(lambda v: fused(v, *rest).square().sum())(w)
    close([slope], torch.autograd.grad(torchs(w.requires_grad_(), *rest).square().sum(), w))
    close([torch.func.jvp(lambda v: fused(v, *rest), (w.detach(),), (w.detach(),))[1]], [expected - rest[0]])
    assert not tiled


def test_torchs_compiler_sees_torch_and_asks_nothing_of_the_batch(tiled):
    traced = []

    def backend(graph, inputs):
        traced.append(graph)
        return graph.forward

    torch._dynamo.reset()
    compiled = torch.compile(fused, fullgraph=True, dynamic=True, backend=backend)
    for batch in (BATCH, 64, 33, 7):
        close([compiled(*draw(batch))], [torchs(*draw(batch))])
    assert not tiled and len(traced) == 1


def test_low_precision_and_double_go_by_torch(tiled):
    arguments = draw()
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = fused(*arguments), torchs(*arguments)
    assert found.dtype == expected.dtype and torch.equal(found, expected)
    double = draw(24, (2, 3), dtype=torch.float64)
    assert torch.equal(fused(*double), torchs(*double))
    assert torch.autograd.gradcheck(fused, double, fast_mode=True)
    assert not tiled


def test_what_somebody_set_as_default_changes_nothing(tiled):
    arguments = draw()

    def run():
        out = fused(*arguments)
        return out, *torch.autograd.grad(out, arguments, out.detach().sin())

    expected = run()
    with torch.device("meta"):
        elsewhere = run()
    torch.set_default_dtype(torch.float64)
    try:
        double = run()
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(*pair) for pair in zip((*elsewhere, *double), (*expected, *expected)))
    assert len(tiled) == 3


def test_a_weight_changed_before_the_way_back_is_noticed(tiled):
    arguments = draw()
    out = fused(*arguments)
    with torch.no_grad():
        arguments[6].mul_(2.0)
    with pytest.raises(RuntimeError, match="inplace operation"):
        out.sum().backward()


ROWS = RANK * OUTPUTS
WRONG = {
    "fewer columns": (3, (BATCH, 32)),
    "more columns": (3, (BATCH, 34)),
    "fewer rows": (3, (BATCH - 1, 33)),
    "a longer batch": (4, (BATCH + 1, 40)),
    "no batch": (2, (5,)),
    "a vector": (3, (33,)),
    "steps": (2, (BATCH, 5, 2)),
    "one number": (2, ()),
    "rows of a weight": (6, (ROWS - 1, 33)),
    "a weight without rows": (6, (33,)),
    "a short bias of the first": (8, (ROWS - 1,)),
    "a short bias of the last": (10, (ROWS - 1,)),
    "a bias with columns": (9, (ROWS, 1)),
    "outputs": (1, (OUTPUTS + 1,)),
    "outputs with columns": (1, (OUTPUTS, 1)),
    "ranks with columns": (0, (RANK, 1)),
}


@pytest.mark.parametrize("which", WRONG)
def test_what_the_loops_would_read_beyond_its_end_torch_refuses(tiled, which):
    place, shape = WRONG[which]
    arguments = draw()
    arguments[place] = torch.ones(shape)
    with pytest.raises(RuntimeError, match=r"shape|size|matrix|dimension"):
        fused(*arguments)
    assert not tiled


@pytest.mark.parametrize(("place", "shape"), [(2, (1, 5)), (4, (1, 40)), (8, (1,)), (10, (1,))])
def test_what_torch_repeats_is_repeated(tiled, place, shape):
    arguments = draw()
    arguments[place] = torch.randn(shape)
    assert torch.equal(fused(*arguments), torchs(*arguments)) and not tiled


@pytest.mark.parametrize("group", [2, 3, 4])
def test_a_modality_too_few_is_refused(tiled, group):
    arguments = groups(draw())
    arguments[group].pop()
    with pytest.raises(ValueError, match=r"argument 2 is (shorter|longer)|argument 3 is shorter"):
        sum_of_rank_products(*arguments)


def test_sparse_weights_are_left_to_torch(tiled):
    arguments = [each.detach() for each in draw()]
    expected = fused(*arguments)
    arguments[6] = arguments[6].to_sparse()
    close([fused(*arguments)], [expected])
    assert tiled == [1]


def test_the_module_is_copied_kept_and_called_with_other_parameters(tiled):
    torch.manual_seed(0)
    fusion, empty = (LowRankTensorFusion(SIZES, width=OUTPUTS, rank=RANK, dropout=0.0) for _ in range(2))
    values, presence = [torch.randn(BATCH, size) for size in SIZES], [None] * 3
    out = fusion(values, presence)
    out.sum().backward()
    assert all(each.grad.abs().sum() > 0 for each in fusion.parameters())
    empty.load_state_dict(load(save(fusion.state_dict())))
    for other in (copy.deepcopy(fusion), pickle.loads(pickle.dumps(fusion)), empty):
        assert torch.equal(other(values, presence), out)
    zeros = {name: torch.zeros_like(each) for name, each in fusion.named_parameters()} | {"bias": torch.ones(OUTPUTS)}
    assert torch.equal(functional_call(fusion, zeros, (values, presence)), torch.ones(BATCH, OUTPUTS))
    assert len(tiled) == 5


def test_the_cost_is_counted_on_any_processor(tiled):
    """2 operations for each weight of the factors, and one for each of the sum over ranks."""
    arrays = {name: np.zeros((4, size)) for name, size in zip("abc", SIZES)}
    dataset = from_arrays(arrays, labels=[0, 1, 0, 1], name="tiny")
    model = build_model("low_rank_tensor_fusion", dataset.spec, width=OUTPUTS, rank=RANK)
    fusion = next(each for each in model.modules() if isinstance(each, LowRankTensorFusion))
    before = count_flops(model)
    fusion.forward = lambda values, presence: values[0].new_zeros(len(values[0]), OUTPUTS)
    weights = sum(factor.weight.numel() for factor in fusion.factors)
    assert before - count_flops(model) == 2 * (weights + ROWS)
    assert not tiled
