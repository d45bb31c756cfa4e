"""Resampling: a band-limited tone is recovered, a tone above Nyquist is suppressed, interpolation against numpy."""

import numpy as np
import pytest

from mmcore.align.resample import delay, rate_ratio, resample_at, resample_uniform, uniform_rate
from mmcore.errors import InputError


def tone(frequency, rate, seconds, shift=0.0):
    return np.sin(2 * np.pi * frequency * (np.arange(round(rate * seconds)) / rate - shift) + 0.3)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(100, 160), (100, 40), (44100, 16000), (50, 30)])
def test_a_tone_below_nyquist_survives(rate_in, rate_out):
    frequency = 0.35 * min(rate_in, rate_out)
    seconds = 10 if rate_in < 1000 else 0.1
    out = resample_uniform(tone(frequency, rate_in, seconds), rate_in, rate_out)[:, 0]
    truth = tone(frequency, rate_out, seconds)
    assert len(out) == len(truth)
    inner = slice(len(out) // 10, -len(out) // 10)
    assert np.abs(out - truth)[inner].max() < 1e-2


def test_aliases_are_suppressed_where_interpolation_folds_them():
    x = tone(35.0, 100, 8)  # above the 20 Hz Nyquist of the new rate: would fold to 5 Hz
    out = resample_uniform(x, 100, 40)[:, 0]
    naive = resample_at(x, np.arange(800) / 100, np.arange(320) / 40)[:, 0]
    assert np.abs(out[32:-32]).max() < 1e-2
    assert np.abs(naive).max() > 0.3


def test_constant_and_line_pass_unchanged():
    line = np.column_stack([np.full(100, 7.0), np.linspace(2.0, 5.0, 100)])
    out = resample_uniform(line, 50, 20)
    np.testing.assert_allclose(out[:, 0], 7.0, rtol=1e-2)
    np.testing.assert_allclose(out[:, 1], 2.0 + 3.0 * np.arange(40) / 40 * 100 / 99, atol=2e-2)


def test_linear_in_the_signal():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 90, 2))
    both = resample_uniform(2 * a - b, 30, 50)
    np.testing.assert_allclose(both, 2 * resample_uniform(a, 30, 50) - resample_uniform(b, 30, 50), atol=1e-12)


def test_same_rate_is_the_identity():
    x = np.random.default_rng(0).normal(size=(30, 2))
    np.testing.assert_array_equal(resample_uniform(x, 7, 7), x)


def test_linear_interpolation_is_numpys():
    rng = np.random.default_rng(0)
    times, new = np.sort(rng.uniform(0, 10, 50)), rng.uniform(-1, 11, 80)
    x = rng.normal(size=50)
    np.testing.assert_allclose(resample_at(x, times, new)[:, 0], np.interp(new, times, x), atol=1e-12)


def test_previous_value_holds():
    out = resample_at(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 4.0]), np.array([-1.0, 0.0, 0.99, 1.0, 3.9, 9.0]),
                      interpolation="previous")  # fmt: skip
    assert out[:, 0].tolist() == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("samples", [0.4, -2.6, 0.0, 5.0, 3.25])
def test_delay_of_a_tone(samples):
    out = delay(tone(7.3, 100, 4), samples)[:, 0]
    assert np.abs(out - tone(7.3, 100, 4, samples / 100))[40:-40].max() < 1e-3


def test_delays_add_up():
    x = tone(7.3, 100, 4)
    twice = delay(delay(x, 0.3), 0.45)
    assert np.abs(twice - delay(x, 0.75))[60:-60].max() < 1e-3


def test_rates():
    assert uniform_rate(np.arange(100) / 50 + 3.0) == pytest.approx(50.0)
    assert uniform_rate(np.array([0.0, 1.0, 2.5])) is None
    assert uniform_rate(np.array([1.0])) is None
    assert rate_ratio(22050, 8000).denominator == 441


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: resample_uniform(np.ones(5), 0.0, 1.0), "rate_in"),
        (lambda: resample_uniform(np.ones(5), 1.0, np.pi), "rate_out"),
        (lambda: resample_uniform(np.array([1.0, np.nan]), 1.0, 2.0), "values"),
        (lambda: resample_at(np.ones(3), np.array([0.0, 0.0, 1.0]), np.zeros(1)), "times"),
        (lambda: resample_at(np.ones(1), np.zeros(1), np.zeros(1), interpolation="cubic"), "interpolation"),
    ],
)
def test_bad_input(call, argument):
    with pytest.raises(InputError) as error:
        call()
    assert error.value.argument == argument
