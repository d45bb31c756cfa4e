"""The recurrence on a CPU is torch's GRU on each sequence alone, in value and in gradient, once and twice."""

import pytest
import torch
from torch import nn

from mmcore.models.encoders.gated_recurrence import run_gru, suits

LENGTHS = torch.tensor([3, 5, 0, 1, 5])


def _alone(network, values, lengths):
    """Return states and last states of torch's own GRU, one sequence at a time."""
    features = network.hidden_size * (2 if network.bidirectional else 1)
    steps, last = [], []
    for row, length in zip(values, lengths.tolist()):
        if length == 0:
            steps.append(row.new_zeros(len(row), features))
            last.append(row.new_zeros(features))
            continue
        states, final = network(row[None, :length])
        steps.append(torch.cat([states[0], states.new_zeros(len(row) - length, features)]))
        last.append(torch.cat(list(final[-2 if network.bidirectional else -1 :, 0])))
    return torch.stack(steps), torch.stack(last)


class _Running(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, values, lengths):
        return run_gru(self.network, values, lengths)


def _network(**options):
    torch.manual_seed(0)
    return nn.GRU(2, 3, batch_first=True, **options).double()


@pytest.mark.parametrize(
    "options", [{}, {"bidirectional": True}, {"num_layers": 2}, {"num_layers": 2, "bidirectional": True}]
)
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((5,), 5), torch.tensor([2, 0, 2, 1, 1])], ids=str)
def test_states_and_gradients_are_those_of_torch_on_each_sequence_alone(options, lengths):
    network = _network(**options)
    values = torch.randn(5, 5, 2, dtype=torch.float64, requires_grad=True)
    leaves = [values, *network.parameters()]
    found = []
    for run in (_alone, run_gru):
        steps, last = run(network, values, lengths)
        weights = torch.arange(1.0, steps.numel() + 1, dtype=torch.float64).view_as(steps).cos()
        loss = (steps * weights).sum() + (last.sin() * torch.arange(1.0, 6.0)[:, None]).sum()
        found.append((steps, last, *torch.autograd.grad(loss, leaves)))
    for expected, ours in zip(*found):
        assert torch.allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("part", [0, 1], ids=["states", "last"])
def test_one_of_the_two_outputs_alone_has_its_gradient(part):
    network, values = _network(), torch.randn(5, 5, 2, dtype=torch.float64)
    found = [
        torch.autograd.grad(run(network, values, LENGTHS)[part].sin().sum(), [*network.parameters()])
        for run in (_alone, run_gru)
    ]
    for expected, ours in zip(*found):
        assert torch.allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_first_and_second_derivatives_are_those_of_finite_differences(bidirectional):
    model = _Running(_network(bidirectional=bidirectional))
    names = [name for name, _ in model.named_parameters()]
    values = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)

    def run(values, *weights):
        return torch.func.functional_call(model, dict(zip(names, weights)), (values, torch.tensor([2, 3, 1])))

    inputs = (values, *(p.detach().requires_grad_() for p in model.parameters()))
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_what_lies_beyond_the_end_changes_nothing():
    network, values = _network(), torch.randn(5, 5, 2, dtype=torch.float64)
    other = values.clone()
    other[torch.arange(5) >= LENGTHS[:, None]] = 1e6
    for first, second in zip(run_gru(network, values, LENGTHS), run_gru(network, other, LENGTHS)):
        assert torch.equal(first, second)


def test_layers_drop_units_between_them_only_in_training():
    network, values = _network(num_layers=2, dropout=0.5), torch.randn(5, 5, 2, dtype=torch.float64)
    assert not torch.allclose(run_gru(network, values, None)[1], _alone(network.eval(), values, torch.full((5,), 5))[1])
    assert torch.allclose(run_gru(network, values, None)[1], _alone(network, values, torch.full((5,), 5))[1])


def test_only_training_on_a_cpu_in_full_precision_suits():
    assert suits(torch.zeros(1))
    with torch.no_grad():
        assert not suits(torch.zeros(1))
    with torch.autocast("cpu", torch.bfloat16):
        assert not suits(torch.zeros(1))
