"""Dynamic time warping against the plain recursion, its identities, and a planted warp."""

import numpy as np
import pytest

from mmcore.align.warping import dynamic_time_warping, dynamic_time_warpings
from mmcore.errors import InputError


def plain_distance(x, y):
    """The O(nm) recursion, cell by cell."""
    n, m = len(x), len(y)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            D[i + 1, j + 1] = np.linalg.norm(x[i] - y[j]) + min(D[i, j], D[i, j + 1], D[i + 1, j])
    return D[n, m]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 6), (6, 1), (7, 7), (5, 12), (12, 5)])
def test_distance_is_the_plain_recursions(n, m):
    rng = np.random.default_rng(n * 100 + m)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    assert dynamic_time_warping(x, y).distance == pytest.approx(plain_distance(x, y), rel=1e-12)


def test_path_is_monotone_complete_and_costs_the_distance():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(31, 3))
    found = dynamic_time_warping(x, y)
    steps = np.diff(found.path, axis=0)
    assert found.path[0].tolist() == [0, 0] and found.path[-1].tolist() == [19, 30]
    assert {tuple(step) for step in steps.tolist()} <= {(1, 1), (1, 0), (0, 1)}
    cost = np.linalg.norm(x[found.path[:, 0]] - y[found.path[:, 1]], axis=1).sum()
    assert found.distance == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize("band", [None, 0.4])
def test_identities(band):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(15, 2)), rng.normal(size=(22, 2))
    self = dynamic_time_warping(x, x, band=band)
    assert self.distance == 0.0
    np.testing.assert_array_equal(self.path, np.repeat(np.arange(15)[:, None], 2, axis=1))
    there, back = dynamic_time_warping(x, y, band=band), dynamic_time_warping(y, x, band=band)
    assert there.distance == pytest.approx(back.distance, rel=1e-12)
    reversed_in_time = dynamic_time_warping(x[::-1], y[::-1], band=band)
    assert there.distance == pytest.approx(reversed_in_time.distance, rel=1e-12)


def test_repeating_steps_costs_nothing():
    x = np.random.default_rng(3).normal(size=(12, 2))
    assert dynamic_time_warping(x, np.repeat(x, 3, axis=0)).distance == 0.0


def test_planted_warp_is_undone():
    t = np.linspace(0, 1, 200)
    signal = lambda u: np.column_stack([np.sin(6 * u) + u, np.cos(9 * u)])  # noqa: E731
    warped = t**1.7  # monotone, same ends
    found = dynamic_time_warping(signal(t), signal(warped))
    back = found.project(warped[:, None])[:, 0]  # the time each reference step was matched to
    assert np.abs(back - t).max() < 0.02
    assert np.abs(found.project(signal(warped)) - signal(t)).max() < 0.05


def test_the_band_binds_and_only_adds_cost():
    x = np.r_[np.zeros(10), np.ones(10), np.zeros(20)]
    y = np.r_[np.zeros(25), np.ones(10), np.zeros(5)]
    distances = [dynamic_time_warping(x, y, band=band).distance for band in (None, 0.5, 0.2, 0.05)]
    assert distances[0] == distances[1] == 0.0
    assert 0.0 < distances[2] <= distances[3]
    path = dynamic_time_warping(x, y, band=0.2).path
    assert np.abs(path[:, 0] - path[:, 1]).max() <= 8


def test_a_batch_equals_one_by_one():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(5, 9, 2)), rng.normal(size=(5, 13, 2))
    for k, found in enumerate(dynamic_time_warpings(x, y, band=0.6)):
        alone = dynamic_time_warping(x[k], y[k], band=0.6)
        assert found.distance == alone.distance
        np.testing.assert_array_equal(found.path, alone.path)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: dynamic_time_warping(np.ones((4, 2)), np.ones((4, 3))), "y"),
        (lambda: dynamic_time_warping(np.ones(4), np.ones(4), band=0.0), "band"),
        (lambda: dynamic_time_warping(np.arange(10), np.arange(100), band=0.01), "band"),
        (lambda: dynamic_time_warping(np.array([np.nan]), np.ones(4)), "x"),
    ],
)
def test_bad_input(call, argument):
    with pytest.raises(InputError) as error:
        call()
    assert error.value.argument == argument
