"""Discrepancies and products of experts against enumeration, closed forms and other packages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from mmcore.errors import InputError
from mmcore.models.generative.experts import divergence_from_normal, product_of_experts
from mmcore.models.generative.mmd import kernel, mmd, mmd_to_normal


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_the_kernel_is_the_papers():
    """exp(-mean_j (x_j - y_j)^2 / d), as the original code writes it."""
    x, y = normal(4, 3), normal(5, 3, seed=1)
    expected = [[np.exp(-np.mean((a - b) ** 2) / 3) for b in y.numpy()] for a in x.numpy()]
    np.testing.assert_allclose(kernel(x, y), expected, rtol=1e-12)


def test_equal_samples_have_no_discrepancy():
    x = normal(20, 4)
    assert mmd(x, x).item() == 0.0
    assert abs(mmd(x, x.flip(0)).item()) < 1e-14


def test_it_is_symmetric_positive_and_ignores_common_shifts():
    x, y = normal(20, 4), normal(30, 4, seed=1) + 0.5
    assert mmd(x, y).item() > 0
    assert mmd(x, y).item() == pytest.approx(mmd(y, x).item(), abs=1e-15)
    assert mmd(x + 3.0, y + 3.0).item() == pytest.approx(mmd(x, y).item(), abs=1e-12)


def test_two_points_by_hand():
    """Samples {0} and {a} in one dimension: k(0,0) + k(a,a) - 2 k(0,a) = 2 - 2 exp(-a^2)."""
    a = 0.7
    found = mmd(torch.zeros(1, 1).double(), torch.full((1, 1), a, dtype=torch.float64))
    assert found.item() == pytest.approx(2 - 2 * np.exp(-(a**2)), rel=1e-9)


def test_the_u_statistic_is_unbiased_and_the_v_statistic_is_not():
    """Over all equally likely samples of two from distributions on three points, averaged exactly."""
    points_p, points_q = normal(3, 2), normal(3, 2, seed=1)
    population = mmd(points_p, points_q)  # over all pairs of equally likely points, with repetition
    draws = [list(pair) for pair in itertools.product(range(3), repeat=2)]
    found = {
        unbiased: np.mean([mmd(points_p[i], points_q[j], unbiased=unbiased).item() for i in draws for j in draws])
        for unbiased in (True, False)
    }
    assert found[True] == pytest.approx(population.item(), abs=1e-12)
    assert found[False] > population.item() + 1e-2


@pytest.mark.parametrize("size", [1, 3, 16])
def test_the_normal_distribution_enters_by_its_expectation(size):
    """The mean over fresh normal samples of the V-statistic without its own diagonal."""
    x, y = normal(5, size) * 1.5 + 0.3, normal(1600, size, seed=1)
    crossed = kernel(x, y).mean(0).numpy()
    own = kernel(y[:800], y[800:]).numpy()
    by_samples = kernel(x, x).mean().item() - 2 * crossed.mean() + own.mean()
    error = 2 * crossed.std() / 1600**0.5 + 2 * own.mean(0).std() / 800**0.5
    assert mmd_to_normal(x).item() == pytest.approx(by_samples, abs=4 * error)


def test_a_normal_sample_is_closest_to_normal():
    """The V-statistic of n normal rows has mean (1 - E k) / n; other scales and shifts are further."""
    n, size, s2 = 200, 4, 8.0
    y = [mmd_to_normal(normal(n, size, seed=i)).item() for i in range(50)]
    expected = (1 - (s2 / (s2 + 2)) ** (size / 2)) / n
    assert np.mean(y) == pytest.approx(expected, abs=4 * np.std(y) / 50**0.5)
    for other in (3 * normal(n, size), normal(n, size) + 2.0, 0 * normal(n, size)):
        assert mmd_to_normal(other).item() > 10 * expected


def test_gradients_are_those_of_finite_differences():
    x = normal(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(mmd_to_normal, (x,))
    assert torch.autograd.gradcheck(mmd, (x, normal(5, 3, seed=1)))


@pytest.mark.parametrize(
    ("first", "second", "unbiased"), [((0, 2), (3, 2), False), ((3, 2), (3, 1), False), ((1, 2), (3, 2), True)]
)
def test_samples_that_cannot_be_compared_are_refused(first, second, unbiased):
    with pytest.raises(InputError):
        mmd(torch.zeros(first), torch.zeros(second), unbiased=unbiased)
    with pytest.raises(InputError):
        mmd_to_normal(torch.zeros(0, 2))


def test_two_experts_and_the_prior_in_closed_form():
    """Precisions 1 + 1/4 + 1/0.25 = 5.25, mean (2/4 - 1/0.25) / 5.25."""
    means = [torch.tensor([[2.0]]).double(), torch.tensor([[-1.0]]).double()]
    variances = [torch.tensor([[4.0]]).double().log(), torch.tensor([[0.25]]).double().log()]
    mean, log_variance = product_of_experts(means, variances, [None, None])
    assert mean.item() == pytest.approx((2 / 4 - 1 / 0.25) / 5.25, abs=1e-12)
    assert log_variance.exp().item() == pytest.approx(1 / 5.25, abs=1e-12)


def test_the_product_is_the_normalised_product_of_densities():
    means, log_variances = [normal(3, 1), normal(3, 1, seed=1)], [normal(3, 1, seed=2), normal(3, 1, seed=3)]
    mean, log_variance = product_of_experts(means, log_variances, [None, None])
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    for row in range(3):
        log_density = Normal(0.0, 1.0).log_prob(grid)
        for m, v in zip(means, log_variances):
            log_density = log_density + Normal(m[row], (v[row] / 2).exp()).log_prob(grid)
        density = log_density.softmax(0)
        first, second = (density * grid).sum(), (density * grid.square()).sum()
        assert mean[row].item() == pytest.approx(first.item(), abs=1e-9)
        assert log_variance[row].exp().item() == pytest.approx((second - first**2).item(), abs=1e-9)


def test_an_absent_expert_is_left_out_whatever_it_says():
    means = [normal(3, 2), torch.full((3, 2), float("nan")).double()]
    log_variances = [normal(3, 2, seed=1), torch.full((3, 2), float("inf")).double()]
    nowhere = torch.zeros(3, dtype=torch.bool)
    found = product_of_experts(means, log_variances, [None, nowhere])
    expected = product_of_experts(means[:1], log_variances[:1], [None])
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    prior = product_of_experts(means, log_variances, [nowhere, nowhere])
    assert all(torch.equal(each, torch.zeros(3, 2).double()) for each in prior)


def test_the_divergence_is_that_of_torch():
    mean, log_variance = normal(4, 3), normal(4, 3, seed=1)
    own = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    torch.testing.assert_close(divergence_from_normal(mean, log_variance), kl_divergence(own, prior))
