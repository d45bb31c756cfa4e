"""What compiled loops cannot read goes by torch: batches of gradients, odd ones, whatever somebody set as default."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmcore.models.encoders.packed import run_packed
from mmcore.models.encoders.recurrence import GruLayer, LstmLayer
from mmcore.models.fusions import outer as outer_module
from mmcore.models.fusions.outer import outer
from mmcore.models.sequences.attention import attend
from mmcore.models.sequences.compiled_attention import compiled_attention
from mmcore.models.sequences.dropout import add_dropout, dropout, relu_dropout

SIZES = [9, 8, 8, 3]


def _recurrent(layer, kind, dtype=torch.float32, hidden=40):
    def run(*arguments):
        return layer.apply(*arguments, SIZES)

    parameters = [each.detach().to(dtype).requires_grad_() for each in kind(5, hidden).parameters()]
    return run, [torch.randn(sum(SIZES), 5, dtype=dtype, requires_grad=True), *parameters]


def _packed():
    network, lengths = nn.GRU(5, 40, batch_first=True), torch.tensor([3, 1, 2] * 3)
    return lambda x, *_: run_packed(network, x, lengths)[0], [*_drawn((9, 3, 5)), *network.parameters()]


def _drawn(*shapes):
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def _attention(rate, masked):
    q, k, v = _drawn((32, 2, 4, 3), (32, 2, 6, 3), (32, 2, 6, 3))
    mask = (torch.arange(6) < torch.tensor([3, 5] * 16)[:, None])[:, None, None] if masked else None
    return lambda q, k, v: compiled_attention(q, k, v, mask, rate), [q, k, v]


CASES = {
    "outer": lambda: (outer, _drawn((6, 5), (6, 7))),
    "dropout": lambda: (lambda x: dropout(x, 0.5, True), _drawn((6, 5))),
    "sum and dropout": lambda: (lambda x, y: add_dropout(x, y, 0.5, True), _drawn((6, 5), (6, 5))),
    "rectified": lambda: (lambda x: relu_dropout(x, 0.5, True), _drawn((6, 5))),
    "attention": lambda: _attention(0.0, False),
    "attention, masked, with dropout": lambda: _attention(0.3, True),
    "GRU by tiles": lambda: _recurrent(GruLayer, nn.GRU),
    "GRU by steps": lambda: _recurrent(GruLayer, nn.GRU, hidden=3),
    "GRU, double": lambda: _recurrent(GruLayer, nn.GRU, torch.float64, 3),
    "LSTM": lambda: _recurrent(LstmLayer, nn.LSTM, hidden=3),
    "packed GRU": _packed,
}


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    """A function that uses compiled loops, the same units dropped each time, and its arguments."""
    monkeypatch.setattr(outer_module, "_MANY_ENTRIES", 1)
    torch.manual_seed(0)
    run, arguments = CASES[request.param]()

    def seeded(*arguments):
        torch.manual_seed(1)
        return run(*arguments)

    return seeded, arguments


def _close(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype and theirs.isfinite().all()
        assert torch.allclose(ours, theirs, rtol=0, atol=2e-5 * theirs.abs().max().item())


def _gradients(out, arguments, gradient):
    return torch.autograd.grad(out, arguments, gradient, retain_graph=True)


def test_batches_of_gradients_are_those_one_by_one(case):
    run, arguments = case
    out = run(*arguments)
    several = torch.randn(3, *out.shape, dtype=out.dtype)
    expected = [torch.stack(each) for each in zip(*(_gradients(out, arguments, one) for one in several))]
    batched = torch.autograd.grad(out, arguments, several, is_grads_batched=True, retain_graph=True)
    _close(batched, expected)
    _close(torch.func.vmap(lambda one: _gradients(out, arguments, one))(several), expected)


def test_a_jacobian_of_all_rows_at_once_is_that_of_one_after_another(case):
    run, arguments = case
    tables = [
        torch.autograd.functional.jacobian(lambda x: run(x, *arguments[1:]).flatten()[:7], arguments[0], vectorize=way)
        for way in (True, False)
    ]
    _close(tables[:1], tables[1:])


@pytest.mark.parametrize(
    "odd",
    [
        lambda x: torch._neg_view(x),
        lambda x: torch.complex(x, x).conj().imag,
        lambda x: x.flatten()[0].expand(x.shape),
        lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
        lambda x: x.clone().requires_grad_(),
        lambda x: torch._efficientzerotensor(x.shape, dtype=x.dtype),
    ],
    ids=["negative view", "part of a conjugate", "expanded", "turned", "with a gradient", "zeros without memory"],
)
def test_a_gradient_of_any_kind_is_read_as_the_numbers_it_stands_for(case, odd):
    run, arguments = case
    out = run(*arguments)
    gradient = odd(torch.randn(out.shape, dtype=out.dtype))
    plain = torch.empty(out.shape, dtype=out.dtype).copy_(gradient.detach())
    assert plain.is_contiguous() and not plain.is_neg()
    found, expected = (_gradients(out, arguments, each) for each in (gradient, plain))
    _close(found, expected)


def _all_of(run, arguments):
    """The value, its gradients, and theirs."""
    out = run(*arguments)
    first = torch.autograd.grad(out.sin().sum(), arguments, create_graph=True)
    second = torch.autograd.grad(sum(each.square().sum() for each in first), arguments, retain_graph=True)
    return [out, *_gradients(out, arguments, out.detach().sin()), *first, *second]


def test_what_somebody_set_as_default_changes_nothing(case):
    expected = _all_of(*case)
    with torch.device("meta"):
        elsewhere = _all_of(*case)
    torch.set_default_dtype(torch.float64)
    try:
        double = _all_of(*case)
    finally:
        torch.set_default_dtype(torch.float32)
    _close(elsewhere, expected)
    _close(double, expected)


def test_checkpoints_compute_the_same_again(case):
    run, arguments = case
    expected = torch.autograd.grad(run(*arguments).sin().sum(), arguments)
    found = torch.autograd.grad(checkpoint(run, *arguments, use_reentrant=False).sin().sum(), arguments)
    assert all(map(torch.equal, found, expected))
    once = checkpoint(run, *arguments, use_reentrant=False)
    first = torch.autograd.grad(once.sin().sum(), arguments, create_graph=True)
    _close([each.detach() for each in first], expected)


def test_what_hooks_keep_otherwise_in_memory_is_read(case):
    run, arguments = case
    expected = torch.autograd.grad(run(*arguments).sin().sum(), arguments)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.mT.contiguous() if x.dim() > 1 else x, _turned_back):
        out = run(*arguments).sin().sum()
    _close(torch.autograd.grad(out, arguments), expected)


def _turned_back(x):
    return x.mT if x.dim() > 1 else x


def test_recurrent_networks_inside_transforms_are_torchs():
    network, x = nn.GRU(5, 40, batch_first=True), torch.randn(9, 3, 5)
    slope = torch.func.grad(lambda y: run_packed(network, y, None)[0].sin().sum())(x)
    leaf = x.clone().requires_grad_()
    _close([slope], torch.autograd.grad(network(leaf)[0].sin().sum(), leaf))


def test_vectors_of_other_axes_are_left_to_torch(monkeypatch):
    """The loops would read rows of matrices for vectors."""
    monkeypatch.setattr(outer_module, "_MANY_ENTRIES", 1)
    first, second = torch.randn(3, 4, 2), torch.randn(3, 5, 2)
    expected = torch.einsum("bik,bjk->bijk", first, second).flatten(1)
    assert torch.equal(outer(first, second), expected)


def test_attention_inside_transforms_is_the_equations():
    q, k, v = (torch.randn(32, 2, steps, 3) for steps in (4, 6, 6))
    slope = torch.func.grad(lambda x: attend(x, k, v, None).sin().sum())(q)
    leaf = q.clone().requires_grad_()
    _close([slope], torch.autograd.grad(attend(leaf, k, v, None).sin().sum(), leaf))
