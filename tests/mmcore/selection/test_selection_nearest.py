"""The distance of the thesis by hand, its invariances, and weights that are what they are said to be."""

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.selection.nearest import MIRROR, distances, neighbour_weights, shares


def drawn(n, seed=0):
    return shares(np.random.default_rng(seed).dirichlet(np.full(4, 0.7), n))


def test_shares_are_fractions_of_what_is_positive():
    found = shares(np.array([[0.2, 0.1, 0.0, 0.1], [0.3, -0.2, 0.0, 0.1], [-0.1, 0.0, 0.0, -0.2]]))
    assert found[0] == pytest.approx([0.5, 0.25, 0.0, 0.25])
    assert found[1] == pytest.approx([0.75, 0.0, 0.0, 0.25])
    assert np.isnan(found[2]).all()


def test_shares_do_not_change_with_the_total():
    atoms = np.random.default_rng(0).normal(size=(50, 4))
    assert shares(atoms * 0.01) == pytest.approx(shares(atoms), nan_ok=True)


def test_the_distance_is_that_of_thesis_section_3_3_4():
    one, other = np.array([[0.4, 0.3, 0.2, 0.1]]), np.array([[0.1, 0.1, 0.5, 0.3]])
    # |.4-.1| + |.3-.1| + |.2-.5| + |.1-.3|, and with U1 and U2 of the world exchanged |.3-.5| + |.2-.1| instead
    assert distances(one, other)[0, 0] == pytest.approx([1.0, 0.8])
    corners = np.eye(4)
    assert distances(corners, corners).max() == 2.0


def test_distances_are_symmetric_and_hold_the_triangle():
    points = drawn(12)
    apart = distances(points, points)
    assert apart[:, :, 0] == pytest.approx(apart[:, :, 0].T) and apart[:, :, 1] == pytest.approx(apart[:, :, 1].T)
    plain = apart[:, :, 0]
    assert (plain[:, None, :] <= plain[:, :, None] + plain[None, :, :] + 1e-12).all()


@pytest.mark.parametrize("n_neighbours", [1, 3, 6, 50])
def test_weights_add_to_one_and_only_the_nearest_have_one(n_neighbours):
    draws, worlds = drawn(40), drawn(20, seed=1)
    weights = neighbour_weights(draws, worlds, n_neighbours=n_neighbours)
    assert weights.sum(axis=(1, 2)) == pytest.approx(np.ones(40)) and (weights >= 0.0).all()
    assert ((weights > 0.0).any(axis=2).sum(axis=1) <= n_neighbours).all()
    nearest = distances(draws, worlds).min(axis=2).argmin(axis=1)
    assert (nearest == weights.sum(axis=2).argmax(axis=1)).all()


def test_the_orientation_taken_is_never_the_farther_one():
    draws, worlds = drawn(60), drawn(40, seed=1)
    apart, weights = distances(draws, worlds), neighbour_weights(draws, worlds, n_neighbours=40)
    taken = weights > 0.0
    assert taken.sum() > 2000 and (np.where(taken, apart, 0.0) <= apart.min(axis=2, keepdims=True) + 1e-12).all()
    # where the distances cannot tell (both unique atoms smaller), the larger ones still stand together
    found = neighbour_weights(np.array([[0.0, 0.9, 0.1, 0.0]]), np.array([[0.9, 0.02, 0.08, 0.0]]))
    assert found[0, 0].tolist() == [0.0, 1.0]


def test_one_neighbour_is_the_rule_of_the_thesis():
    draws, worlds = drawn(40), drawn(20, seed=1)
    weights = neighbour_weights(draws, worlds, n_neighbours=1)
    assert (weights.reshape(40, -1).max(axis=1) == 1.0).all() and weights.sum() == 40.0


def test_exchanging_the_modalities_exchanges_the_orientations():
    draws, worlds = drawn(30), drawn(15, seed=1)
    plain = neighbour_weights(draws, worlds)
    assert neighbour_weights(draws[:, MIRROR], worlds) == pytest.approx(plain[:, :, ::-1])
    assert neighbour_weights(draws, worlds[:, MIRROR]) == pytest.approx(plain[:, :, ::-1])


def test_a_symmetric_world_stands_for_both_orientations_by_halves():
    weights = neighbour_weights(np.array([[0.0, 0.9, 0.1, 0.0]]), np.array([[0.0, 0.5, 0.5, 0.0]]))
    assert weights[0, 0].tolist() == [0.5, 0.5]


def test_the_order_of_the_worlds_does_not_matter():
    draws, worlds = drawn(30), drawn(15, seed=1)
    order = np.random.default_rng(2).permutation(15)
    assert neighbour_weights(draws, worlds[order]) == pytest.approx(neighbour_weights(draws, worlds)[:, order])


def test_worlds_equally_near_weigh_the_same():
    worlds = np.array([[0.0, 0.0, 0.0, 1.0]] * 4 + [[1.0, 0.0, 0.0, 0.0]])
    weights = neighbour_weights(np.array([[0.2, 0.0, 0.0, 0.8]]), worlds, n_neighbours=2).sum(axis=2)
    assert weights[0].tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]


def test_weights_are_continuous_in_the_atoms():
    draws, worlds = drawn(200), drawn(15, seed=1)
    moved = shares(draws + 1e-9 * np.random.default_rng(3).random(draws.shape))
    apart = neighbour_weights(draws, worlds).sum(axis=2) - neighbour_weights(moved, worlds).sum(axis=2)
    assert np.abs(apart).max() < 1e-6


def test_a_draw_without_shares_has_no_neighbours():
    weights = neighbour_weights(shares(np.array([[-0.1, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]])), drawn(5))
    assert weights[0].sum() == 0.0 and weights[1].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("n_neighbours", [0, 2.0, True])
def test_a_number_of_neighbours_that_is_none_is_refused(n_neighbours):
    with pytest.raises(InputError) as told:
        neighbour_weights(drawn(1), drawn(3), n_neighbours=n_neighbours)
    assert told.value.argument == "n_neighbours"
    with pytest.raises(InputError):
        neighbour_weights(drawn(1), np.zeros((0, 4)))
