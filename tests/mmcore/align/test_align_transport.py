"""Optimal transport: planted matchings are recovered, marginals hold, closed forms on the line."""

import numpy as np
import pytest

from mmcore.align.transport import match
from mmcore.errors import InputError


def cloud(seed, n=30, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("solver", ["exact", "sinkhorn", "gromov", "fused"])
def test_a_permuted_cloud_is_recovered(solver):
    x = cloud(1)
    order = np.random.default_rng(2).permutation(len(x))
    found = match(x, x[order] + 1e-3 * cloud(3), solver=solver)
    assert found.status == "converged"
    np.testing.assert_array_equal(order[found.permutation], np.arange(len(x)))
    assert found.marginal_residual < 1e-6
    assert (found.plan >= -1e-15).all() and found.plan.sum() == pytest.approx(1.0, abs=1e-6)


def test_gromov_needs_no_common_space():
    x = cloud(4)
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(5, 3)))
    order = np.random.default_rng(6).permutation(len(x))
    found = match(x, (x @ rotation.T + 7.0)[order], solver="gromov")  # 3 columns turned into 5, and moved
    np.testing.assert_array_equal(order[found.permutation], np.arange(len(x)))
    assert found.cost == pytest.approx(0.0, abs=1e-9)


def test_on_the_line_the_optimum_pairs_sorted_values():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=40), rng.normal(size=40) * 2 + 1
    found = match(x, y)
    assert found.cost == pytest.approx(((np.sort(x) - np.sort(y)) ** 2).mean(), rel=1e-10)
    np.testing.assert_array_equal(np.argsort(y)[np.argsort(np.argsort(x))], found.permutation)


def test_a_translation_costs_its_square():
    x = cloud(8)
    assert match(x, x + np.array([3.0, 0.0, 4.0])).cost == pytest.approx(25.0, rel=1e-10)


def test_barycentric_projection_and_uneven_sizes():
    x, y = np.array([0.0, 10.0]), np.array([0.0, 0.2, 10.0, 10.4])
    found = match(x, y)
    np.testing.assert_allclose(found.project(y[:, None])[:, 0], [0.1, 10.2])
    assert found.permutation is None and found.marginal_residual < 1e-12


def test_swapping_and_permuting_are_equivariant():
    x, y = cloud(9), cloud(10)
    order = np.random.default_rng(11).permutation(len(x))
    plan = match(x, y).plan
    np.testing.assert_allclose(match(y, x).plan, plan.T, atol=1e-12)
    np.testing.assert_allclose(match(x[order], y).plan, plan[order], atol=1e-12)


def test_sinkhorn_approaches_the_exact_cost_from_above():
    x, y = cloud(12), cloud(13)
    exact = match(x, y).cost
    costs = [match(x, y, solver="sinkhorn", regularisation=r, tolerance=1e-5).cost for r in (0.1, 0.02, 0.005)]
    assert costs[0] > costs[1] > costs[2] > exact - 1e-3
    assert costs[2] == pytest.approx(exact, rel=0.05)


def test_stopping_early_is_said():
    found = match(cloud(14), cloud(15), solver="sinkhorn", regularisation=1e-4, max_iterations=3)
    assert found.status == "not_converged" and found.marginal_residual > 1e-6


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"solver": "exakt"}, "solver"),
        ({"y": cloud(1, d=2)}, "y"),
        ({"regularisation": 0.0}, "regularisation"),
        ({"share": 1.5}, "share"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_bad_input(change, argument):
    call = {"x": cloud(1), "y": cloud(2), **change}
    with pytest.raises(InputError) as error:
        match(**call)
    assert error.value.argument == argument
