"""Images: ranges, luma, resizing and normalisation against hand-computed pixels."""

import numpy as np
import pytest

from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.image import apply_image, fit_image
from mmcore.data.preprocess.kinds import options_of
from mmcore.errors import InputError


def transformed(train, rows=None, **chosen):
    options = options_of({"image": chosen}, "i", "image")
    fitted = fit_image(Rows("i", "image", train), options, 0)
    return apply_image(fitted, Rows("i", "image", train if rows is None else rows), options)


def test_each_channel_gets_mean_zero_and_deviation_one_across_blocks():
    train = np.random.default_rng(0).integers(0, 256, size=(700, 4, 4, 3)).astype(np.uint8)
    train[..., 1] //= 2
    values = transformed(train).values.astype(float)
    np.testing.assert_allclose(values.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(axis=(0, 1, 2)), 1, atol=1e-6)


def test_whole_numbers_are_divided_by_the_largest_of_their_type():
    for dtype, largest in ((np.uint8, 255), (np.uint16, 65535), (bool, 1)):
        train = np.array([[[0, largest]]]).astype(dtype)
        np.testing.assert_array_equal(transformed(train, normalise="none").values.ravel(), [0, 1])


def test_floats_in_the_unit_interval_stay_and_others_take_the_training_range():
    inside = np.array([[[0.2, 0.4]]])
    np.testing.assert_allclose(transformed(inside, normalise="none").values.ravel(), [0.2, 0.4], rtol=1e-6)
    outside = np.array([[[-1.0, 3.0]]])
    later = transformed(outside, np.array([[[1.0, 5.0]]]), normalise="none")
    np.testing.assert_allclose(later.values.ravel(), [0.5, 1.5])
    assert later.record["range"] == [-1.0, 3.0]


def test_grey_is_the_luma():
    pixel = np.array([[[[255, 0, 0]], [[0, 255, 0]], [[0, 0, 255]], [[255, 255, 255]]]], dtype=np.uint8)
    values = transformed(pixel, normalise="none", grayscale=True).values.ravel()
    np.testing.assert_allclose(values, [0.299, 0.587, 0.114, 1.0], rtol=1e-6)


def test_resizing_keeps_a_constant_and_the_mean_when_it_shrinks():
    rng = np.random.default_rng(0)
    train = np.concatenate([np.full((1, 8, 8, 1), 0.25), rng.random((1, 8, 8, 1))])
    values = transformed(train, normalise="none", resize=[4, 2]).values
    assert values.shape == (2, 4, 2, 1)
    np.testing.assert_allclose(values[0], 0.25, atol=1e-6)
    assert values[1].std() < train[1].std()


def test_a_channel_without_spread_becomes_zeros():
    train = np.zeros((3, 2, 2, 2))
    train[..., 0] = np.random.default_rng(0).random((3, 2, 2))
    train[..., 1] = 0.3
    output = transformed(train)
    np.testing.assert_array_equal(output.values[..., 1], 0)
    assert output.record["constant_channels"] == [1]


def test_refuses_gaps_other_sizes_and_odd_channels():
    with pytest.raises(InputError, match="pixel in row 1"):
        transformed(np.array([[[0.0, 1.0]], [[np.nan, 1.0]]]))
    with pytest.raises(InputError, match="as in training"):
        transformed(np.zeros((1, 2, 2, 1)), np.zeros((1, 3, 2, 1)))
    with pytest.raises(InputError) as caught:
        transformed(np.zeros((1, 2, 2, 4)), grayscale=True)
    assert caught.value.argument == "i.grayscale"
