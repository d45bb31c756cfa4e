"""Sum, product, multiplicative interactions, FiLM and gates, each against its formula written out."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.fusions.bilinear_gated import BilinearGated
from mmcore.models.fusions.film import FeaturewiseModulation
from mmcore.models.fusions.gated_unit import GatedUnit
from mmcore.models.fusions.multiplicative_matrix import MultiplicativeMatrix
from mmcore.models.fusions.multiplicative_scalar import MultiplicativeScalar
from mmcore.models.fusions.multiplicative_vector import MultiplicativeVector
from mmcore.models.fusions.product import Product
from mmcore.models.fusions.sum import Sum

B = 4
NOWHERE = torch.zeros(B, dtype=torch.bool)


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def ready(fusion):
    """In double precision and evaluation mode, with weights and biases at which nothing is zero or one by default."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return fusion.double().eval()


def close(found, expected, tolerance=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def matrix_form(first, second, w, u, v, b):
    """Sum over n and m of z1_n W_nmo z2_m, + z1 U + z2 V + b, term by term (facts, section 7)."""
    found = b.expand(len(first), -1).clone()
    for n, m in itertools.product(range(first.shape[1]), range(second.shape[1])):
        found = found + (first[:, n] * second[:, m])[:, None] * w[n, m]
    return found + first @ u + second @ v


def set_matrix(fusion, w, u, v, b):
    with torch.no_grad():
        fusion.bilinear[0].copy_(w.flatten(0, 1).T)
        fusion.linear.weight.copy_(torch.cat([u, v]).T)
        fusion.linear.bias.copy_(b)
    return fusion


def test_the_matrix_form_is_its_explicit_sum(draw):
    first, second, w, u, v, b = draw(B, 3), draw(B, 4), draw(3, 4, 5), draw(3, 5), draw(4, 5), draw(5)
    fusion = set_matrix(ready(MultiplicativeMatrix([3, 4], width=5)), w, u, v, b)
    close(fusion([first, second], [None, None]), matrix_form(first, second, w, u, v, b))


def test_for_two_modalities_nested_and_pairs_are_one_form(draw):
    first, second, w, u, v, b = draw(B, 3), draw(B, 4), draw(3, 4, 5), draw(3, 5), draw(4, 5), draw(5)
    nested = ready(MultiplicativeMatrix([3, 4], width=5, interactions="nested"))
    whole = torch.zeros(4, 5, 5, dtype=torch.float64)
    whole[0, 0], whole[1:, 0], whole[0, 1:], whole[1:, 1:] = b, u, v, w
    with torch.no_grad():
        nested.bilinear[0].copy_(whole.flatten(0, 1).T)
    close(nested([first, second], [None, None]), matrix_form(first, second, w, u, v, b))
    pairs = MultiplicativeMatrix([3, 4], width=5)
    assert sum(p.numel() for p in pairs.parameters()) == sum(p.numel() for p in nested.parameters())


def test_nesting_for_three_is_multibench_s_form(draw):
    """MI-3D(z1, z2) -> (d3, o), a matrix applied to z3, plus MI-matrix(z1, z2) -> o (facts, section 7)."""
    sizes, outputs = (2, 3, 4), 5
    first, second, third = (draw(B, size) for size in sizes)
    w, u, v, b = draw(2, 3, 4, outputs), draw(2, 4, outputs), draw(3, 4, outputs), draw(4, outputs)
    w2, u2, v2, b2 = draw(2, 3, outputs), draw(2, outputs), draw(3, outputs), draw(outputs)
    matrix = torch.einsum("bn,bm,nmpo->bpo", first, second, w)
    matrix = matrix + torch.einsum("bn,npo->bpo", first, u) + torch.einsum("bm,mpo->bpo", second, v) + b
    expected = torch.einsum("bp,bpo->bo", third, matrix) + matrix_form(first, second, w2, u2, v2, b2)
    whole = torch.zeros(3, 4, 5, outputs, dtype=torch.float64)
    whole[1:, 1:, 1:], whole[1:, 0, 1:], whole[0, 1:, 1:], whole[0, 0, 1:] = w, u, v, b
    whole[1:, 1:, 0], whole[1:, 0, 0], whole[0, 1:, 0], whole[0, 0, 0] = w2, u2, v2, b2
    fusion = ready(MultiplicativeMatrix(sizes, width=outputs, interactions="nested"))
    with torch.no_grad():
        fusion.bilinear[0].copy_(whole.flatten(0, 2).T)
    close(fusion([first, second, third], [None] * 3), expected)


def test_all_pairs_of_three_add_up(draw):
    """f(1, 2, 3) - f(3 absent) - .. has no term of third order: the alternating sum over all subsets is zero."""
    sizes = (2, 3, 4)
    values = [draw(B, size) for size in sizes]

    def alternating(fusion):
        total = 0.0
        for keep in itertools.product([0, 1], repeat=3):
            total = total + (-1) ** sum(keep) * fusion([k * z for k, z in zip(keep, values)], [None] * 3)
        return total.abs().max().item()

    assert alternating(ready(MultiplicativeMatrix(sizes, width=5))) < 1e-11
    assert alternating(ready(MultiplicativeMatrix(sizes, width=5, interactions="nested"))) > 1e-2


def test_the_vector_form_is_a_matrix_form_with_a_diagonal(draw):
    first, second, w, u, v, b = draw(B, 3), draw(B, 4), draw(3, 4), draw(3, 4), draw(4), draw(4)
    fusion = ready(MultiplicativeVector([3, 4]))
    with torch.no_grad():
        fusion.links[0].generate.weight.copy_(torch.cat([w, u], 1).T)
        fusion.links[0].generate.bias.copy_(torch.cat([v, b]))
    embedded = torch.diag_embed(w)  # W_nmo = W_nm where m = o
    close(fusion([first, second], [None, None]), matrix_form(first, second, embedded, u, torch.diag(v), b))


def test_the_scalar_form_is_a_matrix_form_with_a_multiple_of_the_identity(draw):
    first, second, w, u, v, b = draw(B, 3), draw(B, 4), draw(3), draw(3), draw(1), draw(1)
    fusion = ready(MultiplicativeScalar([3, 4]))
    with torch.no_grad():
        fusion.links[0].generate.weight.copy_(torch.stack([w, u]))
        fusion.links[0].generate.bias.copy_(torch.cat([v, b]))
    identity = torch.eye(4, dtype=torch.float64)
    embedded = w[:, None, None] * identity
    expected = matrix_form(first, second, embedded, u[:, None].expand(-1, 4), v * identity, b.expand(4))
    close(fusion([first, second], [None, None]), expected)


@pytest.mark.parametrize(
    ("fusion", "count"),
    [
        (MultiplicativeMatrix([64, 64], width=64), 270_400),
        (MultiplicativeVector([64, 64]), 8_320),
        (MultiplicativeScalar([64, 64]), 130),
    ],
)
def test_counts_of_parameters_are_the_published_ones(fusion, count):
    """Facts, section 23."""
    assert sum(p.numel() for p in fusion.parameters()) == count


@pytest.mark.parametrize("form", [MultiplicativeVector, MultiplicativeScalar])
def test_a_chain_of_three_is_two_links_one_after_the_other(draw, form):
    chain, values = ready(form([2, 3, 4])), [draw(B, 2), draw(B, 3), draw(B, 4)]
    once = chain.links[0](values[0], values[1])
    close(chain(values, [None] * 3), chain.links[1](once, values[2]))


@pytest.mark.parametrize("form", [MultiplicativeVector, MultiplicativeScalar])
def test_a_chain_starts_at_the_last_modality_where_nothing_came_before(draw, form):
    fusion, second = form([3, 4]).double().eval(), draw(B, 4)
    close(fusion([torch.zeros(B, 3).double(), second], [NOWHERE, None]), second)


def test_the_matrix_form_starts_at_unit_scale():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    for sizes, interactions in [((64, 64), "pairs"), ((16, 64, 8), "pairs"), ((7, 7, 7), "nested")]:
        fusion = MultiplicativeMatrix(sizes, width=256, dropout=0.0, interactions=interactions)
        values = [torch.randn(512, size, generator=generator) for size in sizes]
        assert 0.4 < fusion(values, [None] * len(sizes)).square().mean().item() < 1.5


def test_what_matrix_forms_refuse():
    with pytest.raises(InputError, match="nested"):
        MultiplicativeMatrix([2, 3], interactions="nestled")
    with pytest.raises(InputError, match="weights"):
        MultiplicativeMatrix([64] * 6, interactions="nested")


def test_sum_adds_over_modalities_and_product_does_not(draw):
    values = [draw(B, 3), draw(B, 4)]

    def interaction(fusion):
        zeros = [torch.zeros_like(z) for z in values]
        both, second, first, none = (
            fusion(given, masks)
            for given, masks in (
                (values, [None, None]),
                ([zeros[0], values[1]], [NOWHERE, None]),
                ([values[0], zeros[1]], [None, NOWHERE]),
                (zeros, [NOWHERE, NOWHERE]),
            )
        )
        return (both - first - second + none).abs().max().item()

    assert interaction(ready(Sum([3, 4], width=5))) < 1e-12
    assert interaction(ready(Product([3, 4], width=5))) > 1e-2


def test_a_product_leaves_absent_factors_out(draw):
    fusion = ready(Product([3, 4, 2], width=5))
    values = [draw(B, 3), draw(B, 4), draw(B, 2)]
    one, two, three = (linear(z) for linear, z in zip(fusion.maps, values))
    close(fusion(values, [None] * 3), one * two * three)
    close(fusion(values, [None, NOWHERE, None]), one * three)
    close(fusion(values, [NOWHERE] * 3), torch.ones(B, 5, dtype=torch.float64))


def test_film_with_gamma_one_and_beta_zero_is_the_identity(draw):
    fusion = ready(FeaturewiseModulation([3, 4, 2], width=6, conditioned=1))
    with torch.no_grad():
        fusion.generator[-1].weight.zero_()
        fusion.generator[-1].bias.zero_()
    values = [draw(B, 3), draw(B, 4), draw(B, 2)]
    close(fusion(values, [None] * 3), values[1], 0.0)


@pytest.mark.parametrize("normalise", [False, True])
def test_film_is_its_formula(draw, normalise):
    fusion = ready(FeaturewiseModulation([3, 4, 2], width=6, conditioned=1, normalise=normalise))
    values = [draw(B, 3), draw(B, 4), draw(B, 2)]
    hidden = torch.relu(fusion.generator[0](torch.cat([values[0], values[2]], 1)))
    change, shift = fusion.generator[-1](hidden).split(4, 1)
    x = values[1]
    if normalise:
        x = (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
    close(fusion(values, [None] * 3), (1 + change) * x + shift)
    # Without any of the others: the identity, whatever the generator says of zeros.
    zeros = [torch.zeros_like(z) for z in values]
    close(fusion([zeros[0], values[1], zeros[2]], [NOWHERE, None, NOWHERE]), x)
    hidden = torch.relu(fusion.generator[0](torch.cat([values[0], zeros[2]], 1)))
    told_less, moved_less = fusion.generator[-1](hidden).split(4, 1)
    close(fusion([values[0], values[1], zeros[2]], [None, None, NOWHERE]), (1 + told_less) * x + moved_less)
    close(fusion([values[0], zeros[1], values[2]], [None, NOWHERE, None]), shift)
    close(fusion(zeros, [NOWHERE] * 3), zeros[1])


def test_film_starts_near_the_identity_and_conditions_the_one_asked_for(draw):
    torch.manual_seed(0)
    values = [draw(B, 3), draw(B, 4)]
    for conditioned in (0, 1, -1):
        fusion = FeaturewiseModulation([3, 4], conditioned=conditioned).double().eval()
        assert (fusion(values, [None, None]) - values[conditioned]).abs().max() < 0.3
    with pytest.raises(InputError, match="conditioned"):
        FeaturewiseModulation([3, 4], conditioned=2)


def test_a_gated_unit_is_its_formula(draw):
    fusion, values = ready(GatedUnit([3, 4, 2], width=5)), [draw(B, 3), draw(B, 4), draw(B, 2)]
    gates = torch.sigmoid(fusion.gate(torch.cat(values, 1))).split(5, 1)
    parts = [gate * torch.tanh(one(z)) for gate, one, z in zip(gates, fusion.project.maps, values)]
    close(fusion(values, [None] * 3), parts[0] + parts[1] + parts[2])
    close(fusion(values, [None, NOWHERE, None]), parts[0] + parts[2])


def test_tied_gates_mix_between_the_two(draw):
    """Arevalo et al. 2017, equation 3 (bimodal): z = g h_1 + (1 - g) h_2 lies between h_1 and h_2."""
    fusion, values = ready(GatedUnit([3, 4], width=5, tied=True)), [draw(B, 3), draw(B, 4)]
    one, two = (torch.tanh(linear(z)) for linear, z in zip(fusion.project.maps, values))
    found = fusion(values, [None, None])
    assert ((found >= torch.minimum(one, two)) & (found <= torch.maximum(one, two))).all()
    gate = torch.sigmoid(fusion.gate(torch.cat(values, 1)))
    close(found, gate * one + (1 - gate) * two)
    with pytest.raises(InputError, match="tied"):
        GatedUnit([3, 4, 5], tied=True)


def test_bilinear_gates_are_their_formula(draw):
    fusion, values = ready(BilinearGated([3, 4, 2], size=2)), [draw(B, 3), draw(B, 4), draw(B, 2)]
    expected, opened = [], []
    for (m, n), gate, value in zip([(0, 1), (0, 2), (1, 2)], fusion.gates.maps, fusion.values.maps):
        features = value(values[n])
        expected.append(torch.einsum("bi,bj->bij", torch.sigmoid(gate(values[m])), features).flatten(1))
        opened.append(torch.cat([features, features], 1))
    close(fusion(values, [None] * 3), torch.cat(expected, 1))
    # Modality 0 absent: its gates are open, in both of its pairs.
    found = fusion(values, [NOWHERE, None, None])
    close(found, torch.cat([opened[0], opened[1], expected[2]], 1))
    assert not fusion(values, [None, None, NOWHERE])[:, 4:].any()
    assert functional.relu(found).any()
