"""Soft alignment: the softmax by hand, the hard limit, masks, prior and equivariances."""

import numpy as np
import pytest

from mmcore.align.soft import soft_alignment
from mmcore.errors import InputError


def sequences(seed=0, n=12, m=17, d=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d))


def test_weights_are_the_softmax():
    x, y = sequences()
    found = soft_alignment(x, y, temperature=0.7).weights
    raw = np.exp(-np.array([[np.mean((a - b) ** 2) for b in y] for a in x]) / 0.7)
    np.testing.assert_allclose(found, raw / raw.sum(1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1.0)


def test_becomes_hard_as_temperature_goes_to_zero():
    x, y = sequences(1)
    nearest = ((x[:, None] - y[None]) ** 2).sum(2).argmin(1)
    entropies = [soft_alignment(x, y, temperature=t).entropy for t in (1.0, 0.1, 0.01, 1e-6)]
    hard = soft_alignment(x, y, temperature=1e-9)
    np.testing.assert_array_equal(hard.weights, np.eye(17)[nearest])
    np.testing.assert_array_equal(hard.project(y), y[nearest])
    assert entropies == sorted(entropies, reverse=True) and entropies[-1] < 1e-6


def test_becomes_uniform_as_temperature_grows():
    found = soft_alignment(*sequences(2), temperature=1e9)
    np.testing.assert_allclose(found.weights, 1 / 17, rtol=1e-6)
    assert found.entropy == pytest.approx(np.log2(17), rel=1e-6)


def test_far_points_do_not_underflow():
    found = soft_alignment(np.array([1e6]), np.array([0.0, 1.0]), temperature=1e-3)
    np.testing.assert_array_equal(found.weights, [[0.0, 1.0]])


def test_recovers_a_planted_assignment():
    x, _ = sequences(3, n=20)
    order = np.random.default_rng(4).permutation(20)
    found = soft_alignment(x, x[order], temperature=1e-3)
    np.testing.assert_array_equal(order[found.weights.argmax(1)], np.arange(20))


def test_equivariances_and_invariances():
    x, y = sequences(5)
    order = np.random.default_rng(6).permutation(17)
    base = soft_alignment(x, y)
    np.testing.assert_allclose(soft_alignment(x, y[order]).weights, base.weights[:, order])
    np.testing.assert_allclose(soft_alignment(x, y[order]).project(y[order]), base.project(y))
    np.testing.assert_allclose(soft_alignment(x[::-1], y).weights, base.weights[::-1])
    np.testing.assert_allclose(soft_alignment(x + 5.0, y + 5.0).weights, base.weights, atol=1e-12)


def test_masked_steps_get_nothing():
    x, y = sequences(7)
    mask = np.arange(17) < 9
    found = soft_alignment(x, y, mask=mask).weights
    np.testing.assert_allclose(found[:, :9], soft_alignment(x, y[:9]).weights)
    assert (found[:, 9:] == 0).all()


def test_prior_alone_is_the_diagonal():
    found = soft_alignment(np.zeros(9), np.zeros(9), width=0.05).weights
    np.testing.assert_array_equal(found.argmax(1), np.arange(9))
    np.testing.assert_allclose(soft_alignment(np.zeros(9), np.zeros(9)).weights, 1 / 9)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"width": -1.0}, "width"),
        ({"y": np.ones((4, 2))}, "y"),
        ({"mask": np.zeros(17, bool)}, "mask"),
    ],
)
def test_bad_input(change, argument):
    x, y = sequences()
    with pytest.raises(InputError) as error:
        soft_alignment(**{"x": x, "y": y, **change})
    assert error.value.argument == argument
