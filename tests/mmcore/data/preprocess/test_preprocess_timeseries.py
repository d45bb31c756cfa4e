"""Time series: known signals, Parseval's identity, gaps, groups and lengths."""

import time

import numpy as np
import pytest

from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.kinds import options_of
from mmcore.data.preprocess.sequences import Steps, fill_gaps
from mmcore.data.preprocess.summary import band_edges, energy_shares, feature_names, summarise_block
from mmcore.data.preprocess.timeseries import apply_timeseries, fit_timeseries
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError


def transformed(train, rows=None, groups=None, row_groups=None, **chosen):
    options = options_of({"timeseries": chosen}, "s", "timeseries")
    fitted = fit_timeseries(Rows("s", "timeseries", train, groups=groups), options, 0)
    given = Rows("s", "timeseries", train if rows is None else rows, groups=groups if rows is None else row_groups)
    return apply_timeseries(fitted, given, options)


def features(signal, bands=5):
    block = np.asarray(signal, dtype=float)[None, :, None]
    names = feature_names(("x",), bands, correlations=False)
    return dict(zip(names, summarise_block(block, band_edges(block.shape[1], bands), correlations=False)[0]))


def test_a_sine_has_the_summary_of_a_sine():
    n, cycles = 1000, 10
    found = features(2 * np.sin(2 * np.pi * (np.arange(n) + 0.5) * cycles / n))
    assert found["x:mean"] == pytest.approx(0, abs=1e-12)
    assert found["x:sd"] == pytest.approx(np.sqrt(2))
    assert found["x:max"] == pytest.approx(2, abs=1e-2)
    assert found["x:q75"] == pytest.approx(np.sqrt(2), abs=1e-2)
    assert found["x:roughness"] == pytest.approx(4 * 2 * cycles / n, rel=1e-2)  # rises and falls by 4 in a cycle
    assert found["x:crossings"] == (2 * cycles - 1) / (n - 1)
    shares = [found[f"x:energy_{b}"] for b in range(1, 6)]
    edges = band_edges(n, 5)
    assert shares[int(np.searchsorted(edges, cycles / n)) - 1] == pytest.approx(1)


def test_a_constant_has_neither_spread_nor_spectrum():
    found = features(np.full(17, 0.1))
    assert {found[f"x:{f}"] for f in ("sd", "roughness", "crossings", *(f"energy_{b}" for b in range(1, 6)))} == {0.0}
    assert {found[f"x:{f}"] for f in ("min", "q25", "median", "q75", "max")} == {0.1}


@pytest.mark.parametrize("steps", [2, 3, 15, 64, 101])
def test_energy_shares_add_to_one(steps):
    noise = np.random.default_rng(steps).normal(size=(20, steps, 3))
    deviations = noise - noise.mean(axis=1, keepdims=True)
    shares = energy_shares(deviations, band_edges(steps, 5))
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-12)


def test_waves_of_equal_variance_get_equal_shares_also_at_half_the_sampling_rate():
    time_steps = np.arange(32)
    slow = np.sqrt(2) * np.cos(2 * np.pi * time_steps / 32)  # variance 1
    fastest = (-1.0) ** time_steps  # variance 1, its spectrum has no mirror image
    found = energy_shares((slow + fastest)[None, :, None], band_edges(32, 5))[0, 0]
    np.testing.assert_allclose(found, [0.5, 0, 0, 0, 0.5], atol=1e-12)


def test_correlations_are_numpys_and_zero_against_a_constant():
    block = np.random.default_rng(0).normal(size=(4, 50, 3))
    block[:, :, 2] = 7.0
    found = summarise_block(block, band_edges(50, 2), correlations=True)[:, -3:]
    expected = [np.corrcoef(sample[:, 0], sample[:, 1])[0, 1] for sample in block]
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
    np.testing.assert_array_equal(found[:, 1:], 0)


def test_summary_does_not_mind_a_shifted_level_or_the_order_of_samples():
    signals = np.random.default_rng(1).normal(size=(30, 40, 2))
    plain = transformed(signals)
    np.testing.assert_allclose(plain.values.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(plain.values.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(transformed(signals + 100).values, plain.values, atol=1e-4)
    np.testing.assert_allclose(transformed(signals[::-1]).values[::-1], plain.values, atol=1e-6)


def test_ragged_and_fixed_agree_on_sequences_of_one_length():
    signals = np.random.default_rng(2).normal(size=(10, 30, 2))
    np.testing.assert_array_equal(transformed(Ragged.from_list(list(signals))).values, transformed(signals).values)


def test_gaps_are_interpolated_inside_a_sample_only():
    gap = np.array([[np.nan, 5.0], [1.0, np.nan], [np.nan, np.nan], [4.0, np.nan], [np.nan, np.nan], [9.0, np.nan]])
    filled, missing, empty = fill_gaps(Steps(gap, np.array([4, 2])), np.array([0.0, -1.0]))
    np.testing.assert_allclose(filled.values, [[1, 5], [1, 5], [2.5, 5], [4, 5], [9, -1], [9, -1]])
    assert (missing.sum(), empty) == (8, 1)


def test_gaps_stay_visible_in_both_representations():
    signals = np.random.default_rng(3).normal(size=(20, 10, 2))
    signals[:5, 2:4, 1] = np.nan
    summary = transformed(signals, scaling="none")
    np.testing.assert_allclose(summary.values[:, summary.columns.index("channel_1:missing")], [0.2] * 5 + [0.0] * 15)
    raw = transformed(signals, representation="raw")
    assert raw.columns == ("channel_0", "channel_1", "channel_1:missing")
    np.testing.assert_array_equal(raw.values[..., 2], np.isnan(signals[..., 1]))
    assert raw.record["interpolated_share"] == {"channel_1": 0.05}


@pytest.mark.parametrize("representation", ["summary", "raw"])
def test_within_groups_every_person_is_centred_and_offsets_vanish(representation):
    signals = np.random.default_rng(4).normal(size=(40, 25, 2))
    groups = np.repeat(["p1", "p2", "p3", "p4"], 10)
    offsets = np.repeat([0.0, 50.0, -20.0, 7.0], 10)[:, None, None]
    plain = transformed(signals, groups=groups, per_group=True, representation=representation).values
    moved = transformed(signals + offsets, groups=groups, per_group=True, representation=representation).values
    np.testing.assert_allclose(moved, plain, atol=1e-3)
    for group in np.unique(groups):
        axes = (0,) if representation == "summary" else (0, 1)
        np.testing.assert_allclose(plain[groups == group].mean(axis=axes, dtype=float), 0, atol=1e-5)
    with pytest.raises(InputError) as caught:
        transformed(signals, per_group=True, representation=representation)
    assert caught.value.argument == "s.per_group"


def test_raw_sequences_stay_ragged_or_take_a_length_with_a_mask():
    sequences = Ragged.from_list(
        [[[1.0], [3.0]], [[2.0], [2.0], [2.0], [2.0]]], [[[0, 1], [1, 2]], [[i, i + 1] for i in range(4)]]
    )
    ragged = transformed(sequences, representation="raw")
    assert ragged.values.lengths.tolist() == [2, 4]
    np.testing.assert_array_equal(ragged.values.times, sequences.times)
    fixed = transformed(sequences, representation="raw", length=3, scaling="none")
    np.testing.assert_array_equal(fixed.values, [[[1, 1], [3, 1], [0, 0]], [[2, 1], [2, 1], [2, 1]]])
    assert fixed.columns[-1] == "mask"
    assert (fixed.record["cropped"], fixed.record["padded"]) == (1, 1)


def test_bad_sequences_are_named():
    with pytest.raises(InputError) as caught:
        transformed(np.array([[[0.0, 1.0], [0.0, np.inf]]]))
    assert caught.value.argument == "s.channel_1"
    with pytest.raises(InputError, match="no step in row 1"):
        transformed(Ragged.from_list([[[1.0]], []]))
    with pytest.raises(InputError, match="3 channels"):
        transformed(np.random.default_rng(0).normal(size=(4, 9, 2)), np.zeros((1, 9, 3)))


def test_many_windows_take_seconds():
    signals = np.random.default_rng(0).normal(size=(2400, 100, 3)).astype(np.float32)
    start = time.perf_counter()
    transformed(signals)
    assert time.perf_counter() - start < 10
