"""CCA: closed form of a Gaussian latent, the generalised eigenproblem, scikit-learn, invariances, new rows."""

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.cross_decomposition import CCA

from mmcore.align.correlation import CanonicalCorrelation, fit_correlation
from mmcore.errors import InputError


def latent_views(seed, n, noise=0.5):
    """Two views of one scalar z ~ N(0, 1): x = a z + noise, y = b z + noise."""
    rng = np.random.default_rng(seed)
    a, b = np.array([1.0, -2.0, 0.5]), np.array([0.7, 1.5])
    z = rng.normal(size=(n, 1))
    x = z * a + noise * rng.normal(size=(n, 3))
    y = z * b + noise * rng.normal(size=(n, 2))
    # best linear read-out of z from a view has squared correlation |a|^2 / (|a|^2 + noise^2)
    first = np.sqrt((a @ a) / (a @ a + noise**2) * (b @ b) / (b @ b + noise**2))
    return x, y, z[:, 0], first


def test_gaussian_closed_form():
    x, y, z, truth = latent_views(0, 40_000)
    found = fit_correlation(x, y, ridge=0.0)
    assert found.correlations[0] == pytest.approx(truth, abs=0.005)  # standard error (1 - rho^2) / sqrt(n) = 0.001
    assert found.correlations[1] < 0.03
    assert abs(np.corrcoef(found.project1(x)[:, 0], z)[0, 1]) > 0.97


def test_in_sample_identities():
    x, y, _, _ = latent_views(1, 300)
    found = fit_correlation(x, y, ridge=0.0)
    u, v = found.project1(x), found.project2(y)
    np.testing.assert_allclose(u.T @ u / 300, np.eye(2), atol=1e-10)
    np.testing.assert_allclose(v.T @ v / 300, np.eye(2), atol=1e-10)
    np.testing.assert_allclose(u.T @ v / 300, np.diag(found.correlations), atol=1e-10)


def test_agrees_with_the_generalised_eigenproblem_and_scikit_learn():
    x, y, _, _ = latent_views(2, 400)
    found = fit_correlation(x, y, ridge=0.0).correlations
    c = np.cov(np.hstack([x, y]).T, bias=True)
    left, right = c.copy(), c.copy()
    left[:3, :3] = left[3:, 3:] = 0
    right[:3, 3:] = right[3:, :3] = 0
    np.testing.assert_allclose(np.sort(eigh(left, right)[0])[::-1][:2], found, atol=1e-10)
    a, b = CCA(2, tol=1e-12, max_iter=5000).fit_transform(x, y)
    np.testing.assert_allclose([np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(2)], found, atol=1e-4)


def test_invariant_to_affine_maps_and_symmetric():
    x, y, _, _ = latent_views(3, 300)
    plain = fit_correlation(x, y, ridge=0.0).correlations
    turned = fit_correlation(x @ [[2, 1, 0], [0, 1, 0], [5, 0, 3]] + 9.0, y @ [[1, 4], [0, -2]], ridge=0.0).correlations
    np.testing.assert_allclose(turned, plain, atol=1e-9)
    np.testing.assert_allclose(fit_correlation(y, x, ridge=0.0).correlations, plain, atol=1e-10)


def test_ridge_shrinks_and_helps_where_columns_outnumber_rows():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(600, 1))
    x = 0.4 * z @ rng.normal(size=(1, 60)) + rng.normal(size=(600, 60))
    y = 0.4 * z @ rng.normal(size=(1, 60)) + rng.normal(size=(600, 60))
    train, new = slice(0, 50), slice(50, None)
    on_new = []
    for ridge in (1e-6, 1.0):
        fitted = fit_correlation(x[train], y[train], components=1, ridge=ridge)
        on_new.append(np.corrcoef(fitted.project1(x[new])[:, 0], fitted.project2(y[new])[:, 0])[0, 1])
    assert on_new[1] > on_new[0] + 0.02
    with pytest.raises(InputError) as error:
        fit_correlation(x[train], y[train], ridge=0.0)
    assert error.value.argument == "ridge"


def test_saved_and_loaded(tmp_path):
    x, y, _, _ = latent_views(5, 100)
    fitted = fit_correlation(x, y, components=1)
    fitted.save(tmp_path / "cca.npz")
    loaded = CanonicalCorrelation.load(tmp_path / "cca.npz")
    np.testing.assert_array_equal(loaded.project2(y[:7]), fitted.project2(y[:7]))
    assert loaded.n_rows == 100 and loaded.ridge == fitted.ridge
    np.savez(tmp_path / "other.npz", mean1=np.zeros(2))
    with pytest.raises(InputError):
        CanonicalCorrelation.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"components": 3}, "components"),
        ({"ridge": -1.0}, "ridge"),
        ({"y": np.ones((99, 2))}, "y"),
        ({"y": np.ones((100, 2))}, "y"),
    ],
)
def test_bad_input(change, argument):
    x, y, _, _ = latent_views(6, 100)
    with pytest.raises(InputError) as error:
        fit_correlation(**{"x": x, "y": y, **change})
    assert error.value.argument == argument
    with pytest.raises(InputError):
        fit_correlation(x, y).project1(y)
