"""Functions of compiled loops against numpy's in double precision, and a compiled GRU against torch's."""

import numpy as np
import pytest
import torch
from numba import njit
from torch import nn

from mmcore.models.compiled import arithmetic
from mmcore.models.encoders.recurrence import GruLayer

UNIT = 2.0**-24  # of rounding in float32


def over(function):
    @njit(fastmath=arithmetic.FAST, error_model="numpy")
    def loop(x, out):
        for i in range(len(x)):
            out[i] = function(x[i])

    def run(x):
        out = np.empty_like(x)
        loop(x, out)
        return out.astype(np.float64)

    return run


EXPONENTIAL, SIGMOID = over(arithmetic.exponential), over(arithmetic.sigmoid)
TANGENT = over(arithmetic.hyperbolic_tangent)


def test_the_exponential_is_right_to_a_few_units_of_rounding():
    x = np.linspace(-87.0, 87.0, 200_001, dtype=np.float32)
    # The argument times log2 e is rounded: an error of |x| units in the result, besides those of the series.
    relative = np.abs(EXPONENTIAL(x) / np.exp(x.astype(np.float64)) - 1)
    assert (relative <= (4 + 2 * np.abs(x)) * UNIT).all()


def test_the_exponential_of_what_is_hidden_is_exactly_zero():
    assert (EXPONENTIAL(np.array([-88.0, -1e4, -1e30, -np.inf], np.float32)) == 0).all()
    assert EXPONENTIAL(np.zeros(1, np.float32))[0] == 1.0


def test_sigmoid_and_tangent_are_right_everywhere():
    x = np.concatenate([np.linspace(-30, 30, 100_001), [-200.0, -88.5, 88.5, 200.0], np.logspace(-30, 0, 1000)])
    x = x.astype(np.float32)
    exact = x.astype(np.float64)
    assert np.abs(SIGMOID(x) - 1 / (1 + np.exp(-exact))).max() < 4 * UNIT
    assert np.abs(TANGENT(x) - np.tanh(exact)).max() < 4 * UNIT
    small = np.abs(x) < 0.5  # relative there
    assert np.abs(TANGENT(x[small]) - np.tanh(exact[small])).max() < 4 * UNIT
    inside = small & (x != 0)
    assert np.abs(TANGENT(x[inside]) / np.tanh(exact[inside]) - 1).max() < 8 * UNIT


@pytest.mark.parametrize("sizes", [[5, 5, 5], [7, 4, 4, 1], [1], [3, 1, 1, 1, 1]])
@pytest.mark.parametrize("size", [1.0, 50.0])
@pytest.mark.parametrize("hidden", [3, 40])
def test_a_gru_in_single_precision_has_the_states_and_gradients_of_torchs_in_double(sizes, size, hidden):
    torch.manual_seed(0)
    network = nn.GRU(4, hidden).double()
    data = (size * torch.randn(sum(sizes), 4, dtype=torch.float64)).requires_grad_()
    packed = nn.utils.rnn.PackedSequence(data, torch.tensor(sizes))
    expected = network(packed)[0].data
    single = [each.detach().float().requires_grad_() for each in (data, *network.parameters())]
    found = GruLayer.apply(*single, sizes)
    assert found.dtype == torch.float32 and found.grad_fn.compiled
    assert torch.allclose(found.double(), expected, atol=2e-5)
    weight = torch.randn_like(expected)
    theirs = torch.autograd.grad(expected, (data, *network.parameters()), weight)
    for ours, exact in zip(torch.autograd.grad(found, single, weight.float()), theirs):
        assert torch.allclose(ours.double(), exact, atol=2e-4 * float(exact.abs().max()) + 1e-7)


def test_what_is_not_a_number_stays_so():
    x = np.array([np.nan, 1.0, np.nan] * 40, np.float32)
    for function in (EXPONENTIAL, SIGMOID, TANGENT):
        assert np.array_equal(np.isnan(function(x)), np.isnan(x))


@pytest.mark.parametrize("hidden", [1, 3, 8, 70])
@pytest.mark.parametrize("gate", ["r", "z", "n"])
def test_a_weight_that_is_not_a_number_shows_in_states_and_gradients(hidden, gate):
    torch.manual_seed(0)
    network = nn.GRU(2, hidden)
    network.bias_hh_l0.data["rzn".index(gate) * hidden] = torch.nan
    single = [each.detach().requires_grad_() for each in network.parameters()]
    data, sizes = torch.randn(11, 2), [4, 3, 2, 2]
    found = GruLayer.apply(data, *single, sizes)
    expected = network(nn.utils.rnn.PackedSequence(data, torch.tensor(sizes)))[0].data
    assert found.grad_fn.compiled and expected.isnan().any()
    assert torch.equal(found.isnan(), expected.isnan())
    assert any(each.isnan().any() for each in torch.autograd.grad(found.sum(), single))


def test_a_gru_read_twice_with_the_same_weights_has_the_gradient_of_both():
    torch.manual_seed(0)
    network = nn.GRU(3, 3)
    exact = nn.GRU(3, 3).double()
    exact.load_state_dict(network.state_dict())
    data, found = torch.randn(6, 3), []
    for one, x in ((network, data), (exact, data.double())):
        out = x
        for _ in range(2):
            if one is network:
                out = GruLayer.apply(out, *one.parameters(), [2, 2, 2])
            else:
                out = one(nn.utils.rnn.PackedSequence(out, torch.tensor([2, 2, 2])))[0].data
        found.append(torch.autograd.grad(out.sin().sum(), list(one.parameters()), create_graph=True))
    for ours, theirs in zip(*found):
        assert torch.allclose(ours.double(), theirs, atol=1e-5)
