"""Tensor fusion, its linear maps, its low-rank form and its terms of lower order, from their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.compiled import products
from mmcore.models.fusions.low_rank_tensor import LowRankTensorFusion
from mmcore.models.fusions.lower_order import LowerOrderInteractions
from mmcore.models.fusions.outer import linear_of_outer, outer, outer_of_all, with_one
from mmcore.models.fusions.tensor import TensorFusion, tensor_product

B = 5


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def nobody(count):
    return [None] * count


def close(found, expected, tolerance=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def test_the_order_of_the_tensor_product():
    """Facts, section 5: [2, 3] and [5, 7], modality 1 slowest."""
    found = tensor_product([torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0, 7.0]])])
    assert found.tolist() == [[1, 5, 7, 2, 10, 14, 3, 15, 21]]


def test_every_entry_of_a_product_of_three(draw):
    first, second, third = draw(B, 2), draw(B, 3), draw(B, 4)
    found = tensor_product([first, second, third]).reshape(B, 3, 4, 5)
    one, two, three = (with_one(z) for z in (first, second, third))
    for b, i, j, k in itertools.product(range(B), range(3), range(4), range(5)):
        assert found[b, i, j, k].item() == pytest.approx((one[b, i] * two[b, j] * three[b, k]).item(), abs=1e-14)


@pytest.mark.parametrize(
    ("sizes", "features"), [((4, 19, 79), 8000), ((32, 32, 128), 140_481), ((8, 8, 64, 16), 89_505)]
)
def test_the_published_sizes_of_products(sizes, features):
    """MultiBench: affect TF, the speed baseline's TF, and Push TF (facts, sections 1 and 23)."""
    assert TensorFusion(sizes, hidden=0, projected=0).features == features


def test_gradients_of_first_and_second_order(draw):
    first, second = draw(3, 2).requires_grad_(), draw(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(outer, (first, second))
    assert torch.autograd.gradgradcheck(outer, (first, second))
    for outputs in (1, 7):  # one goes by way of the contracted weight, the other by way of the product
        weight = draw(outputs, 8).requires_grad_()
        assert torch.autograd.gradcheck(lambda a, b, w: linear_of_outer([a, b], w), (first, second, weight))


def test_gradients_of_each_row_by_transformation(draw):
    """torch.func, whose vmap adds a batch axis to the operation, against one row at a time."""
    first, second, weight = draw(B, 2), draw(B, 3), draw(4, 6)

    def loss(weight, one, two):
        return linear_of_outer([one[None], two[None]], weight).square().sum()

    found = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)), in_dims=(None, 0, 0))(weight, first, second)
    for b in range(B):
        expected = torch.func.grad(loss, argnums=(0, 1))(weight, first[b], second[b])
        close(found[0][b], expected[0])
        close(found[1][b], expected[1])


def test_precisions_may_differ_as_under_autocast(draw):
    first, second = draw(B, 2).requires_grad_(), draw(B, 3).float().requires_grad_()
    product = outer(first, second)
    product.sum().backward()
    assert product.dtype == torch.float64 and second.grad.dtype == torch.float32
    close(second.grad.double(), first.detach().sum(1, keepdim=True).expand(-1, 3), 1e-6)


@pytest.mark.parametrize("outputs", [1, 2, 3, 20])
@pytest.mark.parametrize("sizes", [(6,), (3, 6), (2, 3, 6), (2, 2, 3, 6)])
def test_both_orders_of_a_linear_map_give_the_same(draw, outputs, sizes):
    vectors = [draw(B, size) for size in sizes]
    product = outer_of_all(vectors)
    weight = draw(outputs, product.shape[1])
    close(linear_of_outer(vectors, weight), functional.linear(product, weight))


def test_an_absent_modality_leaves_the_product_of_the_others(draw):
    first, second, third = draw(B, 2), torch.zeros(B, 3).double(), draw(B, 4)
    found = tensor_product([first, second, third]).reshape(B, 3, 4, 5)
    close(found[:, :, 0].flatten(1), tensor_product([first, third]))
    assert not found[:, :, 1:].any()


def test_an_absent_modality_counts_as_absent_after_its_projection_too(draw):
    fusion = TensorFusion([2, 3], hidden=0, projected=[2, 2]).double()
    first, second = draw(B, 2), torch.zeros(B, 3).double()
    absent = torch.zeros(B, dtype=torch.bool)
    found = fusion([first, second], [None, absent]).reshape(B, 3, 3)
    close(found[:, :, 0], with_one(fusion.project.maps[0](first)))
    assert not found[:, :, 1:].any()
    assert fusion([first, second], [None, None]).reshape(B, 3, 3)[:, :, 1:].any()  # its bias is not zero


def test_a_hidden_layer_is_a_linear_map_of_the_product(draw):
    fusion = TensorFusion([2, 3, 4], width=6, projected=0).double().eval()
    with torch.no_grad():
        fusion.bias.copy_(draw(6))
    values = [draw(B, 2), draw(B, 3), draw(B, 4)]
    expected = torch.relu(functional.linear(tensor_product(values), fusion.weight, fusion.bias))
    close(fusion(values, nobody(3)), expected)


@pytest.mark.parametrize(
    "options", [{"projected": [3]}, {"projected": [3, -1]}, {"projected": 0, "sizes": [9000, 9000]}]
)
def test_sizes_that_cannot_be_are_refused(options):
    sizes = options.pop("sizes", [4, 5])
    with pytest.raises(InputError) as caught:
        TensorFusion(sizes, **options)
    assert caught.value.argument in ("projected", "modalities")


def low_rank_of(weight, sizes, bias):
    """The fusion whose factors are the dense `weight` (o, d_1 + 1, .., d_M + 1), one rank for each leading index.

    W[o, j.., l] = sum over ranks i = (j'..) of [j = j'].. W[o, j'.., l]: unit vectors for all modalities but the last.
    """
    outputs, leading = weight.shape[0], list(itertools.product(*(range(size + 1) for size in sizes[:-1])))
    rank = len(leading)
    fusion = LowRankTensorFusion(sizes, width=outputs, rank=rank, dropout=0.0).double()
    with torch.no_grad():
        fusion.rank_weights.fill_(1.0)
        fusion.bias.copy_(bias)
        for m, factor in enumerate(fusion.factors):
            rows = torch.zeros(outputs, rank, sizes[m] + 1, dtype=torch.float64)
            for i, index in enumerate(leading):
                if m < len(sizes) - 1:
                    rows[:, i, index[m]] = 1.0
                else:
                    rows[:, i] = weight[(slice(None), *index)]
            factor.bias.copy_(rows[..., 0].flatten())
            factor.weight.copy_(rows[..., 1:].flatten(0, 1))
    return fusion


@pytest.mark.parametrize("sizes", [(4,), (2, 4), (2, 3, 4), (1, 2, 1, 3)])
def test_full_rank_factors_make_any_linear_map_of_the_tensor_product(draw, sizes):
    weight, bias = draw(6, *(size + 1 for size in sizes)), draw(6)
    values = [draw(B, size) for size in sizes]
    found = low_rank_of(weight, sizes, bias)(values, nobody(len(sizes)))
    close(found, functional.linear(tensor_product(values), weight.flatten(1), bias))


def test_low_rank_fusion_is_its_sum_over_ranks(draw):
    """Facts, section 6: sum_i w_i prod_m ([1; z_m]^T W_m^i) + b."""
    sizes, rank, outputs = (2, 3, 4), 5, 6
    fusion = LowRankTensorFusion(sizes, width=outputs, rank=rank, dropout=0.0).double()
    with torch.no_grad():
        fusion.rank_weights.copy_(draw(rank))
        fusion.bias.copy_(draw(outputs))
    values = [draw(B, size) for size in sizes]
    expected = fusion.bias.expand(B, -1).clone()
    for i in range(rank):
        term = torch.ones(B, outputs, dtype=torch.float64)
        for z, factor in zip(values, fusion.factors):
            rows = torch.cat([factor.bias[:, None], factor.weight], 1).reshape(outputs, rank, -1)[:, i]
            term = term * (with_one(z) @ rows.T)
        expected = expected + fusion.rank_weights[i] * term
    close(fusion(values, nobody(3)), expected)


@pytest.mark.parametrize(
    ("sizes", "rank", "outputs", "hidden", "registered"),
    [
        ((48, 192), 40, 120, 1_161_600, 160),
        ((10, 720), 40, 100, 2_928_000, 140),
        ((32, 32, 128), 32, 128, 798_720, 160),
    ],
)
def test_low_rank_counts_are_the_published_ones_with_the_factors_registered(sizes, rank, outputs, hidden, registered):
    """Facts, section 23: what MultiBench registers, and the factors that it fails to register."""
    fusion = LowRankTensorFusion(sizes, width=outputs, rank=rank)
    assert sum(p.numel() for p in fusion.parameters()) == hidden + registered
    assert sum(p.numel() for p in fusion.factors.parameters()) == hidden


@pytest.mark.parametrize("sizes", [(64, 64), (4, 19, 79), (8, 8, 8, 8, 8)])
@pytest.mark.parametrize("rank", [1, 32])
def test_low_rank_fusion_starts_at_unit_scale_for_any_number_of_modalities(sizes, rank):
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(0)
    fusion = LowRankTensorFusion(sizes, width=4096 // rank, rank=rank, dropout=0.0)
    values = [torch.randn(256, size, generator=generator) for size in sizes]
    # The products of M normal factors have heavy tails, hence the wide range; Xavier's rule gives below 1e-2.
    assert 0.5 < fusion(values, nobody(len(sizes))).square().mean().item() < 2.0


def test_low_rank_keeps_the_lower_orders_of_what_is_present(draw):
    sizes = (2, 3)
    weight, bias = draw(4, 3, 4), draw(4)
    first = draw(B, 2)
    found = low_rank_of(weight, sizes, bias)([first, torch.zeros(B, 3).double()], nobody(2))
    close(found, functional.linear(with_one(first), weight[:, :, 0], bias))


def identity_projections(fusion):
    with torch.no_grad():
        for one in fusion.project.maps:
            one.weight.copy_(torch.eye(len(one.weight)))
            one.bias.zero_()
    return fusion


def test_all_orders_are_the_entries_of_the_tensor_product_but_for_its_constant(draw):
    values = [draw(B, 3) for _ in range(3)]
    fusion = identity_projections(LowerOrderInteractions([3, 3, 3], order=3, size=3, dropout=0.0).double())
    found = fusion(values, nobody(3))
    close(found.sort(1).values, tensor_product(values)[:, 1:].sort(1).values)
    pairs = identity_projections(LowerOrderInteractions([3, 3, 3], order=2, size=3, dropout=0.0).double())
    close(pairs(values, nobody(3)), found[:, : pairs.features])
    single = identity_projections(LowerOrderInteractions([3, 3, 3], order=1, size=3, dropout=0.0).double())
    close(single(values, nobody(3)), torch.cat(values, 1))


def test_products_with_an_absent_modality_are_zero(draw):
    fusion = LowerOrderInteractions([2, 3, 4], order=3, size=2, dropout=0.0).double()
    values = [draw(B, 2), torch.zeros(B, 3).double(), draw(B, 4)]
    absent = torch.zeros(B, dtype=torch.bool)
    found = dict(zip(fusion.sets, fusion(values, [None, absent, None]).split([2 ** len(s) for s in fusion.sets], 1)))
    for members, product in found.items():
        assert bool(product.any()) == (1 not in members)


@pytest.mark.parametrize("order", [0, 4])
def test_an_order_that_cannot_be_is_refused(order):
    with pytest.raises(InputError) as caught:
        LowerOrderInteractions([2, 3, 4], order=order)
    assert caught.value.argument == "order" and caught.value.allowed == "1 to 3"


def test_a_rank_below_one_is_refused():
    with pytest.raises(InputError, match="rank"):
        LowRankTensorFusion([2, 3], rank=0)


@pytest.mark.parametrize("sizes", [(1, 40000), (7, 3001), (40, 515), (300, 77)])
def test_large_outer_products_through_compiled_loops_have_torchs_values_and_derivatives(sizes):
    torch.manual_seed(0)
    batch = 5
    first, second = (torch.randn(batch, size, requires_grad=True) for size in sizes)
    assert batch * sizes[0] * sizes[1] >= 1 << 16
    exact = [each.detach().double().requires_grad_() for each in (first, second)]
    found = []
    for a, b in ((first, second), exact):
        product = outer(a, b)
        assert product.shape == (batch, sizes[0] * sizes[1])
        plain = torch.autograd.grad(product.sin().sum(), (a, b), retain_graph=True)
        graph = torch.autograd.grad(product.sin().sum(), (a, b), create_graph=True)
        found.append((product, *plain, *graph, *torch.autograd.grad(sum(g.square().sum() for g in graph), (a, b))))
    assert "CompiledOuter" in type(outer(first, second).grad_fn.next_functions[0][0]).__name__
    for ours, expected in zip(*found):
        scale = expected.abs().max()
        assert torch.allclose(ours.double() / scale, expected / scale, atol=3e-6)


def test_large_outer_products_work_inside_transforms_of_functions():
    torch.manual_seed(0)
    first, second = torch.randn(4, 2, 300), torch.randn(4, 2, 300)
    found = torch.func.vmap(outer)(first, second)
    assert torch.equal(found, torch.stack([outer(a, b) for a, b in zip(first, second)]))


def test_vectors_of_one_row_are_spread_over_the_batch_however_large():
    first, second = torch.randn(64, 64), torch.randn(1, 64)
    assert torch.equal(outer(first, second), outer(first, second.expand(64, -1)))


def test_what_is_not_a_number_is_not_lost_in_large_products():
    first, second = torch.randn(8, 100), torch.randn(8, 200)
    first[3, 7] = torch.nan
    assert outer(first, second).isnan().sum() == 200


@pytest.mark.parametrize("shape", [(32, 33, 4257), (7, 1000, 333), (3, 2500, 1001), (40, 20_000, 3), (2, 1_100_000, 1)])
def test_a_product_of_many_megabytes_has_every_entry(shape):
    """It is written past the cache, in lines of 64 bytes that begin anywhere in a row."""
    batch, m, n = shape
    assert batch * m * n >= products._STREAMED
    first, second = (torch.randn(batch, size, generator=torch.Generator().manual_seed(size)) for size in (m, n))
    first[0, 0] = torch.nan
    found = outer(first, second).view(shape)
    assert torch.equal(found.isnan(), (first[:, :, None] * second[:, None]).isnan())
    assert torch.equal(found.nan_to_num(), (first[:, :, None] * second[:, None]).nan_to_num())


def test_what_is_written_past_the_cache_ends_where_it_should():
    """At every distance from a line of memory, and for every length about one and two of them."""
    y = np.arange(1.0, 41.0, dtype=np.float32)
    for start in range(17):
        for count in range(41):
            target = np.zeros(80, np.float32)
            products.past_cache(np.float32(2.0), y[:count], target, start)
            assert np.array_equal(target[start : start + count], 2 * y[:count])
            assert not target[:start].any() and not target[start + count :].any()
