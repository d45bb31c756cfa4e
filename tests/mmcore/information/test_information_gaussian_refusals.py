"""What the Gaussian decomposition refuses, and what it says then."""

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.information import gaussian


def complaint(*args, **kw) -> InputError:
    with pytest.raises(InputError) as caught:
        gaussian.estimate(*args, **kw)
    return caught.value


def test_bad_input_is_named():
    generator = np.random.default_rng(4)
    x1, x2, y = generator.normal(size=(60, 3)), generator.normal(size=(60, 2)), generator.normal(size=60)
    constant = x1.copy()
    constant[:, 1] = 7.0
    assert "constant columns 1" in complaint(constant, x2, y).received
    collinear = np.c_[x1, x1 @ [1.0, -2.0, 0.5]]
    error = complaint(x2, collinear, y)
    assert error.argument == "x2"
    assert "linearly" in error.received
    assert "ridge" in error.remedy
    assert gaussian.estimate(x2, collinear, y, ridge=1e-3).diagnostics["correction"] == "bootstrap"
    assert complaint(x1[:6], x2[:6], y[:6]).received == "6 rows for 3 + 2 + 1 columns"
    assert complaint(x1, x2, x1[:, 0]).argument == "y"
    assert "both sources together" in complaint(x1, x2, x1[:, 0] + x2[:, 0]).received
    assert complaint(x1, x2, np.array(["a", "b", "c"] * 20)).received == "3 classes"
    assert "distinct values" in complaint(x1, x2, np.arange(60) % 5).received
    assert complaint(x1, x2, np.ones(60)).received == "one value in all rows"
    assert complaint(x1, x2[:50], y).argument == "x2"
    assert complaint(x1, x2, y[:50]).argument == "y"
    assert complaint(x1, np.where(x2 > 2, np.nan, x2), y).argument == "x2"
    assert complaint(x1, x2, np.where(y > 1, np.nan, y)).argument == "y"


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"measure": "brojaa"}, "measure"),
        ({"ridge": -1.0}, "ridge"),
        ({"ridge": "a"}, "ridge"),
        ({"level": 1.0}, "level"),
        ({"tol": 0.0}, "tol"),
        ({"n_boot": 1}, "n_boot"),
        ({"n_null": -1}, "n_null"),
        ({"rigde": 1.0}, "option of method 'gaussian'"),
    ],
)
def test_options_are_checked(options, argument):
    x1, x2, y = np.random.default_rng(5).normal(size=(3, 50))
    assert complaint(x1, x2, y, **options).argument == argument


@pytest.mark.parametrize(
    ("matrix", "sizes"),
    [
        (np.eye(3), (1, 1, 2)),
        (np.eye(3), (0, 2, 1)),
        (np.full((3, 3), np.nan), (1, 1, 1)),
        (np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (1, 1, 1)),
        (np.ones((3, 3)), (2, 1, 1)),
        (np.diag([1.0, 0.0, 1.0]), (1, 1, 1)),
        (np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]), (1, 1, 1)),
    ],
)
def test_what_is_no_covariance(matrix, sizes):
    with pytest.raises(InputError):
        gaussian.decompose(matrix, sizes)
