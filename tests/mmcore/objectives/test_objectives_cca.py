"""Canonical correlations against closed forms, invariances and a second method."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.models.standardisation import Prepared
from mmcore.models.trace import Trace
from mmcore.objectives import build_term
from mmcore.objectives.cca import canonical_correlations


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_identical_views_give_the_shrunken_spectrum():
    """T = S (S + r I)^-1 for equal views, so its singular values are l / (l + r) over the eigenvalues l of S."""
    x, ridge = normal(500, 4), 0.05
    eigenvalues = np.linalg.eigvalsh(np.cov(x.numpy().T))[::-1]
    found = canonical_correlations(x, x, ridge=ridge)
    np.testing.assert_allclose(found.numpy(), eigenvalues / (eigenvalues + ridge), rtol=1e-12)


def test_identical_views_match_the_published_value():
    """MultiBench sums sqrt(s^2 + r) with r = 1e-3 for s; run on d = 4, B = 500 its code gives 3.998."""
    found = canonical_correlations(normal(500, 4), normal(500, 4))
    assert float((found.square() + 1e-3).sqrt().sum()) == pytest.approx(3.998, abs=1e-3)


def test_correlations_are_cosines_of_principal_angles():
    x, y = normal(60, 3), normal(60, 5, seed=1)
    y[:, 0] += 2 * x[:, 1]
    angles = scipy.linalg.subspace_angles((x - x.mean(0)).numpy(), (y - y.mean(0)).numpy())
    np.testing.assert_allclose(canonical_correlations(x, y, ridge=0.0), np.cos(angles)[::-1], atol=1e-10)


def test_without_ridge_invertible_maps_and_shifts_change_nothing():
    x, y = normal(200, 3), normal(200, 4, seed=1)
    y[:, :2] += x[:, :2]
    mapped = canonical_correlations(x @ normal(3, 3, seed=2) + 5.0, y @ normal(4, 4, seed=3) - 1.0, ridge=0.0)
    torch.testing.assert_close(mapped, canonical_correlations(x, y, ridge=0.0), rtol=0, atol=1e-10)
    rotation = torch.linalg.qr(normal(3, 3, seed=4))[0]
    torch.testing.assert_close(canonical_correlations(x @ rotation, y), canonical_correlations(x, y))


def test_swapping_the_views_changes_nothing():
    x, y = normal(40, 3), normal(40, 5, seed=1)
    torch.testing.assert_close(canonical_correlations(x, y), canonical_correlations(y, x))


def test_independent_normal_views_have_the_expected_sum_of_squares():
    """Pillai's trace of independent normal samples has mean d1 d2 / (n - 1), whatever the covariances."""
    d1, d2, n, repeats = 4, 3, 40, 400
    x, y = normal(repeats, n, d1), normal(repeats, n, d2, seed=1)
    sums = [float(canonical_correlations(a, b, ridge=0.0).square().sum()) for a, b in zip(x, y)]
    assert np.mean(sums) == pytest.approx(d1 * d2 / (n - 1), abs=4 * np.std(sums) / repeats**0.5)
    assert np.std(sums) / repeats**0.5 < 0.01


def test_a_known_correlation_is_found():
    """y = rho x + sqrt(1 - rho^2) e has canonical correlation rho in each dimension."""
    x, e, rho = normal(200_000, 2), normal(200_000, 2, seed=1), torch.tensor([0.9, 0.3])
    found = canonical_correlations(x, rho * x + (1 - rho**2).sqrt() * e, ridge=0.0)
    torch.testing.assert_close(found, rho.double(), rtol=0, atol=0.01)


def test_few_rows_correlate_whatever_they_are():
    """n centred rows span n - 1 directions: d1 + d2 - (n - 1) correlations are 1."""
    found = canonical_correlations(normal(9, 6), normal(9, 5, seed=1), ridge=1e-12)
    assert (found[:3] > 1 - 1e-9).all() and (found[3:] < 1 - 1e-6).all()


@pytest.mark.parametrize("ridge", [1e-3, 0.5])
def test_gradients_are_those_of_finite_differences(ridge):
    x, y = normal(12, 3).requires_grad_(), normal(12, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: canonical_correlations(a, b, ridge=ridge).sum(), (x, y))
    assert torch.autograd.gradcheck(lambda a, b: canonical_correlations(a, b, ridge=ridge)[:1].sum(), (x, y))


def test_equal_correlations_have_a_finite_gradient():
    """An eigendecomposition divides by differences of eigenvalues, which are zero here."""
    rows = torch.cat([torch.eye(4), -torch.eye(4)]).double().requires_grad_()
    canonical_correlations(rows, rows.detach()).sum().backward()
    assert torch.isfinite(rows.grad).all() and rows.grad.abs().sum() > 0


@pytest.mark.parametrize(("rows", "ridge", "argument"), [(1, 1e-3, "first"), (5, -1.0, "ridge")])
def test_bad_input_is_refused(rows, ridge, argument):
    with pytest.raises(InputError) as caught:
        canonical_correlations(normal(rows, 2), normal(rows, 2), ridge=ridge)
    assert caught.value.argument == argument


def trace_of(*representations, presence=None):
    present = presence or [None] * len(representations)
    prepared = [Prepared(each, mask, None) for each, mask in zip(representations, present)]
    return Trace(torch.zeros(len(representations[0]), 2), list(representations), None, prepared)


@pytest.fixture
def model():
    arrays = {"a": np.zeros((4, 2)), "b": np.zeros((4, 3)), "c": np.zeros((4, 5))}
    return build_model("early_fusion", from_arrays(arrays, labels=[0, 1, 0, 1], name="three").spec)


def test_the_loss_is_minus_the_correlations_of_all_pairs(model):
    a, b, c = normal(50, 2), normal(50, 3, seed=1), normal(50, 5, seed=2)
    term = build_term("cca", model, n_rows=50, dimension=None)
    pairs = [(a, b), (a, c), (b, c)]
    expected = -sum(canonical_correlations(*pair).sum() for pair in pairs)
    torch.testing.assert_close(term(trace_of(a, b, c), None, None), expected)
    largest = build_term("cca", model, n_rows=50, dimension=None, top=1)(trace_of(a, b, c), None, None)
    torch.testing.assert_close(largest, -sum(canonical_correlations(*pair)[0] for pair in pairs))


def test_only_rows_with_both_modalities_count(model):
    a, b, c = normal(50, 2), normal(50, 3, seed=1), normal(50, 5, seed=2)
    seen, nowhere = torch.arange(50) % 3 > 0, torch.zeros(50, dtype=torch.bool)
    term = build_term("cca", model, n_rows=50, dimension=None)
    found = term(trace_of(a, b, c, presence=[None, seen, nowhere]), None, None)
    torch.testing.assert_close(found, -canonical_correlations(a[seen], b[seen]).sum())


def test_a_diverged_representation_gives_a_loss_that_is_not_finite(model):
    a, b, c = normal(50, 2), normal(50, 3, seed=1), normal(50, 5, seed=2)
    b[3, 1] = float("inf")
    assert not torch.isfinite(build_term("cca", model, n_rows=50, dimension=None)(trace_of(a, b, c), None, None))


def test_learned_maps_find_the_largest_correlations():
    """Minimising over linear maps to k dimensions reaches the k largest canonical correlations."""
    x, e = normal(2000, 4), normal(2000, 4, seed=1)
    y = torch.cat([0.9 * x[:, :1] + 0.19**0.5 * e[:, :1], e[:, 1:]], 1)
    ds = from_arrays({"a": np.zeros((4, 4)), "b": np.zeros((4, 4))}, labels=[0, 1, 0, 1], name="two")
    torch.manual_seed(0)
    term = build_term("cca", build_model("early_fusion", ds.spec), n_rows=2000, dimension=1).double()
    optimizer = torch.optim.Adam(term.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = term(trace_of(x, y), None, None)
        loss.backward()
        optimizer.step()
    best = float(canonical_correlations(x, y, ridge=0.0)[0])
    assert best == pytest.approx(0.9, abs=0.02)
    assert -loss.item() == pytest.approx(best, abs=0.01)
