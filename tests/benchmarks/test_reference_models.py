"""The reference models have the numbers of parameters that were published, and compute what their formulas say."""

import itertools
import math

import pytest
import torch
from torch import nn

from benchmarks.reference_models import attention, cca, encoders, fusions
from benchmarks.reference_models.composition import MODELS, hidden_parameters
from benchmarks.reference_models.mctn import MCTN
from benchmarks.reference_models.mult import MulT
from benchmarks.zoo.published import PUBLISHED


@pytest.mark.parametrize("name", MODELS)
def test_registered_and_hidden_parameters_are_the_published_numbers(name):
    model = MODELS[name]()
    assert sum(p.numel() for p in model.parameters()) == PUBLISHED[name].parameters
    assert sum(p.numel() for p in hidden_parameters(model)) == PUBLISHED[name].hidden


def test_tensor_fusion_orders_the_first_modality_slowest():
    fused = fusions.TensorFusion()([torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0, 7.0]])])
    assert fused.tolist() == [[1, 5, 7, 2, 10, 14, 3, 15, 21]]  # published: the toolkit's answer to this input


def test_low_rank_fusion_is_a_linear_map_of_the_tensor_fusion():
    torch.manual_seed(0)
    fusion = fusions.LowRankTensorFusion((2, 3), 4, 5)
    z = [torch.randn(6, 2), torch.randn(6, 3)]
    dense = torch.einsum("r,rio,rjo->ijo", fusion.weights[0], *fusion.factors)
    expected = fusions.TensorFusion()(z) @ dense.reshape(12, 4) + fusion.bias
    assert torch.allclose(fusion(z), expected, atol=1e-5)
    assert fusion(z)[:1].shape == fusion([x[:1] for x in z]).shape


def test_matrix_interaction_is_bilinear_with_linear_parts():
    torch.manual_seed(0)
    fusion = fusions.MatrixInteraction(2, 3, 4)
    x, y = torch.randn(5, 2), torch.randn(5, 3)
    for row, output in itertools.product(range(5), range(4)):
        expected = (
            x[row] @ fusion.w[:, :, output] @ y[row] + x[row] @ fusion.u[:, output] + y[row] @ fusion.v[:, output]
        )
        assert fusion([x, y])[row, output].item() == pytest.approx((expected + fusion.b[output]).item(), abs=1e-5)


def test_vector_and_scalar_interactions_agree_with_their_formulas():
    torch.manual_seed(0)
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    vector, scalar = fusions.VectorInteraction(3, 3), fusions.ScalarInteraction(3)
    gate, shift = vector.w.t() @ x[1] + vector.v, vector.u.t() @ x[1] + vector.b
    assert torch.allclose(vector([x, y])[1], gate * y[1] + shift, atol=1e-6)
    assert torch.allclose(scalar([x, y])[1], (x[1] @ scalar.w + scalar.v) * y[1] + x[1] @ scalar.u + scalar.b)


def test_a_gate_of_one_state_adds_its_value():
    gate = fusions.NonLocalGate(4, 3, 1, 2)
    x, y = torch.randn(5, 12), torch.randn(5, 2)
    assert torch.allclose(gate([x, y]).view(5, 4, 3), x.view(5, 4, 3) + gate.value(y).view(5, 1, 3), atol=1e-6)


def test_the_mask_lets_four_targets_see_three_of_six_sources_first():
    seen = attention.future_mask(4, 6).isfinite()
    assert seen.sum(1).tolist() == [3, 4, 5, 6]


def test_attention_equals_torchs():
    torch.manual_seed(0)
    ours, theirs = attention.Attention(8, 2, 0.0), nn.MultiheadAttention(8, 2, dropout=0.0)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.projection,
            "in_proj_bias": ours.bias,
            "out_proj.weight": ours.output.weight,
            "out_proj.bias": ours.output.bias,
        }
    )
    query, source, mask = torch.randn(5, 3, 8), torch.randn(6, 3, 8), attention.future_mask(5, 6)
    for found, expected in zip(
        ours(query, source, source.clone(), mask), theirs(query, source, source, attn_mask=mask)
    ):
        assert torch.allclose(found, expected, atol=1e-6)


def test_positions_start_at_one_and_are_zero_where_the_first_channel_is():
    table = attention.positions(torch.tensor([[1.0, 0.0, 2.0]]), 4)
    assert torch.equal(table[0, 1], torch.zeros(4))
    frequency = 10000.0 ** -torch.arange(2.0)
    for step, place in ((0, 1.0), (2, 3.0)):
        assert torch.allclose(table[0, step], torch.cat([(place * frequency).sin(), (place * frequency).cos()]))


def test_the_memory_of_mult_is_as_wide_as_all_sources():
    model = MulT((3, 4), width=6, heads=3)
    assert [len(towers) for towers in model.towers] == [2, 2]
    assert model.memories[0].width == 12 and model.out.in_features == 24
    assert model([torch.randn(2, 7, 3), torch.randn(2, 7, 4)]).shape == (2, 1)


def test_correlation_of_a_view_with_itself_and_with_noise_is_the_published_one():
    torch.manual_seed(0)
    same, other = torch.randn(500, 4), torch.randn(500, 4)
    assert -cca.correlation_loss(same, same, 4).item() == pytest.approx(3.998, abs=2e-3)
    assert -cca.correlation_loss(same, other, 4).item() == pytest.approx(0.328, abs=0.15)


def test_packed_states_are_those_of_the_last_real_step():
    encoder = encoders.PackedGRU(3, 4)
    x = torch.randn(2, 5, 3)
    assert torch.allclose(encoder(x, torch.tensor([5, 2]))[1], encoder.gru(x[1:, :2])[1][0, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["LF AV-MNIST", "LF MIMIC", "MI-matrix MIMIC"])
def test_heads_give_a_row_a_sample(name):
    shapes = [(1, 28, 28), (1, 112, 112)] if "AV" in name else [(5,), (24, 12)]
    predicted = MODELS[name]()([(torch.randn(3, *shape),) for shape in shapes])
    assert predicted.shape == (3, 10 if "AV" in name else 2)


def test_mctn_gives_a_loss_with_a_gradient_for_every_parameter():
    model = MCTN(width=6, hidden=4)
    loss = model([torch.randn(2, 5, 6) for _ in range(3)], torch.randn(2, 1))
    loss.backward()
    assert math.isfinite(loss.item())
    assert all(p.grad is not None for p in model.parameters())
