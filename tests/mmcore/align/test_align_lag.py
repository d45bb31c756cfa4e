"""Lag: planted integer and fractional lags are found, unrelated and periodic sequences are refused."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mmcore.align.lag import estimate_common_lag, estimate_lag
from mmcore.align.resample import delay
from mmcore.errors import InputError


def smooth_noise(seed, n=700, memory=0.9, width=1):
    noise = np.random.default_rng(seed).normal(size=(n + 200, width))
    return lfilter([1.0], [1.0, -memory], noise, axis=0)[200:]


@pytest.mark.parametrize("lag", [0, 1, 13, -7])
def test_integer_lag(lag):
    x = smooth_noise(1)
    found = estimate_lag(x[100:600], x[100 - lag : 600 - lag], max_lag=40)
    assert found.status == "found"
    assert found.lag == pytest.approx(lag, abs=0.02)
    assert found.score == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("lag", [0.3, -0.5, 2.5, -7.25])
def test_fractional_lag(lag):
    x = smooth_noise(2)
    found = estimate_lag(x[100:600], delay(x, lag)[100:600], max_lag=40)
    assert found.status == "found"
    assert found.lag == pytest.approx(lag, abs=0.03)


def test_correlation_is_pearsons_of_the_overlap():
    x, y = smooth_noise(3, n=60)[:, 0], smooth_noise(4, n=80)[:, 0]
    found = estimate_lag(x, y, max_lag=20)
    for lag, value in zip(found.lags, found.correlation, strict=True):
        t = np.arange(max(0, -lag), min(60, 80 - lag))
        assert value == pytest.approx(np.corrcoef(x[t], y[t + lag])[0, 1], abs=1e-10)


def test_swapping_turns_the_sign():
    x = smooth_noise(5, width=3)
    a, b = x[:500], x[4:504] + 0.2 * smooth_noise(6, n=500, width=3)
    there, back = estimate_lag(a, b, max_lag=30), estimate_lag(b, a, max_lag=30)
    assert there.lag == pytest.approx(-back.lag, abs=1e-6)
    assert there.lag == pytest.approx(-4, abs=0.1)
    np.testing.assert_allclose(there.correlation, back.correlation[::-1], atol=1e-10)


def test_scale_and_offset_do_not_matter():
    x = smooth_noise(7)
    plain = estimate_lag(x[:400], x[5:405], max_lag=20)
    scaled = estimate_lag(3.0 * x[:400] - 8.0, 0.01 * x[5:405] + 100.0, max_lag=20)
    assert scaled.lag == pytest.approx(plain.lag, abs=1e-6)


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_unrelated_sequences_are_refused(memory):
    accepted = 0
    for seed in range(100):
        x, y = smooth_noise(2 * seed, n=300, memory=memory), smooth_noise(2 * seed + 1, n=300, memory=memory)
        accepted += estimate_lag(x, y, max_lag=40, alpha=0.01).status == "found"
    assert accepted <= 4  # 1 expected of 100; more than 4 has a probability of 0.4%


def test_a_periodic_signal_is_ambiguous():
    t = np.arange(500)
    found = estimate_lag(np.sin(t / 5), np.sin((t - 3) / 5), max_lag=60)
    assert found.status == "refused" and "ambiguous" in found.refusals


def test_a_lag_beyond_the_search_is_refused():
    x = smooth_noise(8, memory=0.99)
    found = estimate_lag(x[30:500], x[:470], max_lag=20)
    assert found.status == "refused" and "edge_of_search" in found.refusals


def test_a_constant_is_refused():
    assert estimate_lag(np.ones(50), smooth_noise(9, n=50), max_lag=10).status == "refused"


def test_pooling_finds_what_no_sample_shows_alone():
    pairs = []
    for seed in range(60):
        x = smooth_noise(seed, n=64, memory=0.5)
        pairs.append((x[4:], x[:-4] + 2.0 * smooth_noise(1000 + seed, n=60, memory=0.5)))
    alone = sum(estimate_lag(x, y, max_lag=15).status == "found" for x, y in pairs)
    together = estimate_common_lag(pairs, max_lag=15)
    assert together.status == "found" and together.lag == pytest.approx(4, abs=0.25)
    assert alone < 30


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: estimate_lag(np.ones(10), np.ones(10), max_lag=6), "max_lag"),
        (lambda: estimate_lag(np.ones((10, 2)), np.ones((10, 3)), max_lag=2), "y"),
        (lambda: estimate_lag(np.ones(10), np.ones(10), max_lag=2, alpha=0.0), "alpha"),
        (lambda: estimate_common_lag([], max_lag=2), "pairs"),
    ],
)
def test_bad_input(call, argument):
    with pytest.raises(InputError) as error:
        call()
    assert error.value.argument == argument
