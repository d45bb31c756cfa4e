"""Encoders of sequences against their equations, explicit attention and published counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmcore.models.cost import count_parameters
from mmcore.models.encoders.attention import AttentionLayer
from mmcore.models.encoders.causal_convolution import CausalBlock, CausalConvolution, levels_for, receptive_field
from mmcore.models.encoders.frames import for_shape as frames_for_shape
from mmcore.models.encoders.identity import Identity
from mmcore.models.encoders.packed import run_packed
from mmcore.models.encoders.pooling import pool_steps
from mmcore.models.encoders.recurrence import GruLayer, LstmLayer
from mmcore.models.encoders.recurrent import Recurrent
from mmcore.models.encoders.transformer import Transformer, sinusoidal_positions

LENGTHS = [5, 0, 9, 1, 3, 9]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found, expected, atol=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


def gru_alone(x, w, u, b, c):
    """States of one sequence (T, d) by the equations, gates in torch's order r, z, n."""
    h, states = torch.zeros(u.shape[1], dtype=x.dtype), []
    for step in x:
        (ir, iz, i_n), (hr, hz, hn) = (w @ step + b).chunk(3), (u @ h + c).chunk(3)
        r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
        h = (1 - z) * torch.tanh(i_n + r * hn) + z * h
        states.append(h)
    return torch.stack(states) if states else x.new_zeros(0, u.shape[1])


def lstm_alone(x, w, u, b, c):
    """States of one sequence (T, d) by the equations, gates in torch's order i, f, g, o."""
    h = cell = torch.zeros(u.shape[1], dtype=x.dtype)
    states = []
    for step in x:
        i, f, g, o = (w @ step + b + u @ h + c).chunk(4)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(cell)
        states.append(h)
    return torch.stack(states) if states else x.new_zeros(0, u.shape[1])


def weights_of(network, layer, suffix=""):
    return [getattr(network, f"{part}_l{layer}{suffix}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


@pytest.mark.parametrize(("kind", "alone"), [("gru", gru_alone), ("lstm", lstm_alone)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_packed_sequences_equal_each_sequence_by_the_equations(kind, alone, bidirectional, layers):
    torch.manual_seed(3)
    encoder = Recurrent(3, kind=kind, width=4, layers=layers, bidirectional=bidirectional, dropout=0.0).double()
    values, lengths = normal(len(LENGTHS), 9, 3), torch.tensor(LENGTHS)
    steps, _ = encoder.steps(values, lengths)
    last = encoder(values, lengths)
    for row, length in enumerate(LENGTHS):
        states = values[row, :length]
        for layer in range(layers):
            forward = alone(states, *weights_of(encoder.network, layer))
            if bidirectional:
                backward = alone(states.flip(0), *weights_of(encoder.network, layer, "_reverse")).flip(0)
            states = torch.cat([forward, backward], 1) if bidirectional else forward
        close(steps[row, :length], states)
        if length:
            close(last[row], torch.cat([forward[-1], backward[0]]) if bidirectional else forward[-1])
        else:
            assert not last[row].any()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_packing_in_any_order_of_lengths_gives_the_gradients_of_each_alone(kind):
    torch.manual_seed(0)
    network = kind(3, 4, batch_first=True).double()
    values, lengths = normal(6, 9, 3).requires_grad_(), torch.tensor(LENGTHS)
    probe = normal(6, 4, seed=1)
    together = torch.autograd.grad(
        (run_packed(network, values, lengths)[1] * probe).sum(), [values, *network.parameters()]
    )
    alone = [torch.zeros_like(each) for each in together]
    for row, length in enumerate(LENGTHS):
        if not length:
            continue
        state = network(values[row : row + 1, :length])[0][0, -1]
        found = torch.autograd.grad((state * probe[row]).sum(), [values, *network.parameters()])
        alone = [total + each for total, each in zip(alone, found)]
    for found, expected in zip(together, alone):
        close(found, expected)


def test_the_recurrent_networks_of_mosi_have_the_published_number_of_parameters():
    """MultiBench, late fusion on MOSI: 2 570 311, of which the perceptron 870 -> 870 -> 1 has 758 641."""
    perceptron = 870 * 870 + 870 + 870 + 1
    encoders = [Recurrent(d, width=h) for d, h in ((35, 70), (74, 200), (300, 600))]
    assert sum(map(count_parameters, encoders)) == 2_570_311 - perceptron
    # 4 gates of h (d + h + 2), over two layers in both directions of half the width each
    stacked = Recurrent(7, kind="lstm", width=10, layers=2, bidirectional=True)
    assert count_parameters(stacked) == 2 * 4 * 5 * (7 + 5 + 2) + 2 * 4 * 5 * (10 + 5 + 2)


@pytest.mark.parametrize(("kernel", "levels"), [(2, 1), (2, 3), (3, 2), (5, 2)])
def test_a_step_depends_on_its_receptive_field_and_on_nothing_else(kernel, levels):
    """With positive weights and inputs no relu closes, so every path of the field carries a gradient."""
    encoder = CausalConvolution(2, width=3, levels=levels, kernel=kernel, dropout=0.0).double().eval()
    for name, parameter in encoder.named_parameters():
        parameter.data = parameter.data.abs() + 0.1 if "bias" not in name else parameter.data.abs()
    field = 1 + sum(2 * (kernel - 1) * 2**level for level in range(levels))
    assert receptive_field(kernel, levels) == encoder.receptive_field == field
    values = normal(1, field + 6, 2).abs().requires_grad_()
    at = field + 2
    (gradient,) = torch.autograd.grad(encoder.steps(values)[0][0, at].sum(), values)
    touched = (gradient[0] != 0).any(1).nonzero().flatten()
    assert touched.tolist() == list(range(at - field + 1, at + 1))


def test_later_inputs_do_not_change_earlier_outputs():
    torch.manual_seed(0)
    encoder = CausalConvolution(3, width=8).double().eval()
    values = normal(2, 20, 3)
    before = encoder.steps(values)[0]
    for at in (0, 7, 19):
        changed = values.clone()
        changed[:, at:] += 1.0
        after = encoder.steps(changed)[0]
        assert torch.equal(after[:, :at], before[:, :at])
        assert not torch.allclose(after[:, at], before[:, at])


def test_a_causal_block_equals_its_equation():
    torch.manual_seed(0)
    block = CausalBlock(2, 3, kernel=2, dilation=4, dropout=0.0).double()
    hidden = normal(1, 2, 10)

    def convolved(layer, inputs):
        weight, scale = layer.parametrizations.weight.original1, layer.parametrizations.weight.original0
        weight = scale * weight / weight.square().sum((1, 2), keepdim=True).sqrt()
        rows = []
        for t in range(inputs.shape[1]):
            earlier = inputs[:, t - 4] if t >= 4 else torch.zeros(len(inputs), dtype=inputs.dtype)
            rows.append(layer.bias + weight[:, :, 1] @ inputs[:, t] + weight[:, :, 0] @ earlier)
        return torch.relu(torch.stack(rows, 1))

    residual = convolved(block.second, convolved(block.first, hidden[0]))
    shortcut = block.shortcut.weight[:, :, 0] @ hidden[0] + block.shortcut.bias[:, None]
    close(block(hidden)[0], torch.relu(shortcut + residual))


@pytest.mark.parametrize("kernel", [2, 3, 7])
@pytest.mark.parametrize("steps", [1, 2, 13, 61, 62, 500])
def test_levels_are_the_fewest_that_see_everything(steps, kernel):
    levels = levels_for(steps, kernel)
    assert receptive_field(kernel, levels) >= steps
    assert levels == 1 or receptive_field(kernel, levels - 1) < steps


@pytest.mark.parametrize("masked", [False, True])
def test_an_attention_layer_equals_that_of_torch(masked):
    torch.manual_seed(0)
    ours = AttentionLayer(12, heads=3, hidden=20, dropout=0.0).double().eval()
    theirs = nn.TransformerEncoderLayer(12, 3, 20, 0.0, "gelu", batch_first=True, norm_first=True).double()
    for parameter in ours.parameters():
        parameter.data = parameter.data + 0.1 * torch.randn_like(parameter)
    first, second = ours.perceptron[1], ours.perceptron[4]
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([ours.query.weight, ours.keys_values.weight]),
            "self_attn.in_proj_bias": torch.cat([ours.query.bias, ours.keys_values.bias]),
            **{f"self_attn.out_proj.{k}": v for k, v in ours.output.state_dict().items()},
            **{f"linear1.{k}": v for k, v in first.state_dict().items()},
            **{f"linear2.{k}": v for k, v in second.state_dict().items()},
            **{f"norm1.{k}": v for k, v in ours.norm.state_dict().items()},
            **{f"norm2.{k}": v for k, v in ours.perceptron[0].state_dict().items()},
        }
    )
    values = normal(2, 6, 12)
    usable = torch.tensor([[True] * 6, [True] * 2 + [False] * 4]) if masked else None
    expected = theirs(values, src_key_padding_mask=None if usable is None else ~usable)
    close(ours(values, usable), expected)
    close(ours(values, usable, values[:, :1]), expected[:, :1])
    assert count_parameters(ours) == count_parameters(theirs)


def test_positions_are_a_rotation_of_each_other():
    """The inner product of two positions is sum_i cos((s - t) w_i), Vaswani et al. 2017, section 3.5."""
    positions = sinusoidal_positions(30, 16, dtype=torch.float64)
    rates = torch.tensor([10000 ** (-2 * i / 16) for i in range(8)], dtype=torch.float64)
    offsets = torch.arange(30)[:, None] - torch.arange(30)
    close(positions @ positions.T, torch.cos(offsets[..., None] * rates).sum(-1))
    assert sinusoidal_positions(4, 5).shape == (4, 5)


@pytest.mark.parametrize("pooling", ["cls", "mean", "last"])
def test_a_transformer_knows_the_order_only_from_its_positions(pooling, monkeypatch):
    torch.manual_seed(0)
    encoder = Transformer(3, width=8, pooling=pooling).double().eval()
    values = normal(2, 7, 3)
    reversed_head = torch.cat([values[:, :6].flip(1), values[:, 6:]], 1)  # the last step stays for `last`
    assert (encoder(values) - encoder(reversed_head)).abs().max() > 1e-4
    monkeypatch.setattr(
        "mmcore.models.encoders.transformer.sinusoidal_positions", lambda time, width, **_: torch.zeros(time, width)
    )
    close(encoder(values), encoder(reversed_head))


def test_transformer_parameters_match_the_formula():
    d, hidden, layers = 12, 48, 3
    layer = 4 * (d * d + d) + (d * hidden + hidden + hidden * d + d) + 2 * 2 * d
    assert count_parameters(Transformer(5, width=d, layers=layers)) == (5 * d + d) + layers * layer + 2 * d
    with_cls = Transformer(5, width=d, layers=layers, pooling="cls")
    assert count_parameters(with_cls) == (5 * d + d) + layers * layer + 2 * d + d


def test_layers_of_a_transformer_start_from_different_weights():
    first, second = Transformer(3, width=8).layers
    assert not torch.equal(first.query.weight, second.query.weight)


def test_the_steps_of_a_transformer_with_cls_are_those_of_the_inputs():
    torch.manual_seed(0)
    encoder = Transformer(3, width=8, pooling="cls").double().eval()
    values = normal(2, 7, 3)
    assert encoder.steps(values)[0].shape == (2, 7, 8)
    empty = encoder(values, torch.tensor([0, 7]))[0]
    close(empty, encoder(values[:, :0])[0])


def test_pooling_by_hand():
    steps = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [100.0, 100.0]]])
    two = torch.tensor([2])
    assert pool_steps(steps, two, "last").tolist() == [[3.0, -4.0]]
    assert pool_steps(steps, two, "mean").tolist() == [[2.0, -3.0]]
    assert pool_steps(steps, two, "max").tolist() == [[3.0, -2.0]]
    for how in ("last", "mean", "max"):
        close(pool_steps(steps, torch.tensor([3]), how), pool_steps(steps, None, how), atol=1e-5)


@pytest.mark.parametrize("frame", ["convolution", "lenet", {"name": "resnet", "filters": 2, "norm": "group"}])
def test_frames_equal_each_frame_encoded_alone_then_the_recurrent_network(frame):
    torch.manual_seed(0)
    encoder = frames_for_shape((None, 6, 5, 2), width=4, dropout=0.0, frame=frame).double().eval()
    values, lengths = normal(3, 4, 6, 5, 2), torch.tensor([4, 0, 2])
    found = encoder(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        states = [encoder.frame(values[row, t : t + 1]) for t in range(length)]
        expected = encoder.sequence(torch.stack(states, 1))[0] if length else torch.zeros(4, dtype=torch.float64)
        close(found[row], expected)


def test_frames_of_a_fixed_number_have_steps():
    encoder = frames_for_shape((7, 6, 5, 1), width=4)
    assert encoder(torch.zeros(2, 7, 6, 5, 1)).shape == (2, 4)
    assert encoder.steps(torch.zeros(2, 7, 6, 5, 1))[0].shape == (2, 7, 4)


def test_the_identity_is_one():
    values = normal(3, 4, 2)
    assert torch.equal(Identity((4, 2))(values), values.reshape(3, 8))
    assert torch.equal(Identity((4, 2)).steps(values)[0], values)
    lengths = torch.tensor([4, 0, 1])
    ragged = Identity((None, 2))(values, lengths)
    close(ragged, torch.stack([values[0].mean(0), torch.zeros(2, dtype=torch.float64), values[2, 0]]))


def test_attention_does_not_overflow_on_large_inputs():
    encoder = Transformer(3, width=8).eval()
    assert torch.isfinite(encoder(1e6 * torch.ones(2, 5, 3))).all()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
@pytest.mark.parametrize("lengths", [[5, 0, 9, 1, 3, 9], [4, 4, 4, 4, 4, 4], [0] * 6, None])
def test_with_and_without_gradients_the_states_are_the_same(kind, options, lengths):
    """Without, and where lengths are equal, torch's own layers run; with, those whose gradient is written out."""
    torch.manual_seed(0)
    network = kind(3, 4, batch_first=True, **options).double()
    values, lengths = normal(6, 9, 3), None if lengths is None else torch.tensor(lengths)
    with torch.no_grad():
        plain = run_packed(network, values, lengths)
    for with_gradient in (run_packed(network, values, lengths), run_packed(network, values.requires_grad_(), lengths)):
        for found, expected in zip(with_gradient, plain):
            assert found.requires_grad and not expected.requires_grad
            close(found, expected)


@pytest.mark.parametrize(("layer", "kind"), [(GruLayer, nn.GRU), (LstmLayer, nn.LSTM)])
@pytest.mark.parametrize("sizes", [[3, 3, 2, 1], [2, 2], [2]])
def test_gradients_written_out_agree_with_finite_differences_twice(layer, kind, sizes):
    torch.manual_seed(0)
    weights = [each.detach().requires_grad_() for each in kind(2, 3).double().parameters()]
    data = normal(sum(sizes), 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda *inputs: layer.apply(*inputs, sizes), (data, *weights))
    assert torch.autograd.gradgradcheck(lambda *inputs: layer.apply(*inputs, sizes), (data, *weights), fast_mode=True)


@pytest.mark.parametrize(("layer", "kind"), [(GruLayer, nn.GRU), (LstmLayer, nn.LSTM)])
def test_the_graph_may_be_walked_twice_and_parts_of_it_frozen(layer, kind):
    torch.manual_seed(0)
    network, data = kind(2, 3).double(), normal(6, 2)
    network.bias_hh_l0.requires_grad_(False)
    total = layer.apply(data, *network.parameters(), [3, 2, 1]).square().sum()
    wanted = [each for each in network.parameters() if each.requires_grad]
    once, again = (torch.autograd.grad(total, wanted, retain_graph=True) for _ in range(2))
    for first, second in zip(once, again):
        assert torch.equal(first, second)
    (twice, *_) = torch.autograd.grad(total, wanted, create_graph=True)
    close(twice, once[0])
    assert twice.requires_grad


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_an_input_gradient_has_a_gradient_in_single_precision(kind):
    """torch's own fused LSTM has none: differentiating it twice raises."""
    encoder = Recurrent(3, kind=kind, width=4)
    values = normal(2, 5, 3).float().requires_grad_()
    (slope,) = torch.autograd.grad(encoder(values).sum(), values, create_graph=True)
    slope.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
    assert encoder.network.weight_hh_l0.grad.abs().sum() > 0


@pytest.mark.parametrize(("kind", "gates"), [("gru", 3), ("lstm", 4)])
def test_operations_of_a_recurrent_step_match_the_formula(kind, gates):
    encoder = Recurrent(5, kind=kind, width=7)
    with FlopCounterMode(display=False) as counter:
        encoder(torch.zeros(2, 6, 5), torch.tensor([6, 4]))
    assert counter.get_total_flops() == 2 * (6 + 4) * gates * 7 * (5 + 7)
