"""Terms and critics of the learned bounds of mutual information: formulas, identities, closed forms."""

import numpy as np
import pytest
import torch

from mmcore.errors import InputError
from mmcore.information.mutual_information import critics
from mmcore.information.mutual_information.club import GaussianConditional, club_difference
from mmcore.information.mutual_information.critics import build_critic
from mmcore.information.mutual_information.gaussian import (
    correlated_gaussians,
    correlation,
    exact_scores,
    gaussian_information,
    jeffreys_divergence,
)
from mmcore.information.mutual_information.infonce import infonce_bound, infonce_cap, infonce_loss
from mmcore.information.mutual_information.learning import Learning

LN2 = np.log(2.0)
QUICK = Learning(steps=300, learning_rate=2e-3, evaluate_every=50, patience=3, repeats=3)


def gaussian_batch(n, pairs, rho, seed):
    return [torch.from_numpy(side) for side in correlated_gaussians(n, pairs, rho, seed=seed)]


def random_scores(n, seed=0):
    return torch.from_numpy(3.0 * np.random.default_rng(seed).standard_normal((n, n)))


# loss terms


def test_terms_equal_their_formulas_by_brute_force():
    scores, labels = random_scores(9), [0, 0, 1, 2, 1, 0, 1, 2, 2]
    loss, difference, cap = [], [], []
    for i, c in enumerate(labels):
        same = [j for j, other in enumerate(labels) if other == c]
        loss.append(np.log(sum(np.exp(float(scores[i, j])) for j in same)) - float(scores[i, i]))
        difference.append(float(scores[i, i]) - np.mean([float(scores[i, j]) for j in same if j != i]))
        cap.append(np.log(len(same)))
    given = torch.tensor(labels)
    assert float(infonce_loss(scores, given)) == pytest.approx(np.mean(loss), abs=1e-12)
    assert float(infonce_bound(scores, given)) == pytest.approx(np.mean(cap) - np.mean(loss), abs=1e-12)
    assert float(club_difference(scores, given)) == pytest.approx(np.mean(difference), abs=1e-12)
    one = torch.zeros(9, dtype=torch.long)
    for term in (infonce_loss, infonce_bound, club_difference):
        assert float(term(scores, one)) == pytest.approx(float(term(scores)), abs=1e-12)


def test_terms_do_not_see_what_a_critic_adds_for_each_x():
    """c(x) cancels: f* is only known up to it (thesis, proof of theorem 2)."""
    scores = random_scores(12)
    moved = scores + 5.0 * torch.randn(12, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for term in (infonce_loss, infonce_bound, club_difference):
        assert float(term(moved)) == pytest.approx(float(term(scores)), abs=1e-12)
    assert float(infonce_loss(moved.T)) != pytest.approx(float(infonce_loss(scores.T)), abs=0.1)  # one direction only


@pytest.mark.parametrize("seed", range(5))
def test_nce_club_is_never_below_infonce(seed):
    """Jensen: log mean exp >= mean, so club (B-1)/B >= infonce for every critic, and no sign of a bad fit."""
    scores = random_scores(16, seed)
    assert float(club_difference(scores)) * 15 / 16 >= float(infonce_bound(scores)) - 1e-12


def test_infonce_reaches_its_cap_and_no_more():
    assert float(infonce_bound(1e3 * torch.eye(32))) == pytest.approx(np.log(32), rel=1e-5)
    assert float(infonce_cap(torch.zeros(32, 32))) == pytest.approx(np.log(32), rel=1e-5)


def test_rows_alone_in_their_class_have_no_negative():
    scores = random_scores(3)
    pair = float(club_difference(scores, torch.tensor([0, 0, 1])))
    assert pair == pytest.approx(float(club_difference(scores[:2, :2])), abs=1e-12)
    with pytest.raises(InputError) as caught:
        club_difference(scores, torch.tensor([0, 1, 2]))
    assert caught.value.argument == "scores"
    with pytest.raises(InputError):
        infonce_loss(scores[:2])
    with pytest.raises(InputError) as caught:
        infonce_loss(scores, torch.tensor([0, 1]))
    assert caught.value.argument == "labels"


def test_terms_carry_gradients():
    scores = random_scores(5).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 1])
    for term in (infonce_loss, club_difference):
        assert torch.autograd.gradcheck(term, (scores,))
        assert torch.autograd.gradcheck(lambda s, term=term: term(s, labels), (scores,))


# closed forms


@pytest.mark.parametrize(
    ("pairs", "information", "value"),
    [(20, 2, 4.43), (20, 4, 9.84), (20, 6, 16.44), (20, 10, 34.37), (100, 2, 4.08), (100, 4, 8.33), (100, 10, 22.14)],
)
def test_jeffreys_divergence_is_information_and_its_reverse(pairs, information, value):
    """Values of reference/representation_facts.md, section 1.3; and I + KL(p1 p2 || p12) for Gaussians, in nats."""
    rho = correlation(information, pairs)
    assert gaussian_information(rho, pairs) == pytest.approx(information, abs=1e-9)
    assert jeffreys_divergence(rho, pairs) == pytest.approx(value, abs=0.006)
    covariance = np.array([[1, rho], [rho, 1]])
    reverse = 0.5 * (np.trace(np.linalg.inv(covariance)) - 2 + np.log(np.linalg.det(covariance)))  # KL(N(0,I)||N(0,C))
    assert jeffreys_divergence(rho, pairs) == pytest.approx(information + pairs * reverse, rel=1e-9)


@pytest.mark.parametrize(("pairs", "information"), [(1, 0.5), (20, 2.0), (20, 4.0), (100, 4.0)])
def test_exact_critic_gives_the_closed_form_and_infonce_stays_below(pairs, information):
    rho = correlation(information, pairs)
    upper, lower = [], []
    for seed in range(40):
        scores = exact_scores(*gaussian_batch(256, pairs, rho, seed), rho)
        upper.append(float(club_difference(scores)))
        lower.append(float(infonce_bound(scores)))
    error = np.std(upper, ddof=1) / np.sqrt(40)
    assert error < 0.05 * np.mean(upper)
    assert np.mean(upper) == pytest.approx(jeffreys_divergence(rho, pairs), abs=3.5 * error)
    assert 0.85 * information < np.mean(lower) < information + 3 * np.std(lower) / np.sqrt(40)
    assert max(lower) <= np.log(256)


def test_exact_scores_are_the_log_ratio_of_densities():
    from scipy.stats import multivariate_normal, norm

    x, y = gaussian_batch(4, 3, 0.7, 0)
    joint = multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]])
    for i in range(4):
        for j in range(4):
            ratio = joint.logpdf(np.stack([x[i], y[j]], axis=1)) - norm.logpdf(x[i]) - norm.logpdf(y[j])
            assert float(exact_scores(x, y, 0.7)[i, j]) == pytest.approx(ratio.sum(), abs=1e-10)


def test_club_of_a_misfit_is_no_bound():
    """q = N(a x, s^2) gives a rho / s^2 nats: the Jeffreys divergence for the exact q, less than I for a flat one."""
    rho, n = 0.95, 1_500
    x, y = gaussian_batch(n, 1, rho, 0)
    for a, variance, bounds in ((rho, 1 - rho**2, True), (rho, 1.0, False), (0.0, 1.0, False)):
        found = float(club_difference(-0.5 * (y.T - a * x) ** 2 / variance))
        assert found == pytest.approx(a * rho / variance, abs=0.1 * max(1.0, a * rho / variance))
        assert (found >= gaussian_information(rho, 1)) == bounds


def test_gaussian_conditional_scores_are_log_densities():
    q = critics.seeded_module(lambda: GaussianConditional(3, 2, width=8), 0).double()
    x, y = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    mean, log_variance = q.parameters_of(x)
    density = torch.distributions.Normal(mean[:, None], torch.exp(0.5 * log_variance)[:, None])
    expected = density.log_prob(y[None]).sum(-1)  # (rows, others)
    gap = expected - q(x, y)
    assert torch.allclose(gap, gap[:, :1].expand_as(gap))  # the part that x alone decides
    constant = 0.5 * y.shape[1] * np.log(2 * np.pi)
    assert float(q.loss(x, y).detach()) == pytest.approx(
        -float(expected.detach().diagonal().mean()) - constant, abs=1e-10
    )


# critics


def test_concatenated_critic_is_a_perceptron_of_both_and_does_not_depend_on_chunks(monkeypatch):
    critic = build_critic("concatenated", 3, 2, seed=0, width=16, depth=2, softplus=True).double()
    x, y = torch.randn(7, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    first = torch.cat([critic.of_x.weight, critic.of_y.weight], dim=1)
    pairs = torch.cat([x[:, None].expand(7, 5, 3), y[None].expand(7, 5, 2)], dim=2)
    hidden = critic.rest(pairs @ first.T + critic.of_x.bias)
    assert torch.allclose(critic(x, y), torch.nn.functional.softplus(hidden).squeeze(-1))
    whole = torch.autograd.grad(critic(x, y).square().sum(), list(critic.parameters()))
    monkeypatch.setattr(critics, "_CHUNK_NUMBERS", 5 * 16 * 2)  # two rows of x at a time
    parts = torch.autograd.grad(critic(x, y).square().sum(), list(critic.parameters()))
    assert all(torch.allclose(a, b) for a, b in zip(whole, parts))
    with torch.no_grad():
        assert critic(x, y).shape == (7, 5)


@pytest.mark.parametrize("name", critics.CRITICS)
def test_critics_score_row_by_row_and_by_seed(name):
    x, y = torch.randn(6, 3), torch.randn(4, 2)
    first, again, other = (build_critic(name, 3, 2, seed=s) for s in (1, 1, 2))
    assert torch.equal(first(x, y), again(x, y)) and not torch.equal(first(x, y), other(x, y))
    assert torch.allclose(first(x, y)[2, 3], first(x[2:3], y[3:4]).squeeze(), atol=1e-6)


def test_unknown_critics_and_options_are_named():
    with pytest.raises(InputError) as caught:
        build_critic("seperable", 1, 1, seed=0)
    assert "separable" in caught.value.remedy
    for options in ({"depths": 2}, {"width": 0}):
        with pytest.raises(InputError):
            build_critic("separable", 1, 1, seed=0, **options)
