"""The parts of crossmodal transformers against their definitions: attention, positions, embeddings, dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sequence_inputs import NAMES, B, built, drawn, explicit, padded, ragged, unequal_inputs
from torch import nn
from torch.nn import functional

from mmcore.models.randomness import seeded
from mmcore.models.sequences import attention
from mmcore.models.sequences.attention import ParallelLayer, SelfAttention, attend
from mmcore.models.sequences.dropout import dropout
from mmcore.models.sequences.embedding import Positions, StepEmbedding, sinusoids
from mmcore.models.sequences.mult import MulT
from mmcore.models.sequences.steps import Steps
from mmcore.models.sequences.transformers import EarlyFusionTransformer, LateFusionTransformer


@pytest.fixture
def unequal():
    return unequal_inputs()


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("channels", [5, 16])
def test_attention_and_its_gradients_are_those_of_the_definition(monkeypatch, few, masked, channels):
    monkeypatch.setattr(attention, "_FEW_SCORES", 1 << 21 if few else 0)
    parts = drawn((2, 3, 4, channels), (2, 3, 6, channels), (2, 3, 6, channels))
    mask = (torch.arange(6) < torch.tensor([6, 2])[:, None])[:, None, None] if masked else None
    inputs = [[x.clone().requires_grad_() for x in parts] for _ in range(2)]
    outputs = [attend(*inputs[0], mask), explicit(*inputs[1], mask)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-13)
    (weight,) = drawn(outputs[0].shape, seed=1)
    for output in outputs:
        (output * weight).sum().backward()
    for found, expected in zip(*inputs):
        torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=1e-13)


def test_attention_has_the_gradient_and_second_gradient_that_differences_show():
    parts = [x.requires_grad_() for x in drawn((1, 2, 3, 2), (1, 2, 4, 2), (1, 2, 4, 2))]
    assert torch.autograd.gradcheck(attend, parts)
    assert torch.autograd.gradgradcheck(attend, parts)


def test_dropped_attention_weights_leave_the_mean():
    parts = [x.expand(4000, -1, -1, -1) for x in drawn((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4))]
    with seeded(0):
        found = attend(*parts, None, 0.25).mean(0)
    torch.testing.assert_close(found, explicit(*parts, None)[0], rtol=0, atol=0.05)


def test_self_attention_is_torchs_pre_norm_encoder():
    """Two independent ways to the same numbers: `nn.TransformerEncoder` with our weights, padding masked."""
    width, heads = 12, 3
    with seeded(1):
        ours = SelfAttention(width, heads, 2, rate=0.0, relu_rate=0.0, residual_rate=0.0).double()
        for p in ours.parameters():
            nn.init.normal_(p, std=0.3)
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False).double()
    theirs.norm.load_state_dict(ours.norm.state_dict())
    for there, here in zip(theirs.layers, ours.layers):
        pairs = [
            (there.self_attn.in_proj_weight, here.projection),
            (there.self_attn.in_proj_bias, here.projection_bias),
            (there.self_attn.out_proj.weight, here.output),
            (there.self_attn.out_proj.bias, here.output_bias),
            (there.linear1.weight, here.wide),
            (there.linear1.bias, here.wide_bias),
            (there.linear2.weight, here.narrow),
            (there.linear2.bias, here.narrow_bias),
            (there.norm1.weight, here.gains[:, 0]),
            (there.norm1.bias, here.offsets[:, 0]),
            (there.norm2.weight, here.gains[:, 1]),
            (there.norm2.bias, here.offsets[:, 1]),
        ]
        for to, of in pairs:
            to.data.copy_(of[0])
    (x,) = drawn((4, 6, width))
    lengths = torch.tensor([6, 2, 4, 1])
    valid = torch.arange(6) < lengths[:, None]
    expected = theirs(x, src_key_padding_mask=~valid)
    found = ours(x, valid[:, None, None])
    torch.testing.assert_close(found[valid], expected[valid], rtol=0, atol=1e-12)
    last = (lengths - 1)[:, None]
    pooled = ours(x, valid[:, None, None], last)
    torch.testing.assert_close(pooled[:, 0], expected[torch.arange(4), last[:, 0]], rtol=0, atol=1e-12)


def test_positions_are_those_of_the_equation_and_survive_lengthening():
    d = 6
    table = sinusoids(20, d).double()
    for t in (1, 7, 20):
        w = 10000.0 ** (-np.arange(3) / 2)
        np.testing.assert_allclose(table[t - 1], np.concatenate([np.sin(t * w), np.cos(t * w)]), atol=1e-6)
    positions = Positions(d, 4)
    before = positions(4).clone()
    assert "table" not in positions.state_dict()
    assert torch.equal(positions(9)[:4], before) and positions(9).shape == (9, d)
    double = Positions(d, 4).double()
    assert torch.equal(double(9), sinusoids(9, d).double())


@pytest.mark.parametrize(("kernel", "causal"), [(1, False), (3, False), (3, True), (4, False)])
def test_the_embedding_is_a_convolution(kernel, causal):
    embed = StepEmbedding(3, 4, kernel=kernel, causal=causal).double().eval()
    (x,) = drawn((2, 7, 3))
    before = kernel - 1 if causal else (kernel - 1) // 2
    weight = embed.project.weight.view(4, 3, kernel)
    expected = functional.conv1d(functional.pad(x.transpose(1, 2), (before, kernel - 1 - before)), weight)
    expected = 2.0 * expected.transpose(1, 2) + sinusoids(7, 4).double()
    torch.testing.assert_close(embed(Steps(x, None)).values, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.3])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(rate):
    with seeded(0):
        dropped = dropout(torch.ones(999, 1001, dtype=torch.float64), rate, True)
    share = (dropped == 0).double().mean().item()
    assert abs(share - rate) < 5 * (rate * (1 - rate) / dropped.numel()) ** 0.5
    kept = dropped[dropped != 0]
    assert torch.equal(kept, kept[:1].expand_as(kept)) and kept[0].item() == pytest.approx(1 / (1 - rate), abs=1e-4)


def test_dropped_units_are_independent_of_their_neighbours():
    """Four units share one draw of 64 bits: none may tell anything about another."""
    with seeded(1):
        kept = (dropout(torch.ones(200_000, 4), 0.3, True) > 0).double()
    correlation = torch.corrcoef(kept.T) - torch.eye(4, dtype=torch.float64)
    assert correlation.abs().max() < 5 / 200_000**0.5


def test_dropout_follows_the_seed_and_is_nothing_outside_training():
    x = torch.randn(3, 5)
    assert dropout(x, 0.4, False) is x and dropout(x, 0.0, True) is x
    with seeded(5):
        first = dropout(x, 0.4, True)
    with seeded(5):
        assert torch.equal(dropout(x, 0.4, True), first)


def test_layers_side_by_side_are_layers_one_by_one():
    with seeded(0):
        both = ParallelLayer(2, 6, 2, relu_rate=0.0, residual_rate=0.0).double()
    x, gathered = drawn((2, 3, 4, 6), (2, 3, 4, 6))
    together = both.finish(x, gathered, [None, None])
    for slot in range(2):
        one = ParallelLayer(1, 6, 2, relu_rate=0.0, residual_rate=0.0).double()
        one.load_state_dict({k: v[slot : slot + 1] for k, v in both.state_dict().items()})
        alone = one.finish(x[slot : slot + 1], gathered[slot : slot + 1], [None])
        torch.testing.assert_close(alone[0], together[slot], rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", [EarlyFusionTransformer, LateFusionTransformer])
def test_the_fusion_transformers_ignore_padding_and_absent_values(unequal, kind):
    inputs, lengths = unequal
    model = built(kind, ragged(3, 4, 5))
    expected = model(inputs, None, lengths)
    found = model(padded(inputs, lengths, (2, 5, 1)), None, lengths)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    presence = {"audio": torch.tensor([1, 0, 1, 0, 0]).bool()}
    inputs["audio"] = inputs["audio"].masked_fill(~presence["audio"][:, None, None], float("nan"))
    masked = model(inputs, presence, lengths)
    assert torch.isfinite(masked).all()
    torch.testing.assert_close(masked[[0, 2]], expected[[0, 2]], rtol=0, atol=1e-12)


def test_late_fusion_adds_over_modalities_and_early_fusion_does_not(unequal):
    """f(x, y) - f(x, -) - f(-, y) + f(-, -) is zero for an additive model."""
    inputs, lengths = unequal
    pair = {name: inputs[name] for name in NAMES[:2]}
    nobody = torch.zeros(B, dtype=torch.bool)

    def interaction(model):
        there, first, second, none = (
            model(pair, presence, lengths)
            for presence in (None, {"audio": nobody}, {"vision": nobody}, {"vision": nobody, "audio": nobody})
        )
        return (there - first - second + none).abs().max().item()

    assert interaction(built(LateFusionTransformer, ragged(3, 4, 5)[:2])) < 1e-12
    assert interaction(built(EarlyFusionTransformer, ragged(3, 4, 5)[:2])) > 1e-3
    assert interaction(built(MulT, ragged(3, 4, 5)[:2])) > 1e-3
